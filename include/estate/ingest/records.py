"""Raw rows to records: canonical columns and units, the natural key, and what each row is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas import DataFrame, RangeIndex, Series

from estate.contracts.ingest import RECORD
from estate.ingest.canonical import canonical, defect_rows, join_defects, nothing, raw_cells, read_mapping
from estate.ingest.declaration import Source
from estate.ingest.readers import RawTable
from estate.ingest.rules import Fault, present
from estate.normalize.apn import format_apn

# The landing adds these: the core knows neither tenant nor snapshot.
_ADDED_LATER = frozenset({"tenant_id", "snapshot_id", "vintage_date"})
FRAME_COLUMNS = tuple(column for column in RECORD.columns if column.name not in _ADDED_LATER)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The records of one file.

    `frame` has the columns of ingest.record but tenant_id, snapshot_id and vintage_date, one row for each raw row, in file
    order. `defects` (row_number, field_name, raw_value, reason) are the cells that could not be read; they are null in the
    frame. `repeated_rows` are the rows that repeat an earlier one in every cell; they were read once and are not faults.
    """

    frame: DataFrame
    defects: DataFrame
    repeated_rows: tuple[int, ...] = ()


def to_records(raw: RawTable, source: Source) -> Parsed:
    """The rows of `raw` as records of `source`.

    A natural key that comes back with other values keeps every row: its record_key gets ``#2``, ``#3`` and so on, in file
    order, for normalize to resolve. property_key is ``<county_fips>/<apn>`` (with ``/<unit>`` where units share a parcel
    number), or ``<source>:<raw columns>`` where the source declares its own.
    """
    raw, repeated = _without_repeats(raw)
    found = canonical(raw, source, RECORD)
    columns, index = found.columns, raw.rows.index
    columns["source_name"] = Series(source.name, index=index, dtype=object)
    columns["row_number"] = Series(index.to_numpy(dtype="int64"), index=index)
    if source.county_fips:
        columns["county_fips"] = Series(source.county_fips, index=index, dtype=object)
    columns["record_key"], key_defects = _record_key(raw, source)
    if "apn_raw" in columns and "county_fips" in columns:
        columns["apn"] = format_apn(_as_text(columns["apn_raw"]), _as_text(columns["county_fips"]))
    columns["property_key"], about_defects = _property_key(raw, source, columns)
    # Each column is handed over, not copied: a million records are 300 MB, and a frame made in the usual way holds them three times.
    typed = {column.name: _typed(columns.pop(column.name, None), column.sql_type, index) for column in FRAME_COLUMNS}
    frame = DataFrame(typed, index=index, copy=False)
    frame.index = RangeIndex(len(frame))
    return Parsed(frame, join_defects([found.defects, *key_defects, *about_defects]), repeated)


def _without_repeats(raw: RawTable) -> tuple[RawTable, tuple[int, ...]]:
    rows = raw.rows
    if raw.geometry is not None:
        # Hash the outline too: two parcels may share every attribute.
        rows = rows.assign(
            **{"\0geometry": pd.Series([shape.wkb if shape is not None else b"" for shape in raw.geometry], index=rows.index)}
        )
    repeats = rows.duplicated().to_numpy()
    if not repeats.any():
        return raw, ()
    geometry = None if raw.geometry is None else raw.geometry[~repeats]
    return RawTable(raw.header, raw.rows[~repeats], geometry, raw.drift), tuple(int(row) for row in raw.rows.index[repeats])


def _joined(raw: RawTable, names: tuple[str, ...]) -> Series:
    """Raw columns joined by ``|``; NA where every one of them is empty."""
    parts = [present(raw.column(name)) for name in names]
    joined = parts[0].fillna("")
    for part in parts[1:]:
        joined = joined + "|" + part.fillna("")
    empty = pd.concat([part.isna() for part in parts], axis=1).all(axis=1)
    return joined.mask(empty)


def _record_key(raw: RawTable, source: Source) -> tuple[Series, list[DataFrame]]:
    joined = _joined(raw, source.natural_key)
    missing = joined.isna()
    key = _as_text(joined)
    # An empty key is told apart by its row, so that the faulty row can be shown and mended.
    key[missing] = "row " + raw.rows.index[missing].astype(str)
    again = key.duplicated(keep=False)
    repeat = key[again].groupby(key[again], sort=False).cumcount() + 1
    key[again] = key[again].where(repeat == 1, key[again] + "#" + repeat.astype(str))
    # A raw key may itself end in #2; then it is marked until it is free.
    while (taken := key.duplicated()).any():
        key[taken] += "#2"
    if not missing.any():
        return key, []
    fault = Fault(missing, f"the natural key ({', '.join(source.natural_key)}) is empty")
    return key, [defect_rows(fault, "record_key", raw_cells(raw, source.natural_key))]


def _property_key(raw: RawTable, source: Source, columns: dict[str, Series]) -> tuple[Series, list[DataFrame]]:
    index = raw.rows.index
    if source.property_key:
        key = _joined(raw, source.property_key).astype(object)
        values = (source.name + ":" + key).where(key.notna(), None)
        names, complaint = source.property_key, f"what the row is about ({', '.join(source.property_key)}) is empty"
    else:
        county, apn = (_as_text(columns.get(name, nothing(index))) for name in ("county_fips", "apn"))
        values = (county + "/" + apn).where(county.notna() & apn.notna(), None)
        if source.unit_number is not None:
            unit, _ = read_mapping(raw, source.unit_number, source)
            values = values.where(unit.isna(), values + "/" + unit.astype(object).str.upper().str.split().str.join(" "))
        names = source.columns["apn_raw"].raw if "apn_raw" in source.columns else ()
        complaint = "no parcel number, so the row is about no property"
    missing = values.isna()
    return values, [defect_rows(Fault(missing, complaint), "property_key", raw_cells(raw, names))] if missing.any() else []


def _as_text(values: Series) -> Series:
    if values.dtype == object:
        return values.where(values.notna(), None)
    # Arrow keeps one object for equal texts: a column of a few distinct values costs eight bytes a row instead of sixty.
    return Series(pa.Array.from_pandas(values).to_pandas().to_numpy(dtype=object), index=values.index)


def _typed(values: Series | None, sql_type: str, index: pd.Index) -> Series:
    """A column in the type its contract wants: text as object with None, dates as datetime64, numbers as float64."""
    if sql_type.startswith(("text", "geometry")):
        return nothing(index) if values is None else _as_text(values)
    if sql_type == "date":
        return Series(pd.NaT, index=index, dtype="datetime64[ns]") if values is None else pd.to_datetime(values)
    if sql_type == "boolean":
        return Series(pd.NA, index=index, dtype="boolean") if values is None else values.astype("boolean")
    if sql_type == "integer" and values is not None and values.notna().all():
        return values.astype("int64")
    return Series(np.nan, index=index) if values is None else values.astype("float64")
