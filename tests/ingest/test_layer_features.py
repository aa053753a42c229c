"""The features of a hazard layer are valid polygons with canonical attributes; what was mended or dropped is said."""

from __future__ import annotations

import json

import pytest
import shapely
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box, mapping

from estate.contracts import contract
from estate.errors import LandingRefused
from estate.ingest.layers import read_features, to_features
from estate.ingest.readers import read_raw

BOW = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
FLOOD = {
    "kind": "hazard_layer",
    "hazard": "flood",
    "format": "geojson",
    "natural_key": [],
    "columns": {
        "flood_zone": {"from": ["FLD_ZONE"]},
        "is_in_sfha": {"from": ["SFHA_TF"], "rules": ["yes_no"]},
        "base_flood_elevation_ft": {"from": ["STATIC_BFE"], "rules": ["number", "null_if:-9999"]},
    },
}


def layer(declare, *shapes, **properties):
    attributes = {"FLD_ZONE": "AE", "SFHA_TF": "T", "STATIC_BFE": -9999.0} | properties
    features = [{"type": "Feature", "properties": attributes, "geometry": mapping(shape)} for shape in shapes]
    source = declare(**FLOOD)
    return read_raw(json.dumps({"type": "FeatureCollection", "features": features}).encode(), source, "f.geojson"), source


def test_the_frame_has_the_contracts_columns_but_those_the_load_adds(declare):
    wanted = [name for name in contract("reference.hazard_feature").column_names if name not in {"layer_id", "piece"}]
    assert list(to_features(*layer(declare, box(0, 0, 1, 1))).columns) == wanted


def test_attributes_are_read_by_the_declaration(declare):
    feature = to_features(*layer(declare, box(0, 0, 1, 1))).iloc[0]
    assert (feature["flood_zone"], feature["is_in_sfha"], feature["flood_zone_subtype"]) == ("AE", True, None)
    assert feature.isna()["base_flood_elevation_ft"]
    assert shapely.from_wkb(feature["geom"]).equals(box(0, 0, 1, 1))
    assert shapely.get_srid(shapely.from_wkb(feature["geom"])) == 4326


def test_a_crossed_polygon_is_made_valid_and_reported(declare):
    found = read_features(*layer(declare, box(5, 5, 6, 6), BOW))
    shape = shapely.from_wkb(found.frame.loc[1, "geom"])
    assert (shape.is_valid, shape.area) == (True, 0.5)
    assert found.defects["row_number"].tolist() == [2]
    assert found.defects.loc[0, "reason"].startswith("was repaired: Self-intersection")


@pytest.mark.parametrize("shape", [Polygon(), Point(0, 0), LineString([(0, 0), (1, 1)])], ids=["empty", "point", "line"])
def test_what_has_no_area_is_dropped_and_reported_and_the_rest_keeps_its_number(declare, shape):
    found = read_features(*layer(declare, shape, box(0, 0, 1, 1)))
    assert found.frame["feature_row"].tolist() == [2]
    assert found.defects[["row_number", "field_name", "reason"]].to_numpy().tolist() == [[1, "geom", "has no area and was dropped"]]


def test_of_a_mixed_collection_the_polygons_remain(declare):
    mixed = GeometryCollection([MultiPolygon([box(0, 0, 1, 1), box(2, 2, 3, 3)]), LineString([(0, 0), (9, 9)]), box(4, 4, 5, 5)])
    shape = shapely.from_wkb(to_features(*layer(declare, mixed)).loc[0, "geom"])
    assert (shape.geom_type, shape.area) == ("MultiPolygon", 3.0)


def test_a_layer_without_any_area_is_refused(declare):
    with pytest.raises(LandingRefused, match="no feature of the file has an area"):
        to_features(*layer(declare, Point(0, 0)))
