"""What a search costs: pages are walks along an index, also under row-level security and however far in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
import summaries
from psycopg import ClientCursor

from api.filters import SORTED_BY, SORTS
from tests.servers import Database

pytestmark = pytest.mark.servers
TENANT, OTHER = uuid.UUID(int=91), uuid.UUID(int=92)
ROWS, LIMIT = 12_000, 100
AROUND = {"near": "40.5,-92.5", "radius_m": "2000"}  # a distance needs a point to be measured from
UNKNOWN_LAST = [name for name, sort in SORTS.items() if sort.has_unknown]


def rows() -> Iterator[dict[str, Any]]:
    """A county of one degree, each cell with a property or two; a tenth is without any value. Values are strewn over the table."""
    for number in range(1, ROWS + 1):
        place = (40 + number % 109 / 100, -93 + number % 97 / 100)
        strewn = number * 7919 % 100_003
        values: dict[str, Any] = {
            "estimated_value_usd": float(strewn),
            "last_sale_price_usd": 2.0 * strewn,
            "last_sale_date": date(2015, 1, 1) + timedelta(days=strewn % 4000),
            "living_area_sqft": 500 + strewn / 50,
            "year_built": 1900 + strewn % 120,
            "property_trust": strewn / 100_003,
            "risk_score_high": strewn % 1000 / 10,
        }
        known = {} if number % 10 == 0 else values
        yield summaries.row_at(number << 64, *place, situs_zip=f"{50_000 + number % 40}", situs_address=f"{number} MAIN ST", **known)


@pytest.fixture(scope="module")
def ask(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the API's role for the tenant."""
    for tenant in (TENANT, OTHER):
        summaries.write(database.superuser_url, tenant, rows())
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE provenance.summary")
    with psycopg.connect(database.api_url, cursor_factory=ClientCursor) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, false)", (str(TENANT),))
        yield connection


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def explained(ask: psycopg.Connection[Any], after: list[Any] | None = None, **asked: Any) -> tuple[set[str], int]:
    """The indexes that the search walked, and the buffers it touched. Asserts that no table was read from end to end."""
    statement, parameters = summaries.statement_of(after, LIMIT, **asked)
    told = ask.execute(b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.as_bytes(ask), parameters).fetchone()
    assert told is not None
    plan = told[0][0]["Plan"]
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    walked = {node["Index Name"] for node in nodes(plan) if node["Actual Loops"] and "Index Name" in node}
    return walked, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "property_id"),
        ({"situs_zip": "50011"}, "situs_zip_property_id"),
        (AROUND, "cell"), ({"near": "12,12", "radius_m": "100000"}, "cell"), ({"bbox": "-92.6,40.5,-92.57,40.53"}, "cell"),
        ({"bbox": "-92.6,40.5,-92.57,40.53", "sort": "-estimated_value_usd"}, "cell"),
        ({"within": "-92.6,40.5;-92.57,40.5;-92.57,40.53"}, "cell"), ({"format": "geojson"}, "property_id"),
    ],
)  # fmt: skip
def test_a_page_is_a_walk_along_one_index(ask: psycopg.Connection[Any], asked: dict[str, str], index: str) -> None:
    walked, buffers = explained(ask, **asked)
    assert walked == {f"summary_{index}_idx"}
    assert buffers < 250  # of some eight hundred that the tenant's rows fill


def test_the_past_is_a_walk_along_the_key(ask: psycopg.Connection[Any]) -> None:
    walked, buffers = explained(ask, as_of="2026-02-01T00:00:00Z")
    assert walked == {"summary_pkey"}
    assert buffers < 250


def asked_for(sort: str) -> tuple[dict[str, str], str]:
    """The query that asks for an order, and the index that is to serve it."""
    column = SORTS[sort].column
    if column == "distance_m":
        return {"sort": sort, **AROUND}, "summary_cell_idx"
    return {"sort": sort}, "summary_property_id_idx" if column == "property_id" else f"summary_{column}_property_id_idx"


def far_in(sort: str) -> list[Any]:
    """The key of a row behind which a few hundred more stand: for a distance, of half the way."""
    order = SORTS[sort]
    if order.column == "distance_m":
        return [1000.0, str(uuid.UUID(int=ROWS // 2 << 64))]
    known = sorted(((row[order.column], row["property_id"]) for row in rows() if order.column in row), reverse=order.is_descending)
    value, property_id = known[-3 * LIMIT]
    return [str(value) if isinstance(value, date | uuid.UUID) else value, str(property_id)]


@pytest.mark.parametrize("sort", SORTS)
def test_a_page_in_any_order_is_a_walk_along_its_index_and_the_last_costs_what_the_first_does(
    ask: psycopg.Connection[Any], sort: str
) -> None:
    asked, index = asked_for(sort)
    walked, first = explained(ask, **asked)
    assert (walked, first < 250) == ({index}, True)
    walked, last = explained(ask, far_in(sort), **asked)
    assert walked == {index}
    assert last <= first * 1.2 + 10


@pytest.mark.parametrize("sort", UNKNOWN_LAST)
def test_rows_without_value_are_a_walk_of_their_own_begun_when_it_is_needed(ask: psycopg.Connection[Any], sort: str) -> None:
    asked, index = asked_for(sort)
    walked, buffers = explained(ask, [None, str(uuid.UUID(int=ROWS // 2 << 64))], **asked)
    assert (walked, buffers < 250) == ({index}, True)


def test_every_order_is_asked_for_here() -> None:
    assert {order.column for order in SORTS.values()} == set(SORTED_BY)
