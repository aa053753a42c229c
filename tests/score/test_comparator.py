"""Comparables as one estimator: ranked by what past sales taught, read at the valuation day, adjusted to the cent."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estate.contracts.score import ADJUSTMENTS, COMPARABLE
from estate.score import parameters as p
from estate.score.adjustment import COLUMNS
from estate.score.comparables import days
from estate.score.comparator import Comparator, Stock
from estate.score.price_index import PriceIndex, estimate
from estate.score.ranking import FEATURES, Ranker
from tests.score.market import house, market, sale
from tests.score.test_price_index import king_county

SALES = Path(os.environ.get("ESTATE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "sales"
DAY = int(days(pd.Series([pd.Timestamp("2024-06-30")]))[0])


def rising(count=900, yearly=0.2, **facts):
    """The small market with prices that rise by `yearly` in logs, in areas A and B."""
    sales = market(count, seed=5)
    years = (days(sales["sale_date"]) - DAY) / 365
    area = np.where(np.arange(count) % 2, "A", "B").astype(object)
    return sales.assign(sale_price_usd=(sales["sale_price_usd"] * np.exp(yearly * years)).round(2), market_area=area, **facts)


@pytest.fixture(scope="module")
def learned():
    sales = rising()
    return Comparator.learn(sales, DAY, estimate(sales, DAY)), sales


def subjects(count=40):
    quality = np.resize([6.0, 7.0, 8.0, np.nan], count)
    return house(count, living_area_sqft=np.linspace(1600, 2500, count), quality_code=quality, market_area="A")


def cents(series):
    return np.rint(series.to_numpy() * 100).astype(np.int64)


def test_the_frame_is_that_of_the_contract_and_its_waterfall_sums_to_the_cent(learned):
    frame = learned[0].compare(subjects(), learned[1], DAY).frame()
    assert list(frame.columns) == [name for name in COMPARABLE.column_names if name != "tenant_id"]
    steps = sum(cents(frame[f"{name}_adjustment_usd"]) for name in ADJUSTMENTS)
    assert (cents(frame["sale_price_usd"]) + steps == cents(frame["adjusted_price_usd"])).all()
    assert frame.groupby("property_id")["weight"].sum().to_numpy() == pytest.approx(1.0)
    assert all(rows["weight"].is_monotonic_decreasing for _, rows in frame.groupby("property_id"))


def test_the_estimate_is_the_weighted_mean_of_the_adjusted_prices(learned):
    compared = learned[0].compare(subjects(), learned[1], DAY)
    frame = compared.frame()
    weighted = (frame["weight"] * frame["adjusted_price_usd"]).groupby(frame["property_id"]).sum()
    assert np.exp(compared.estimate) == pytest.approx(weighted.to_numpy(), abs=0.011)
    assert compared.effective_count == pytest.approx((1 / (frame["weight"] ** 2).groupby(frame["property_id"]).sum()).to_numpy())


def test_the_first_step_reads_the_price_at_the_valuation_day():
    index = PriceIndex(DAY, ("A",), np.array([DAY - 100, DAY]), np.array([[-0.2, 0.0], [-0.1, 0.0]]))
    comparator = dataclasses.replace(Comparator.learn(sale(0), DAY), index=index)
    old = pd.Timestamp("2024-06-30") - pd.Timedelta(50, "D")
    sales = sale(4, sale_date=old, market_area=["A", "A", "Z", None])
    frame = comparator.compare(house(1), sales, DAY).frame().set_index("sale_id")
    in_a, elsewhere = round(500_000 * np.exp(0.1) - 500_000, 2), round(500_000 * np.exp(0.05) - 500_000, 2)
    assert frame["market_time_adjustment_usd"].loc[["s0000", "s0002", "s0003"]].tolist() == [in_a, elsewhere, elsewhere]
    halfway = comparator.compare(house(1), sales, DAY - 25).frame()
    assert halfway["market_time_adjustment_usd"].max() == pytest.approx(500_000 * (np.exp(0.05) - 1), abs=0.01)


def test_time_adjustment_takes_the_rise_out_of_the_value(learned):
    with_time = dataclasses.replace(learned[0], ranker=None)
    without = dataclasses.replace(with_time, index=PriceIndex(DAY, (), np.array([DAY]), np.zeros((1, 1))))
    said, stale = (one.compare(subjects(), learned[1], DAY) for one in (with_time, without))
    assert (said.estimate - stale.estimate).mean() == pytest.approx(0.2 * stale.age_days.mean() / 365, abs=0.01)
    assert stale.age_days.mean() > 20


def test_what_is_not_known_on_either_side_is_a_step_of_zero(learned):
    subject = house(1, lot_area_sqft=np.nan, condition_code=np.nan)
    frame = learned[0].compare(subject, learned[1], DAY).frame()
    for name in ("lot_area", "condition", "basement", "waterfront", "view"):
        assert not frame[f"{name}_adjustment_usd"].any(), name
    assert frame["living_area_adjustment_usd"].any()


def test_planted_future_sales_change_neither_what_is_learned_nor_what_is_said(learned):
    comparator, sales = learned
    when = pd.to_datetime(["2024-06-30", "2024-07-01"] * 250)
    future = sale(500, sale_price_usd=9e6, market_area="A", sale_date=when, sale_id=[f"f{i}" for i in range(500)])
    more = pd.concat([future, sales], ignore_index=True)
    assert Comparator.learn(more, DAY, estimate(more, DAY)).to_parts() == comparator.to_parts()
    before, after = (comparator.compare(subjects(), frame, DAY).frame() for frame in (sales, more))
    pd.testing.assert_frame_equal(before, after)


def test_a_past_sale_as_subject_meets_neither_itself_nor_its_future(learned):
    comparator, sales = learned
    twice = pd.concat([sales, sales.assign(sale_id="again" + sales["sale_id"], sale_date=sales["sale_date"] - pd.Timedelta(20, "D"))])
    past, day = sales[-200:].reset_index(drop=True), days(sales["sale_date"])[-200:]
    frame = comparator.compare(past, twice, day).frame()
    sold = twice.set_index("sale_id").loc[frame["sale_id"]]
    asked = past.set_index("property_id").loc[frame["property_id"]]
    assert (sold["property_id"].to_numpy() != frame["property_id"].to_numpy()).all()
    assert (sold["sale_date"].to_numpy() < asked["sale_date"].to_numpy()).all()


def test_the_order_of_rows_and_columns_the_pieces_and_the_threads_change_nothing(learned, monkeypatch):
    comparator, sales = learned
    shuffled = sales.sample(frac=1, random_state=2)[sales.columns[::-1]]
    assert Comparator.learn(shuffled, DAY, estimate(shuffled, DAY)).to_parts() == comparator.to_parts()
    whole = comparator.compare(subjects(), sales, DAY)
    monkeypatch.setattr(p, "COMPARED_ROWS", 7)
    for threads in (1, 2):
        monkeypatch.setattr(p, "THREADS", threads)
        again = comparator.compare(subjects(), shuffled, DAY)
        pd.testing.assert_frame_equal(again.frame(), whole.frame())
        assert (again.estimate == whole.estimate).all()


def test_one_subject_alone_hears_what_it_hears_among_others(learned):
    comparator, sales = learned
    stock = Stock(sales)
    together = comparator.compare(subjects(), stock, DAY)
    alone = comparator.compare(subjects()[7:8], stock, DAY)
    assert alone.estimate[0] == together.estimate[7]


def test_a_stored_comparator_says_the_same(learned):
    comparator, sales = learned
    again = Comparator.from_parts(json.loads(json.dumps(comparator.to_parts())))
    assert again.to_parts() == comparator.to_parts()
    pd.testing.assert_frame_equal(again.compare(subjects(), sales, DAY).frame(), comparator.compare(subjects(), sales, DAY).frame())


def test_a_comparator_of_other_attributes_is_not_read():
    parts = Comparator.learn(sale(0), DAY).to_parts()
    plain = json.loads(parts["comparator.json"]) | {"columns": ["living_area_sqft"]}
    with pytest.raises(ValueError, match="adjusts for living_area_sqft"):
        Comparator.from_parts({"comparator.json": json.dumps(plain)})


def test_with_few_sales_the_kernel_ranks_and_nothing_is_adjusted():
    few = market(80)
    comparator = Comparator.learn(few, DAY, estimate(few, DAY))
    assert comparator.ranker is None
    assert not comparator.hedonic.coefficients.any()
    compared = comparator.compare(house(1), few, DAY)
    frame = compared.frame().merge(few[["sale_id", "sale_date"]], on="sale_id")
    kernel = np.exp(-((frame["distance_m"] / p.SIGMA_M) ** 2) - (frame["sale_age_days"] / p.SIGMA_DAYS) ** 2)
    assert frame["weight"].to_numpy() == pytest.approx((kernel / kernel.sum()).to_numpy())


@pytest.mark.parametrize("sales", [sale(0), sale(2, sale_date=pd.NaT), sale(2, sale_price_usd=0.0)], ids=["none", "undated", "unpriced"])
def test_without_sales_there_is_nothing_to_say_and_no_crash(sales):
    comparator = Comparator.learn(sales, DAY, estimate(sales, DAY))
    compared = comparator.compare(subjects(3), sales, DAY)
    assert compared.count.tolist() == [0, 0, 0]
    assert np.isnan(compared.estimate).all()
    assert compared.frame().empty
    assert comparator.compare(subjects(0), rising(), DAY).frame().empty


def test_who_finds_nothing_among_others_who_do_has_no_estimate(learned):
    asked = house(3, latitude=[47.6, np.nan, 48.9])
    compared = learned[0].compare(asked, learned[1], DAY)
    assert (compared.count > 0).tolist() == [True, False, False]
    assert np.isnan(compared.estimate).tolist() == [False, True, True]
    assert compared.weight.sum(axis=1) == pytest.approx([1, 0, 0])


def test_the_ranking_finds_what_matters_where_the_kernel_cannot():
    """Two kinds of houses stand door to door, and no attribute says which is which but the year; only likes speak for likes."""
    chance = np.random.default_rng(8)
    sales = market(1500, seed=8, noise=0.02)
    old = chance.random(1500) < 0.5
    # The trap: year alone has no worth by the year, so that a straight line cannot adjust for it.
    year = np.where(old, chance.integers(1940, 1960, 1500), np.where(chance.random(1500) < 0.5, 1900, 2000)).astype(float)
    sales = sales.assign(year_built=year, sale_price_usd=sales["sale_price_usd"] * np.where(old, 1.0, 1.4))
    comparator = Comparator.learn(sales, DAY - 60)
    past = sales[days(sales["sale_date"]) >= DAY - 60]
    truth = np.log(past["sale_price_usd"].to_numpy())
    on = days(past["sale_date"])
    ranked = np.abs(comparator.compare(past, sales, on).estimate - truth).mean()
    kernel = np.abs(dataclasses.replace(comparator, ranker=None).compare(past, sales, on).estimate - truth).mean()
    assert ranked < 0.7 * kernel


def test_a_ranking_learns_from_what_it_is_given_and_the_same_text_from_the_same_input():
    chance = np.random.default_rng(1)
    features = chance.random((400, 20, len(FEATURES))).astype(np.float32)
    miss = features[:, :, 4].astype(float) * 0.4
    miss[:, 15:] = np.nan
    ranker = Ranker.learn(features, miss)
    assert Ranker.learn(features, miss).to_text() == ranker.to_text()
    score = Ranker.from_text(ranker.to_text()).score(features)
    assert np.corrcoef(score[:, :15].ravel(), miss[:, :15].ravel())[0, 1] < -0.8
    assert ranker.score(features[:0]).shape == (0, 20)


def test_every_attribute_has_its_step():
    assert len(ADJUSTMENTS) == 1 + len(COLUMNS)
    assert ADJUSTMENTS[0] == "market_time"


@pytest.mark.data
@pytest.mark.skipif(not SALES.exists(), reason="King County sales are not here; set ESTATE_DATA")
def test_king_county_ranked_comparables_beat_the_kernel_on_the_tenth_before_the_latest():
    """Measured: MAPE 12.0 (11.9 to 12.1, by which past sales are learned from) against 13.0."""
    raw = pd.read_csv(SALES / "king_county_2014_2015.csv.gz", dtype={"id": str})
    more = {"lat": "latitude", "long": "longitude", "waterfront": "has_waterfront", "view": "view_code", "condition": "condition_code"}
    more |= {"sqft_basement": "basement_area_sqft", "yr_renovated": "year_renovated"}
    sales = king_county("king_county_2014_2015.csv.gz").assign(
        property_type="single_family", bathroom_count=raw["bathrooms"], bedroom_count=raw["bedrooms"],
        **{name: raw[column] for column, name in more.items()},
    )  # fmt: skip
    sales = sales.sort_values(["sale_date", "property_id"], kind="stable", ignore_index=True)[:-2162]
    held = sales[-2162:]
    before = int(days(held["sale_date"]).min())
    known = sales[days(sales["sale_date"]) < before]
    comparator = Comparator.learn(known, before, estimate(known, before))
    price = held["sale_price_usd"].to_numpy()
    mape = {}
    for name, one in {"ranked": comparator, "kernel": dataclasses.replace(comparator, ranker=None)}.items():
        compared = one.compare(held, known, before)
        given = compared.count >= p.COMPARABLES_MINIMUM
        mape[name] = 100 * np.mean(np.abs(np.exp(compared.estimate[given]) / price[given] - 1))
    assert mape["ranked"] < 12.4
    assert mape["ranked"] < mape["kernel"] - 0.5
