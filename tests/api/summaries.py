"""Rows of provenance.summary for searches to find, and searches without the web around them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import psycopg
from psycopg import sql

from api import search, search_statements
from api.database import Database
from api.filters import SORTS
from estate.contracts import CONTRACTS

COLUMNS = CONTRACTS["provenance.summary"].column_names
AT = datetime(2026, 1, 10, tzinfo=UTC)
OWNERS = ("SMITH JOHN & MARY", "O'Brien, Pat", "Smithson Holdings LLC", "=SUM(A1)", "Łukasz Nowak", None)
STREETS = ("MAIN ST", "MAINE AVE", "100% OAK_RD", "8TH ST")


def cell_of(latitude: float, longitude: float) -> int:
    """The grid cell as the pipeline counts it."""
    return int((latitude + 90) * 100 // 1) * 100_000 + int((longitude + 180) * 100 // 1)


def row_at(number: int, latitude: float | None = None, longitude: float | None = None, **more: Any) -> dict[str, Any]:
    """One row of its own identifier, at a place or nowhere."""
    cell = None if latitude is None or longitude is None else cell_of(latitude, longitude)
    return {"property_id": uuid.UUID(int=number), "latitude": latitude, "longitude": longitude, "cell": cell, **more}


def some(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Rows like those of a county: a third of every value unknown, few of them unlike all others."""
    draw = random.Random(seed)

    def known(value: Any) -> Any:
        return None if draw.random() < 0.3 else value

    rows = []
    for number in range(count):
        place = (round(42 + draw.random() / 10, 6), round(-93.7 + draw.random() / 10, 6)) if draw.random() < 0.9 else (None, None)
        value = known(float(draw.randrange(1, 9) * 50_000))
        rows.append(
            row_at(
                draw.getrandbits(100), *place,
                county_fips=draw.choice(["19169", "53033"]), apn=str(number), situs_address=f"{number} {draw.choice(STREETS)}",
                situs_city=draw.choice(["Ames", "NEVADA"]), situs_state="IA", situs_zip=draw.choice(["50010", "50014"]),
                property_type=known(draw.choice(["single_family", "condo"])), living_area_sqft=known(float(draw.randrange(8, 30) * 100)),
                lot_area_sqft=known(draw.random() * 1e5), year_built=known(draw.randrange(1900, 2025)),
                bedroom_count=known(float(draw.randrange(1, 6))), bathroom_count=known(draw.randrange(2, 8) / 2),
                owner_name=draw.choice(OWNERS), assessed_value_usd=known(draw.randrange(10_000_000) / 100),
                list_price_usd=known(draw.randrange(90_000_000) / 100), last_sale_price_usd=known(float(draw.randrange(1, 9) * 100_000)),
                last_sale_date=known(date(2020, 1, 1) + timedelta(days=draw.randrange(30))), estimated_value_usd=value,
                refusal_reason="too few comparables" if value is None else None, confidence=known(draw.random()),
                confidence_band=known(draw.choice(["high", "moderate", "low"])), flood_zone=known(draw.choice(["AE", "X"])),
                is_in_sfha=known(draw.random() < 0.5), flood_score=known(draw.random()), wildfire_score=known(draw.random()),
                heat_score=known(draw.random()), seismic_score=known(draw.random()), composite_low=draw.random() / 2,
                composite_high=0.5 + draw.random() / 2, unknown_hazard_count=draw.randrange(5),
                risk_class=draw.choice(["low", "high", "undetermined"]), risk_score_high=known(float(draw.randrange(101))),
                property_trust=known(draw.random()),
            )
        )  # fmt: skip
    return rows


def write(superuser_url: str, tenant_id: uuid.UUID, rows: Iterable[dict[str, Any]]) -> None:
    """Put the tenant's rows into the table, past its gate; `published_at` may be among their values."""
    with psycopg.connect(superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        names = (*COLUMNS, "publication_id", "published_at", "superseded_at")
        statement = sql.SQL("COPY provenance.summary ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, names)))
        with cursor.copy(statement) as copy:
            for row in rows:
                whole = {"tenant_id": tenant_id, "publication_id": 1, "published_at": AT, "superseded_at": "infinity", **row}
                copy.write_row([whole.get(name) for name in names])
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("ANALYZE provenance.summary")


def statement_of(after: list[Any] | None = None, limit: int = 500, **asked: Any) -> tuple[sql.Composed, dict[str, Any]]:
    """The statement and parameters of the page that the query parameters `asked` stand for."""
    query = search.SearchQuery.model_validate(asked)
    what = search_statements.found(query, search_statements.FIELDS)
    statement = search_statements.page_statement(
        what, SORTS[query.sort], after, features=query.format == "geojson", total=bool(query.has_total)
    )
    key = dict(zip(("after_key", "after_id"), after or [None, None], strict=True))
    return statement, {**what.parameters, **key, "fetched": limit + 1, "shown": limit}


def page(reader: Database, tenant_id: uuid.UUID, after: list[Any] | None = None, limit: int = 500, **asked: Any) -> tuple[list[Any], Any]:
    """The rows of one page, and the key at which the next begins."""
    statement, parameters = statement_of(after, limit, **asked)
    told = reader.read_one(tenant_id, statement, parameters)
    assert told is not None
    head, _, rows = told.partition(b"\n")
    return orjson.loads(rows), orjson.loads(head)[0]


def all_pages(reader: Database, tenant_id: uuid.UUID, limit: int, **asked: Any) -> list[Any]:
    """The rows of all pages, in order."""
    rows, key = page(reader, tenant_id, None, limit, **asked)
    while key is not None:
        more, key = page(reader, tenant_id, key, limit, **asked)
        rows += more
    return rows


def ids(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Their identifiers as text, in order."""
    return [str(row["property_id"]) for row in rows]
