"""Situs parsing measured on real sets; each floor is what a change must not fall below."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from estate.normalize.pub28 import DIRECTIONALS, SUFFIXES
from estate.normalize.situs import parse_situs, read

ADDRESSES = Path(os.environ.get("ESTATE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "addresses"

pytestmark = [pytest.mark.data, pytest.mark.skipif(not ADDRESSES.exists(), reason="public data sets are absent")]


def _street(name: str, suffix: object, directional: object = None) -> str:
    """The components of a street put together by table only, without the parser under test."""
    words = [*([directional] if isinstance(directional, str) else []), *name.split()]
    if len(words) > 1 and words[0] in DIRECTIONALS:
        words[0] = DIRECTIONALS[words[0]]
    return " ".join([*words, SUFFIXES.get(suffix, suffix)] if isinstance(suffix, str) else words)


def _agreement(parsed: pd.DataFrame, number: pd.Series, street: pd.Series, unit: pd.Series) -> float:
    same = (parsed["situs_number"] == number) & (parsed["situs_street"] == street) & (parsed["situs_unit"].fillna("") == unit)
    return float(same.mean())


def test_alameda_addresses_agree_with_their_components() -> None:
    points = pd.read_csv(ADDRESSES / "alameda_ca_address_points_excerpt.csv.gz", dtype=str)
    street = pd.Series([_street(*row) for row in zip(points["FEANME"], points["FEATYP"], points["DIRPRE"], strict=True)])
    unit = ("APT " + points["UNIT"]).fillna("")
    parsed = parse_situs(points["ADDRESS"] + (" " + unit).where(unit != "", ""))
    assert _agreement(parsed, points["ST_NUM"], street, unit) >= 0.999


def test_san_francisco_addresses_agree_with_their_components() -> None:
    points = pd.read_csv(ADDRESSES / "sf_address_points_excerpt.csv.gz", dtype=str)
    points = points[points["ST_NAME"].notna()].reset_index(drop=True)
    street = pd.Series([_street(*row) for row in zip(points["ST_NAME"], points["ST_TYPE"], strict=True)])
    number = points["ADDR_NUM"].str.removesuffix(".0") + points["ADDR_N_SFX"].fillna("")
    unit = ("# " + points["UNIT_NUM"].str.replace(" ", "")).fillna("")
    parsed = parse_situs(points["ADDRESS"] + (" " + unit).where(unit != "", ""))
    assert _agreement(parsed, number, street, unit) >= 0.999


def _labelled(name: str) -> list[dict]:
    opened = gzip.open if name.endswith("gz") else open
    with opened(ADDRESSES / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("name", "floor"),
    [
        ("usaddress_train_labeled.jsonl.gz", 0.99),
        ("usaddress_train_us50.jsonl", 0.95),
        ("usaddress_train_us50_messiest.jsonl", 0.95),
        ("usaddress_train_multiword_states.jsonl", 1.0),
    ],
)
def test_hand_labelled_numbers_are_found(name: str, floor: float) -> None:
    rows = _labelled(name)
    expected = [" ".join(token.strip(".,").upper() for token, label in row["tokens"] if label.startswith("AddressNumber")) for row in rows]
    found = parse_situs(pd.Series([row["raw"] for row in rows]))["situs_number"].fillna("")
    assert (found == pd.Series(expected)).mean() >= floor


def test_opencage_streets_are_found_again_in_the_whole_formatted_address() -> None:
    cases = [case for case in _labelled("opencage_us_format_cases.jsonl") if "house_number" in case["components"]]
    assert len(cases) >= 8
    for case in cases:
        line = f"{case['components']['house_number']} {case['components']['road']}"
        whole = read(case["expected"].replace("\n", ", "))
        assert whole.address == read(line).address, case["description"]
