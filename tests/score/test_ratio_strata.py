"""The study by stratum: who is counted where, and what is left unsaid."""

import numpy as np
import pandas as pd
import pytest

from estate.contracts import contract
from estate.score import ratio_study as rs
from estate.score.ratio_strata import COLUMNS, STATISTICS, strata, studied
from tests.score.backtests import backtest


def of(study, kind):
    return study[study["stratum_kind"] == kind].set_index("stratum")


def test_the_frame_is_that_of_the_contract():
    assert ("tenant_id", "model_id", *COLUMNS) == contract("score.ratio_study").column_names
    assert tuple(strata(backtest(40)).columns) == COLUMNS


def test_the_whole_study_is_the_first_row_and_its_figures_are_those_of_the_trimmed_sales():
    valued = backtest(300)
    valued.loc[7, "estimated_value_usd"] = 9 * valued.loc[7, "sale_price_usd"]
    first = strata(valued).iloc[0]
    kept = valued.drop(index=7)
    study = rs.study(kept["estimated_value_usd"], kept["sale_price_usd"])
    assert (first["stratum"], first["sale_count"], first["trimmed_count"]) == ("all", 300, 1)
    assert [first[name] for name in ("median_ratio", "cod", "prd", "prb", "mki", "vei")] == pytest.approx(
        [study.median_ratio, study.cod, study.prd, study.prb, study.mki, study.vei]
    )
    assert first["mape_pct"] == pytest.approx(100 * (valued["estimated_value_usd"] / valued["sale_price_usd"] - 1).abs().mean())


@pytest.mark.parametrize("kind", ["price_tenth", "market_area", "age", "property_type", "month"])
def test_every_sale_lies_in_one_stratum_of_each_kind(kind):
    study = strata(backtest(203, refused=9))
    parts = of(study, kind)
    assert parts[["sale_count", "refused_count", "trimmed_count"]].sum().tolist() == study.iloc[0][
        ["sale_count", "refused_count", "trimmed_count"]
    ].tolist()  # fmt: skip
    assert study.iloc[0]["refused_count"] == 9
    assert study.iloc[0]["refused_rate"] == pytest.approx(9 / 203)


def test_tenths_are_of_equal_size_and_ordered_by_value():
    valued = backtest(205)
    assert of(strata(valued), "price_tenth")["sale_count"].between(20, 21).all()
    sales = studied(valued)
    assert sorted(sales["price_tenth"].unique()) == [f"{tenth:02d}" for tenth in range(1, 11)]
    ends = sales.groupby("price_tenth")["proxy_usd"].agg(["min", "max"])
    assert (ends["min"].to_numpy()[1:] >= ends["max"].to_numpy()[:-1]).all()


def test_tenths_of_the_proxy_show_no_inequity_where_only_the_prices_are_noisy():
    chance = np.random.default_rng(3)
    valued = backtest(4_000, spread=0.001)
    # Half of the error in the price and half in the estimate, as the proxy supposes.
    valued["sale_price_usd"] *= np.exp(chance.normal(0, 0.1, 4_000))
    valued["estimated_value_usd"] *= np.exp(chance.normal(0, 0.1, 4_000))
    by_proxy = of(strata(valued), "price_tenth")["median_ratio"]
    ratio = valued["estimated_value_usd"] / valued["sale_price_usd"]
    by_price = ratio.groupby(pd.qcut(valued["sale_price_usd"], 10, labels=False)).median()
    assert np.ptp(by_proxy) < 0.04
    assert np.ptp(by_price) > 0.06


def test_ages_are_those_at_the_sale_and_the_unknown_is_said():
    valued = backtest(6).assign(
        sale_date=pd.Timestamp("2015-06-01"), year_built=[2016, 2006, 2005, 1955, 1900, None], property_type=None, market_area=None
    )
    study = strata(valued)
    assert of(study, "age")["sale_count"].to_dict() == {
        "00 to 09 years": 2, "10 to 29 years": 1, "60 years and more": 2, "unknown": 1
    }  # fmt: skip
    assert list(of(study, "property_type").index) == list(of(study, "market_area").index) == ["unknown"]
    assert list(of(study, "month").index) == ["2015-06"]


@pytest.mark.parametrize(("count", "known"), [(4, []), (5, ["median_ratio", "cod"]), (19, ["median_ratio", "cod"]),
                                              (20, ["median_ratio", "cod", "prd", "prb", "mki", "vei"])])  # fmt: skip
def test_too_few_sales_leave_statistics_null(count, known):
    first = strata(backtest(count)).iloc[0]
    found = [name for name in STATISTICS if not name.endswith(("_low", "_high")) and not np.isnan(first[name])]
    assert found == known
    assert np.isnan(first["mape_pct"]) == (count < 5)


def test_of_few_sales_none_is_called_extreme():
    valued = backtest(19)
    valued.loc[0, "estimated_value_usd"] *= 50
    assert strata(valued).iloc[0]["trimmed_count"] == 0


def test_no_sales_at_all_still_make_a_study_that_says_so():
    study = strata(backtest(30).head(0))
    assert study[["stratum_kind", "sale_count"]].to_numpy().tolist() == [["all", 0]]
    assert study[list(STATISTICS)].isna().all(axis=None)


def test_a_model_that_refuses_everything_has_no_statistics():
    first = strata(backtest(30, refused=30)).iloc[0]
    assert (first["sale_count"], first["refused_count"], first["refused_rate"]) == (0, 30, 1)
    assert np.isnan(first["median_ratio"])


def test_one_price_repeated_leaves_the_statistics_of_value_null_and_nothing_fails():
    valued = backtest(60).assign(sale_price_usd=300_000.0, estimated_value_usd=300_000.0)
    first = strata(valued).iloc[0]
    assert np.isnan([first["prb"], first["mki"]]).all()
    assert first["cod"] == 0


def test_within_a_tenth_of_the_value_there_is_no_equity_of_value_to_measure():
    tenths = of(strata(backtest(600)), "price_tenth")
    assert tenths[["prd", "prb", "mki", "vei"]].isna().all(axis=None)
    assert tenths["median_ratio"].notna().all()


def test_a_stratum_s_level_is_compared_with_the_overall_one():
    valued = backtest(800, spread=0.05)
    is_high = valued["market_area"] == valued["market_area"].mode()[0]
    valued.loc[is_high, "estimated_value_usd"] *= 1.2
    areas = of(strata(valued), "market_area")
    apart = areas[areas["level_difference_low_rate"] > 0.05]
    assert list(apart.index) == [valued["market_area"].mode()[0]]
    overall = strata(valued).iloc[0]["median_ratio"]
    assert areas["level_difference_rate"].to_numpy() == pytest.approx(areas["median_ratio"].to_numpy() / overall - 1, nan_ok=True)


def test_coverage_counts_prices_on_the_ends_and_misses_absent_intervals():
    valued = backtest(10).assign(value_low_usd=lambda f: f["sale_price_usd"], value_high_usd=lambda f: f["sale_price_usd"])
    valued.loc[:3, "value_low_usd"] = np.nan
    assert strata(valued).iloc[0]["coverage_80_rate"] == pytest.approx(0.6)


def test_the_order_of_rows_and_columns_decides_nothing():
    valued = backtest(250, refused=5)
    mixed = valued.sample(frac=1, random_state=2)[sorted(valued.columns)]
    pd.testing.assert_frame_equal(strata(mixed), strata(valued))


@pytest.mark.parametrize(("column", "value"), [("sale_price_usd", 0), ("sale_price_usd", np.nan), ("estimated_value_usd", -1),
                                               ("estimated_value_usd", np.inf)])  # fmt: skip
def test_what_is_no_price_and_no_value_is_refused(column, value):
    valued = backtest(10)
    valued.loc[3, column] = value
    with pytest.raises(ValueError, match="positive and finite"):
        strata(valued)
