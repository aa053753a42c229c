"""Parcel numbers: each county's own form, nothing invented."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estate.normalize.apn import apn_forms, format_apn

DATA = Path(os.environ.get("ESTATE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

KNOWN = [
    ("06001", "8-648-17", "008-0648-017-00"),
    ("06001", "23-410-33-2", "023-0410-033-02"),
    ("06001", "008 064801700", "008-0648-017-00"),
    ("06001", "48A-7112-5-2", "048A-7112-005-02"),
    ("06037", "4291022011", "4291-022-011"),
    ("06075", "0856003", "0856-003"),
    ("06075", "0026T012A", "0026T-012A"),
    ("06075", "26T/12A", "0026T-012A"),
    ("17031", "10251190141002", "10-25-119-014-1002"),
    ("17031", "1234567890123", "01-23-456-789-0123"),
    ("19169", "0526301100", "05-26-301-100"),
    ("36005", "2-2260-10", "2-02260-0010"),
    ("36005", "2022600010", "2-02260-0010"),
    ("53033", "7129300520", "712930-0520"),
    ("53033", "712930-0520", "712930-0520"),
    ("53033", "1200021", "000120-0021"),
]


@pytest.mark.parametrize(("county_fips", "raw", "expected"), KNOWN)
def test_a_number_is_written_in_its_countys_form(county_fips: str, raw: str, expected: str) -> None:
    assert format_apn(pd.Series([raw]), pd.Series([county_fips])).tolist() == [expected]


@pytest.mark.parametrize(("county_fips", "raw", "expected"), KNOWN)
def test_writing_a_written_number_changes_nothing(county_fips: str, raw: str, expected: str) -> None:
    assert format_apn(pd.Series([expected]), pd.Series([county_fips])).tolist() == [expected]


def test_a_number_that_does_not_fit_its_form_stays_as_received() -> None:
    raw = pd.Series(["71293005201", "12-34-56", "lot 7", "<b>1</b>", "٧١٢٩٣٠٠٥٢٠"])
    assert format_apn(raw, pd.Series(["53033"] * 5)).tolist() == ["71293005201", "12-34-56", "LOT 7", "<B>1</B>", "٧١٢٩٣٠٠٥٢٠"]


def test_an_unlisted_or_unknown_county_keeps_the_number_in_upper_case_with_single_spaces() -> None:
    assert format_apn(pd.Series([" 12-a  7 ", "12-a"]), pd.Series(["48453", None])).tolist() == ["12-A 7", "12-A"]


def test_null_and_blank_numbers_stay_null_and_the_index_is_kept() -> None:
    apn = format_apn(pd.Series([None, "  ", float("nan"), "1200021"], index=[9, 7, 5, 3]), pd.Series(["53033"] * 4, index=[9, 7, 5, 3]))
    assert apn.tolist() == [None, None, None, "000120-0021"]
    assert apn.index.tolist() == [9, 7, 5, 3]


def test_an_empty_column_gives_an_empty_column() -> None:
    assert format_apn(pd.Series([], dtype=object), pd.Series([], dtype=object)).empty


@given(st.text(alphabet="0123456789 -./AB", min_size=1, max_size=18), st.sampled_from(sorted(apn_forms())))
def test_digits_are_never_dropped_or_reordered(raw: str, county_fips: str) -> None:
    apn = format_apn(pd.Series([raw]), pd.Series([county_fips])).iloc[0]
    given_digits, kept = (re.sub(r"\D", "", text or "") for text in (raw, apn))
    remaining = iter(kept)
    assert all(digit in remaining for digit in given_digits)
    assert len(kept.replace("0", "")) == len(given_digits.replace("0", ""))


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "addresses").exists(), reason="public data sets are absent")
def test_every_alameda_number_agrees_with_the_countys_own_sort_key() -> None:
    points = pd.read_csv(DATA / "addresses" / "alameda_ca_address_points_excerpt.csv.gz", dtype=str)
    apn = format_apn(points["APN"], pd.Series("06001", index=points.index))
    assert apn.str.replace("-", "").tolist() == points["APN_SORT"].str.replace(" ", "").tolist()


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "addresses").exists(), reason="public data sets are absent")
def test_every_san_francisco_block_lot_fits_the_form() -> None:
    points = pd.read_csv(DATA / "addresses" / "sf_address_points_excerpt.csv.gz", dtype=str)
    block_lot = points["BLK_LOT"].dropna()
    apn = format_apn(block_lot, pd.Series("06075", index=block_lot.index))
    assert apn.str.contains("-").all()
    assert (apn.str.replace("-", "") == block_lot).all()
