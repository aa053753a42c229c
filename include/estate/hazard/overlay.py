"""The spatial join: places (points or parcels) against subdivided pieces of a layer.

The tree holds the places and the pieces are the queries, because GEOS prepares the query side: a prepared piece of at most
128 vertices answers for thousands of points. Pieces share their cut lines, so a point on a cut line meets two pieces of one
feature; nothing here counts a place twice.

The rule where several features lie under one place (a parcel that straddles zones, a point on a boundary, layers that
overlap): the most severe decides. A parcel meets a zone when their interiors overlap, however little; a parcel that only
shares an edge with a zone does not meet it. A point on a boundary does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

POLYGONAL_DIMENSION = 2
TILE_DEGREES = 0.25

Geometries = NDArray[np.object_]
Positions = NDArray[np.intp]


def pairs(places: Geometries, pieces: Geometries) -> tuple[Positions, Positions]:
    """Positions (place, piece) of every place that meets a piece, in EPSG:4326 or any one plane. A None place meets nothing."""
    if not len(places) or not len(pieces):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    piece, place = shapely.STRtree(places).query(pieces, predicate="intersects")
    areal = shapely.get_dimensions(places[place]) == POLYGONAL_DIMENSION
    if areal.any():
        overlaps = np.ones(len(place), dtype=bool)
        overlaps[areal] = ~shapely.touches(places[place[areal]], pieces[piece[areal]])
        place, piece = place[overlaps], piece[overlaps]
    return place, piece


def hits(places: Geometries, pieces: Geometries, feature: Positions) -> pd.DataFrame:
    """Every (place, feature) once, however many pieces of the feature the place meets; `feature` numbers the pieces' features."""
    place, piece = pairs(places, pieces)
    return pd.DataFrame({"place": place, "feature": np.asarray(feature)[piece]}).drop_duplicates(ignore_index=True)


def deciding_piece(places: Geometries, pieces: Geometries, precedence: Positions) -> Positions:
    """For each place the position of the piece that decides, -1 where none meets it.

    `precedence` orders the pieces: the lowest number decides. Equal numbers are pieces of the same standing, and the first
    of them in `pieces` is named.
    """
    order = np.lexsort((np.arange(len(precedence)), precedence))
    standing = np.empty(len(order), dtype=np.intp)
    standing[order] = np.arange(len(order))
    place, piece = pairs(places, pieces)
    best = np.full(len(places), len(order), dtype=np.intp)
    np.minimum.at(best, place, standing[piece])
    return np.append(order, -1)[best]


def envelopes(places: Geometries) -> pd.DataFrame:
    """Boxes (west, south, east, north; degrees) that together hold every place, one for each quarter-degree tile in use.

    A portfolio on both coasts is two small boxes, not the country between them.
    """
    bounds = pd.DataFrame(shapely.bounds(places), columns=["west", "south", "east", "north"]).dropna()
    tile = [np.floor(bounds[side] / TILE_DEGREES) for side in ("west", "south")]
    boxes = bounds.groupby(tile).agg({"west": "min", "south": "min", "east": "max", "north": "max"})
    return boxes.reset_index(drop=True)
