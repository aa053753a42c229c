"""Intervals of the ratio study: they hold what they should, shrink with the sales, and do not move by themselves."""

import numpy as np
import pytest
from scipy import stats

from estate.score import ratio_interval as ri
from estate.score import ratio_study as rs
from tests.score.backtests import backtest


def pairs(count, **said):
    made = backtest(count, **said)
    return made["estimated_value_usd"].to_numpy(), made["sale_price_usd"].to_numpy()


def intervals(estimate, price):
    drawn = ri.resampled(estimate, price)
    return {
        "median_ratio": rs.median_interval(estimate, price), "cod": drawn.cod, "prd": drawn.prd, "mki": drawn.mki,
        "prb": ri.prb_interval(estimate, price), "vei": rs.vei_interval(estimate, price),
    }  # fmt: skip


@pytest.mark.parametrize("count", [20, 60, 600])
def test_an_interval_holds_its_statistic(count):
    study = rs.study(*pairs(count))
    for name, (low, high) in intervals(*pairs(count)).items():
        assert low < getattr(study, name) < high, name


def test_intervals_shrink_with_the_root_of_the_sales():
    few, many = intervals(*pairs(100)), intervals(*pairs(6_400))
    for name in ("median_ratio", "cod", "prd", "prb", "mki"):
        narrowing = np.diff(few[name])[0] / np.diff(many[name])[0]
        assert 5 < narrowing < 13, (name, narrowing)  # 8 is the root of 64


def test_resampling_by_counts_is_resampling_by_rows():
    estimate, price = pairs(40)
    price = price.round(-5)  # some are equal
    order = np.lexsort((price, estimate / price))
    estimate, price = estimate[order], price[order]
    counts = ri._counts(np.random.default_rng(0), 30, 40)
    found = ri._statistics(counts, estimate, price)
    for resample, count in enumerate(counts.astype(int)):
        drawn = np.repeat(estimate, count), np.repeat(price, count)
        assert found[:, resample] == pytest.approx([rs.cod(*drawn), rs.prd(*drawn), rs.mki(*drawn)])


def test_the_bootstrap_agrees_with_that_of_scipy():
    estimate, price = pairs(150)
    theirs = stats.bootstrap(
        (estimate, price), rs.cod, paired=True, vectorized=False, n_resamples=1_000, confidence_level=0.9, method="percentile", rng=1
    ).confidence_interval
    assert ri.resampled(estimate, price).cod == pytest.approx(tuple(theirs), rel=0.03)


def test_the_interval_of_the_bias_is_that_of_a_regression():
    import statsmodels.api as sm

    estimate, price = pairs(80)
    ratio = estimate / price
    fitted = sm.OLS((ratio - np.median(ratio)) / np.median(ratio), sm.add_constant(np.log2(rs.proxy(estimate, price)))).fit()
    assert ri.prb_interval(estimate, price) == pytest.approx(tuple(fitted.conf_int(0.1)[1]))


@pytest.mark.parametrize(("count", "rank"), [(5, 1), (7, 1), (8, 2), (20, 6), (101, 42)])
def test_the_median_lies_between_the_innermost_ranks_whose_tails_hold_five_percent_at_most(count, rank):
    low, high = rs.median_interval(np.arange(1, count + 1), np.ones(count))
    assert (low, high) == (rank, count + 1 - rank)
    assert stats.binom.cdf(rank - 1, count, 0.5) <= 0.05 < stats.binom.cdf(rank, count, 0.5)


def test_honest_ratios_lie_within_their_interval_nine_times_in_ten():
    held = sum(low <= 1 <= high for low, high in (rs.median_interval(*pairs(60, seed=seed)) for seed in range(200)))
    assert 175 <= held <= 195  # the binomial interval is a little too wide: 90.7 % here


def test_intervals_are_the_same_for_the_same_sales_in_any_order():
    estimate, price = pairs(300)
    mixed = np.random.default_rng(5).permutation(300)
    assert ri.resampled(estimate[mixed], price[mixed]) == ri.resampled(estimate, price)


def test_sales_of_one_price_have_no_kakwani_interval_and_no_bias():
    drawn = ri.resampled([90.0, 100, 105, 110, 95], [100] * 5)
    assert np.isnan(drawn.mki).all()
    assert drawn.cod[0] < rs.cod([90.0, 100, 105, 110, 95], [100] * 5) <= drawn.cod[1]
    with pytest.raises(ValueError, match="different value"):
        ri.prb_interval([100.0, 100, 100], [100] * 3)
