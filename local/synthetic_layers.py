"""Make the demo's hazard layers for Ames, Iowa: invented ground, real shapes of file. Run once; the results are committed.

    python local/synthetic_layers.py

No zone, probability or acceleration here was observed. The creek is drawn freehand, the classes follow a formula; what is
real is the form: FEMA's field names and -9999, a GeoPackage, a zipped Shapefile in UTM zone 15N, and gaps in coverage.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import geopandas as gpd
import shapely
from shapely.geometry import LineString, box

SAMPLES = Path(__file__).parent / "samples"
WEST, SOUTH, EAST, NORTH = -93.70, 41.98, -93.57, 42.07
MAPPED_EAST = -93.605  # the flood layer ends here: what lies further east is unmapped
CREEK = [(-93.70, 42.062), (-93.672, 42.050), (-93.655, 42.040), (-93.640, 42.030), (-93.628, 42.020), (-93.615, 42.005), (-93.605, 41.99)]
METRES = "EPSG:26915"
MINIMAL, SHADED = "AREA OF MINIMAL FLOOD HAZARD", "0.2 PCT ANNUAL CHANCE FLOOD HAZARD"


def flood() -> gpd.GeoDataFrame:
    """Floodway, AE and 0.2 % bands along the creek, D in the south-east, the rest minimal; nothing east of `MAPPED_EAST`."""
    town = box(WEST, SOUTH, MAPPED_EAST, NORTH)
    creek = gpd.GeoSeries([LineString(CREEK)], crs=4326).to_crs(METRES)
    floodway, ae, shaded = (creek.buffer(metres, quad_segs=4).to_crs(4326).iloc[0].intersection(town) for metres in (60, 180, 350))
    undetermined = box(-93.62, SOUTH, MAPPED_EAST, 42.0)
    rows = [
        ("AE", "FLOODWAY", "T", 880.0, floodway),
        ("AE", None, "T", 882.0, ae - floodway),
        ("X", SHADED, "F", -9999.0, shaded - ae),
        ("D", None, "F", -9999.0, undetermined - shaded),
        ("X", MINIMAL, "F", -9999.0, town - shaded - undetermined),
    ]
    frame = gpd.GeoDataFrame(rows, columns=["FLD_ZONE", "ZONE_SUBTY", "SFHA_TF", "STATIC_BFE", "geometry"], crs=4326)
    frame.insert(0, "FLD_AR_ID", [f"SYNTHETIC_{n}" for n in range(1, len(frame) + 1)])
    frame["V_DATUM"] = [None if bfe < 0 else "NAVD88" for bfe in frame["STATIC_BFE"]]
    frame.geometry = shapely.set_precision(frame.geometry.to_numpy(), 1e-6)
    return frame


def grid(columns: int, rows: int) -> list[tuple[int, int, shapely.Polygon]]:
    """The town cut into cells, each with its column and row."""
    wide, high = (EAST - WEST) / columns, (NORTH - SOUTH) / rows
    return [
        (
            i,
            j,
            box(round(WEST + i * wide, 6), round(SOUTH + j * high, 6), round(WEST + (i + 1) * wide, 6), round(SOUTH + (j + 1) * high, 6)),
        )
        for i in range(columns)
        for j in range(rows)
    ]


def wildfire() -> gpd.GeoDataFrame:
    """Burn probability falling from the grassland in the west to the built-up middle, where the ground does not burn."""
    rows = [(round(0.0004 / (1 + i), 6), 6 if i in {3, 4} else max(1, 2 - i), cell) for i, _, cell in grid(6, 1)]
    return gpd.GeoDataFrame(rows, columns=["BP", "WHP", "geometry"], crs=4326)


def heat() -> gpd.GeoDataFrame:
    """Heat waves a year, more in the middle of the town than at its edges."""
    rows = [(0.9 if i == 1 and j == 1 else 0.6, 0.7, cell) for i, j, cell in grid(3, 3)]
    return gpd.GeoDataFrame(rows, columns=["HWAV_AFREQ", "WARMING_C", "geometry"], crs=4326).to_crs(METRES)


def seismic() -> gpd.GeoDataFrame:
    """Design values for the western half of the town; the eastern half is unknown."""
    rows = [(0.062, "A", box(WEST, SOUTH, -93.64, 42.025)), (0.065, "A", box(WEST, 42.025, -93.64, NORTH))]
    return gpd.GeoDataFrame(rows, columns=["pgam", "sdc", "geometry"], crs=4326)


def main() -> None:
    """Write the four files."""
    SAMPLES.mkdir(exist_ok=True)
    flood().to_file(SAMPLES / "synthetic_flood_ames.geojson", driver="GeoJSON", COORDINATE_PRECISION=6)
    seismic().to_file(SAMPLES / "synthetic_seismic_ames.geojson", driver="GeoJSON", COORDINATE_PRECISION=6)
    wildfire().to_file(SAMPLES / "synthetic_wildfire_ames.gpkg", driver="GPKG", layer="wildfire", SPATIAL_INDEX="NO")
    with tempfile.TemporaryDirectory() as folder:
        heat().to_file(Path(folder) / "synthetic_heat_ames.shp")
        with zipfile.ZipFile(SAMPLES / "synthetic_heat_ames.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for part in sorted(Path(folder).iterdir()):
                archive.write(part, part.name)


if __name__ == "__main__":
    main()
