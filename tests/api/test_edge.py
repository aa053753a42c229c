"""The edge: what every route has, whatever it does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from issuer import bearer

from api import create_app
from api.edge import BASIC_ENDPOINTS, OPEN_ENDPOINTS
from api.problems import KINDS
from api.resource import ROUTES
from estate.errors import SettingError
from estate.settings import Settings

SAMPLE = {
    "property_id": str(uuid.UUID(int=5)), "field": "year_built", "name": "not-found", "tenant_slug": "lakeside", "path": "index.html",
    "market_area": "50010", "batch_id": "roll-1", "layer_id": "1", "quarantine_id": str(uuid.UUID(int=6)), "table": "normalize.property",
    "model_id": "19169-2026-01-01-abcdefabcdef", "landing_id": str(uuid.UUID(int=7)),
}  # fmt: skip


def addresses(app: Flask) -> dict[str, str]:
    """One address per endpoint."""
    with app.test_request_context():
        rules = list(app.url_map.iter_rules())
        return {rule.endpoint: str(app.url_map.bind("").build(rule.endpoint, {a: SAMPLE[a] for a in rule.arguments})) for rule in rules}


def test_every_route_but_the_short_open_list_refuses_a_stranger(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    found = addresses(app)
    assert set(found) == OPEN_ENDPOINTS | BASIC_ENDPOINTS | set(ROUTES)
    client = app.test_client()
    for endpoint, address in found.items():
        for method in ("GET", "HEAD"):
            answer = client.open(address.replace("http://", "/"), method=method)
            assert (answer.status_code == 401) == (endpoint not in OPEN_ENDPOINTS), endpoint
            if answer.status_code == 401:
                scheme = "Basic" if endpoint in BASIC_ENDPOINTS else "Bearer"
                assert answer.headers["WWW-Authenticate"].startswith(scheme)
    assert {
        "health.live", "health.ready", "problems.explain", "telemetry.exposition", "document.openapi", "document.page", "document.asset",
    } == OPEN_ENDPOINTS  # fmt: skip


def test_a_route_added_later_is_closed_unless_listed(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.add_url_rule("/api/v1/later", "later", lambda: "open")
    assert app.test_client().get("/api/v1/later").status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v2/properties", "/api/v1//properties", "/health", "/health/live/", "/static/x", "/api/v1/properties/"]
)
def test_an_address_that_no_route_answers_tells_a_stranger_nothing(
    detached: FlaskClient, make_token: Callable[..., str], path: str
) -> None:
    assert detached.get(path).status_code == 401
    assert detached.get(path, headers=bearer(make_token())).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_with_those_that_are_known(detached: FlaskClient, make_token: Callable[..., str], method: str) -> None:
    for path in ("/api/v1/properties", f"/api/v1/properties/{uuid.UUID(int=5)}/provenance"):
        answer = detached.open(path, method=method, headers=bearer(make_token()))
        assert answer.status_code == 405
        assert {name.strip() for name in answer.headers["Allow"].split(",")} == {"GET", "HEAD"}
        assert json.loads(answer.data)["type"] == "/problems/method-not-allowed"


def test_every_error_is_a_problem_of_a_documented_type(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    token = bearer(make_token())
    answers = [
        detached.get("/api/v1/properties"),
        detached.get("/nowhere", headers=token),
        detached.post("/api/v1/properties", headers=token),
        detached.get("/api/v1/properties?limit=0", headers=token),
        detached.get("/api/v1/properties?cursor=x", headers=token),
        detached.get("/api/v1/properties", headers=token),
        detached.get(f"/api/v1/properties?situs_city={'x' * 5000}", headers=token),
        detached.get("/api/v1/properties", headers=token, data=b"x" * 70_000),
    ]
    assert [answer.status_code for answer in answers] == [401, 404, 405, 400, 400, 503, 414, 413]
    for answer in answers:
        assert answer.content_type == "application/problem+json"
        body = json.loads(answer.data)
        assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(body)
        assert body["status"] == answer.status_code
        explained = detached.get(body["type"])
        assert (explained.status_code, json.loads(explained.data)["status"]) == (200, answer.status_code)


def test_every_type_of_problem_is_documented(detached: FlaskClient) -> None:
    for name, kind in KINDS.items():
        assert json.loads(detached.get(f"/problems/{name}").data)["meaning"] == kind.meaning
    assert detached.get("/problems/no-such").status_code == 404


def test_a_fault_of_ours_tells_nothing_about_itself(make_app: Callable[..., Flask], make_token: Callable[..., str]) -> None:
    app = make_app()
    app.add_url_rule("/api/v1/fault", "fault", lambda: 1 / 0)
    answer = app.test_client().get("/api/v1/fault", headers=bearer(make_token()))
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert b"division" not in answer.data


def test_an_answer_is_kept_by_nobody_and_read_as_what_it_is(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    for answer in (detached.get("/health/live"), detached.get("/api/v1/properties"), detached.get("/x", headers=bearer(make_token()))):
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert {name.strip() for name in answer.headers["Vary"].split(",")} == {"Accept", "Authorization", "Accept-Encoding"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_a_sound_request_id_is_echoed_and_another_replaced(detached: FlaskClient) -> None:
    assert detached.get("/health/live", headers={"X-Request-ID": "web-7f.3"}).headers["X-Request-ID"] == "web-7f.3"
    for offered in ("", "a b", "x" * 200, "<script>", "\u00e9", 'x","forged":"1'):
        given = detached.get("/health/live", headers={"X-Request-ID": offered}).headers["X-Request-ID"]
        assert uuid.UUID(given)


def test_each_request_is_one_json_line_with_the_route_and_not_the_path(
    detached: FlaskClient, make_token: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    token = make_token()
    detached.get(f"/api/v1/properties/{uuid.UUID(int=5)}?as_of=secret", headers={**bearer(token), "X-Request-ID": "r-1"})
    out = capsys.readouterr().out
    (line,) = [json.loads(text) for text in out.splitlines() if '"api.access"' in text]
    assert (line["request_id"], line["route"], line["status"], line["method"]) == (
        "r-1",
        "/api/v1/properties/<uuid:property_id>",
        400,
        "GET",
    )
    assert line["tenant_id"] is not None
    assert line["duration_ms"] >= 0
    assert "secret" not in out
    assert token not in out


def test_a_database_that_is_away_is_a_503_that_says_when_to_ask_again(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    answer = detached.get("/api/v1/properties", headers=bearer(make_token()))
    assert (answer.status_code, answer.content_type, answer.headers["Retry-After"]) == (503, "application/problem+json", "2")
    assert json.loads(answer.data)["type"] == "/problems/unavailable"


@pytest.mark.parametrize(
    ("replaced", "named"),
    [
        ({"api_database_url": ""}, "ESTATE_API_DATABASE_URL"),
        ({"api_database_url": "mysql://x"}, "ESTATE_API_DATABASE_URL"),
        ({"jwt_issuer": ""}, "ESTATE_JWT_ISSUER"),
        ({"jwt_audience": ""}, "ESTATE_JWT_AUDIENCE"),
        ({"jwks_url": ""}, "ESTATE_JWKS_URL"),
        ({"jwks_url": "http://issuer.test/jwks"}, "ESTATE_JWKS_URL"),
        ({"jwks_url": "https:///jwks"}, "ESTATE_JWKS_URL"),
        ({"jwks_url": "file://host/jwks"}, "ESTATE_JWKS_URL"),
        ({"cursor_secret": "short"}, "ESTATE_CURSOR_SECRET"),
        ({"redis_url": "http://redis"}, "ESTATE_REDIS_URL"),
        ({"s3_endpoint_url": "s3://x"}, "ESTATE_S3_ENDPOINT_URL"),
        ({"docs_passwords_file": Path("/nowhere/passwords.json")}, "ESTATE_DOCS_PASSWORDS_FILE"),
    ],
)
def test_a_wrong_setting_is_refused_at_start_by_name(api_settings: Callable[..., Settings], replaced: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        create_app(api_settings(**replaced), {})


@pytest.mark.parametrize(
    "content", ["not json", "[]", '{"lakeside": "plain text"}', '{"nobody": "pbkdf2:sha256:1$a$ab"}', '{"lakeside": 1}']
)
def test_a_wrong_password_file_is_refused_at_start(api_settings: Callable[..., Settings], tmp_path: Path, content: str) -> None:
    path = tmp_path / "passwords.json"
    path.write_text(content)
    with pytest.raises(SettingError, match="ESTATE_DOCS_PASSWORDS_FILE"):
        create_app(api_settings(docs_passwords_file=path), {})
