"""Parcel outlines, made valid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray


def valid_outlines(parcel_geom: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
    """Outlines (EWKB hexadecimal, SRID 4326) as valid multipolygons, and where one had to be mended or fell away.

    What is left of an invalid outline after mending keeps its areas only; an outline without area becomes null.
    """
    is_there = parcel_geom.notna().to_numpy()
    is_mended = np.zeros(len(parcel_geom), dtype=bool)
    outlines = parcel_geom.astype(object).where(is_there, None)
    if not is_there.any():
        return outlines, is_mended
    shapes = shapely.from_wkb(outlines[is_there].to_numpy())
    is_sound = shapely.is_valid(shapes) & ~shapely.is_empty(shapes) & np.isin(shapely.get_type_id(shapes), (3, 6))
    is_multi = is_sound & (shapely.get_type_id(shapes) == 6)
    rewritten = np.flatnonzero(~is_multi)
    texts = outlines[is_there].to_numpy().copy()
    texts[rewritten] = [_multipolygon(shape) for shape in shapes[rewritten]]
    outlines[is_there] = texts
    is_mended[np.flatnonzero(is_there)[~is_sound]] = True
    return outlines, is_mended


def _multipolygon(shape: shapely.Geometry) -> str | None:
    areas = [part for part in shapely.get_parts(shapely.get_parts(shapely.make_valid(shape))) if part.geom_type == "Polygon"]
    areas = [part for part in areas if part.area > 0]
    if not areas:
        return None
    return str(shapely.to_wkb(shapely.set_srid(shapely.MultiPolygon(areas), 4326), hex=True, include_srid=True))
