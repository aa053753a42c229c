"""Chance, severity and score of each hazard: bounded, monotone, and null where nothing is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estate.hazard import chance, heat, seismic, wildfire

chances = st.floats(0, 1)


def test_thirty_year_chances_are_femas():
    # FEMA: a 1 % zone has a 26 % chance of flooding during a 30-year mortgage; 1 - 0.998**30 = 5.8 %.
    assert chance.at_least_once([0.01, 0.002]) == pytest.approx([1 - 0.99**30, 1 - 0.998**30], rel=1e-12)
    assert chance.at_least_once([0.01, 0.002]).round(3).tolist() == [0.26, 0.058]


@given(chances, chances)
def test_a_higher_yearly_chance_never_lowers_the_thirty_year_chance(one, other):
    low, high = chance.at_least_once(sorted((one, other)))
    assert 0 <= low <= high <= 1


@given(chances, chances, st.floats(0.01, 10), st.floats(0.01, 10))
def test_a_score_is_bounded_and_rises_with_chance_and_severity(one, other, mild, severe):
    (p, q), (k, m) = sorted((one, other)), sorted((mild, severe))
    assert 0 <= chance.score(p, k) <= chance.score(q, k) <= 1
    assert chance.score(p, k) <= chance.score(p, m)
    assert chance.score(p, 1) == pytest.approx(p, abs=1e-15)


def frame(columns, rows):
    return pd.DataFrame(rows, columns=list(columns))


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([1, 2, 3, 4, 5])), min_size=2, max_size=2))
def test_wildfire_rises_with_burn_probability_and_class(rows):
    (low, high) = (min(r[0] for r in rows), min(r[1] for r in rows)), (max(r[0] for r in rows), max(r[1] for r in rows))
    found = wildfire.assess(frame(wildfire.COLUMNS, [low, high]))
    assert 0 <= found["score"][0] <= found["score"][1] <= 1
    assert found["probability_30y"][0] <= found["probability_30y"][1]


def test_a_wildfire_class_alone_gives_a_chance_and_ground_that_does_not_burn_counts_lowest():
    found = wildfire.assess(frame(wildfire.COLUMNS, [(None, whp) for whp in (7, 6, 1, 2, 3, 4, 5)]))
    assert found["score"].is_monotonic_increasing
    assert found["score"].min() > 0


@given(st.floats(0, 50), st.floats(0, 50))
def test_heat_rises_with_the_rate_of_heat_waves(one, other):
    found = heat.assess(frame(heat.COLUMNS, [(rate, None) for rate in sorted((one, other))]))
    assert 0 <= found["score"][0] <= found["score"][1] <= 1


def test_warming_alone_gives_the_rate_of_extremes_that_the_ipcc_gives():
    # IPCC AR6 WG I SPM.6: once in ten years before warming, 2.8 times in ten years at 1 degree, 4.1 at 1.5.
    by_warming = heat.assess(frame(heat.COLUMNS, [(None, 0.0), (None, 1.0), (None, 1.5), (None, -0.4)]))
    by_rate = heat.assess(frame(heat.COLUMNS, [(0.1, None), (0.28, None), (0.41, None), (0.1, None)]))
    pd.testing.assert_frame_equal(by_warming, by_rate)


@given(st.floats(0, 3), st.floats(0, 3))
def test_seismic_rises_with_acceleration(one, other):
    found = seismic.assess(frame(seismic.COLUMNS, [(pga, None) for pga in sorted((one, other))]))
    assert 0 <= found["score"][0] <= found["score"][1] <= 1


def test_seismic_categories_rise_from_a_to_e_and_the_acceleration_overrules_them():
    found = seismic.assess(frame(seismic.COLUMNS, [(None, category) for category in "ABCDE"]))
    assert found["score"].is_monotonic_increasing
    assert seismic.assess(frame(seismic.COLUMNS, [(0.05, "E")]))["score"][0] == found["score"][0]


def test_the_design_acceleration_comes_once_in_its_return_period():
    # At the onset of damage itself (0.115 g) the design event is the damaging one: 30 / 2475 years.
    found = seismic.assess(frame(seismic.COLUMNS, [(seismic.DAMAGE_FROM_G, None)]))
    assert found["probability_30y"][0] == pytest.approx(1 - np.exp(-30 / 2475))


@pytest.mark.parametrize(
    ("hazard", "said"),
    [
        (wildfire, (None, None)), (wildfire, (1.5, 9)), (wildfire, (-0.1, None)), (heat, (None, None)), (heat, (-1.0, None)),
        (seismic, (None, None)), (seismic, (-0.2, "Z")),
    ],
)  # fmt: skip
def test_what_a_layer_does_not_say_or_says_impossibly_is_unknown(hazard, said):
    found = hazard.assess(frame(hazard.COLUMNS, [said]))
    assert found[["probability_30y", "score"]].isna().all(axis=None)
    assert found["rank"][0] < 0
