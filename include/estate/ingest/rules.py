"""The named rules that turn raw cells into canonical values: vectorised, and never silent about what they could not read.

A rule takes one Series or several (dtype ``string``, "missing" is NA) and gives one Series of the same index, with a mask
of the cells that hold something and cannot be read. Such a cell becomes null and a defect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas import Series

TEXT = pd.StringDtype("pyarrow")
SQFT_PER_ACRE = 43_560.0

Lookups = Mapping[str, Mapping[str, str | int | float]]
Result = tuple[Series, Series | None]
Apply = Callable[[Sequence[Series], str, Lookups], Result]

# Digits with optional thousands separators, a leading dollar sign and an exponent. NaN, inf and hexadecimal are not numbers.
_NUMBER = r"^[-+]?\$?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?$"
_BOOLEANS = {"y": True, "yes": True, "t": True, "true": True, "1": True, "n": False, "no": False, "f": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it does, what it says of a cell it cannot read, and whether it wants an argument."""

    apply: Apply
    meaning: str
    complaint: str = ""
    takes_argument: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Cells that a rule could not read: a boolean mask over the rows, and why."""

    mask: Series
    reason: str


def present(cells: Series) -> Series:
    """Raw cells as text without surrounding white space; empty cells are NA."""
    text = cells.astype(TEXT).str.strip()
    return text.mask((text == "").fillna(False).astype(bool))


def check_rule(rule: str, lookups: Lookups) -> None:
    """Raise ValueError when `rule` names no rule, lacks its argument, or asks for a table that is not there."""
    name, _, argument = rule.partition(":")
    known = RULES.get(name) or GEOMETRY_RULES.get(name)
    if known is None:
        raise ValueError(f"no rule is called {name}; there are {', '.join(sorted([*RULES, *GEOMETRY_RULES]))}")
    if known.takes_argument != bool(argument):
        raise ValueError(f"the rule {name} takes {'an' if known.takes_argument else 'no'} argument ({rule!r})")
    if name == "lookup" and argument not in lookups:
        raise ValueError(f"no lookup table is called {argument}")


def apply_rules(parts: Sequence[Series], rules: Sequence[str], lookups: Lookups) -> tuple[Series, list[Fault]]:
    """Apply `rules` in order to the raw cells `parts` (dtype string, NA for empty).

    Returns the canonical values (string, float64, boolean or datetime64, NA where unknown) and the faults, with one mask
    for each rule that met a cell it could not read.
    """
    faults = []
    for rule in rules:
        name, _, argument = rule.partition(":")
        values, unreadable = RULES[name].apply(parts, argument, lookups)
        if unreadable is not None and unreadable.any():
            faults.append(Fault(unreadable.astype(bool), RULES[name].complaint.format(argument=argument)))
        parts = [values]
    return parts[0], faults


def as_numbers(cells: Series) -> tuple[Series, Series]:
    """Text as float64, with the mask of the cells that are not a finite number. Numbers pass unchanged."""
    if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype):
        return cells.astype("float64"), Series(data=False, index=cells.index)
    readable = cells.str.match(_NUMBER).fillna(False).astype(bool)
    plain = cells.where(readable).str.replace("[$,+]", "", regex=True)
    try:
        # Arrow reads text to the nearest double; pandas' own parser may be off by one unit in the last place.
        numbers = pa.array(plain).cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        numbers = np.array([np.nan if pd.isna(text) else float(text) for text in plain])
    values = Series(numbers, index=cells.index, dtype="float64").where(np.isfinite)
    return values, cells.notna() & values.isna()


def _text(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    return parts[0], None


def _number(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    return as_numbers(parts[0])


def _integer(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    values, unreadable = as_numbers(parts[0])
    fraction = values.notna() & (values != values.round())
    return values.mask(fraction), unreadable | fraction


def _multiplied(factor: float) -> Apply:
    def apply(parts: Sequence[Series], argument: str, _lookups: Lookups) -> Result:
        values, unreadable = as_numbers(parts[0])
        return values * (float(argument) if argument else factor), unreadable

    return apply


def _sum(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    numbers = [as_numbers(part) for part in parts]
    values = pd.concat([value for value, _ in numbers], axis=1).sum(axis=1, min_count=1)
    return values, pd.concat([bad for _, bad in numbers], axis=1).any(axis=1)


def _half_baths(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    numbers = [as_numbers(part) for part in parts]
    values = numbers[0][0]
    for position, (value, _) in enumerate(numbers[1:], start=1):
        values = values + value.fillna(0.0) * (0.5 if position % 2 else 1.0)
    unreadable = pd.concat([bad for _, bad in numbers], axis=1).any(axis=1)
    return values.mask(unreadable), unreadable


def _date(parts: Sequence[Series], argument: str, _lookups: Lookups) -> Result:
    values = pd.to_datetime(parts[0].astype(object), format=argument, errors="coerce", exact=True)
    return values, parts[0].notna() & values.isna()


def _month_end(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    (year, _), (month, _) = as_numbers(parts[0]), as_numbers(parts[1])
    possible = year.between(1700, 2200) & month.between(1, 12) & (year == year.round()) & (month == month.round())
    first = pd.to_datetime({"year": year.where(possible), "month": month.where(possible), "day": 1}, errors="coerce")
    return first + pd.offsets.MonthEnd(0), (parts[0].notna() | parts[1].notna()) & ~possible


def _lookup(parts: Sequence[Series], argument: str, lookups: Lookups) -> Result:
    table = {key: value for key, value in lookups[argument].items() if key != "*"}
    cells = parts[0]
    codes, distinct = pd.factorize(cells)
    known = [text in table for text in distinct]
    default = lookups[argument].get("*")
    found = [table.get(text, default) for text in distinct]
    found = [None if value == "" else value for value in found]
    is_numeric = any(isinstance(value, int | float) for value in lookups[argument].values())
    values = Series(np.array([*found, None], dtype=object)[codes], index=cells.index)
    values = values.astype("float64") if is_numeric else values.astype(TEXT)
    unreadable = np.array([default is None and not is_known for is_known in known] + [False])[codes]
    return values, Series(unreadable, index=cells.index)


def _yes_no(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    values = parts[0].astype(object).where(parts[0].notna(), None).map(lambda text: _BOOLEANS.get(str(text).lower()), na_action="ignore")
    values = values.astype("boolean")
    return values, parts[0].notna() & values.isna()


def _zip5(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    readable = parts[0].str.match(r"^\d{5}(?:-?\d{4})?$").fillna(False).astype(bool)
    return parts[0].where(readable).str.slice(0, 5), parts[0].notna() & ~readable


def _padded(parts: Sequence[Series], argument: str, _lookups: Lookups) -> Result:
    readable = parts[0].str.match(rf"^\d{{1,{int(argument)}}}$").fillna(False).astype(bool)
    return parts[0].where(readable).str.zfill(int(argument)), parts[0].notna() & ~readable


def _concat(parts: Sequence[Series], argument: str, _lookups: Lookups) -> Result:
    joined = parts[0]
    for part in parts[1:]:
        both = joined.notna() & part.notna()
        joined = (joined.fillna("") + argument + part.fillna("")).where(both, joined.fillna(part))
    return joined, None


def _first_of(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    found = parts[0]
    for part in parts[1:]:
        found = found.fillna(part)
    return found, None


def _null_if(parts: Sequence[Series], argument: str, _lookups: Lookups) -> Result:
    unwanted = argument.split("|")
    values = parts[0]
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.mask(values.isin(pd.to_datetime(unwanted))), None
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.mask(values.isin([float(text) for text in unwanted])), None
    return values.mask(values.isin(unwanted).fillna(False).astype(bool)), None


def _null_if_equal(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    return parts[0].mask((parts[0] == parts[1]).fillna(False).astype(bool)), None


def _constant(parts: Sequence[Series], argument: str, _lookups: Lookups) -> Result:
    return Series(argument, index=parts[0].index, dtype=TEXT), None


def _unit_of_address(parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    after_comma = parts[0].str.extract(r",\s*([^,]+)$", expand=False).astype(TEXT).str.strip()
    return (parts[1].fillna(after_comma) if len(parts) > 1 else after_comma), None


_NOT_A_NUMBER = "is not a number"

RULES: dict[str, Rule] = {
    "text": Rule(_text, "the text without surrounding white space"),
    "number": Rule(_number, "a finite decimal number; a dollar sign and thousands separators are read", _NOT_A_NUMBER),
    "integer": Rule(_integer, "a whole number", "is not a whole number"),
    "multiply": Rule(_multiplied(1.0), "a number times the argument", _NOT_A_NUMBER, takes_argument=True),
    "acres_to_sqft": Rule(_multiplied(SQFT_PER_ACRE), "acres times 43,560", _NOT_A_NUMBER),
    "sum": Rule(_sum, "the sum of the numbers that are there", _NOT_A_NUMBER),
    "half_baths": Rule(_half_baths, "full and half baths in turn; a half counts 0.5, a blank further count none", _NOT_A_NUMBER),
    "date": Rule(_date, "a date in exactly the format of the argument (strptime)", "is not a date written {argument}", takes_argument=True),
    "month_end": Rule(
        _month_end, "year and month as the last day of the month: the latest day it can have been", "is not a year and month"
    ),
    "lookup": Rule(
        _lookup, "the argument's lookup table; its * stands for every other code", "is not in the table {argument}", takes_argument=True
    ),
    "yes_no": Rule(_yes_no, "Y, yes, T, true, 1 or N, no, F, false, 0", "is neither yes nor no"),
    "zip5": Rule(_zip5, "the first five digits of a ZIP or ZIP+4 code", "is not a ZIP code"),
    "pad": Rule(
        _padded,
        "digits, with leading zeros up to the argument's length",
        "is not a number of at most {argument} digits",
        takes_argument=True,
    ),
    "concat": Rule(_concat, "the parts that are there, joined by the argument", takes_argument=True),
    "first_of": Rule(_first_of, "the first of the columns that is not empty"),
    "null_if": Rule(_null_if, "unknown where the value is one of the argument's (divided by |)", takes_argument=True),
    "null_if_equal": Rule(_null_if_equal, "unknown where it repeats the second column"),
    "constant": Rule(_constant, "the same for every row of the source", takes_argument=True),
    "unit_of_address": Rule(_unit_of_address, "the second column, else what follows the last comma of the first"),
}


def _unused(_parts: Sequence[Series], _argument: str, _lookups: Lookups) -> Result:
    raise TypeError("a geometry rule reads the geometry, not cells")


# Applied to the geometry by `estate.ingest.outlines`; they stand here so that a declaration can be checked and explained.
GEOMETRY_RULES: dict[str, Rule] = {
    "outline": Rule(_unused, "the polygons of the geometry, valid, as a multipolygon"),
    "point_latitude": Rule(_unused, "latitude of a point inside the geometry (the point itself for a point)"),
    "point_longitude": Rule(_unused, "longitude of a point inside the geometry (the point itself for a point)"),
}
