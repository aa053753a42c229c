"""Where a search looks: around a point, in a box, in a polygon. Grid cells find the rows by index, an exact comparison decides.

PostGIS operators are not leakproof, so under row-level security no spatial index serves them; numbers of grid cells are compared as
any number is. Every area gives the box that it cannot leave; the cells of that box are the index conditions, the rest is exact.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Annotated, Any

from psycopg import sql
from pydantic import BeforeValidator, Field, WithJsonSchema
from shapely import Polygon, is_valid_reason

from api.parameters import Number, Query
from api.problems import InvalidParameter

MAX_RADIUS_M = 100_000
MIN_VERTICES = 3
MAX_VERTICES = 100
# The sphere of the mean Earth radius (IUGG); at most 0.5 % from the ellipsoid. sql/queries/api_search_near.sql takes it as a parameter.
EARTH_RADIUS_M = 6_371_008.8
# So many rows of cells are asked for one by one; of an area that is taller, from the first cell of all to the last. Measured: planning 40
# ranges takes under a millisecond, 180 (a hundred kilometres around) up to a hundred, which is more than they save.
MAX_BANDS = 40
# What rounding may take from the rim of a circle's box, in degrees: a tenth of a millimetre.
_SLACK = 1e-9

_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,15})?")


def _numbers(text: str, count: int) -> list[float] | None:
    parts = text.split(",")
    return [float(part) for part in parts] if len(parts) == count and all(map(_DEGREES.fullmatch, parts)) else None


def _is_on_earth(longitude: float, latitude: float) -> bool:
    return abs(longitude) <= 180 and abs(latitude) <= 90


def _point(text: Any) -> tuple[float, float]:
    found = _numbers(text, 2) if isinstance(text, str) else None
    if found is None or not _is_on_earth(found[1], found[0]):
        raise ValueError("must be latitude,longitude in degrees such as 42.03,-93.62")
    return found[0], found[1]


def _corners(text: Any) -> tuple[float, float, float, float]:
    found = _numbers(text, 4) if isinstance(text, str) else None
    if found is None or not (_is_on_earth(found[0], found[1]) and _is_on_earth(found[2], found[3])):
        raise ValueError("must be west,south,east,north in degrees such as -93.7,42,-93.5,42.1")
    west, south, east, north = found
    if west > east:
        raise ValueError("must have its west before its east; ask for a box across the 180th meridian in two parts")
    if south > north:
        raise ValueError("must have its south below its north")
    return west, south, east, north


def _vertices(text: Any) -> tuple[tuple[float, float], ...]:
    found = [_numbers(pair, 2) for pair in text.split(";")] if isinstance(text, str) else [None]
    if any(pair is None or not _is_on_earth(*pair) for pair in found):
        raise ValueError("must be longitude,latitude;longitude,latitude;… in degrees such as -93.7,42;-93.5,42;-93.6,42.1")
    vertices = [(pair[0], pair[1]) for pair in found if pair is not None]
    if len(vertices) > 1 and vertices[0] == vertices[-1]:
        vertices.pop()  # closed, as GeoJSON writes rings
    if not MIN_VERTICES <= len(vertices) <= MAX_VERTICES:
        raise ValueError(f"must have {MIN_VERTICES} to {MAX_VERTICES} vertices; this has {len(vertices)}")
    polygon = Polygon(vertices)
    if not polygon.is_valid or polygon.area == 0:
        raise ValueError(f"must be a simple polygon: {is_valid_reason(polygon) if not polygon.is_valid else 'it has no area'}")
    return tuple(vertices)


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


_ONE = r"-?[0-9]{1,3}(\.[0-9]{1,15})?"
_Point = Annotated[tuple[float, float], BeforeValidator(_point), _text(f"^{_ONE},{_ONE}$")]
_Corners = Annotated[tuple[float, float, float, float], BeforeValidator(_corners), _text(f"^{_ONE}(,{_ONE}){{3}}$")]
_Vertices = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_vertices), _text(f"^{_ONE},{_ONE}(;{_ONE},{_ONE}){{2,100}}$")]


class AreaQuery(Query):
    """Where. Several areas together mean what lies in all of them; a property without coordinates lies in none."""

    near: _Point | None = Field(
        None,
        description="latitude,longitude (WGS 84) of the centre of a circle; comes with `radius_m`, and each row tells its `distance_m`",
        json_schema_extra={"example": "42.02,-93.62"},
    )
    radius_m: Number | None = Field(
        None, gt=0, le=MAX_RADIUS_M, description="radius of the circle around `near`, rim included", json_schema_extra={"example": 2000}
    )
    bbox: _Corners | None = Field(
        None,
        description="west,south,east,north in degrees (WGS 84), edges included; never across the 180th meridian",
        json_schema_extra={"example": "-93.7,41.9,-93.5,42.1"},
    )
    within: _Vertices | None = Field(
        None,
        description=f"polygon as longitude,latitude;… with {MIN_VERTICES} to {MAX_VERTICES} vertices (closing it is not needed), edges "
        "included and straight in longitude and latitude",
        json_schema_extra={"example": "-93.7,41.9;-93.5,41.9;-93.5,42.1;-93.7,42.1"},
    )


@dataclass(frozen=True, slots=True)
class Box:
    """What lies between these, in degrees, edges included."""

    west: float
    south: float
    east: float
    north: float

    def cut(self, other: Box) -> Box:
        """What lies in both; with its west beyond its east, or its south beyond its north, when nothing does."""
        return Box(max(self.west, other.west), max(self.south, other.south), min(self.east, other.east), min(self.north, other.north))

    def is_empty(self) -> bool:
        """Whether nothing can lie in it."""
        return self.west > self.east or self.south > self.north


@dataclass(frozen=True, slots=True)
class Area:
    """Conditions that hold for the rows inside and for no others, with their parameters; none when everywhere is meant."""

    conditions: list[sql.Composable] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)


def circle_box(latitude: float, longitude: float, radius_m: float) -> Box:
    """The box that a circle on the sphere touches. Raises InvalidParameter when it holds a pole or crosses the 180th meridian."""
    angle = radius_m / EARTH_RADIUS_M
    south, north = latitude - math.degrees(angle), latitude + math.degrees(angle)
    if south <= -90 or north >= 90:
        raise InvalidParameter("near", "with this radius_m reaches a pole")
    # The meridians that a circle touches lie farther out than its centre's parallel says (Bronshtein, spherical trigonometry).
    width = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(latitude))))
    west, east = longitude - width, longitude + width
    if west < -180 or east > 180:
        raise InvalidParameter("near", "with this radius_m crosses the 180th meridian")
    return Box(west - _SLACK, south - _SLACK, east + _SLACK, north + _SLACK)


def bands(box: Box) -> list[tuple[int, int]]:
    """The first and last cell of each row of cells that `box` touches, from south to north (cells as in normalize.property)."""
    first, last = _column(box.west), _column(box.east)
    return [(row * 100_000 + first, row * 100_000 + last) for row in range(_row(box.south), _row(box.north) + 1)]


def _row(latitude: float) -> int:
    return math.floor((latitude + 90) * 100)


def _column(longitude: float) -> int:
    return math.floor((longitude + 180) * 100)


def area(query: AreaQuery) -> Area:
    """What `query` says about where. Raises InvalidParameter for a circle without centre or radius, or one that no box holds."""
    boxes: list[Box] = []
    found = Area()
    if (query.near is None) != (query.radius_m is None):
        given, wanted = ("near", "radius_m") if query.radius_m is None else ("radius_m", "near")
        raise InvalidParameter(given, f"comes with {wanted}")
    if query.near is not None and query.radius_m is not None:
        latitude, longitude = query.near
        boxes.append(circle_box(latitude, longitude, query.radius_m))
        found.conditions.append(sql.SQL("distance_m <= %(radius_m)s::double precision"))
        found.parameters.update(radius_m=query.radius_m, near_latitude=latitude, near_longitude=longitude, earth_radius_m=EARTH_RADIUS_M)
    if query.bbox is not None:
        boxes.append(Box(*query.bbox))
    if query.within is not None:
        polygon = Polygon(query.within)
        boxes.append(Box(*polygon.bounds))
        point = sql.SQL("ST_SetSRID(ST_MakePoint(longitude, latitude), 4326)")
        found.conditions.append(sql.SQL("ST_Covers(ST_GeomFromText(%(within)s, 4326), {})").format(point))
        found.parameters["within"] = polygon.wkt
    if boxes:
        _bound(found, boxes)
    return found


def _bound(found: Area, boxes: list[Box]) -> None:
    """Add to `found` that its rows lie in every box: exactly, and by cells, which an index knows."""
    box = boxes[0]
    for other in boxes[1:]:
        box = box.cut(other)
    if box.is_empty():
        found.conditions.append(sql.SQL("false"))
        return
    found.conditions.append(
        sql.SQL(
            "latitude BETWEEN %(box_south)s::double precision AND %(box_north)s::double precision"
            " AND longitude BETWEEN %(box_west)s::double precision AND %(box_east)s::double precision"
        )
    )
    found.parameters.update(box_south=box.south, box_north=box.north, box_west=box.west, box_east=box.east)
    rows = bands(box)
    ranges = rows if len(rows) <= MAX_BANDS else [(rows[0][0], rows[-1][1])]
    between = sql.SQL("cell BETWEEN {} AND {}")
    found.conditions.append(
        sql.SQL("({})").format(sql.SQL(" OR ").join(between.format(sql.Literal(low), sql.Literal(high)) for low, high in ranges))
    )
