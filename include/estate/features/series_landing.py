"""Bring a public market series in: from a file, through its gate, into the store that all tenants share.

Every version adds only what it says differently from the versions before it, so revisions are kept and a file that comes twice adds
nothing. A file of an older vintage than the newest loaded is refused; one of the same vintage is a correction, also where it says again
what an earlier version said. A file of a whole source that lacks many of the values known is refused as cut off.
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pandas as pd
import psycopg
from psycopg import sql

from estate import landing
from estate.arrow import frame_to_arrow
from estate.batch import content_sha256
from estate.contracts import contract
from estate.errors import LandingRefused
from estate.features.series import SeriesTable, read_series
from estate.gate import judge
from estate.ingest.declaration import Source, source
from estate.ingest.stage import offered_file
from estate.settings import settings
from estate.sql import query
from estate.warehouse import copy_to_temporary

_VALUE, _AREA = contract("reference.market_value"), contract("reference.market_area")
_WITHDRAWN_RATE_MOST = 0.05  # of the known values; publishers drop single areas and months, a file that was cut off drops many


def load(source_name: str, file_name: str | None, vintage_date: date | None, run_id: str) -> dict[str, int | str]:
    """Load one series; every attempt leaves a row in reference.series_landing. The bytes that were loaded last change nothing.

    The file is `file_name` in the reference landing folder, or the newest there of the source. It stands for `vintage_date`, or the day
    that its declaration says, or the last day of its newest period. Returns series, outcome, values in the file, and how many of them
    were new, revised or withdrawn. Raises LandingRefused with reason and remedy.
    """
    attempt: dict[str, Any] = {"source_name": source_name, "file_name": file_name or "", "run_id": run_id}
    with psycopg.connect(settings().database_url, autocommit=True) as connection:
        try:
            outcome = _load(connection, attempt, vintage_date)
        except LandingRefused as refusal:
            _note(connection, attempt | {"outcome": "refused", "reason": refusal.reason, "remedy": refusal.remedy})
            raise
        except Exception as failure:  # whatever it was, the attempt leaves a row; the task then fails with it
            _note(connection, attempt | {"outcome": "failed", "reason": repr(failure), "remedy": "See the log of the run."})
            raise
        _note(connection, attempt | outcome)
    return {
        "series": source_name, "outcome": outcome["outcome"], "values": outcome["value_count"], "changed": outcome["changed_count"],
    }  # fmt: skip


def _load(connection: psycopg.Connection[Any], attempt: dict[str, Any], vintage_date: date | None) -> dict[str, Any]:
    declared = source(attempt["source_name"])
    if declared.series is None:
        raise LandingRefused(f"{declared.name} is no market series", remedy="Land records with the DAG ingest, layers with hazard_layer.")
    path = offered_file(landing.REFERENCE, declared, attempt["file_name"] or None)
    attempt["file_name"] = path.name
    payload = path.read_bytes()
    attempt["snapshot_sha256"] = content_sha256(payload)
    bytes_known = {"source_name": declared.name, "snapshot_sha256": attempt["snapshot_sha256"]}
    if known := connection.execute(query("series_known"), bytes_known).fetchone():
        landing.land(landing.REFERENCE, payload)  # heals a snapshot that the object store lost
        return _repeated(known)
    table = read_series(payload, declared, path.name)
    newest_period: date = table.values["period_date"].max().date()
    vintage = vintage_date or declared.vintage_date or newest_period
    if vintage < newest_period:
        raise LandingRefused(
            f"{path.name} is of {vintage} and speaks of {newest_period}, which is later", remedy="Give the day the file stands for."
        )
    _judged(table, declared)
    _, key = landing.land(landing.REFERENCE, payload)
    said = {"measure": declared.series.measure, "authority": declared.authority, "is_complete": declared.is_complete, "object_key": key}
    return _stored(connection, table, attempt | said | {"vintage_date": vintage, "value_count": len(table.values)})


def _stored(connection: psycopg.Connection[Any], table: SeriesTable, version: dict[str, Any]) -> dict[str, Any]:
    """Add the version in one transaction; of two loads at once one waits for the other, and finds what that one left."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('reference.market_series', 0))")
        if known := connection.execute(query("series_known"), version).fetchone():
            return _repeated(known)
        series_id, newest = connection.execute(query("series_newest"), version).fetchone() or (1, None)
        if newest is not None and version["vintage_date"] < newest:
            raise LandingRefused(
                f"{version['file_name']} is of {version['vintage_date']}, but {version['source_name']} is already loaded as of {newest}",
                remedy="An older vintage never overwrites a newer one. If the date is wrong, give vintage_date.",
            )
        version |= {"series_id": series_id}
        values = copy_to_temporary(connection, _VALUE, frame_to_arrow(_of(table.values, version), _VALUE))
        areas = copy_to_temporary(connection, _AREA, frame_to_arrow(_of(table.areas, version), _AREA))
        changed = _add_values(connection, values, version)
        connection.execute(sql.SQL(query("series_insert_areas")).format(staging=areas), version)
        connection.execute(query("series_insert_version"), version | {"changed_count": changed})
    return {"outcome": "loaded", "series_id": series_id, "value_count": version["value_count"], "changed_count": changed}


def _add_values(connection: psycopg.Connection[Any], staging: sql.Composable, version: dict[str, Any]) -> int:
    """Add what the version says differently; returns how many values. Raises LandingRefused, undone by the caller's transaction."""
    added = connection.execute(sql.SQL(query("series_insert_values")).format(staging=staging), version).fetchone()
    assert added is not None  # a row of counts  # noqa: S101
    changed, withdrawn, known = map(int, added)
    if withdrawn > _WITHDRAWN_RATE_MOST * known:
        raise LandingRefused(
            f"{version['file_name']} lacks {withdrawn:,} of the {known:,} values known of {version['source_name']}, which is more than "
            f"{_WITHDRAWN_RATE_MOST:.0%}: the file looks cut off",
            remedy="Send the whole file. If its publisher has dropped these values, declare is_complete = false: they stand as last said.",
        )
    return changed


def _repeated(known: tuple[Any, ...]) -> dict[str, Any]:
    return {"outcome": "already_loaded", "series_id": known[0], "value_count": known[1], "changed_count": 0}


def _of(frame: pd.DataFrame, version: dict[str, Any]) -> pd.DataFrame:
    return frame.assign(source_name=version["source_name"], series_id=version["series_id"])


def _judged(table: SeriesTable, declared: Source) -> None:
    """Series pass a gate like everything else; there is no quarantine for them, since a hole would read as a value withdrawn."""
    rows = frame_to_arrow(table.values.assign(source_name=declared.name, series_id=0), _VALUE)
    verdict = judge(_VALUE, rows, declared.name)
    for name, body in verdict.docs.items():
        landing.put(f"{landing.REFERENCE}/data-docs/{name}", body, "text/html" if name.endswith(".html") else "application/octet-stream")
    failed = [failure for failure in verdict.failures if failure.outcome != "warned"]
    if failed:
        named = "; ".join(f"{failure} ({failure.reason})" for failure in failed)
        raise LandingRefused(f"{declared.name} refused by {named}", remedy="Correct the file, or its declaration, and load it again.")


def _note(connection: psycopg.Connection[Any], row: dict[str, Any]) -> None:
    empty = dict.fromkeys(("snapshot_sha256", "reason", "remedy", "series_id", "value_count", "changed_count"))
    connection.execute(query("series_landing_insert"), empty | row | {"landing_id": uuid.uuid4()})
