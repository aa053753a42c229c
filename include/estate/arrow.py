"""Frames to Arrow and Arrow to COPY: one place that knows how a contract's types are written."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from estate.contracts import Contract
from estate.staged import StagedRows, slices_of

_ARROW = {
    "uuid": pa.string(),
    "text": pa.string(),
    "jsonb": pa.string(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "text[]": pa.list_(pa.string()),
    "integer[]": pa.list_(pa.int32()),
    "smallint[]": pa.list_(pa.int16()),
}


def arrow_type(sql_type: str) -> pa.DataType:
    """The Arrow type that carries a contract's SQL type; geometry travels as EWKB in hexadecimal, money as float64."""
    if sql_type.startswith("geometry"):
        return pa.string()
    if sql_type.startswith("numeric"):
        return pa.float64()
    return _ARROW[sql_type]


def frame_to_arrow(frame: pd.DataFrame, contract: Contract) -> pa.Table:
    """`frame` as an Arrow table with exactly the contract's columns and types.

    Raises ValueError naming table and column where a column is missing or a value does not fit its type: a build that
    breaks its contract is a bug, not bad data.
    """
    missing = [name for name in contract.column_names if name not in frame.columns]
    if missing:
        raise ValueError(f"{contract.name}: the build returned no {', '.join(missing)}")
    arrays = []
    for column in contract.columns:
        kind = arrow_type(column.sql_type)
        try:
            arrays.append(_array(frame[column.name], kind))
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
            raise ValueError(f"{contract.name}.{column.name} is not {column.sql_type}: {error}") from error
    return pa.table(arrays, names=list(contract.column_names))


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind):
        return pa.array([None if item is None or item is pd.NA else list(item) for item in values], type=kind)
    if pa.types.is_string(kind) and values.dtype != object:
        values = values.astype(object)
    if pa.types.is_string(kind):
        values = values.where(values.notna(), None)
    if pa.types.is_date32(kind):
        # In seconds, since nanoseconds end in 2262: a placeholder of 9999 is for the gate to judge, not a failure of the build.
        return pa.Array.from_pandas(values.astype("datetime64[s]")).cast(pa.date32())
    if pa.types.is_integer(kind) and values.dtype == object:
        values = values.astype("Float64")
    if pa.types.is_floating(kind) and values.dtype == object:
        values = values.astype("float64")
    array = pa.Array.from_pandas(values)
    if pa.types.is_integer(kind) and pa.types.is_floating(array.type):
        # NaN is not a number of rooms; it is an unknown.
        array = pc.if_else(pc.is_nan(array), None, array)
    if pa.types.is_floating(kind) and pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), None, array)
    return array.cast(kind)


def copy_body(rows: pa.Table | StagedRows) -> Iterator[bytes]:
    """`rows` in blocks of CSV that PostgreSQL's COPY reads: null is empty and unquoted, every text is quoted.

    The bytes do not depend on how the rows are cut into slices.
    """
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    for part in slices_of(rows):
        flat = pa.table([_flat(column) for column in part.columns], names=part.column_names)
        sink = io.BytesIO()
        pacsv.write_csv(flat, sink, write_options=options)
        yield sink.getvalue()


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if not pa.types.is_list(column.type):
        return column
    joined = []
    for chunk in column.chunks:
        # A slice of an array with nulls has offsets that from_arrays refuses; concatenating makes it an array of its own.
        items = pa.concat_arrays([chunk]).cast(pa.list_(pa.string()))
        values = pc.fill_null(_quoted(items.values) if pa.types.is_string(column.type.value_type) else items.values, "NULL")
        items = pa.ListArray.from_arrays(items.offsets, values, mask=_nulls(items))
        text = pc.binary_join_element_wise("{", pc.binary_join(items, ","), "}", "")
        joined.append(text)
    return pa.chunked_array(joined, type=pa.string())


def _nulls(items: pa.ListArray) -> pa.Array | None:
    return items.is_null() if items.null_count else None


def _quoted(values: pa.Array) -> pa.Array:
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    return pc.binary_join_element_wise('"', escaped, '"', "")
