"""The programs of one machine: how each is started, and how one knows that it serves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import requests

from estate import lineage_forwarder
from local import postgres, redis_server
from local.environment import S3_KEY_ID, airflow_variables, database_url, platform_variables
from local.layout import ROOT, Layout

STORES = ("postgres", "redis", "s3")
_PYTHON = [sys.executable, "-m"]


@dataclass(frozen=True)
class Program:
    """One program: its command line, its variables, whom it runs as, and the question whether it serves.

    `server` names its port in the layout; empty for a program that listens to nobody.
    """

    name: str
    title: str
    server: str
    command: list[str]
    is_ready: Callable[[], bool]
    variables: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"

    @property
    def group(self) -> str:
        """Whether others build on it (stores) or it builds on others (services)."""
        return "stores" if self.server in STORES else "services"


def stores(machine: Layout, postgres_overrides: Mapping[str, str] | None = None) -> list[Program]:
    """PostgreSQL, Redis and S3."""
    return [_postgres(machine, postgres_overrides or {}), _redis(machine), _s3(machine)]


def services(machine: Layout) -> list[Program]:
    """Airflow's three processes, the API, and the forwarder of lineage where there is a Marquez. None gets an owner's password."""
    platform = platform_variables(machine)
    del platform["ESTATE_OWNER_DATABASE_URL"]
    api = {**platform, "ESTATE_DATABASE_URL": platform["ESTATE_API_DATABASE_URL"]}  # nor does the API get the pipeline's
    del api["ESTATE_FEATURES_REDIS_URL"], api["ESTATE_FEATURES_REGISTRY_URL"]  # features it reads from PostgreSQL, as any reader
    del platform["ESTATE_API_DATABASE_URL"], platform["ESTATE_REDIS_URL"], platform["ESTATE_CURSOR_SECRET"]
    airflow = {**platform, **airflow_variables(machine)}
    return [
        *_lineage_forwarder(platform),
        Program("scheduler", "Airflow scheduler", "", [*_PYTHON, "airflow", "scheduler", "--skip-serve-logs"],
                lambda: _airflow_health(machine, "scheduler"), airflow),
        Program("dag-processor", "Airflow DAG processor", "", [*_PYTHON, "airflow", "dag-processor"],
                lambda: _airflow_health(machine, "dag_processor"), airflow),
        Program("airflow", "Airflow UI and REST", "airflow", [*_PYTHON, "airflow", "api-server"],
                lambda: _airflow_health(machine, "metadatabase") and _is_warm(machine), airflow),
        Program("api", "API", "api", [
            *_PYTHON, "gunicorn", "--config", str(ROOT / "api" / "gunicorn_conf.py"), "--bind", f"127.0.0.1:{machine.ports['api']}",
            "--worker-tmp-dir", str(machine["api"]),
        ], lambda: _answers(machine.url("api") + "/health/ready", 200), api),
    ]  # fmt: skip


def _postgres(machine: Layout, overrides: Mapping[str, str]) -> Program:
    def is_ready() -> bool:
        try:
            psycopg.connect(database_url(machine, "postgres", "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    command = postgres.command(machine, overrides)
    # INT is PostgreSQL's fast shutdown; TERM would wait for every client to leave.
    return Program("postgres", "PostgreSQL", "postgres", command, is_ready, user=postgres.server_user(), stop_signal="INT")


def _redis(machine: Layout) -> Program:
    return Program("redis", "Redis", "redis", redis_server.command(machine), lambda: redis_server.is_ready(machine))


def _s3(machine: Layout) -> Program:
    rclone, address = Path(sys.executable).with_name("rclone"), f"127.0.0.1:{machine.ports['s3']}"
    command = [str(rclone), "serve", "s3", "--config", "", "--addr", address, "--vfs-cache-mode", "off", str(machine["s3"])]
    return Program("s3", "S3", "s3", command, lambda: _answers(machine.url("s3")))


def _lineage_forwarder(platform: Mapping[str, str]) -> list[Program]:
    if not platform["ESTATE_MARQUEZ_URL"]:
        return []
    told = {name: platform[name] for name in ("ESTATE_MARQUEZ_URL", "ESTATE_LINEAGE_FILE", "PYTHONPATH")}
    told["ESTATE_DATABASE_URL"] = ""  # a setting that must be there, and no business of this process
    file = Path(platform["ESTATE_LINEAGE_FILE"])
    # Ready when it is at work: whether Marquez answers must not decide whether a machine comes up.
    return [
        Program("lineage-forwarder", "Lineage forwarder", "", [*_PYTHON, "estate.lineage_forwarder"],
                lambda: lineage_forwarder.is_forwarded(file), told),
    ]  # fmt: skip


def inherited_variables(machine: Layout) -> dict[str, str]:
    """What every program gets through the process manager's own environment."""
    return {
        # The quotes are rclone's, and would not survive supervisor's configuration.
        "RCLONE_AUTH_KEY": f'"{S3_KEY_ID},{machine.secrets["s3_secret"]}"',
        # Airflow and gunicorn retitle their processes; a title must not overwrite the environment by which a stop finds them.
        "SPT_NOENV": "1",
    }


def _answers(url: str, status: int | None = None, seconds: float = 5) -> bool:
    try:
        answer = requests.get(url, timeout=seconds)
    except requests.RequestException:
        return False
    return status is None or answer.status_code == status


def _airflow_health(machine: Layout, part: str) -> bool:
    try:
        answer = requests.get(machine.url("airflow") + "/api/v2/monitor/health", timeout=5)
        return answer.ok and answer.json()[part]["status"] == "healthy"
    except requests.RequestException:
        return False


def _is_warm(machine: Layout) -> bool:
    """Whether the interface through which tasks report is built; its first answer takes seconds, which the first task would pay."""
    return _answers(machine.url("airflow") + "/execution/health", 200, seconds=60)
