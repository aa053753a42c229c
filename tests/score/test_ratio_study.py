"""The statistics of the IAAO Standard on Ratio Studies, against its own printed tables and an independent implementation."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estate.score import ratio_study as rs

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data")) / "ratio_studies"
pytestmark = pytest.mark.filterwarnings("ignore")

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the IAAO tables are not here; set ESTATE_DATA")


def table(name):
    rows = pd.read_csv(DATA / "iaao_tables.csv", dtype={"table": str})
    rows = rows[rows["table"] == name]
    return rows["estimate"].to_numpy(dtype=float), rows["sale_price"].to_numpy(dtype=float)


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(("name", "cod", "prd", "prb"), [("1_1", 29.8, 0.98, 0.232), ("d_1", 7.5, 1.027, -0.120)])
def test_the_tables_of_the_standard_are_reproduced(name, cod, prd, prb):
    """IAAO Standard on Ratio Studies, tables 1-1 and D-1."""
    pairs = table(name)
    assert rs.cod(*pairs) == pytest.approx(cod, abs=0.05)
    assert rs.prd(*pairs) == pytest.approx(prd, abs=0.005 if name == "1_1" else 0.0005)
    assert rs.prb(*pairs) == pytest.approx(prb, abs=0.0005)


def sample(count, seed=1):
    chance = np.random.default_rng(seed)
    price = np.exp(chance.normal(13, 0.5, count)).round()
    return (price * np.exp(chance.normal(0, 0.15, count)) * (price / price.mean()) ** -0.1).round(), price


@pytest.mark.parametrize("count", [30, 200, 600])
def test_an_independent_implementation_agrees(count):
    """Package ratio-study 1.0.1 (Municipal Property Assessment Corporation)."""
    from ratio_study import indicators
    from ratio_study.gini import _gini_wtd

    estimate, price = sample(count)
    ratio = estimate / price
    found = rs.study(estimate, price)
    assert found.cod == pytest.approx(100 * indicators.cod(ratio))
    assert found.prd == pytest.approx(indicators.prd(price, ratio))
    assert found.mki == pytest.approx(_gini_wtd(estimate, price) / _gini_wtd(price, price))
    theirs = indicators.vei_analysis(pd.Series(ratio), pd.Series(rs.proxy(estimate, price)), print_settings=False)
    assert found.vei == pytest.approx(theirs["vei"])
    assert rs.is_vertically_equitable(estimate, price) == (theirs["conclusion"] == "Acceptable")
    slope = str(indicators.prb(price, estimate, ratio)[0]).rstrip("*")  # it marks what is not significant with a star
    assert found.prb == pytest.approx(float(slope), abs=2e-5)


def test_a_level_study_has_no_bias_of_any_kind():
    price = np.linspace(100_000, 900_000, 60)
    study = rs.study(0.9 * price, price)
    assert study.median_ratio == pytest.approx(0.9)
    assert (study.cod, study.prd, study.prb, study.mki, study.vei) == pytest.approx((0, 1, 0, 1, 0), abs=1e-9)


def test_regressive_estimates_are_found_by_every_statistic():
    price = np.linspace(100_000, 900_000, 600)
    study = rs.study(price**0.9 * 4, price)
    assert study.prd > 1.0
    assert study.prb < 0
    assert study.mki < 1
    assert study.vei < 0
    assert not rs.is_vertically_equitable(price**0.8 * 20, price)


def test_price_related_bias_is_the_slope_and_not_the_intercept():
    price = np.array([1.0, 2.0, 4.0, 8.0]) * 1e5
    ratio = 1 - 0.01 * np.array([0, 1, 2, 3])
    assert rs.prb(ratio * price, price) == pytest.approx(-0.01 / np.median(ratio), rel=0.02)


@pytest.mark.parametrize(("count", "groups"), [(20, 2), (50, 2), (51, 4), (500, 4), (501, 10)])
def test_vertical_equity_compares_as_many_groups_as_the_standard_says(count, groups):
    estimate, price = sample(count)
    low, high, _ = rs._ends(estimate, price)
    assert len(low) == -(-count // groups)
    assert len(high) == count // groups


def test_few_sales_never_fail_vertical_equity_by_chance():
    assert rs.is_vertically_equitable(*sample(20))


def test_extreme_ratios_are_trimmed_and_counted():
    kept, trimmed = rs.trim([90, 95, 100, 105, 110, 900], [100] * 6)
    assert kept.tolist() == [True] * 5 + [False]
    assert trimmed == 1


@pytest.mark.parametrize(
    ("estimate", "price", "message"),
    [([1.0], [1.0], "too few"), ([1, 2], [1], "pairs"), ([1, 0], [1, 1], "positive"), ([1, np.nan], [1, 1], "positive")],
)
def test_what_cannot_be_studied_is_refused(estimate, price, message):
    with pytest.raises(ValueError, match=message):
        rs.cod(estimate, price)
