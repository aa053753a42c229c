"""The composite of several hazards and its interval."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estate.hazard.composite import composite
from estate.hazard.weights import WEIGHTS

HAZARDS = list(WEIGHTS)
known = st.floats(0, 1)
perhaps = st.one_of(st.just(np.nan), known)


def interval(scores, weights=WEIGHTS, hazards=HAZARDS):
    found = composite(pd.DataFrame([scores], columns=hazards), weights)
    return found["composite_low"][0], found["composite_high"][0]


def test_two_even_chances_make_three_quarters():
    assert interval([0.5, 0.5], {"flood": 1, "wildfire": 1}, ["flood", "wildfire"]) == (0.75, 0.75)


@given(st.lists(perhaps, min_size=4, max_size=4))
def test_the_interval_is_ordered_bounded_and_closed_exactly_when_nothing_is_unknown(scores):
    low, high = interval(scores)
    assert 0 <= low <= high <= 1
    assert (low == high) == (not np.isnan(scores).any())


@given(st.lists(perhaps, min_size=4, max_size=4), st.permutations(range(4)))
def test_the_order_of_hazards_makes_no_difference(scores, order):
    assert interval([scores[i] for i in order], hazards=[HAZARDS[i] for i in order]) == interval(scores)


@given(known)
def test_a_hazard_that_is_alone_is_itself(score):
    assert interval([score], {"flood": 1}, ["flood"]) == pytest.approx((score, score), abs=1e-15)
    assert interval([0, score], {"flood": 1, "heat": 1}, ["flood", "heat"])[0] == pytest.approx(score, abs=1e-15)


@given(st.lists(known, min_size=4, max_size=4), st.integers(0, 3), known)
def test_a_higher_score_never_lowers_the_composite(scores, position, other):
    raised = list(scores)
    raised[position] = max(other, scores[position])
    assert interval(raised)[0] >= interval(scores)[0]


@given(st.lists(perhaps, min_size=4, max_size=4), st.integers(0, 3), known)
def test_whatever_an_unknown_turns_out_to_be_lies_within_the_interval(scores, position, truth):
    hidden = list(scores)
    hidden[position] = np.nan
    low, high = interval(hidden)
    revealed_low, revealed_high = interval([*hidden[:position], truth, *hidden[position + 1 :]])
    assert low <= revealed_low <= revealed_high <= high


def test_a_hazard_without_a_weight_and_a_score_outside_its_range_are_refused():
    with pytest.raises(ValueError, match="no weight for hail"):
        interval([0.1], hazards=["hail"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval([1.1], {"flood": 1}, ["flood"])
