"""Risk is an interval where a hazard is unknown, and a class only where the whole interval lies in it."""

import numpy as np
import pandas as pd
import pytest

from estate.contracts.score import RISK
from estate.score.risk import risk


def exposed(low, high, flood=0.0, wildfire=0.0, heat=0.0, seismic=0.0, unknown=()):
    return pd.DataFrame({
        "property_id": ["p"], "composite_low": [low], "composite_high": [high], "unknown_hazards": [list(unknown)], "flood_score": [flood],
        "wildfire_score": [wildfire], "heat_score": [heat], "seismic_score": [seismic],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (0.0, 0.0, "low"), (0.0579, 0.0579, "low"), (0.058, 0.2, "moderate"), (0.26, 0.49, "high"), (0.5, 1.0, "very_high"),
        (0.05, 0.06, "undetermined"),
    ],
)  # fmt: skip
def test_the_class_is_stated_only_where_both_ends_agree(low, high, name):
    assert risk(exposed(low, high))["risk_class"].tolist() == [name]


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
