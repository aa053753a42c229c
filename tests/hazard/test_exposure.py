"""The exposure of a property: which feature decides, and what stays unknown."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import Point, box

from estate.contracts.hazard import EXPOSURE, FEATURE
from estate.hazard.exposure import exposure
from estate.hazard.weights import WEIGHTS

OLD, NEW = dt.date(2020, 1, 1), dt.date(2026, 1, 1)


def hexed(geometry):
    return shapely.to_wkb(shapely.set_srid(geometry, 4326), hex=True, include_srid=True)


def piece(hazard, layer_id, geometry, *, row=1, synthetic=False, vintage=NEW, **said):
    layer = {"hazard": hazard, "is_synthetic": synthetic, "vintage_date": vintage, "layer_id": layer_id, "feature_row": row, "piece": 1}
    return layer | {"geom": hexed(geometry)} | said


def pieces(*rows):
    return pd.DataFrame(rows, columns=["hazard", "is_synthetic", "vintage_date", *FEATURE.column_names])


def at(*geometries):
    rows = [
        {"property_id": f"p{n}", "longitude": getattr(g, "x", None), "latitude": getattr(g, "y", None),
         "parcel_geom": hexed(g) if g is not None and g.geom_type != "Point" else None}
        for n, g in enumerate(geometries)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["property_id", "latitude", "longitude", "parcel_geom"])


TOWN = box(0, 0, 1, 1)
INSIDE, OUTSIDE = Point(0.5, 0.5), Point(5, 5)


def test_the_frame_is_the_contracts():
    found = exposure(at(INSIDE), pieces(piece("flood", 1, TOWN, flood_zone="AE", is_in_sfha=True)))
    assert tuple(found.columns) == EXPOSURE.column_names[1:]
    assert found["flood_layer_id"].dtype == found["wildfire_hazard_class"].dtype == "Int64"


def test_no_polygon_is_unknown_and_not_safe():
    found = exposure(at(OUTSIDE), pieces(piece("flood", 1, TOWN, flood_zone="AE", is_in_sfha=True))).iloc[0]
    assert found[["flood_zone", "is_in_sfha", "flood_score", "flood_probability_30y", "flood_layer_id"]].isna().all()
    assert found["unknown_hazards"] == ["flood", "wildfire", "heat", "seismic"]
    assert found["composite_low"] == 0
    assert found["composite_high"] == pytest.approx(1 - np.prod([1 - weight for weight in WEIGHTS.values()]))


def test_a_property_without_a_place_and_a_database_without_layers_give_only_unknowns():
    for properties, layers in [(at(None), pieces(piece("flood", 1, TOWN, flood_zone="AE"))), (at(INSIDE), pieces())]:
        found = exposure(properties, layers).iloc[0]
        assert found["unknown_hazards"] == ["flood", "wildfire", "heat", "seismic"]
        assert not found["uses_synthetic_layer"]


def test_undetermined_ground_keeps_its_zone_and_has_no_score():
    found = exposure(at(INSIDE), pieces(piece("flood", 7, TOWN, row=3, flood_zone="D", is_in_sfha=False))).iloc[0]
    assert (found["flood_zone"], found["flood_layer_id"], found["flood_feature_row"]) == ("D", 7, 3)
    assert pd.isna(found["is_in_sfha"])
    assert pd.isna(found["flood_score"])
    assert "flood" in found["unknown_hazards"]


def test_the_most_severe_zone_decides_for_a_parcel_and_the_point_of_another_keeps_its_own():
    minimal = piece("flood", 1, box(0, 0, 0.5, 1), row=1, flood_zone="X", flood_zone_subtype="AREA OF MINIMAL FLOOD HAZARD")
    floodway = piece("flood", 1, box(0.5, 0, 1, 1), row=2, flood_zone="AE", flood_zone_subtype="FLOODWAY", base_flood_elevation_ft=880.0)
    found = exposure(at(box(0.3, 0.3, 0.6, 0.6), Point(0.2, 0.2)), pieces(minimal, floodway))
    assert found["flood_zone_subtype"].tolist() == ["FLOODWAY", "AREA OF MINIMAL FLOOD HAZARD"]
    assert found["base_flood_elevation_ft"].tolist() == pytest.approx([880.0, np.nan], nan_ok=True)
    assert found["flood_feature_row"].tolist() == [2, 1]


def test_a_synthetic_layer_loses_against_an_observed_one_however_severe_it_is():
    made_up = piece("flood", 1, TOWN, synthetic=True, flood_zone="VE", is_in_sfha=True)
    observed = piece("flood", 2, box(0, 0, 0.6, 1), flood_zone="X", flood_zone_subtype="AREA OF MINIMAL FLOOD HAZARD", is_in_sfha=False)
    found = exposure(at(INSIDE, Point(0.9, 0.5)), pieces(made_up, observed))
    assert found["flood_layer_id"].tolist() == [2, 1]
    assert found["uses_synthetic_layer"].tolist() == [False, True]


def test_of_equal_zones_the_newer_layer_decides_whatever_the_order_of_the_pieces():
    old, new = (piece("flood", n, TOWN, vintage=vintage, flood_zone="AE") for n, vintage in [(1, OLD), (2, NEW)])
    assert exposure(at(INSIDE), pieces(old, new))["flood_layer_id"].tolist() == [2]
    assert exposure(at(INSIDE), pieces(new, old))["flood_layer_id"].tolist() == [2]


def test_a_feature_that_says_nothing_of_its_hazard_is_no_coverage():
    found = exposure(at(INSIDE), pieces(piece("heat", 1, TOWN, warming_c=np.nan))).iloc[0]
    assert pd.isna(found["heat_layer_id"])
    assert "heat" in found["unknown_hazards"]


def test_layers_of_one_hazard_for_different_places_do_not_disturb_each_other():
    layers = pieces(
        piece("flood", 1, TOWN, flood_zone="AE"), piece("flood", 2, box(4, 4, 6, 6), flood_zone="D"),
        piece("wildfire", 3, TOWN, burn_probability=0.01), piece("seismic", 4, TOWN, peak_ground_acceleration_g=0.4),
        piece("heat", 5, TOWN, heat_wave_rate=1.0),
    )  # fmt: skip
    found = exposure(at(INSIDE, OUTSIDE), layers)
    assert found["flood_zone"].tolist() == ["AE", "D"]
    assert found["unknown_hazards"].tolist() == [[], ["flood", "wildfire", "heat", "seismic"]]
    assert found["composite_low"][0] == found["composite_high"][0]
    assert found["wildfire_probability_30y"].round(3)[0] == 0.26
