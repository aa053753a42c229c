"""Other origins: those on the list may ask from a browser, and no other is told anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, Response

from api.cors import Cors, origins_of
from estate.errors import SettingError

LISTED = "https://app.example.com"
PREFLIGHT = {"Origin": LISTED, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def client():
    """A client of an application that, like the API, has no automatic OPTIONS and lets nobody in."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    cors = Cors(origins_of(f"{LISTED}, http://localhost:5173"))
    app.before_request(cors.preflight)
    app.before_request(lambda: Response(status=401))
    app.after_request(cors.leave)
    app.add_url_rule("/one", "one", lambda: "", methods=["GET"])
    app.add_url_rule("/two", "two", lambda: "", methods=["POST"])
    return app.test_client()


def cors_headers(response):
    return {name for name in dict(response.headers) if name.startswith("Access-Control-")}


@pytest.mark.parametrize(("address", "methods"), [("/one", "GET, HEAD"), ("/two", "POST")])
def test_a_preflight_of_a_listed_origin_needs_no_token(client, address, methods):
    answer = client.options(address, headers=PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    assert answer.headers["Access-Control-Allow-Methods"] == methods
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.vary


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "*",
        "",
        f"{LISTED}.evil.example",
        "https://evilapp.example.com",
        "http://app.example.com",
        f"{LISTED}:8443",
        f"{LISTED}/",
        LISTED.upper(),
        f"{LISTED},{LISTED}",
        f"{LISTED} https://evil.example",
    ],
)
def test_an_origin_that_is_not_listed_is_told_nothing(client, origin):
    for answer in (client.options("/one", headers=PREFLIGHT | {"Origin": origin}), client.get("/one", headers={"Origin": origin})):
        assert answer.status_code == 401
        assert cors_headers(answer) == set()
        assert "Origin" in answer.vary


def test_two_origins_are_none(client):
    answer = client.get("/one", headers=[("Origin", LISTED), ("Origin", LISTED)])
    assert cors_headers(answer) == set()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
def test_only_options_goes_around_authentication(client, method):
    assert client.open("/one", method=method, headers=PREFLIGHT).status_code == 401


@pytest.mark.parametrize(("address", "left_out"), [("/one", "Access-Control-Request-Method"), ("/one", "Origin"), ("/absent", "")])
def test_an_options_that_is_no_preflight_of_a_route_goes_the_way_of_all_methods(client, address, left_out):
    headers = {name: value for name, value in PREFLIGHT.items() if name != left_out}
    assert client.options(address, headers=headers).status_code == 401


def test_a_listed_page_may_read_refusals_and_our_headers(client):
    answer = client.get("/one", headers={"Origin": LISTED})
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed == {"ETag", "Link", "X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"}


def test_without_a_list_there_is_no_trace_of_cors():
    app = Flask(__name__, static_folder=None)
    cors = Cors(origins_of(""))
    app.before_request(cors.preflight)
    app.after_request(cors.leave)
    answer = app.test_client().get("/", headers={"Origin": LISTED})
    assert cors_headers(answer) == set()
    assert "Origin" not in answer.vary


@pytest.mark.parametrize(
    "wrong",
    ["*", "null", "https://*.example.com", "app.example.com", f"{LISTED}/", f"{LISTED}/page", "https://", "file:///x", "https://a b.com",
     "https://user@example.com", "HTTPS://APP.EXAMPLE.COM", f"{LISTED};{LISTED}", "https://-.com", "https://a.com:", "https://a.com?x"],
)  # fmt: skip
def test_a_list_with_anything_but_origins_is_refused_by_name(wrong):
    with pytest.raises(SettingError, match="ESTATE_CORS_ORIGINS"):
        origins_of(f"http://localhost:5173, {wrong}")


def test_an_origin_may_be_a_name_an_address_and_a_port():
    listed = {"http://localhost:5173", "https://app.example.com", "http://127.0.0.1", "http://[::1]:8080"}
    assert origins_of(" , ".join(sorted(listed)) + ",") == listed


def test_the_application_keeps_405_and_401_for_options_of_strangers(make_app: Callable[..., Flask]) -> None:
    answer = make_app().test_client().options("/api/v1/properties", headers=PREFLIGHT)
    assert answer.status_code in {401, 405}
    assert cors_headers(answer) == set()
