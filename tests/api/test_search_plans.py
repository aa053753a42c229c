"""What a search costs: pages are walks along an index, also under row-level security and however far in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import summaries
from psycopg import ClientCursor

from tests.servers import Database

pytestmark = pytest.mark.servers
TENANT, OTHER = uuid.UUID(int=91), uuid.UUID(int=92)
ROWS, LIMIT = 12_000, 100


def rows() -> Iterator[dict[str, Any]]:
    """A county of one degree, each cell with a property or two; a tenth is without value."""
    for number in range(1, ROWS + 1):
        place = (40 + number % 109 / 100, -93 + number % 97 / 100)
        value = None if number % 10 == 0 else float(number * 7919 % 100_003)
        zip_code = f"{50_000 + number % 40}"
        yield summaries.row_at(number << 64, *place, situs_zip=zip_code, estimated_value_usd=value, situs_address=f"{number} MAIN ST")


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
        ({"sort": "-property_id"}, "property_id"),
        ({"sort": "estimated_value_usd"}, "estimated_value_usd_property_id"),
        ({"sort": "-estimated_value_usd"}, "estimated_value_usd_property_id"),
        ({"zip": "50011"}, "situs_zip_property_id"),
        ({"near": "40.5,-92.5", "radius_m": "2000"}, "cell"),
        ({"near": "40.5,-92.5", "radius_m": "2000", "sort": "distance_m"}, "cell"),
        ({"near": "12,12", "radius_m": "100000"}, "cell"), ({"bbox": "-92.6,40.5,-92.57,40.53"}, "cell"),
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


@pytest.mark.parametrize("sort", ["property_id", "-property_id", "estimated_value_usd", "-estimated_value_usd"])
def test_the_last_page_costs_what_the_first_does(ask: psycopg.Connection[Any], sort: str) -> None:
    _, first = explained(ask, sort=sort)
    far = uuid.UUID(int=(300 if sort.startswith("-") else ROWS - 300) << 64)
    value = 300.0 if sort.startswith("-") else 99_000.0
    after = [str(far), str(far)] if sort.endswith("property_id") else [value, str(far)]
    _, last = explained(ask, after, sort=sort)
    assert last <= first * 1.2 + 10


@pytest.mark.parametrize("sort", ["estimated_value_usd", "-estimated_value_usd"])
def test_rows_without_value_are_a_walk_of_their_own_begun_when_it_is_needed(ask: psycopg.Connection[Any], sort: str) -> None:
    middle = str(uuid.UUID(int=ROWS // 2 << 64))
    walked, buffers = explained(ask, [None, middle], sort=sort)
    assert walked == {"summary_estimated_value_usd_property_id_idx"}
    _, first = explained(ask, sort=sort)
    assert max(buffers, first) < 250
