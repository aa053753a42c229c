"""How far prices moved between two days, by area, from the sales alone."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estate.score.comparables import days
from estate.score.price_index import PriceIndex, estimate
from tests.score.market import sale

ROOT = Path(__file__).resolve().parents[2]
SALES = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data")) / "sales"
FIRST = 18_000  # days since 1970-01-01


def sold(count=1200, rise=0.2, area_rise=0.0, seed=1, **facts):
    """`count` sales over two years in areas A and B; prices rise by `rise` in logs over the two years, in B by `area_rise` more."""
    chance = np.random.default_rng(seed)
    day = chance.integers(0, 730, count)
    area = np.where(np.arange(count) % 2, "B", "A").astype(object)
    size = chance.uniform(1200, 3000, count)
    trend = (rise + np.where(area == "B", area_rise, 0.0)) * day / 730
    price = 300 * size * np.exp(trend + np.where(area == "B", 0.5, 0.0) + chance.normal(0, 0.1, count))
    when = pd.Timestamp(0) + pd.to_timedelta(FIRST + day, "D")
    return sale(count, living_area_sqft=size, market_area=area, sale_date=when, sale_price_usd=price, **facts)


def moved(index, area="A", start=FIRST + 30, end=FIRST + 700):
    first, last = index.log_level(np.array([area, area], dtype=object), np.array([start, end]))
    return last - first


def test_the_level_is_zero_on_the_as_of_day_and_after_it():
    index = estimate(sold(), FIRST + 730)
    assert index.log_level(np.array(["A", "B", "elsewhere", None], dtype=object), FIRST + 730).tolist() == [0, 0, 0, 0]
    assert index.log_level(np.array(["A"], dtype=object), FIRST + 2000).tolist() == [0]


def test_a_planted_rise_of_the_county_is_found():
    index = estimate(sold(10_000), FIRST + 730)
    assert [moved(index), moved(index, "elsewhere")] == pytest.approx([0.2 * 670 / 730] * 2, abs=0.02)


def test_an_area_that_departs_from_its_county_is_found_where_its_sales_say_so():
    many = estimate(sold(20_000, area_rise=0.1), FIRST + 730)
    assert moved(many, "B") - moved(many, "A") == pytest.approx(0.1 * 670 / 730, abs=0.035)
    few = estimate(pd.concat([sold(6_000)[::2], sold(12, area_rise=1.0)[1::2]], ignore_index=True), FIRST + 730)
    assert abs(moved(few, "B") - moved(few, "A")) < 0.2, "six sales do not make a market"


def test_sales_on_or_after_the_as_of_day_change_nothing():
    before = sold()
    future = sold(400, seed=2).assign(sale_price_usd=9e6, sale_id=[f"f{i}" for i in range(400)])
    future["sale_date"] = pd.Timestamp(0) + pd.to_timedelta(FIRST + 730 + np.arange(400) // 4, "D")
    assert estimate(pd.concat([future, before], ignore_index=True), FIRST + 730).to_dict() == estimate(before, FIRST + 730).to_dict()


def test_the_order_of_rows_and_columns_changes_nothing():
    sales = sold()
    again = estimate(sales.sample(frac=1, random_state=3)[sales.columns[::-1]], FIRST + 730)
    assert again.to_dict() == estimate(sales, FIRST + 730).to_dict()


def test_the_currency_changes_nothing():
    sales = sold()
    again = estimate(sales.assign(sale_price_usd=sales["sale_price_usd"] * 7), FIRST + 730)
    assert again.level == pytest.approx(estimate(sales, FIRST + 730).level, abs=1e-6)


def test_houses_sold_twice_outvote_a_change_in_what_is_sold():
    """Later sales are of finer houses in a way that no attribute says; the pairs know that prices stood still."""
    sales = sold(800, rise=0.4)
    once = moved(estimate(sales, FIRST + 730))
    chance = np.random.default_rng(4)
    pairs = sale(1600, market_area="A", sale_id=[f"r{i:04d}" for i in range(1600)], property_id=[f"r{i // 2:04d}" for i in range(1600)])
    day = np.column_stack([chance.integers(0, 200, 800), chance.integers(450, 730, 800)]).ravel()
    worth = np.repeat(chance.normal(13, 0.5, 800), 2)
    pairs = pairs.assign(sale_date=pd.Timestamp(0) + pd.to_timedelta(FIRST + day, "D"))
    pairs["sale_price_usd"] = np.exp(worth + chance.normal(0, 0.03, 1600))
    twice = moved(estimate(pd.concat([sales, pairs], ignore_index=True), FIRST + 730))
    assert once > 0.3
    assert abs(twice) < once / 3


def test_what_a_house_gains_by_being_readied_for_sale_is_not_a_rise_of_the_market():
    chance = np.random.default_rng(5)
    flips = sale(200, market_area="A", sale_id=[f"r{i:04d}" for i in range(200)], property_id=[f"r{i // 2:04d}" for i in range(200)])
    start = chance.integers(0, 500, 100)
    day = np.column_stack([start, start + chance.integers(185, 230, 100)]).ravel()
    flips = flips.assign(sale_date=pd.Timestamp(0) + pd.to_timedelta(FIRST + day, "D"))
    flips["sale_price_usd"] = 600_000 * np.exp(np.tile([-0.3, 0.1], 100) + chance.normal(0, 0.05, 200))
    found = estimate(pd.concat([sold(6_000), flips], ignore_index=True), FIRST + 730)
    assert moved(found) == pytest.approx(0.2 * 670 / 730, abs=0.04)


def test_a_house_sold_again_at_once_is_no_pair():
    flips = pd.concat([sold(), sold()], ignore_index=True).assign(sale_id=[f"s{i:05d}" for i in range(2400)])
    flips.loc[1200:, "sale_date"] += pd.Timedelta(30, "D")
    flips.loc[1200:, "sale_price_usd"] *= 2
    alone = flips.assign(property_id=[f"p{i}" for i in range(2400)])
    assert estimate(flips, FIRST + 760).to_dict() == estimate(alone, FIRST + 760).to_dict()


@pytest.mark.parametrize(
    "sales",
    [
        sold(0),
        sold(1),
        sold(30).assign(sale_date=pd.Timestamp("2024-01-01")),
        sold(30).assign(sale_price_usd=500_000.0),
        sold(30).assign(sale_price_usd=np.nan),
        sold(30).assign(sale_date=pd.NaT),
    ],
    ids=["no sale", "one sale", "one day", "one price", "no price", "no date"],
)
def test_where_nothing_is_known_of_time_the_index_is_flat(sales):
    index = estimate(sales, 30_000)
    assert index.log_level(np.array(["A", None], dtype=object), np.array([FIRST, FIRST + 300])) == pytest.approx(0, abs=0.02)


def test_thirty_sales_of_one_area_are_enough_to_answer():
    index = estimate(sold(30).assign(market_area="A"), FIRST + 730)
    assert np.isfinite(index.level).all()
    assert -0.2 < moved(index) < 0.6


def test_unknown_attributes_and_areas_and_missing_columns_are_borne():
    sales = sold(600)
    sales.loc[::3, ["living_area_sqft", "year_built"]] = np.nan
    sales.loc[::7, "market_area"] = None
    sales["property_type"] = np.where(np.arange(600) % 5, "single_family", None)
    bare = sales[["sale_id", "property_id", "sale_price_usd", "sale_date", "market_area"]]
    for frame in (sales, bare):
        assert moved(estimate(frame, FIRST + 730)) == pytest.approx(0.2 * 670 / 730, abs=0.08)


def test_an_absurd_price_moves_the_index_little():
    sales = sold()
    sales.loc[sales.index[-40:], "sale_price_usd"] *= 40
    assert moved(estimate(sales, FIRST + 730)) == pytest.approx(moved(estimate(sold(), FIRST + 730)), abs=0.04)


def test_an_index_stored_as_json_reads_back_to_the_last_bit():
    index = estimate(sold(), FIRST + 730)
    again = PriceIndex.from_dict(json.loads(json.dumps(index.to_dict())))
    area, day = np.array(["A", "B", "C"] * 10, dtype=object), FIRST + np.arange(30) * 25
    assert (again.log_level(area, day) == index.log_level(area, day)).all()


def king_county(name):
    raw = pd.read_csv(SALES / name, dtype={"id": str, "zipcode": str})
    first = {"sqft_living": "living_area_sqft", "sqft_lot": "lot_area_sqft", "yr_built": "year_built", "id": "property_id"}
    names = first | {"price": "sale_price_usd", "zipcode": "market_area", "grade": "quality_code", "grade score": "quality_code"}
    rows = raw.rename(columns=names)[[*first.values(), "sale_price_usd", "market_area", "quality_code"]]
    return rows.assign(sale_id=[f"{name}{i:05d}" for i in range(len(rows))], sale_date=pd.to_datetime(raw["date"].str.partition("T")[0]))


@pytest.mark.data
@pytest.mark.skipif(not SALES.exists(), reason="King County sales are not here; set ESTATE_DATA")
def test_king_county_rose_by_about_a_tenth_from_may_to_may_with_its_step_in_spring():
    sales = king_county("king_county_2014_2015.csv.gz")
    index = estimate(sales, int(days(pd.Series([pd.Timestamp("2015-05-28")]))[0]))
    months = days(pd.Series(pd.to_datetime(["2014-05-15", "2014-11-15", "2015-01-15", "2015-04-15"])))
    may, november, january, april = np.exp(index.log_level(np.array(["elsewhere"] * 4, dtype=object), months))
    assert 0.87 < may < 0.92
    assert april / january > 1.04, "spring"
    assert 0.97 < november / may < 1.03


@pytest.mark.data
@pytest.mark.skipif(not SALES.exists(), reason="King County sales are not here; set ESTATE_DATA")
def test_the_parcels_sold_in_both_king_county_sets_carry_the_index_over_the_years_between():
    both = pd.concat([king_county("king_county_2014_2015.csv.gz"), king_county("king_county_2021_2022_addresses_to_feb2022.csv.gz")])
    index = estimate(both, int(days(pd.Series([pd.Timestamp("2022-03-01")]))[0]))
    year = days(pd.Series([pd.Timestamp("2015-01-15"), pd.Timestamp("2022-01-15")]))
    before, after = index.log_level(np.array([None, None], dtype=object), year)
    assert 0.5 < after - before < 0.9
