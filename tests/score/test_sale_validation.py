"""Each rule at its boundary; nothing looks ahead; the order of rows says nothing; a decision has the last word."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estate.contracts import contract
from estate.ingest.declaration import source
from estate.ingest.readers import read_raw
from estate.ingest.records import to_records
from estate.score.sale_validation import DECIDED, REASONS, RULES, market_area, validate
from estate.settings import ROOT
from tests.score.market import market, sale

DATA = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data"))
DAY = pd.Timestamp("2024-06-01")
WHERE = {"county_fips": "53033", "situs_zip": "98115"}
BAND = RULES["band"]


def street(count=40, price=500_000.0, day=DAY, **facts):
    """`count` sound sales of one day, priced evenly up to a tenth to either side of `price`."""
    prices = price * np.exp(np.linspace(-0.1, 0.1, count)) if count > 1 else price
    return sale(count, **{**WHERE, "sale_price_usd": prices, "sale_date": day - pd.Timedelta(days=1), **facts})


def one(**facts):
    """One sale on DAY of a property of its own, as ordinary as the street's."""
    return sale(1, **{**WHERE, "sale_id": "odd", "property_id": "odd", "sale_date": DAY, **facts})


def together(*parts):
    frame = pd.concat(parts, ignore_index=True)
    return frame if frame["sale_id"].is_unique else frame.assign(sale_id=[f"{name}-{row}" for row, name in enumerate(frame["sale_id"])])


def found(*parts, **facts):
    """Why the odd sale is excluded, next to a street of ordinary sales or to `parts`."""
    validation = validate(together(*(parts or (street(),)), one(**facts)))
    return validation.loc[validation["sale_id"].str.startswith("odd"), "exclusion_reasons"].item()


# The frame


def test_the_frame_is_the_contract_s_without_the_tenant_and_one_row_a_sale():
    validation = validate(street())
    assert ["tenant_id", *validation.columns] == list(contract("score.sale_validation").column_names)
    assert validation["sale_id"].tolist() == sorted(street()["sale_id"])
    assert validation["is_arms_length"].all()
    assert (validation["exclusion_reasons"].str.len() == 0).all()
    assert set(validation["decided_by"]) == {"rules"}


def test_no_sales_give_an_empty_frame():
    assert list(validate(street().iloc[:0]).columns) == list(validate(street()).columns)
    assert validate(street().iloc[:0]).empty


def test_sales_of_which_only_price_and_day_are_known_are_judged_by_these():
    bare = together(street(), one(sale_price_usd=20_000_000.0))[["sale_id", "property_id", "sale_price_usd", "sale_date"]]
    validation = validate(bare).set_index("sale_id")
    assert validation.loc["odd", "exclusion_reasons"] == ["high_price"]
    assert validation["is_arms_length"].sum() == 40


def test_every_rule_gives_its_reason_and_every_reason_has_a_rule():
    assert all(rule["reason"].endswith(".") for name, rule in RULES.items() if name != "band")
    assert set(REASONS) == {name for name in RULES if name != "band"}


# What the record says


def test_recorded_reasons_are_carried_over_before_those_found_here():
    reasons = found(recorded_reasons=[["multi_parcel", "after_vintage"]], sale_price_usd=40 * 500_000.0)
    assert reasons == ["multi_parcel", "after_vintage", "high_price"]


def test_at_most_three_reasons_stand_in_the_stated_order():
    reasons = found(recorded_reasons=[["source_says_unqualified"]], sale_price_usd=1.0, bedroom_count=33.0, document_number="QCD 12")
    assert reasons == ["nominal_price", "source_says_unqualified", "non_market_instrument"]


@pytest.mark.parametrize(("price", "reasons"), [(999.99, ["nominal_price"]), (0.0, ["nominal_price"]), (np.nan, ["nominal_price"])])
def test_a_token_price_or_none_is_nominal_and_asked_no_more(price, reasons):
    assert found(street(10), sale_price_usd=price)[:1] == reasons


def test_one_price_for_several_properties_under_one_instrument_or_by_one_seller_is_no_price_of_any():
    for told in ({"document_number": "2024-77"}, {"seller_name": " Acme Homes llc"}):
        other = one(sale_id="odd2", property_id="other", **{name: text.upper().strip() for name, text in told.items()})
        validation = validate(together(street(), one(**told), other)).set_index("sale_id")
        assert validation.loc[["odd", "odd2"], "exclusion_reasons"].tolist() == [["multi_parcel"]] * 2
    same_property = one(sale_id="odd2", document_number="2024-77")
    assert validate(together(street(), one(document_number="2024-77"), same_property))["is_arms_length"].all()
    assert validate(together(street(), one(), one(sale_id="odd2", property_id="other")))["is_arms_length"].all()


# Instruments and parties


@pytest.mark.parametrize(
    ("facts", "is_excluded"),
    [
        ({"document_number": "Quit Claim Deed 881"}, True),
        ({"sale_qualification": "Sheriff's Deed"}, True),
        ({"sale_qualification": "TAX DEED"}, True),
        ({"sale_qualification": "deed in lieu of foreclosure"}, True),
        ({"sale_qualification": "Trustees Deed"}, True),
        ({"sale_qualification": "Warranty deed to trustee"}, False),
        ({"document_number": "QCD-2024-1"}, True),
        ({"document_number": "2024-1"}, False),
        ({"sale_qualification": "Statutory warranty deed"}, False),
        ({"sale_qualification": "foreclosurex"}, False),
    ],
)
def test_an_instrument_without_a_market_is_told_by_its_words(facts, is_excluded):
    assert found(**facts) == (["non_market_instrument"] if is_excluded else [])


def test_related_parties_are_excluded_unless_the_source_itself_qualifies_the_sale():
    names = {"seller_name": "SMITH, JOHN", "buyer": "SMITH, MARY"}
    assert found(**names) == ["related_parties"]
    assert found(**names, sale_qualification=" Q ") == []
    assert found(**names | {"buyer": None}) == []


# Attributes


@pytest.mark.parametrize(
    ("facts", "is_excluded"),
    [
        ({"living_area_sqft": 119.0, "bedroom_count": 1.0}, True),
        ({"living_area_sqft": 0.0, "bedroom_count": np.nan}, True),
        ({"living_area_sqft": 2310.0, "bedroom_count": 33.0}, False),
        ({"living_area_sqft": 2309.0, "bedroom_count": 33.0}, True),
        ({"bedroom_count": 1.0, "bathroom_count": 0.0}, True),
        ({"bedroom_count": 0.0, "bathroom_count": 0.0}, False),
        ({"year_built": 2025.0}, False),
        ({"year_built": 2026.0}, True),
        ({"living_area_sqft": np.nan, "bedroom_count": np.nan, "bathroom_count": np.nan, "year_built": np.nan}, False),
    ],
)
def test_only_clear_nonsense_is_implausible(facts, is_excluded):
    reasons = found(street(4), **facts)  # four sales draw no band
    assert reasons == (["implausible_attributes"] if is_excluded else [])


def test_land_has_no_rooms_and_is_not_asked_for_them():
    assert found(street(4), property_type="land", living_area_sqft=0.0, bedroom_count=2.0, bathroom_count=0.0) == []


# Flips


def resold(days, factor, **earlier):
    first = one(**{"sale_id": "first", "sale_date": DAY - pd.Timedelta(days=days), **earlier})
    validation = validate(together(street(4), first, one(sale_price_usd=500_000.0 * factor)))
    return validation.set_index("sale_id")["exclusion_reasons"]


@pytest.mark.parametrize(
    ("days", "factor", "is_flip"),
    [(365, 1.31, True), (366, 1.31, False), (1, 1.31, True), (365, 1.29, False), (365, 1 / 1.31, True), (365, 1 / 1.29, False)],
)
def test_a_resale_within_a_year_at_another_price_is_a_flip_and_the_earlier_sale_stands(days, factor, is_flip):
    reasons = resold(days, factor)
    assert reasons["odd"] == (["short_term_flip"] if is_flip else [])
    assert reasons["first"] == []


def test_a_resale_is_measured_against_the_last_sound_sale():
    assert resold(100, 1.0, sale_price_usd=1.0)["odd"] == []
    assert resold(100, 2.0, recorded_reasons=[["source_says_unqualified"]])["odd"] == []
    parts = [one(sale_id=f"s{n}", sale_date=DAY - pd.Timedelta(days=n), sale_price_usd=price) for n, price in ((300, 3e5), (90, 4.9e5))]
    validation = validate(together(street(4), *parts, one())).set_index("sale_id")
    assert validation.loc[["s300", "s90", "odd"], "exclusion_reasons"].tolist() == [[], ["short_term_flip"], []]


def test_two_sales_of_one_day_are_no_flip():
    assert resold(0, 3.0)["odd"] == []


# Bands


def test_a_price_forty_times_the_median_is_caught_however_mixed_the_group():
    mixed = street(60, sale_price_usd=500_000.0 * np.exp(np.linspace(-4, 4, 60)))
    assert found(mixed, sale_price_usd=40 * 500_000.0) == ["high_price", "high_price_per_sqft"]
    assert found(mixed, sale_price_usd=500_000.0 / 40) == ["low_price", "low_price_per_sqft"]
    assert found(mixed, sale_price_usd=20 * 500_000.0) == []


def test_a_price_forty_times_the_median_is_caught_among_twelve_sales_of_one_day():
    assert found(street(11, day=DAY + pd.Timedelta(days=1)), sale_price_usd=40 * 500_000.0) == ["high_price", "high_price_per_sqft"]
    assert found(street(11), sale_price_usd=20 * 500_000.0) == []
    assert found(street(3), sale_price_usd=40 * 500_000.0) == []  # of four sales nobody knows which is the odd one


def test_one_price_repeated_has_a_band_all_the_same():
    same = street(sale_price_usd=500_000.0)
    assert found(same, sale_price_usd=500_000.0 * np.exp(BAND["sigma_high"] * BAND["spread_least"] - 0.001)) == []
    assert found(same, sale_price_usd=500_000.0 * np.exp(BAND["sigma_high"] * BAND["spread_least"] + 0.001))[0] == "high_price"
    assert found(same, sale_price_usd=500_000.0 * np.exp(-BAND["sigma_low"] * BAND["spread_least"] + 0.001)) == []
    assert found(same, sale_price_usd=500_000.0 * np.exp(-BAND["sigma_low"] * BAND["spread_least"] - 0.001))[0] == "low_price"


def test_a_mansion_is_dear_but_not_for_its_size_and_a_cabin_the_other_way_round():
    assert found(living_area_sqft=8_000.0, sale_price_usd=2_000_000.0) == ["high_price"]
    assert found(living_area_sqft=500.0, bedroom_count=1.0) == ["high_price_per_sqft"]
    assert found(living_area_sqft=8_000.0) == ["low_price_per_sqft"]


def test_the_window_holds_a_year_of_whole_days():
    same = street(28, sale_price_usd=500_000.0)
    for age, reasons in ((364, ["high_price", "high_price_per_sqft"]), (365, [])):
        last = one(sale_id="last", property_id="last", sale_date=DAY - pd.Timedelta(days=age))
        # With the odd sale itself thirty sales, of which the last may be too old to count.
        assert found(same, last, sale_price_usd=1_000_000.0) == reasons


def test_a_group_is_a_type_in_a_market_area_and_falls_back_to_its_county():
    dear = street(40, price=5_000_000.0, situs_zip="98039", property_id=[f"m{i}" for i in range(40)])
    assert found(street(), dear, situs_zip="98039") == ["low_price", "low_price_per_sqft"]
    assert found(street(), dear, sale_price_usd=5e6) == ["high_price", "high_price_per_sqft"]
    assert found(street(), situs_zip="98999", sale_price_usd=5e6) == ["high_price", "high_price_per_sqft"]
    assert found(street(), situs_zip="98999", county_fips="53061", sale_price_usd=5e6) == []
    assert found(street(), property_type="condo", sale_price_usd=5e6) == []


def test_the_shore_is_a_group_of_its_own():
    shore = street(40, price=3_000_000.0, has_waterfront=True, property_id=[f"w{i}" for i in range(40)])
    assert found(street(200), shore, sale_price_usd=3e6, has_waterfront=True) == []
    assert found(street(200), shore, sale_price_usd=3e6, has_waterfront=False) == ["high_price", "high_price_per_sqft"]


def test_what_something_else_speaks_against_does_not_widen_a_band():
    gifts = street(
        60, sale_price_usd=2_000.0, recorded_reasons=[["source_says_unqualified"]] * 60, property_id=[f"g{i}" for i in range(60)]
    )
    assert found(street(), gifts, sale_price_usd=100_000.0) == ["low_price", "low_price_per_sqft"]


def test_market_areas_are_zips_and_else_cells_of_a_tenth_of_a_degree():
    places = pd.DataFrame(
        {"situs_zip": ["98115", None, None, None], "latitude": [47.6, 42.0, 42.06, np.nan], "longitude": [-122.3, -93.6, -93.64, 1.0]}
    )
    assert market_area(places).tolist() == ["98115", "42.0,-93.6", "42.0,-93.7", None]


# Time and order


@pytest.fixture(scope="module")
def busy():
    """Three years of sales with everything in them that a rule looks at."""
    chance = np.random.default_rng(11)
    count = 3_000
    sales = market(count, seed=11, noise=0.15)
    return sales.assign(
        sale_price_usd=sales["sale_price_usd"] * chance.choice([0.2, 1.0, 6.0], count, p=[0.01, 0.98, 0.01]),
        property_id=[f"p{n}" for n in chance.integers(0, 900, count)],
        sale_date=pd.Timestamp("2021-01-01") + pd.to_timedelta(chance.integers(0, 1_000, count), "D"),
        situs_zip=chance.choice(["98115", "98116", "98039", None], count, p=[0.5, 0.4, 0.05, 0.05]), county_fips="53033",
        has_waterfront=chance.choice([True, False], count, p=[0.02, 0.98]),
        document_number=chance.choice(["1", "2", "QCD", None], count), seller_name=chance.choice(["SMITH, A", "DOE, B", None], count),
        buyer=chance.choice(["SMITH, C", "ACME LLC", None], count), bedroom_count=chance.choice([3.0, 33.0], count, p=[0.99, 0.01]),
        recorded_reasons=[["multi_parcel"] if odd else [] for odd in chance.random(count) < 0.02],
    )  # fmt: skip


def test_later_sales_never_change_the_finding_of_earlier_ones(busy):
    whole = validate(busy).set_index("sale_id")
    assert set(Counter(reason for told in whole["exclusion_reasons"] for reason in told)) >= set(REASONS[4:])
    for day in pd.to_datetime(["2021-01-03", "2021-02-10", "2022-06-01", "2023-09-01"]):
        before = busy[busy["sale_date"] < day]
        pd.testing.assert_frame_equal(validate(before).set_index("sale_id"), whole.loc[sorted(before["sale_id"])])


def test_the_order_of_rows_changes_nothing(busy):
    shuffled = busy.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(validate(shuffled), validate(busy))
    pd.testing.assert_frame_equal(validate(shuffled[list(shuffled.columns)[::-1]]), validate(busy))


def test_a_sale_without_a_day_is_kept_and_looks_at_nothing(busy):
    undated = busy.assign(sale_date=busy["sale_date"].where(busy["sale_id"] != "s0001"))
    validation = validate(undated)
    assert len(validation) == len(busy)
    assert not {"short_term_flip", "high_price", "low_price"} & set(validation.set_index("sale_id").loc["s0001", "exclusion_reasons"])


# Decisions


def decision(is_arms_length, decided_at="2024-07-01", decision_id="d1", sale_id="odd"):
    return {"decision_id": decision_id, "sale_id": sale_id, "is_arms_length": is_arms_length, "decided_at": pd.Timestamp(decided_at)}


def decided(*said, **facts):
    validation = validate(together(street(), one(**facts)), pd.DataFrame(said)).set_index("sale_id")
    assert validation.drop(index="odd")["decided_by"].eq("rules").all()
    return validation.loc["odd", ["is_arms_length", "exclusion_reasons", "decided_by"]].tolist()


def test_a_decision_overrules_either_way_and_says_which_one_it_was():
    assert decided(decision(True), sale_price_usd=20e6) == [True, [], "d1"]
    assert decided(decision(False)) == [False, [DECIDED], "d1"]
    assert decided(decision(False), sale_price_usd=20e6) == [False, [DECIDED, "high_price", "high_price_per_sqft"], "d1"]


def test_of_several_decisions_the_latest_counts_whatever_their_order():
    said = [decision(True, "2024-07-01", "d1"), decision(False, "2024-07-03", "d2"), decision(True, "2024-07-02", "d3")]
    assert decided(*said) == decided(*said[::-1]) == [False, [DECIDED], "d2"]


def test_a_decision_moves_no_other_sale():
    sales = together(street(), one(sale_id="first", sale_date=DAY - pd.Timedelta(days=9)), one(sale_price_usd=900_000.0))
    said = pd.DataFrame([decision(False, sale_id="first"), decision(True, sale_id="nobody has this one", decision_id="d2")])
    by_rules, overruled = (validate(sales, of).set_index("sale_id") for of in (None, said))
    pd.testing.assert_frame_equal(by_rules.drop(index="first"), overruled.drop(index="first"))


# Real sales


def landed(name, path):
    file = DATA / path
    records = to_records(read_raw(file.read_bytes(), source(name), file.name), source(name)).frame
    records = records[records["sale_price_usd"].notna() & records["sale_date"].notna()]
    unqualified = records["sale_qualification"].eq("U")
    recorded = [["source_says_unqualified"] if told else [] for told in unqualified]
    return records.assign(
        sale_id=records["record_key"], property_id=records["property_key"], buyer=records["owner_name"], recorded_reasons=recorded
    )


def reasons_of(validation):
    return Counter(reason for told in validation["exclusion_reasons"] for reason in told)


real = pytest.mark.skipif(not DATA.is_dir(), reason=f"the public data sets are not at {DATA}")


@pytest.mark.data
@real
def test_king_county_keeps_ninety_nine_in_a_hundred_sales():
    validation = validate(landed("king_county_sales_2014", "sales/king_county_2014_2015.csv.gz"))
    assert reasons_of(validation) == {
        "implausible_attributes": 4, "short_term_flip": 125, "low_price": 26, "high_price": 26, "low_price_per_sqft": 29,
        "high_price_per_sqft": 29,
    }  # fmt: skip
    assert (~validation["is_arms_length"]).sum() == 231
    assert 0.005 < 1 - validation["is_arms_length"].mean() < 0.015


@pytest.mark.data
@real
def test_lebanon_s_assessor_is_believed_where_he_qualifies_a_sale_between_namesakes():
    sales = landed("lebanon_nh_roll", "assessor_roll/lebanon_nh_2025_maps_low.csv.gz")
    related = validate(sales)["exclusion_reasons"].map(lambda told: "related_parties" in told).sum()
    believed = validate(sales.assign(sale_qualification=None))["exclusion_reasons"].map(lambda told: "related_parties" in told).sum()
    assert (related, believed) == (7, 156)
