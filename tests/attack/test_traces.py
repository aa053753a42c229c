"""What asking leaves behind in Redis, the log, the metrics and the audit: each where it belongs, none with what is secret."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from issuer import HARBORVIEW, LAKESIDE, NOWHERE, bearer

from api import create_app
from api.access_log import JsonLines
from api.audit import Audit
from api.limits import Limiter
from estate.contracts.platform import NO_TENANT
from estate.settings import Settings
from tests.attack.ground import CANARY, NAMES, TENANTS, UNLIMITED, Ground, a_key, basic
from tests.attack.payloads import TEXTS
from tests.attack.report import Attack, Held, attacks, one
from tests.attack.routes import NEEDED, UNGUARDED, Probe, operations, own, probes
from tests.attack.test_payloads import address

pytestmark = pytest.mark.servers
PERSON = "maria.gonzalez@example.com"  # a subject that is a person's address
PERSONAL = {"audit.page", "quarantine.page", "quarantine.one", "provenance.whole", "provenance.one"}


@dataclass
class Watched:
    """What was left behind while watching."""

    redis_commands: list[str] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)
    secrets: set[str] = field(default_factory=set)


@contextmanager
def monitored(ground: Ground, commands: list[str]) -> Iterator[None]:
    """Every command that Redis gets meanwhile, of this database."""
    marker = uuid.uuid4().hex
    number = ground.store.connection_pool.connection_kwargs["db"]
    ready = threading.Event()

    def listen() -> None:
        with ground.servers.redis_client(ground.settings.redis_url) as store, store.monitor() as monitor:
            ready.set()
            for said in monitor.listen():
                if marker in said["command"]:
                    return
                if said["db"] == number or said["client_type"] == "lua":
                    commands.append(said["command"])

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        ground.store.ping()
        ground.store.echo(marker)
        thread.join(10)


@pytest.fixture(scope="module")
def watched(ground: Ground) -> Watched:
    """Everything asked once by both tenants in every role, with tokens, keys and passwords, soundly and not."""
    found = Watched()
    handler = logging.StreamHandler(found.log)
    handler.setFormatter(JsonLines())
    loggers = [logging.getLogger(name) for name in ("api", "psycopg", "werkzeug", "flask.app", "tests.attack")]
    for logger in loggers:
        logger.addHandler(handler)
    ground.store.flushdb()
    try:
        with monitored(ground, found.redis_commands):
            _ask_everything(ground, found)
            ground.refusals()
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    return found


def _ask_everything(ground: Ground, found: Watched) -> None:
    for tenant_id in NAMES:
        key = str(a_key(ground, tenant_id))
        admin = ground.who(tenant_id, sub=PERSON)
        wrong = bearer(ground.make_token(tenant_id, exp=1, sub=PERSON))
        who = [admin, ground.who(tenant_id, "viewer", sub=PERSON), bearer(key), wrong, bearer(key[:-4] + "AAAA"), basic(NAMES[tenant_id])]
        found.secrets |= {headers["Authorization"].partition(" ")[2] for headers in who} | {key.rpartition("_")[2]}
        for headers in who:
            for operation in operations(ground.app):
                body: dict[str, Any] = {"json": operation.body()} if operation.has_body else {}
                ground.ask(operation.path(own(ground, tenant_id)), headers, operation.method, NEEDED.get(operation.endpoint), **body)
        for probe in probes(ground.app):
            if probe.operation.method == "GET":
                ground.ask(probe.operation.path(own(ground, tenant_id)), admin, query=probe.query)
        for name in ("*xss-script", "*crlf", "*sql-drop", "*nul", "jndi"):
            for operation in operations(ground.app)[:6]:
                ground.ask(address(ground, operation, "q", TEXTS[name][1]), admin)
        for path in UNGUARDED.values():
            ground.ask(path, basic(NAMES[tenant_id]))


# Redis


@one("R", "r1-keys", "every command that Redis gets while everything is asked", "each key begins with its purpose, its form and its tenant")
def test_every_key_in_redis_names_its_tenant(ground: Ground, watched: Watched, attack: Attack, held: Held) -> None:
    tenants = "|".join(str(tenant_id) for tenant_id in NAMES)
    form = re.compile(rf"estate:(cache:v1:({tenants}):[0-9a-zA-Z]|limit:v1:\{{({tenants})\}}:window)")
    named = [word for command in watched.redis_commands for word in command.split(" ") if word.startswith("estate:")]
    assert len(named) > 100
    assert [word for word in named if not form.match(word)] == []
    assert [key for key in ground.store.scan_iter("*") if not form.match(key.decode())] == []
    known = {
        "EVALSHA",
        "EVAL",
        "SCRIPT",
        "GET",
        "SET",
        "TIME",
        "PING",
        "HELLO",
        "CLIENT",
        "SELECT",
        "AUTH",
        "ECHO",
        "MONITOR",
        "SCAN",
        "PEXPIRE",
        "INFO",
    }
    used = {command.split(" ")[0].upper() for command in watched.redis_commands}
    assert used <= known, used - known
    held("all do")


@one("R", "r1-expiry", "every key that is left in Redis", "each expires")
def test_every_key_in_redis_expires(ground: Ground, watched: Watched, attack: Attack, held: Held) -> None:
    assert [key for key in ground.store.scan_iter("*") if ground.store.ttl(key) < 0] == []
    held("each expires")


@one("R", "r1-secrets", "every command and value in Redis: tokens, keys, passwords, subjects, owners", "none")
def test_redis_holds_no_secret_and_no_person(ground: Ground, watched: Watched, attack: Attack, held: Held) -> None:
    said = "\n".join(watched.redis_commands)
    for secret in (*watched.secrets, PERSON):
        assert secret not in said
    for key in ground.store.scan_iter("estate:cache:*"):
        assert b"owner_name" not in (ground.store.get(key) or b"")
        tenant_id = LAKESIDE if str(LAKESIDE).encode() in key else HARBORVIEW
        assert ground.foreign_to(tenant_id, (ground.store.get(key) or b"").decode("utf-8", "replace")) == set()
    held("none")


# The log and the metrics


@attacks(
    "R",
    Attack("r4-log-secrets", "every line of the log: tokens, keys, passwords", "none", "secrets"),
    Attack("r4-log-rows", "every line of the log: marks of rows and owners", "none", "rows"),
    Attack("r4-log-people", "every line of the log: the subject of a token", "none", "people"),
    Attack("r4-log-payloads", "every line of the log: addresses, queries and payloads as they were sent", "none", "payloads"),
    Attack("r4-log-lines", "line ends and quotes in what is sent, to forge a line of the log", "each line is one JSON object", "lines"),
)
def test_the_log_tells_no_secret(ground: Ground, watched: Watched, attack: Attack, held: Held) -> None:
    text = watched.log.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len([line for line in lines if line["logger"] == "api.access"]) > 1000
    looked_for = {
        "secrets": watched.secrets,
        "rows": set(CANARY.values()),
        "people": {PERSON},
        "payloads": {"<script>", "DROP TABLE", "jndi", "X-Injected", "?"},
        "lines": {"forged"},
    }
    for word in looked_for[attack.payload]:
        assert word not in text, word
    known = {"time", "level", "logger", "message", "request_id", "tenant_id", "method", "route", "status", "duration_ms"}
    assert {name for line in lines if line["logger"] == "api.access" for name in line} == known
    held("none" if attack.payload != "lines" else "each is one object")


def told_routes(ground: Ground) -> set[str]:
    return set(re.findall(r'route="([^"]*)"', ground.ask("/metrics", {}).text))


@one("R", "r4-metrics", "all metrics: tenants, subjects, identifiers, addresses, tokens, payloads", "none: labels are words of the code")
def test_metrics_tell_of_nobody(ground: Ground, watched: Watched, attack: Attack, held: Held) -> None:
    before = told_routes(ground)
    for path in (
        f"/api/v1/properties/{own(ground)['property_id']}",
        "/of-nobody/lakeside",
        "/api/v1/<script>",
        "/api/v1/properties/%2e%2e",
    ):
        ground.ask(path)
    text = ground.ask("/metrics", {}).text
    for word in (*watched.secrets, *CANARY.values(), *map(str, NAMES), PERSON, "lakeside", "script", own(ground)["property_id"]):
        assert word not in text, word
    # The registry belongs to the process, so the applications of other tests have left the templates of theirs in it.
    assert told_routes(ground) - before <= {rule.rule for rule in ground.app.url_map.iter_rules()} | {"unmatched"}
    held("none")


# The audit


def audited(ground: Ground, tenant_id: uuid.UUID, request_id: str) -> list[Any]:
    ground.app.extensions["real-estate-os"].audit.close()
    asked = "SELECT action, what, subject, status, route, a::text FROM platform.audit AS a WHERE tenant_id = %s AND request_id = %s"
    return ground.rows(asked, tenant_id, request_id)


@attacks(
    "R",
    Attack("r-audit-401", "every route without a sound credential", "a row each, of nobody", (401, NO_TENANT)),
    Attack("r-audit-403", "every route with too small a role", "a row each, of the caller", (403, LAKESIDE)),
    Attack("r-audit-429", "every route with the limit spent", "a row each, of the caller", (429, LAKESIDE)),
)
def test_each_refusal_leaves_its_row(ground: Ground, attack: Attack, held: Held) -> None:
    status, tenant_id = attack.payload
    platform = ground.app.extensions["real-estate-os"]
    if status == 429:
        spent = {one: {**UNLIMITED, "tenant": 1} for one in NAMES}
        ground.app.extensions["real-estate-os"] = replace(platform, limiter=Limiter("", spent))
    try:
        for operation in operations(ground.app):
            request_id = f"{status}-{uuid.uuid4().hex}"
            headers = {401: {}, 403: ground.who(LAKESIDE, "viewer"), 429: ground.who(LAKESIDE)}[status]
            asked = {**headers, "X-Request-ID": request_id}
            found = [ground.ask(operation.path(own(ground)), asked, operation.method).status_code for _ in range(1 if status == 401 else 2)]
            rows = [(row[0], row[3]) for row in audited(ground, tenant_id, request_id)]
            assert rows == [("refused", status)] * found.count(status), operation.endpoint
            assert status in found or (status == 403 and operation.role == "viewer")
    finally:
        ground.app.extensions["real-estate-os"] = platform
    held("a row each")


def personal(ground: Ground) -> list[Probe]:
    """Every way of reading personal data."""
    found = []
    for operation in operations(ground.app):
        names = {one["name"]: one for one in operation.queries}
        if operation.endpoint in PERSONAL and operation.endpoint != "provenance.one":
            found.append(Probe(operation, "personal", {}))
        if "include" in names and "owner" in str(names["include"]["schema"]):
            found.append(Probe(operation, "personal", {"include": "owner"}))
        if "owner" in names:
            found.append(Probe(operation, "personal", {"owner": "nobody"}))
    assert len(found) >= 8
    return found


@one(
    "R",
    "r-audit-personal",
    "every way of reading personal data: include, filter, raw rows, the audit itself",
    "a row each, before the answer",
)
def test_each_read_of_personal_data_leaves_its_row(ground: Ground, attack: Attack, held: Held) -> None:
    for probe in personal(ground):
        request_id = f"personal-{uuid.uuid4().hex}"
        answer = ground.ask(probe.operation.path(own(ground)), {**ground.who(sub=PERSON), "X-Request-ID": request_id}, query=probe.query)
        assert answer.status_code == 200, probe
        rows = audited(ground, LAKESIDE, request_id)
        assert [(row[0], row[2]) for row in rows] == [("personal_read", PERSON)], probe
    held("a row each")


@one("R", "r-audit-marks", "all rows of the audit: owners, rows, tokens, queries, payloads", "none beside subject, route and request id")
def test_the_audit_holds_nothing_of_what_was_read(ground: Ground, watched: Watched, attack: Attack, held: Held) -> None:
    rows = "\n".join(text for (text,) in ground.rows("SELECT a::text FROM platform.audit AS a"))
    assert PERSON in rows
    for word in (*watched.secrets, *CANARY.values(), "<script>", "DROP TABLE", "/properties/163c"):
        assert word not in rows, word
    held("none")


@one("R", "r-audit-own", "the audit of one tenant read by the other's admin", "own rows only; refusals of nobody are nobody's")
def test_the_audit_is_the_tenant_s_own(ground: Ground, attack: Attack, held: Held) -> None:
    ground.ask("/api/v1/properties", {}, query={})
    ground.ask("/api/v1/audit", ground.who(LAKESIDE, "viewer", sub="lakeside person"))
    ground.refusals()
    told = ground.ask("/api/v1/audit", ground.who(HARBORVIEW), query={"limit": 500}).text
    assert "lakeside person" not in told
    assert '"subject":null' not in told
    held("own rows only")


@pytest.fixture
def without_audit(ground: Ground, api_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """The API with everything but an audit that can be written."""
    kept = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
    app = create_app(api_settings(**{name: getattr(ground.settings, name) for name in kept}), TENANTS)
    app.extensions["real-estate-os"] = replace(app.extensions["real-estate-os"], audit=Audit(NOWHERE))
    yield app
    app.extensions["real-estate-os"].close()


@one("R", "r-audit-away", "reads of personal data while the audit cannot be written", "503 without the data; all else is answered")
def test_what_cannot_be_written_down_is_not_shown(ground: Ground, without_audit: Flask, attack: Attack, held: Held) -> None:
    client = without_audit.test_client()
    found = set()
    # One of each kind: each waits for the audit as long as it may.
    for probe in {probe.operation.endpoint: probe for probe in personal(ground)}.values():
        answer = client.get(probe.operation.path(own(ground)), headers=ground.who(), query_string=probe.query, buffered=True)
        found.add(answer.status_code)
        assert CANARY[LAKESIDE] not in answer.text, probe
    assert found == {503}
    assert client.get("/api/v1/properties?limit=1", headers=ground.who()).status_code == 200
    held("503 without the data")


@one(
    "R", "r-audit-flood", "three thousand refusals while the audit's table is locked", "each is told of, by a row or a count; nobody waits"
)
def test_a_flood_of_refusals_holds_up_nobody(ground: Ground, attack: Attack, held: Held) -> None:
    audit = ground.app.extensions["real-estate-os"].audit
    ground.refusals()
    lost = audit.lost
    told = "SELECT what FROM platform.audit WHERE tenant_id = %s AND status = 401 AND occurred_at >= %s"
    ((began,),) = ground.rows("SELECT clock_timestamp()")
    with psycopg.connect(ground.database.superuser_url) as connection:
        connection.execute("LOCK TABLE platform.audit")
        assert {ground.ask("/api/v1/properties", {}).status_code for _ in range(3000)} == {401}
        assert ground.ask("/api/v1/me").status_code == 200
    ground.refusals()
    # Refusals of nobody that are alike are gathered into one row, which says how many they were.
    counts = [int(found[1]) if (found := re.search(r"\(([0-9]+) times\)", what)) else 1 for (what,) in ground.rows(told, NO_TENANT, began)]
    assert sum(counts) + audit.lost - lost == 3000
    held("401; 200 for others")
