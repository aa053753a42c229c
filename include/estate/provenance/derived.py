"""Derived trust: from how properties were made (derivations) and when their sources spoke, the frame of provenance.trust.

Derivations are shared by all properties made alike, so trust is computed once per way of making and set of vintages, and
given to every property of that group.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.contracts.provenance import TRUST
from estate.ingest.declaration import Source
from estate.provenance.trust import TRACED_FIELDS, field_trust, property_trust

_PARSED_FROM_SITUS = ("situs_address", "situs_number", "situs_street", "situs_unit")
_GROUP = ["derivation_id", "snapshot_list", "has_situs_flags", "present"]


def trust_frame(
    properties: pd.DataFrame,
    derivations: pd.DataFrame,
    vintages: Mapping[int, date],
    sources: Mapping[str, Source],
    *,
    batch_source: str,
    evaluated_on: date,
    gate_passed: bool | None,
) -> pd.DataFrame:
    """Frame of provenance.trust (without tenant_id).

    `properties`: property_id, derivation_id, snapshot_list (snapshot ids joined by commas, in the order of the derivation's
    source_names), has_situs_flags, present (bit n: the n-th of TRACED_FIELDS has a value), newest_vintage_date.
    `derivations`: derivation_id, source_names, fields. `vintages`: day of each snapshot. A batch confirms what its source says
    about its properties, so that source's age is counted from `evaluated_on`, the batch's own day. Raises KeyError for a
    snapshot, derivation or source that does not exist.
    """
    if properties.empty:
        return pd.DataFrame(columns=[name for name in TRUST.column_names if name != "tenant_id"])
    number = properties.groupby(_GROUP, sort=False, dropna=False).ngroup().to_numpy()
    groups = properties.drop_duplicates(_GROUP)[_GROUP]  # in the order of their first property, which is the order of `number`
    makings = {
        int(making): (list(names), fields)
        for making, names, fields in zip(derivations["derivation_id"], derivations["source_names"], derivations["fields"], strict=True)
    }
    facts = []
    for making, snapshot_list, flagged in zip(groups["derivation_id"], groups["snapshot_list"], groups["has_situs_flags"], strict=True):
        speaking, fields = makings[int(making)]
        spoke = [vintages[int(snapshot)] for snapshot in str(snapshot_list).split(",")]
        # A batch confirms what its own source says about its properties.
        ages = [0 if name == batch_source else (evaluated_on - day).days for name, day in zip(speaking, spoke, strict=True)]
        facts.append(_facts(fields, [sources[name] for name in speaking], ages, has_situs_flags=bool(flagged)))
    present = (groups["present"].to_numpy(dtype=np.int64)[:, None] >> np.arange(len(TRACED_FIELDS))) & 1 == 1
    fact = {name: np.array([row[name] for row in facts], dtype=object) for name in facts[0]}
    traced = present & fact["is_traced"].astype(bool)
    trust = field_trust(
        fact["authority_weight"].astype(float),
        fact["age_days"].astype(float),
        fact["refresh_days"].astype(float),
        fact["made"],
        fact["agreement"],
        fact["has_rule_failures"],
        gate_passed,  # type: ignore[arg-type]
        is_synthetic=fact["is_synthetic"].astype(bool),
    )
    trust = np.where(traced, trust, np.nan)
    # A value without a source row is known by nothing: it weighs as a trust of zero, it is not left out.
    whole = property_trust(np.where(present & ~traced, 0.0, trust))
    field_names = np.array(TRACED_FIELDS, dtype=object)
    percent = [[None if np.isnan(value) else round(100 * value) for value in row] for row in trust]
    untraced = [field_names[row].tolist() for row in present & ~traced]
    newest = pd.to_datetime(properties["newest_vintage_date"]).to_numpy(dtype="datetime64[s]")
    return pd.DataFrame({
        "property_id": properties["property_id"].to_numpy(dtype=object),
        "property_trust": whole[number],
        "field_trust_pct": [percent[group] for group in number],
        "confirmed_vintage_date": np.fmax(newest, np.datetime64(evaluated_on, "s")),
        "traced_field_count": traced.sum(axis=1)[number].astype(np.int16),
        "untraced_field_count": (present & ~traced).sum(axis=1)[number].astype(np.int16),
        "untraced_fields": [untraced[group] for group in number],
    })  # fmt: skip


def _facts(fields: Mapping[str, Any], speakers: list[Source], ages: list[int], *, has_situs_flags: bool) -> dict[str, list[Any]]:
    """List what is known of each traced field of one group, in the order of TRACED_FIELDS, one list a factor of trust."""
    out: dict[str, list[Any]] = {name: [] for name in _UNTRACED}
    for field in TRACED_FIELDS:
        entry = fields.get(field)
        known = dict(_UNTRACED)
        if entry is not None:
            source = speakers[entry["record"]]
            flagged = has_situs_flags and field in _PARSED_FROM_SITUS
            known = {
                "is_traced": True,
                "authority_weight": source.authority_weight,
                "age_days": ages[entry["record"]],
                "refresh_days": source.refresh_days,
                "made": entry["made"],
                "agreement": entry["agreement"],
                "has_rule_failures": True if flagged else (False if entry["rules"] else None),
                "is_synthetic": source.is_synthetic,
            }
        for name, fact in known.items():
            out[name].append(fact)
    return out


_UNTRACED: Mapping[str, Any] = {
    "is_traced": False,
    "authority_weight": 0.0,
    "age_days": np.nan,
    "refresh_days": np.nan,
    "made": None,
    "agreement": "sole",
    "has_rule_failures": None,
    "is_synthetic": False,
}


def source_vintages(snapshots: pd.DataFrame) -> dict[int, date]:
    """Day of each snapshot, from rows of ingest.snapshot."""
    days: NDArray[np.datetime64] = pd.to_datetime(snapshots["vintage_date"]).to_numpy(dtype="datetime64[D]")
    return dict(zip(snapshots["snapshot_id"].astype(int), days.tolist(), strict=True))
