"""Payloads in every parameter, path part and header of every route: an answer, never a fault, and never anything that runs."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from tests.attack.ground import Ground
from tests.attack.payloads import BUILT, HEADERS, MARK, TEXTS
from tests.attack.report import Attack, Held, attacks, seen
from tests.attack.routes import NEEDED, TOGETHER, UNGUARDED, Operation, operations, own

pytestmark = pytest.mark.servers


def harmless(answer: TestResponse, where: Any) -> int:
    """Assert what every answer to a payload must be; returns its status."""
    assert answer.status_code < 500, where
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    kind = answer.headers.get("Content-Type", "")
    assert "html" not in kind, where
    assert "X-Injected" not in answer.headers, where
    assert "Set-Cookie" not in answer.headers, where
    text = answer.data.decode("utf-8", "replace")
    assert MARK + BUILT not in text, where
    assert "root:x:0" not in text, where
    assert "Traceback" not in text, where
    assert "psycopg" not in text, where
    assert MARK not in str(answer.headers), where
    if "json" in kind and "ndjson" not in kind and "Content-Encoding" not in answer.headers:
        json.loads(answer.data)
    if answer.status_code >= 400:
        assert kind == "application/problem+json", where
    return answer.status_code


def address(ground: Ground, operation: Operation, name: str, raw: bytes) -> str:
    """The operation's address with the payload as one parameter and whatever else it needs."""
    beside = {**NEEDED.get(operation.endpoint, {}), **TOGETHER.get(name, {})}
    beside.pop(name, None)
    pairs = "".join(f"{quote(str(other))}={quote(str(value))}&" for other, value in beside.items())
    return f"{operation.path(own(ground))}?{pairs}{name}={quote(raw, safe='')}"


@attacks(
    "P5",
    *(
        Attack(f"p5-query-{name.lstrip('*')}", f"in every parameter of every route: {said}", "200 or 400", raw)
        for name, (said, raw) in TEXTS.items()
    ),
)
def test_a_payload_in_a_parameter_is_a_value_or_a_refusal(ground: Ground, attack: Attack, held: Held) -> None:
    statuses, who = set(), ground.who()
    for operation in operations(ground.app):
        for parameter in operation.queries:
            path = address(ground, operation, parameter["name"], attack.payload)
            statuses.add(harmless(ground.ask(path, who), (operation.endpoint, parameter["name"])))
    assert statuses <= {200, 400, 404}
    held(seen(statuses))


@attacks(
    "P5",
    *(
        Attack(f"p5-path-{name.lstrip('*')}", f"in every part of every address: {said}", "400 or 404", raw)
        for name, (said, raw) in TEXTS.items()
        if name.startswith("*")
    ),
)
def test_a_payload_in_an_address_is_nothing_that_exists(ground: Ground, attack: Attack, held: Held) -> None:
    statuses, who, part = set(), ground.who(), quote(attack.payload, safe="")
    for operation in operations(ground.app):
        for name in operation.path_names:
            statuses.add(harmless(ground.ask(operation.path({**own(ground), name: part}), who), (operation.endpoint, name)))
    for endpoint in ("problems.explain", "document.asset"):
        statuses.add(harmless(ground.ask(f"{UNGUARDED[endpoint].rpartition('/')[0]}/{part}", who), endpoint))
    assert statuses <= {200, 400, 401, 404, 405}
    held(seen(statuses))


@attacks(
    "P5",
    *(
        Attack(f"p5-name-{name}", f"as the name of a parameter, on every route: {said}", "400", TEXTS[key][1])
        for name, key, said in (
            ("sql", "*sql-drop", "SQL"),
            ("script", "*xss-script", "a script"),
            ("crlf", "*crlf", "a header behind a line end"),
            ("nul", "*nul", "NUL"),
            ("surrogate", "*surrogate", "half of a surrogate pair"),
            ("format", "*format-python", "a format string"),
            ("long", "long", "3,900 letters"),
            ("dunder", "braces", "braces"),
        )
    ),
)
def test_a_payload_as_a_name_is_refused(ground: Ground, attack: Attack, held: Held) -> None:
    statuses, who = set(), ground.who()
    for operation in operations(ground.app):
        if operation.method == "GET":
            path = f"{operation.path(own(ground))}?{quote(attack.payload, safe='')}=1"
            statuses.add(harmless(ground.ask(path, who), operation.endpoint))
    assert statuses == {400}
    held(seen(statuses))


@attacks(
    "P5",
    *(
        Attack(f"p5-header-{name}", f"on every route: {said}", "an answer as without, or a refusal", (header, text))
        for name, (said, header, text) in HEADERS.items()
    ),
)
def test_a_payload_in_a_header_is_a_value_or_a_refusal(ground: Ground, attack: Attack, held: Held) -> None:
    header, text = attack.payload
    statuses = set()
    for operation in operations(ground.app):
        body: dict[str, Any] = {"json": operation.body()} if operation.has_body else {}
        answer = ground.ask(
            operation.path(own(ground)), {**ground.who(), header: text}, operation.method, NEEDED.get(operation.endpoint), **body
        )
        statuses.add(harmless(answer, operation.endpoint))
        assert answer.headers["X-Request-ID"] != text
    held(seen(statuses))
