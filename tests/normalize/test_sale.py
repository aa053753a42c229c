"""Sales: each real sale once, and whether it is evidence of market value."""

from __future__ import annotations

import pandas as pd
import pytest

from estate.contracts import contract
from estate.normalize.property import merge
from estate.normalize.sale import CHECKS, sales


@pytest.fixture
def sold(records_of, sources):
    """Sales made of hand-written records."""

    def make(*rows: dict, deals: pd.DataFrame | None = None) -> pd.DataFrame:
        records = records_of(*({"source_name": "register", "sale_price_usd": 400_000.0, "sale_date": "2024-03-01"} | row for row in rows))
        return sales(records, merge(records, sources=sources).property, sources=sources, deals=deals)

    return make


def test_the_frame_has_the_contracts_columns(sold):
    assert list(sold({}).columns) == list(contract("normalize.sale").column_names)
    assert list(sold({"sale_date": None}).columns) == list(contract("normalize.sale").column_names)


def test_a_record_without_price_or_date_is_no_sale(sold):
    assert sold({"sale_price_usd": None}, {"sale_date": None, "property_key": "2"}).empty


def test_one_sale_reported_by_two_sources_appears_once_with_the_higher_authoritys_row(sold):
    (sale,) = sold({"source_name": "register"}, {"source_name": "roll", "document_number": "A1"}).to_dict("records")
    assert (sale["source_name"], sale["row_number"], sale["document_number"]) == ("roll", 2, "A1")


def test_what_the_kept_report_lacks_is_taken_from_the_other(sold):
    (sale,) = sold({"source_name": "register", "document_number": "A1", "recording_date": "2024-03-05"}, {"source_name": "roll"}).to_dict(
        "records"
    )
    assert (sale["source_name"], sale["document_number"], sale["recording_date"]) == ("roll", "A1", pd.Timestamp("2024-03-05"))


def test_the_same_sale_in_two_files_keeps_its_identity(sold):
    one = sold({"vintage_date": "2024-06-01"})
    both = sold({"vintage_date": "2024-06-01"}, {"vintage_date": "2025-06-01"})
    assert one["sale_id"].tolist() == both["sale_id"].tolist()


def test_two_instruments_on_one_day_at_one_price_are_two_sales(sold):
    assert sold({"document_number": "A1"}, {"document_number": "A2"})["sale_id"].nunique() == 2


def test_resales_of_one_property_are_sales_of_their_own(sold):
    assert len(sold({}, {"sale_date": "2024-09-01"}, {"sale_price_usd": 410_000.0})) == 3


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        ({}, []),
        ({"sale_price_usd": 999.99}, ["nominal_price"]),
        ({"sale_price_usd": 0.0}, ["nominal_price"]),
        ({"sale_price_usd": 1000.0}, []),
        ({"sale_qualification": "U"}, ["source_says_unqualified"]),
        ({"sale_qualification": "Abnorml"}, ["source_says_unqualified"]),
        ({"sale_qualification": "Q"}, []),
        ({"sale_qualification": "Normal"}, []),
        ({"vintage_date": "2024-02-29"}, ["after_vintage"]),
        ({"vintage_date": "2024-03-01"}, []),
        ({"sale_price_usd": 1.0, "sale_qualification": "u"}, ["nominal_price", "source_says_unqualified"]),
    ],
)
def test_a_sale_that_is_no_evidence_says_why(sold, row, reasons):
    (sale,) = sold(row).to_dict("records")
    assert sale["exclusion_reasons"] == reasons
    assert sale["is_arms_length"] == (not reasons)


def test_one_price_under_one_instrument_for_several_parcels_is_a_multi_parcel_sale(sold):
    parcels = sold({"property_key": "a", "document_number": "A1"}, {"property_key": "b", "document_number": "A1"}, {"property_key": "c"})
    assert sorted(map(tuple, parcels["exclusion_reasons"])) == [(), ("multi_parcel",), ("multi_parcel",)]


def test_one_price_on_one_day_alone_is_chance_but_with_one_seller_it_is_one_deal(sold):
    assert sold({"property_key": "a"}, {"property_key": "b"})["is_arms_length"].all()
    assert not sold({"property_key": "a", "seller_name": "X LLC"}, {"property_key": "b", "seller_name": "x llc"})["is_arms_length"].any()


def test_a_parcel_sold_together_with_one_outside_the_batch_is_found_among_the_deals(sold, records_of):
    shared = {"source_name": "register", "sale_price_usd": 400_000.0, "sale_date": "2024-03-01", "document_number": "A1"}
    deals = records_of({**shared, "property_key": "a"}, {**shared, "property_key": "elsewhere"})
    (sale,) = sold({"property_key": "a", "document_number": "A1"}, deals=deals).to_dict("records")
    assert sale["exclusion_reasons"] == ["multi_parcel"]


def test_a_sale_keeps_at_most_three_reasons(sold):
    rows = [{"property_key": key, "sale_qualification": "U", "document_number": "A1", "vintage_date": "2023-01-01"} for key in ("a", "b")]
    assert sold(*rows)["exclusion_reasons"].tolist() == [["source_says_unqualified", "multi_parcel", "after_vintage"]] * 2


def test_every_check_says_why():
    assert all(check["reason"] for check in CHECKS.values())
