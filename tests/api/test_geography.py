"""Areas: cells find the rows, an exact comparison decides; the result is that of looking at every row."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import shapely
import summaries
from pydantic import ValidationError

from api import geography
from api.database import Database
from api.geography import EARTH_RADIUS_M, MAX_RADIUS_M, AreaQuery, Box
from api.problems import InvalidParameter
from estate.normalize import property as normalize_property
from tests.servers import Database as Served

servers = pytest.mark.servers
TENANT = uuid.UUID(int=73)
CENTRE = (42.03, -93.62)


def places() -> list[tuple[float, float]]:
    """Latitudes and longitudes around Ames: anywhere, on the borders of cells and a rounding beside them, and far away."""
    draw = random.Random(5)
    found = [(draw.uniform(41.9, 42.16), draw.uniform(-93.8, -93.44)) for _ in range(400)]
    borders = [(42 + row / 100, -93.7 + column / 100) for row in range(6) for column in range(6)]
    found += borders + [(math.nextafter(lat, 0), math.nextafter(lon, 0)) for lat, lon in borders]
    return [*found, (CENTRE[0], CENTRE[1]), (41.0, -93.62), (42.03, -92.5), (-42.03, 93.62), (89.999, -93.62), (42.03, 179.999)]


ROWS = [summaries.row_at(number, *place) for number, place in enumerate(places(), start=1)]
# Without coordinates a row is nowhere, whatever its cell says.
NOWHERE = [summaries.row_at(9001), {**summaries.row_at(9002), "cell": summaries.cell_of(*CENTRE)}]


@pytest.fixture(scope="module")
def reader(database: Served) -> Iterator[Database]:
    summaries.write(database.superuser_url, TENANT, [*ROWS, *NOWHERE])
    made = Database(database.api_url)
    yield made
    made.close()


def distance_m(row: dict[str, Any], latitude: float, longitude: float) -> float:
    """By the spherical law of cosines in its stable form (Vincenty's for a sphere), not by the formula under test."""
    one, two, turn = math.radians(latitude), math.radians(row["latitude"]), math.radians(row["longitude"] - longitude)
    across = math.hypot(math.cos(two) * math.sin(turn), math.cos(one) * math.sin(two) - math.sin(one) * math.cos(two) * math.cos(turn))
    along = math.sin(one) * math.sin(two) + math.cos(one) * math.cos(two) * math.cos(turn)
    return EARTH_RADIUS_M * math.atan2(across, along)


def found(reader: Database, **asked: Any) -> set[str]:
    return set(summaries.ids(summaries.page(reader, TENANT, limit=1000, **asked)[0]))


@servers
@pytest.mark.parametrize("radius_m", [0.01, 1, 555.5, 2000, 12_000, MAX_RADIUS_M])
@pytest.mark.parametrize("centre", [CENTRE, (42.05, -93.67), (42.0, -93.7)])
def test_a_circle_holds_what_is_no_farther_than_its_radius(reader: Database, centre: tuple[float, float], radius_m: float) -> None:
    meant = {str(row["property_id"]) for row in ROWS if distance_m(row, *centre) <= radius_m}
    assert found(reader, near=f"{centre[0]},{centre[1]}", radius_m=str(radius_m)) == meant


@servers
def test_a_row_tells_how_far_it_lies(reader: Database) -> None:
    rows, _ = summaries.page(reader, TENANT, near="42.03,-93.62", radius_m="20000", sort="distance_m")
    by_id = {str(row["property_id"]): row for row in ROWS}
    assert [row["distance_m"] for row in rows] == pytest.approx([distance_m(by_id[row["property_id"]], *CENTRE) for row in rows], abs=0.051)
    assert rows[0]["distance_m"] == 0
    # A degree of a meridian of the sphere of the mean Earth radius (IUGG): 111.195 km.
    (south,) = (row for row in ROWS if row["latitude"] == 41.0)
    assert distance_m(south, *CENTRE) == pytest.approx(1.03 * 111_195, rel=1e-5)


@servers
@pytest.mark.parametrize(
    "bbox",
    [
        (-93.7, 42.0, -93.65, 42.05), (-93.66, 42.01, -93.66, 42.01), (-93.7000001, 41.9999999, -93.64, 42.0400001), (-180, -90, 180, 90),
        (-94, 41, -93, 44), (10, 10, 11, 11), (-93.71, 42.02, -93.69, 42.0200001),
    ],
)  # fmt: skip
def test_a_box_holds_what_lies_between_its_edges(reader: Database, bbox: tuple[float, float, float, float]) -> None:
    west, south, east, north = bbox
    meant = {str(row["property_id"]) for row in ROWS if west <= row["longitude"] <= east and south <= row["latitude"] <= north}
    assert found(reader, bbox=",".join(map(repr, bbox))) == meant


POLYGONS = {
    "triangle": [(-93.75, 41.95), (-93.5, 42.0), (-93.6, 42.15)],
    "clockwise": [(-93.6, 42.15), (-93.5, 42.0), (-93.75, 41.95)],
    "concave": [(-93.7, 42.0), (-93.6, 42.0), (-93.6, 42.1), (-93.65, 42.02), (-93.7, 42.1)],
    "along cells": [(-93.7, 42.0), (-93.66, 42.0), (-93.66, 42.04), (-93.7, 42.04)],
}


@servers
@pytest.mark.parametrize("name", POLYGONS)
def test_a_polygon_holds_what_it_covers(reader: Database, name: str) -> None:
    polygon = shapely.Polygon(POLYGONS[name])
    meant = {str(row["property_id"]) for row in ROWS if polygon.covers(shapely.Point(row["longitude"], row["latitude"]))}
    assert meant
    within = ";".join(f"{lon},{lat}" for lon, lat in POLYGONS[name])
    assert found(reader, within=within) == meant
    closed = f"{within};{within.partition(';')[0]}"
    assert found(reader, within=closed) == meant


@servers
def test_areas_together_mean_what_lies_in_all(reader: Database) -> None:
    circle = {"near": "42.03,-93.62", "radius_m": "6000"}
    box = {"bbox": "-93.7,42.02,-93.6,42.2"}
    triangle = {"within": ";".join(f"{lon},{lat}" for lon, lat in POLYGONS["triangle"])}
    meant = found(reader, **circle) & found(reader, **box) & found(reader, **triangle)
    assert meant
    assert found(reader, **circle, **box, **triangle) == meant
    assert found(reader, **circle, bbox="-93.5,43,-93.4,43.1") == set()


@servers
def test_what_has_no_coordinates_lies_nowhere(reader: Database) -> None:
    everywhere = [{"bbox": "-180,-90,180,90"}, {"near": "42.03,-93.62", "radius_m": "100000"}, {"within": "-94,41;-93,41;-93,43;-94,43"}]
    nowhere = set(summaries.ids(NOWHERE))
    assert nowhere <= found(reader)
    assert all(not nowhere & found(reader, **area) for area in everywhere)


def test_bands_hold_every_cell_of_a_box_and_the_pipeline_s_cells_are_those() -> None:
    box = Box(-93.70, 42.0, -93.655, 42.025)
    bands = geography.bands(box)
    inside = [row for row in ROWS if box.west <= row["longitude"] <= box.east and box.south <= row["latitude"] <= box.north]
    frame = {name: [row[name] for row in inside] for name in ("latitude", "longitude")}
    cells = normalize_property.cell(*(normalize_property.pd.Series(values) for values in frame.values()))
    assert len(inside) > 5
    assert all(any(low <= cell <= high for low, high in bands) for cell in cells)
    assert [row["cell"] for row in inside] == list(cells)
    assert [high - low for low, high in bands] == [bands[0][1] - bands[0][0]] * len(bands)


def test_a_circle_s_box_touches_it_at_high_latitudes_too() -> None:
    # Where the circle's meridians touch lies poleward of its centre: 100 km around 80 degrees north.
    box = geography.circle_box(80, 0, 100_000)
    touching = max(distance_lon(80, 100_000, bearing) for bearing in range(3600))
    assert box.east == pytest.approx(touching, abs=1e-6)
    assert box.east >= touching


def distance_lon(latitude: float, radius_m: float, bearing: float) -> float:
    """The longitude of the point at that distance in that direction (tenths of a degree) of a centre on the prime meridian."""
    angle, turn, north = radius_m / EARTH_RADIUS_M, math.radians(bearing / 10), math.radians(latitude)
    there = math.asin(math.sin(north) * math.cos(angle) + math.cos(north) * math.sin(angle) * math.cos(turn))
    return math.degrees(math.atan2(math.sin(turn) * math.sin(angle) * math.cos(north), math.cos(angle) - math.sin(north) * math.sin(there)))


@pytest.mark.parametrize(
    ("asked", "parameter", "said"),
    [
        ({"near": "42,-93"}, "near", "radius_m"),
        ({"radius_m": "5"}, "radius_m", "near"),
        ({"near": "89.9,10", "radius_m": "100000"}, "near", "pole"),
        ({"near": "-90,10", "radius_m": "1"}, "near", "pole"),
        ({"near": "10,179.999", "radius_m": "1000"}, "near", "180th"),
        ({"near": "10,-180", "radius_m": "1"}, "near", "180th"),
    ],
)
def test_a_circle_that_cannot_be_searched_is_refused_with_its_reason(asked: dict[str, str], parameter: str, said: str) -> None:
    with pytest.raises(InvalidParameter, match=said) as refused:
        geography.area(AreaQuery.model_validate(asked))
    assert refused.value.parameter == parameter


@pytest.mark.parametrize(
    ("parameter", "text", "said"),
    [
        *(("near", text, "latitude,longitude") for text in ("", "42", "42,-93,1", "91,0", "0,181", "nan,0", "42, -93", "4e1,3", "４２,1")),
        *(("radius_m", text, "radius_m") for text in ("0", "-5", "100001", "inf", "")),
        *(("bbox", text, "west,south,east,north") for text in ("", "1,2,3", "1,2,3,x", "-181,0,0,0", "0,-91,0,0")),
        ("bbox", "170,0,-170,1", "180th meridian in two parts"),
        ("bbox", "0,5,1,4", "south below"),
        *(("within", text, "longitude,latitude") for text in ("", ";", "0,0;1,1;1", "0,0;1,1;0,91", "a,b;c,d;e,f")),
        ("within", "0,0;1,1", "3 to 100 vertices; this has 2"),
        ("within", "0,0;1,1;0,0", "3 to 100 vertices; this has 2"),
        ("within", "0,0;1,1;2,2", "simple polygon"),
        ("within", "0,0;1,1;1,0;0,1", "Self-intersection"),
        ("within", ";".join(f"{math.cos(i / 17):.6f},{math.sin(i / 17):.6f}" for i in range(101)), "this has 101"),
    ],
)  # fmt: skip
def test_an_area_that_is_none_is_refused_with_what_it_may_be(parameter: str, text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        AreaQuery.model_validate({parameter: text, **({"near": "1,1"} if parameter == "radius_m" else {})})
    assert refused.value.errors()[0]["loc"] == (parameter,)


def test_a_polygon_of_a_hundred_vertices_fits_into_an_address() -> None:
    ring = ";".join(f"{-93 + math.cos(i / 16):.6f},{42 + math.sin(i / 16):.6f}" for i in range(100))
    assert geography.area(AreaQuery.model_validate({"within": ring})).conditions
    assert len(ring.replace(",", "%2C").replace(";", "%3B")) < 4096
