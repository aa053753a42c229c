"""A layer before it is stored: every polygon once, valid, ground only."""

import pandas as pd
import shapely
from shapely import wkt
from shapely.geometry import Point, Polygon, box

from estate.hazard.loading import FEATURE_COLUMNS, prepared


def features(*rows):
    frame = pd.DataFrame(rows, columns=["geom", "flood_zone"])
    frame["geom"] = [shapely.to_wkb(shapely.set_srid(geometry, 4326), hex=True, include_srid=True) for geometry in frame["geom"]]
    return frame.assign(feature_row=range(1, len(frame) + 1))


def test_a_polygon_given_twice_is_stored_once_even_when_its_ring_starts_elsewhere():
    turned = Polygon([(1, 1), (0, 1), (0, 0), (1, 0)])
    found = prepared(features((box(0, 0, 1, 1), "AE"), (turned, "AE"), (box(0, 0, 1, 1), "X")))
    assert found[["feature_row", "flood_zone"]].to_numpy().tolist() == [[1, "AE"], [3, "X"]]
    assert tuple(found.columns) == FEATURE_COLUMNS


def test_invalid_ground_is_made_valid_and_what_is_no_ground_is_dropped():
    bow_tie = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    mixed = wkt.loads("GEOMETRYCOLLECTION (POLYGON ((0 0, 1 0, 1 1, 0 0)), LINESTRING (5 5, 6 6))")
    found = prepared(features((bow_tie, "AE"), (mixed, "X"), (Point(1, 1), "X"), (Polygon(), "X")))
    ground = shapely.from_wkb(found["geom"].to_numpy())
    assert found["feature_row"].tolist() == [1, 2]
    assert shapely.is_valid(ground).all()
    assert shapely.area(ground).tolist() == [2.0, 0.5]
    assert shapely.get_srid(ground).tolist() == [4326, 4326]
