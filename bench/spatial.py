"""The flood join: points against large polygons cut into pieces, against plain shapely and DuckDB; CPU time of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import psycopg
import shapely
from duckdb_extensions import import_extension
from numpy.typing import NDArray
from rich.console import Console

from bench import machine
from bench.figures import CannotMeasure, Figure, medians, seconds
from estate.hazard import layer_store, overlay
from estate.hazard.exposure import exposure
from estate.hazard.layer_store import LayerVersion
from estate.settings import settings, tenants
from estate.warehouse import Warehouse

ROWS = 500_000
ROUNDS = 3
_POINTS_PER_POLYGON = 100
_BOUND = 1.5
WEST, SOUTH, EAST, NORTH = -122.6, 47.0, -121.0, 47.9
Pairs = NDArray[np.int64]


def measure(rows: int, console: Console) -> list[Figure]:
    """Join `rows` points with a hundredth as many polygons, each way `ROUNDS` times in turn, on the same pieces."""
    with machine.stores(console) as servers, machine.database(servers, "spatial"):
        loaded, pieces = _stored(ground(rows // _POINTS_PER_POLYGON))
    random = np.random.default_rng(7)
    longitude, latitude = random.uniform(WEST, EAST, rows), random.uniform(SOUTH, NORTH, rows)
    took, hit_count = _join(shapely.points(longitude, latitude), pieces)
    properties = pd.DataFrame(
        {"property_id": np.arange(rows).astype(str), "longitude": longitude, "latitude": latitude, "parcel_geom": None}
    )
    whole = seconds(lambda: exposure(properties, pieces), time.process_time)
    fastest = min(("shapely STRtree", "DuckDB spatial"), key=lambda peer: took[peer])
    against = f"{fastest}, the faster of shapely's STRtree on points and DuckDB {duckdb.__version__} spatial, on the same pieces"
    return [
        Figure("hits (overlay.hits)", took["hits"] / took[fastest], "x", _BOUND, against=against),
        Figure("deciding piece of each point (overlay.deciding_piece)", took["deciding"] / took[fastest], "x", _BOUND, against=against),
        *(Figure(f"{name}: CPU time", value, "s") for name, value in took.items()),
        Figure("exposure of all points, four hazards, scores: CPU time", whole, "s"),
        Figure("cutting and storing the layer, once a version", loaded, "s"),
        Figure("points", rows, "points"),
        Figure("pieces", len(pieces), "pieces"),
        Figure("hits, the same in every way", hit_count, "hits"),
    ]


def ground(count: int) -> pd.DataFrame:
    """`count` star-shaped flood zones over `WEST`-`NORTH` as a layer's features; 8 to 8,000 vertices, median about 400; always the same."""
    random = np.random.default_rng(2)
    vertices = np.clip(np.exp(random.normal(np.log(414), 0.9, count)), 8, 8000).astype(int)
    longitude, latitude = random.uniform(WEST, EAST, count), random.uniform(SOUTH, NORTH, count)
    # Each covers the ground that gives a point 1.2 zones on average, however many zones there are.
    radius = np.sqrt(1.2 * (EAST - WEST) * (NORTH - SOUTH) / (count * np.pi)) * random.uniform(0.5, 1.3, count)
    shapes = []
    for corners, x, y, reach in zip(vertices, longitude, latitude, radius, strict=True):
        angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        ragged = reach * (1 + 0.25 * np.sin(5 * angle + x) + 0.1 * np.sin(23 * angle + y) + random.uniform(-0.02, 0.02, corners))
        shapes.append(shapely.Polygon(np.column_stack([x + ragged * np.cos(angle), y + ragged * np.sin(angle)])))
    zones = pd.DataFrame({"flood_zone": ["AE", "X"], "is_in_sfha": [True, False]}).iloc[np.arange(count) % 2].reset_index(drop=True)
    geom = shapely.to_wkb(shapely.set_srid(np.array(shapes, dtype=object), 4326), hex=True, include_srid=True)
    return zones.assign(feature_row=np.arange(1, count + 1), geom=geom)


def store(features: pd.DataFrame) -> None:
    """Store `features` as the current flood layer of the configured database, through the project's own store."""
    version = LayerVersion(
        hazard="flood",
        source_name="bench",
        version="1",
        vintage_date=date(2015, 1, 1),
        authority="nobody: generated",
        is_synthetic=True,
        snapshot_sha256="0" * 64,
        object_key="reference/bench",
        file_name="bench",
        feature_count=len(features),
    )
    with psycopg.connect(settings().database_url, autocommit=True) as connection:
        layer_store.store(version, features, connection)


def _stored(features: pd.DataFrame) -> tuple[float, pd.DataFrame]:
    """Seconds that storing took, and the pieces as the hazard stage reads them."""
    took = seconds(lambda: store(features))
    box = pd.DataFrame({"west": [WEST - 1], "south": [SOUTH - 1], "east": [EAST + 1], "north": [NORTH + 1]})
    with Warehouse(tenants()["lakeside"]) as warehouse:
        return took, warehouse.frame("hazard_pieces", keys=box)


def _join(points: overlay.Geometries, pieces: pd.DataFrame) -> tuple[dict[str, float], int]:
    """Median CPU seconds by way, and the number of hits; asserts that every way finds the same."""
    shapes = np.asarray(shapely.from_wkb(pieces["geom"].to_numpy(dtype=object)), dtype=object)
    feature = pieces["feature_row"].to_numpy(dtype=np.intp)
    database = _duckdb(points, shapes, feature)
    found: dict[str, Pairs] = {}

    def hits() -> None:
        frame = overlay.hits(points, shapes, feature)
        found["hits"] = _coded(frame["place"].to_numpy(), frame["feature"].to_numpy())

    def deciding() -> None:
        found["deciding"] = np.asarray(overlay.deciding_piece(points, shapes, feature), dtype=np.int64)

    def plain() -> None:
        piece, place = shapely.STRtree(points).query(shapes, predicate="intersects")
        found["shapely STRtree"] = np.unique(_coded(place, feature[piece]))

    def duck() -> None:
        database.execute(
            "CREATE OR REPLACE TABLE hit AS SELECT DISTINCT place, feature FROM point JOIN piece ON ST_Intersects(piece.geom, point.geom)"
        )

    ways: dict[str, Callable[[], None]] = {"hits": hits, "deciding": deciding, "shapely STRtree": plain, "DuckDB spatial": duck}
    took = medians([{name: seconds(way, time.process_time) for name, way in ways.items()} for _ in range(ROUNDS)])
    columns = database.execute("SELECT place, feature FROM hit").fetchnumpy()
    found["DuckDB spatial"] = np.sort(_coded(np.asarray(columns["place"]), np.asarray(columns["feature"])))
    same = found["shapely STRtree"]
    assert np.array_equal(np.sort(found["hits"]), same)
    assert np.array_equal(found["DuckDB spatial"], same)
    # The lowest feature decides here, so the first hit of each point says which piece's feature it must be.
    place, first = np.unique(same >> 32, return_index=True)
    decided = np.flatnonzero(found["deciding"] >= 0)
    assert np.array_equal(decided, place)
    assert np.array_equal(feature[found["deciding"][decided]], same[first] & 0xFFFFFFFF)
    return took, len(same)


def _coded(place: NDArray[np.integer], feature: NDArray[np.integer]) -> Pairs:
    return (np.asarray(place, dtype=np.int64) << 32) | np.asarray(feature, dtype=np.int64)


def _duckdb(points: overlay.Geometries, shapes: overlay.Geometries, feature: NDArray[np.intp]) -> duckdb.DuckDBPyConnection:
    """A database in memory with tables point and piece; one thread, which costs it the least CPU time."""
    connection = duckdb.connect(config={"threads": 1})
    try:
        import_extension("spatial", con=connection)
    except Exception as error:
        raise CannotMeasure(f"DuckDB's spatial extension is not usable: {error}") from error
    connection.execute("LOAD spatial")
    point = pd.DataFrame({"place": np.arange(len(points)), "x": shapely.get_x(points), "y": shapely.get_y(points)})
    piece = pd.DataFrame({"feature": feature, "wkb": shapely.to_wkb(shapes, include_srid=False)})
    connection.register("point_frame", point)
    connection.register("piece_frame", piece)
    connection.execute("CREATE TABLE point AS SELECT place, ST_Point(x, y) AS geom FROM point_frame")
    connection.execute("CREATE TABLE piece AS SELECT feature, ST_GeomFromWKB(wkb) AS geom FROM piece_frame")
    return connection
