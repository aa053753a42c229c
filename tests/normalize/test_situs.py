"""Situs addresses: Publication 28's own examples, hard cases, and the guard that nothing vanishes unseen."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estate.normalize import pub28
from estate.normalize.situs import COLUMNS, parse_situs, read

# Examples printed in USPS Publication 28, each with its section; fragments stand behind a number where the rule needs one.
PUBLICATION_28 = [
    ("213", "12 East Business Lane, Suite-209", "12 E BUSINESS LN STE 209"),
    ("213", "102 Main St Apartment 101", "102 MAIN ST APT 101"),
    ("213", "1356 Executive Dr Suite 202", "1356 EXECUTIVE DR STE 202"),
    ("213", "1600 Central Pl Building 14", "1600 CENTRAL PL BLDG 14"),
    ("213", "55 Sylvan Blvd Rear", "55 SYLVAN BLVD REAR"),
    ("213", "425 Flower Blvd #72", "425 FLOWER BLVD # 72"),
    ("233", "1 North Bay Street", "1 N BAY ST"),
    ("233", "1 East End Ave", "1 E END AVE"),
    ("233", "1 Bay Drive West", "1 BAY DR W"),
    ("233", "1 North E Main Street", "1 NE MAIN ST"),
    ("233", "1 Southeast Freeway North", "1 SOUTHEAST FWY N"),
    ("233", "1 North Avenue", "1 NORTH AVE"),
    ("233", "1 Bay W Drive", "1 BAY WEST DR"),
    ("234", "789 Main Avenue Drive", "789 MAIN AVENUE DR"),
    ("234", "4513 3rd Street Circle West", "4513 3RD STREET CIR W"),
    ("234", "1000 Ave E", "1000 AVENUE E"),
    ("241", "RURAL ROUTE 91 BOX A7", "RR 91 BOX A7"),
    ("242", "RR03 BOX 98D", "RR 3 BOX 98D"),
    ("244", "RFD 82 BOX 12", "RR 82 BOX 12"),
    ("244", "RD 51 # 25", "RR 51 BOX 25"),
    ("244", "RFD Route 4 #87a", "RR 4 BOX 87A"),
    ("245", "RR 2 BOX 18 Bryan Dairy Rd", "RR 2 BOX 18"),
    ("251", "HC 68 BOX 23A", "HC 68 BOX 23A"),
    ("254", "STAR ROUTE 5 BOX 7", "HC 5 BOX 7"),
    ("281", "POST OFFICE BOX 11890", "PO BOX 11890"),
    ("281", "POST OFFICE BOX G", "PO BOX G"),
    ("D1", "112-10 BRONX RD", "112-10 BRONX RD"),
    ("D2", "12 39.2 RD", "12 39.2 RD"),
    ("D2", "842 E 1700 S", "842 E 1700 S"),
    ("D3", "N6W23001 BLUEMOUND RD", "N6W23001 BLUEMOUND RD"),
    ("D4", "123 1/2 MAIN ST", "123 1/2 MAIN ST"),
    ("F", "5 FM 1200", "5 FM 1200"),
    ("F", "5 FARM TO MARKET 1200", "5 FM 1200"),
    ("F", "5 CR 1185", "5 COUNTY ROAD 1185"),
    ("F", "5 COUNTY RD 441", "5 COUNTY ROAD 441"),
    ("F", "5 US HWY 44", "5 US HIGHWAY 44"),
    ("F", "5 I 10", "5 INTERSTATE 10"),
]


@pytest.mark.parametrize(("section", "raw", "expected"), PUBLICATION_28)
def test_publication_28_examples(section: str, raw: str, expected: str) -> None:
    assert read(raw).address == expected


@pytest.mark.parametrize(("section", "raw", "expected"), PUBLICATION_28)
def test_standardising_a_standardised_address_changes_nothing(section: str, raw: str, expected: str) -> None:
    assert read(expected).address == expected


HARD = [
    # raw, address, number, street, unit, flags
    ("100 FM 1431 Rd", "100 FM 1431 RD", "100", "FM 1431 RD", None, []),
    ("0 N MAIN ST", "0 N MAIN ST", "0", "N MAIN ST", None, ["zero_number"]),
    ("100 St Charles St", "100 ST CHARLES ST", "100", "ST CHARLES ST", None, []),
    ("5 Port St Lucie Blvd", "5 PORT ST LUCIE BLVD", "5", "PORT ST LUCIE BLVD", None, ["saint_or_street"]),
    ("45-17 21st St Apt 3", "45-17 21ST ST APT 3", "45-17", "21ST ST", "APT 3", []),
    ("123½ Main St", "123 1/2 MAIN ST", "123 1/2", "MAIN ST", None, []),
    ("16--18 Dana St", "16-18 DANA ST", "16-18", "DANA ST", None, []),
    ("Main St & 1st Ave", "MAIN ST & 1ST AVE", None, "MAIN ST & 1ST AVE", None, ["intersection"]),
    ("Main St @ 1st Ave", "MAIN ST & 1ST AVE", None, "MAIN ST & 1ST AVE", None, ["intersection"]),
    ("220 MASCOMA ST 90", "220 MASCOMA ST # 90", "220", "MASCOMA ST", "# 90", ["unit_without_designator"]),
    ("2420 MORRIS AVE, 1D", "2420 MORRIS AVE # 1D", "2420", "MORRIS AVE", "# 1D", ["unit_without_designator"]),
    ("12 Main St Apt. #4B", "12 MAIN ST APT 4B", "12", "MAIN ST", "APT 4B", []),
    ("20 MORGAN DR #Unit 30", "20 MORGAN DR UNIT 30", "20", "MORGAN DR", "UNIT 30", []),
    ("Apt 3 12 Main St", "12 MAIN ST APT 3", "12", "MAIN ST", "APT 3", []),
    ("200 N St NW", "200 N ST NW", "200", "N ST NW", None, []),
    ("12 E ST", "12 E ST", "12", "E ST", None, []),
    ("0 HANOVER ST EXT", "0 HANOVER STREET EXT", "0", "HANOVER STREET EXT", None, ["double_suffix", "zero_number"]),
    ("N/A BRISTOW STREET", "BRISTOW ST", None, "BRISTOW ST", None, ["no_number", "not_given"]),
    ("120 SCHOOL STWEST", "120 SCHOOL STWEST", "120", "SCHOOL STWEST", None, []),
    ("12 BROADWAY", "12 BROADWAY", "12", "BROADWAY", None, []),
    ("985 Cox Ave., S.W., Atlanta, Georgia 30310", "985 COX AVE SW", "985", "COX AVE SW", None, ["place_left_out"]),
    ("P.O. Box 12", "PO BOX 12", None, None, None, ["po_box"]),
    ("...", "...", None, None, None, ["unread"]),
]


@pytest.mark.parametrize(("raw", "address", "number", "street", "unit", "flags"), HARD)
def test_hard_addresses_are_read_or_flagged(
    raw: str, address: str, number: str | None, street: str | None, unit: str | None, flags: list[str]
) -> None:
    situs = read(raw)
    assert (situs.address, situs.number, situs.street, situs.unit, sorted(situs.flags)) == (address, number, street, unit, flags)


@pytest.mark.parametrize("text", ["'; DROP TABLE property; --", "<script>alert(1)</script>", "1 OR 1=1", "{{ 7 * 7 }}", "$(id)", "`id`"])
def test_sql_html_and_templates_are_kept_as_text_and_flagged(text: str) -> None:
    situs = read(text)
    assert situs.address == text
    assert situs.flags == {"not_an_address"}
    assert situs.confidence == 0


def test_a_text_too_long_for_an_address_is_flagged_without_being_read() -> None:
    situs = read("1 MAIN ST " * 500_000)
    assert (situs.address, situs.confidence, situs.flags) == (None, 0.0, {"too_long"})


def test_empty_and_null_texts_give_nulls_and_a_flag() -> None:
    parsed = parse_situs(pd.Series([None, "", "   ", float("nan")]))
    assert parsed["situs_flags"].tolist() == [["empty"]] * 4
    assert parsed.drop(columns="situs_flags").isna().all(axis=None)


def test_the_frame_keeps_the_index_the_columns_and_repeated_texts() -> None:
    parsed = parse_situs(pd.Series(["1 OAK ST", None, "1 OAK ST"], index=[7, 3, 5]))
    assert tuple(parsed.columns) == COLUMNS
    assert parsed.index.tolist() == [7, 3, 5]
    assert parsed["situs_street"].tolist() == ["OAK ST", None, "OAK ST"]
    assert parse_situs(pd.Series([], dtype=object)).columns.tolist() == list(COLUMNS)


def test_each_distinct_text_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("estate.normalize.situs.read", lambda text: seen.append(text) or read(text))
    parse_situs(pd.Series(["1 OAK ST"] * 1000 + ["2 OAK ST"]))
    assert seen == ["1 OAK ST", "2 OAK ST"]


def test_every_flag_has_its_ceiling_of_confidence() -> None:
    raised = {flag for raw, *_ in HARD for flag in read(raw).flags} | {flag for _, raw, _ in PUBLICATION_28 for flag in read(raw).flags}
    assert raised <= set(pub28.TABLES["confidence_at_most"])


def test_every_suffix_of_the_table_is_its_own_standard_form() -> None:
    assert all(pub28.SUFFIXES[short] == short for short in pub28.SUFFIXES.values())


WORDS = [
    "MAIN",
    "ST",
    "N",
    "WEST",
    "AVE",
    "APT",
    "#",
    "&",
    "HWY",
    "FM",
    "BOX",
    "RR",
    "PO",
    "OAK",
    "PARK",
    ",",
    "REAR",
    "LOT",
    "Seattle,",
    "WA",
    "N/A",
]
TOKEN = st.one_of(st.sampled_from(WORDS), st.from_regex(r"\A[0-9]{1,5}[A-Z]?\Z"), st.from_regex(r"\A[0-9]{1,3}[-/.][0-9]{1,3}\Z"))


def _digit_groups(text: str | None) -> list[str]:
    return re.findall(r"\d+", text or "")


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(TOKEN, min_size=1, max_size=9).map(" ".join), st.text(max_size=60)))
def test_every_group_of_digits_survives_or_a_flag_is_raised(raw: str) -> None:
    situs = read(raw)
    kept = _digit_groups(situs.address)
    lost = [digits for digits in _digit_groups(raw) if digits not in kept]
    assert not lost or situs.flags
    assert 0 <= (situs.confidence or 0) <= 1


@settings(max_examples=300, deadline=None)
@given(st.lists(TOKEN, min_size=1, max_size=8).map(" ".join))
def test_every_word_survives_in_a_listed_form_or_a_flag_is_raised(raw: str) -> None:
    situs = read(raw)
    listed = pub28.DIRECTIONALS | pub28.SUFFIXES | pub28.UNITS_NUMBERED | pub28.UNITS_ALONE

    def standard(words: list[str]) -> set[str]:
        return {listed.get(word, word) for word in words}

    form = " ".join(situs.address.split()) if situs.address else ""
    highways = {word for given in pub28.HIGHWAYS for word in given}
    lost = standard(re.findall(r"[A-Z]+", raw.upper())) - standard(re.findall(r"[A-Z]+", form)) - highways - {"BOX"}
    assert situs.flags or not {word for word in lost if not any(word in kept for kept in form.split())}
