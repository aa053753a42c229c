"""Training: the past alone teaches, in any order of rows and columns, and what cannot teach is refused with its reason."""

import numpy as np
import pandas as pd
import pytest

from estate.score import boosting, conformal, learning
from estate.score import parameters as p
from estate.score.design import COLUMNS, LIVING_AREA, design
from tests.score.market import DAY, county, few_trees, model, subjects, train, value, worth

NEEDED = [
    "sale_id", "property_id", "sale_price_usd", "sale_date", "property_type", "latitude", "longitude", "living_area_sqft", "situs_zip",
]  # fmt: skip


@pytest.fixture(scope="module")
def body():
    return model().to_bytes()


def absurd(sales, days):
    """Copies of sales on `days` after the as-of date, at prices that would show in every figure."""
    copies = pd.concat([sales.assign(sale_date=pd.Timestamp(day)) for day in days], ignore_index=True)
    return copies.assign(sale_id=[f"f{i}" for i in range(len(copies))], sale_price_usd=5e8)


def test_planted_future_sales_change_neither_a_byte_of_the_model_nor_a_value(body):
    planted = pd.concat([absurd(county(), ["2024-06-30", "2024-07-01", "2026-01-01"]), county()], ignore_index=True)
    assert train(planted).to_bytes() == body
    before, after = value(subjects(60)), value(subjects(60), sales=planted)
    for table in before:
        pd.testing.assert_frame_equal(before[table], after[table])


def test_the_order_of_rows_and_columns_changes_not_one_byte(body):
    sales = county()
    assert train(sales.sample(frac=1, random_state=1)[sales.columns[::-1]]).to_bytes() == body


def test_the_seed_is_part_of_the_model(body):
    with few_trees():
        assert learning.train(county(), DAY, seed=7).to_bytes() != body


def test_the_number_of_threads_changes_no_prediction(monkeypatch):
    matrix = design(subjects(), model().neighbourhood).matrix
    said = []
    for threads in (1, 2):
        with few_trees():
            monkeypatch.setattr(p, "THREADS", threads)
            said.append(boosting.fit(matrix, worth(subjects()), matrix[:, 0] / 100, 1).predict(matrix))
    assert (said[0] == said[1]).all()


# Folds


def test_the_same_house_is_never_on_both_sides_of_a_fold():
    owner = county()["property_id"]
    assert owner.duplicated().any()
    fold = pd.Series(boosting.folds(owner.to_numpy(object), 1))
    assert fold.groupby(owner).nunique().eq(1).all()
    assert sorted(fold.unique()) == list(range(p.FOLDS))


def test_folds_do_not_depend_on_the_order_of_rows():
    owner = county()["property_id"].to_numpy(object)
    order = np.random.default_rng(1).permutation(len(owner))
    assert (boosting.folds(owner[order], 1) == boosting.folds(owner, 1)[order]).all()


def test_no_row_is_predicted_by_trees_that_saw_its_fold(monkeypatch):
    chance = np.random.default_rng(1)
    matrix, price, fold = chance.normal(size=(200, len(boosting.COLUMNS))), chance.normal(size=200), np.arange(200) % 5
    monkeypatch.setattr(p, "TREE_COUNT", 20)
    monkeypatch.setattr(p, "LINEAR_TREE_COUNT", 10)
    alone, both = boosting.out_of_fold(matrix, price, fold, 1)
    alone_then, both_then = boosting.out_of_fold(matrix, np.where(fold == 2, price + 100, price), fold, 1)
    held = fold == 2
    assert (alone_then[held] == alone[held]).all()
    assert np.abs(alone_then[~held] - alone[~held]).min() > 0
    # The second opinion on a fold is taught by the errors of the others, whose trees did see it.
    assert not (both_then[held] == both[held]).all()


def test_the_size_of_an_error_is_told_in_the_trial_by_errors_before_it(monkeypatch):
    """Or the trial's own errors would look smaller than those of sales to come, and intervals would be too narrow."""
    rows = []
    told = conformal.width_model
    monkeypatch.setattr(conformal, "width_model", lambda seen, error, seed: rows.append(len(seen)) or told(seen, error, seed))
    sales = county(300)
    train(sales)
    cut = sales["sale_date"].sort_values().iloc[-30]
    assert rows == [300, (sales["sale_date"] < cut).sum()]


# The order of the market


def test_the_boosted_estimate_never_falls_with_living_area():
    matrix = design(subjects(50), model().neighbourhood).matrix
    said = []
    for area in np.linspace(300, 9000, 80):
        matrix[:, LIVING_AREA] = np.log(area)
        said.append(model().boosted.predict(matrix))
    assert np.diff(said, axis=0).min() >= 0
    assert (said[-1] > said[0]).all()


@pytest.mark.parametrize("name", p.MONOTONE)
def test_what_is_in_the_market_s_order_never_lowers_an_estimate_even_where_past_prices_fell(name):
    matrix = design(subjects(), model().neighbourhood).matrix
    column = COLUMNS.index(name)
    with few_trees():
        taught = boosting.fit(matrix, worth(subjects()) - 2 * matrix[:, column], -matrix[:, column], 1)
    said = []
    for level in np.linspace(matrix[:, column].min(), matrix[:, column].max(), 20):
        matrix[:, column] = level
        said.append(taught.predict(matrix))
    assert np.diff(said, axis=0).min() >= 0


def test_a_larger_house_stands_in_the_same_street():
    small, large = (design(subjects(50).assign(living_area_sqft=area), model().neighbourhood).matrix for area in (900.0, 4500.0))
    assert (np.delete(small, LIVING_AREA, axis=1) == np.delete(large, LIVING_AREA, axis=1)).all()


# Bad input


@pytest.mark.parametrize(
    ("sales", "reason"),
    [
        (county(12), "12 usable sales before 2024-06-30; a model and its trial need 100"),
        (county()[:0], "0 usable sales before 2024-06-30"),
        (county(300).assign(sale_date=pd.Timestamp("2024-03-01")), "300 of 300 sales are of the last day; nothing can be tried"),
        (county(300).assign(sale_price_usd=400_000.0), "sales of one and the same price; nothing can be learned"),
        (county(300).assign(property_id="p"), "300 sales of one house; nothing is left to predict it from"),
    ],
    ids=["12 sales", "no sales", "one day", "one price", "one house"],
)  # fmt: skip
def test_sales_that_cannot_teach_are_refused_with_the_reason(sales, reason):
    with pytest.raises(ValueError, match=reason):
        train(sales)


def test_sales_that_nobody_can_read_are_left_out(body):
    spoiled = county(9, seed=2).assign(sale_id=[f"x{i}" for i in range(9)])
    for row, (name, nothing) in enumerate([
        ("living_area_sqft", 0.0), ("living_area_sqft", np.nan), ("latitude", np.nan), ("longitude", np.nan), ("sale_price_usd", 0.0),
        ("sale_price_usd", np.nan), ("sale_date", pd.NaT), ("property_type", None), ("living_area_sqft", -5.0),
    ]):  # fmt: skip
        spoiled.loc[row, name] = nothing
    assert train(pd.concat([county(), spoiled], ignore_index=True)).to_bytes() == body


def test_one_sale_at_forty_times_the_median_moves_estimates_elsewhere_by_little():
    sales = county()
    sales.loc[sales["sale_date"].idxmax(), "sale_price_usd"] = 40 * sales["sale_price_usd"].median()
    odd = sales.loc[sales["sale_date"].idxmax()]
    asked = subjects()
    far = np.hypot((asked["latitude"] - odd["latitude"]) * 111, (asked["longitude"] - odd["longitude"]) * 75).to_numpy() > 3.5
    before, after = (
        frames["score.valuation"]["estimated_value_usd"].to_numpy()[far]
        for frames in (value(asked), value(asked, sales=sales, of=train(sales)))
    )
    moved = np.abs(np.log(after / before))
    assert np.nanmedian(moved) < 0.03
    assert np.nanmax(moved) < 0.25


def test_what_nobody_knows_is_not_needed():
    sales = county(300)[NEEDED]
    valuation = value(subjects()[["property_id", *NEEDED[4:]]], sales=sales, of=train(sales))["score.valuation"]
    assert valuation["estimated_value_usd"].notna().mean() > 0.5


# Backtest


@pytest.fixture(scope="module")
def tried():
    with few_trees():
        return learning.backtest(county(), DAY)


def test_a_backtest_values_the_latest_tenth_once_each(tried):
    latest = county().sort_values(["sale_date", "sale_id"]).tail(50)
    assert sorted(tried["sale_id"]) == sorted(latest["sale_id"])
    assert (tried["valuation_date"] == latest["sale_date"].min()).all()
    ratio = tried["estimated_value_usd"] / tried["sale_price_usd"]
    assert 0.93 < ratio.median() < 1.07


def test_a_backtest_does_not_look_at_the_prices_that_it_holds_out(tried):
    sales = county()
    held = sales["sale_id"].isin(tried["sale_id"])
    with few_trees():
        again = learning.backtest(sales.assign(sale_price_usd=sales["sale_price_usd"].where(~held, 1e9)), DAY)
    pd.testing.assert_frame_equal(tried.drop(columns="sale_price_usd"), again.drop(columns="sale_price_usd"))


def test_a_backtest_tells_what_a_house_last_sold_for(tried):
    sales = county().sort_values("sale_date")
    known = sales[sales["sale_date"] < tried["valuation_date"].iloc[0]].groupby("property_id")["sale_price_usd"].last()
    expected = tried["property_id"].map(known)
    assert expected.notna().any()
    pd.testing.assert_series_equal(tried["sale_price_usd_previous"], expected, check_names=False)
