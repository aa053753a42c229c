"""What a search can ask of properties: every filter and every sort declared once, as data, and how they become SQL.

Columns are those of provenance.summary. Values are bound parameters, cast to the type that the contract gives the column, so that the
comparisons are those an index knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from psycopg import sql
from pydantic import AfterValidator, Field, create_model

from api.described import PropertyType
from api.parameters import Day, FiveDigits, Number, Query, Truth, Whole, Words
from api.problems import InvalidParameter
from estate.contracts import CONTRACTS
from estate.score.parameters import FSD_BANDS, RISK_CLASSES, UNDETERMINED

SUMMARY = CONTRACTS["provenance.summary"]
Operator = Literal["equals", "at_least", "at_most", "equals_in_any_case", "is_known", "has_words", "mentions"]
CONFIDENCE_BANDS = (*(name for _, name in FSD_BANDS), "low")

_WORD = re.compile(r"[^\W_]+")


def _some_word(text: str) -> str:
    if not _WORD.search(text):
        raise ValueError("must have a letter or a digit")
    return text


def _one_of(*names: str) -> Any:
    return Literal[names]


Searched = Annotated[Words, AfterValidator(_some_word)]


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter of a search: what it is compared with, how, how its text is read, and what it means.

    below: the parameter that must not lie under this one.
    """

    parameter: str
    column: str
    operator: Operator
    kind: Any
    about: str
    example: Any = None
    below: str | None = None


def _range(
    column: str, kind: Any, lowest: float | None, highest: float | None, about: str, least: Any = None, most: Any = None
) -> tuple[Filter, Filter]:
    """The two filters of a column that is measured: its least and its greatest value."""
    ranged = Annotated[kind, Field(ge=lowest, le=highest)] if lowest is not None else kind
    low, high = f"{column}_min", f"{column}_max"
    return (
        Filter(low, column, "at_least", ranged, f"{about}, at least", least, below=high),
        Filter(high, column, "at_most", ranged, f"{about}, at most", most),
    )


def _score(column: str, about: str) -> tuple[Filter, Filter]:
    return _range(column, Number, 0, 1, f"{about} (0 to 1; what is unknown matches nothing)")


def _money(column: str, about: str, least: Any = None, most: Any = None) -> tuple[Filter, Filter]:
    return _range(column, Number, 0, 1e12, f"{about} in USD", least, most)


FILTERS: tuple[Filter, ...] = (
    Filter("county_fips", "county_fips", "equals", FiveDigits, "county, 5 digits", "19169"),
    Filter("situs_zip", "situs_zip", "equals", FiveDigits, "ZIP, 5 digits", "50010"),
    Filter("situs_city", "situs_city", "equals_in_any_case", Words, "city, without regard to case", "Ames"),
    Filter("property_type", "property_type", "equals", PropertyType, "type of property", "single_family"),
    Filter(
        "q",
        "situs_address",
        "mentions",
        Searched,
        "text over addresses: rows whose address, city, state, ZIP or parcel number hold every word, each anywhere and in any case",
        "ames",
    ),
    Filter(
        "owner",
        "owner_name",
        "has_words",
        Searched,
        "whole words of the owner's name in any case, in any order; personal data: analysts only, and every such read is audited",
    ),
    *_money("last_sale_price_usd", "price of the latest arm's-length sale"),
    *_range("last_sale_date", Day, None, None, "closing of the latest arm's-length sale"),
    *_money("list_price_usd", "asked price"),
    *_money("assessed_value_usd", "assessor's total value"),
    *_range("bedroom_count", Number, 0, 1000, "bedrooms", 2, 5),
    *_range("bathroom_count", Number, 0, 1000, "bathrooms; half baths count 0.5"),
    *_range("living_area_sqft", Number, 0, 1e9, "living area in square feet", 800, 4000),
    *_range("lot_area_sqft", Number, 0, 1e12, "land area in square feet"),
    *_range("year_built", Whole, 0, 9999, "year of construction", 1900, 2026),
    Filter(
        "flood_zone", "flood_zone", "equals", Annotated[str, Field(pattern=r"^[A-Z0-9 ]{1,20}$")], "FEMA flood zone such as AE, VE or X"
    ),
    Filter("is_in_sfha", "is_in_sfha", "equals", Truth, "inside the Special Flood Hazard Area; what is unmapped is neither"),
    *_score("flood_score", "flood score"),
    *_score("wildfire_score", "wildfire score"),
    *_score("heat_score", "heat score"),
    *_score("seismic_score", "seismic score"),
    *_score("composite_low", "composite score with every unknown hazard taken as 0"),
    *_score("composite_high", "composite score with every unknown hazard taken as 1"),
    Filter("risk_class", "risk_class", "equals", _one_of(*RISK_CLASSES, UNDETERMINED), "class of risk"),
    *_range("risk_score_high", Number, 0, 100, "risk with unknown hazards taken as certain (0 to 100)"),
    Filter(
        "unknown_hazard_count_max",
        "unknown_hazard_count",
        "at_most",
        Annotated[Whole, Field(ge=0, le=100)],
        "hazards that are not known there, at most",
    ),
    *_money("estimated_value_usd", "our value", 100000, 2000000),
    Filter("has_value", "estimated_value_usd", "is_known", Truth, "true: valued; false: refused, or not valued yet", "true"),
    Filter(
        "confidence_min", "confidence", "at_least", Annotated[Number, Field(ge=0, le=1)], "confidence of the value (0 to 1), at least"
    ),
    Filter("confidence_band", "confidence_band", "equals", _one_of(*CONFIDENCE_BANDS), "confidence of the value, as a word"),
    Filter(
        "property_trust_min", "property_trust", "at_least", Annotated[Number, Field(ge=0, le=1)],
        "trust in the property's data (0 to 1), at least",
    ),
)  # fmt: skip

# What each operator says. Columns of text are compared as they stand; what is not leakproof reads the tenant's rows only anyway.
_SAID: dict[Operator, sql.SQL] = {
    "equals": sql.SQL("{column} = {value}"),
    "at_least": sql.SQL("{column} >= {value}"),
    "at_most": sql.SQL("{column} <= {value}"),
    "equals_in_any_case": sql.SQL("upper({column}) = upper({value})"),
    "has_words": sql.SQL("string_to_array(regexp_replace(upper({column}), '[^[:alnum:]]+', ' ', 'g'), ' ') @> {value}"),
    "mentions": sql.SQL("concat_ws(' ', {column}, situs_city, situs_state, situs_zip, apn) ILIKE ALL ({value})"),
}


def _fields(filters: Iterable[Filter]) -> dict[str, Any]:
    return {
        one.parameter: (
            one.kind | None,
            Field(None, description=one.about, json_schema_extra=None if one.example is None else {"example": one.example}),
        )
        for one in filters
    }


# One optional parameter a filter.
FilterQuery: Any = create_model("FilterQuery", __base__=Query, __doc__="Which properties.", **_fields(FILTERS))


def kind_of(column: str) -> sql.SQL:
    """The SQL type of a column of the summary, for a cast. Raises KeyError for a column that the contract does not have."""
    return sql.SQL(SUMMARY.column(column).sql_type)


def given(query: Query) -> list[Filter]:
    """The filters that `query` (a FilterQuery) uses. Raises InvalidParameter for a range whose least is above its greatest."""
    used = [one for one in FILTERS if getattr(query, one.parameter) is not None]
    for one in used:
        greatest = getattr(query, one.below) if one.below else None
        if greatest is not None and getattr(query, one.parameter) > greatest:
            raise InvalidParameter(one.parameter, f"is above {one.below}; nothing can lie between")
    return used


def conditions(query: Query) -> tuple[list[sql.Composable], dict[str, Any]]:
    """What `query` (a FilterQuery) asks of a row, all of which must hold, and the parameters. Raises InvalidParameter as `given` does."""
    said: list[sql.Composable] = []
    parameters: dict[str, Any] = {}
    for one in given(query):
        value = getattr(query, one.parameter)
        column = sql.Identifier(one.column)
        if one.operator == "is_known":
            said.append(sql.SQL("{} IS NOT NULL" if value else "{} IS NULL").format(column))
            continue
        kind = sql.SQL("text[]") if one.operator in {"has_words", "mentions"} else kind_of(one.column)
        said.append(_SAID[one.operator].format(column=column, value=sql.SQL("{}::{}").format(sql.Placeholder(one.parameter), kind)))
        parameters[one.parameter] = _bound(one.operator, value)
    return said, parameters


def _bound(operator: Operator, value: Any) -> Any:
    if operator == "has_words":
        return _WORD.findall(value.upper())
    if operator == "mentions":
        return [f"%{_escaped(word)}%" for word in value.split()]
    return value


def _escaped(word: str) -> str:
    """`word` for LIKE, where it stands for itself."""
    return re.sub(r"([\\%_])", r"\\\1", word)


# Sorts


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of properties: by a column, then by property_id in the same direction; unknown values come last in either direction."""

    column: str
    is_descending: bool

    @property
    def direction(self) -> sql.SQL:
        """ASC or DESC."""
        return sql.SQL("DESC" if self.is_descending else "ASC")

    @property
    def beyond(self) -> sql.SQL:
        """The comparison that what comes later passes."""
        return sql.SQL("<" if self.is_descending else ">")

    @property
    def has_unknown(self) -> bool:
        """Whether rows may lack a value; the key never does, and a distance is asked of rows with coordinates only."""
        return self.column not in {"property_id", "distance_m"}

    @property
    def kind(self) -> sql.SQL:
        """The SQL type of the column."""
        return sql.SQL("double precision") if self.column == "distance_m" else kind_of(self.column)


SORTED_BY = (
    "property_id", "estimated_value_usd", "last_sale_date", "last_sale_price_usd", "living_area_sqft", "year_built", "property_trust",
    "risk_score_high", "distance_m",
)  # fmt: skip
SORTS: dict[str, Sort] = {
    f"{sign}{column}": Sort(column, is_descending) for column in SORTED_BY for sign, is_descending in (("", False), ("-", True))
}
SortName: Any = _one_of(*SORTS)
