"""How the API is watched: what is counted, by which names, and that nothing of the data goes out with it."""

from __future__ import annotations

import gzip
import json
import logging
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from issuer import LAKESIDE, bearer
from prometheus_client.parser import text_string_to_metric_families

from api import create_app, faults, metrics, tracing
from api import telemetry as module
from estate.errors import SettingError
from estate.settings import ROOT, Settings

CANARY = "canary-5f0c"
OWNER = "Wilhelmina Canaris"


def value(name: str, **labels: str) -> float:
    """One number of what /metrics would say; 0 for one that was never counted."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0


def opened(body: bytes, encoding: str | None) -> bytes:
    """The body as it was before it was compressed."""
    if encoding == "br":
        import brotli  # only those who have it compress with it

        return bytes(brotli.decompress(body))
    return gzip.decompress(body) if encoding == "gzip" else body


@pytest.fixture
def received() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that keeps what is posted to it: its address, and (path, body) of each."""
    kept: list[tuple[str, bytes]] = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.append((self.path, opened(body, self.headers.get("Content-Encoding"))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keep)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", kept
    server.shutdown()
    server.server_close()


# Metrics


def test_requests_are_counted_by_the_template_of_their_route(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    route = "/api/v1/properties/<uuid:property_id>"
    before = value("estate_requests_total", route=route, method="GET", status="400")
    for number in range(3):
        detached.get(f"/api/v1/properties/{uuid.UUID(int=number)}?unknown=1", headers=bearer(make_token()))
    assert value("estate_requests_total", route=route, method="GET", status="400") == before + 3
    assert value("estate_request_seconds_count", route=route) >= 3


def test_no_label_holds_a_path_a_tenant_a_subject_or_a_word_of_the_caller(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    token = make_token(sub=CANARY)
    for path in (f"/{CANARY}", f"/api/v1/properties/{LAKESIDE}", f"/api/v1/properties?situs_city={CANARY}", f"/data-docs/{CANARY}/"):
        detached.get(path, headers={**bearer(token), "X-Request-ID": CANARY})
        detached.open(path, method=CANARY.upper(), headers=bearer(token))
    metrics.count("auth", outcome=f"expired {CANARY} {LAKESIDE}")
    said = metrics.exposition().decode()
    assert CANARY not in said.lower()
    assert str(LAKESIDE) not in said
    assert value("estate_requests_total", route="unmatched", method="GET", status="404") >= 1
    assert value("estate_requests_total", route="unmatched", method="other", status="404") >= 1
    assert value("estate_auth_total", outcome="other") >= 1
    words = set(re.findall(r'(\w+)="', said))
    assert words <= {"route", "method", "status", "query", "state", "outcome", "error", "le"}


def test_latency_is_told_from_five_milliseconds_to_ten_seconds() -> None:
    route = "/of-this-test"
    for seconds in (0.004, 0.2, 7.0, 60.0):
        metrics.observe(route, "GET", 200, seconds)
    counts = [value("estate_request_seconds_bucket", route=route, le=le) for le in ("0.005", "0.25", "5.0", "10.0", "+Inf")]
    assert counts == [1, 2, 2, 3, 4]


def test_an_unknown_counter_is_refused_and_a_known_one_counts() -> None:
    with pytest.raises(KeyError):
        metrics.count("no_such", outcome="hit")
    before = value("estate_cache_total", outcome="hit")
    metrics.count("cache", outcome="hit")
    metrics.count("cache", 2, outcome="hit")
    assert value("estate_cache_total", outcome="hit") == before + 3
    lost = value("estate_audit_lost_total")
    metrics.count("audit_lost", 4)
    assert value("estate_audit_lost_total") == lost + 4


def test_metrics_are_open_and_what_prometheus_reads(detached: FlaskClient) -> None:
    answer = detached.get("/metrics")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {
        "estate_requests", "estate_request_seconds", "estate_database_seconds", "estate_pool_connections", "estate_exports_in_flight",
        "estate_version_listener_up", "estate_cache", "estate_limiter", "estate_auth", "estate_audit_lost", "estate_database_errors",
        "estate_pool_timeouts", "estate_connections_lost", "estate_exports_refused",
    } <= families  # fmt: skip


@pytest.mark.servers
def test_queries_and_the_pool_are_measured(client: FlaskClient, make_token: Callable[..., str]) -> None:
    database = client.application.extensions["real-estate-os"].database
    before = value("estate_database_seconds_count", query="api_property")
    assert database.read_one(LAKESIDE, "api_property", {"property_id": uuid.UUID(int=1), "as_of": None}) is None
    assert value("estate_database_seconds_count", query="api_property") == before + 1
    said = client.get("/metrics").text
    assert value("estate_pool_connections", state="open") >= 1
    assert value("estate_pool_connections", state="waiting") == 0
    assert 'estate_database_seconds_count{query="api_property"}' in said


def test_a_database_that_is_away_is_counted(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    timeouts, errors = value("estate_pool_timeouts_total"), value("estate_database_errors_total", error="PoolTimeout")
    detached.application.extensions["real-estate-os"].database._timeout_s = 0.1
    assert detached.get(f"/api/v1/properties/{LAKESIDE}", headers=bearer(make_token())).status_code == 503
    assert value("estate_pool_timeouts_total") > timeouts
    assert value("estate_database_errors_total", error="PoolTimeout") >= errors


# Spans


def test_spans_and_reports_cost_no_import_while_they_are_off() -> None:
    # Redis' client looks for OpenTelemetry's metrics by itself; what makes and sends spans is loaded by nobody.
    code = "import sys, api; print(sorted({'opentelemetry.sdk.trace', 'opentelemetry.exporter', 'sentry_sdk'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def spans(make_app: Callable[..., Flask], settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[FlaskClient, Any]:
    """A client whose requests are traced, and where the spans lie."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = make_app(api_database_url=settings_env.api_database_url)
    asked = {"property_id": uuid.UUID(int=1), "as_of": None}

    def probe(name: str) -> Response:
        platform = app.extensions["real-estate-os"]
        if name == "fault":
            raise ValueError(CANARY)
        assert platform.database.read_one(LAKESIDE, "api_property", asked) is None
        with platform.database.reading(LAKESIDE) as reading:
            assert reading.row("api_property", asked) is None
        return Response("seen")

    app.add_url_rule("/api/v1/probe/<name>", "probe", probe)
    monkeypatch.setattr(tracing, "_tracer", None)
    tracing.use(app, provider)
    return app.test_client(), exporter


@pytest.mark.servers
def test_a_request_is_a_span_named_by_its_route_and_each_query_a_span_below_it(
    spans: tuple[FlaskClient, Any], make_token: Callable[..., str]
) -> None:
    client, exporter = spans
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    said = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "baggage": f"owner={CANARY}", "X-Request-ID": "r-7"}
    assert client.get(f"/api/v1/probe/{CANARY}", headers={**bearer(make_token(sub=CANARY)), **said}).status_code == 200
    *below, root = exporter.get_finished_spans()
    assert (root.kind.name, root.name) == ("SERVER", "GET /api/v1/probe/<name>")
    assert dict(root.attributes) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/probe/<name>",
        "http.response.status_code": 200,
        "estate.request_id": "r-7",
        "estate.tenant_id": str(LAKESIDE),
    }
    assert [span.name for span in below] == ["query api_property"] * 2
    assert {span.parent.span_id for span in below} == {root.context.span_id}
    assert {format(span.context.trace_id, "032x") for span in [root, *below]} == {trace}
    everything = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert CANARY not in everything
    assert str(uuid.UUID(int=1)) not in everything


@pytest.mark.servers
def test_a_fault_is_a_failed_span_without_its_words(spans: tuple[FlaskClient, Any], make_token: Callable[..., str]) -> None:
    client, exporter = spans
    assert client.get("/api/v1/probe/fault", headers=bearer(make_token())).status_code == 500
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code.name, len(span.events)) == ("ERROR", 0)
    assert CANARY not in span.to_json()


def test_spans_reach_the_collector_that_the_setting_names(
    make_app: Callable[..., Flask], received: tuple[str, list[tuple[str, bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, kept = received
    monkeypatch.setattr(tracing, "_tracer", None)
    app = make_app(otlp_endpoint=f"http://{address}/", code_version="1.2.3")
    app.test_client().get("/health/live")
    assert app.extensions["tracer-provider"].force_flush(10_000)
    app.extensions["tracer-provider"].shutdown()
    ((path, body),) = kept
    assert path == "/v1/traces"
    assert b"GET /health/live" in body
    assert b"real-estate-os-api" in body


def test_a_collector_that_is_away_fails_no_request(make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_tracer", None)
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    app = make_app(otlp_endpoint="http://127.0.0.1:1")
    assert [app.test_client().get("/health/live").status_code for _ in range(5)] == [200] * 5
    app.extensions["tracer-provider"].shutdown()


# Errors


@pytest.fixture
def sentry(received: tuple[str, list[tuple[str, bytes]]]) -> Iterator[list[tuple[str, bytes]]]:
    """Errors are sent to a server of this test; what it was sent."""
    import sentry_sdk

    address, kept = received
    faults.install(f"http://public@{address}/7", "1.2.3")
    yield kept
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)
    faults._is_on = False


def test_an_error_is_reported_by_its_type_and_place_and_nothing_of_the_data(
    sentry: list[tuple[str, bytes]], make_app: Callable[..., Flask], make_token: Callable[..., str]
) -> None:
    import sentry_sdk

    token = make_token(sub=CANARY)
    app = make_app()

    def fault() -> None:
        owner_name, bearer_token = OWNER, token
        logging.getLogger("api").warning("about to fail for %s", owner_name)
        try:
            raise KeyError(f"{owner_name} {bearer_token}")
        except KeyError as first:
            raise RuntimeError(f"the row of {OWNER} holds {CANARY}, asked with {token}") from first

    with app.test_request_context(f"/api/v1/properties?situs_city={CANARY}", headers=bearer(token), data=CANARY, method="POST"):
        try:
            fault()
        except RuntimeError as error:
            faults.report(error, route="/api/v1/properties", method="POST", request_id="r-9", tenant_id=str(LAKESIDE), absent=None)
    sentry_sdk.flush(10)
    assert sentry, "nothing arrived"
    sent = b"".join(body for _, body in sentry).decode()
    for secret in (CANARY, OWNER, "Wilhelmina", token, token.split(".")[1], token.split(".")[2], "Bearer"):
        assert secret not in sent
    (path, envelope), *more = sentry
    assert not more
    assert path == "/api/7/envelope/"
    event = json.loads(envelope.splitlines()[2])
    assert [one["type"] for one in event["exception"]["values"]] == ["KeyError", "RuntimeError"]
    assert event["exception"]["values"][1]["stacktrace"]["frames"][-1]["function"] == "fault"
    assert event["tags"] == {"route": "/api/v1/properties", "method": "POST", "request_id": "r-9", "tenant_id": str(LAKESIDE)}
    assert event["release"] == "1.2.3"


def test_nothing_but_a_report_is_ever_sent(sentry: list[tuple[str, bytes]], make_app: Callable[..., Flask]) -> None:
    import sentry_sdk

    logging.getLogger("api").error("an error in the log that quotes %s", CANARY)
    sentry_sdk.capture_message(f"a message that quotes {CANARY}")
    make_app().test_client().get(f"/{CANARY}")
    sentry_sdk.flush(10)
    assert CANARY.encode() not in b"".join(body for _, body in sentry)


def test_a_report_is_nothing_while_none_is_wanted() -> None:
    faults.report(ValueError(CANARY))


@pytest.mark.parametrize(
    ("replaced", "named"),
    [
        ({"otlp_endpoint": "collector:4318"}, "ESTATE_OTLP_ENDPOINT"),
        ({"sentry_dsn": "https://sentry.example/1"}, "ESTATE_SENTRY_DSN"),
        ({"sentry_dsn": "https://key@sentry.example/"}, "ESTATE_SENTRY_DSN"),
    ],
)
def test_a_wrong_address_is_refused_at_start_by_name(api_settings: Callable[..., Settings], replaced: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        create_app(api_settings(**replaced, docs_passwords_file=None), {})


def test_the_answer_to_metrics_is_made_at_most_once_a_second(detached: FlaskClient) -> None:
    first = detached.get("/metrics").data
    metrics.count("cache", outcome="error")
    assert detached.get("/metrics").data == first
    assert module.KEPT_S == 1.0
