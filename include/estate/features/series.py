"""Reading files of public market series, wide and long, into one shape: areas, and a value for each area and period.

What is not exactly what the source's layout declares is refused, naming file, row and column. An empty cell says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas import DataFrame, Series

from estate.errors import LandingRefused
from estate.ingest.archives import unpacked
from estate.ingest.cells import check_cells, check_header
from estate.ingest.declaration import MarketSeries, Source
from estate.ingest.delimited import read_csv
from estate.ingest.drift import check_columns, compare_columns
from estate.ingest.rules import TEXT, apply_rules, as_numbers, present

# "Seattle-Tacoma-Bellevue, WA", "Louisville/Jefferson County, KY-IN". The divisions of a metropolitan area, "(MSAD)", are parts of it and
# have no code of their own: the part is not the whole.
_METRO = re.compile(r"(?P<city>[^,/-]+)[^,]*,\s*(?P<state>[A-Z]{2})(?:-[A-Z]{2})*")
_QUARTER_COLUMNS = 2
_QUARTERS = 4


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """A file of a series as it is.

    `areas` has area_code, area_kind, area_name, county_fips and metro_code, one row an area, null where unknown. `values` has area_code,
    period_date (last day of the period) and value, one row a value that the file gives.
    """

    areas: DataFrame
    values: DataFrame


def read_series(data: bytes, source: Source, file_name: str) -> SeriesTable:
    """The series in the file `data`, read as `source` declares; gzip is recognised by its content.

    Raises LandingRefused naming the file, with row and column where one is at fault, and the remedy.
    """
    layout = source.series
    if layout is None:
        raise ValueError(f"{source.name} is no market series")
    try:
        return _read(data, source, layout)
    except LandingRefused as refusal:
        told = LandingRefused(f"{file_name}: {refusal.reason}", remedy=refusal.remedy, drift=refusal.drift)
        told.row, told.field = refusal.row, refusal.field
        raise told from None


def metro_code(name: str) -> str | None:
    """First city and first state of a metropolitan area's name, or None where it names no city and state or is a division.

    >>> metro_code("Seattle-Tacoma-Bellevue, WA")
    'seattle-wa'
    """
    found = _METRO.fullmatch(name.strip())
    if found is None:
        return None
    city = re.sub(r"[^a-z0-9]+", "-", found["city"].lower()).strip("-")
    return f"{city}-{found['state'].lower()}" if city else None


def _read(data: bytes, source: Source, layout: MarketSeries) -> SeriesTable:
    if not data:
        raise LandingRefused("the file is empty", remedy="Send the file with its header and rows.")
    cells = read_csv(unpacked(data), source)
    check_header(cells.header)
    across = _periods_across(cells.header, source, layout)
    drift = compare_columns(tuple(name for name in cells.header if name not in across), source)
    check_columns(drift, source)
    check_cells(cells)
    names = [drift.renamed.get(name, name) for name in cells.header]
    table = pa.table(cells.columns, names=names).to_pandas(types_mapper=lambda _: TEXT)
    table.index = pd.RangeIndex(1, cells.row_count + 1, name="row_number")

    columns = list(across) or list(layout.areas) or [layout.value]
    row_count, width = len(table), len(columns)
    text = present(pd.concat([table[name] for name in columns], ignore_index=True))
    text = text.mask(text.isin(layout.missing).fillna(False).astype(bool)) if layout.missing else text
    place = DataFrame({"row_number": np.tile(table.index, width), "column": np.repeat(np.arange(width), row_count)})
    numbers = _numbers(text, place, columns, layout)

    areas = _areas(table, layout)
    if layout.areas:
        place["area_code"] = np.repeat(np.array(columns, dtype=object), row_count)
    else:
        place["area_code"] = np.tile(areas["area_code"].to_numpy(dtype=object), width)
    if across:
        place["period_date"] = np.repeat(np.array(list(across.values()), dtype="datetime64[ns]"), row_count)
    else:
        place["period_date"] = np.tile(_periods(table, layout).to_numpy(), width)
    values = place.assign(value=numbers)[numbers.notna()]
    if values.empty:
        raise LandingRefused("the file holds no value at all", remedy="Send the file with its values.")
    _check_once(values, columns)
    values = values[["area_code", "period_date", "value"]].sort_values(["area_code", "period_date"], ignore_index=True)
    return SeriesTable(_one_row_an_area(areas), values)


def _periods_across(header: tuple[str, ...], source: Source, layout: MarketSeries) -> dict[str, pd.Timestamp]:
    """The columns that are periods, with the last day of each; a column that is neither that nor declared is left for the drift."""
    if layout.layout != "periods_across":
        return {}
    free = [name for name in header if name not in source.declared]
    days = pd.to_datetime(Series(free, dtype=object), format=layout.period_format, errors="coerce", exact=True)
    found = {name: _last_day(day, layout) for name, day in zip(free, days, strict=True) if pd.notna(day)}
    if not found:
        raise LandingRefused(
            f"no column is a period written {layout.period_format}", remedy="Send the columns of values, or correct period_format."
        )
    return found


def _last_day(day: pd.Timestamp, layout: MarketSeries) -> pd.Timestamp:
    if layout.frequency == "week":
        return day
    return day + (pd.offsets.MonthEnd(0) if layout.frequency == "month" else pd.offsets.QuarterEnd(0))


def _periods(table: DataFrame, layout: MarketSeries) -> Series:
    """The last day of each row's period."""
    if len(layout.period) == _QUARTER_COLUMNS:
        (year, bad_year), (quarter, bad_quarter) = (as_numbers(present(table[name])) for name in layout.period)
        bad_year |= ~(year.between(1700, 2200) & (year == year.round()))
        bad_quarter |= ~quarter.isin(range(1, _QUARTERS + 1))
        _refuse_first(table[layout.period[0]], bad_year, "is not a year", "Correct the row.")
        _refuse_first(table[layout.period[1]], bad_quarter, "is not a quarter, 1 to 4", "Correct the row.")
        first = pd.to_datetime({"year": year, "month": quarter * 3, "day": 1})
        return first + pd.offsets.MonthEnd(0)
    cells = present(table[layout.period[0]])
    days = pd.to_datetime(cells.astype(object), format=layout.period_format, errors="coerce", exact=True)
    _refuse_first(table[layout.period[0]], days.isna(), f"is not a day written {layout.period_format}", "Correct the row.")
    return days.map(lambda day: _last_day(day, layout))


def _numbers(text: Series, place: DataFrame, columns: list[str], layout: MarketSeries) -> Series:
    numbers, unreadable = as_numbers(text)
    least, most = layout.value_range
    for mask, complaint in (
        (unreadable, "is not a number"),
        (numbers.notna() & ~numbers.between(least, most), f"is not between {least:,g} and {most:,g} ({layout.unit})"),
    ):
        if mask.any():
            first = int(np.argmax(mask.to_numpy(dtype=bool)))
            row, column = (int(place[name].iloc[first]) for name in ("row_number", "column"))
            raise LandingRefused(
                f"the cell {text[first][:40]!r} {complaint}",
                row=row,
                field=columns[column],
                remedy="Correct the cell; leave it empty where the value is unknown.",
            )
    return numbers


def _areas(table: DataFrame, layout: MarketSeries) -> DataFrame:
    """One row for each row of the file, or for each declared area where those stand across."""
    if layout.areas:
        names = Series(layout.areas)
        found = DataFrame({"area_code": names.index, "area_name": names.to_numpy(), "area_kind": layout.area_kind})
        found["metro_code"] = [metro_code(name) for name in found["area_name"]]
        return found.assign(county_fips=None)
    found = DataFrame({name: present(table[raw]).astype(object) for name, raw in _named(layout)})
    for name, raw in _named(layout):
        _refuse_first(table[raw], found[name].isna(), "is empty", "Every area has a code and a name: complete the row.")
    found["area_kind"] = layout.area_kind
    if layout.kind_column:
        found["area_kind"] = present(table[layout.kind_column]).astype(object).map(layout.kinds)
        known = ", ".join(layout.kinds)
        _refuse_first(table[layout.kind_column], found["area_kind"].isna(), f"is none of {known}", "Declare what it stands for in kinds.")
    found["county_fips"] = _county_fips(table, layout)
    parts = [present(table[name]) for name in layout.metro]
    named = Series(None, index=table.index, dtype=object)
    if parts:
        named = apply_rules(parts, ["concat:, "], {})[0].astype(object).where(parts[0].notna(), None)
    # The nation and the states belong to no metropolitan area, whatever they are called.
    named = named.where(named.notna() & found["area_kind"].isin(["county", "metro"]), None)
    codes = {name: metro_code(name) for name in named.dropna().unique()}
    return found.assign(metro_code=named.map(codes, na_action="ignore").astype(object))


def _named(layout: MarketSeries) -> list[tuple[str, str]]:
    return [("area_code", layout.area_code), ("area_name", layout.area_name)]


def _county_fips(table: DataFrame, layout: MarketSeries) -> Series:
    if not layout.county_fips:
        return Series(None, index=table.index, dtype=object)
    state, county = (present(table[name]) for name in layout.county_fips)
    for part, width in ((state, 2), (county, 3)):
        readable = part.str.fullmatch(rf"\d{{1,{width}}}").fillna(False).astype(bool)
        _refuse_first(table[part.name], ~readable, f"is not a code of at most {width} digits", "Correct the row.")
    return (state.str.zfill(2) + county.str.zfill(3)).astype(object)


def _refuse_first(cells: Series, is_wrong: Series, complaint: str, remedy: str) -> None:
    if is_wrong.any():
        row = is_wrong.index[int(np.argmax(is_wrong.to_numpy(dtype=bool)))]
        raise LandingRefused(f"the cell {cells[row][:40]!r} {complaint}", row=int(row), field=str(cells.name), remedy=remedy)


def _check_once(values: DataFrame, columns: list[str]) -> None:
    twice = values.duplicated(["area_code", "period_date"])
    if twice.any():
        first = values[twice].iloc[0]
        raise LandingRefused(
            f"the area {first['area_code']} has a second value for the period that ends {first['period_date']:%Y-%m-%d}",
            row=int(first["row_number"]),
            field=columns[int(first["column"])],
            remedy="Leave one of them.",
        )


def _one_row_an_area(areas: DataFrame) -> DataFrame:
    """Each area once; two metropolitan areas of one code are told apart by nobody, so neither has it."""
    once = areas.drop_duplicates(ignore_index=True)
    twice = once["area_code"].duplicated()
    if twice.any():
        code = once.loc[twice, "area_code"].iloc[0]
        raise LandingRefused(f"the area {code} has two names", remedy="Name it alike in every row.")
    is_metro = once["area_kind"] == "metro"
    shared = is_metro & once["metro_code"].notna() & once["metro_code"].where(is_metro).duplicated(keep=False)
    once = once.assign(metro_code=once["metro_code"].mask(shared, None))
    columns = ["area_code", "area_kind", "area_name", "county_fips", "metro_code"]
    return once[columns].astype(object).where(once[columns].notna(), None).sort_values("area_code", ignore_index=True)
