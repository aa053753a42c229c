"""What the valuation bench holds out, counts and writes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import valuation, valuation_page
from bench.valuation_sales import KING_COUNTY, latest_tenth, next_year, random_fifth, sales_of, ten_folds
from bench.valuation_trial import accuracy, fifths
from estate.settings import ROOT

DATA = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data"))


def some_sales(days):
    dates = pd.Timestamp("2014-12-20") + pd.to_timedelta(days, "D")
    names = [f"53033/{number:03d}" for number in range(len(dates))]
    return pd.DataFrame({"sale_id": names, "property_id": names, "sale_date": dates})


def test_the_latest_tenth_by_day_and_parcel_is_held_out_and_valued_the_day_after_the_last_known_sale():
    sales = some_sales([*range(18), 18, 17, 18])  # the cut falls into the last day
    split = latest_tenth(sales.sample(frac=1, random_state=3))
    # 21 sales, so 3: of day 17 the later parcel, and both of day 18.
    assert split.held["sale_id"].tolist() == ["53033/019", "53033/018", "53033/020"]
    assert set(split.known["sale_id"]).isdisjoint(split.held["sale_id"])
    assert len(split.known) + len(split.held) == len(sales)
    assert pd.Timestamp(split.as_of_date) == split.known["sale_date"].max() + pd.Timedelta(days=1)
    assert split.known["sale_date"].max() <= split.held["sale_date"].min()


def test_the_next_year_is_valued_as_of_its_first_day():
    split = next_year(some_sales(range(20)), 2015)
    assert split.as_of_date.isoformat() == "2015-01-01"
    assert split.known["sale_date"].max() == pd.Timestamp("2014-12-31")
    assert split.held["sale_date"].min() == pd.Timestamp("2015-01-01")


def test_random_splits_are_those_of_scikit_learn_in_the_order_of_the_file():
    sales = some_sales(range(50))
    # train_test_split(range(50), test_size=0.2, random_state=42), as scikit-learn gives it.
    assert random_fifth(sales).held["sale_id"].tolist()[:4] == ["53033/013", "53033/039", "53033/030", "53033/045"]
    held = [name for fold in ten_folds(sales) for name in fold.held["sale_id"]]
    assert sorted(held) == sorted(sales["sale_id"])


def test_errors_are_in_percent_of_the_price_and_in_dollars():
    price = np.array([100.0, 200.0, 400.0, 400.0])
    found = accuracy(np.array([110.0, 180.0, 400.0, 440.0]), price)
    assert found["mape_pct"] == pytest.approx(7.5)
    assert found["mdape_pct"] == pytest.approx(10)
    assert found["rmse_usd"] == pytest.approx(np.sqrt((100 + 400 + 1600) / 4))
    assert found["mae_usd"] == pytest.approx(17.5)


def test_fifths_are_of_equal_size_and_in_order():
    assert [rows.tolist() for rows in fifths(np.array([5.0, 1, 4, 2, 3]))] == [[1], [3], [4], [2], [0]]


def test_folds_are_pooled_by_their_sums_not_by_their_means():
    folds = [
        {"errors": {"count": 1, "squared": 100.0, "absolute": 10.0, "relative": 0.1}},
        {"errors": {"count": 3, "squared": 0.0, "absolute": 0.0, "relative": 0.0}},
    ]
    assert valuation.pooled(folds) == {"rmse_usd": 5.0, "mae_usd": 2.5, "mape_pct": pytest.approx(2.5)}


def test_only_what_stands_between_the_markers_is_written_and_twice_is_once():
    text = "before\n<!-- measured: cost -->\nold\n<!-- end of measured -->\nafter\n"
    once = valuation_page.filled(text, {})
    assert once.startswith("before\n<!-- measured: cost -->\nNot measured yet")
    assert once.endswith("<!-- end of measured -->\nafter\n")
    assert "old" not in once
    assert valuation_page.filled(once, {}) == once


def test_the_page_has_every_block_and_every_picture():
    text = valuation_page.PAGE.read_text(encoding="utf-8")
    assert sorted(re.findall(r"<!-- measured: (\w+) -->", text)) == sorted(valuation_page.BLOCKS)
    assert sorted(re.findall(r"pictures/valuation-([\w-]+)\.svg", text)) == ["beside", "coverage", "frontier", "ratio-by-price"]


@pytest.mark.skipif(not valuation.STUDY.is_file(), reason="nothing is recorded yet")
def test_the_page_is_what_the_record_says(tmp_path):
    page = tmp_path / "valuation.md"
    page.write_text(valuation_page.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    valuation_page.write(page=page, pictures=tmp_path)
    assert page.read_text(encoding="utf-8") == valuation_page.PAGE.read_text(encoding="utf-8")
    for drawing in tmp_path.glob("*.svg"):
        assert drawing.stat().st_size < 150_000
        assert (valuation_page.PICTURES / drawing.name).is_file()


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the public data sets are not at {DATA}")
def test_all_sales_of_king_county_are_read_and_2_162_are_held_out():
    sales = sales_of(KING_COUNTY)
    assert len(sales) == valuation.ROWS
    assert sales["sale_price_usd"].mean() == pytest.approx(540_088.14, abs=0.005)  # the mean that the data's guide prints
    assert sales["sale_id"].is_unique
    split = latest_tenth(sales)
    assert len(split.held) == 2_162
    assert len(random_fifth(sales).held) == 4_323
