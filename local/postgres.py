"""PostgreSQL with PostGIS: which binaries, as which user, in which folder; a new cluster, and databases in it."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from local.layout import ROOT, Layout

# Suits a machine of 2 cores and 4 GB or more. Durability is the default's: what is published survives a power cut.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "150",
    "shared_buffers": "512MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "5s",  # a table that was just filled is planned as if it were empty until it is analyzed
    "timezone": "UTC",
}


class PostgresMissing(Exception):
    """No PostgreSQL of 15 or newer with PostGIS on this machine."""


@functools.cache
def binaries() -> Path:
    """The folder of the newest PostgreSQL (15 or newer) that has PostGIS. Raises PostgresMissing."""
    found = {
        int(folder.parent.name): folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit() and Path("/usr/share/postgresql", folder.parent.name, "extension/postgis.control").exists()
    }
    usable = [version for version in found if version >= 15 and (found[version] / "postgres").exists()]
    if not usable:
        raise PostgresMissing("no PostgreSQL 15 or newer with PostGIS under /usr/lib/postgresql; run local/bootstrap.sh run")
    return found[max(usable)]


def server_user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root, so root hands over to postgres or nobody; None for the present user."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def data_folder(machine: Layout) -> Path:
    """Where the cluster lies: in the machine's folder, or under /var/lib where the server's user cannot reach that."""
    user = server_user()
    inside = machine["postgres"]
    if user is None:
        return inside / "data"
    reachable = subprocess.run(["test", "-x", str(inside)], user=user, group=_group(user), extra_groups=[], cwd="/", check=False)
    return (inside if reachable.returncode == 0 else _outside(machine)) / "data"


def remove(machine: Layout) -> None:
    """Remove the cluster's folder where it lies outside of the machine's."""
    if _outside(machine).exists():
        shutil.rmtree(_outside(machine))


def create(machine: Layout) -> None:
    """Make the cluster unless it is there; one that was interrupted half-way is made anew."""
    data = data_folder(machine)
    if data.exists():
        return
    user = server_user()
    data.parent.mkdir(exist_ok=True)
    if user is not None:
        shutil.chown(data.parent, user, _group(user))
    part = data.with_name("data.part")
    shutil.rmtree(part, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=data.parent, prefix="password") as password:
        password.write(machine.secrets["postgres_password"])
        password.flush()
        if user is not None:
            shutil.chown(password.name, user)
        command = [
            str(binaries() / "initdb"), "--pgdata", str(part), "--username", "postgres", "--auth", "scram-sha-256",
            "--pwfile", password.name, "--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums", "--no-instructions",
        ]  # fmt: skip
        _run(command, user)
    part.rename(data)


def command(machine: Layout, overrides: Mapping[str, str]) -> list[str]:
    """The server's command line. `overrides` replace SETTINGS."""
    settings = {**SETTINGS, **overrides, "port": str(machine.ports["postgres"])}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(binaries() / "postgres"), "-D", str(data_folder(machine)), *options]


def bootstrap(machine: Layout, database: str = "estate", template: str = "template0") -> None:
    """Make roles and `database`, as a copy of `template`; safe to repeat, and to run at once for two databases."""
    passwords = {name.upper(): value for name, value in machine.secrets.items() if name.endswith("_password")}
    variables = {
        **passwords,
        "ESTATE_DATABASE": database,
        "ESTATE_TEMPLATE": template,
        "PGHOST": "127.0.0.1",
        "PGPORT": str(machine.ports["postgres"]),
        "PGUSER": "postgres",
        "PGPASSWORD": machine.secrets["postgres_password"],
        "PGDATABASE": "postgres",
    }
    _run([str(binaries() / "psql"), "--no-psqlrc", "--file", str(ROOT / "sql" / "bootstrap.sql")], None, variables)


def _outside(machine: Layout) -> Path:
    return Path("/var/lib") / f"estate-{machine.nickname}"


def _run(command: list[str], user: str | None, variables: Mapping[str, str] | None = None) -> None:
    identity: dict[str, object] = {} if user is None else {"user": user, "group": _group(user), "extra_groups": [], "cwd": "/"}
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(variables or {})}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **identity)  # type: ignore[call-overload]
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
