"""The servers of a measurement: its own, on free ports, in a folder that is removed at the end; durable as in production."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from rich.console import Console

from estate import landing, settings
from local import postgres, servers, supervision
from local.environment import database_url, environment, platform_variables
from local.layout import ANY_PORTS, Layout, layout
from local.progress import Progress

# Not the folder for temporary files: where that lies in memory, waiting for the disk would cost nothing.
_HOME = Path("/var/tmp")
_PREFIX = "estate-bench-"


@contextmanager
def stores(console: Console) -> Iterator[Layout]:
    """PostgreSQL (fsync on, the settings of local.postgres), Redis and S3, with nothing in them."""
    with _folder() as machine:
        yield servers.start_stores(machine, Progress(console))


@contextmanager
def whole(console: Console) -> Iterator[tuple[Layout, dict[str, str]]]:
    """A whole machine with Airflow and the API, migrated, and the environment of its processes."""
    with _folder() as machine:
        up = servers.up(machine, Progress(console))
        yield up, environment(up.folder)


@contextmanager
def database(machine: Layout, name: str) -> Iterator[str]:
    """A migrated database and a bucket, both called `name`, to which the settings point meanwhile; yields the superuser's address."""
    postgres.bootstrap(machine, name)
    servers.migrate(machine, name)
    before = dict(os.environ)
    os.environ.update(platform_variables(machine, name, name))
    _forget()
    try:
        landing.client().create_bucket(Bucket=name)  # a folder made beside the server is not seen until its listing expires
        yield database_url(machine, "postgres", name)
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget()
        with psycopg.connect(database_url(machine, "postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        shutil.rmtree(machine["s3"] / name, ignore_errors=True)


def server_folder(machine: Layout) -> Path:
    """A folder that the database server itself can read and write, for its own COPY."""
    return postgres.data_folder(machine).parent


def _forget() -> None:
    settings.settings.cache_clear()
    settings.tenants.cache_clear()
    landing.client.cache_clear()


@contextmanager
def _folder() -> Iterator[Layout]:
    """A fresh folder, after clearing away those of measurements that were killed; at the end nothing runs and nothing is left."""
    for left in _HOME.glob(f"{_PREFIX}*"):
        if not psutil.pid_exists(int(left.name.removeprefix(_PREFIX).split("-")[0])) and os.access(left, os.W_OK):
            _clear(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_HOME))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    try:
        yield layout(folder, ANY_PORTS)
    finally:
        _clear(folder)


def _clear(folder: Path) -> None:
    if (folder / "ports.toml").exists():
        machine = layout(folder)
        supervision.halt(machine)
        postgres.remove(machine)
    shutil.rmtree(folder, ignore_errors=True)
