"""FEMA's zones, read rung by rung."""

import json

import numpy as np
import pandas as pd
import pytest

from estate.contracts import contract
from estate.gate import suite_path
from estate.hazard import flood

# zone, subtype, SFHA flag -> in the SFHA, chance in thirty years. FEMA: 1 % a year in the SFHA, 0.2 % in the shaded X
# (44 CFR 59.1, 64.3), that is 26.0 % and 5.8 % in thirty years; nan = unknown.
FEMA_ZONES = [
    ("A", None, True, True, 0.260),
    ("AE", None, True, True, 0.260),
    ("AH", None, True, True, 0.260),
    ("AO", None, True, True, 0.260),
    ("AR", None, True, True, 0.260),
    ("A99", "AREA WITH REDUCED FLOOD RISK DUE TO LEVEE", True, True, 0.260),
    ("A12", None, True, True, 0.260),
    ("AE", "FLOODWAY", True, True, 0.260),
    ("AE", "COMMUNITY ENCROACHMENT AREA", True, True, 0.260),
    ("V", None, True, True, 0.260),
    ("VE", "RIVERINE FLOODWAY SHOWN IN COASTAL ZONE", True, True, 0.260),
    ("X", "0.2 PCT ANNUAL CHANCE FLOOD HAZARD", False, False, 0.058),
    ("X", "0.2 PERCENT ANNUAL CHANCE FLOOD HAZARD", False, False, 0.058),
    ("X", "AREA WITH REDUCED FLOOD RISK DUE TO LEVEE", False, False, 0.058),
    ("X", "1 PCT DEPTH LESS THAN 1 FOOT", False, False, 0.260),
    ("X", "1 PCT DRAINAGE AREA LESS THAN 1 SQUARE MILE", False, False, 0.260),
    ("X", "1 PCT FUTURE CONDITIONS", False, False, 0.058),
    ("X", "AREA OF MINIMAL FLOOD HAZARD", False, False, 0.030),
    ("B", None, False, False, 0.058),
    ("C", None, False, False, 0.030),
    ("X", None, False, False, np.nan),
    ("D", None, False, None, np.nan),
    ("OPEN WATER", None, False, None, np.nan),
    ("AREA NOT INCLUDED", None, False, None, np.nan),
    (None, None, None, None, np.nan),
]


def read(*zones):
    return flood.assess(pd.DataFrame([(*zone, None) for zone in zones], columns=list(flood.COLUMNS)))


@pytest.mark.parametrize(("zone", "subtype", "flag", "in_sfha", "chance"), FEMA_ZONES)
def test_each_fema_zone_has_its_chance(zone, subtype, flag, in_sfha, chance):
    found = read((zone, subtype, flag)).iloc[0]
    assert found["probability_30y"] == pytest.approx(chance, abs=0.0005, nan_ok=True)
    assert (None if pd.isna(found["is_in_sfha"]) else bool(found["is_in_sfha"])) is in_sfha
    assert np.isnan(found["score"]) == np.isnan(chance)


def test_worse_water_scores_higher_and_decides_over_milder_water():
    minimal, shaded, levee, ae, floodway, coastal = (
        read((zone, subtype, None)).iloc[0]
        for zone, subtype in [
            ("X", "AREA OF MINIMAL FLOOD HAZARD"), ("X", "0.2 PCT ANNUAL CHANCE FLOOD HAZARD"),
            ("X", "AREA WITH REDUCED FLOOD RISK DUE TO LEVEE"), ("AE", None), ("AE", "FLOODWAY"), ("VE", None),
        ]
    )  # fmt: skip
    ladder = [minimal, shaded, levee, ae, floodway, coastal]
    assert [rung["score"] for rung in ladder] == sorted({rung["score"] for rung in ladder})
    assert [rung["rank"] for rung in ladder] == sorted({rung["rank"] for rung in ladder})
    assert minimal["score"] > 0  # no ground is free of flooding


def test_unknown_ground_outranks_minimal_ground_and_yields_to_known_danger():
    rank = read(("D", None, False), ("X", "AREA OF MINIMAL FLOOD HAZARD", False), ("X", None, False), ("AE", None, True))["rank"].tolist()
    assert rank[1] < rank[2] < rank[0] < rank[3]


def test_a_zone_that_contradicts_its_flag_is_read_as_the_worse():
    # The Milwaukee extract holds a zone "2" that is no FEMA code, flagged as inside the SFHA.
    found = read(("2", None, True), ("X", None, True), ("AE", None, False))
    assert found["is_in_sfha"].tolist() == [True, True, True]
    assert found["probability_30y"].round(3).tolist() == [0.26, 0.26, 0.26]


@pytest.mark.parametrize("table", ["reference.hazard_feature", "hazard.exposure"])
def test_the_gate_knows_the_zones_that_are_read_and_only_reports_others(table):
    suite = json.loads(suite_path(contract(table)).read_text())
    (zones,) = [spec for spec in suite["expectations"] if spec["kwargs"].get("column") == "flood_zone"]
    assert zones["kwargs"]["value_set"] == list(flood.ZONES)
    assert zones["severity"] == "warning"


def test_every_zone_of_the_list_is_read_as_itself():
    outside = set(flood.ZONES) - {"AREA NOT INCLUDED", "NP"}
    assert {zone for zone in flood.ZONES if flood.zone_class(zone, None, None).name != "not_mapped"} == outside
    assert {zone for zone, *_ in FEMA_ZONES if zone} <= set(flood.ZONES)
