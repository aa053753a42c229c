"""Fixtures of all tests: the session's servers, a fresh database a module, a bucket, and settings that point to them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from estate import settings as configuration
from estate.settings import Settings
from local.environment import FEATURES_DATABASES, redis_url
from tests import servers as session
from tests.servers import Database, Platform, Servers


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        session.begin_session()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started, also after failures and interrupts; by the process that outlives all workers."""
    if not _is_worker(config) and (folder := os.environ.pop(session.FOLDER_VARIABLE, None)):
        session.end_session(Path(folder))


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture(autouse=True)
def _own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing Feast turns on prometheus_client's mode of many processes for its process; the API's tests may share one with Feast's."""
    for name in ("PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_MULTIPROCESS_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def servers() -> Servers:
    """PostgreSQL with PostGIS, Redis and S3, shared by the whole session."""
    return session.start_servers()


@pytest.fixture(scope="session")
def platform() -> Platform:
    """A whole machine with Airflow's scheduler and the API, apart from `servers`; takes some twenty seconds once."""
    return session.start_platform()


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[Database]:
    """A fresh, migrated database for this module."""
    made = servers.create_database()
    yield made
    servers.drop_database(made)


@pytest.fixture(scope="module")
def s3_bucket(servers: Servers) -> str:
    """A fresh bucket for this module."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    servers.s3().create_bucket(Bucket=name)
    return name


@pytest.fixture
def settings_env(
    servers: Servers, database: Database, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """The platform's settings, pointing to this module's database and bucket, an empty Redis database and empty folders."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    variables = servers.variables(database, s3_bucket, redis_database=worker + 1)
    variables["ESTATE_LANDING_DIR"] = str(tmp_path / "landing")
    variables["ESTATE_LINEAGE_FILE"] = str(tmp_path / "lineage" / "events.jsonl")
    (tmp_path / "landing").mkdir()
    (tmp_path / "lineage").mkdir()
    for number in (worker + 1, worker + 1 + FEATURES_DATABASES):  # whoever holds features may not flush them himself
        redis.Redis.from_url(redis_url(servers.machine, number)).flushdb()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield configuration.settings()
    _forget()


def _forget() -> None:
    configuration.settings.cache_clear()
    configuration.tenants.cache_clear()
