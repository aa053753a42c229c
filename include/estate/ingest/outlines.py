"""Geometry as a column: outlines and points of records, polygons of layers, and what is wrong with the rest."""

from __future__ import annotations

import numpy as np
import shapely
from pandas import Series

from estate.ingest.rules import Fault

_POLYGON, _MULTIPOLYGON, _POINT = 3, 6, 0


def ewkb(geometry: np.ndarray) -> np.ndarray:
    """EWKB in hexadecimal with SRID 4326; None for a missing geometry."""
    return shapely.to_wkb(shapely.set_srid(geometry, 4326), hex=True, include_srid=True)


def geometry_faults(geometry: np.ndarray, index: Series) -> list[Fault]:
    """The geometries that no polygon can be made of without changing them: missing, empty, or crossing themselves.

    `index` is any Series of the same length; the masks take its index.
    """
    absent = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    invalid = ~absent & ~shapely.is_valid(geometry)
    faults = [Fault(Series(absent, index=index.index), "is empty")] if absent.any() else []
    # The reason names the place (such as "Self-intersection[-72.29 43.63]"), so each row has its own.
    reasons = shapely.is_valid_reason(geometry[invalid])
    places = np.flatnonzero(invalid)
    for place, reason in zip(places, reasons, strict=True):
        mask = np.zeros(len(geometry), dtype=bool)
        mask[place] = True
        faults.append(Fault(Series(mask, index=index.index), f"is not a valid outline: {reason}"))
    return faults


def outlines(geometry: np.ndarray) -> np.ndarray:
    """The valid polygons of `geometry` as multipolygons; None where there is none, or where it crosses itself."""
    kinds = shapely.get_type_id(geometry)
    usable = shapely.is_valid(geometry) & ~shapely.is_empty(geometry) & np.isin(kinds, (_POLYGON, _MULTIPOLYGON))
    found = np.full(len(geometry), None, dtype=object)
    single = usable & (kinds == _POLYGON)
    if single.any():
        found[single] = shapely.multipolygons(geometry[single], indices=np.arange(single.sum()))
    found[usable & ~single] = geometry[usable & ~single]
    return found


def points(geometry: np.ndarray) -> np.ndarray:
    """A point of each geometry, as an array of longitude and latitude; NaN where there is none.

    A point is taken as it is; of an outline a point inside it, because the centroid of a bent parcel lies on its neighbour.
    """
    usable = ~shapely.is_missing(geometry) & ~shapely.is_empty(geometry) & shapely.is_valid(geometry)
    inside = np.full(len(geometry), None, dtype=object)
    inside[usable] = shapely.point_on_surface(geometry[usable])
    return np.column_stack([shapely.get_x(inside), shapely.get_y(inside)])


def valid_polygons(geometry: np.ndarray) -> np.ndarray:
    """Every geometry made valid and cut down to its polygons; None where nothing remains."""
    made = geometry.copy()
    broken = ~shapely.is_missing(geometry) & ~shapely.is_valid(geometry)
    if broken.any():
        made[broken] = shapely.make_valid(geometry[broken], method="structure", keep_collapsed=False)
    # Repair may leave lines beside polygons in a collection; only area can be lain in.
    parts, owner = shapely.get_parts(made, return_index=True)
    nested, place = shapely.get_parts(parts, return_index=True)
    nested_owner = owner[place]
    area = (shapely.get_type_id(nested) == _POLYGON) & ~shapely.is_empty(nested)
    found = np.full(len(geometry), None, dtype=object)
    if area.any():
        owners, position = np.unique(nested_owner[area], return_inverse=True)
        found[owners] = shapely.multipolygons(nested[area], indices=position)
    single = shapely.get_num_geometries(found) == 1
    found[single] = shapely.get_geometry(found[single], 0)
    return found
