"""Properties, found: filters, areas, sorts, fields, formats, any past moment; a page at a time, or all as a stream."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import orjson
from flask import Response, current_app, request
from flask_openapi3.models import MediaType, Schema
from pydantic import ConfigDict, Field
from werkzeug.exceptions import NotAcceptable

from api import exports, filters, paging
from api.edge import caller
from api.filters import SORTED_BY, SORTS, SortName
from api.parameters import PageQuery, Query, Truth
from api.personal import PERSONAL, disclose
from api.problems import InvalidParameter
from api.representations import json_response
from api.resource import Resource
from api.schemas import ANSWER_HEADERS, Answer, Part, columns, part
from api.search_statements import COLUMNS, EXPORTED, FIELDS, OWNERS, FoundQuery, export_statement, found, page_statement
from api.services import services

properties = Resource(
    "properties",
    __name__,
    "/api/v1/properties",
    "Find properties: by place, by what they are, by what they are worth, and by what threatens them.",
)

_CONTENT_TYPES: dict[str, str] = {"json": "application/json", "geojson": "application/geo+json"}


# What is asked


class SearchQuery(FoundQuery, PageQuery):
    """Which properties, what of them, and in which order."""

    sort: SortName = Field(
        "property_id",
        description=f"{', '.join(SORTED_BY)}; with - in front from the greatest to the least; unknown values come last either way, equal "
        "ones in the order of property_id; distance_m needs near",
        json_schema_extra={"example": "-estimated_value_usd"},
    )
    has_total: Truth | None = Field(
        None, description="true: `total_count` says how many there are on all pages; costs a count", json_schema_extra={"example": "true"}
    )
    format: Literal["json", "geojson"] | None = Field(
        None, description="as `Accept: application/json` or `application/geo+json` would say, for those who cannot send headers"
    )


class ExportQuery(FoundQuery):
    """Which properties, what of them, and in which form."""

    format: Literal["csv", "ndjson"] | None = Field(
        None,
        description="as `Accept: text/csv` or `application/x-ndjson` would say; CSV without either",
        json_schema_extra={"example": "csv"},
    )


# What is answered


class RowLinks(Part):
    """Where more is known."""

    self: str = Field(description="the property whole")


def _optional(some: dict[str, Any]) -> dict[str, Any]:
    """Fields that `fields` may leave out; null means unknown, as everywhere."""
    return {
        name: (kind | None, Field(None, description=said.description, json_schema_extra=said.json_schema_extra))
        for name, (kind, said) in some.items()
    }


PropertyRow = part(
    "PropertyRow",
    "One property as searches show it; with `fields`, what was asked for.",
    columns("provenance.summary", ["property_id"]),
    _optional(columns("provenance.summary", (*COLUMNS[1:], *OWNERS, "published_at"))),
    distance_m=(float | None, Field(None, description="from `near` on a sphere, to 0.1 m (m); only with `near`")),
    links=(RowLinks | None, Field(None, description="where more is known")),
)
_NULL = {"type": "null"}
_POINT = {
    "type": "object",
    "properties": {
        "type": {"const": "Point"},
        "coordinates": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    },
    "required": ["type", "coordinates"],
}
_FEATURES: dict[str, Any] = {
    "type": "object",
    "description": "FeatureCollection of RFC 7946; a property without coordinates has a geometry of null",
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {"const": "Feature"},
                    "id": {"type": "string", "format": "uuid"},
                    "geometry": {"anyOf": [_POINT, _NULL]},
                    "properties": {"$ref": "#/components/schemas/PropertyRow"},
                },
                "required": ["type", "id", "geometry", "properties"],
            },
        },
        "as_of": {"anyOf": [{"type": "string", "format": "date-time"}, _NULL]},
        "total_count": {"type": "integer"},
        "next_cursor": {"anyOf": [{"type": "string"}, _NULL]},
    },
    "required": ["type", "features", "as_of", "next_cursor"],
}


class SearchAnswer(Answer):
    """One page of properties."""

    model_config = ConfigDict(
        openapi_extra={  # type: ignore[typeddict-unknown-key]
            "headers": ANSWER_HEADERS,
            "content": {"application/geo+json": MediaType(schema=Schema(**_FEATURES))},
        }
    )
    properties: list[PropertyRow]  # type: ignore[valid-type]  # made from the contract
    as_of: datetime | None = Field(description="the moment that was asked for; null for now")
    total_count: int | None = Field(None, description="how many there are on all pages; only with `has_total=true`")
    next_cursor: str | None = Field(description="send it as `cursor` for the next page; null on the last")


EXPORT_ANSWER: Any = {
    "description": "all properties found, as a download; CSV as RFC 4180 with a header, where text that begins as a formula gets an "
    "apostrophe in front; or one JSON object a line",
    "headers": ANSWER_HEADERS,
    "content": {"text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}}},
}


# The routes


@properties.read("", answer=SearchAnswer, cost="search")
def page(query: SearchQuery) -> Response:
    """Find properties: one page, in the order asked for.

    All that is asked must hold. What is unknown matches no bound: `flood_score_max=0.1` finds what is known to be low.
    `Accept: application/geo+json`, or `format=geojson`, answers a FeatureCollection.
    """
    form = _accepted(query, _CONTENT_TYPES)
    sort = SORTS[query.sort]
    if sort.column == "distance_m" and query.near is None:
        raise InvalidParameter("sort", "distance_m is measured from near, which is not given")
    what = found(query, FIELDS)
    asked = paging.asked("properties", query)
    _disclose(query)
    statement = page_statement(what, sort, asked.after, features=form == "geojson", total=bool(query.has_total))
    parameters = {**what.parameters, **asked.key("after_key", "after_id"), "fetched": asked.fetched, "shown": asked.size}
    told = services(current_app).database.read_one(caller().tenant_id, statement, parameters) or b""
    head, _, rows = told.partition(b"\n")
    key, total = orjson.loads(head)
    cursor = services(current_app).cursors.write(caller().tenant_id, asked.query, key) if key else None
    listed = (
        {"type": "FeatureCollection", "features": orjson.Fragment(rows)} if form == "geojson" else {"properties": orjson.Fragment(rows)}
    )
    counted = {"total_count": total} if query.has_total else {}
    body = {**listed, "as_of": query.as_of, **counted, "next_cursor": cursor}
    return _said(paging.link_next(json_response(body, content_type=_CONTENT_TYPES[form]), cursor))


@properties.read("/export", answer=EXPORT_ANSWER, role="analyst", cost="export")
def export(query: ExportQuery) -> Response:
    """Download all properties that a search finds, in the order of property_id; the same filters, no pages."""
    forms: dict[str, str] = {form: content_type.partition(";")[0] for form, content_type in exports.CONTENT_TYPES.items()}
    form: Any = _accepted(query, forms)
    what = found(query, EXPORTED)
    _disclose(query)
    statement = export_statement(what, form)
    database = services(current_app).database
    return _said(exports.response(database, caller().tenant_id, statement, what.parameters, form, "properties"))


def _accepted(query: SearchQuery | ExportQuery, forms: dict[str, str]) -> str:
    """The form to answer in, of those offered: as `format` says, else as `Accept` does, else the first. Raises NotAcceptable."""
    if query.format is not None:
        return str(query.format)
    if not request.accept_mimetypes:
        return next(iter(forms))
    best = request.accept_mimetypes.best_match(list(forms.values()))
    if best is None:
        raise NotAcceptable(f"This can be answered as {' or '.join(forms.values())}.")
    return next(form for form, content_type in forms.items() if content_type == best)


def _disclose(query: Query) -> None:
    """Have owners shown or searched only for those who may, after it is written down."""
    if getattr(query, "include", None) is not None or any((filters.SUMMARY.name, one.column) in PERSONAL for one in filters.given(query)):
        disclose("owner")


def _said(response: Response) -> Response:
    response.vary.add("Accept")
    return response
