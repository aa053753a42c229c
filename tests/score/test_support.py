"""Silence where nothing sold gives ground: each reason, in the order in which a reader could cure it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from estate.score import parameters as p
from estate.score import support as s
from estate.score.neighbourhood import Neighbourhood
from tests.score.market import county, model, subjects, value

TYPICAL = {"quality_code": 7.0, "living_area_sqft": 2000.0, "latitude": 47.6, "longitude": -122.3, "property_type": "single_family"}


def refusal(**facts):
    return value(subjects(1).assign(**TYPICAL | facts))["score.valuation"]["refusal_reason"].iloc[0]


def test_a_typical_house_is_valued():
    assert refusal() is None


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"property_type": None}, s.UNKNOWN_TYPE),
        ({"latitude": np.nan}, s.NO_COORDINATES),
        ({"longitude": np.nan}, s.NO_COORDINATES),
        ({"living_area_sqft": np.nan}, s.NO_LIVING_AREA),
        ({"living_area_sqft": 0.0}, s.NO_LIVING_AREA),
        ({"living_area_sqft": -1.0}, s.NO_LIVING_AREA),
        ({"property_type": "condo"}, s.OTHER_TYPE),
        ({"property_type": "castle"}, s.OTHER_TYPE),
        ({"latitude": 48.6}, s.REMOTE),
        ({"latitude": 0.0, "longitude": 0.0}, s.REMOTE),
        ({"living_area_sqft": 40_000.0}, s.TOO_LARGE),
        ({"living_area_sqft": 90.0}, s.TOO_LARGE),
        ({"quality_code": 13.0}, s.TOO_GOOD),
    ],
)
def test_what_past_sales_cannot_speak_for_is_refused_with_its_reason(facts, reason):
    assert refusal(**facts) == reason


def test_a_castle_in_a_field_is_refused_however_it_is_looked_at():
    castle = {"living_area_sqft": 30_000.0, "quality_code": 13.0, "latitude": 47.9}
    assert refusal(**castle) == s.REMOTE
    assert refusal(**castle | {"latitude": 47.6}) == s.TOO_LARGE
    assert refusal(**castle | {"latitude": 47.6, "living_area_sqft": 2000.0}) == s.TOO_GOOD


def test_of_several_reasons_the_first_that_a_reader_could_cure_is_told():
    assert refusal(property_type=None, latitude=np.nan, living_area_sqft=0.0) == s.UNKNOWN_TYPE
    assert refusal(latitude=np.nan, living_area_sqft=0.0) == s.NO_COORDINATES


def test_a_house_may_exceed_the_largest_sold_by_a_tenth_and_not_its_quality():
    sales = pd.DataFrame({"living_area_sqft": [1000.0, 2000.0], "quality_code": [5.0, 9.0], "property_type": ["condo", "land"]})
    reach = s.Support.of(sales)
    assert reach == s.Support(("condo", "land"), 1000 / 1.1, 2000 * 1.1, 9.0)
    assert s.Support.of(sales.assign(quality_code=np.nan)).quality_high == np.inf


def test_the_fifth_nearest_sale_decides_what_is_remote():
    far = county(300).assign(latitude=47.6, longitude=-122.3).iloc[: p.SUPPORT_RANK - 1]
    lonely = Neighbourhood.of(far, np.linspace(12, 13, len(far)))
    house = subjects(1).assign(latitude=47.6, longitude=-122.3)
    assert lonely.nearest_km(house, p.SUPPORT_RANK) == [np.inf]
    assert lonely.nearest_km(house, p.SUPPORT_RANK - 1) == pytest.approx([0.0])


def test_without_recent_sales_there_are_too_few_comparables():
    later = pd.Timestamp("2025-06-30").date()
    assert set(value(subjects(20), day=later)["score.valuation"]["refusal_reason"]) == {s.TOO_FEW}


def test_an_error_too_large_to_decide_anything_is_refused_and_told():
    wild = replace(model(), interval=replace(model().interval, residuals=3 * model().interval.residuals))
    told = value(subjects(), of=wild)["score.valuation"]
    unsure = told[told["refusal_reason"] == s.TOO_UNSURE]
    assert len(unsure)
    assert (unsure["confidence"] < p.CONFIDENCE_FLOOR).all()
    assert (told["confidence"][told["refusal_reason"].isna()] >= p.CONFIDENCE_FLOOR).all()
    assert unsure["estimated_value_usd"].isna().all()
