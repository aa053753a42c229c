"""Personal data: which columns hold them is said in the contracts, once, and nothing that looks like one is left out."""

from __future__ import annotations

import re

import pytest

from api.personal import PERSONAL, personal_columns, personal_in
from api.search_statements import OWNERS
from estate.contracts import CONTRACTS

COLUMNS = [(promise.name, column) for promise in CONTRACTS.values() for column in promise.columns]


def test_every_column_that_names_an_owner_a_seller_or_a_buyer_or_says_where_the_post_goes_is_personal() -> None:
    named = {(table, column.name) for table, column in COLUMNS if re.search("owner|mailing|seller|buyer", column.name)}
    assert named == {
        ("ingest.record", "owner_name"), ("ingest.record", "mailing_address"), ("ingest.record", "seller_name"),
        ("normalize.property", "owner_name"), ("normalize.property", "mailing_address"), ("provenance.summary", "owner_name"),
    }  # fmt: skip
    assert named <= PERSONAL


def test_rows_as_their_source_wrote_them_are_personal_and_nothing_else_is() -> None:
    said = {(table, column.name) for table, column in COLUMNS if column.meaning.endswith("(personal data)")}
    assert {("ingest.raw_chunk", "rows"), ("provenance.quarantine", "raw_row")} == PERSONAL - said
    assert said < PERSONAL


@pytest.mark.parametrize("table", [name for name, promise in CONTRACTS.items() if promise.kind == "published"])
def test_what_is_copied_from_a_personal_column_is_personal(table: str) -> None:
    for column in CONTRACTS[table].columns:
        if column.made == "copied" and any(tuple(name.rsplit(".", 1)) in PERSONAL for name in column.made_from):
            assert column.is_personal, column.name


def test_a_conflict_is_personal_where_its_field_is() -> None:
    table = "normalize.conflict"
    assert personal_columns(table) == ()
    for name in CONTRACTS["normalize.property"].column_names:
        said = {"losing_value", "winning_value"} if name in {"owner_name", "mailing_address"} else set()
        assert personal_in(table, {"field_name": name}) == said, name


def test_a_search_shows_the_personal_columns_of_its_table_when_asked_alone() -> None:
    assert OWNERS == personal_columns("provenance.summary") == ("owner_name",)
