"""The history of one property: every version of everything that is published of it, as what changed, in pages that join."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api.history import TABLES, HistoryAnswer, changes
from estate.contracts import CONTRACTS
from tests.servers import Database

pytestmark = pytest.mark.servers


@pytest.fixture
def ask(client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., Any]:
    """The history of the numbered property (the first is 1) of Lakeside."""

    def get(number: int, tenant: uuid.UUID = LAKESIDE, *, role: str = "viewer", request_id: str = "ours", **query: Any) -> Any:
        path = f"/api/v1/properties/{properties_of[LAKESIDE][number - 1]}/history"
        headers = {**bearer(make_token(tenant, roles=[role])), "X-Request-ID": request_id}
        answer = client.get(path, headers=headers, query_string={"limit": 500, **query})
        assert answer.status_code != 200 or HistoryAnswer.model_validate_json(answer.data)
        return answer

    return get


def of(answer: Any, table: str) -> list[dict[str, Any]]:
    """The events of one table, newest first."""
    return [event for event in answer.json["history"] if event["table"] == table]


def told(event: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {change["field"]: (change["value_from"], change["value_to"]) for change in event["changes"]}


def test_a_correction_says_what_changed_from_what_to_what_and_through_which_publication(ask: Callable[..., Any]) -> None:
    corrected, first = of(ask(1), "normalize.property")
    assert (corrected["occurred_at"], corrected["event"], told(corrected)) == (
        "2026-03-10T00:00:00Z", "changed", {"bedroom_count": (9, 2)},
    )  # fmt: skip
    published = corrected["publication"]
    assert published["publication_id"] == str(world.publication("normalize.property", world.SECOND))
    assert (published["batch_id"], published["run_id"]) == ("roll-1", "normalize/manual__1")
    assert published["links"]["batch"] == "/api/v1/batches/roll-1"
    assert (first["event"], told(first)["bedroom_count"], told(first)["assessed_value_usd"]) == ("appeared", (None, 9), (None, 199999.5))
    assert not {"tenant_id", "property_id", "snapshot_ids", "published_at", "mailing_address"} & set(told(first))


def test_the_value_then_and_now_is_there_to_the_cent(ask: Callable[..., Any]) -> None:
    valued, first = of(ask(1), "score.valuation")
    assert told(valued)["estimated_value_usd"] == (1000000, 1234567.5)
    exact = json.loads(ask(1).data, parse_float=Decimal)["history"]
    change = next(event for event in exact if event["table"] == "score.valuation")["changes"][0]
    assert (str(change["value_from"]), str(change["value_to"]), change["unit"]) == ("1000000.00", "1234567.50", "usd")
    assert first["event"] == "appeared"


def test_a_row_among_several_is_named_by_its_key(ask: Callable[..., Any]) -> None:
    events = of(ask(1), "score.counterfactual")
    assert {event["row"]["change_name"] for event in events} == {"condition_up", "renovated"}
    found, _ = of(ask(2), "score.sale_validation")
    assert found["row"] == {"sale_id": str(world.named(LAKESIDE, "sale 2"))}
    assert told(found) == {"is_arms_length": (True, False), "exclusion_reasons": ([], ["short_term_flip", "high_price"])}


def test_the_newest_comes_first(ask: Callable[..., Any]) -> None:
    times = [event["occurred_at"] for event in ask(1).json["history"]]
    assert times == sorted(times, reverse=True)
    assert set(times) == {"2026-01-10T00:00:00Z", "2026-03-10T00:00:00Z"}


def test_the_property_of_the_moment_is_behind_its_link(
    ask: Callable[..., Any], client: FlaskClient, make_token: Callable[..., str]
) -> None:
    _, first = of(ask(1), "normalize.property")
    whole = client.get(first["links"]["property"], headers=bearer(make_token())).json
    assert whole is not None
    assert whole["attributes"]["bedroom_count"] == 9


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_join_without_gap_or_repeat(ask: Callable[..., Any], limit: int) -> None:
    seen: list[Any] = []
    cursor = None
    while True:
        answer = ask(1, limit=limit, **({"cursor": cursor} if cursor else {}))
        seen += answer.json["history"]
        cursor = answer.json["next_cursor"]
        if not cursor:
            break
    assert seen == ask(1).json["history"]


def test_with_as_of_it_ends_there_and_tells_of_nothing_later(ask: Callable[..., Any]) -> None:
    then = ask(1, as_of="2026-02-01T00:00:00Z").json["history"]
    assert {event["event"] for event in then} == {"appeared"}
    assert then == [event for event in ask(1).json["history"] if event["occurred_at"] < "2026-02-01"]


def test_a_row_that_is_closed_and_not_replaced_says_what_it_was_and_its_property_keeps_its_history(
    ask: Callable[..., Any], database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    third = properties_of[LAKESIDE][2]
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute(
            "UPDATE normalize.property SET superseded_at = %s WHERE tenant_id = %s AND property_id = %s", (world.SECOND, LAKESIDE, third)
        )
    try:
        closed, appeared = of(ask(3), "normalize.property")
    finally:
        with psycopg.connect(database.superuser_url) as connection:
            connection.execute("UPDATE normalize.property SET superseded_at = 'infinity' WHERE property_id = %s", (third,))
    assert (closed["event"], closed["occurred_at"], told(closed)["bedroom_count"]) == ("closed", "2026-03-10T00:00:00Z", (3, None))
    assert closed["publication"]["publication_id"] == str(world.publication("normalize.property", world.SECOND))
    assert appeared["event"] == "appeared"


def test_whose_it_was_is_told_to_an_analyst_who_asks_and_written_down(ask: Callable[..., Any], database: Database) -> None:
    owner = f"owner of {LAKESIDE}"
    for role in ("viewer", "analyst", "admin"):
        quiet = ask(1, role=role, request_id="quiet")
        assert owner not in quiet.text
        (withheld,) = [change for change in of(quiet, "normalize.property")[1]["changes"] if change["is_withheld"]]
        assert (withheld["field"], withheld["value_from"], withheld["value_to"]) == ("owner_name", None, None)
        (conflict,) = [event for event in of(quiet, "normalize.conflict") if event["row"]["field_name"] == "owner_name"]
        assert {name for name, values in told(conflict).items() if values != (None, None)} == {"winning_source_name", "rule"}
        assert {change["field"] for change in conflict["changes"] if change["is_withheld"]} == {"losing_value", "winning_value"}
        (other,) = [event for event in of(quiet, "normalize.conflict") if event["row"]["field_name"] == "year_built"]
        assert (told(other)["losing_value"], told(other)["winning_value"]) == ((None, "1999"), (None, "1950"))
    assert ask(1, include="owner").status_code == 403
    asked = ask(1, role="analyst", request_id="asked", include="owner")
    assert told(of(asked, "normalize.property")[1])["owner_name"] == (None, owner)
    (conflict,) = [event for event in of(asked, "normalize.conflict") if event["row"]["field_name"] == "owner_name"]
    assert (told(conflict)["losing_value"], told(conflict)["winning_value"]) == ((None, f"former {owner}"), (None, owner))
    assert "ETag" not in asked.headers
    with psycopg.connect(database.superuser_url) as connection:
        written = connection.execute("SELECT request_id, what FROM platform.audit WHERE request_id IN ('quiet', 'asked')").fetchall()
    assert written == [("asked", "owner in history")]


def test_every_table_about_a_property_is_in_its_history() -> None:
    about = {name for name, promise in CONTRACTS.items() if promise.kind == "published" and "property_id" in promise.column_names}
    assert set(TABLES) == about - {"provenance.summary"}


def test_the_history_of_another_tenants_property_is_absent(ask: Callable[..., Any]) -> None:
    assert ask(1, HARBORVIEW).status_code == 404
    assert ask(1, as_of="2026-01-09T00:00:00Z").status_code == 404


def test_a_change_is_of_a_value_and_never_of_a_key_or_an_origin() -> None:
    promise = CONTRACTS["normalize.sale"]
    before = {"sale_id": "a", "property_id": "p", "row_number": 1, "sale_price_usd": 1.1, "sale_date": "2020-01-01"}
    after = {**before, "property_id": "q", "row_number": 2, "sale_price_usd": 1.25, "sale_date": None}
    assert [(c["field"], c["value_from"], c["value_to"]) for c in changes(promise, before, after, frozenset())] == [
        ("sale_price_usd", Decimal("1.10"), Decimal("1.25")), ("sale_date", "2020-01-01", None),
    ]  # fmt: skip
    assert changes(promise, before, before, frozenset()) == []
