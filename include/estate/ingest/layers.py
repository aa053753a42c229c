"""Hazard layers: valid polygons with the attributes that the hazards are read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from pandas import DataFrame, Series

from estate.contracts.hazard import FEATURE
from estate.errors import LandingRefused
from estate.ingest.canonical import canonical, defect_rows, join_defects, nothing
from estate.ingest.declaration import GEOMETRY, Source
from estate.ingest.outlines import ewkb, valid_polygons
from estate.ingest.readers import RawTable
from estate.ingest.rules import Fault

_ADDED_LATER = frozenset({"layer_id", "piece"})
FEATURE_COLUMNS = tuple(column for column in FEATURE.columns if column.name not in _ADDED_LATER)


@dataclass(frozen=True, slots=True)
class Features:
    """The features of one layer file, and what was repaired, dropped or not readable (row_number, field_name, raw_value, reason)."""

    frame: DataFrame
    defects: DataFrame


def read_features(raw: RawTable, source: Source) -> Features:
    """The polygons of `raw`, made valid, with their attributes in canonical columns and units.

    `frame` has the columns of reference.hazard_feature but layer_id and piece: `geom` a valid Polygon or MultiPolygon as EWKB
    in hexadecimal (SRID 4326), `feature_row` the feature's position in the file. A feature without any area is dropped; it
    and every repaired one are named in `defects`. Raises LandingRefused when no feature has an area.
    """
    geometry = raw.geometry
    if geometry is None:
        raise LandingRefused("the file holds no geometry", remedy="Send the layer with its geometry.")
    found = canonical(raw, source, FEATURE)
    index = raw.rows.index
    polygons = valid_polygons(geometry)
    has_area = ~shapely.is_missing(polygons)
    if not has_area.any():
        raise LandingRefused("no feature of the file has an area", remedy="Send polygons.")
    columns = dict(found.columns)
    columns["feature_row"] = Series(index.to_numpy(dtype="int64"), index=index)
    columns["geom"] = Series(ewkb(polygons), index=index, dtype=object)
    frame = DataFrame({column.name: _typed(columns.get(column.name), column.sql_type, index) for column in FEATURE_COLUMNS}, index=index)
    return Features(frame[has_area].reset_index(drop=True), join_defects([found.defects, *_geometry_defects(geometry, has_area, index)]))


def to_features(raw: RawTable, source: Source) -> DataFrame:
    """The frame of `read_features`, for those who do not report its defects."""
    return read_features(raw, source).frame


def _geometry_defects(geometry: np.ndarray, has_area: np.ndarray, index: pd.Index) -> list[DataFrame]:
    repaired = has_area & ~shapely.is_valid(geometry)
    touched = ~has_area | repaired
    shown = DataFrame({GEOMETRY: Series("", index=index, dtype=object)})
    shown.loc[touched, GEOMETRY] = [shape.geom_type if shape is not None else "" for shape in geometry[touched]]
    dropped = Fault(Series(~has_area, index=index), "has no area and was dropped")
    mended = [
        defect_rows(Fault(Series(np.arange(len(index)) == place, index=index), f"was repaired: {reason}"), "geom", shown)
        for place, reason in zip(np.flatnonzero(repaired), shapely.is_valid_reason(geometry[repaired]), strict=True)
    ]
    return [defect_rows(dropped, "geom", shown), *mended]


def _typed(values: Series | None, sql_type: str, index: pd.Index) -> Series:
    if values is None:
        numeric = sql_type in {"double precision", "smallint", "integer"}
        return Series(np.nan, index=index) if numeric else nothing(index)
    if sql_type in {"double precision", "smallint"}:
        return values.astype("float64")
    return values if sql_type == "integer" else values.astype(object).where(values.notna(), None)
