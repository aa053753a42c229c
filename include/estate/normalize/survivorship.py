"""Which record's value survives, field by field, by a precedence that is data (precedence.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.ingest.declaration import Source

Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]
Compare = Literal["value", "text", "situs", "geometry", "none"]

_TIE_BREAKS = ("newest_vintage", "latest_sale", "authority_weight", "source_name", "record_key")


@dataclass(frozen=True, slots=True)
class Rule:
    """One way of ranking records: the steps in order, the roles in their order where a step is "role", and why."""

    name: str
    steps: tuple[str, ...]
    reason: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field is decided; the fields are those of precedence.toml."""

    field: str
    rule: str
    reason: str
    follows: str | None = None
    is_strict: bool = False
    compare: Compare = "value"
    tolerance: float = 0.0
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Precedence:
    """The whole precedence: roles of sources, rules of ranking, fields of normalize.property in order, and sales."""

    roles: tuple[tuple[str, frozenset[str]], ...]
    rules: Mapping[str, Rule]
    fields: tuple[FieldRule, ...]
    sale_rule: str

    def role(self, declared: Source | None) -> str:
        """What a source is, from the columns it declares; "other" for one that is not declared."""
        columns = frozenset(declared.columns) if declared else frozenset()
        return next(name for name, has in self.roles if has <= columns)


def read_precedence(text: str, fields: tuple[str, ...]) -> Precedence:
    """The precedence that TOML `text` states for `fields`; a field it does not name takes the default rule.

    Raises ValueError naming the entry that refers to something that is not there.
    """
    data = tomllib.loads(text)
    rules = {name: Rule(name, tuple(row["steps"]), row["reason"], tuple(row.get("roles", ()))) for name, row in data["rule"].items()}
    roles = tuple((row["name"], frozenset(row["has"])) for row in data["role"])
    stated: dict[str, dict[str, Any]] = data["field"]
    if unknown := set(stated) - set(fields):
        raise ValueError(f"precedence names fields that normalize.property does not merge: {', '.join(sorted(unknown))}")
    decided = tuple(FieldRule(field=name, **stated.get(name, data["default"])) for name in fields)
    for entry in decided:
        if entry.rule not in rules or (entry.follows and entry.follows not in fields):
            raise ValueError(f"precedence of {entry.field} refers to {entry.rule} or {entry.follows}, which is not there")
    for rule in rules.values():
        if unknown := set(rule.roles) - {name for name, _ in roles}:
            raise ValueError(f"rule {rule.name} names roles that are not there: {', '.join(sorted(unknown))}")
    leaders_first = tuple(sorted(decided, key=lambda entry: entry.follows is not None))
    return Precedence(roles, rules, leaders_first, data["sale"]["rule"])


@cache
def precedence() -> Precedence:
    """The project's precedence, for the fields that normalize.property takes from ingest.record."""
    return read_precedence(resources.files("estate.normalize").joinpath("precedence.toml").read_text(encoding="utf-8"), MERGED_FIELDS)


MERGED_FIELDS = (
    "county_fips", "apn", "apn_raw", "situs_raw", "situs_city", "situs_state", "situs_zip", "latitude", "longitude", "parcel_geom",
    "owner_name", "mailing_address", "property_type", "living_area_sqft", "lot_area_sqft", "basement_area_sqft", "year_built",
    "year_renovated", "bedroom_count", "bathroom_count", "story_count", "garage_space_count", "condition_code", "quality_code",
    "assessed_value_usd", "list_price_usd", "list_date", "has_waterfront", "view_code",
)  # fmt: skip


def first_per_group(positions: Positions, groups: Positions, count: int) -> Positions:
    """For each of `count` groups the first of `positions` (sorted by group), or -1."""
    found = np.full(count, -1, dtype=np.int64)
    found[groups[positions][::-1]] = positions[::-1]
    return found


def rank(records: pd.DataFrame, groups: Positions, rule: Rule, precedence: Precedence, sources: Mapping[str, Source]) -> Positions:
    """Positions of `records` sorted by group, the best by `rule` first in each.

    `records` has the columns of ingest.record; `groups` numbers each record's group from 0. The order does not depend on
    the order of the rows.
    """
    names, name_values = pd.factorize(records["source_name"], sort=True)
    declared = [sources.get(str(name)) for name in name_values]

    def of(step: str) -> NDArray[Any]:
        if step == "role":
            order = {role: place for place, role in enumerate(rule.roles)}
            places = [order.get(precedence.role(one), len(order)) for one in declared]
            return np.array(places, dtype=np.int64)[names]
        if step == "authority_weight":
            return np.array([-one.authority_weight if one else 0.0 for one in declared])[names]
        if step == "source_name":
            return names
        if step == "record_key":
            return pd.factorize(records["record_key"], sort=True)[0]
        column = {"newest_vintage": "vintage_date", "latest_sale": "sale_date", "latest_list": "list_date"}[step]
        return -days(records[column])

    steps = [*rule.steps, *(step for step in _TIE_BREAKS if step not in rule.steps)]
    keys = [of(step) for step in steps]
    return np.lexsort((*reversed(keys), groups))


def days(dates: pd.Series) -> NDArray[np.int64]:
    """Dates as days since 1970, null as the earliest of all."""
    values = pd.to_datetime(dates).to_numpy(dtype="datetime64[D]")
    return np.where(np.isnat(values), -(10**6), values.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Survivors:
    """What survived: per field the winning record of each group (-1 where all are silent), and who agreed or differed.

    `differing` and `agreeing` are, per field, positions of further records that state another or the same value.
    """

    winner: Mapping[str, Positions]
    differing: Mapping[str, Positions]
    agreeing: Mapping[str, Positions]


def survive(
    records: pd.DataFrame,
    groups: Positions,
    count: int,
    precedence: Precedence,
    sources: Mapping[str, Source],
    situs_address: NDArray[Any],
) -> Survivors:
    """Choose every field's winning record in each of `count` groups.

    `situs_address` is each record's standardised address, by which two spellings are held to be one. Groups of a single
    record cost no ranking.
    """
    sizes = np.bincount(groups, minlength=count)
    several = np.flatnonzero(sizes[groups] > 1)
    alone = np.flatnonzero(sizes[groups] == 1)
    some = records.iloc[several]
    needed = {entry.rule for entry in precedence.fields}
    orders = (
        {name: several[rank(some, groups[several], precedence.rules[name], precedence, sources)] for name in needed} if len(several) else {}
    )
    stated = {entry.field: records[entry.field].notna().to_numpy() for entry in precedence.fields}
    for entry in precedence.fields:
        if entry.needs:
            stated[entry.field] = stated[entry.field] & stated[entry.needs]
    winner: dict[str, Positions] = {}
    differing: dict[str, Positions] = {}
    agreeing: dict[str, Positions] = {}
    for entry in precedence.fields:
        known = stated[entry.field]
        order = orders.get(entry.rule, several)
        own = first_per_group(order[known[order]], groups, count)
        own[groups[alone[known[alone]]]] = alone[known[alone]]
        if entry.follows:
            leader = winner[entry.follows]
            has = (leader >= 0) & known[leader]
            own = np.where(has, leader, -1 if entry.is_strict else own)
        winner[entry.field] = own
        others = several[known[several] & (own[groups[several]] >= 0) & (own[groups[several]] != several)]
        is_same = _same(records, entry, others, own[groups[others]], situs_address)
        agreeing[entry.field], differing[entry.field] = others[is_same], others[~is_same]
    return Survivors(winner, differing, agreeing)


def _same(records: pd.DataFrame, entry: FieldRule, left: Positions, right: Positions, situs_address: NDArray[Any]) -> Mask:
    """Whether the values of the records `left` and `right` are held to be the same."""
    if entry.compare == "none" or not len(left):
        return np.ones(len(left), dtype=bool)
    if entry.compare == "situs":
        return np.asarray(situs_address[left] == situs_address[right], dtype=bool)
    values = records[entry.field]
    one, other = values.iloc[left], values.iloc[right]
    if entry.compare == "text":
        folded = [side.astype(str).str.upper().str.split().str.join(" ").to_numpy() for side in (one, other)]
        return np.asarray(folded[0] == folded[1], dtype=bool)
    if entry.tolerance:
        return np.abs(one.to_numpy(dtype=float) - other.to_numpy(dtype=float)) <= entry.tolerance
    return np.asarray(one.to_numpy() == other.to_numpy(), dtype=bool)
