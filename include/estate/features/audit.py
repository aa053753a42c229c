"""Offline against online: what a model is trained from is what it is served, feature by feature, or the audit says where it is not.

Compared is what the join in the past says of the present moment with what lies in Redis: every feature with its value, its event time and
its age. The time to live is left out on both sides: it follows from the event time, so that what agrees without it agrees with it, and
financial features, which live a day, are compared after that day too.

A publication that has not gone online yet is no mismatch: what it touched is left to a later audit. But only for PATIENCE: behind one that
waits longer, what is served is old and nobody looks at it. One that is written down as online is held to it: of an entity whose push was
lost, or that vanished and is still served, every feature of the view differs. An audit that saw no row of a view that has some says so
instead of saying yes.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from estate.errors import FeatureMismatch
from estate.features.definitions import VIEWS, FeatureService, FeatureView
from estate.features.offline import as_of
from estate.features.online import OnlineRow, OnlineStore
from estate.features.pending import ENTITIES, TABLES, ever_known, known_now, pending, touched, union, without
from estate.settings import Tenant
from estate.warehouse import Warehouse

LOCK = "features"
"""What is built and pushed under (estate.features.materialize): while it is held, nothing goes online."""

PATIENCE = timedelta(days=1)
"""How long a publication may wait to go online: the features that change fastest live as long."""

_TABLE = "features.parity"
_VALUED = "value_mismatch_count"  # of the mismatches, those of the value itself; not kept, but named first
_SEEN = "seen_count"  # of the entities compared, those of which either side has a row of the view; not kept
_STANDING = 10  # entities with a current version that are looked at in each table, whatever chance brings
_NAMED = 5  # features that a mismatch names, so that its message stays one that a person reads


@dataclass(frozen=True, slots=True)
class _Seen:
    """A value with the times of its row, as one side has it; all None where there is no row."""

    value: Any
    event_at: datetime | None
    observed_at: datetime | None

    def __str__(self) -> str:
        """As an example shows it."""
        return "nothing" if self.event_at is None else f"{self.value!r} of {self.event_at.isoformat()}, observed {_day(self.observed_at)}"


def audit(tenant: Tenant, run_id: str, sample_size: int = 1000) -> pd.DataFrame:
    """Compare every feature of up to `sample_size` properties and as many counties, and of as many that each table changed last; keep it.

    Which entities, follows from `run_id` and what is known; entities that vanished are among them, and in each table some that did not.
    Returns the rows of features.parity that it wrote, one a feature; a run that audits again writes beside its first under ``<run_id>#2``.

    Raises FeatureMismatch, after writing: naming features and an example where they differ; naming the oldest publication that has waited
    longer than PATIENCE to go online, since nothing behind it was compared; or naming views that have rows of which none was seen.
    Raises OnlineUnavailable, writing nothing, when Redis cannot be reached.
    """
    with Warehouse(tenant) as warehouse:
        found = {entity: _Compared([], [], []) for entity in ENTITIES}
        with warehouse.one_at_a_time(LOCK):
            (moment,) = warehouse.rows("parity_moment", table_names=list(TABLES), run_id=run_id)
            for entity, ids in _sample(warehouse, run_id, sample_size).items():
                if ids:
                    found[entity] = _compared(warehouse, entity, ids, moment["as_of_at"])
            rows = _written(warehouse, run_id, moment, found)
            overdue = warehouse.rows("parity_overdue", table_names=list(TABLES), patience=PATIENCE)
            standing = _standing(warehouse)
    _refuse(tenant, rows)
    _refuse_overdue(tenant, overdue)
    _refuse_unseen(tenant, rows, standing)
    return rows.drop(columns=[_VALUED, _SEEN])


def _written(warehouse: Warehouse, run_id: str, moment: Mapping[str, Any], found: Mapping[str, _Compared]) -> pd.DataFrame:
    """The rows of features.parity, written down; with them what is told of them only."""
    name = f"{run_id}#{moment['audit_count'] + 1}" if moment["audit_count"] else run_id
    rows = pd.DataFrame(
        [
            {
                "run_id": name, "view_name": view.name, "feature_name": feature.name,
                **_told(found[view.entity], view.name, feature.name),
                "as_of_at": moment["as_of_at"], "audited_at": moment["audited_at"],
            }
            for view in VIEWS.values() for feature in view.features
        ]
    )  # fmt: skip
    with warehouse.transaction() as connection:
        warehouse.insert(_TABLE, rows.assign(tenant_id=str(warehouse.tenant.tenant_id)), connection)
    return rows


@dataclass(frozen=True, slots=True)
class _Compared:
    """Entities with their rows on both sides, by place."""

    ids: Sequence[str]
    offline: Sequence[Mapping[Hashable, Any]]
    online: Sequence[OnlineRow | None]


def _service(entity: str) -> FeatureService:
    """All features of one kind of entity."""
    features = {view.name: tuple(c.name for c in view.features) for view in VIEWS.values() if view.entity == entity}
    return FeatureService(f"audit_{entity}", "every feature", features)


def _sample(warehouse: Warehouse, run_id: str, size: int) -> dict[str, list[str]]:
    """By entity column, what to look at: some at random, some of those that each table's last publication online touched, none pending."""
    known, waiting = ever_known(warehouse), touched(warehouse, pending(warehouse).publications)
    newest = warehouse.rows("parity_last", table_names=list(TABLES))
    last = [touched(warehouse, {row["publication_id"]: row["table_name"]}) for row in newest]
    standing = _standing(warehouse)
    chosen: dict[str, list[str]] = {}
    for entity in ENTITIES:
        chance = random.Random(f"{run_id}/{entity}")  # noqa: S311 - a sample, not a secret
        parts = [(without(among[entity], waiting[entity]), size) for among in (known, *last)]
        parts += [(keys, min(size, _STANDING)) for table, keys in standing.items() if TABLES[table] == entity]
        picked = [part.take(pa.array(chance.sample(range(len(part)), min(most, len(part))), pa.int64())) for part, most in parts]
        chosen[entity] = union(picked).to_pylist()
    return chosen


def _standing(warehouse: Warehouse) -> dict[str, pa.Array]:
    """By table, the entities that have a current version in it and that no pending publication touched."""
    found, waiting = known_now(warehouse), touched(warehouse, pending(warehouse).publications)
    return {table: without(keys, waiting[TABLES[table]]) for table, keys in found.items()}


def _compared(warehouse: Warehouse, entity: str, ids: list[str], as_of_at: datetime) -> _Compared:
    """Read both sides, and then drop what a publication touched meanwhile: offline may have it already, online cannot."""
    service = _service(entity)
    entities = pd.DataFrame({entity: ids, "event_at": pd.Series([as_of_at] * len(ids), dtype="datetime64[us, UTC]")})
    frame = as_of(warehouse, service, entities, has_ttl=False).astype(object)
    offline: list[dict[Hashable, Any]] = frame.where(frame.notna(), None).to_dict("records")
    online = OnlineStore(warehouse.tenant).read(service, ids)
    waiting = set(touched(warehouse, pending(warehouse).publications)[entity].to_pylist())
    kept = [place for place, one in enumerate(ids) if one not in waiting]
    return _Compared([ids[n] for n in kept], [offline[n] for n in kept], [online[n] for n in kept])


def _told(found: _Compared, view: str, feature: str) -> dict[str, Any]:
    """How many were compared, how many differ, and the first that does, rather one of another value than one of another time only."""
    pairs = [
        (one, _of_offline(row, view, feature), _of_online(served, view, feature))
        for one, row, served in zip(found.ids, found.offline, found.online, strict=True)
    ]
    differing = [(one, before, served) for one, before, served in pairs if before != served]
    valued = [pair for pair in differing if pair[1].value != pair[2].value]
    example = None
    if differing:
        one, before, served = (valued or differing)[0]
        example = f"{one}: offline {before}; online {served}"
    return {
        "compared_count": len(pairs), "mismatch_count": len(differing), "example": example, _VALUED: len(valued),
        _SEEN: sum(before.event_at is not None or served.event_at is not None for _, before, served in pairs),
    }  # fmt: skip


def _of_offline(row: Mapping[Hashable, Any], view: str, feature: str) -> _Seen:
    event_at, observed_at = row[f"{view}__event_at"], row[f"{view}__observed_at"]
    # Feast keeps whole seconds of every time but the event's.
    return _Seen(row[feature], event_at and event_at.to_pydatetime(), observed_at and observed_at.floor("s").to_pydatetime())


def _of_online(row: OnlineRow | None, view: str, feature: str) -> _Seen:
    if row is None or view not in row.event_at:
        return _Seen(None, None, None)
    value = row.values[feature]
    return _Seen(None if value != value else value, row.event_at[view], row.observed_at[view])  # noqa: PLR0124 - NaN is no value


def _day(observed_at: datetime | None) -> str:
    return "never" if observed_at is None else observed_at.isoformat()


def _refuse(tenant: Tenant, rows: pd.DataFrame) -> None:
    """Raise FeatureMismatch when any feature differs."""
    order = [_VALUED, "mismatch_count"]
    differing = rows[rows["mismatch_count"] > 0].sort_values(order, ascending=False, kind="stable")
    if differing.empty:
        return
    named = [
        f"{row.view_name}.{row.feature_name} in {row.mismatch_count:,} of {row.compared_count:,} entities"
        for row in differing.head(_NAMED).itertuples()
    ]
    more = f" and {len(differing) - _NAMED} more features" if len(differing) > _NAMED else ""
    first = differing.iloc[0]
    raise FeatureMismatch(
        f"{tenant.slug}: offline and online differ: {', '.join(named)}{more}. First: {first['view_name']}.{first['feature_name']} of "
        f"{first['example']}. Run features_backfill, which writes what holds now, and audit again; what differs stands in features.parity "
        f"under run {first['run_id']}"
    )


def _refuse_overdue(tenant: Tenant, overdue: Sequence[Mapping[str, Any]]) -> None:
    """Raise FeatureMismatch when publications have waited longer than PATIENCE to go online."""
    if not overdue:
        return
    oldest = overdue[0]
    raise FeatureMismatch(
        f"{tenant.slug}: {len(overdue):,} publications wait longer than {PATIENCE.days} day to go online; the oldest is publication "
        f"{oldest['publication_id']} of {oldest['table_name']}, published {oldest['published_at'].isoformat()}. What they touched was not "
        "compared, and what is online of it is old. See why the gate of features_materialize refuses, or why it did not run; once it is "
        "mended, run features_materialize, or features_backfill, which writes everything"
    )


def _refuse_unseen(tenant: Tenant, rows: pd.DataFrame, standing: Mapping[str, pa.Array]) -> None:
    """Raise FeatureMismatch when of a view that has current rows, none pending, not one was seen on either side."""
    seen = rows.groupby("view_name")[_SEEN].max()
    unseen = [view.name for view in VIEWS.values() if not seen[view.name] and any(len(standing[table]) for table in _tables(view))]
    if unseen:
        raise FeatureMismatch(
            f"{tenant.slug}: nothing was compared of {', '.join(unseen)}, though some entities should be online: neither side gave "
            "a row of any that was looked at. Audit with a larger sample; where that finds nothing either, the queries of these views and "
            "the tables behind them do not fit"
        )


def _tables(view: FeatureView) -> list[str]:
    """The published tables that its features are made from: an entity with a version in one of them has a row of the view."""
    named = {made_from.rpartition(".")[0] for column in view.features for made_from in column.made_from}
    return sorted(named & set(TABLES))
