"""Filters and sorts: each finds what a plain reading of the rows finds, and orders as sorted() does."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from functools import cmp_to_key
from typing import Any

import pytest
import summaries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api import filters
from api.database import Database
from api.filters import FILTERS, SORTS, FilterQuery
from api.problems import InvalidParameter
from estate.contracts import CONTRACTS
from tests.servers import Database as Served

servers = pytest.mark.servers
TENANT, OTHER = uuid.UUID(int=71), uuid.UUID(int=72)
ROWS = summaries.some(300)
# A value for every filter that finds some rows and not all.
VALUES: dict[str, Any] = {
    "county_fips": "19169", "situs_zip": "50010", "situs_city": "ames", "property_type": "condo", "q": "main 5001", "owner": "john smith",
    "last_sale_price_usd_min": "300000", "last_sale_price_usd_max": "300000", "last_sale_date_min": "2020-01-15",
    "last_sale_date_max": "2020-01-15", "list_price_usd_min": "400000.5", "list_price_usd_max": "400000.5", "assessed_value_usd_min": "5e4",
    "assessed_value_usd_max": "5e4", "bedroom_count_min": "3", "bedroom_count_max": "3", "bathroom_count_min": "2.5",
    "bathroom_count_max": "2.5", "living_area_sqft_min": "1500", "living_area_sqft_max": "1500", "lot_area_sqft_min": "50000",
    "lot_area_sqft_max": "50000", "year_built_min": "1960", "year_built_max": "1960", "flood_zone": "AE", "is_in_sfha": "false",
    "composite_low_min": "0.25", "composite_low_max": "0.25", "composite_high_min": "0.75", "composite_high_max": "0.75",
    "risk_class": "high", "risk_score_high_min": "50", "risk_score_high_max": "50", "unknown_hazard_count_max": "2",
    "estimated_value_usd_min": "200000", "estimated_value_usd_max": "200000", "has_value": "false", "confidence_min": "0.5",
    "confidence_band": "low", "property_trust_min": "0.5",
    **{f"{hazard}_score_{end}": "0.5" for hazard in ("flood", "wildfire", "heat", "seismic") for end in ("min", "max")},
}  # fmt: skip


@pytest.fixture(scope="module")
def reader(database: Served) -> Iterator[Database]:
    summaries.write(database.superuser_url, TENANT, ROWS)
    summaries.write(database.superuser_url, OTHER, summaries.some(50, seed=2))
    made = Database(database.api_url)
    yield made
    made.close()


def is_meant(row: dict[str, Any], parameter: str, text: str) -> bool:
    """Whether a person who reads the row would say that the filter means it."""
    one = next(one for one in FILTERS if one.parameter == parameter)
    value = row[one.column]
    wanted = getattr(FilterQuery.model_validate({parameter: text}), parameter)
    rules: dict[str, Callable[[], bool]] = {
        "equals": lambda: bool(value == wanted),
        "at_least": lambda: bool(value >= wanted),
        "at_most": lambda: bool(value <= wanted),
        "equals_in_any_case": lambda: bool(value.upper() == wanted.upper()),
        "has_words": lambda: set(wanted.upper().split()) <= set(re.split(r"\W+", value.upper())),
        "mentions": lambda: all(
            word.upper() in f"{value} {row['situs_city']} {row['situs_state']} {row['situs_zip']} {row['apn']}".upper()
            for word in wanted.split()
        ),
    }
    return (value is not None) == wanted if one.operator == "is_known" else value is not None and rules[one.operator]()


def test_every_filter_is_of_a_column_of_the_summary_and_tried_here() -> None:
    assert {one.column for one in FILTERS} <= set(CONTRACTS["provenance.summary"].column_names)
    assert sorted(VALUES) == sorted(one.parameter for one in FILTERS)


@servers
@pytest.mark.parametrize("parameter", VALUES)
def test_a_filter_finds_what_reading_the_rows_finds(reader: Database, parameter: str) -> None:
    meant = sorted(str(row["property_id"]) for row in ROWS if is_meant(row, parameter, VALUES[parameter]))
    assert 0 < len(meant) < len(ROWS)
    assert summaries.ids(summaries.page(reader, TENANT, **{parameter: VALUES[parameter]})[0]) == meant


@servers
def test_filters_together_mean_what_passes_all(reader: Database) -> None:
    asked = {"situs_city": "Ames", "estimated_value_usd_min": "150000", "flood_zone": "X", "q": "st"}
    meant = sorted(str(row["property_id"]) for row in ROWS if all(is_meant(row, name, text) for name, text in asked.items()))
    assert meant
    assert summaries.ids(summaries.page(reader, TENANT, **asked)[0]) == meant


@servers
@pytest.mark.parametrize(
    ("q", "streets"),
    [("100%", {"100% OAK_RD"}), ("oak_rd", {"100% OAK_RD"}), ("oak%rd", set()), ("0__o", set()), ("maine", {"MAINE AVE"}),
     ("st main", {"MAIN ST"}), ("main' OR 1=1 --", set()), ("\\", set()), ("%s", set())],
)  # fmt: skip
def test_text_means_itself_and_every_word_must_occur(reader: Database, q: str, streets: set[str]) -> None:
    try:
        found, _ = summaries.page(reader, TENANT, q=q)
    except ValidationError:
        assert not any(character.isalnum() for character in q)
        return
    assert {row["situs_address"].partition(" ")[2] for row in found} == streets


@servers
@pytest.mark.parametrize(
    ("owner", "names"),
    [("smith", {"SMITH JOHN & MARY"}), ("Mary Smith", {"SMITH JOHN & MARY"}), ("smith mary jane", set()), ("o'brien", {"O'Brien, Pat"}),
     ("holdings", {"Smithson Holdings LLC"}), ("nowak łukasz", {"Łukasz Nowak"}), ("smi%", set()), (".*", None), ("& ,", None)],
)  # fmt: skip
def test_an_owner_is_found_by_whole_words(reader: Database, owner: str, names: set[str] | None) -> None:
    if names is None:
        with pytest.raises(ValidationError):
            FilterQuery.model_validate({"owner": owner})
        return
    found, _ = summaries.page(reader, TENANT, owner=owner, include="owner")
    assert {row["owner_name"] for row in found} == names


def test_a_range_whose_least_is_above_its_greatest_names_both() -> None:
    pairs = [(one.parameter, one.below) for one in FILTERS if one.below]
    assert len(pairs) >= 15
    with pytest.raises(InvalidParameter, match="year_built_min: is above year_built_max") as refused:
        filters.conditions(FilterQuery.model_validate({"year_built_min": "1990", "year_built_max": "1989"}))
    assert refused.value.parameter == "year_built_min"
    assert filters.conditions(FilterQuery.model_validate({"year_built_min": "1990", "year_built_max": "1990"}))[1]


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        ("year_built_min", "1990.5"),
        ("year_built_min", "99999"),
        ("flood_score_max", "1.01"),
        ("flood_score_max", "nan"),
        ("has_value", "yes"),
        ("has_value", "1"),
        ("property_type", "castle"),
        ("risk_class", "LOW"),
        ("estimated_value_usd_min", "-1"),
        ("flood_zone", "ae'"),
        ("last_sale_date_min", "2020-02-30"),
        ("lot_area_sqft_max", "1e13"),
        ("confidence_band", ""),
    ],
)
def test_a_value_out_of_range_is_refused(parameter: str, text: str) -> None:
    with pytest.raises(ValidationError):
        FilterQuery.model_validate({parameter: text})


# Sorts


def in_order(rows: list[dict[str, Any]], name: str) -> list[str]:
    """The identifiers as the declared order has them: by Python's own sorting."""
    sort = SORTS[name]
    sign = -1 if sort.is_descending else 1

    def compared(a: dict[str, Any], b: dict[str, Any]) -> int:
        left, right = a[sort.column], b[sort.column]
        if (left is None) != (right is None):
            return 1 if left is None else -1
        if left != right:
            return sign if left > right else -sign
        return sign if str(a["property_id"]) > str(b["property_id"]) else -sign

    return summaries.ids(sorted(rows, key=cmp_to_key(compared)))


NEAR = {"near": "42.05,-93.65", "radius_m": "100000"}


@servers
@pytest.mark.parametrize("name", [name for name in SORTS if "distance_m" not in name])
@pytest.mark.parametrize("limit", [1, 7, 100, 299, 300, 500])
def test_pages_in_any_order_join_without_gap_or_repeat(reader: Database, name: str, limit: int) -> None:
    if limit == 1:
        asked = {"property_type": "condo", "situs_city": "Ames"}
        rows = [row for row in ROWS if all(is_meant(row, parameter, text) for parameter, text in asked.items())]
    else:
        asked, rows = {}, ROWS
    assert summaries.ids(summaries.all_pages(reader, TENANT, limit, sort=name, fields="property_id", **asked)) == in_order(rows, name)


@servers
@pytest.mark.parametrize("sign", ["", "-"])
def test_pages_by_distance_join_without_gap_or_repeat(reader: Database, sign: str) -> None:
    rows = summaries.all_pages(reader, TENANT, 40, sort=f"{sign}distance_m", **NEAR)
    distances = [row["distance_m"] for row in rows]
    assert distances == sorted(distances, reverse=bool(sign))
    assert sorted(summaries.ids(rows)) == sorted(str(row["property_id"]) for row in ROWS if row["latitude"] is not None)


VALUE = st.one_of(st.none(), st.sampled_from([0.0, 0.1, 0.1 + 2**-56, 1 / 3, 1e11]))


@servers
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUE, min_size=1, max_size=9), limit=st.integers(1, 4), name=st.sampled_from(["", "-"]))
def test_no_row_is_lost_or_repeated_where_unknown_values_begin(
    database: Served, reader: Database, values: list[float | None], limit: int, name: str
) -> None:
    tenant = uuid.uuid4()
    rows = [summaries.row_at(number, estimated_value_usd=value) for number, value in enumerate(values, start=1)]
    summaries.write(database.superuser_url, tenant, rows)
    sort = f"{name}estimated_value_usd"
    assert summaries.ids(summaries.all_pages(reader, tenant, limit, sort=sort)) == in_order(rows, sort)
