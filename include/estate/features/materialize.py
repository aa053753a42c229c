"""Features go online: what was published since the last time, or all of it, is staged, judged and pushed to Redis.

Three steps that can each be killed and run again. Between them lie immutable objects in the object store, named by what they hold, and
two notes that say which of them belong together; nothing changes for readers until `push`, and a publication counts as online only when
all of its entities are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from estate import landing
from estate.arrow import frame_to_arrow
from estate.batch import Batch, content_sha256
from estate.contracts import contract
from estate.errors import BatchRefused
from estate.features.definitions import VIEWS, FeatureView
from estate.features.offline import current
from estate.features.online import OnlineStore
from estate.features.pending import (
    TABLES,
    Pending,
    definitions_sha256,
    ever_known,
    online_since,
    pending,
    standing,
    touched,
    union,
    without,
)
from estate.features.profile import profile
from estate.gate import Failure, Verdict, judge
from estate.settings import Tenant
from estate.staged import Spool, StagedRows
from estate.verdicts import put_docs, refusal_of, verdict_frame
from estate.warehouse import Warehouse, frame_sha256

_SOURCE = "features"
_LOCK = "features"  # of one tenant one run builds or pushes at a time, so that who built later has read later
_PROFILE = "features.profile"
_COUNTED = {"property_id": "properties", "county_fips": "markets"}
# A run that touches less than this share of the entities does not look at all of them again, unless the last look is older than a day.
_LEAST_TOUCHED_SHARE = 0.01
_LOOKED_AT_EVERY = timedelta(days=1)
_ACCEPTABLE = frozenset({"value_ratio", "psi"})  # what compares windows; no other column's bound can be waived


def build(tenant: Tenant, run_id: str, *, is_whole: bool = False) -> Batch:
    """Stage the current rows of every entity that a pending publication touched, or with `is_whole` of every entity there is.

    All are staged, too, where the tenant's mark in Redis is not what database and code say: Redis was emptied, went back to an older state
    or has kept entities for so long that they are soon to expire, or features were defined anew. Returns the batch, which is named by the
    publications; nothing is staged when nothing is pending. Raises OnlineUnavailable.
    """
    definitions = definitions_sha256()
    with Warehouse(tenant) as warehouse, warehouse.one_at_a_time(_LOCK):
        (clock,) = warehouse.rows("clock")
        is_whole = is_whole or OnlineStore(tenant).marker() != standing(warehouse, definitions)
        found = pending(warehouse)
        numbers = "whole" if is_whole else ",".join(map(str, found.publications))
        name = f"{_SOURCE}-{content_sha256(f'{numbers}/{found.newest_id}'.encode())[:12]}"
        batch = Batch(tenant, name, _SOURCE, found.newest_date or clock["now"].date(), run_id)
        entities = ever_known(warehouse) if is_whole else touched(warehouse, found.publications)
        views: dict[str, str] = {}
        for view in VIEWS.values():
            keys = entities[view.entity]
            if is_whole or len(keys):
                wanted = None if is_whole else pd.DataFrame({view.entity: keys.to_pandas()})
                views[view.name] = _stage(batch, view.contract.name, _of_tenant(tenant, current(warehouse, view, wanted)))
        listed = {entity: _stage(batch, f"features.{entity}", [pa.table({entity: keys})]) for entity, keys in entities.items() if len(keys)}
    _note(batch, "built", {
        "vintage_date": batch.vintage_date.isoformat(), "is_whole": is_whole, "publications": list(found.publications.items()),
        "newest": found.newest, "entities": listed, "views": views, "definitions": definitions,
        "touched": {entity: len(keys) for entity, keys in entities.items()},
    })  # fmt: skip
    return batch


def batch_of(tenant: Tenant, batch_id: str, run_id: str) -> Batch:
    """The staged batch of features called `batch_id`. Raises BatchRefused when this run of the tenant has built none of that name."""
    batch = Batch(tenant, batch_id, _SOURCE, date.min, run_id)
    try:
        built = _noted(batch, "built")
    except FileNotFoundError:
        raise BatchRefused(f"{tenant.slug} has no batch {batch_id} of features; features_materialize builds one") from None
    return Batch(tenant, batch_id, _SOURCE, date.fromisoformat(built["vintage_date"]), run_id)


def gate(batch: Batch, accepted: str = "") -> list[Verdict]:
    """Judge the staged rows of every view, and how each feature will be spread over all entities once they are online.

    Verdicts, their pages and the rows of features.profile are written whatever the outcome. A view of which nothing is staged is not
    judged, and of a batch that touches nothing nothing is; a batch that touches few is not judged by how all are spread, if that was
    done within a day.

    `accepted` says who accepts, and why, that features have lost their values or moved by a factor: such refusals become warnings that name
    it, and the next run compares with this one. What the suites of the views refuse stays refused. Raises BatchRefused when anything is
    refused: then nothing goes online, and what is online stays.
    """
    built = _noted(batch, "built")
    verdicts: list[Verdict] = []
    if built["entities"]:
        staged = {name: landing.get_rows(key) for name, key in built["views"].items()}
        with Warehouse(batch.tenant) as warehouse:
            for name, rows in staged.items():
                if rows.num_rows:
                    verdict = judge(VIEWS[name].contract, rows, batch.batch_id)
                    _keep(warehouse, batch, verdict, frame_sha256(rows))
                    verdicts.append(verdict)
            before = warehouse.frame("materialization_window_before", run_id=batch.run_id)
            (clock,) = warehouse.rows("materialization_clock")
            if built["is_whole"] or _is_looked_at(before, built["touched"], clock["now"]):
                verdicts.append(_judged_profile(warehouse, batch, staged if built["is_whole"] else None, before, clock, accepted))
    refused = [verdict for verdict in verdicts if not verdict.is_passed]
    _note(batch, "judged", {**built, "is_passed": not refused})
    if refused:
        said = " | ".join(refusal_of(batch.tenant, verdict) for verdict in refused)
        rows_of = built["views"].get(refused[0].table_name.removeprefix("features."))
        where = f" The rows as judged: {landing.address(rows_of)}" if rows_of else ""
        raise BatchRefused(f"{batch.tenant.slug}: batch {batch.batch_id}: {said}. What is online stays as it was.{where}", verdicts)
    return verdicts


def push(batch: Batch) -> dict[str, int]:
    """Put what the gate let through online, then write the publications down as online, in one transaction.

    Entities of which no row is current any more are deleted, and of the others the views that have none. Another run may have pushed
    since this batch was built: what only its publications touched stands there at least as new as here, and is left alone. Returns how
    many properties and markets were written and deleted, and how many publications went online.

    Raises BatchRefused when the gate refused the batch, OnlineUnavailable when Redis cannot be reached: then no publication is written
    down, and the next run pushes again.
    """
    judged = _noted(batch, "judged")
    if not judged["is_passed"]:
        raise BatchRefused(f"{batch.tenant.slug}: batch {batch.batch_id} was refused by its gate; nothing of it goes online")
    done = {f"{counted}_{what}": 0 for counted in _COUNTED.values() for what in ("written", "deleted")} | {"publications": 0}
    then = Pending(dict(judged["publications"]), judged["newest"], None)
    with Warehouse(batch.tenant) as warehouse, warehouse.one_at_a_time(_LOCK):
        since = online_since(warehouse, then)
        left = {number: table for number, table in then.publications.items() if number not in since}
        if not (left or judged["is_whole"]):
            return done
        newer, own = touched(warehouse, since), touched(warehouse, left)
        store, definitions = OnlineStore(batch.tenant), judged["definitions"]
        before = standing(warehouse, definitions)
        if judged["is_whole"]:
            # What another run has pushed since is passed over: all stands afterwards only if that stands now.
            is_sure, before = not since or store.marker() == before, f"{batch.run_id} is writing"
            store.mark(before if is_sure else "not all of it is online", is_renewed=True)
        for entity, key in judged["entities"].items():
            passed_over = without(newer[entity], own[entity])
            asked = without(landing.get_rows(key).columns([entity])[entity].combine_chunks(), passed_over)
            views = {name: landing.get_rows(rows) for name, rows in judged["views"].items() if VIEWS[name].entity == entity}
            counted = _COUNTED[entity]
            done[f"{counted}_written"], done[f"{counted}_deleted"] = _put(store, entity, views, asked)
        _write_down(warehouse, batch, left, done)
        # Where the mark went meanwhile, entities went with it; where it said something else, not all of them stand. The next run is whole.
        if store.marker() == before:
            store.mark(standing(warehouse, definitions), is_renewed=judged["is_whole"])
    return done | {"publications": len(left)}


def together(views: Mapping[str, StagedRows], entity: str) -> Iterator[dict[str, pa.Table]]:
    """The rows of several views, each in the order of `entity`, cut so that all rows of one entity come in one piece."""
    following = {name: rows.slices() for name, rows in views.items() if rows.num_rows}
    held = {name: next(slices) for name, slices in following.items()}
    while held:
        last = min(rows[entity][-1].as_py() for rows in held.values())
        piece: dict[str, pa.Table] = {}
        for name, rows in list(held.items()):
            is_complete = pc.less_equal(rows[entity], last)
            given, rest = rows.filter(is_complete), rows.filter(pc.invert(is_complete))
            if given.num_rows:
                piece[name] = given
            if rest.num_rows:
                held[name] = rest
            elif (slices := next(following[name], None)) is not None:
                held[name] = slices
            else:
                del held[name]
        yield piece


def _put(store: OnlineStore, entity: str, views: Mapping[str, StagedRows], asked: pa.Array) -> tuple[int, int]:
    """Write the staged rows of the entities `asked`, and take offline what of them has no row; how many were written and deleted."""
    written = 0
    for piece in together(views, entity):
        chosen = {name: rows.filter(pc.is_in(rows[entity], asked)).drop_columns(["tenant_id"]) for name, rows in piece.items()}
        chosen = {name: rows for name, rows in chosen.items() if rows.num_rows}
        written += store.write(entity, chosen) if chosen else 0
    held = {name: rows.columns([entity])[entity].combine_chunks() for name, rows in views.items()}
    gone = without(asked, union(held.values()))
    for name, keys in held.items():
        lacking = without(without(asked, keys), gone)
        if len(lacking):
            store.delete(entity, lacking.to_pylist(), [name])
    return written, store.delete(entity, gone.to_pylist()) if len(gone) else 0


def _write_down(warehouse: Warehouse, batch: Batch, publications: Mapping[int, str], done: Mapping[str, int]) -> None:
    (clock,) = warehouse.rows("materialization_clock")
    rows = [
        {
            "tenant_id": str(batch.tenant.tenant_id), "publication_id": number, "table_name": table,
            "entity_count": done[f"{_COUNTED[TABLES[table]]}_written"], "run_id": batch.run_id, "materialized_at": clock["next_at"],
        }
        for number, table in publications.items()
    ]  # fmt: skip
    if rows:
        with warehouse.transaction() as connection:
            warehouse.insert("features.materialization", pd.DataFrame(rows), connection)


def _is_looked_at(before: pd.DataFrame, touched_counts: Mapping[str, int], now: datetime) -> bool:
    """Whether a batch that touches so many of each entity has all of them profiled: enough of them, or the window `before` is not of today.

    Fewer cannot take a feature from the rest, and what they move by and by is seen within a day.
    """
    if before.empty or not timedelta(0) <= now - datetime.fromisoformat(before["profiled_at"].iloc[0]) <= _LOOKED_AT_EVERY:
        return True
    known = before.groupby("view_name")["entity_count"].max()
    return any(
        touched_counts[view.entity] > _LEAST_TOUCHED_SHARE * known.get(view.name, 0)
        for view in VIEWS.values()
        if touched_counts[view.entity]
    )


def _judged_profile(
    warehouse: Warehouse, batch: Batch, staged: Mapping[str, StagedRows] | None, before: pd.DataFrame, clock: Mapping[str, datetime],
    accepted: str,
) -> Verdict:  # fmt: skip
    """The verdict on how each feature is spread, over the staged rows when they are all there are, else over all current ones."""
    found = profile(_all_rows(warehouse, staged), before, batch.run_id, clock["now"])
    found = found.assign(tenant_id=str(batch.tenant.tenant_id), profiled_at=clock["next_at"])
    promise = contract(_PROFILE)
    rows = frame_to_arrow(found, promise)
    verdict = judge(promise, rows, batch.batch_id)
    if accepted:
        verdict.failures = [_accepted(failure, accepted) for failure in verdict.failures]
    # A run is kept once: its gate tried again adds a verdict, and the record shows what its first try saw.
    is_known = bool(warehouse.rows("materialization_profile_known", run_id=batch.run_id))
    _keep(warehouse, batch, verdict, frame_sha256(rows), None if is_known else found)
    return verdict


def _accepted(failure: Failure, by: str) -> Failure:
    if failure.outcome != "refused" or failure.field_name not in _ACCEPTABLE or failure.detail.startswith("raised"):
        return failure
    return replace(failure, outcome="warned", reason=f"Accepted by {by}. Would have been refused: {failure.reason}")


def _all_rows(warehouse: Warehouse, staged: Mapping[str, StagedRows] | None) -> Iterator[tuple[FeatureView, pa.Table]]:
    for view in VIEWS.values():
        if staged is None:
            yield from ((view, rows) for rows in current(warehouse, view))
        else:
            yield from ((view, rows.drop_columns(["tenant_id"])) for rows in staged[view.name].slices())


def _keep(warehouse: Warehouse, batch: Batch, verdict: Verdict, judged_sha256: str, profiled: pd.DataFrame | None = None) -> None:
    put_docs(batch.tenant, verdict)
    said = verdict_frame(batch.tenant, verdict, batch_id=batch.batch_id, run_id=batch.run_id, judged_sha256=judged_sha256)
    with warehouse.transaction() as connection:
        warehouse.insert("provenance.verdict", said, connection)
        if profiled is not None:
            warehouse.insert(_PROFILE, profiled, connection)


def _of_tenant(tenant: Tenant, slices: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The slices with the tenant in each row, as the key of every view asks."""
    for rows in slices:
        yield rows.append_column("tenant_id", pa.array([str(tenant.tenant_id)] * rows.num_rows, pa.string()))


def _stage(batch: Batch, name: str, slices: Iterable[pa.Table]) -> str:
    """Store the slices of one table; returns the key, which names what it holds: no other run's rows take their place."""
    with Spool() as spool:
        for rows in slices:
            spool.write(rows)
        with Path(spool.finish().name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        key = landing.staged_key(batch, name, digest[:16])
        landing.put_spool(key, spool)
    return key


def _note(batch: Batch, state: str, content: dict[str, Any]) -> None:
    landing.put(_note_key(batch, state), orjson.dumps(content), "application/json")


def _noted(batch: Batch, state: str) -> dict[str, Any]:
    noted: dict[str, Any] = orjson.loads(landing.get(_note_key(batch, state)))
    return noted


def _note_key(batch: Batch, state: str) -> str:
    # Two runs may find the same pending: the batch is the same, what their gates say of it is each one's own.
    run = content_sha256(batch.run_id.encode())[:12]
    return f"{batch.tenant.tenant_id}/staged/{batch.batch_id}/features.{run}.{state}.json"
