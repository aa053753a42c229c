"""The tenant is in the credential and nowhere else: whatever else names one is ignored, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from issuer import HARBORVIEW, LAKESIDE
from werkzeug.test import TestResponse

from tests.attack.ground import Ground
from tests.attack.report import Attack, Held, attacks, one, seen
from tests.attack.routes import NEEDED, Operation, operations, own

pytestmark = pytest.mark.servers
FOREIGN = str(LAKESIDE)  # Harborview asks
CHANGING = {"audit.page"}  # each reading stands on the next one's page


def ask(ground: Ground, operation: Operation, headers: dict[str, str] | None = None, **how: Any) -> TestResponse:
    """Harborview's sound request, with whatever else the attack brings."""
    query = {**NEEDED.get(operation.endpoint, {}), **how.pop("query", {})}
    body: dict[str, Any] = {"json": {**(operation.body() or {}), **how.pop("body", {})}} if operation.has_body else {}
    chosen = {**ground.who(HARBORVIEW), "X-Request-ID": "attack", **(headers or {})}
    return ground.ask(how.pop("path", operation.path(own(ground, HARBORVIEW))), chosen, operation.method, query, **body, **how)


HEADERS: dict[str, tuple[str, dict[str, str]]] = {
    "tenant": ("X-Tenant-ID, X-Tenant, Tenant-ID", {"X-Tenant-ID": FOREIGN, "X-Tenant": FOREIGN, "Tenant-ID": FOREIGN}),
    "org": ("X-Scope-OrgID, X-Organization-ID, X-Account", {"X-Scope-OrgID": FOREIGN, "X-Organization-ID": FOREIGN, "X-Account": FOREIGN}),
    "setting": ("the name of PostgreSQL's setting", {"app.tenant_id": FOREIGN, "App-Tenant-Id": FOREIGN}),
    "user": (
        "X-Forwarded-User, X-Remote-User, X-Auth-Request-User",
        {"X-Forwarded-User": "root", "X-Remote-User": "root", "X-Auth-Request-User": "root"},
    ),
    "userinfo": (
        "X-Userinfo and X-JWT-Payload with claims of the other tenant",
        {"X-Userinfo": f'{{"tenant_id":"{FOREIGN}"}}', "X-JWT-Payload": FOREIGN},
    ),
    "cookie": ("cookies that name the other tenant", {"Cookie": f"tenant_id={FOREIGN}; tenant={FOREIGN}; session={FOREIGN}"}),
    "url": ("X-Original-URL, X-Rewrite-URL", {"X-Original-URL": "/api/v1/audit", "X-Rewrite-URL": "/api/v1/audit"}),
    "method": ("method override headers", {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE", "X-Method-Override": "PUT"}),
    "host": (
        "Host and X-Forwarded-Host of another",
        {"Host": "evil.test", "X-Forwarded-Host": "evil.test", "X-Forwarded-Server": "evil.test"},
    ),
    "prefix": (
        "X-Forwarded-Prefix, X-Script-Name, X-Forwarded-Proto",
        {"X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil", "X-Forwarded-Proto": "javascript"},
    ),
    "for": (
        "X-Forwarded-For, Forwarded, X-Real-IP of this very machine",
        {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Real-IP": "127.0.0.1"},
    ),
    "profile": (
        "Accept-Profile, Content-Profile, Prefer, as other APIs know them",
        {"Accept-Profile": "platform", "Content-Profile": "platform", "Prefer": "tx=commit"},
    ),
    "trace": (
        "traceparent and baggage that name the other tenant",
        {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "baggage": f"tenant_id={FOREIGN}"},
    ),
    "debug": (
        "X-Debug, X-Werkzeug-Debugger, Pragma: akamai-x-get-cache-key",
        {"X-Debug": "1", "X-Werkzeug-Debugger": "1", "Pragma": "akamai-x-get-cache-key"},
    ),
    "range": ("Range and If-Range of a part of the answer", {"Range": "bytes=0-10", "If-Range": '"x"'}),
    "dates": (
        "If-Modified-Since and If-Unmodified-Since",
        {"If-Modified-Since": "Sat, 01 Jan 2999 00:00:00 GMT", "If-Unmodified-Since": "Mon, 01 Jan 1990 00:00:00 GMT"},
    ),
}


@attacks(
    "P3",
    *(
        Attack(f"p3-header-{name}", f"every route with {said}", "the answer that one gets without", headers)
        for name, (said, headers) in HEADERS.items()
    ),
)
def test_a_header_changes_nothing(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        plain, attacked = ask(ground, operation), ask(ground, operation, attack.payload)
        statuses.add(attacked.status_code)
        assert attacked.status_code == plain.status_code, operation.endpoint
        assert "evil" not in attacked.text + str(attacked.headers)
        if operation.endpoint not in CHANGING:
            assert attacked.data == plain.data, operation.endpoint
        assert ground.foreign_to(HARBORVIEW, attacked.text + str(attacked.headers)) == set()
    held(f"{seen(statuses)}, not a byte differs")


QUERIES = {
    "tenant-id": ("tenant_id", {"tenant_id": FOREIGN}),
    "tenant": ("tenant and org", {"tenant": "lakeside", "org": "lakeside"}),
    "setting": ("app.tenant_id", {"app.tenant_id": FOREIGN}),
    "list": ("tenant_id[]", {"tenant_id[]": FOREIGN}),
    "camel": ("tenantId", {"tenantId": FOREIGN}),
    "prototype": ("__proto__[tenant_id]", {"__proto__[tenant_id]": FOREIGN}),
    "token": ("access_token", {"access_token": "x.y.z"}),
    "method": ("_method", {"_method": "DELETE"}),
    "callback": ("callback, for a script that runs the answer", {"callback": "steal"}),
    "debug": ("debug and select", {"debug": "1", "select": "*"}),
}


@attacks(
    "P3",
    *(
        Attack(f"p3-query-{name}", f"every route with the parameter {said}", "400 that names the parameter", query)
        for name, (said, query) in QUERIES.items()
    ),
)
def test_a_parameter_that_is_not_known_is_refused_by_name(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        answer = ask(ground, operation, query=attack.payload)
        if operation.method == "POST":
            continue  # its body is what is read; see the attacks on bodies
        statuses.add(answer.status_code)
        assert answer.status_code == 400, operation.endpoint
        assert answer.json["parameter"] in attack.payload, operation.endpoint
        assert ground.foreign_to(HARBORVIEW, answer.text.replace(FOREIGN, "")) == set()
    held(seen(statuses))


@one(
    "P3",
    "p3-query-twice",
    "every parameter of every route given twice, the second time with the other tenant's value",
    "400 that names the parameter",
)
def test_a_parameter_that_comes_twice_is_refused(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        for parameter in operation.queries:
            path = f"{operation.path(own(ground, HARBORVIEW))}?{parameter['name']}=1&{parameter['name']}={FOREIGN}"
            answer = ground.ask(path, ground.who(HARBORVIEW))
            statuses.add(answer.status_code)
            assert answer.status_code == 400, (operation.endpoint, parameter["name"])
            assert answer.json["parameter"] == parameter["name"]
    held(seen(statuses))


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "tenant-id": ("tenant_id", {"tenant_id": FOREIGN}),
    "property": ("property_id of the other tenant", {"property_id": FOREIGN}),
    "model": ("model_id of the other tenant's model", {"model_id": "53033-2024-06-30-000000000000"}),
    "nested": ("a caller object with the other tenant", {"caller": {"tenant_id": FOREIGN, "roles": ["admin"]}}),
    "prototype": ("__proto__ and constructor", {"__proto__": {"tenant_id": FOREIGN}, "constructor": {"prototype": {}}}),
    "dunder": ("__class__ and __init__", {"__class__": "Caller", "__init__": {"__globals__": {}}}),
}


@attacks(
    "P3",
    *(
        Attack(f"p3-body-{name}", f"every body with {said} in it", "400 that names the field", body)
        for name, (said, body) in BODIES.items()
    ),
)
def test_a_field_that_is_not_known_is_refused(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        if operation.has_body:
            answer = ask(ground, operation, body=attack.payload)
            statuses.add(answer.status_code)
            assert answer.status_code == 400, operation.endpoint
            assert answer.json["pointer"].split(".")[0] in attack.payload
    assert statuses
    held(seen(statuses))


@one("P3", "p3-body-on-get", "a body that names the other tenant on every GET", "the answer that one gets without")
def test_the_body_of_a_get_is_not_read(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        if operation.has_body or operation.endpoint in CHANGING:
            continue
        attacked = ask(ground, operation, json={"tenant_id": FOREIGN, "roles": ["admin"]})
        statuses.add(attacked.status_code)
        assert attacked.data == ask(ground, operation).data, operation.endpoint
    held(f"{seen(statuses)}, not a byte differs")


PATHS = {
    "prefix": ("the tenant in front of the address", "/lakeside{path}"),
    "version": ("the tenant behind the version", "/api/v1/lakeside{rest}"),
    "matrix": ("a matrix parameter", "{path};tenant_id=lakeside"),
    "suffix": ("a suffix that a cache keeps (.css)", "{path}/x.css"),
    "dot-css": ("a suffix on the last segment (.js)", "{path}.js"),
    "slash": ("a slash at the end", "{path}/"),
    "double-slash": ("two slashes in front", "/{path}"),
    "inner-slash": ("two slashes inside", "/api//v1{rest}"),
    "case": ("the address in capitals", "/API/V1{rest}"),
    "null": ("NUL at the end", "{path}%00"),
    "newline": ("a line feed at the end", "{path}%0a"),
    "up": ("up and down again", "/api/v1/../v1{rest}"),
    "encoded-up": ("up and down again, encoded", "/api/v1/%2e%2e/v1{rest}"),
    "encoded-slash": ("an encoded slash at the end", "{path}%2f"),
    "backslash": ("backslashes", "/api\\v1{rest}"),
    "fragment": ("an encoded question mark with a parameter behind", "{path}%3ftenant_id=lakeside"),
}


@attacks(
    "P3",
    *(
        Attack(f"p3-path-{name}", f"every address with {said}", "404, or the answer of that very address", path)
        for name, (said, path) in PATHS.items()
    ),
)
def test_an_address_that_is_almost_one_is_none(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        path = operation.path(own(ground, HARBORVIEW))
        made = attack.payload.format(path=path, rest=path.removeprefix("/api/v1"))
        answer = ask(ground, operation, path=made)
        statuses.add(answer.status_code)
        assert answer.status_code in {400, 404, 405}, (operation.endpoint, made)
        assert ground.foreign_to(HARBORVIEW, answer.text) == set()
    held(seen(statuses))


METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "MKCOL", "COPY", "PURGE", "GETX")


@attacks(
    "P3",
    *(
        Attack(
            f"p3-method-{name.lower()}",
            f"{name} on every address that does not know it",
            "405 with Allow",
            name,
        )
        for name in METHODS
    ),
)
def test_a_method_that_is_not_known_is_refused_and_changes_nothing(ground: Ground, attack: Attack, held: Held) -> None:
    statuses, before = set(), ground.counts()
    for operation in operations(ground.app):
        if attack.payload == operation.method:
            continue
        path = operation.path(own(ground, HARBORVIEW))
        answer = ground.ask(path, ground.who(HARBORVIEW), attack.payload, NEEDED.get(operation.endpoint))
        statuses.add(answer.status_code)
        assert answer.status_code == 405, operation.endpoint
        assert operation.method in answer.headers["Allow"]
    assert ground.counts() == before
    held(seen(statuses))
