"""GeoJSON, GeoPackage and zipped Shapefiles arrive as geometry in EPSG:4326, or not at all."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from shapely.geometry import Polygon, box, mapping

from estate.errors import LandingRefused
from estate.ingest.readers import read_raw

SQUARE = box(-72.3, 43.6, -72.29, 43.61)
COLUMNS = {"apn_raw": {"from": ["lot"]}, "parcel_geom": {"from": ["geometry"], "rules": ["outline"]}}
LAYER = {"format": "geojson", "columns": COLUMNS, "natural_key": ["lot"]}


def collection(*shapes, **members) -> bytes:
    features = [
        {"type": "Feature", "properties": {"lot": f"{i}-1"}, "geometry": None if shape is None else mapping(shape)}
        for i, shape in enumerate(shapes, 1)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features, **members}).encode()


def refusal(declare, data: bytes, **changes) -> LandingRefused:
    with pytest.raises(LandingRefused) as caught:
        read_raw(data, declare(**LAYER | changes), "little_town.geojson")
    return caught.value


def packed(frame: gpd.GeoDataFrame, folder: Path, suffix: str) -> bytes:
    """The frame as GeoPackage bytes, or as a zipped Shapefile."""
    folder.mkdir()
    frame.to_file(folder / f"lots.{suffix}")
    if suffix == "gpkg":
        return (folder / "lots.gpkg").read_bytes()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for part in sorted(folder.iterdir()):
            archive.write(part, part.name)
    return target.getvalue()


def rezipped(data: bytes, *, without: str = "", named: str = "", mode: int = stat.S_IFREG) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            if not (without and member.endswith(without)):
                new.writestr(member, old.read(member))
        if named:
            extra = zipfile.ZipInfo(named)
            extra.external_attr = (mode | 0o644) << 16
            new.writestr(extra, "/etc/hostname")
    return target.getvalue()


@pytest.fixture
def lots() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"lot": ["1-1"], "units": [3]}, geometry=[SQUARE], crs=4326)


def test_geojson_properties_become_text_beside_the_geometry(declare):
    raw = read_raw(collection(SQUARE, None), declare(**LAYER), "f.geojson")
    assert raw.rows["lot"].tolist() == ["1-1", "2-1"]
    assert raw.geometry[0].equals(SQUARE)
    assert raw.geometry[1] is None


def test_numbers_of_geojson_are_canonical_text(declare):
    data = collection(SQUARE).replace(b'"1-1"', b"12.0")
    assert read_raw(data, declare(**LAYER), "f.geojson").rows["lot"].tolist() == ["12"]


@pytest.mark.parametrize("suffix", ["gpkg", "shp"])
def test_every_format_and_system_ends_in_degrees(declare, lots, tmp_path, suffix):
    data = packed(lots.to_crs(3437), tmp_path / "out", suffix)  # NAD83 / New Hampshire (ftUS)
    source = declare(**LAYER | {"format": "gpkg" if suffix == "gpkg" else "shapefile", "ignored": ["units"]})
    raw = read_raw(data, source, f"lots.{suffix}")
    assert shapely.hausdorff_distance(raw.geometry[0], SQUARE) < 1e-6
    assert raw.rows["units"].tolist() == ["3"]


def test_a_system_declared_for_a_geojson_without_one_is_used(declare, lots):
    metres = lots.to_crs(26919).geometry[0]
    raw = read_raw(collection(metres), declare(**LAYER | {"crs": "EPSG:26919"}), "f.geojson")
    assert shapely.hausdorff_distance(raw.geometry[0], SQUARE) < 1e-6


def test_a_file_in_another_system_than_declared_is_refused(declare, lots, tmp_path):
    data = packed(lots.to_crs(26919), tmp_path / "out", "gpkg")
    assert (
        "in EPSG:26919, the source is declared in EPSG:4326"
        in refusal(declare, data, format="gpkg", crs="EPSG:4326", ignored=["units"]).reason
    )


def test_a_geojson_that_names_another_system_is_refused(declare):
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::26919"}}
    assert "EPSG:26919" in refusal(declare, collection(SQUARE, crs=named), crs="EPSG:4326").reason


def test_crs84_is_longitude_and_latitude(declare):
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert len(read_raw(collection(SQUARE, crs=named), declare(**LAYER | {"crs": "EPSG:4326"}), "f.geojson").rows) == 1


def test_metres_called_degrees_are_refused(declare, lots):
    assert "not degrees" in refusal(declare, collection(lots.to_crs(26919).geometry[0])).reason


def test_coordinates_in_the_wrong_order_are_refused_where_the_ground_is_declared(declare):
    swapped = shapely.transform(SQUARE, lambda xy: xy[:, ::-1])
    assert "look swapped" in refusal(declare, collection(swapped), bounds=[-73, 43, -72, 44]).reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"type": "FeatureCollection", "features": [', "not JSON"),
        (b'{"type": "Polygon"}', "not a GeoJSON FeatureCollection"),
        (b'{"type": "FeatureCollection", "features": [7]}', "not a GeoJSON Feature, row 1"),
        (collection(), "holds no features"),
        (collection(SQUARE).replace(b"[[[", b"[[[1],["), "geometry cannot be read, row 1"),
    ],
    ids=["cut off", "bare geometry", "no feature", "no features", "broken coordinates"],
)
def test_what_is_no_geojson_is_refused(declare, data, reason):
    assert reason in refusal(declare, data).reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"without": ".dbf"}, "lacks the .dbf part"),
        ({"without": ".shp"}, "holds 0 Shapefiles"),
        ({"named": "other.shp"}, "holds 2 Shapefiles"),
        ({"named": "../out.txt"}, "leads outside"),
        ({"named": "/etc/passwd"}, "leads outside"),
        ({"named": "C:\\out.txt"}, "leads outside"),
        ({"named": "link.txt", "mode": stat.S_IFLNK}, "symbolic link"),
    ],
    ids=["no table", "no shapes", "two", "parent", "absolute", "drive", "link"],
)
def test_an_oddly_packed_shapefile_is_refused(declare, lots, tmp_path, changes, reason):
    data = rezipped(packed(lots, tmp_path / "out", "shp"), **changes)
    assert reason in refusal(declare, data, format="shapefile", ignored=["units"]).reason


def test_a_shapefile_without_a_system_needs_a_declared_one(declare, lots, tmp_path):
    data = rezipped(packed(lots, tmp_path / "out", "shp"), without=".prj")
    assert "neither the file nor the declaration" in refusal(declare, data, format="shapefile", ignored=["units"]).reason
    source = declare(**LAYER | {"format": "shapefile", "ignored": ["units"], "crs": "EPSG:4326"})
    assert len(read_raw(data, source, "f.zip").rows) == 1


def test_a_damaged_archive_is_refused(declare, lots, tmp_path):
    data = packed(lots, tmp_path / "out", "shp")
    assert "zipped Shapefile" in refusal(declare, data[: len(data) // 2], format="shapefile").reason


def test_what_is_no_geopackage_is_refused(declare):
    assert "not a GeoPackage" in refusal(declare, collection(SQUARE), format="gpkg").reason


def test_heights_are_dropped(declare):
    shape = Polygon([(-72.3, 43.6, 5), (-72.29, 43.6, 5), (-72.29, 43.61, 5)])
    assert not read_raw(collection(shape), declare(**LAYER), "f.geojson").geometry[0].has_z
