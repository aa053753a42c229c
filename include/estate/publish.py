"""Publish a judged batch: new versions in, old versions closed, one ledger row, all in one transaction.

For one tenant and table there is one publisher at a time (an advisory lock), so two runs of one partition give one result.
Killed at any point, the transaction leaves the old state; run again, it does what is left to do or nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
from psycopg import sql

from estate.batch import Batch
from estate.contracts import Contract
from estate.errors import StaleVintage
from estate.settings import settings
from estate.sql import query
from estate.staged import StagedRows
from estate.warehouse import copy_to_temporary


@dataclass(frozen=True, slots=True)
class Judged:
    """One table of a batch that its gate let through.

    `scope` names the rows this batch decides about beyond those it brings: current rows in scope that the batch does not
    bring are closed. It is a column of the table and an Arrow array of its values, or None when the batch only adds.
    """

    contract: Contract
    rows: pa.Table | StagedRows
    verdict_id: UUID
    rows_in: int
    rows_quarantined: int
    read_at: datetime
    scope: tuple[str, pa.Array] | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What one publication did, in rows."""

    table_name: str
    rows_in: int
    rows_published: int
    rows_closed: int
    rows_unchanged: int
    rows_quarantined: int


def publish(connection: psycopg.Connection[Any], batch: Batch, tables: list[Judged]) -> list[Published]:
    """Publish every table of a stage inside the caller's transaction, which has the tenant set.

    Raises StaleVintage, changing nothing, when a newer vintage of the partition is already published.
    """
    # The join of what is staged with what is current reads both whole: some 250 bytes a row, better in memory than through files.
    connection.execute("SET LOCAL work_mem = '128MB'")
    return [_publish_one(connection, batch, judged) for judged in tables]


def _publish_one(connection: psycopg.Connection[Any], batch: Batch, judged: Judged) -> Published:
    promise = judged.contract
    lock = f"{batch.tenant.tenant_id}/{promise.name}"
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (lock,))
    partition = {"table_name": promise.name, "partition_name": batch.source_name}
    latest = connection.execute(query("publication_latest"), partition).fetchone()
    if latest is not None:
        published_vintage, published_sha256 = latest
        if published_vintage > batch.vintage_date:
            raise StaleVintage(
                f"{batch.tenant.slug}: {promise.name} already holds {batch.source_name} of {published_vintage}; the batch of "
                f"{batch.vintage_date} is older and would overwrite newer data"
            )
        # What the gate let through is known by its digest; only what is about to be written needs to be read again.
        let_through = connection.execute(query("verdict_digest"), {"verdict_id": judged.verdict_id}).fetchone()
        if let_through == (published_sha256,) and published_vintage == batch.vintage_date:
            return Published(promise.name, judged.rows_in, 0, 0, judged.rows.num_rows, judged.rows_quarantined)

    digest = hashlib.sha256()
    staging = copy_to_temporary(connection, promise, judged.rows, digest)
    # Where the rows of a partition come from its own files only, the newer file knows more, whoever read later.
    not_before = batch.vintage_date if promise.partition else date.min
    reading = {"table_name": promise.name, "batch_id": batch.batch_id, "read_at": judged.read_at, "not_before": not_before}
    _drop_what_a_later_reader_knows(connection, promise, staging, reading)
    publication_id, published_at = _next_publication(connection, promise)
    ledger = partition | {
        "tenant_id": batch.tenant.tenant_id,
        "publication_id": publication_id,
        "batch_id": batch.batch_id,
        "input_sha256": digest.hexdigest(),
        "vintage_date": batch.vintage_date,
        "verdict_id": judged.verdict_id,
        "run_id": batch.run_id,
        "code_version": settings().code_version,
        "rows_in": judged.rows_in,
        "rows_quarantined": judged.rows_quarantined,
        "read_at": judged.read_at,
        "published_at": published_at,
    }
    connection.execute(query("publication_insert"), ledger)
    parts = _parts(promise, staging) | {"publication_id": sql.Literal(publication_id), "published_at": sql.Literal(published_at)}
    connection.execute(sql.SQL(query("publish_set_apart")).format(**parts))
    closed = connection.execute(sql.SQL(query("publish_close_changed")).format(**parts)).rowcount
    if judged.scope is not None:
        closed += _close_missing(connection, promise, parts, judged.scope, reading)
    inserted = connection.execute(sql.SQL(query("publish_insert_new")).format(**parts)).rowcount
    connection.execute(sql.SQL(query("quarantine_resolve")).format(**parts), {"table_name": promise.name})
    connection.execute(sql.SQL("DROP TABLE {}, {}").format(staging, parts["fresh"]))
    done = Published(
        table_name=promise.name,
        rows_in=judged.rows_in,
        rows_published=inserted,
        rows_closed=closed,
        rows_unchanged=judged.rows.num_rows - inserted,
        rows_quarantined=judged.rows_quarantined,
    )
    connection.execute(query("publication_count"), asdict(done) | {"publication_id": publication_id})
    return done


def _parts(promise: Contract, staging: sql.Composable) -> dict[str, sql.Composable]:
    def listed(names: tuple[str, ...], prefix: str = "") -> sql.Composable:
        return sql.SQL(", ").join(sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in names)

    return {
        "target": sql.Identifier(*promise.name.split(".")),
        "staging": staging,
        "fresh": sql.Identifier("fresh"),
        "columns": listed(promise.column_names),
        "staged_columns": listed(promise.column_names, "staged"),
        "same_key": sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(sql.Identifier("current_row", name), sql.Identifier("staged", name)) for name in promise.key
        ),
        "row_key": listed(promise.row_key, "staged"),
        "current_key": listed(promise.row_key, "current_row"),
        "current_values": listed(promise.compared, "current_row"),
        "staged_values": listed(promise.compared, "staged"),
    }


def _next_publication(connection: psycopg.Connection[Any], promise: Contract) -> tuple[int, datetime]:
    """A number that grows with time and tells nothing about other tenants, and a time after every version of this table."""
    row = connection.execute(query("publication_clock"), {"table_name": promise.name}).fetchone()
    assert row is not None  # an aggregate always gives a row  # noqa: S101
    published_at, least_id = row
    return max((time.time_ns() // 1000 << 10) + secrets.randbelow(1024), least_id), published_at


def _drop_what_a_later_reader_knows(
    connection: psycopg.Connection[Any], promise: Contract, staging: sql.Composable, reading: dict[str, Any]
) -> None:
    """Of two builds of one row, the one that read its inputs later knows more; the other must not overwrite it."""
    if connection.execute(query("publication_later_reader"), reading).fetchone() is None:
        return
    connection.execute(sql.SQL(query("publish_drop_outread")).format(**_parts(promise, staging)), reading)


def _close_missing(
    connection: psycopg.Connection[Any],
    promise: Contract,
    parts: dict[str, sql.Composable],
    scope: tuple[str, pa.Array],
    reading: dict[str, Any],
) -> int:
    column, values = scope
    kind = sql.SQL(promise.column(column).sql_type)
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE batch_scope (scope_value {}) ON COMMIT DROP").format(kind))
    with connection.cursor().copy("COPY batch_scope FROM STDIN") as copy:
        copy.write("".join(f"{value}\n" for value in values.unique().to_pylist()).encode())
    connection.execute("ANALYZE batch_scope")
    statement = sql.SQL(query("publish_close_missing")).format(**parts, scope_column=sql.Identifier("current_row", column))
    closed = connection.execute(statement, reading).rowcount
    connection.execute("DROP TABLE batch_scope")
    return closed
