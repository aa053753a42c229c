"""What each source tells of a county's market by month, and who is asked first."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_rows import COUNTY, LAYOUTS, areas, built, listings, of, origin, sales, told_by, values

from estate.features import market
from estate.features.listings import from_listings
from estate.features.series import read_series
from estate.ingest.declaration import source
from estate.settings import ROOT

DATA = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data"))
MONTH_ENDS = {f"{day:%Y-%m-%d}": float(100 + number) for number, day in enumerate(pd.date_range("2019-01-31", "2020-06-30", freq="ME"))}


# Own sales


def test_sales_of_30_days_are_counted_to_the_month_s_end():
    told = told_by(market.from_sales(sales("2020-01-01", "2020-02-05", "2020-02-29", "2020-03-01", "2020-03-31")), "sold_30d_count")
    assert told["2020-02"] == 2
    assert told["2020-03"] == 1, "31 March; 1 March is the 31st day before the end"


def test_only_arm_s_length_sales_are_counted():
    own = pd.concat([sales("2020-01-01", "2020-03-31"), sales("2020-02-20", is_arms_length=False)])
    assert told_by(market.from_sales(own), "sold_30d_count")["2020-02"] == 0


def test_days_of_which_no_source_of_sales_tells_are_unknown_and_not_zero():
    own = pd.concat([sales("2020-01-01", "2020-02-29"), sales("2020-06-01", "2020-07-31", source_name="register")])
    assert list(told_by(market.from_sales(own), "sold_30d_count")) == ["2020-01", "2020-02", "2020-06", "2020-07"]


def test_a_month_that_is_not_over_is_told_as_of_the_last_sale():
    told = market.from_sales(sales("2020-01-01", "2020-02-10"))
    (last,) = told[told["month_date"] == "2020-02-01"].to_dict("records")
    assert (last["value"], last["day"]) == (1, pd.Timestamp("2020-02-10"))


def test_own_prices_grow_by_the_medians_of_two_windows_of_90_days():
    days = pd.date_range("2019-01-01", "2020-12-31", freq="3D")
    own = sales(*days).assign(sale_price_usd=np.where(days < "2020-01-01", 400_000.0, 500_000.0))
    told = told_by(market.from_sales(own), "price_growth_yoy_rate")
    assert told["2020-11"] == pytest.approx(0.25)
    assert told["2020-06"] == pytest.approx(0.25)
    assert min(told) == "2020-03", "before, no source tells of the whole window a year earlier"


def test_a_median_of_few_sales_says_nothing_of_prices():
    own = sales(*pd.date_range("2019-01-01", "2020-12-31", freq="10D"))
    assert told_by(market.from_sales(own), "price_growth_yoy_rate") == {}


# Own listings


def test_a_listing_is_on_the_market_from_its_day_to_the_last_file_that_carries_it():
    told = from_listings(listings({"list_date": date(2020, 1, 15)}), sales())
    assert told_by(told, "active_inventory_count") == {"2020-01": 1, "2020-02": 1, "2020-03": 1}
    assert told_by(told, "new_listing_30d_count") == {"2020-01": 1, "2020-02": 0, "2020-03": 0}
    assert told_by(told, "median_days_on_market") == {"2020-01": 16, "2020-02": 45, "2020-03": 76}
    assert told_by(told, "median_price_per_sqft_usd")["2020-02"] == 250


def test_a_listing_that_is_sold_is_off_the_market():
    told = from_listings(listings({"list_date": date(2020, 1, 15)}), sales("2020-02-10"))
    assert told_by(told, "active_inventory_count") == {"2020-01": 1, "2020-02": 0, "2020-03": 0}
    assert list(told_by(told, "median_list_price_usd")) == ["2020-01", "2020-02"], "it was asked in the month in which it was sold"


def test_a_sale_before_the_listing_does_not_end_it():
    told = from_listings(listings({"list_date": date(2020, 1, 15)}), sales("2019-12-10"))
    assert told_by(told, "active_inventory_count")["2020-03"] == 1


def test_a_listing_ends_with_the_batch_that_no_longer_carries_it():
    own = listings(
        {"list_date": date(2020, 1, 15), "seen_date": date(2020, 1, 31), "closed_date": date(2020, 2, 28), "known_date": date(2020, 3, 31)}
    )
    assert told_by(from_listings(own, sales()), "active_inventory_count") == {"2020-01": 1, "2020-02": 0, "2020-03": 0}


def test_a_price_that_was_seen_to_fall_counts_from_the_file_that_says_so():
    own = listings(
        {"list_date": date(2020, 1, 1), "seen_date": date(2020, 1, 20), "closed_date": date(2020, 2, 10)},
        {
            "list_date": date(2020, 1, 1),
            "seen_date": date(2020, 2, 10),
            "list_price_usd": 450_000.0,
            "version_number": 2,
            "known_date": date(2020, 3, 31),
        },
        {"property_id": "b", "list_date": date(2020, 1, 1)},
    )
    told = from_listings(own, sales())
    assert told_by(told, "price_cut_rate") == {"2020-01": 0, "2020-02": 0.5, "2020-03": 0.5}
    assert told_by(told, "median_list_price_usd") == {"2020-01": 500_000, "2020-02": 475_000, "2020-03": 475_000}


def test_a_price_that_rose_again_was_still_cut():
    versions = [
        {"list_date": date(2020, 1, 1), "seen_date": date(2020, month, 1), "list_price_usd": price, "version_number": month}
        for month, price in ((1, 500_000.0), (2, 450_000.0), (3, 470_000.0))
    ]
    told = from_listings(listings(*versions), sales())
    assert told_by(told, "price_cut_rate") == {"2020-01": 0, "2020-02": 1, "2020-03": 1}
    assert told_by(told, "median_list_price_usd")["2020-03"] == 470_000


def test_a_price_that_was_cut_while_none_was_said_was_cut():
    versions = [
        {"list_date": date(2020, 1, 1), "seen_date": date(2020, month, 1), "list_price_usd": price, "version_number": month}
        for month, price in ((1, 500_000.0), (2, None), (3, 450_000.0))
    ]
    assert told_by(from_listings(listings(*versions), sales()), "price_cut_rate") == {"2020-01": 0, "2020-02": 0, "2020-03": 1}


def test_a_listing_of_a_later_day_than_its_file_changes_nothing_of_a_county_s_market():
    own = listings({"list_date": date(2020, 1, 5)})
    late = listings({"list_date": date(2020, 1, 5)}, {"property_id": "b", "list_date": date(2099, 1, 5)})
    sold = sales(*pd.date_range("2018-01-01", "2020-03-31", freq="3D"))
    pd.testing.assert_frame_equal(built(sold, late), built(sold, own))


def test_the_order_of_the_rows_of_listings_and_sales_changes_nothing():
    own = listings(
        {"list_date": date(2020, 1, 1), "seen_date": date(2020, 1, 20), "closed_date": date(2020, 2, 10)},
        {"list_date": date(2020, 1, 1), "seen_date": date(2020, 2, 10), "list_price_usd": 450_000.0, "version_number": 2},
    )
    sold = sales("2020-01-01", "2020-02-05", "2020-03-31")
    pd.testing.assert_frame_equal(built(sold, own), built(sold[::-1], own[::-1]))


# Public series


def test_a_series_tells_of_the_change_against_the_same_period_a_year_before():
    told = market.from_series(of("zillow_zori_metro"), values("zillow_zori_metro", MONTH_ENDS), LAYOUTS)
    growth = told_by(told, "rent_growth_yoy_rate")
    assert min(growth) == "2020-01"
    assert growth["2020-02"] == pytest.approx(113 / 101 - 1), "29 February against the 28th"
    assert told_by(told, "median_rent_usd")["2019-01"] == 100


def test_a_quarter_serves_until_the_next_one_ends():
    told = market.from_series(of("fhfa_hpi_metro"), values("fhfa_hpi_metro", {"2019-03-31": 100.0, "2020-03-31": 110.0}), LAYOUTS)
    assert told_by(told, "price_growth_yoy_rate") == pytest.approx({"2020-03": 0.1, "2020-04": 0.1, "2020-05": 0.1})
    assert set(told["day"]) == {pd.Timestamp("2020-03-31")}


def test_a_month_is_told_by_its_last_week_only():
    weeks = {"2020-01-18": 5.0, "2020-01-25": 7.0, "2020-02-01": 9.0, "2020-02-08": 11.0}
    told = market.from_series(of("zillow_inventory_metro"), values("zillow_inventory_metro", weeks), LAYOUTS)
    assert told_by(told, "active_inventory_count") == {"2020-01": 7}


def test_four_weeks_of_new_listings_are_told_as_of_30_days_and_a_missing_week_is_not_guessed():
    weeks = {"2020-01-04": 7.0, "2020-01-11": 7.0, "2020-01-18": 7.0, "2020-01-25": 7.0, "2020-02-15": 7.0, "2020-02-29": 7.0}
    told = market.from_series(of("zillow_new_listings_metro"), values("zillow_new_listings_metro", weeks), LAYOUTS)
    assert told_by(told, "new_listing_30d_count") == {"2020-01": 30}


def test_a_county_is_matched_to_the_area_of_its_code_and_of_its_metropolitan_area():
    known = areas(
        ("zillow_zhvi_county", "207", "county", "King County", "53033", "seattle-wa"),
        ("zillow_zhvi_county", "9", "county", "Elsewhere", "53099", "seattle-wa"),
        ("zillow_zori_metro", "395078", "metro", "Seattle, WA", None, "seattle-wa"),
        ("zillow_zori_metro", "1", "metro", "Portland, OR", None, "portland-or"),
        ("zillow_zori_metro", "102001", "nation", "United States", None, None),
    )
    matched = market.areas_of(pd.Series(["53033", "53033", None]), known)
    assert matched.to_numpy().tolist() == [["53033", "zillow_zhvi_county", "207"], ["53033", "zillow_zori_metro", "395078"]]


@pytest.mark.parametrize("metro", [(None,), ("vancouver-wa",), ("portland-or", "vancouver-wa")])
def test_a_county_without_a_metropolitan_area_that_is_certain_has_none(metro):
    named = [(f"series_{n}", "1", "county", "Clark", "53011", code) for n, code in enumerate(metro)]
    known = areas(*named, ("zillow_zori_metro", "1", "metro", "Portland, OR", None, "portland-or"))
    assert "zillow_zori_metro" not in set(market.areas_of(pd.Series(["53011"]), known)["source_name"])


# All together


def test_every_feature_has_a_choice_and_every_origin_is_declared():
    assert tuple(market.PREFERENCE) == market.FEATURES
    origins = {name for choice in market.PREFERENCE.values() for name in choice.origins}
    assert origins - {"own_sales", "own_listings"} < set(LAYOUTS)


@pytest.mark.parametrize(
    ("feature", "measures"),
    [
        ("active_inventory_count", {"inventory"}),
        ("new_listing_30d_count", {"new_listings"}),
        ("median_rent_usd", {"rent"}),
        ("rent_growth_yoy_rate", {"rent"}),
        ("price_growth_yoy_rate", {"home_value", "price_index"}),
    ],
)
def test_a_feature_is_asked_of_series_that_measure_it_and_never_of_the_nation(feature, measures):
    asked = [LAYOUTS[name] for name in market.PREFERENCE[feature].origins if name in LAYOUTS]
    assert {layout.measure for layout in asked} <= measures
    assert all(layout.area_kind != "nation" for layout in asked)


def test_the_nearer_area_is_asked_first_month_by_month():
    county = {day: value for day, value in MONTH_ENDS.items() if day < "2020-03"}
    frame = built(sales("2020-01-10", "2020-01-20"), public=[("zillow_zhvi_metro", MONTH_ENDS), ("zillow_zhvi_county", county)])
    assert origin(frame, "2020-02", "price_growth_yoy_rate") == "zillow_zhvi_county"
    assert origin(frame, "2020-03", "price_growth_yoy_rate") == "zillow_zhvi_metro"


def test_a_count_comes_from_one_origin_in_all_months_of_a_county():
    own = listings({"list_date": date(2020, 1, 15)})
    frame = built(own_listings=own, public=[("zillow_inventory_metro", {"2020-02-29": 5_000.0})])
    told = {"2020-01": np.nan, "2020-02": 5_000, "2020-03": 5_000}
    assert frame["active_inventory_count"].to_dict() == pytest.approx(told, nan_ok=True)
    assert built(own_listings=own)["active_inventory_count"].to_dict() == {"2020-01": 1, "2020-02": 1, "2020-03": 1}


def test_what_no_source_tells_is_unknown_and_has_no_origin():
    frame = built(sales("2020-01-01", "2020-02-29"))
    assert frame[["vacancy_rate", "median_cap_rate", "median_rent_usd"]].isna().all(axis=None)
    assert frame.loc["2020-02", "origins"] == ["own_sales" if name == "sold_30d_count" else "" for name in market.FEATURES]


def test_every_value_has_an_origin_and_every_origin_a_value():
    frame = built(
        sales("2020-01-01", "2020-02-29"), listings({"list_date": date(2020, 1, 15)}), [("zillow_zori_metro", MONTH_ENDS)]
    )  # fmt: skip
    has_origin = np.array(frame["origins"].tolist()) != ""
    assert (has_origin == frame[list(market.FEATURES)].notna().to_numpy()).all()


def test_months_run_from_the_first_own_record_to_the_last_month_that_anyone_tells_of():
    frame = built(sales("2020-01-10", "2020-02-20"), public=[("zillow_zori_metro", MONTH_ENDS)])
    assert list(frame.index) == ["2020-01", "2020-02", "2020-03", "2020-04", "2020-05", "2020-06"]


def test_at_most_120_months_before_the_newest_own_record_are_told():
    rents = {f"{day:%Y-%m-%d}": 1_000.0 for day in pd.date_range("1990-01-31", "2020-12-31", freq="ME")}
    frame = built(sales("1995-05-05", "2020-06-30"), public=[("zillow_zori_metro", rents)])
    assert list(frame.index[[0, -1]]) == ["2010-07", "2020-12"]


def test_a_month_is_observed_at_the_end_of_the_last_day_it_speaks_of():
    frame = built(sales("2020-01-01", "2020-02-10"))
    assert frame["observed_at"].to_dict() == {
        "2020-01": pd.Timestamp("2020-02-01", tz="UTC"), "2020-02": pd.Timestamp("2020-02-11", tz="UTC"),
    }  # fmt: skip


def monthly(first, last, value=1_500.0):
    return {f"{day:%Y-%m-%d}": value for day in pd.date_range(first, last, freq="ME")}


def test_what_was_told_last_stands_in_a_newer_month_that_only_another_source_tells_of():
    own = sales(*pd.date_range("2020-01-01", "2020-12-31"))
    frame = built(own, public=[("zillow_zori_metro", monthly("2020-01-31", "2020-12-31")), ("zillow_inventory_metro", {"2021-01-30": 9.0})])
    newest = frame.loc["2021-01"]
    assert (newest["active_inventory_count"], newest["median_rent_usd"], newest["sold_30d_count"]) == (9, 1_500, 30)
    assert (origin(frame, "2021-01", "median_rent_usd"), origin(frame, "2021-01", "sold_30d_count")) == ("zillow_zori_metro", "own_sales")
    assert newest["observed_at"] == pd.Timestamp("2021-01-01", tz="UTC"), "the oldest value in it"


def test_a_value_stands_for_three_months_after_its_own_at_most():
    rents = monthly("2020-01-31", "2020-03-31")
    frame = built(sales("2020-01-01"), public=[("zillow_zori_metro", rents), ("zillow_zhvi_county", monthly("2019-01-31", "2020-08-31"))])
    assert frame["median_rent_usd"].last_valid_index() == "2020-06"


def test_what_an_origin_leaves_out_of_a_month_it_tells_of_does_not_stand_on():
    own = listings({"list_date": date(2020, 1, 15)})
    frame = built(sales("2020-01-20", "2020-01-25"), own)
    assert frame["active_inventory_count"].to_dict() == {"2020-01": 0, "2020-02": 0, "2020-03": 0}
    assert frame["median_list_price_usd"].last_valid_index() == "2020-01", "nothing was on the market, so nothing was asked"


def test_what_another_origin_tells_of_a_month_comes_before_what_stands_on():
    county, metro = monthly("2019-01-31", "2020-01-31", 1.0), monthly("2019-01-31", "2020-02-29", 2.0)
    frame = built(sales("2020-01-10"), public=[("zillow_zhvi_county", county), ("zillow_zhvi_metro", metro)])
    assert [origin(frame, month, "price_growth_yoy_rate") for month in ("2020-01", "2020-02")] == [
        "zillow_zhvi_county",
        "zillow_zhvi_metro",
    ]


def test_an_origin_that_only_stands_on_from_before_the_window_displaces_no_own_count():
    own = listings({"list_date": date(2020, 1, 15)})
    frame = built(own_listings=own, public=[("zillow_inventory_metro", {"2019-12-28": 5_000.0})])
    assert frame["active_inventory_count"].to_dict() == {"2020-01": 1, "2020-02": 1, "2020-03": 1}


def test_a_month_is_as_old_as_the_quarter_that_serves_it():
    quarters = {"2019-09-30": 100.0, "2020-09-30": 110.0}
    frame = built(sales(*pd.date_range("2020-09-01", "2020-11-30")), public=[("fhfa_hpi_metro", quarters)])
    assert frame.loc["2020-11", ["sold_30d_count", "price_growth_yoy_rate"]].tolist() == pytest.approx([30, 0.1])
    assert frame["observed_at"].to_dict() == dict.fromkeys(["2020-09", "2020-10", "2020-11"], pd.Timestamp("2020-10-01", tz="UTC"))


def test_nothing_to_tell_gives_no_row():
    assert built().empty
    assert built(sales("2020-01-10"), public=[("zillow_zori_metro", {"2019-12-31": 1_000.0})]).empty


def test_a_county_s_features_do_not_depend_on_other_counties():
    own = sales("2020-01-01", "2020-02-29")
    both = built(pd.concat([own, sales("2019-01-01", "2020-12-31", county_fips="19169")]))
    pd.testing.assert_frame_equal(both[both["county_fips"] == COUNTY], built(own))


# Real data


def real(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the public data set {name} is not here; set ESTATE_DATA to the folder that holds market/ and sales/")
    return path


@pytest.mark.data
def test_king_county_s_market_is_what_its_sales_and_the_published_series_say():
    files = {
        "zillow_zhvi_county": "zillow_zhvi_county_monthly_to_2022_01.csv.gz",
        "zillow_zhvi_metro": "zillow_zhvi_metro_monthly_to_2024_12.csv.gz",
        "zillow_zori_metro": "zillow_zori_metro_monthly_to_2024_12.csv.gz",
        "zillow_inventory_metro": "zillow_inventory_metro_weekly_to_2025_01.csv.gz",
    }
    tables = {name: read_series(real(f"market/{file}").read_bytes(), source(name), file) for name, file in files.items()}
    raw = pd.read_csv(real("sales/king_county_2014_2015.csv.gz"), dtype={"id": str})
    own = sales(*raw["date"].str[:8]).assign(property_id=raw["id"].to_numpy(), sale_price_usd=raw["price"].to_numpy(dtype=float))
    matched = market.areas_of(own["county_fips"], pd.concat([t.areas.assign(source_name=name) for name, t in tables.items()]))
    told = pd.concat([table.values.assign(source_name=name) for name, table in tables.items()]).merge(matched[["source_name", "area_code"]])
    frame = market.features(own, listings(), matched, told, LAYOUTS).set_index("month_date")
    assert (frame.index[0], frame.index[-1], len(frame)) == (pd.Timestamp("2014-05-01"), pd.Timestamp("2024-12-01"), 128)
    # Counted in the file of sales; the others stand in the publisher's own rows of King County and of Seattle.
    assert frame.loc["2014-05-01", "sold_30d_count"] == raw["date"].between("20140502", "20140531T999999").sum() == 1_768
    zhvi = pd.read_csv(real(f"market/{files['zillow_zhvi_county']}")).set_index("RegionID").loc[207]
    assert frame.loc["2015-05-01", "price_growth_yoy_rate"] == pytest.approx(zhvi["5/31/2015"] / zhvi["5/31/2014"] - 1, abs=1e-12)
    assert frame.loc["2024-12-01", "active_inventory_count"] == 4_164
    assert frame.loc["2024-12-01", "median_rent_usd"] == pytest.approx(2_220.89, abs=0.01)
