"""gunicorn serves the API: nothing in flight is lost, wrong settings are told once, and any worker answers for all."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests
from issuer import AUDIENCE, ISSUER, LAKESIDE, bearer
from prometheus_client.parser import text_string_to_metric_families
from served import CONFIG, Server, free_port, serving, start

from estate.settings import Settings
from tests import servers

pytestmark = pytest.mark.servers

ROUTE = "/api/v1/slow/<int:milliseconds>"


@pytest.fixture
def variables(settings_env: Settings, jwks_file: Path, passwords_file: Path) -> dict[str, str]:
    """The environment of an API on this module's servers."""
    kept = {name: word for name, word in os.environ.items() if name.startswith("ESTATE_")}
    return {
        **kept, "ESTATE_DATABASE_URL": settings_env.api_database_url, "ESTATE_JWT_ISSUER": ISSUER, "ESTATE_JWT_AUDIENCE": AUDIENCE,
        "ESTATE_JWKS_URL": jwks_file.as_uri(), "ESTATE_CURSOR_SECRET": "x" * 32,
        "ESTATE_DOCS_PASSWORDS_FILE": str(passwords_file),
    }  # fmt: skip


@pytest.fixture
def server(variables: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, variables) as running:
        yield running


def until(is_so: Callable[[], object]) -> None:
    """Wait for something that must come about."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def total(server: Server, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels, as any worker tells it."""
    families = text_string_to_metric_families(server.get("/metrics").text)
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in found if labels.items() <= sample.labels.items())


def sleeping(database: servers.Database) -> int:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
        return row.fetchone()[0]  # type: ignore[index]


def test_what_is_in_flight_when_the_service_is_stopped_is_answered(
    server: Server, database: servers.Database, make_token: Callable[..., str]
) -> None:
    token = bearer(make_token())
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(server.get, "/api/v1/slow/2000", headers=token) for _ in range(8)]
        until(lambda: sleeping(database) == 8)
        assert server.ended(signal.SIGTERM) == 0
        assert [answer.result().status_code for answer in answers] == [200] * 8
    with pytest.raises(requests.ConnectionError):
        server.get("/health/live")
    assert list(server.folder.glob("estate-metrics-*")) == [], "the folder of metrics goes with the process"


def test_what_is_in_flight_when_the_service_is_reloaded_is_answered_and_so_is_what_comes_after(
    server: Server, database: servers.Database, make_token: Callable[..., str]
) -> None:
    token = bearer(make_token())
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(server.get, "/api/v1/slow/2000", headers=token) for _ in range(4)]
        until(lambda: sleeping(database) == 4)
        before = {server.get("/api/v1/slow/0", headers=token).text}
        server.process.send_signal(signal.SIGHUP)
        after = [server.get("/api/v1/slow/0", headers=token) for _ in range(20)]
        assert {answer.result().status_code for answer in answers} == {200}
        before |= {answer.result().text for answer in answers}
    assert {answer.status_code for answer in after} == {200}
    until(lambda: server.get("/api/v1/slow/0", headers=token).text not in before)
    assert total(server, "estate_requests_total", route=ROUTE, status="200") >= 25, "what the old workers counted stays counted"
    assert server.ended() == 0


def test_a_client_that_takes_nothing_is_cut_off_and_its_place_is_free_again(
    variables: dict[str, str], tmp_path: Path, make_token: Callable[..., str]
) -> None:
    hasty = tmp_path / "hasty_conf.py"
    hasty.write_text(f"exec(compile(open({str(CONFIG)!r}).read(), {str(CONFIG)!r}, 'exec'))\nSEND_TIMEOUT_S = 2\n")
    with serving(tmp_path, {**variables, "WEB_CONCURRENCY": "1"}, hasty) as server, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(f"GET /api/v1/endless HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer(make_token())['Authorization']}\r\n\r\n".encode())
        until(lambda: total(server, "estate_exports_in_flight") == 1)
        until(lambda: total(server, "estate_exports_in_flight") == 0)
        assert total(server, "estate_pool_connections", state="open") == total(server, "estate_pool_connections", state="idle")
        assert server.ended() == 0


def test_any_worker_tells_the_metrics_of_all_and_those_of_a_dead_one_stay_counted(server: Server, make_token: Callable[..., str]) -> None:
    token, pids, asked = bearer(make_token()), set(), 0
    with ThreadPoolExecutor(8) as pool:
        while len(pids) < 2 and asked < 480:  # which worker takes a connection is the kernel's choice
            pids |= {answer.text for answer in pool.map(lambda _: server.get("/api/v1/slow/300", headers=token), range(24))}
            asked += 24
    assert len(pids) == 2
    assert total(server, "estate_requests_total", route=ROUTE, status="200") == asked
    assert total(server, "estate_database_seconds_count", query="composed") == asked
    open_before = total(server, "estate_pool_connections", state="open")
    assert open_before >= 2
    os.kill(int(min(pids)), signal.SIGKILL)
    until(lambda: "was sent SIGKILL" in server.out())
    until(lambda: total(server, "estate_pool_connections", state="open") < open_before)  # an answer to /metrics is kept for a second
    assert total(server, "estate_requests_total", route=ROUTE, status="200") == asked
    assert server.ended() == 0


def test_everything_that_is_written_is_a_json_line_and_gunicorn_keeps_no_log_of_requests(
    server: Server, make_token: Callable[..., str]
) -> None:
    server.get(f"/api/v1/properties/{LAKESIDE}?unknown=canary", headers=bearer(make_token()))
    assert server.ended() == 0
    lines = [json.loads(line) for line in server.out().splitlines()]
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "api.access"}
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert len([line for line in lines if line.get("status") == 400]) == 1
    assert "canary" not in server.out()
    assert server.errors() == ""


def test_a_request_within_gunicorn_s_limits_is_refused_by_the_api_and_one_beyond_them_by_gunicorn(
    server: Server, make_token: Callable[..., str]
) -> None:
    token = bearer(make_token())
    answers = [
        server.get(f"/api/v1/properties?situs_city={'x' * 5000}", headers=token),
        server.get("/api/v1/properties", headers={"Authorization": f"Bearer {'x' * 8100}"}),
        server.get(f"/api/v1/properties?situs_city={'x' * 9000}", headers=token),
        server.get("/api/v1/properties", headers={"X-Large": "x" * 9000}),
        server.get("/api/v1/properties", headers={f"X-{number}": "1" for number in range(100)}),
    ]
    assert [answer.status_code for answer in answers[:2]] == [414, 401]
    assert all(answer.headers["Content-Type"] == "application/problem+json" for answer in answers[:2])
    assert all(400 <= answer.status_code < 500 for answer in answers[2:])
    assert server.get("/health/live").ok


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ESTATE_CURSOR_SECRET", "short"),
        ("ESTATE_API_DATABASE_URL", "mysql://x"),
        ("ESTATE_SENTRY_DSN", "no dsn"),
        ("ESTATE_TENANTS_FILE", "/nowhere"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_its_name(variables: dict[str, str], tmp_path: Path, name: str, wrong: str) -> None:
    server = start(tmp_path, {**variables, name: wrong}, free_port())
    try:
        assert server.process.wait(60) == 2
    finally:
        server.process.kill()
    assert server.errors().startswith(f"{name}: ")
    assert len(server.errors().splitlines()) == 1
    assert "Traceback" not in server.errors() + server.out()
    assert "Booting worker" not in server.out()
    assert list(tmp_path.glob("estate-metrics-*")) == []
