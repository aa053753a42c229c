"""The spatial join against subdivided pieces: what it finds is what the whole polygons hold, each place once."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import Point, Polygon, box

from estate.hazard import overlay


def quartered(polygon):
    """A polygon cut in four through the middle of its box, as ST_Subdivide cuts; neighbours share their cut lines."""
    west, south, east, north = polygon.bounds
    x, y = (west + east) / 2, (south + north) / 2
    cells = [box(west, south, x, y), box(x, south, east, y), box(west, y, x, north), box(x, y, east, north)]
    return [part for cell in cells for part in shapely.get_parts(polygon.intersection(cell)) if part.area > 0]


def cut(polygons):
    parts = [(piece, number) for number, polygon in enumerate(polygons) for piece in quartered(polygon)]
    return np.array([piece for piece, _ in parts], dtype=object), np.array([number for _, number in parts])


def places(*geometries):
    return np.array(geometries, dtype=object)


def test_the_join_equals_a_plain_geopandas_sjoin_on_the_whole_polygons():
    random = np.random.default_rng(7)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    stars = [
        Polygon(np.column_stack([x + r * np.cos(angle), y + r * np.sin(angle)]))
        for x, y, r in zip(random.uniform(0, 10, 40), random.uniform(0, 10, 40), random.uniform(0.3, 1.5, (40, 60)), strict=True)
    ]
    points = shapely.points(random.uniform(0, 10, 3000), random.uniform(0, 10, 3000))
    pieces, feature = cut(stars)
    found = overlay.hits(points, pieces, feature).sort_values(["place", "feature"])
    plain = gpd.sjoin(gpd.GeoDataFrame(geometry=points), gpd.GeoDataFrame(geometry=stars), predicate="within")
    expected = pd.DataFrame({"place": plain.index, "feature": plain["index_right"]}).sort_values(["place", "feature"])
    assert len(expected) > 1000
    assert found.to_numpy().tolist() == expected.to_numpy().tolist()


def test_a_point_on_a_cut_line_counts_once():
    pieces, feature = cut([box(0, 0, 2, 2)])
    assert len(pieces) == 4
    on_the_cross = places(Point(1, 1), Point(1, 0.5), Point(0.5, 1))
    assert len(overlay.pairs(on_the_cross, pieces)[0]) == 8
    assert sorted(overlay.hits(on_the_cross, pieces, feature).to_numpy().tolist()) == [[0, 0], [1, 0], [2, 0]]
    assert (overlay.deciding_piece(on_the_cross, pieces, np.zeros(4, dtype=int)) == [0, 0, 0]).all()


def test_a_point_outside_every_polygon_and_a_place_without_geometry_meet_nothing():
    pieces = places(box(0, 0, 1, 1))
    assert overlay.deciding_piece(places(Point(5, 5), None, Point(0.5, 0.5)), pieces, np.array([0])).tolist() == [-1, -1, 0]
    assert overlay.deciding_piece(places(Point(5, 5)), places(), np.array([], dtype=int)).tolist() == [-1]


def test_the_most_severe_zone_decides_for_a_parcel_that_straddles():
    mild, severe = box(0, 0, 1, 1), box(1, 0, 2, 1)
    parcel = box(0.2, 0.2, 1.001, 0.4)
    assert overlay.deciding_piece(places(parcel), places(mild, severe), np.array([1, 0])).tolist() == [1]


def test_a_parcel_that_only_shares_an_edge_with_a_zone_does_not_meet_it():
    mild, severe = box(0, 0, 1, 1), box(1, 0, 2, 1)
    beside = box(0.5, 0.2, 1, 0.4)
    assert overlay.deciding_piece(places(beside), places(mild, severe), np.array([1, 0])).tolist() == [0]
    assert overlay.deciding_piece(places(Point(1, 0.5)), places(mild, severe), np.array([1, 0])).tolist() == [1]


def test_places_on_two_coasts_are_held_by_small_boxes():
    ranch = box(-100.0, 40.0, -98.0, 41.0)  # larger than a tile
    boxes = overlay.envelopes(places(Point(-122.30, 47.60), Point(-122.31, 47.61), Point(-74.0, 40.7), ranch, None))
    assert len(boxes) == 3
    assert (boxes["east"] - boxes["west"]).max() == pytest.approx(2.0)
    held = [any(box(*row).covers(place) for row in boxes.to_numpy()) for place in (Point(-122.30, 47.60), Point(-74.0, 40.7), ranch)]
    assert held == [True, True, True]
    assert overlay.envelopes(places(None)).empty
