"""Frames to Arrow, Arrow to COPY, and back out of the database: what goes in comes out."""

import uuid
from datetime import date

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from estate.arrow import arrow_type, copy_body, frame_to_arrow
from estate.contracts import CONTRACTS, Column, Contract
from estate.warehouse import copy_to_temporary, frame_sha256

NASTY = [
    "", " ", "plain", 'a "quote"', "'", "a,b", "two\nlines", "crlf\r\n", "back\\slash", "\\N", "\\.", "NULL", "{}", "{a,b}", "tab\there",
    "Søndre ångström", "中文", "🏠", "e\u0301", "\u202edlo", "\ufeffbom", "%s", "'); DROP TABLE x; --", "x" * 100_000,
]  # fmt: skip
THING = Contract(
    name="test.thing",
    kind="record",
    grain="one nasty value of each type",
    key=("n",),
    columns=tuple(
        Column(name, sql_type, name)
        for name, sql_type in {
            "n": "integer", "a_text": "text", "a_uuid": "uuid", "a_json": "jsonb", "a_date": "date", "a_time": "timestamptz",
            "a_bool": "boolean", "a_small": "smallint", "a_big": "bigint", "a_double": "double precision", "a_price": "numeric(14,2)",
            "texts": "text[]", "ints": "integer[]", "smalls": "smallint[]",
        }.items()
    ),
)  # fmt: skip


def things(**columns):
    """A frame of THING in which all columns but those given are null."""
    count = max(len(values) for values in columns.values())
    frame = pd.DataFrame({name: pd.Series([None] * count, dtype=object) for name in THING.column_names})
    frame["n"] = range(count)
    for name, values in columns.items():
        frame[name] = pd.Series(values, dtype=None if isinstance(values, np.ndarray) else object)
    return frame


@pytest.fixture
def round_trip(database):
    """Copy a frame into a temporary table, and read one column back."""

    def copied(column, frame):
        rows = frame_to_arrow(frame, THING)
        with psycopg.connect(database.pipeline_url) as connection:
            copy_to_temporary(connection, THING, rows)
            cursor = connection.execute(psycopg.sql.SQL("SELECT {} FROM staging_thing ORDER BY n").format(psycopg.sql.Identifier(column)))
            return [value for (value,) in cursor]

    return copied


@pytest.mark.servers
def test_texts_come_out_as_they_went_in_and_null_is_not_the_empty_text(round_trip):
    assert round_trip("a_text", things(a_text=[*NASTY, None])) == [*NASTY, None]


@pytest.mark.servers
def test_arrays_of_texts_keep_their_items_their_nulls_and_their_emptiness(round_trip):
    arrays = [[text] for text in NASTY] + [NASTY[:10], [], None, [None], ["a", None, "NULL", ""]]
    assert round_trip("texts", things(texts=arrays)) == arrays


@pytest.mark.servers
@pytest.mark.parametrize("column", ["ints", "smalls"])
def test_arrays_of_numbers_keep_their_items_their_nulls_and_their_emptiness(round_trip, column):
    arrays = [[1], [-1, 32767], [], None, [None], [1, None, 3]]
    assert round_trip(column, things(**{column: arrays})) == arrays


@pytest.mark.servers
def test_arrays_survive_being_cut_into_slices(round_trip, monkeypatch):
    monkeypatch.setattr("estate.staged.SLICE_ROWS", 2)
    arrays = [[1, 2], None, [3], [], None, [4, None, 5], [6]]
    texts = [["a"], None, ['b"', None], [], None, ["c\\"], ["d"]]
    assert round_trip("ints", things(ints=arrays)) == arrays
    assert round_trip("texts", things(texts=texts)) == texts


@pytest.mark.servers
def test_numbers_come_out_to_the_last_bit_and_nan_is_null(round_trip):
    numbers = [0.1, -0.0, 1e-300, 1.7976931348623157e308, 2**53 + 0.0, 1 / 3]
    assert round_trip("a_double", things(a_double=np.array([*numbers, np.nan]))) == [*numbers, None]
    assert round_trip("a_double", things(a_double=[*numbers, None, np.nan])) == [*numbers, None, None]


@pytest.mark.servers
def test_whole_numbers_with_gaps_stay_whole(round_trip):
    assert round_trip("a_small", things(a_small=np.array([1900.0, np.nan]))) == [1900, None]
    assert round_trip("a_small", things(a_small=[1900, None, pd.NA])) == [1900, None, None]
    assert round_trip("a_big", things(a_big=np.array([2**62]))) == [2**62]


@pytest.mark.servers
def test_money_is_rounded_to_the_cent(round_trip):
    assert [str(value) for value in round_trip("a_price", things(a_price=[0.1, 123456789012.34, -5.0]))] == [
        "0.10",
        "123456789012.34",
        "-5.00",
    ]


@pytest.mark.servers
def test_dates_come_out_whatever_they_were(round_trip):
    days = [date(1600, 1, 1), date(2026, 2, 28), date(9999, 12, 31)]
    assert round_trip("a_date", things(a_date=[*days, None]))[1:] == [*days[1:], None]
    assert round_trip("a_date", things(a_date=np.array(["2026-02-28", "NaT"], dtype="datetime64[ns]"))) == [date(2026, 2, 28), None]


@pytest.mark.servers
def test_booleans_uuids_times_and_json_come_out(round_trip):
    assert round_trip("a_bool", things(a_bool=[True, False, None])) == [True, False, None]
    some = uuid.uuid4()
    assert round_trip("a_uuid", things(a_uuid=[str(some), None])) == [some, None]
    now = pd.Timestamp("2026-01-01T12:34:56.123456Z")
    assert round_trip("a_time", things(a_time=[now, None])) == [now.to_pydatetime(), None]
    assert round_trip("a_json", things(a_json=['{"a": ["\\"", null]}', None])) == [{"a": ['"', None]}, None]


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match=r"test\.thing: the build returned no a_text"):
        frame_to_arrow(things(a_text=["x"]).drop(columns="a_text"), THING)


@pytest.mark.parametrize(
    ("column", "value"),
    [("a_small", 99999), ("a_small", 1.5), ("a_small", "x"), ("a_double", "x"), ("a_date", "no date"), ("texts", 5), ("a_bool", "maybe")],
)
def test_a_value_that_does_not_fit_is_named_with_its_column(column, value):
    with pytest.raises(ValueError, match=rf"test\.thing\.{column} is not "):
        frame_to_arrow(things(**{column: [value]}), THING)


def test_every_type_of_the_contracts_has_an_arrow_type():
    for promise in CONTRACTS.values():
        for column in promise.columns:
            assert isinstance(arrow_type(column.sql_type), pa.DataType)


def test_the_digest_depends_on_rows_and_order_and_not_on_slices(monkeypatch):
    whole = frame_to_arrow(things(a_text=list("abcdefg"), texts=[["x"]] * 7), THING)
    assert frame_sha256(whole) == frame_sha256(pa.concat_tables([whole.slice(0, 3), whole.slice(3)]))
    assert frame_sha256(whole) != frame_sha256(whole.take([1, 0, 2, 3, 4, 5, 6]))
    digest = frame_sha256(whole)
    monkeypatch.setattr("estate.staged.SLICE_ROWS", 2)
    assert frame_sha256(whole) == digest


def test_no_rows_are_an_empty_body():
    assert b"".join(copy_body(frame_to_arrow(things(a_text=["x"]).head(0), THING))) == b""
