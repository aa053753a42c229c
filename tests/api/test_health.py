"""Health: alive without anything, ready with each dependency named."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer
from test_keys import Clock

from api import health
from estate.settings import Settings
from tests.servers import Database


def test_a_process_is_alive_whatever_is_away(detached: FlaskClient) -> None:
    assert detached.get("/health/live").json == {"status": "alive"}


def test_without_its_database_the_service_is_not_ready(detached: FlaskClient) -> None:
    answer = detached.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["checks"]["postgresql"]["status"] == "away"
    assert answer.json["checks"]["jwks"]["status"] == "up"
    assert b"127.0.0.1" not in answer.data


class Checks:
    """Checks that are held up while told to; counts how often they ran."""

    def __init__(self) -> None:
        self.count, self.begun, self.go = 0, threading.Event(), threading.Event()

    def __call__(self, _: Any) -> dict[str, dict[str, Any]]:
        self.count += 1
        run = str(self.count)
        self.begun.set()
        assert self.go.wait(30)
        return {"postgresql": {"status": "up", "latency_ms": 1.0}, run: {"status": "up", "latency_ms": 1.0}}


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    made = Checks()
    monkeypatch.setattr(health, "_checked", made)
    return made


def test_while_somebody_checks_the_others_are_told_what_was_known(
    detached: FlaskClient, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = detached.application
    checks.go.set()
    detached.get("/health/ready")
    monkeypatch.setattr(health, "KEPT_S", -1.0)
    checks.begun.clear()
    checks.go.clear()
    checking = threading.Thread(target=lambda: app.test_client().get("/health/ready"))
    checking.start()
    assert checks.begun.wait(30)
    answers = [app.test_client().get("/health/ready").json for _ in range(3)]
    assert checking.is_alive(), "all were answered while the checks hung"
    checks.go.set()
    checking.join()
    assert [set(answer["checks"]) for answer in answers if answer] == [{"postgresql", "1"}] * 3
    assert checks.count == 2


def test_what_took_long_to_find_out_is_new_when_it_is_found_out(
    detached: FlaskClient, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=clock, perf_counter=clock))

    def slow(platform: Any) -> dict[str, dict[str, Any]]:
        clock.now += health.KEPT_S + 5
        return checks(platform)

    monkeypatch.setattr(health, "_checked", slow)
    checks.go.set()
    for _ in range(3):
        detached.get("/health/ready")
    assert checks.count == 1
    clock.now += health.KEPT_S + 0.1
    detached.get("/health/ready")
    assert checks.count == 2


@pytest.mark.servers
def test_a_service_with_everything_is_ready_and_says_how_fast(client: FlaskClient) -> None:
    answer = client.get("/health/ready")
    assert answer.json is not None
    assert (answer.status_code, answer.json["status"]) == (200, "ready")
    assert set(answer.json["checks"]) == {"postgresql", "jwks", "redis", "s3"}
    assert all(check["latency_ms"] >= 0 for check in answer.json["checks"].values())


@pytest.mark.servers
def test_without_redis_the_service_still_serves(make_app: Callable[..., Flask], settings_env: Settings) -> None:
    kept = {
        name: getattr(settings_env, name)
        for name in ("api_database_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
    }
    answer = make_app(**kept, redis_url="redis://127.0.0.1:1/0").test_client().get("/health/ready")
    assert answer.json is not None
    assert (answer.status_code, answer.json["status"], answer.json["checks"]["redis"]["status"]) == (200, "degraded", "away")


@pytest.mark.servers
def test_connections_that_the_server_dropped_are_replaced_unseen(
    client: FlaskClient, make_token: Callable[..., str], database: Database
) -> None:
    assert client.get("/api/v1/properties", headers=bearer(make_token())).status_code == 200
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'estate-api' AND datname = current_database()"
        )
    assert [client.get("/api/v1/properties", headers=bearer(make_token())).status_code for _ in range(5)] == [200] * 5


@pytest.mark.servers
def test_interleaved_tenants_never_see_each_other(
    client: FlaskClient, make_token: Callable[..., str], properties_of: dict[UUID, list[UUID]]
) -> None:
    wrong: list[Any] = []
    app = client.application

    def read(tenant: UUID) -> None:
        own = sorted(map(str, properties_of[tenant]))
        answer = app.test_client().get("/api/v1/properties", headers=bearer(make_token(tenant)))
        found = [row["property_id"] for row in (answer.json or {}).get("properties", [])]
        if found != own:
            wrong.append((answer.status_code, found))

    threads = [threading.Thread(target=read, args=((LAKESIDE, HARBORVIEW)[number % 2],)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
