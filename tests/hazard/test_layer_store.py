"""The store of the layers in PostGIS: one version a file, one current version a source, pieces of at most 128 vertices."""

import dataclasses
import datetime as dt
import uuid

import numpy as np
import pandas as pd
import psycopg
import pytest
import shapely
from shapely.geometry import Point, box

from estate.errors import LandingRefused
from estate.hazard import overlay
from estate.hazard.exposure import exposure
from estate.hazard.layer_store import LayerVersion, store
from estate.settings import Tenant
from estate.warehouse import Warehouse

pytestmark = pytest.mark.servers

LAKE = Point(-93.6, 42.0).buffer(0.05, quad_segs=250)  # 1,001 vertices


@pytest.fixture
def connection(database):
    with psycopg.connect(database.pipeline_url, autocommit=True) as opened:
        yield opened


def features(*geometries, zone="AE", **said):
    rows = [{"feature_row": n, "flood_zone": zone, "is_in_sfha": True} | said for n in range(1, len(geometries) + 1)]
    hexes = [shapely.to_wkb(shapely.set_srid(geometry, 4326), hex=True, include_srid=True) for geometry in geometries]
    return pd.DataFrame(rows).assign(geom=hexes)


@pytest.fixture
def version():
    """A layer of its own for each test, so that the tests do not disturb each other."""
    return LayerVersion(
        hazard="flood", source_name=f"test_{uuid.uuid4().hex}", version="1", vintage_date=dt.date(2026, 1, 1), authority="test",
        is_synthetic=False, snapshot_sha256=uuid.uuid4().hex, object_key="reference/x", file_name="x.geojson", feature_count=2,
    )  # fmt: skip


def again(version, vintage):
    return dataclasses.replace(version, snapshot_sha256=uuid.uuid4().hex, vintage_date=vintage)


def current(connection, version):
    found = connection.execute(
        "SELECT layer_id FROM reference.hazard_layer WHERE source_name = %s AND is_current ORDER BY 1", (version.source_name,)
    )
    return [row[0] for row in found.fetchall()]


def test_a_large_polygon_is_cut_into_valid_pieces_that_cover_the_same_ground(connection, version):
    stored = store(version, features(LAKE, LAKE, box(0, 0, 1, 1), zone="A,\"E'"), connection)
    rows = connection.execute(
        "SELECT feature_row, piece, ST_AsHEXEWKB(geom), flood_zone, is_in_sfha, warming_c"
        " FROM reference.hazard_feature WHERE layer_id = %s",
        (stored.layer_id,),
    ).fetchall()
    pieces = shapely.from_wkb([row[2] for row in rows if row[0] == 1])
    assert {row[0] for row in rows} == {1, 3}  # the repeated polygon is stored once
    assert sorted(row[1] for row in rows if row[0] == 1) == list(range(1, len(pieces) + 1))
    assert shapely.get_num_coordinates(pieces).max() <= 128
    assert shapely.is_valid(pieces).all()
    assert shapely.area(pieces).sum() == pytest.approx(LAKE.area, rel=1e-9)
    assert {row[3:] for row in rows} == {("A,\"E'", True, None)}
    assert stored.piece_count == len(rows)


def test_the_same_bytes_make_no_new_version(connection, version):
    first, second = store(version, features(LAKE), connection), store(version, features(LAKE), connection)
    assert (first.is_new, second.is_new) == (True, False)
    assert second.layer_id == first.layer_id
    assert second.is_current


def test_an_older_vintage_is_kept_and_never_becomes_current(connection, version):
    newest = store(version, features(LAKE), connection)
    late = store(again(version, dt.date(2020, 1, 1)), features(LAKE), connection)
    assert (late.is_new, late.is_current) == (True, False)
    assert current(connection, version) == [newest.layer_id]


def test_a_newer_vintage_or_a_correction_replaces_the_current_version(connection, version):
    store(version, features(LAKE), connection)
    corrected = store(again(version, version.vintage_date), features(box(0, 0, 1, 1)), connection)
    assert current(connection, version) == [corrected.layer_id]
    newer = store(again(version, dt.date(2027, 1, 1)), features(LAKE), connection)
    assert current(connection, version) == [newer.layer_id]


def test_a_part_of_a_service_replaces_what_it_covers_and_nothing_elsewhere(connection, version):
    def part(area, vintage=version.vintage_date):
        read = dataclasses.replace(again(version, vintage), area=area)
        return store(read, features(box(*area)), connection).layer_id

    west, east = part((-94.0, 41.0, -93.0, 42.0)), part((-75.0, 40.0, -74.0, 41.0))
    assert current(connection, version) == [west, east]
    wider = part((-94.5, 40.5, -92.5, 42.5))
    assert current(connection, version) == [east, wider]
    part((-94.0, 41.0, -93.0, 42.0), dt.date(2020, 1, 1))
    assert current(connection, version) == [east, wider]


def test_a_layer_without_ground_is_refused_and_leaves_nothing(connection, version):
    with pytest.raises(LandingRefused, match="no feature covers any ground"):
        store(version, features(Point(0, 0)), connection)
    assert current(connection, version) == []


def test_points_read_against_the_stored_pieces_agree_with_the_whole_polygon(database, connection, version):
    stored = store(version, features(LAKE), connection)
    random = np.random.default_rng(3)
    longitude, latitude = random.uniform(-93.7, -93.5, 500), random.uniform(41.9, 42.1, 500)
    properties = pd.DataFrame({"property_id": range(500), "latitude": latitude, "longitude": longitude, "parcel_geom": None})
    points = shapely.points(longitude, latitude)
    with Warehouse(Tenant(tenant_id=uuid.uuid4(), slug="test", name="test"), database.pipeline_url) as warehouse:
        pieces = warehouse.frame("hazard_pieces", keys=overlay.envelopes(points))
    found = exposure(properties, pieces[pieces["layer_id"] == stored.layer_id].reset_index(drop=True))
    assert (found["flood_zone"] == "AE").tolist() == shapely.covers(LAKE, points).tolist()
    assert 50 < (found["flood_zone"] == "AE").sum() < 450
