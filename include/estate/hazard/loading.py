"""Preparing a layer for storing: every polygon once, valid, ground only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from estate.contracts.hazard import FEATURE
from estate.hazard.overlay import POLYGONAL_DIMENSION

# What waits to be stored: the contract without what the store itself assigns.
FEATURE_COLUMNS = tuple(name for name in FEATURE.column_names if name not in {"layer_id", "piece"})
_ATTRIBUTES = [name for name in FEATURE_COLUMNS if name not in {"feature_row", "geom"}]


def prepared(features: pd.DataFrame) -> pd.DataFrame:
    """The features worth storing, in the columns `FEATURE_COLUMNS` (geom as EWKB hex, EPSG:4326).

    Makes geometries valid, keeps their polygonal parts, drops features without ground, and keeps the first of features
    that repeat both ground and attributes (the Milwaukee extract of the NFHL holds each polygon twice). Ground is compared
    in normal form, so that the same ring started at another corner is the same ring. Attribute columns that the source
    does not have are filled with null.
    """
    frame = features.reindex(columns=list(FEATURE_COLUMNS)).reset_index(drop=True)
    ground = np.array([_polygonal(geometry) for geometry in _valid(frame["geom"])], dtype=object)
    frame["geom"] = shapely.to_wkb(shapely.set_srid(shapely.normalize(ground), 4326), hex=True, include_srid=True)
    frame = frame[~shapely.is_empty(ground)]
    return frame.drop_duplicates(subset=["geom", *_ATTRIBUTES], ignore_index=True)


def _valid(hexes: pd.Series) -> np.ndarray:
    geometries = np.array(shapely.from_wkb(hexes.to_numpy(dtype=object)), dtype=object)
    geometries[shapely.is_missing(geometries)] = shapely.Polygon()
    wrong = ~shapely.is_valid(geometries)
    geometries[wrong] = shapely.make_valid(geometries[wrong])
    return geometries


def _polygonal(geometry: shapely.Geometry) -> shapely.Geometry:
    if geometry.geom_type in {"Polygon", "MultiPolygon"}:
        return geometry
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.union_all(parts[shapely.get_dimensions(parts) == POLYGONAL_DIMENSION])
