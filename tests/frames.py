"""Small batches with a contract's columns, and their way into published tables with a verdict but without Great Expectations."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql

from estate.arrow import frame_to_arrow
from estate.batch import Batch
from estate.contracts import CONTRACTS, contract
from estate.publish import Judged, Published, publish
from estate.settings import Tenant
from estate.warehouse import Warehouse, frame_sha256

VINTAGE = date(2026, 1, 1)
SOURCE = "ames_sales"
EXPOSURE = "hazard.exposure"
RECORD = "ingest.record"
_SAMPLES: dict[str, Any] = {
    "text": "x", "uuid": str(uuid.UUID(int=1)), "jsonb": "{}", "date": VINTAGE, "timestamptz": datetime(2026, 1, 1, tzinfo=UTC),
    "boolean": False, "double precision": 0.5, "text[]": [], "integer[]": [1], "smallint[]": [1], "geometry(Polygon,4326)":
    "0103000020E61000000100000004000000000000000000000000000000000000000000000000000000000000000000F03F000000000000F03F000000000000F03F00000000000000000000000000000000",
}  # fmt: skip


def some_tenant(slug: str = "sometenant") -> Tenant:
    """A tenant that nobody else has."""
    return Tenant(tenant_id=uuid.uuid4(), slug=slug, name=slug.title())


def thing_id(number: int | str) -> str:
    """The identifier of the thing called `number`, the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def frame(table: str, tenant: Tenant, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of `table` with what `rows` say, a sample where the column must have a value, and null elsewhere."""
    promise = contract(table)
    made = []
    for row in rows:
        assert set(row) <= set(promise.column_names), set(row) - set(promise.column_names)
        filled = {c.name: None if c.nullable else _SAMPLES.get(c.sql_type, 1) for c in promise.columns}
        made.append(filled | ({"tenant_id": str(tenant.tenant_id)} if "tenant_id" in filled else {}) | dict(row))
    return pd.DataFrame(made, columns=list(promise.column_names))


def exposures(tenant: Tenant, scores: Mapping[int, float]) -> pd.DataFrame:
    """One row of hazard.exposure per property number, with its flood score."""
    return frame(EXPOSURE, tenant, ({"property_id": thing_id(number), "flood_score": score} for number, score in scores.items()))


def records(tenant: Tenant, prices: Mapping[str, float | None], source: str = SOURCE, **more: Any) -> pd.DataFrame:
    """One row of ingest.record per record key, with its price."""
    rows = (
        {"source_name": source, "record_key": key, "property_key": key, "row_number": number, "sale_price_usd": price, **more}
        for number, (key, price) in enumerate(prices.items(), start=1)
    )
    return frame(RECORD, tenant, rows)


def batch(tenant: Tenant, source: str = SOURCE, vintage: date = VINTAGE, name: str | None = None) -> Batch:
    """A batch of `source`, called `name` or some name of its own."""
    return Batch(tenant, name or f"{source}-{uuid.uuid4().hex[:12]}", source, vintage, "test/run")


def verdict(connection: psycopg.Connection[Any], judged: Batch, table: str, rows: pa.Table, **said: Any) -> uuid.UUID:
    """Write down that `rows` passed, or what `said` says instead; returns the verdict's identifier."""
    row = {
        "tenant_id": judged.tenant.tenant_id, "verdict_id": uuid.uuid4(), "batch_id": judged.batch_id, "table_name": table,
        "is_passed": True, "rows_in": rows.num_rows, "rows_quarantined": 0, "expectation_count": 1, "failures": "[]", "suite_sha256": "x",
        "judged_sha256": frame_sha256(rows), "run_id": judged.run_id, "judged_at": datetime.now(UTC),
    } | said  # fmt: skip
    insert(connection, "provenance.verdict", row)
    return row["verdict_id"]


def insert(connection: psycopg.Connection[Any], table: str, row: Mapping[str, Any]) -> None:
    """Insert one row, as somebody would who goes around the platform."""
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(map(sql.Placeholder, row))
    )
    connection.execute(statement, row)


def clock(tenant: Tenant) -> datetime:
    """The database's time."""
    with Warehouse(tenant) as warehouse:
        return warehouse.rows("clock")[0]["now"]


def publish_frame(
    work: Batch, rows: pd.DataFrame, *, table: str = EXPOSURE, scope: Iterable[Any] | None = None, read_at: datetime | None = None,
    rows_quarantined: int = 0,
) -> Published:  # fmt: skip
    """Publish `rows` under a verdict that let them through. `scope`: property identifiers, or source names for records."""
    table_rows = frame_to_arrow(rows, CONTRACTS[table])
    within = None if scope is None else ("source_name" if table == RECORD else "property_id", pa.array(list(scope), pa.string()))
    with Warehouse(work.tenant) as warehouse, warehouse.transaction() as connection:
        verdict_id = verdict(connection, work, table, table_rows)
        judged = Judged(
            CONTRACTS[table], table_rows, verdict_id, table_rows.num_rows + rows_quarantined, rows_quarantined,
            read_at or clock(work.tenant), within,
        )  # fmt: skip
        (done,) = publish(connection, work, [judged])
    return done


def current(tenant: Tenant, table: str = EXPOSURE, at: datetime | None = None) -> dict[str, Any]:
    """What readers see now, or saw at `at`: property -> flood score, or record key -> price."""
    key, value = ("record_key", "sale_price_usd") if table == RECORD else ("property_id", "flood_score")
    when = "superseded_at = 'infinity'" if at is None else "published_at <= %(at)s AND superseded_at > %(at)s"
    statement = sql.SQL("SELECT {}::text, {}::float8 FROM {} WHERE " + when).format(
        sql.Identifier(key), sql.Identifier(value), sql.Identifier(*table.split("."))
    )
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        found = connection.execute(statement, {"at": at}).fetchall()
    assert len(found) == len(dict(found)), "two versions of one row at once"
    return dict(found)


def named(scores: Mapping[int, float]) -> dict[str, float]:
    """`scores` as `current` returns them."""
    return {thing_id(number): score for number, score in scores.items()}


def ledger(tenant: Tenant, table: str = EXPOSURE) -> list[dict[str, Any]]:
    """The publications of `table`, oldest first."""
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
        return cursor.execute("SELECT * FROM provenance.publication WHERE table_name = %s ORDER BY published_at", (table,)).fetchall()


def checksum(superuser_url: str, table: str) -> str:
    """Digest of every byte of every version of every tenant in `table`."""
    statement = sql.SQL("SELECT coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text)), 'empty') FROM {} AS t")
    with psycopg.connect(superuser_url) as connection:
        (digest,) = connection.execute(statement.format(sql.Identifier(*table.split(".")))).fetchone()
    return digest
