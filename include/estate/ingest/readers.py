"""Bytes to raw rows: one door for every format, which refuses whatever is not exactly what the source declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from pandas import DataFrame, RangeIndex, Series

from estate.errors import LandingRefused
from estate.ingest.archives import unpacked
from estate.ingest.cells import Cells, check_cells, check_header
from estate.ingest.declaration import Source
from estate.ingest.delimited import read_csv
from estate.ingest.drift import Drift, changed_types, check_columns, check_types, compare_columns
from estate.ingest.rules import TEXT
from estate.ingest.sheets import read_parquet, read_xlsx
from estate.ingest.spatial import read_geojson, read_geopackage, read_shapefile

_READERS: dict[str, Callable[[bytes, Source], Cells]] = {
    "csv": read_csv,
    "xlsx": read_xlsx,
    "parquet": read_parquet,
    "geojson": read_geojson,
    "arcgis": read_geojson,  # its pages are merged into one GeoJSON file before landing
    "gpkg": read_geopackage,
    "shapefile": read_shapefile,
}


@dataclass(frozen=True, slots=True)
class RawTable:
    """A file as it is: its column names, its cells as text, and its geometry.

    `rows` has the file's own column names, dtype string, "" for an empty cell, and `row_number` (the first data row is 1)
    as its index. `geometry` holds shapely geometries in EPSG:4326 in the same order, or is None for a format without any.
    """

    header: tuple[str, ...]
    rows: DataFrame
    geometry: np.ndarray | None
    drift: Drift

    def column(self, name: str) -> Series:
        """The raw cells of the column declared as `name`, whatever the file calls it."""
        own = next((found for found, declared in self.drift.renamed.items() if declared == name), name)
        return self.rows[own]


def read_raw(data: bytes, source: Source, file_name: str) -> RawTable:
    """The file `data` as raw text, read as `source` declares; gzip is recognised by its content.

    Raises LandingRefused with reason, remedy, and where it applies row and field: for a file that is empty, cut off, not
    of the declared format, encoding or coordinate system, not a regular table, or whose columns have drifted.
    """
    if not data:
        raise LandingRefused(f"{file_name} is empty", remedy="Send the file with its header and rows.")
    cells = _READERS[source.format](unpacked(data), source)
    check_header(cells.header)
    drift = compare_columns(cells.header, source)
    check_columns(drift, source)
    check_cells(cells)
    rows = pa.table(cells.columns, names=list(cells.header)).to_pandas(types_mapper=lambda _: TEXT)
    rows.index = RangeIndex(1, cells.row_count + 1, name="row_number")
    named = rows.rename(columns=drift.renamed)
    drift = replace(drift, changed=changed_types(named, source))
    check_types(drift, named)
    return RawTable(cells.header, rows, cells.geometry, drift)
