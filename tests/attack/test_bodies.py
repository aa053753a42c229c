"""Bodies: whatever is sent to be computed is computed or refused; nothing of it is kept, and nothing of ours is shown."""

from __future__ import annotations

import json

import pytest

from tests.attack.ground import Ground
from tests.attack.payloads import BODIES, CONTENT_TYPES, FIELDS
from tests.attack.report import Attack, Held, attacks, one, seen
from tests.attack.routes import HOUSE, Operation, operations
from tests.attack.test_payloads import harmless

pytestmark = pytest.mark.servers
JSON = {"Content-Type": "application/json"}


def computing(ground: Ground) -> list[Operation]:
    found = [one for one in operations(ground.app) if one.has_body]
    assert found
    return found


@attacks(
    "P5",
    *(
        Attack(f"p5-body-{name}", f"as the body of every computation: {said}", "a refusal, or the answer of what was understood", raw)
        for name, (said, raw) in BODIES.items()
    ),
)
def test_a_body_is_understood_or_refused(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in computing(ground):
        answer = ground.ask(operation.template, {**ground.who(), **JSON}, "POST", data=attack.payload)
        statuses.add(harmless(answer, operation.endpoint))
    assert statuses <= {200, 400, 413, 415}
    held(seen(statuses))


@attacks(
    "P5",
    *(
        Attack(f"p5-field-{name}", f"in every field of every body: {said}", "a refusal, or the answer of what was understood", raw)
        for name, (said, raw) in FIELDS.items()
    ),
)
def test_a_field_is_understood_or_refused(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in computing(ground):
        for field in HOUSE:
            rest = json.dumps({name: value for name, value in HOUSE.items() if name != field})
            body = f'{{"{field}": {attack.payload}, {rest[1:]}'.encode("utf-8", "surrogatepass")
            answer = ground.ask(operation.template, {**ground.who(), **JSON}, "POST", data=body)
            statuses.add(harmless(answer, field))
    assert statuses <= {200, 400}
    held(seen(statuses))


@attacks(
    "P5",
    *(
        Attack(f"p5-content-type-{name}", f"a sound body under another content type: {said}", "a refusal, or the answer", kind)
        for name, (said, kind) in CONTENT_TYPES.items()
    ),
)
def test_a_content_type_is_known_or_refused(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in computing(ground):
        headers = {"Content-Type": attack.payload} if attack.payload else {}
        answer = ground.ask(operation.template, {**ground.who(), **headers}, "POST", data=json.dumps(HOUSE).encode())
        statuses.add(harmless(answer, operation.endpoint))
    assert statuses <= {200, 400, 415}
    held(seen(statuses))


@one(
    "D",
    "d-compute-writes-nothing",
    "every computation, sound, refused and hostile",
    "no row of any table is written, changed or taken away",
)
def test_a_computation_writes_nothing(ground: Ground, attack: Attack, held: Held) -> None:
    ground.refusals()
    written = "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) FROM pg_stat_user_tables"
    before, counted = ground.counts(), ground.rows("SELECT pg_stat_clear_snapshot()") and ground.rows(written)
    for operation in computing(ground):
        for body in (HOUSE, {}, {"latitude": "x"}, {**HOUSE, "valuation_date": "2999-01-01"}, {"latitude": 0, "longitude": 0}):
            assert ground.ask(operation.template, ground.who(), "POST", json=body).status_code in {200, 400}
    ground.refusals()
    assert ground.counts() == before
    assert ground.rows(written) == counted
    held("nothing written")
