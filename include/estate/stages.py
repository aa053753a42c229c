"""One stage of one batch, in three steps that can each be killed and run again: build, gate, publish.

Between the steps lie Parquet files in the object store; what a step did before it was killed is overwritten by its next
run, and only `publish` changes what readers see.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import orjson
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from estate import landing
from estate.arrow import frame_to_arrow
from estate.batch import Batch
from estate.contracts import Contract, published_by
from estate.errors import BatchRefused
from estate.gate import PARENT_QUARANTINED, Verdict, judge
from estate.ingest.declaration import source
from estate.publish import Judged, Published, publish
from estate.settings import Tenant
from estate.sql import query
from estate.staged import Spool, StagedRows, columns_of
from estate.verdicts import put_docs, refusal_of, verdict_frame
from estate.warehouse import Warehouse, frame_sha256

# What a build may return beside its tables: cells that could not be read, and properties it decides about.
_BESIDE = frozenset({"defects", "scope"})


_MANY_ROWS = 1_000


def batch_of(tenant: Tenant, batch_name: str, run_id: str) -> Batch:
    """The batch called `batch_name`. Raises BatchRefused when this tenant has landed none of that name."""
    with Warehouse(tenant) as warehouse:
        found = warehouse.rows("snapshot_of_batch", batch_id=batch_name)
    if not found:
        raise BatchRefused(f"{tenant.slug} has no batch {batch_name}; the batches are listed in ingest.snapshot")
    return Batch(tenant, batch_name, found[0]["source_name"], found[0]["vintage_date"], run_id)


def build_stage(stage: str, batch: Batch) -> dict[str, int]:
    """Build every table of `stage` for `batch` and stage it; returns rows per table."""
    module = importlib.import_module(f"estate.{stage}.stage")
    with Warehouse(batch.tenant) as warehouse, ExitStack() as spools:
        (clock,) = warehouse.rows("clock")
        spooled = {promise.name: spools.enter_context(Spool()) for promise in published_by(stage)}
        beside: dict[str, list[pd.DataFrame]] = {}
        for frames in module.build(batch, warehouse):
            for promise in published_by(stage):
                # The tenant is set here, last: no build can write for another one.
                frame = frames[promise.name].assign(tenant_id=str(batch.tenant.tenant_id))
                spooled[promise.name].write(frame_to_arrow(frame, promise))
            for name in _BESIDE.intersection(frames):
                beside.setdefault(name, []).append(frames[name])
        for promise in published_by(stage):
            landing.put_spool(landing.staged_key(batch, promise.name, "built"), spooled[promise.name])
    for name, parts in beside.items():
        landing.put_rows(landing.staged_key(batch, stage, name), [pa.Table.from_pandas(pd.concat(parts), preserve_index=False)])
    counts = {name: spool.num_rows for name, spool in spooled.items()}
    _note(batch, stage, "built", {"read_at": clock["now"].isoformat(), "has": sorted(beside), "rows": counts})
    return counts


def gate_stage(stage: str, batch: Batch) -> list[Verdict]:
    """Judge every staged table of `stage`, quarantine what may be, and keep what is left for publishing.

    Verdicts, quarantined rows and Data Docs are written whatever the outcome. Raises BatchRefused, naming table,
    expectation, rows and where the evidence lies, when any table of the stage is refused: then none is published.
    """
    built = _noted(batch, stage, "built")
    verdicts: dict[str, Verdict] = {}
    judged: dict[str, str] = {}
    staged = {promise.name: landing.get_rows(landing.staged_key(batch, promise.name, "built")) for promise in published_by(stage)}
    with Warehouse(batch.tenant) as warehouse:
        for promise in published_by(stage):
            rows = staged[promise.name]
            defects = _defects(batch, stage, rows) if "defects" in built["has"] else None
            verdict = judge(promise, rows, batch.batch_id, defects)
            if promise.parent and promise.parent[1] in verdicts:
                _follow_parent(verdict, promise, rows, staged[promise.parent[1]], verdicts[promise.parent[1]])
            key = landing.staged_key(batch, promise.name, "judged")
            landing.put_rows(key, _without(rows, verdict.rejected))
            judged[promise.name] = frame_sha256(landing.get_rows(key))
            verdicts[promise.name] = verdict
            put_docs(batch.tenant, verdict)
            _write_down(warehouse, batch, promise, rows, verdict, judged[promise.name])
    # What publishing needs to know travels with what was judged, not with what somebody may be building again.
    numbers = {name: str(verdict.verdict_id) for name, verdict in verdicts.items()}
    _note(batch, stage, "judged", {"verdicts": numbers, "read_at": built["read_at"], "rows": built["rows"]})
    refused = [verdict for verdict in verdicts.values() if not verdict.is_passed]
    if refused:
        raise BatchRefused(_refusal(batch, refused), list(verdicts.values()))
    return list(verdicts.values())


def publish_stage(stage: str, batch: Batch) -> list[Published]:
    """Publish every judged table of `stage` in one transaction. Raises StaleVintage when a newer vintage is published."""
    judged = _noted(batch, stage, "judged")
    read_at = datetime.fromisoformat(judged["read_at"])
    tables: list[Judged] = []
    for promise in published_by(stage):
        rows = landing.get_rows(landing.staged_key(batch, promise.name, "judged"))
        scope = _scope(stage, batch, tables[0].rows if tables else rows)
        rows_in = judged["rows"][promise.name]
        verdict_id = uuid.UUID(judged["verdicts"][promise.name])
        tables.append(Judged(promise, rows, verdict_id, rows_in, rows_in - rows.num_rows, read_at, scope))
    with Warehouse(batch.tenant) as warehouse:
        with warehouse.transaction() as connection:
            done = publish(connection, batch, tables)
        for published in done:
            # Plans made from the statistics of an empty table are slower by orders of magnitude than the load itself.
            if published.rows_published >= _MANY_ROWS:
                warehouse.execute("statistics_refresh", table_name=published.table_name)
    return done


def _scope(stage: str, batch: Batch, main: pa.Table | StagedRows) -> tuple[str, pa.Array] | None:
    """What this batch decides about beyond the rows it brings (see Judged.scope)."""
    if stage == "ingest":
        return ("source_name", pa.array([batch.source_name])) if source(batch.source_name).is_complete else None
    if stage == "features":
        # A market is decided by month, for every county of the tenant and whichever batch asks.
        return "month_date", _column(landing.get_rows(landing.staged_key(batch, stage, "scope")), "month_date")
    return "property_id", pa.concat_arrays([_column(main, "property_id"), _vanished(batch)])


def _vanished(batch: Batch) -> pa.Array:
    """Properties that no source speaks of any more: in the scope of this batch, and without a row in its build."""
    key = landing.staged_key(batch, "normalize", "scope")
    if not landing.exists(key):
        return pa.array([], pa.string())
    scope = _column(landing.get_rows(key), "property_id")
    built = _column(landing.get_rows(landing.staged_key(batch, "normalize.property", "built")), "property_id")
    return scope.filter(pc.invert(pc.is_in(scope, built)))


def _column(rows: pa.Table | StagedRows, name: str) -> pa.Array:
    return columns_of(rows, [name])[name].combine_chunks()


def _without(rows: StagedRows, positions: list[int]) -> Iterator[pa.Table]:
    start, rejected = 0, pa.array(positions, pa.int64())
    for part in rows.slices():
        here = pa.array(range(start, start + part.num_rows), pa.int64())
        start += part.num_rows
        yield part.filter(pc.invert(pc.is_in(here, rejected))) if positions else part


def _follow_parent(verdict: Verdict, promise: Contract, rows: StagedRows, parents: StagedRows, parent_verdict: Verdict) -> None:
    """A row whose parent was quarantined goes with it: a sale without its property would be an orphan."""
    if not parent_verdict.rejected or promise.parent is None:
        return
    column = promise.parent[0]
    lost = _column(parents, column).take(pa.array(parent_verdict.rejected))
    orphans = pc.indices_nonzero(pc.is_in(_column(rows, column), lost)).to_pylist()
    if orphans:
        added = pd.DataFrame(
            {"position": orphans, "expectation": PARENT_QUARANTINED, "field_name": column, "reason": "its property was kept back"}
        )
        verdict.quarantined = pd.concat([verdict.quarantined, added], ignore_index=True)


def _defects(batch: Batch, stage: str, rows: StagedRows) -> pd.DataFrame:
    defects = landing.get_rows(landing.staged_key(batch, stage, "defects")).table().to_pandas()
    position = pd.Series(range(rows.num_rows), index=_column(rows, "row_number").to_pandas())
    found = defects.assign(position=defects["row_number"].map(position)).dropna(subset=["position"])
    return found.assign(position=found["position"].astype(int))[["position", "field_name", "reason"]]


def _write_down(warehouse: Warehouse, batch: Batch, promise: Contract, rows: StagedRows, verdict: Verdict, judged_sha256: str) -> None:
    said = verdict_frame(batch.tenant, verdict, batch_id=batch.batch_id, run_id=batch.run_id, judged_sha256=judged_sha256)
    with warehouse.transaction() as connection:
        warehouse.insert("provenance.verdict", said, connection)
        if verdict.is_passed and verdict.rejected:
            _quarantine(warehouse, connection, batch, promise, rows, verdict)


def _quarantine(
    warehouse: Warehouse, connection: psycopg.Connection[Any], batch: Batch, promise: Contract, rows: StagedRows, verdict: Verdict
) -> None:
    """Keep every rejected row with its reason, once: judging the same batch again adds nothing."""
    kept = _taken(rows, verdict.rejected)
    by_position = dict(zip(verdict.rejected, kept, strict=True))
    # A row of a file is kept as the file wrote it; a row that was merged is kept as it was staged.
    numbers = [row["row_number"] for row in kept] if promise.name == "ingest.record" else []
    raw = {row["row_number"]: row["raw_row"] for row in warehouse.rows("raw_rows", batch_id=batch.batch_id, row_numbers=numbers)}
    records = []
    for entry in verdict.quarantined.itertuples(index=False):
        row = by_position[int(str(entry.position))]
        key = "|".join(str(row[name]) for name in promise.row_key)
        identity = f"{batch.tenant.tenant_id}/{batch.batch_id}/{promise.name}/{key}/{entry.expectation}/{entry.field_name}"
        records.append(
            {
                "tenant_id": batch.tenant.tenant_id,
                "quarantine_id": uuid.uuid5(uuid.NAMESPACE_URL, identity),
                "batch_id": batch.batch_id,
                "table_name": promise.name,
                "row_key": key,
                "row_number": row.get("row_number"),
                "raw_row": orjson.dumps(raw.get(row.get("row_number"), row), default=str).decode(),
                "expectation": entry.expectation,
                "field_name": entry.field_name,
                "reason": entry.reason,
                "run_id": batch.run_id,
                "quarantined_at": datetime.now(UTC),
            }
        )
    with connection.cursor() as cursor:
        cursor.executemany(query("quarantine_insert"), records)


def _taken(rows: StagedRows, positions: list[int]) -> list[dict[str, Any]]:
    """The rows at `positions` (ascending), as dicts, in that order."""
    start, taken = 0, []
    for part in rows.slices():
        here = [position - start for position in positions if start <= position < start + part.num_rows]
        taken += part.take(pa.array(here, pa.int64())).to_pylist()
        start += part.num_rows
    return taken


def _refusal(batch: Batch, refused: list[Verdict]) -> str:
    parts = " | ".join(refusal_of(batch.tenant, verdict) for verdict in refused)
    rows = landing.address(landing.staged_key(batch, refused[0].table_name, "built"))
    return f"{batch.tenant.slug}: batch {batch.batch_id}: {parts}. Nothing was published. The rows as judged: {rows}"


def _note(batch: Batch, stage: str, state: str, content: dict[str, Any]) -> None:
    landing.put(f"{batch.tenant.tenant_id}/staged/{batch.batch_id}/{stage}.{state}.json", orjson.dumps(content), "application/json")


def _noted(batch: Batch, stage: str, state: str) -> dict[str, Any]:
    noted: dict[str, Any] = orjson.loads(landing.get(f"{batch.tenant.tenant_id}/staged/{batch.batch_id}/{stage}.{state}.json"))
    return noted
