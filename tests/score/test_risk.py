"""Risk is an interval where a hazard is unknown, and a class only where the whole interval lies in it."""

import numpy as np
import pandas as pd
import pytest

from estate.contracts.score import RISK
from estate.hazard import flood
from estate.hazard.composite import composite
from estate.hazard.weights import WEIGHTS
from estate.score.parameters import RISK_BOUNDS, RISK_CLASSES
from estate.score.risk import risk


def exposed(low, high, flood=0.0, wildfire=0.0, heat=0.0, seismic=0.0, unknown=()):
    return pd.DataFrame({
        "property_id": ["p"], "composite_low": [low], "composite_high": [high], "unknown_hazards": [list(unknown)], "flood_score": [flood],
        "wildfire_score": [wildfire], "heat_score": [heat], "seismic_score": [seismic],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (0.0, 0.0, "low"), (0.0524, 0.0524, "low"), (0.0525, 0.2, "moderate"), (0.2343, 0.49, "high"), (0.5, 1.0, "very_high"),
        (0.05, 0.06, "undetermined"),
    ],
)  # fmt: skip
def test_the_class_is_stated_only_where_both_ends_agree(low, high, name):
    assert risk(exposed(low, high))["risk_class"].tolist() == [name]


def in_zone(zone, subtype):
    """A place in one flood zone that no other hazard reaches."""
    score = flood.assess(pd.DataFrame({"flood_zone": [zone], "flood_zone_subtype": [subtype], "is_in_sfha": [None]}))["score"].iloc[0]
    whole = composite(pd.DataFrame({hazard: [score if hazard == "flood" else 0.0] for hazard in WEIGHTS})).iloc[0]
    return exposed(whole["composite_low"], whole["composite_high"], flood=score)


@pytest.mark.parametrize(
    ("zone", "subtype", "score", "name"),
    [
        # 44 CFR 59.1 and 64.3: 0.2 % and 1 % a year, so 1 - 0.998^30 and 1 - 0.99^30, of which nine tenths of the value is at stake.
        ("X", "AREA OF MINIMAL FLOOD HAZARD", 2.66, "low"),
        ("X", "0.2 PCT ANNUAL CHANCE FLOOD HAZARD", 5.25, "moderate"),
        ("AE", None, 23.43, "high"),
        ("VE", None, 53.57, "very_high"),
    ],
)
def test_each_of_femas_mapped_floods_has_the_class_that_its_bound_names(zone, subtype, score, name):
    found = risk(in_zone(zone, subtype)).iloc[0]
    assert (round(found["risk_score_low"], 2), found["risk_class"]) == (score, name)


@pytest.mark.parametrize(("bound", "name"), list(zip(RISK_BOUNDS, RISK_CLASSES[1:], strict=True)))
def test_a_bound_belongs_to_the_class_above_it_whatever_the_last_digit(bound, name):
    at = bound / 100
    for score in (np.nextafter(at, 0), at, np.nextafter(at, 1)):
        assert risk(exposed(score, score))["risk_class"].tolist() == [name]


def test_the_dominant_hazard_is_the_heaviest_known_one():
    assert risk(exposed(0.1, 0.9, flood=np.nan, wildfire=0.1, heat=0.4))["dominant_hazard"].tolist() == ["wildfire"]


def test_no_hazard_dominates_where_every_known_score_is_zero():
    found = risk(exposed(0.0, 0.97, flood=np.nan, unknown=["flood"]))
    assert found["dominant_hazard"].tolist() == [None]
    assert found["unknown_hazard_count"].tolist() == [1]
    assert (found["risk_score_low"].iloc[0], found["risk_score_high"].iloc[0]) == (0.0, 97.0)


def test_the_frame_has_the_contracts_columns_even_when_empty():
    for frame in (risk(exposed(0.1, 0.1)), risk(exposed(0.1, 0.1)[:0])):
        assert list(frame.columns) == [name for name in RISK.column_names if name != "tenant_id"]
