"""What a demonstration says of the features: how many entities are online, and whether offline and online agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from estate.features.definitions import SERVICES, VIEWS
from estate.features.online import OnlineStore
from estate.settings import Tenant
from local import books
from local.environment import platform_variables
from local.layout import Layout
from local.progress import Progress

_READ_AT_ONCE = 1000
# The service by which each kind of entity is read whole.
_SERVICE = {"property_id": SERVICES["property_v1"], "county_fips": SERVICES["market_v1"]}
_PLURAL = {"property_id": "properties", "county_fips": "markets"}
_FEATURES = sum(len(view.features) for view in VIEWS.values())


def show(machine: Layout, progress: Progress, tenant: Tenant, run_ids: Sequence[str]) -> list[str]:
    """Print what is online of `tenant` and what the audit among `run_ids` found; returns what was not as expected."""
    ids: dict[str, list[str]] = defaultdict(list)
    for row in books.read(machine, tenant, "summary_entities"):
        ids[row["entity_name"]].append(row["entity_id"])
    store = OnlineStore(tenant, platform_variables(machine)["ESTATE_FEATURES_REDIS_URL"])
    online = {name: _online(store, name, ids[name]) for name in _SERVICE}
    parity = books.read(machine, tenant, "summary_parity", run_ids)[0]
    parity["least_compared"] = _least_compared(parity.pop("compared_by_view"))
    for line in told({name: (online[name], len(ids[name])) for name in _SERVICE}, parity):
        progress.console.print(line, soft_wrap=True, markup=False)
    return problems(tenant.slug, {name: (online[name], len(ids[name])) for name in _SERVICE}, parity)


def told(online: dict[str, tuple[int, int]], parity: dict[str, Any]) -> list[str]:
    """The lines: of each kind of entity how many of how many are online, and how the audit ended."""
    counted = ", ".join(f"{found:,} of {known:,} {_PLURAL[name]}" for name, (found, known) in online.items())
    if not parity["feature_count"]:
        return [f"features   online: {counted}", "           offline and online were not compared"]
    agree = "agree" if not parity["mismatch_count"] else f"differ in {parity['mismatch_count']:,} values"
    compared = f"{parity['feature_count']} of {_FEATURES} features compared over up to {parity['compared_count']:,} entities"
    return [f"features   online: {counted}", f"           offline and online {agree}: {compared}"]


def problems(slug: str, online: dict[str, tuple[int, int]], parity: dict[str, Any]) -> list[str]:
    """What is not as it should be: entities that are not online, features that were compared over none, values that differ.

    `online`: by kind of entity how many are online and how many are known. A kind that nothing is known of has nothing to compare.
    """
    found = [f"{slug}: {known - count:,} {_PLURAL[name]} are not online" for name, (count, known) in online.items() if count < known]
    if not parity["feature_count"]:
        return [*found, f"{slug}: no feature was compared offline and online"]
    if parity["feature_count"] < _FEATURES:
        found.append(f"{slug}: {parity['feature_count']} of {_FEATURES} features were compared offline and online")
    for name, (_, known) in online.items():
        if known and not parity["least_compared"].get(name):
            found.append(f"{slug}: features of {_PLURAL[name]} were compared over no entity, and {known:,} are known")
    if parity["mismatch_count"]:
        found.append(f"{slug}: offline and online differ, first in {parity['example']}")
    return found


def _least_compared(by_view: dict[str, int]) -> dict[str, int]:
    """By kind of entity, over how many the feature was compared that was compared over the fewest."""
    found: dict[str, int] = {}
    for view, count in by_view.items():
        entity = VIEWS[view].entity
        found[entity] = min(count, found.get(entity, count))
    return found


def _online(store: OnlineStore, name: str, ids: Sequence[str]) -> int:
    parts = (ids[start : start + _READ_AT_ONCE] for start in range(0, len(ids), _READ_AT_ONCE))
    return sum(row is not None for part in parts for row in store.read(_SERVICE[name], part))
