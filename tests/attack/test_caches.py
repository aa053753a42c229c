"""What is kept of an answer, here, in Redis or on the way, reaches nobody else: tags, headers, poisoned values."""

from __future__ import annotations

import contextlib
import json
import struct
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import moving
import psycopg
import pytest
from issuer import HARBORVIEW, LAKESIDE
from psycopg import sql

from api.cache import Kept, packed
from api.resource import ROUTES
from tests.attack.ground import Ground, a_key, table
from tests.attack.report import Attack, Held, attacks, one, seen
from tests.attack.routes import NEEDED, UNGUARDED, Operation, absent, operations, own

pytestmark = pytest.mark.servers


def ask(ground: Ground, operation: Operation, who: dict[str, str], values: dict[str, str] | None = None, query: Any = None) -> Any:
    body: dict[str, Any] = {"json": operation.body()} if operation.has_body else {}
    asked = {**NEEDED.get(operation.endpoint, {}), **(query or {})}
    return ground.ask(operation.path(values or own(ground)), {**who, "X-Request-ID": "attack"}, operation.method, asked, **body)


def tagged(ground: Ground) -> list[tuple[Operation, str]]:
    """The operations that give tags, each with Lakeside's admin's."""
    found = [
        (one, ask(ground, one, ground.who()).headers.get("ETag")) for one in operations(ground.app) if ROUTES[one.endpoint].is_versioned
    ]
    assert len(found) > 15
    return [(operation, etag) for operation, etag in found if etag]


# Tags


@attacks(
    "P3",
    Attack("p3-etag-other-tenant", "a tag of one tenant sent by the other to the same address", "never 304", "tenant"),
    Attack("p3-etag-other-role", "an admin's tag sent by a viewer", "never 304", "role"),
    Attack("p3-etag-key", "a token's tag sent by an API key of the other tenant", "never 304", "key"),
    Attack("p3-etag-other-query", "a tag of one query sent with another", "never 304", "query"),
    Attack("p3-etag-other-form", "a tag of one form sent for another", "never 304", "form"),
    Attack("p3-etag-garbage", "If-None-Match of quotes, blanks, commas, unclosed tags and two thousand tags", "never 304", "garbage"),
)
def test_a_tag_is_good_for_what_it_was_given_for(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    key = {"Authorization": f"Bearer {a_key(ground, HARBORVIEW)}"}
    for operation, etag in tagged(ground):
        match = {"If-None-Match": etag}
        if attack.payload == "tenant":
            answers = [ask(ground, operation, {**ground.who(HARBORVIEW), **match})]
        elif attack.payload == "role":
            answers = [ask(ground, operation, {**ground.who(LAKESIDE, "viewer"), **match})]
        elif attack.payload == "key":
            answers = [ask(ground, operation, {**key, **match})]
        elif attack.payload == "query":
            answers = [ask(ground, operation, {**ground.who(), **match}, query={"limit": 2})]
        elif attack.payload == "form":
            answers = [ask(ground, operation, {**ground.who(), **match, "Accept": "application/geo+json, application/json;q=0.9"})]
        else:
            odd = ('"', "W/", ',,,""', 'W/"', "'", '"' + etag, ", ".join(f'"{number}"' for number in range(900)))
            answers = [ask(ground, operation, {**ground.who(), "If-None-Match": text}) for text in odd]
        for answer in answers:
            statuses.add(answer.status_code)
            assert answer.status_code != 304, operation.endpoint
            assert answer.status_code < 500
    assert all(ask(ground, one, {**ground.who(), "If-None-Match": etag}).status_code == 304 for one, etag in tagged(ground))
    held(f"{seen(statuses)}, never 304")


@contextlib.contextmanager
def published(ground: Ground, tenant_id: uuid.UUID) -> Iterator[None]:
    """One more verdict of the tenant, which moves its version; taken back afterwards."""
    versions = ground.app.extensions["real-estate-os"].versions
    before = versions.current(tenant_id)
    made = moving.a_verdict(tenant_id)
    with moving.writing(ground.database, tenant_id) as connection:
        moving.world.put(connection, "provenance.verdict", **made)
    versions.await_change(tenant_id, before, moving.PATIENCE_S)
    try:
        yield
    finally:
        with psycopg.connect(ground.database.superuser_url) as connection:
            connection.execute(sql.SQL("DELETE FROM {} WHERE verdict_id = %s").format(table("provenance.verdict")), (made["verdict_id"],))


@one("P3", "p3-etag-stale", "a tag from before a publication, on every route", "never 304; the other tenant's tags stay good")
def test_a_tag_from_before_a_publication_is_stale(ground: Ground, attack: Attack, held: Held) -> None:
    mine = tagged(ground)
    theirs = [
        (operation, answer.headers["ETag"]) for operation, _ in mine
        if (answer := ask(ground, operation, ground.who(HARBORVIEW), own(ground, HARBORVIEW))).status_code == 200
    ]  # fmt: skip
    assert theirs
    with published(ground, LAKESIDE):
        assert {ask(ground, one, {**ground.who(), "If-None-Match": etag}).status_code for one, etag in mine} == {200}
        kept = {
            ask(ground, one, {**ground.who(HARBORVIEW), "If-None-Match": etag}, own(ground, HARBORVIEW)).status_code for one, etag in theirs
        }
    assert kept == {304}
    held("200; theirs 304")


@one(
    "P3",
    "p3-etag-personal",
    "a tag, or a copy, of an answer with owners",
    "no tag, no-store: each reading is asked for and written down anew",
)
def test_personal_data_are_kept_nowhere(ground: Ground, attack: Attack, held: Held) -> None:
    tried = 0
    for operation in operations(ground.app):
        includes = [one for one in operation.queries if one["name"] == "include" and "owner" in str(one["schema"])]
        if includes or operation.endpoint in {"audit.page", "quarantine.page", "quarantine.one"}:
            answer = ask(ground, operation, ground.who(), query={"include": "owner"} if includes else {})
            assert answer.status_code == 200
            assert "ETag" not in answer.headers, operation.endpoint
            assert "no-store" in answer.headers["Cache-Control"], operation.endpoint
            tried += 1
    assert tried >= 5
    held("no tag, no-store")


# Headers


def every_kind(ground: Ground, operation: Operation) -> Iterator[Any]:
    """An answer of each status that the operation can be brought to."""
    whole = ask(ground, operation, ground.who())
    yield whole
    yield ask(ground, operation, {**ground.who(), "If-None-Match": whole.headers.get("ETag", "none")})
    yield ask(ground, operation, ground.who(), absent(ground))
    yield ask(ground, operation, {})
    yield ask(ground, operation, ground.who(LAKESIDE, "viewer"))
    yield ask(ground, operation, ground.who(), query={"unknown": "1"})
    yield ground.ask(operation.path(own(ground)), ground.who(), "DELETE")


SAFE: dict[str, Callable[[Any], bool]] = {
    "cache-control": lambda answer: answer.headers["Cache-Control"] in {"private, no-store", "private, no-cache"},
    "vary": lambda answer: "authorization" in answer.headers["Vary"].lower(),
    "nosniff": lambda answer: answer.headers["X-Content-Type-Options"] == "nosniff",
    "no-script": lambda answer: answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'",
    "no-cookie": lambda answer: "Set-Cookie" not in answer.headers,
    "no-server": lambda answer: not {"Server", "X-Powered-By", "X-AspNet-Version"} & set(answer.headers.keys()),
    "no-cors": lambda answer: not any(name.lower().startswith("access-control") for name, _ in answer.headers),
    "no-html": lambda answer: "html" not in answer.headers.get("Content-Type", ""),
    "no-redirect": lambda answer: ("Location" not in answer.headers and answer.status_code // 100 != 3) or answer.status_code == 304,
}  # fmt: skip
SAID = {
    "cache-control": "kept by a shared cache", "vary": "kept without regard to the credential", "nosniff": "read as another type",
    "no-script": "framed, or made to load a script", "no-cookie": "taken for a session", "no-server": "made to name its software",
    "no-cors": "read by a page of an origin that is not listed", "no-html": "shown as a page", "no-redirect": "made to lead elsewhere",
}  # fmt: skip


@attacks(
    "P3",
    *(
        Attack(f"p3-answer-{name}", f"every answer of every route in every status: {SAID[name]}", "prevented by its headers", check)
        for name, check in SAFE.items()
    ),
)
def test_every_answer_says_who_may_keep_it(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        for answer in every_kind(ground, operation):
            statuses.add(answer.status_code)
            assert attack.payload(answer), (operation.endpoint, answer.status_code, dict(answer.headers))
    assert {200, 304, 400, 401, 403, 404, 405} <= statuses
    held("prevented")


@one(
    "P3",
    "p3-origin-reflected",
    "an Origin that is not listed, on every route, and null",
    "no Access-Control header, in answers and preflights",
)
def test_an_origin_is_not_reflected(ground: Ground, attack: Attack, held: Held) -> None:
    for path in [*(operation.path(own(ground)) for operation in operations(ground.app)), *UNGUARDED.values()]:
        for origin in ("https://evil.test", "null", "http://localhost"):
            asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            for method in ("GET", "OPTIONS"):
                answer = ground.ask(path, {**ground.who(), **asked}, method)
                assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")], path
    held("none")


# Redis


def forged(key: str, header: Any) -> bytes:
    """A value whose checksum holds and whose header is none of ours."""
    said = json.dumps(header).encode()
    body = b"{}"
    return struct.pack("<4sII", b"ecv1", zlib.crc32(said + body, zlib.crc32(key.encode())), len(said)) + said + body


POISONS: dict[str, tuple[str, Callable[[str, bytes, bytes], bytes | None]]] = {
    "garbage": ("bytes of nothing", lambda *_: b"\x00\xff" * 40),
    "empty": ("nothing", lambda *_: b""),
    "pickle": ("a pickle that would run a command", lambda *_: b"cos\nsystem\n(S'true'\ntR."),
    "json": ("plain JSON", lambda *_: b'{"properties": []}'),
    "gzip": ("a compressed value", lambda _, mine, __: zlib.compress(mine)),
    "cut": ("its own value cut", lambda _, mine, __: mine[:-3]),
    "flipped": ("its own value with one bit changed", lambda _, mine, __: mine[:-1] + bytes([mine[-1] ^ 1])),
    "old-form": ("a value of an older form", lambda _, mine, __: b"ecv0" + mine[4:]),
    "foreign": ("the other tenant's value, copied under this tenant's key", lambda _, __, theirs: theirs),
    "other-key": (
        "a value packed for another key",
        lambda _, __, ___: packed("estate:cache:v1:other", Kept(200, "application/json", (), b"{}")),
    ),
    "header": ("a sound checksum over a header that is none", lambda key, _, __: forged(key, {"status": 200})),
    "types": ("a sound checksum over a header of wrong types", lambda key, _, __: forged(key, ["200", 5, "x", None])),
    "wrong-type": ("a hash in the place of a text", lambda *_: None),
    "huge": ("sixteen million bytes", lambda *_: b"ecv1" + b"x" * 16_000_000),
}


@attacks(
    "P3",
    *(
        Attack(f"p3-redis-{name}", f"under the key of a kept answer: {said}", "a miss; the answer is made anew", make)
        for name, (said, make) in POISONS.items()
    ),
)
def test_a_poisoned_value_is_a_miss(ground: Ground, attack: Attack, held: Held) -> None:
    tried = 0
    for operation in operations(ground.app):
        if not ROUTES[operation.endpoint].is_cached:
            continue
        ground.store.flushdb()
        theirs_answer = ask(ground, operation, ground.who(HARBORVIEW), own(ground, HARBORVIEW))
        mine_answer = ask(ground, operation, ground.who())
        assert mine_answer.status_code == 200, operation.endpoint
        (mine,) = ground.store.scan_iter(f"estate:cache:v1:{LAKESIDE}:*")
        theirs = (
            [ground.store.get(key) for key in ground.store.scan_iter(f"estate:cache:v1:{HARBORVIEW}:*")]
            if theirs_answer.status_code == 200
            else []
        )
        kept: Any = ground.store.get(mine)
        poison = attack.payload(mine.decode(), kept, theirs[0] if theirs else b"nothing")
        if poison is None:
            ground.store.delete(mine)
            ground.store.hset(mine, "a", "b")
        else:
            ground.store.set(mine, poison)
        again = ask(ground, operation, ground.who())
        assert (again.status_code, again.data) == (200, mine_answer.data), operation.endpoint
        assert ground.foreign_to(LAKESIDE, again.text) == set()
        if poison is not None:
            assert ground.store.get(mine) == kept, "kept anew"
        tried += 1
    assert tried >= 4
    held("the same answer, made anew")
