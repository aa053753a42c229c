"""The waterfall sums to the cent, and nothing unknown is adjusted for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from estate.contracts.score import ADJUSTMENTS
from estate.score.adjustment import COLUMNS, attributes, differences, fit, waterfall
from tests.score.market import house

money = st.floats(1, 1e8).map(lambda value: round(value, 2))


@given(hnp.arrays(float, (5,), elements=money), hnp.arrays(float, (5, len(ADJUSTMENTS)), elements=st.floats(-0.3, 0.3)))
def test_price_and_steps_sum_to_the_adjusted_price_exactly(price, steps):
    cents, adjusted = waterfall(price, steps)
    assert (np.rint(price * 100).astype(int) + cents.sum(axis=1) == adjusted).all()
    assert adjusted == pytest.approx(100 * price * np.exp(steps.sum(axis=1)), abs=0.51)


def test_a_value_missing_on_either_side_gives_a_zero_step():
    subject = attributes(house(1, lot_area_sqft=np.nan, year_built=1990.0, has_waterfront=True))
    other = attributes(house(1, bedroom_count=np.nan, living_area_sqft=0.0, view_code=4))
    step = dict(zip(COLUMNS, differences(subject, other)[0], strict=True))
    assert step == {**dict.fromkeys(COLUMNS, 0.0), "year_built": 10.0}
    cents, _ = waterfall(np.array([500_000.0]), differences(subject, other) * 0.01)
    assert cents[0].tolist() == [0, 0, round(50_000_000 * (np.exp(0.1) - 1)), *[0] * 7]


def test_waterfront_and_view_are_steps_where_both_sides_know_them():
    known = attributes(house(2, has_waterfront=[True, False], view_code=[4, 1], basement_area_sqft=[900.0, 0.0]))
    assert differences(known[0], known[1])[-3:].tolist() == [30, 1, 3]


def test_the_regression_finds_the_coefficients_that_made_the_prices():
    chance = np.random.default_rng(5)
    difference = chance.normal(size=(800, 7))
    truth = np.array([0.5, 0.1, 0.002, 0.0, 0.03, 0.04, 0.1])
    noise = np.where(chance.random(800) < 0.1, 5.0, chance.normal(0, 0.02, 800))
    found = fit(difference, difference @ truth + noise)
    assert found.coefficients == pytest.approx(truth, abs=0.01), "one sale in ten is absurd, and moves nothing"
    assert (fit(difference, difference @ truth + noise).coefficients == found.coefficients).all()


def test_too_few_sales_adjust_nothing():
    assert not fit(np.ones((99, 7)), np.ones(99)).coefficients.any()


def test_an_attribute_that_never_differs_is_worth_nothing():
    difference = np.zeros((200, 7))
    difference[:, 0] = np.linspace(-1, 1, 200)
    assert fit(difference, 0.4 * difference[:, 0]).coefficients == pytest.approx([0.4, 0, 0, 0, 0, 0, 0], abs=1e-6)
