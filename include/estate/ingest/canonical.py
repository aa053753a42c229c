"""Raw rows to canonical columns: every mapping of a declaration applied, and every cell that could not be read reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas import DataFrame, Series

from estate.contracts import Contract
from estate.errors import LandingRefused
from estate.ingest.declaration import GEOMETRY, Mapping, Source
from estate.ingest.outlines import ewkb, geometry_faults, outlines, points
from estate.ingest.readers import RawTable
from estate.ingest.rules import TEXT, Fault, apply_rules, present

_RAW_SHOWN = 200  # characters of a faulty cell that travel with the defect; the raw row keeps the rest
# The largest magnitude that a column's SQL type holds.
_LARGEST = {"smallint": 32_767.0, "integer": 2_147_483_647.0, "numeric(14,2)": 999_999_999_999.99}
_WORLD = (-180.0, -90.0, 180.0, 90.0)

DEFECT_COLUMNS = ("row_number", "field_name", "raw_value", "reason")


@dataclass(frozen=True, slots=True)
class Canonical:
    """Canonical columns by name (index row_number, NA where unknown), and the cells that could not be read."""

    columns: dict[str, Series]
    defects: DataFrame


def canonical(raw: RawTable, source: Source, contract: Contract) -> Canonical:
    """Apply every mapping of `source` to `raw`; values that the contract's type cannot hold are defects too."""
    columns: dict[str, Series] = {}
    defects: list[DataFrame] = []
    for name, mapping in source.columns.items():
        values, faults = _geometry_column(raw, mapping) if mapping.raw == (GEOMETRY,) else read_mapping(raw, mapping, source)
        too_large = _out_of_range(values, contract.column(name).sql_type)
        if too_large is not None:
            faults.append(too_large)
            values = values.mask(too_large.mask)
        columns[name] = values
        defects += [defect_rows(fault, name, raw_cells(raw, mapping.raw)) for fault in faults]
    if "latitude" in columns and "longitude" in columns:
        defects += _check_places(columns, source, raw)
    return Canonical(columns, join_defects(defects))


def raw_cells(raw: RawTable, names: Iterable[str]) -> DataFrame:
    """The raw columns declared as `names`, as the file wrote them; the geometry is no cell."""
    return DataFrame({name: raw.column(name) for name in names if name != GEOMETRY}, index=raw.rows.index)


def read_mapping(raw: RawTable, mapping: Mapping, source: Source) -> tuple[Series, list[Fault]]:
    """The values of one mapping over the raw rows, and its faults; a faulty cell is NA."""
    parts = [present(raw.column(name)) for name in mapping.raw] or [Series(pd.NA, index=raw.rows.index, dtype=TEXT)]
    return apply_rules(parts, mapping.rules, source.lookups)


def nothing(index: pd.Index) -> Series:
    """A column of text of which nothing is known; Series(None) would hold NaN, which is a number."""
    return Series(np.full(len(index), None, dtype=object), index=index)


def defect_rows(fault: Fault, field_name: str, shown: DataFrame) -> DataFrame:
    """One defect for each row of the fault's mask, with the raw cells concerned."""
    rows = fault.mask[fault.mask].index
    if not len(rows):
        return DataFrame(columns=list(DEFECT_COLUMNS))
    texts = shown.loc[rows].astype(object).agg(" | ".join, axis=1) if shown.shape[1] else Series("", index=rows)
    return DataFrame(
        {
            "row_number": rows.to_numpy(),
            "field_name": field_name,
            "raw_value": texts.str.slice(0, _RAW_SHOWN).to_numpy(),
            "reason": fault.reason,
        },
        columns=list(DEFECT_COLUMNS),
    )


def join_defects(defects: list[DataFrame]) -> DataFrame:
    """All defects by row and field; of several about one cell the first stays."""
    if not any(len(part) for part in defects):
        return DataFrame({name: Series(dtype="int64" if name == "row_number" else object) for name in DEFECT_COLUMNS})
    joined = pd.concat([part for part in defects if len(part)], ignore_index=True)
    joined = joined.drop_duplicates(["row_number", "field_name"])
    return joined.sort_values(["row_number", "field_name"], kind="stable", ignore_index=True)


def _geometry_column(raw: RawTable, mapping: Mapping) -> tuple[Series, list[Fault]]:
    if raw.geometry is None:
        raise LandingRefused("the file holds no geometry", remedy="Send the layer with its geometry, or declare the format that has one.")
    index = raw.rows.index
    rule = mapping.rules[0]
    if rule == "outline":
        faults = geometry_faults(raw.geometry, Series(index=index, dtype=object))
        return Series(ewkb(outlines(raw.geometry)), index=index, dtype=object), faults
    return Series(points(raw.geometry)[:, 0 if rule == "point_longitude" else 1], index=index), []


def _out_of_range(values: Series, sql_type: str) -> Fault | None:
    largest = _LARGEST.get(sql_type)
    if largest is None or not pd.api.types.is_numeric_dtype(values.dtype):
        return None
    mask = (values.abs() > largest).fillna(value=False).astype(bool)
    return Fault(mask, f"is out of range: no {sql_type} is larger than {largest:,.2f}".replace(".00", "")) if mask.any() else None


def _check_places(columns: dict[str, Series], source: Source, raw: RawTable) -> list[DataFrame]:
    """Null the coordinates outside the ground that the source speaks of, and say whether they look swapped."""
    latitude, longitude = columns["latitude"], columns["longitude"]
    both = latitude.notna() & longitude.notna()
    outside = both & ~_within(longitude, latitude, source.bounds or _WORLD)
    if not outside.any():
        return []
    swapped = outside & _within(latitude, longitude, source.bounds or _WORLD)
    columns["latitude"], columns["longitude"] = latitude.mask(outside), longitude.mask(outside)
    ground = "the earth" if source.bounds is None else f"the source's ground {source.bounds}"
    faults = [
        Fault(swapped, f"lies outside {ground}: longitude and latitude look swapped"),
        Fault(outside & ~swapped, f"lies outside {ground}"),
    ]
    shown = {name: raw_cells(raw, source.columns[name].raw) for name in ("latitude", "longitude")}
    return [defect_rows(fault, name, shown[name]) for fault in faults for name in shown if np.any(fault.mask)]


def _within(x: Series, y: Series, bounds: tuple[float, float, float, float]) -> Series:
    west, south, east, north = bounds
    return x.between(west, east) & y.between(south, north)
