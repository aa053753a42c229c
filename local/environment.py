"""The environment of every process of one machine, made in one place."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

from local.layout import FOLDER, ROOT, Layout, layout
from local.tenants import tenants_file

S3_KEY_ID = "estate"
S3_BUCKET = "estate"
AUDIENCE = "real-estate-os"
ISSUER = "https://issuer.local.invalid"
AIRFLOW_USERS = {"admin": "admin", "viewer": "viewer"}
FEATURES_DATABASES = 32  # from here on, Redis's logical databases hold features: one for each of the API's

# Without bytecode every Airflow task compiles its imports anew, twice as slow; another Airflow's settings would mix into ours.
_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "AIRFLOW")


def environment(folder: Path = FOLDER) -> dict[str, str]:
    """All variables that the platform's processes need, for the machine in `folder`."""
    machine = layout(folder)
    return {**platform_variables(machine), **airflow_variables(machine)}


def process_environment(variables: dict[str, str]) -> dict[str, str]:
    """`variables` over this process's own environment, less what would disturb them."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(_UNWANTED)}, **variables}


def database_url(machine: Layout, role: str, database: str = "estate") -> str:
    """The libpq address of `database` as one of the roles postgres, owner, pipeline, api, registry or airflow_database."""
    user = {"postgres": "postgres", "airflow_database": "airflow"}.get(role, f"estate_{role}")
    return f"postgresql://{user}:{machine.secrets[f'{role}_password']}@127.0.0.1:{machine.ports['postgres']}/{database}"


def registry_url(machine: Layout, database: str = "estate") -> str:
    """The address of Feast's registry in `database`, as SQLAlchemy wants it: as the role that owns the schema, and in it."""
    address = database_url(machine, "registry", database).replace("postgresql://", "postgresql+psycopg://")
    return address + "?options=-csearch_path%3Dregistry"


def redis_url(machine: Layout, database: int, user: str = "") -> str:
    """The address of one logical database of Redis, as the server's own user or as `api` or `features`."""
    password = machine.secrets[f"{user}_redis_password" if user else "redis_password"]
    return f"redis://{user}:{password}@127.0.0.1:{machine.ports['redis']}/{database}"


def platform_variables(machine: Layout, database: str = "estate", bucket: str = S3_BUCKET, redis_database: int = 0) -> dict[str, str]:
    """The platform's own settings (ESTATE_*); what the caller's environment says about outside services stands."""
    return {
        "ESTATE_DATABASE_URL": database_url(machine, "pipeline", database),
        "ESTATE_OWNER_DATABASE_URL": database_url(machine, "owner", database),
        "ESTATE_API_DATABASE_URL": database_url(machine, "api", database),
        "ESTATE_REDIS_URL": redis_url(machine, redis_database, "api"),
        "ESTATE_FEATURES_REDIS_URL": redis_url(machine, redis_database + FEATURES_DATABASES, "features"),
        "ESTATE_FEATURES_REGISTRY_URL": registry_url(machine, database),
        "ESTATE_S3_ENDPOINT_URL": machine.url("s3"),
        "ESTATE_S3_BUCKET": bucket,
        "ESTATE_S3_ACCESS_KEY_ID": S3_KEY_ID,
        "ESTATE_S3_SECRET_ACCESS_KEY": machine.secrets["s3_secret"],
        "ESTATE_TENANTS_FILE": str(tenants_file()),
        "ESTATE_LANDING_DIR": str(machine["landing"]),
        "ESTATE_CODE_VERSION": _code_version(),
        "ESTATE_LINEAGE_FILE": str(machine["lineage"] / "events.jsonl"),
        "ESTATE_MARQUEZ_URL": os.environ.get("ESTATE_MARQUEZ_URL", ""),
        "ESTATE_DOCS_BASE_URL": machine.url("api") + "/data-docs",
        "ESTATE_AIRFLOW_BASE_URL": machine.url("airflow"),
        **{name: os.environ.get(name, "") for name in ("ESTATE_CORS_ORIGINS", "ESTATE_OTLP_ENDPOINT", "ESTATE_SENTRY_DSN")},
        "ESTATE_JWT_ISSUER": ISSUER,
        "ESTATE_JWT_AUDIENCE": AUDIENCE,
        "ESTATE_JWKS_URL": (machine["keys"] / "jwks.json").as_uri(),
        "ESTATE_CURSOR_SECRET": machine.secrets["cursor_secret"],
        "ESTATE_DOCS_PASSWORDS_FILE": str(machine["keys"] / "docs_passwords.json"),
        "PYTHONPATH": f"{ROOT / 'include'}{os.pathsep}{ROOT}",
        "GX_ANALYTICS_ENABLED": "false",
    }


def airflow_variables(machine: Layout) -> dict[str, str]:
    """Airflow's settings: its own database, private ports, quick scheduling, and lineage to a file."""
    home = machine["airflow"]
    database = database_url(machine, "airflow_database", "airflow").replace("postgresql://", "postgresql+psycopg2://")
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__FERNET_KEY": machine.secrets["fernet_key"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": machine.url("airflow") + "/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in AIRFLOW_USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(machine.ports["airflow"]),
        "AIRFLOW__API__BASE_URL": machine.url("airflow"),
        "AIRFLOW__API__SECRET_KEY": machine.secrets["session_secret"],
        "AIRFLOW__API_AUTH__JWT_SECRET": machine.secrets["jwt_secret"],
        # The defaults (1 s and 5 s) leave a second between tasks, and report a failed task five seconds late.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "OPENBLAS_NUM_THREADS": "1",  # several tasks at once use the cores better than one task's threads, and fork safely
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(machine["logs"] / "tasks"),
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "real-estate-os",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(_lineage_transport(machine)),
        "AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD": "True",  # a fork per event hangs now and then, and warns on Python 3.12
    }


def _lineage_transport(machine: Layout) -> dict[str, object]:
    # Marquez gets its events from the file, by estate.lineage_forwarder: what a task sends itself, it must also wait for.
    kept = {"type": "file", "log_file_path": str(machine["lineage"] / "events.jsonl"), "append": True}
    return {"type": "composite", "transports": {"file": kept}}


def _code_version() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--tags"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # a copy without its history, or one that another user owns
        return version("real-estate-os")
