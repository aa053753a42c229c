"""Values that lost: each differing statement about a property beside the one that won, and the rule that decided."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from estate.contracts import contract
from estate.normalize.survivorship import Positions, Precedence, Survivors


def conflicts(
    records: pd.DataFrame, groups: Positions, properties: pd.DataFrame, survivors: Survivors, precedence: Precedence
) -> pd.DataFrame:
    """The frame of normalize.conflict: one row for each field and record whose value differs from the winner's.

    `properties` is one row for each group, in order, with tenant_id and property_id. An outline is named by its digest:
    its bytes stand in ingest.record.
    """
    columns = list(contract("normalize.conflict").column_names)
    parts = []
    for entry in precedence.fields:
        losers = survivors.differing[entry.field]
        if not len(losers):
            continue
        winners = survivors.winner[entry.field][groups[losers]]
        values = records[entry.field]
        part = records[["source_name", "record_key", "snapshot_id", "row_number"]].iloc[losers].reset_index(drop=True)
        part["tenant_id"], part["property_id"] = (properties[name].to_numpy()[groups[losers]] for name in ("tenant_id", "property_id"))
        part["field_name"] = entry.field
        part["losing_value"], part["winning_value"] = written(values.iloc[losers]), written(values.iloc[winners])
        part["winning_source_name"] = records["source_name"].to_numpy()[winners]
        part["rule"] = entry.rule if entry.follows is None else f"{entry.rule}, with {entry.follows}"
        parts.append(part[columns])
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    return pd.concat(parts, ignore_index=True).sort_values(["property_id", "field_name", "source_name", "record_key"], ignore_index=True)


def written(values: pd.Series) -> list[str]:
    """Values as text: whole numbers without a point, dates in ISO form, an outline by its SHA-256.

    >>> written(pd.Series([1960.0, 2.5]))
    ['1960', '2.5']
    """
    if values.name == "parcel_geom":
        return [f"outline with SHA-256 {hashlib.sha256(str(value).encode()).hexdigest()}" for value in values]
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.date.astype(str).tolist()
    return [_text(value) for value in values.tolist()]


def _text(value: Any) -> str:
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value)
