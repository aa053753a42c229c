"""Chased sales are found and honest ones left alone; alike houses with unlike ratios are seen."""

import numpy as np
import pandas as pd
import pytest

from estate.score import ratio_study as rs
from estate.score.equity_checks import horizontal_equity, sales_chasing
from tests.score.backtests import backtest


def chased(share, around=0.0, count=1_000):
    """An honest back-test in which a share of the values was set to the price, give or take `around`."""
    valued, chance = backtest(count), np.random.default_rng(9)
    is_chased = chance.random(count) < share
    set_to = valued["sale_price_usd"] * np.exp(chance.normal(0, around, count) if around else 0)
    return valued.assign(estimated_value_usd=valued["estimated_value_usd"].mask(is_chased, set_to))


def suspected(valued, **more):
    found = sales_chasing(valued, **more).set_index("check_name")["is_suspected"]
    return set(found.index[found.fillna(False)])


def test_values_set_to_the_price_are_found():
    assert suspected(chased(0.15)) == {"identical_ratio", "excess_concentration"}


def test_values_set_near_the_price_are_found():
    assert "excess_concentration" in suspected(chased(0.2, around=0.005))


def test_values_that_are_all_too_close_are_found():
    assert {"low_dispersion", "concentration"} <= suspected(backtest(500, spread=0.03))


@pytest.mark.parametrize("level", [0.85, 1.0])
def test_honest_values_are_not_suspected(level):
    assert all(not suspected(backtest(count, seed=seed, level=level)) for count in (40, 500) for seed in range(15))


def test_honest_values_with_a_peak_and_wild_ends_are_not_suspected():
    for seed in range(15):
        valued = backtest(500)
        errors = np.random.default_rng(seed).laplace(0, 0.1, 500)
        assert not suspected(valued.assign(estimated_value_usd=valued["sale_price_usd"] * np.exp(errors)))


def test_of_few_sales_nothing_is_said():
    found = sales_chasing(chased(1.0, count=29))
    assert found["is_suspected"].isna().all()
    assert sales_chasing(backtest(0))["is_suspected"].isna().all()


def revalued(sold_by, unsold_by, count=400):
    chance = np.random.default_rng(2)
    is_sold = np.arange(count) < count // 4
    previous = np.exp(chance.normal(13, 0.4, count))
    change = np.where(is_sold, sold_by, unsold_by) + chance.normal(0, 0.02, count)
    return pd.DataFrame({"is_sold": is_sold, "previous_value_usd": previous, "value_usd": previous * (1 + change)})


@pytest.mark.parametrize(
    ("sold_by", "unsold_by", "is_suspected"),
    [(0.12, 0.04, True), (0.10, 0.06, False), (0.04, 0.005, True), (0.02, 0.0, False), (-0.08, 0.0, True)],
)
def test_sold_parcels_must_not_change_otherwise_than_unsold_ones(sold_by, unsold_by, is_suspected):
    """IAAO: 5 points of difference are tolerated, 3 where sold parcels changed by less than 5 %."""
    found = suspected(backtest(100), values=revalued(sold_by, unsold_by))
    assert ("value_change" in found) is is_suspected


def test_where_most_unsold_parcels_did_not_change_the_means_are_compared():
    values = revalued(0.0, 0.0)
    values["value_usd"] = values["previous_value_usd"] * np.where(values["is_sold"], 1.1, 1.0)
    found = sales_chasing(backtest(100), values=values).set_index("check_name").loc["value_change"]
    assert found["observed"] == pytest.approx(0.1)
    assert found["is_suspected"]


def test_known_sales_that_are_valued_better_than_unknown_ones_are_suspect():
    assert "split_sample" in suspected(backtest(400), known=chased(0.5, count=400))
    assert "split_sample" not in suspected(backtest(400), known=backtest(400, seed=5))


def test_alike_houses_with_alike_ratios_leave_little_among_twins():
    valued = backtest(600).assign(year_built=1990, living_area_sqft=2_000)
    # Every area has a level of its own, and nothing else differs.
    level = valued["market_area"].astype(int) % 5 / 10 + 0.8
    equity = horizontal_equity(valued.assign(estimated_value_usd=level * valued["sale_price_usd"]))
    assert equity.twin_cod == pytest.approx(0, abs=1e-9)
    assert equity.area_share == pytest.approx(1)
    assert equity.area_chance < 1e-6


def test_areas_that_are_treated_alike_explain_nothing():
    shares = [horizontal_equity(backtest(600, seed=seed)) for seed in range(10)]
    assert np.mean([equity.area_share for equity in shares]) < 0.01
    assert sum(equity.area_chance < 0.05 for equity in shares) <= 2


def test_the_spread_among_twins_is_comparable_with_the_cod_however_small_their_groups():
    valued = backtest(3_000)
    # Twins by accident: their ratios are as apart as those of any two houses.
    valued["living_area_sqft"] = np.random.default_rng(4).integers(800, 4_000, len(valued))
    equity = horizontal_equity(valued)
    assert equity.twin_count / equity.twin_group_count < 7
    assert equity.cod == pytest.approx(rs.cod(valued["estimated_value_usd"], valued["sale_price_usd"]), rel=0.02)
    assert equity.twin_cod == pytest.approx(equity.cod, rel=0.05)


def test_the_mean_difference_of_twins_is_that_of_all_their_pairs():
    valued = backtest(3).assign(
        market_area="98103", year_built=1990, living_area_sqft=2_000, sale_price_usd=100.0, estimated_value_usd=[90.0, 100.0, 120.0]
    )
    equity = horizontal_equity(valued)
    assert equity.twin_group_count == 1
    assert equity.twin_cod == pytest.approx(100 * np.mean([0.1, 0.2, 0.3]) / np.sqrt(2) / 1.0)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_sales_have_no_horizontal_equity_and_nothing_fails(count):
    equity = horizontal_equity(backtest(count))
    assert equity.sale_count == count
    assert (equity.cod, equity.area_share, equity.area_chance) == (None, None, None)


def test_the_order_of_rows_decides_nothing():
    valued = backtest(300, refused=4)
    mixed = valued.sample(frac=1, random_state=1)
    assert horizontal_equity(mixed) == horizontal_equity(valued)
    pd.testing.assert_frame_equal(sales_chasing(mixed), sales_chasing(valued))
