"""GeoJSON, GeoPackage and zipped Shapefile, read as text columns and geometry in EPSG:4326."""

from __future__ import annotations

import io
import warnings
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyogrio
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from estate.errors import LandingRefused
from estate.ingest.archives import check_zip
from estate.ingest.cells import Cells, as_text, check_header
from estate.ingest.declaration import Source

WGS84 = CRS.from_epsg(4326)
_SHAPEFILE_PARTS = (".shp", ".shx", ".dbf")


def read_geojson(data: bytes, source: Source) -> Cells:
    """The properties and the geometry of a GeoJSON FeatureCollection.

    Raises LandingRefused when it is none, when a feature is not one, or when its coordinate system is not the declared one.
    """
    try:
        document = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise LandingRefused(f"the file is not JSON ({error})", remedy="It was cut off or damaged: send it again.") from None
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise LandingRefused("the file is not a GeoJSON FeatureCollection", remedy="Send a FeatureCollection.")
    if not features:
        raise LandingRefused("the collection holds no features", remedy="Send the layer with its features.")
    for row, feature in enumerate(features, start=1):
        if not isinstance(feature, dict) or feature.get("type") != "Feature" or not isinstance(feature.get("properties") or {}, dict):
            raise LandingRefused("the entry is not a GeoJSON Feature", row=row, remedy="Send a FeatureCollection of Features.")
    properties = [feature.get("properties") or {} for feature in features]
    header = tuple(dict.fromkeys(name for row in properties for name in row))
    columns = [pa.chunked_array([pa.array([_value_text(row.get(name)) for row in properties], pa.string())]) for name in header]
    texts = np.array([_geometry_text(feature.get("geometry")) for feature in features], dtype=object)
    geometry = shapely.from_geojson(texts, on_invalid="ignore")
    unreadable = np.flatnonzero(shapely.is_missing(geometry) & (texts != None))  # noqa: E711 - elementwise
    if unreadable.size:
        raise LandingRefused(
            "the geometry cannot be read", row=int(unreadable[0]) + 1, remedy="Close its rings and complete its coordinates."
        )
    # Without the old crs member a GeoJSON is in WGS 84 (RFC 7946), unless its publisher is declared to do otherwise.
    return Cells(header, columns, _in_wgs84(geometry, _named_crs(document) or (None if source.crs else WGS84), source))


def read_geopackage(data: bytes, source: Source) -> Cells:
    """The attributes and the geometry of a GeoPackage layer (the declared one, or the only one)."""
    if not data.startswith(b"SQLite format 3\0"):
        raise LandingRefused("the file is not a GeoPackage", remedy="Send the .gpkg file itself.")
    return _read_vector(data, source)


def read_shapefile(data: bytes, source: Source) -> Cells:
    """The attributes and the geometry of a Shapefile in a ZIP archive that holds exactly one."""
    names = [name for name in check_zip(data, "zipped Shapefile") if not name.startswith("__MACOSX/")]
    shapes = [name for name in names if name.lower().endswith(".shp")]
    if len(shapes) != 1:
        raise LandingRefused(f"the archive holds {len(shapes)} Shapefiles", remedy="Send one Shapefile in each archive.")
    stem = str(PurePosixPath(shapes[0]).with_suffix("")).lower()
    present = {str(PurePosixPath(name)).lower() for name in names}
    missing = [part for part in _SHAPEFILE_PARTS if stem + part not in present]
    if missing:
        raise LandingRefused(f"the archive lacks the {' and '.join(missing)} part of the Shapefile", remedy="Pack all parts together.")
    return _read_vector(data, source)


def _read_vector(data: bytes, source: Source) -> Cells:
    with warnings.catch_warnings():
        # A file in memory has no name, which GDAL remarks on.
        warnings.filterwarnings("ignore", "File /vsimem/.* non conformant file extension", RuntimeWarning)
        meta, table = _open_vector(data, source)
    geometry_name = meta["geometry_name"] or "wkb_geometry"
    header = tuple(name for name in table.column_names if name != geometry_name)
    check_header(header)
    columns = [as_text(table.column(name), name) for name in header]
    geometry = shapely.from_wkb(np.array(table.column(geometry_name).to_pylist(), dtype=object), on_invalid="ignore")
    return Cells(header, columns, _in_wgs84(geometry, _crs(meta["crs"]) if meta["crs"] else None, source))


def _open_vector(data: bytes, source: Source) -> tuple[dict[str, Any], pa.Table]:
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(io.BytesIO(data))]
        layer = source.sheet or layers[0]
        if layer not in layers or (not source.sheet and len(layers) != 1):
            raise LandingRefused(
                f"the file has the layers {', '.join(layers)}; the source asks for {source.sheet or 'the only one'}",
                remedy="Send the layer, or declare which it is.",
            )
        encoding = source.encoding if source.format == "shapefile" else None
        found: tuple[dict[str, Any], pa.Table] = pyogrio.read_arrow(io.BytesIO(data), layer=layer, encoding=encoding)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException, UnicodeDecodeError) as error:
        raise LandingRefused(f"the file cannot be read ({error})", remedy="It is damaged or incomplete: send it again.") from None
    return found


def _value_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()


def _geometry_text(geometry: Any) -> str | None:
    return None if geometry is None else orjson.dumps(geometry).decode()


def _named_crs(document: dict[str, Any]) -> CRS | None:
    """The coordinate system that a GeoJSON names in the old way; RFC 7946 dropped the member and means WGS 84."""
    named = document.get("crs")
    name = named.get("properties", {}).get("name") if isinstance(named, dict) else None
    return _crs(str(name)) if name else None


def _crs(name: str) -> CRS:
    try:
        return CRS.from_user_input(name)
    except CRSError:
        raise LandingRefused(f"the coordinate system {name[:80]!r} is not known", remedy="Send the file in EPSG:4326.") from None


def _in_wgs84(geometry: np.ndarray, found: CRS | None, source: Source) -> np.ndarray:
    """`geometry` as longitude and latitude, flattened to two dimensions.

    Raises LandingRefused when the file and the declaration name different systems, when neither names one, or when the
    coordinates are not degrees.
    """
    declared = _crs(source.crs) if source.crs else None
    if found is not None and declared is not None and not _same(found, declared):
        raise LandingRefused(
            f"the file is in {_label(found)}, the source is declared in {_label(declared)}",
            remedy="Send it in the declared coordinate system, or change the declaration.",
        )
    system = declared or found
    if system is None:
        raise LandingRefused("neither the file nor the declaration names a coordinate system", remedy="Add the .prj part, or declare crs.")
    flat = shapely.force_2d(geometry)
    if not _same(system, WGS84):
        transformer = Transformer.from_crs(system, WGS84, always_xy=True)
        flat = shapely.transform(flat, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])) if len(xy) else xy)
    west, south, east, north = shapely.total_bounds(flat) if len(flat) else (np.nan,) * 4
    if west < -180 or east > 180 or south < -90 or north > 90 or np.isinf([west, south, east, north]).any():
        raise LandingRefused(
            f"the coordinates run from {west:,.0f}, {south:,.0f} to {east:,.0f}, {north:,.0f}: they are not degrees of {_label(system)}",
            remedy="The coordinate system is named wrongly: send the file in the system that it names.",
        )
    _check_bounds(flat, source)
    return flat


def _check_bounds(geometry: np.ndarray, source: Source) -> None:
    """Refuse a layer of which not one feature touches the ground that the source is declared for."""
    if source.bounds is None or not len(geometry):
        return
    west, south, east, north = source.bounds
    bounds = shapely.bounds(geometry)
    apart = (bounds[:, 0] > east) | (bounds[:, 2] < west) | (bounds[:, 1] > north) | (bounds[:, 3] < south)
    known = ~np.isnan(bounds[:, 0])
    if known.any() and apart[known].all():
        swapped = (bounds[known, 1] >= west).all() and (bounds[known, 3] <= east).all()
        raise LandingRefused(
            f"no geometry lies within the declared bounds {source.bounds}" + ("; longitude and latitude look swapped" if swapped else ""),
            remedy="The coordinate system or the order of the coordinates is wrong: send the file in longitude, latitude.",
        )


def _same(one: CRS, other: CRS) -> bool:
    # NAD83 and WGS 84 differ by a metre or two, less than any layer here resolves, but they are declared apart all the same.
    return one.equals(other, ignore_axis_order=True)


def _label(system: CRS) -> str:
    authority = system.to_authority(min_confidence=70)
    return ":".join(authority) if authority else system.name
