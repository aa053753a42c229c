"""The ingest stage: a file offered to a tenant becomes an immutable snapshot, its raw rows, and canonical records."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from estate import landing
from estate.batch import Batch, batch_id, content_sha256
from estate.errors import LandingRefused
from estate.ingest.declaration import Source, source
from estate.ingest.readers import RawTable, read_raw
from estate.ingest.records import to_records
from estate.settings import Tenant, settings
from estate.warehouse import Warehouse

_CHUNK_ROWS = 200  # a chunk of this many rows compresses well and is still read in well under a millisecond
_MAX_BYTES = 2 * 1024**3


def offered_file(folder: str, declared: Source, file_name: str | None) -> Path:
    """The file to land: `file_name` in the owner's own folder, or the newest there that the source's file_glob matches.

    Raises LandingRefused when there is none, and when a name leads out of the owner's folder: what lies in another
    tenant's folder is another tenant's.
    """
    home = (settings().landing_dir / folder).resolve()
    if file_name is None:
        found = sorted(
            (path for path in home.glob(declared.file_glob) if path.is_file()), key=lambda path: (path.stat().st_mtime, path.name)
        )
        if not found:
            raise LandingRefused(
                f"no file {declared.file_glob} in {home.name}'s landing folder", remedy=f"Put the file of {declared.title} there."
            )
        return _within(home, found[-1])
    path = _within(home, home / file_name)
    if not path.is_file():
        raise LandingRefused(f"{file_name} is not in {home.name}'s landing folder", remedy="Put it there, or correct the name.")
    return path


def _within(home: Path, path: Path) -> Path:
    if "\0" in str(path) or not path.resolve().is_relative_to(home):
        raise LandingRefused(
            f"{path.name!r} lies outside {home.name}'s landing folder", remedy="Only a tenant's own files can be landed for it."
        )
    return path


def land(tenant: Tenant, source_name: str, file_name: str | None, vintage_date: date | None, run_id: str) -> Batch:
    """Land one file for `tenant`; every attempt, good or bad, leaves a row in ingest.landing.

    Landing the same bytes again changes nothing and returns the same batch. Raises LandingRefused with reason and remedy.
    """
    attempt: dict[str, Any] = {"source_name": source_name, "file_name": file_name or "", "run_id": run_id}
    with Warehouse(tenant) as warehouse:
        try:
            return _land(warehouse, attempt, vintage_date)
        except LandingRefused as refusal:
            found = {"drift": _json(refusal.drift.as_dict()), "column_jaccard": refusal.drift.column_jaccard} if refusal.drift else {}
            _note(warehouse, attempt | found | {"outcome": "refused", "reason": refusal.reason, "remedy": refusal.remedy})
            raise
        except Exception as failure:  # whatever it was, the attempt leaves a row; the task then fails with it
            remedy = "See the log of the run; it is not the file's fault."
            _note(warehouse, attempt | {"outcome": "failed", "reason": repr(failure), "remedy": remedy})
            raise


def _land(warehouse: Warehouse, attempt: dict[str, Any], vintage_date: date | None) -> Batch:
    declared = source(attempt["source_name"])
    if declared.kind != "record":
        kind = declared.kind.replace("_", " ")
        raise LandingRefused(f"{declared.name} is a {kind}", remedy=f"Load it with the DAG {declared.kind}; it belongs to no tenant.")
    path = offered_file(warehouse.tenant.slug, declared, attempt["file_name"] or None)
    attempt |= {"file_name": path.name, "byte_count": path.stat().st_size}
    if attempt["byte_count"] > _MAX_BYTES:
        raise LandingRefused(f"{path.name} is larger than {_MAX_BYTES:,} bytes", remedy="Split it.")
    payload = path.read_bytes()
    attempt["snapshot_sha256"] = content_sha256(payload)
    known = warehouse.rows("snapshot_known", source_name=declared.name, snapshot_sha256=attempt["snapshot_sha256"])
    vintage = vintage_date or declared.vintage_date or datetime.now(UTC).date()
    if known:
        attempt |= {name: known[0][name] for name in ("object_key", "vintage_date", "row_count")}
        landing.land(str(warehouse.tenant.tenant_id), payload)  # heals a snapshot that the object store lost
        _note(warehouse, attempt | {"outcome": "already_landed"})
        return _batch(warehouse, declared, attempt)
    attempt["vintage_date"] = vintage
    newest = warehouse.rows("publication_newest_vintage", table_name="ingest.record", partition_name=declared.name)[0]["vintage_date"]
    if newest is not None and vintage < newest:
        raise LandingRefused(
            f"{path.name} is of {vintage}, but {declared.name} is already published as of {newest}",
            remedy="An older vintage never overwrites a newer one. If the date is wrong, give vintage_date.",
        )
    raw = read_raw(payload, declared, path.name)
    attempt |= {"row_count": len(raw.rows), "column_jaccard": raw.drift.column_jaccard, "drift": _json(raw.drift.as_dict())}
    attempt["object_key"] = landing.land(str(warehouse.tenant.tenant_id), payload)[1]
    _keep(warehouse, attempt, raw)
    return _batch(warehouse, declared, attempt)


def _batch(warehouse: Warehouse, declared: Source, attempt: dict[str, Any]) -> Batch:
    name = batch_id(declared.name, attempt["snapshot_sha256"])
    return Batch(warehouse.tenant, name, declared.name, attempt["vintage_date"], attempt["run_id"])


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _outcome(warehouse: Warehouse, attempt: dict[str, Any]) -> pd.DataFrame:
    empty = dict.fromkeys(
        ("snapshot_sha256", "byte_count", "reason", "remedy", "vintage_date", "row_count", "column_jaccard", "drift", "object_key")
    )
    row = empty | attempt | {"tenant_id": str(warehouse.tenant.tenant_id), "landing_id": str(uuid.uuid4()), "landed_at": datetime.now(UTC)}
    return pd.DataFrame([row])


def _note(warehouse: Warehouse, attempt: dict[str, Any]) -> None:
    with warehouse.transaction() as connection:
        warehouse.insert("ingest.landing", _outcome(warehouse, attempt), connection)


def _keep(warehouse: Warehouse, attempt: dict[str, Any], raw: RawTable) -> None:
    """Write the snapshot, its raw rows and the outcome in one transaction; two landings of the same bytes leave one snapshot."""
    tenant_id = str(warehouse.tenant.tenant_id)
    with warehouse.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{tenant_id}/snapshot",))
        taken = {
            row[1]: row[0]
            for row in connection.execute("SELECT snapshot_id, source_name || snapshot_sha256 FROM ingest.snapshot").fetchall()
        }
        if attempt["source_name"] + attempt["snapshot_sha256"] not in taken:
            snapshot_id = max(taken.values(), default=0) + 1
            wanted = ("source_name", "file_name", "snapshot_sha256", "object_key", "vintage_date", "row_count")
            row = {name: attempt[name] for name in wanted} | {
                "tenant_id": tenant_id,
                "snapshot_id": snapshot_id,
                "batch_id": batch_id(attempt["source_name"], attempt["snapshot_sha256"]),
                "header": list(raw.header),
                "landed_at": datetime.now(UTC),
            }
            warehouse.insert("ingest.snapshot", pd.DataFrame([row]), connection)
            warehouse.insert("ingest.raw_chunk", _chunks(tenant_id, snapshot_id, raw.rows), connection)
        warehouse.insert("ingest.landing", _outcome(warehouse, attempt | {"outcome": "landed"}), connection)


def _chunks(tenant_id: str, snapshot_id: int, rows: pd.DataFrame) -> pd.DataFrame:
    texts = rows.astype(object).where(rows.notna(), None).to_numpy()
    starts = range(0, len(texts), _CHUNK_ROWS)
    return pd.DataFrame(
        {
            "tenant_id": tenant_id,
            "snapshot_id": snapshot_id,
            "first_row": [start + 1 for start in starts],
            "rows": [_json(texts[start : start + _CHUNK_ROWS].tolist()) for start in starts],
        }
    )


def build(batch: Batch, warehouse: Warehouse) -> Iterator[dict[str, pd.DataFrame]]:
    """Build ``ingest.record`` from the batch's snapshot; cells that could not be read come beside it as ``defects``."""
    (snapshot,) = warehouse.rows("snapshot_of_batch", batch_id=batch.batch_id)
    declared = source(batch.source_name)
    payload = landing.get(snapshot["object_key"])
    if content_sha256(payload) != snapshot["snapshot_sha256"]:
        raise LandingRefused(
            f"{landing.address(snapshot['object_key'])} is not what was landed", remedy="Land the file again; the snapshot was damaged."
        )
    parsed = to_records(read_raw(payload, declared, snapshot["file_name"]), declared)
    frame = parsed.frame.assign(
        tenant_id=str(batch.tenant.tenant_id), snapshot_id=snapshot["snapshot_id"], vintage_date=pd.Timestamp(batch.vintage_date)
    )
    yield {"ingest.record": frame, "defects": parsed.defects}
