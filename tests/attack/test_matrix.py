"""Every route with every credential: none, a wrong one, too small a one, and the other tenant's."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from issuer import HARBORVIEW, LAKESIDE, bearer
from werkzeug.test import TestResponse

from estate import access
from estate.api_key import ApiKey, new_key
from tests.attack.ground import Ground, a_key, basic, owning
from tests.attack.report import Attack, Held, attacks, seen
from tests.attack.routes import FOREIGN, NEEDED, Operation, absent, operations, own

pytestmark = pytest.mark.servers
RANK = {"viewer": 0, "analyst": 1, "admin": 2}


def send(ground: Ground, operation: Operation, headers: dict[str, str], values: dict[str, str], **query: Any) -> TestResponse:
    """One request of the operation with a request id that is always the same."""
    asked = {**NEEDED.get(operation.endpoint, {}), **query}
    more: dict[str, Any] = {"json": operation.body()} if operation.has_body else {}
    return ground.ask(operation.path(values), {**headers, "X-Request-ID": "attack"}, operation.method, asked, **more)


def aimed(ground: Ground) -> list[Operation]:
    """The operations whose address names something of a tenant."""
    return [one for one in operations(ground.app) if FOREIGN & set(one.path_names)]


# Credentials that prove nothing


def credentials(name: str, ground: Ground) -> Iterator[dict[str, str]]:  # noqa: C901, PLR0912 - one a kind
    """The headers of one kind of wrong credential."""
    token = ground.make_token(LAKESIDE, roles=["admin"])
    sound = a_key(ground)
    if name == "none":
        yield {}
    elif name == "empty":
        yield from ({"Authorization": text} for text in ("", " ", "Bearer", "Bearer ", "Bearer null", "Bearer undefined"))
    elif name == "basic":
        yield from (basic("lakeside"), basic("", ""), basic(token, ""))
    elif name == "elsewhere":
        yield from ({header: f"Bearer {token}"} for header in ("X-Authorization", "Proxy-Authorization", "X-Access-Token", "X-Api-Key"))
        yield {"Cookie": f"access_token={token}; Authorization=Bearer {token}; session={token}"}
    elif name == "scheme":
        yield from (
            {"Authorization": f"{scheme} {token}"} for scheme in ("Token", "JWT", "DPoP", "Bearer:", "Digest", "Negotiate", "ApiKey")
        )
    elif name == "expired":
        yield bearer(ground.make_token(LAKESIDE, exp=timedelta(seconds=-60)))
    elif name == "stranger":
        yield bearer(ground.make_token(LAKESIDE, key=generate_private_key(65537, 2048)))
    elif name == "unknown-key":
        yield bearer(str(new_key(LAKESIDE)))
    elif name == "wrong-secret":
        yield bearer(str(ApiKey(sound.key_id, new_key(LAKESIDE).secret)))
    elif name == "foreign-prefix":
        yield bearer(str(ApiKey(HARBORVIEW.hex + sound.key_id[32:], sound.secret)))
    elif name == "foreign-secret":
        yield bearer(str(ApiKey(sound.key_id, a_key(ground, HARBORVIEW).secret)))
    elif name == "digest":
        yield bearer(f"reo_{sound.key_id}_{sound.secret_sha256[:43]}")
    elif name == "revoked":
        with owning(ground):
            access.revoke(sound.key_id)
        yield bearer(str(sound))
    elif name == "past":
        with psycopg.connect(ground.database.superuser_url) as connection:
            connection.execute("UPDATE platform.api_key SET expires_at = now() WHERE key_id = %s", (sound.key_id,))
        yield bearer(str(sound))


@attacks(
    "P1",
    Attack("p1-no-token", "every route without credentials", "401 with `WWW-Authenticate: Bearer`", "none"),
    Attack("p1-empty-authorization", "an empty Authorization header, or a scheme without a token", "401", "empty"),
    Attack("p1-basic", "the password of Data Docs, or a token as a user's name, on the API", "401", "basic"),
    Attack("p1-token-elsewhere", "a sound token in a cookie, or in a header that is not Authorization", "401", "elsewhere"),
    Attack("p1-other-scheme", "a sound token under another scheme", "401", "scheme"),
    Attack("p1-expired-token", "a token that has expired", "401", "expired"),
    Attack("p1-stranger-s-signature", "a token for the tenant signed by a stranger who knows the key's id", "401", "stranger"),
    Attack("p1-unknown-key", "an API key that nobody issued, under the tenant's prefix", "401", "unknown-key"),
    Attack("p1-key-wrong-secret", "the id of an issued key with another secret", "401", "wrong-secret"),
    Attack("p1-key-foreign-prefix", "the own key's secret under an id that begins with the other tenant", "401", "foreign-prefix"),
    Attack("p1-key-foreign-secret", "the id of one tenant's key with the secret of the other's", "401", "foreign-secret"),
    Attack("p1-key-digest", "the stored digest of a key's secret in the place of the secret", "401", "digest"),
    Attack("p1-key-revoked", "a key that was revoked", "401", "revoked"),
    Attack("p1-key-expired", "a key past its day", "401", "past"),
)
def test_a_credential_that_proves_nothing_opens_no_route(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for headers in credentials(attack.payload, ground):
        bodies = set()
        for operation in operations(ground.app):
            answer = send(ground, operation, headers, own(ground))
            statuses.add(answer.status_code)
            assert answer.status_code == 401, (operation.endpoint, headers)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert ground.foreign_to(HARBORVIEW, answer.text.replace(answer.json["instance"], "")) == set()
            bodies.add(re.sub(r'"instance":"[^"]*"', "", answer.text))
        assert len(bodies) == 1, "the refusal does not tell routes apart"
    held(seen(statuses))


# The other tenant's credentials


def foreign_headers(name: str, ground: Ground) -> dict[str, str]:
    """A sound credential that is not Lakeside's."""
    if name == "key":
        return bearer(str(a_key(ground, HARBORVIEW)))
    if name == "nobody":
        return ground.who(uuid.UUID("01234567-89ab-5def-8123-456789abcdef"))
    return ground.who(HARBORVIEW, "admin")


def alike(ground: Ground, operation: Operation, headers: dict[str, str], method: str | None = None, **query: Any) -> int:
    """Assert that what is Lakeside's answers as what is absent, headers and body; returns the status."""
    answers = []
    for values in (own(ground), absent(ground)):
        aim = operation.path(values)
        asked = {**NEEDED.get(operation.endpoint, {}), **query}
        answer = ground.ask(aim, {**headers, "X-Request-ID": "attack"}, method or operation.method, asked)
        names = {value: f"<{name}>" for name, value in values.items() if name in FOREIGN}
        text = answer.text
        for value, name in names.items():
            text = text.replace(value, name)
        # A tag is made of the address, whether or not there is anything.
        kept = {k: v for k, v in answer.headers if k not in {"Content-Length", "X-RateLimit-Reset", "X-RateLimit-Remaining", "ETag"}}
        answers.append((answer.status_code, text, kept))
        assert answer.status_code < 500
        assert ground.foreign_to(HARBORVIEW, answer.text.replace(aim, "")) == set(), operation.endpoint
    assert answers[0] == answers[1], operation.endpoint
    return int(answers[0][0])


@attacks(
    "P1",
    Attack(
        "p1-foreign-id-token",
        "every address with an identifier of the other tenant, by a sound token of one's own",
        "404 as if absent",
        "token",
    ),
    Attack("p1-foreign-id-key", "the same by an API key of one's own", "404 as if absent", "key"),
    Attack(
        "p1-foreign-id-nobody", "the same by a sound token of a tenant that has no rows and is not listed", "404 as if absent", "nobody"
    ),
)
def test_what_belongs_to_another_answers_as_what_is_absent(ground: Ground, attack: Attack, held: Held) -> None:
    headers = foreign_headers(attack.payload, ground)
    assert aimed(ground)
    statuses = {alike(ground, operation, headers) for operation in aimed(ground)}
    assert all(send(ground, one, ground.who(), own(ground)).status_code == 200 for one in aimed(ground)), "its owner finds it"
    held(f"{seen(statuses)}, byte for byte as if absent")


ASKED: dict[str, dict[str, Any]] = {
    "as-of": {"as_of": "2026-02-01T00:00:00Z"},
    "include-owner": {"include": "owner"},
    "unknown-parameter": {"tenant_id": str(LAKESIDE)},
    "if-none-match": {},
    "head": {},
    "wrong-field": {},
    "accept": {},
}


@attacks(
    "P1",
    Attack("p1-foreign-id-as-of", "a foreign identifier as of a moment at which it existed", "as if absent", "as-of"),
    Attack("p1-foreign-id-include-owner", "a foreign identifier with include=owner", "as if absent", "include-owner"),
    Attack(
        "p1-foreign-id-bad-parameter",
        "a foreign identifier with a parameter that is refused: which is checked first",
        "as if absent",
        "unknown-parameter",
    ),
    Attack("p1-foreign-id-if-none-match", "a foreign identifier with `If-None-Match: *`", "as if absent", "if-none-match"),
    Attack("p1-foreign-id-head", "HEAD of a foreign identifier: the headers alone", "as if absent", "head"),
    Attack("p1-foreign-id-other-accept", "a foreign identifier in every form of Accept", "as if absent", "accept"),
)
def test_no_way_of_asking_tells_a_foreign_identifier_from_an_absent_one(ground: Ground, attack: Attack, held: Held) -> None:
    query, statuses = ASKED[attack.payload], set()
    for operation in aimed(ground):
        headers = ground.who(HARBORVIEW)
        if attack.payload == "include-owner" and "include" not in {one["name"] for one in operation.queries}:
            continue
        if attack.payload == "as-of" and "as_of" not in {one["name"] for one in operation.queries}:
            continue
        if attack.payload == "accept":
            for form in ("application/geo+json", "text/csv", "text/html", "image/png", "*/*;q=0", ","):
                statuses.add(alike(ground, operation, {**headers, "Accept": form}))
            continue
        if attack.payload == "if-none-match":
            headers["If-None-Match"] = "*"
        statuses.add(alike(ground, operation, headers, "HEAD" if attack.payload == "head" else None, **query))
    assert statuses
    held(f"{seen(statuses)}, as if absent")


# Roles


def too_small(ground: Ground) -> Iterator[tuple[Operation, str]]:
    """Each operation with each role that is not enough for it."""
    for operation in operations(ground.app):
        yield from ((operation, role) for role in RANK if RANK[role] < RANK[operation.role])


ROLE_CLAIMS: dict[str, dict[str, Any]] = {
    "case": {"roles": ["Admin", "ANALYST", " admin", "admin ", "admin\u0000"]},
    "text": {"roles": "admin"},
    "nested": {"roles": [["admin"], {"name": "admin"}]},
    "scope": {"scope": "admin analyst", "scp": ["admin"], "groups": ["admin"], "role": "admin", "permissions": ["admin"]},
    "client": {"resource_access": {"account": {"roles": ["admin"]}, "realm-management": {"roles": ["admin"]}}},
}


@attacks(
    "P1",
    Attack("p1-role-token", "every route with a token whose role is too small", "403", "token"),
    Attack("p1-role-key", "every route with an API key whose role is too small", "403", "key"),
    Attack("p1-role-case", "roles in capitals, with blanks, with NUL", "403", "case"),
    Attack("p1-role-text", "`roles` as a text in the place of a list", "403", "text"),
    Attack("p1-role-nested", "roles inside lists and objects inside the list", "403", "nested"),
    Attack("p1-role-scope", "roles in scope, scp, groups, role and permissions", "403", "scope"),
    Attack("p1-role-other-client", "the role admin of another client of the issuer", "403", "client"),
    Attack("p1-role-header", "X-Role, X-Roles and X-Admin headers beside a viewer's token", "403", "header"),
    Attack("p1-role-head", "HEAD in the place of GET with too small a role", "403", "head"),
)
def test_too_small_a_role_opens_nothing(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    keys = {role: bearer(str(a_key(ground, LAKESIDE, role))) for role in RANK} if attack.payload == "key" else {}
    for operation, role in too_small(ground):
        headers = keys.get(role) or ground.who(LAKESIDE, role)
        if attack.payload in ROLE_CLAIMS:
            headers = bearer(ground.make_token(LAKESIDE, **ROLE_CLAIMS[attack.payload]))
        if attack.payload == "header":
            headers |= {"X-Role": "admin", "X-Roles": "admin,analyst", "X-Admin": "true", "X-User-Roles": "admin"}
        more: dict[str, Any] = {"json": operation.body()} if operation.has_body else {}
        method = "HEAD" if attack.payload == "head" else operation.method
        answer = ground.ask(operation.path(own(ground)), headers, method, NEEDED.get(operation.endpoint), **more)
        statuses.add(answer.status_code)
        assert answer.status_code == 403, (operation.endpoint, role)
        assert ground.foreign_to(HARBORVIEW, answer.text.replace(operation.path(own(ground)), "")) == set()
    held(seen(statuses))


PERSONAL = {"include": "owner", "owner": "zqlakeside"}


@attacks(
    "P1",
    Attack("p1-owner-include", "a viewer asks every route that knows it for include=owner", "403", "include"),
    Attack("p1-owner-filter", "a viewer searches by the owner's name", "403", "owner"),
)
def test_a_viewer_is_shown_no_personal_data(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        known = {one["name"]: one for one in operation.queries}
        if attack.payload not in known or (PERSONAL[attack.payload] not in str(known[attack.payload]) and attack.payload == "include"):
            continue
        answer = send(ground, operation, ground.who(LAKESIDE, "viewer"), own(ground), **{attack.payload: PERSONAL[attack.payload]})
        statuses.add(answer.status_code)
        assert answer.status_code == 403, operation.endpoint
    assert statuses
    held(seen(statuses))
