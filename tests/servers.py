"""The servers of one test session: started once, whoever asks first, on free ports in a folder of their own; stopped at its end."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import psutil
import psycopg
import redis
from filelock import FileLock
from psycopg import sql
from rich.console import Console

from local import postgres, servers, supervision
from local.environment import S3_KEY_ID, database_url, environment, platform_variables, redis_url
from local.layout import ANY_PORTS, Layout, layout
from local.progress import Progress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Shared by the processes of one session; set by the first of them, inherited by xdist's workers.
FOLDER_VARIABLE = "ESTATE_TEST_FOLDER"
_PREFIX = "estate-test-"
_TEMPLATE = "estate_template"
# Tests kill processes, never the machine: what the kernel has been given is safe, and waiting for the disk tests nothing.
_POSTGRES_SETTINGS = {"fsync": "off", "shared_buffers": "128MB", "max_connections": "200"}


@dataclass(frozen=True)
class Database:
    """One fresh database, migrated, with its address as each role (libpq URLs)."""

    name: str
    superuser_url: str
    owner_url: str
    pipeline_url: str
    api_url: str


@dataclass(frozen=True)
class Servers:
    """PostgreSQL, Redis and S3 of this session."""

    machine: Layout

    def create_database(self) -> Database:
        """A copy of the migrated template under a fresh name."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        postgres.bootstrap(self.machine, name, _TEMPLATE)
        return Database(name, *(database_url(self.machine, role, name) for role in ("postgres", "owner", "pipeline", "api")))

    def drop_database(self, database: Database) -> None:
        """Remove it, whoever is still connected."""
        with psycopg.connect(database_url(self.machine, "postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name)))

    def variables(self, database: Database, bucket: str, redis_database: int = 0) -> dict[str, str]:
        """The platform's settings for that database, bucket and Redis database."""
        return platform_variables(self.machine, database.name, bucket, redis_database)

    def redis_client(self, url: str) -> redis.Redis:
        """The database of Redis at `url`, as the server's own user: whom `url` names may neither look around in it nor empty it."""
        return redis.Redis.from_url(redis_url(self.machine, redis.connection.parse_url(url).get("db", 0)))

    def s3(self) -> S3Client:
        """A client of the session's object store."""
        return boto3.client(
            "s3",
            endpoint_url=self.machine.url("s3"),
            aws_access_key_id=S3_KEY_ID,
            aws_secret_access_key=self.machine.secrets["s3_secret"],
            region_name="us-east-1",
        )


@dataclass(frozen=True)
class Platform:
    """A whole machine: the stores, Airflow and the API, with the environment of its processes."""

    machine: Layout
    variables: dict[str, str]


def begin_session() -> None:
    """Name the session's folder, after clearing away those of sessions that were killed."""
    root = Path(tempfile.gettempdir())
    for folder in root.glob(f"{_PREFIX}*"):
        pid = int(folder.name.removeprefix(_PREFIX).split("-")[0])
        if not psutil.pid_exists(pid) and os.access(folder, os.W_OK):
            end_session(folder)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    os.environ[FOLDER_VARIABLE] = str(folder)


def end_session(folder: Path) -> None:
    """Stop what was started in `folder` and remove it."""
    for ports in folder.glob("*/ports.toml"):
        machine = layout(ports.parent)
        supervision.halt(machine)
        postgres.remove(machine)
    shutil.rmtree(folder, ignore_errors=True)


def start_servers() -> Servers:
    """The session's stores, with a migrated template database; started by the first that asks."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    with FileLock(folder / "stores.lock"):
        machine = layout(folder / "stores", ANY_PORTS)
        if not supervision.is_running(machine):
            machine = servers.start_stores(machine, _quiet(), _POSTGRES_SETTINGS)
            postgres.bootstrap(machine, _TEMPLATE)
            servers.migrate(machine, _TEMPLATE)
    return Servers(machine)


def start_platform() -> Platform:
    """The session's whole machine; started by the first that asks."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    with FileLock(folder / "platform.lock"):
        machine = servers.up(layout(folder / "platform", ANY_PORTS), _quiet(), _POSTGRES_SETTINGS)
    return Platform(machine, environment(machine.folder))


def _quiet() -> Progress:
    return Progress(Console(quiet=True))
