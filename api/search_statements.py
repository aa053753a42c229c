"""The statements of a search, composed from what is asked: a page as JSON that PostgreSQL builds, or all rows for an export."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from psycopg import sql
from pydantic import Field

from api import exports, filters, geography
from api.database import Form
from api.filters import SUMMARY, FilterQuery, Sort
from api.geography import AreaQuery
from api.parameters import AsOfQuery
from api.personal import personal_columns
from api.problems import InvalidParameter
from estate.sql import query as text_of

OWNERS = personal_columns(SUMMARY.name)
COLUMNS = tuple(column.name for column in SUMMARY.columns if column.name not in {"tenant_id", "cell", *OWNERS})
# What a row may show, in this order. A distance needs a point to be measured from.
FIELDS = (*COLUMNS, "published_at", "distance_m", "links")
EXPORTED = FIELDS[:-1]
MAX_FIELDS_CHARS = 1500
_TYPES = {column.name: column.sql_type for column in SUMMARY.columns} | {"published_at": "timestamptz", "distance_m": "numeric"}


class FoundQuery(FilterQuery, AreaQuery, AsOfQuery):
    """Which properties, and what of them."""

    fields: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_FIELDS_CHARS,
        description=f"names of the fields to show, separated by commas, of {', '.join(FIELDS)}; all without it, property_id always",
        json_schema_extra={"example": "situs_address,estimated_value_usd,confidence,risk_class,published_at"},
    )
    include: Literal["owner"] | None = Field(
        None, description="`owner` adds owner_name, which is personal data: analysts only, and every such read is audited"
    )


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that a query asks for: where they are read, what holds for them, which of their fields are shown, the parameters."""

    source: sql.Composable
    conditions: list[sql.Composable]
    fields: tuple[str, ...]
    parameters: dict[str, Any]

    def where(self, *more: sql.Composable) -> sql.Composed:
        """All conditions, and `more`."""
        return sql.SQL("\n  AND ").join([*self.conditions, *more])

    def columns(self, *more: str) -> sql.Composable:
        """The columns that the fields are made of, and `more`, each once."""
        return _columns(tuple(dict.fromkeys(("property_id", *(name for name in self.fields if name != "links"), *more))))


def found(query: FoundQuery, known: tuple[str, ...]) -> Found:
    """What `query` asks for, of the fields `known`. Raises InvalidParameter for what does not go together."""
    conditions, parameters = filters.conditions(query)
    area = geography.area(query)
    if query.as_of is None:
        # As the partial indexes of current rows say it, to the letter.
        moment = sql.SQL("superseded_at = 'infinity'")
    else:
        moment = sql.SQL("published_at <= %(as_of)s::timestamptz AND superseded_at > %(as_of)s::timestamptz")
        parameters["as_of"] = query.as_of
    source: sql.Composable = sql.Identifier("provenance", "summary")
    if query.near is not None:
        source = sql.SQL("({}) AS summary").format(sql.SQL(text_of("api_search_near")))
    return Found(source, [moment, *area.conditions, *conditions], _fields(query, known), parameters | area.parameters)


def _fields(query: FoundQuery, known: tuple[str, ...]) -> tuple[str, ...]:
    """The fields to show, in the order in which they are declared."""
    wanted = {"property_id"} | (set(query.fields.split(",")) if query.fields is not None else set(known))
    if query.fields is not None and "distance_m" in wanted and query.near is None:
        raise InvalidParameter("fields", "distance_m is measured from near, which is not given")
    if (owners := sorted(wanted.intersection(OWNERS))) and query.include is None:
        raise InvalidParameter("fields", f"{owners[0]} is personal data; ask for it with include=owner")
    if unknown := sorted(wanted - {*known, *OWNERS}):
        raise InvalidParameter("fields", f"{unknown[0][:40]!r} is none of {', '.join(known)}")
    if query.near is None:
        wanted.discard("distance_m")
    return tuple(name for name in known if name in wanted) + (OWNERS if query.include else ())


def _shown(name: str) -> sql.Composable:
    """The value of a field as JSON and CSV show it: money with two decimals, times in UTC with Z."""
    column = sql.Identifier(name)
    if name == "links":
        return sql.SQL("json_build_object('self', '/api/v1/properties/' || property_id)")
    if name == "distance_m":
        return sql.SQL("round(distance_m::numeric, 1)")
    if name == "published_at":
        moment = sql.SQL("""to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""").format(column)
        return sql.SQL("replace({}, '.000000Z', 'Z')").format(moment)
    if SUMMARY.column(name).unit == "usd":
        return sql.SQL("{}::numeric(14,2)").format(column)
    return column


# A list of fields costs more to compose than a page of small rows to read; the same lists come again.


@lru_cache(maxsize=256)
def _columns(names: tuple[str, ...]) -> sql.SQL:
    return sql.SQL(sql.SQL(", ").join(map(sql.Identifier, names)).as_string(None))


@lru_cache(maxsize=256)
def _values(fields: tuple[str, ...], form: Literal["json", "csv"]) -> sql.SQL:
    """The fields as their form shows them, each under its name."""
    values = {name: exports.cell(_shown(name), _TYPES[name]) if form == "csv" else _shown(name) for name in fields}
    named = (sql.SQL("{} AS {}").format(value, sql.Identifier(name)) for name, value in values.items())
    return sql.SQL(sql.SQL(", ").join(named).as_string(None))


_FEATURE = sql.SQL(
    "json_build_object('type', 'Feature', 'id', page.property_id, 'geometry',"
    " CASE WHEN page.latitude IS NOT NULL AND page.longitude IS NOT NULL"
    " THEN json_build_object('type', 'Point', 'coordinates', json_build_array(page.longitude, page.latitude)) END,"
    " 'properties', row_to_json(shown))"
)


def page_statement(what: Found, sort: Sort, after: list[Any] | None, *, features: bool, total: bool) -> sql.Composed:
    """The statement of one page (sql/queries/api_search.sql); `after` is the sort key and property_id where the page before ended."""
    order = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sort.direction) for name in dict.fromkeys((sort.column, "property_id"))
    )
    composed = {
        "key": sql.Identifier(sort.column),
        "columns": what.columns(*(("latitude", "longitude") if features else ())),
        "source": what.source,
        "order": order,
    }
    if sort.has_unknown:
        known, unknown = _halves(sort, after)
        rows = _composed("api_search_rows_unknown_last", conditions=what.where(), known=known, unknown=unknown, **composed)
    else:
        rows = _composed("api_search_rows", conditions=what.where(*([] if after is None else [_beyond(sort)])), **composed)
    counted = sql.SQL("({})").format(_composed("api_search_total", source=what.source, conditions=what.where()))
    return _composed(
        "api_search",
        rows=rows,
        fields=_values(what.fields, "json"),
        item=_FEATURE if features else sql.SQL("row_to_json(shown)"),
        order=sql.SQL("sort_key {0} NULLS LAST, property_id {0}").format(sort.direction),
        total=counted if total else sql.SQL("NULL"),
    )


def _composed(name: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(text_of(name)).format(**parts)


def _beyond(sort: Sort) -> sql.Composable:
    """What comes after the row at which the page before ended."""
    last = sql.SQL("%(after_id)s::uuid")
    if sort.column == "property_id":
        return sql.SQL("property_id {} {}").format(sort.beyond, last)
    key = sql.SQL("%(after_key)s::{}").format(sort.kind)
    return sql.SQL("({}, property_id) {} ({}, {})").format(sql.Identifier(sort.column), sort.beyond, key, last)


def _halves(sort: Sort, after: list[Any] | None) -> tuple[sql.Composable, sql.Composable]:
    """Where to continue among the rows whose key is known, and among those whose key is not."""
    column = sql.Identifier(sort.column)
    known, unknown = sql.SQL("{} IS NOT NULL").format(column), sql.SQL("{} IS NULL").format(column)
    if after is None:
        return known, unknown
    if after[0] is None:
        return sql.SQL("false"), sql.SQL("{} AND property_id {} %(after_id)s::uuid").format(unknown, sort.beyond)
    return sql.SQL("{} AND {}").format(known, _beyond(sort)), unknown


def export_statement(what: Found, form: Form) -> sql.Composed:
    """The statement of an export: cells for CSV, one JSON object a row for NDJSON."""
    rows = _composed(
        "api_search_export",
        fields=_values(what.fields, "csv" if form == "csv" else "json"),
        source=what.source,
        conditions=what.where(),
    )
    return rows if form == "csv" else _composed("api_search_export_json", rows=rows)
