"""Cursors continue the query that made them, for the tenant that was given them, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import world
from issuer import HARBORVIEW, LAKESIDE
from itsdangerous import URLSafeSerializer

from tests.attack.ground import Ground
from tests.attack.report import Attack, Held, attacks, one, seen
from tests.attack.routes import Operation, operations, own
from tests.attack.routes import values as values_of

pytestmark = pytest.mark.servers
SECRET = "x" * 32  # as the settings of the tests say


def lists(ground: Ground) -> list[tuple[Operation, str, dict[str, str]]]:
    """Each list with more than a page, its genuine cursor of Lakeside, and the path parameters."""
    found = []
    for operation in operations(ground.app):
        if "cursor" not in {one["name"] for one in operation.queries}:
            continue
        values = own(ground)
        cursor = None
        for place in ("0001", "0002"):
            if cursor is None:
                values = {**own(ground), "property_id": str(world.named(LAKESIDE, place))}
                cursor = ground.ask(operation.path(values), query={"limit": 1}).json["next_cursor"]
        if cursor:
            found.append((operation, cursor, values))
    return found


def signed(payload: Any, secret: str = SECRET, salt: str = f"cursor/2/{LAKESIDE}", digest: Any = hashlib.sha256) -> str:
    serializer = URLSafeSerializer(secret, salt=salt, signer_kwargs={"key_derivation": "hmac", "digest_method": digest})
    return str(serializer.dumps(payload))


def content(cursor: str) -> Any:
    """What a cursor says, which is no secret."""
    serializer = URLSafeSerializer(
        SECRET, salt=f"cursor/2/{LAKESIDE}", signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )
    return serializer.loads(cursor)


def flipped(cursor: str, at: int) -> str:
    return cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]


def bomb(_: str) -> str:
    """Ten million bytes, compressed, under a signature of nothing."""
    packed = base64.urlsafe_b64encode(zlib.compress(b'"' + b"0" * 10_000_000 + b'"')).rstrip(b"=").decode()
    return f".{packed}.AAAA"[:1020]


CHANGES: dict[str, tuple[str, Callable[[str], str]]] = {
    "first": ("its first letter changed", lambda cursor: flipped(cursor, 0)),
    "middle": ("a letter in the middle changed", lambda cursor: flipped(cursor, len(cursor) // 3)),
    "signature": ("a letter of the signature changed", lambda cursor: flipped(cursor, len(cursor) - 6)),
    "cut": ("cut short", lambda cursor: cursor[:-5]),
    "grown": ("with more behind it", lambda cursor: cursor + "AAAA"),
    "unsigned": ("without its signature", lambda cursor: cursor.rpartition(".")[0]),
    "empty-signature": ("with an empty signature", lambda cursor: cursor.rpartition(".")[0] + "."),
    "other-secret": ("signed with another secret", lambda cursor: signed(content(cursor), "y" * 32)),
    "no-secret": ("signed with an empty secret", lambda cursor: signed(content(cursor), "")),
    "old-version": ("signed as the version before was", lambda cursor: signed(content(cursor), salt=f"cursor/1/{LAKESIDE}")),
    "sha1": ("signed with SHA-1", lambda cursor: signed(content(cursor), digest=hashlib.sha1)),
    "other-salt": ("signed by the same secret for another use", lambda cursor: signed(content(cursor), salt="session")),
    "empty": ("empty", lambda _: ""),
    "null": ("the word null", lambda _: "null"),
    "json": ("JSON as it is", lambda cursor: json.dumps(content(cursor))),
    "base64": ("its content in base64 alone", lambda cursor: base64.b64encode(json.dumps(content(cursor)).encode()).decode()),
    "bomb": ("a compressed bomb", bomb),
    "long": ("of five thousand characters", lambda _: "A" * 3900),
    "nul": ("with NUL", lambda cursor: f"{cursor}\0"),
    "sql": ("SQL", lambda _: "' OR true --"),
}


@attacks(
    "P3",
    *(
        Attack(f"p3-cursor-{name}", f"a cursor, on every list: {said}", "400 invalid cursor", change)
        for name, (said, change) in CHANGES.items()
    ),
)
def test_a_cursor_that_was_not_given_is_refused(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    assert len(lists(ground)) >= 8
    for operation, cursor, values in lists(ground):
        answer = ground.ask(operation.path(values), query={"limit": 1, "cursor": attack.payload(cursor)})
        statuses.add(answer.status_code)
        assert answer.status_code == 400, operation.endpoint
        assert answer.json["type"] in {"/problems/invalid-cursor", "/problems/invalid-parameter"}
    held(seen(statuses))


@one("P3", "p3-cursor-other-tenant", "a genuine cursor of one tenant used by the other, on every list", "400 invalid cursor")
def test_a_cursor_of_another_tenant_is_as_wrong_as_a_forged_one(ground: Ground, attack: Attack, held: Held) -> None:
    for operation, cursor, values in lists(ground):
        told = set()
        for used in (cursor, flipped(cursor, 3)):
            answer = ground.ask(
                operation.path(values), {**ground.who(HARBORVIEW), "X-Request-ID": "attack"}, query={"limit": 1, "cursor": used}
            )
            told.add((answer.status_code, answer.text))
        assert len(told) == 1, operation.endpoint
        assert {status for status, _ in told} == {400}
        assert ground.ask(operation.path(values), query={"limit": 1, "cursor": cursor}).status_code == 200, "its owner continues"
    held("400")


@one(
    "P3", "p3-cursor-resigned", "the other tenant's cursor with one's own tenant in the salt, under a guessed secret", "400 invalid cursor"
)
def test_a_cursor_cannot_be_signed_anew(ground: Ground, attack: Attack, held: Held) -> None:
    for operation, cursor, values in lists(ground):
        made = signed(content(cursor), "secret", f"cursor/2/{HARBORVIEW}")
        assert ground.ask(operation.path(values), ground.who(HARBORVIEW), query={"cursor": made}).status_code == 400
    held("400")


@attacks(
    "P3",
    Attack("p3-cursor-other-list", "a genuine cursor of one list on another, each on each", "400 invalid cursor", "list"),
    Attack("p3-cursor-other-query", "a genuine cursor with a filter that its query did not have", "400 invalid cursor", "query"),
    Attack("p3-cursor-other-as-of", "a genuine cursor as of another moment", "400 invalid cursor", "as-of"),
    Attack("p3-cursor-other-property", "a genuine cursor of one property's list on another property's", "400 invalid cursor", "property"),
)
def test_a_cursor_continues_its_own_query_only(ground: Ground, attack: Attack, held: Held) -> None:
    found = lists(ground)
    tried = []
    for operation, cursor, values in found:
        query: dict[str, Any] = {"limit": 1, "cursor": cursor}
        known = {one["name"] for one in operation.queries}
        if attack.payload == "list":
            tried += [ground.ask(other.path(theirs), query=query) for other, _, theirs in found if other is not operation]
        elif attack.payload == "query":
            added = next(one for one in operation.queries if one["name"] not in {"limit", "cursor", "near", "radius_m"})
            tried.append(ground.ask(operation.path(values), query={**query, added["name"]: values_of(added)[0]}))
        elif attack.payload == "as-of" and "as_of" in known:
            tried.append(ground.ask(operation.path(values), query={**query, "as_of": "2026-02-03T00:00:00Z"}))
        elif attack.payload == "property" and "property_id" in values and "property_id" in operation.path_names:
            other = {**values, "property_id": str(world.named(LAKESIDE, "0003"))}
            tried.append(ground.ask(operation.path(other), query=query))
    assert tried
    assert {answer.status_code for answer in tried} == {400}
    held("400")
