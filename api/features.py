"""The features of one property and of its county's market: value, age against the time to live, and where it comes from.

Read from PostgreSQL by the very queries that train models and fill the online store; neither Feast nor Redis is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

import orjson
from flask import Response, current_app
from psycopg import sql
from pydantic import AfterValidator, Field, WithJsonSchema

from api import links
from api.edge import caller
from api.hazards import HAZARD_FIELDS
from api.parameters import AsOfQuery, PropertyPath
from api.problems import not_found
from api.representations import json_response
from api.resource import Resource
from api.schemas import part
from api.services import services
from api.subject import OfProperty, below
from api.wire import Statement, statement
from estate.contracts import Column
from estate.contracts.features import MARKET_FEATURES
from estate.features.definitions import SERVICES, VIEWS, FeatureView
from estate.features.rows import rows_at
from estate.sql import query as query_text

features = Resource(
    "features", __name__, "/api/v1/properties/<uuid:property_id>/features", "What models are given of one property, and how old it is."
)

_HAZARD_OF = {
    f"hazard.exposure.{field}": hazard for hazard, fields in HAZARD_FIELDS.items() for field in (*fields, f"{hazard}_score")
}  # fmt: skip
_MARKET_PLACE = {column.name: place for place, column in enumerate(MARKET_FEATURES)}
_DAY = timedelta(days=1)
_AT = sql.SQL("coalesce(%(as_of)s::timestamptz, now())")
_DEFINITIONS = links.path("features")

Feature = part(
    "Feature",
    "One feature. A value that is older than its time to live is given and marked; it may not be taken for the present one.",
    name=(str, Field(description="name of the feature")),
    view=(str, Field(description="feature view that it belongs to")),
    value=(str | bool | int | float | None, Field(description="its value; null where it is unknown")),
    unit=(str | None, Field(description="its unit")),
    meaning=(str, Field(description="what it says")),
    event_at=(datetime | None, Field(description="since when the platform has said so (UTC); null where it has said nothing")),
    observed_at=(
        datetime | None,
        Field(description="oldest day for which one of the sources behind it stands (UTC); null where none is known"),
    ),
    age_days=(
        int | None,
        Field(description="days begun since `observed_at`, counted to `as_of`, or to now; null where `observed_at` is"),
    ),
    ttl_days=(float, Field(description="age up to which it may be taken for the present one (days)")),
    is_stale=(
        bool | None,
        Field(description="whether the value is older than that, or of unknown age; null where there is no value"),
    ),
    source=(list[str], Field(description="columns that it is made from, as schema.table.column; empty where no source speaks of it")),
    origin=(
        str | None,
        Field(description="of a market's feature, who told it: own_sales, own_listings or a declared series; null elsewhere"),
    ),
    services=(list[str], Field(description="feature services that give it out")),
    unknown_reason=(str | None, Field(description="why the value is unknown; null where it is known")),
)
FeatureCounts = part(
    "FeatureCounts",
    "How many of the features are what; together they are all.",
    fresh=(int, Field(description="known and within their time to live")),
    stale=(int, Field(description="known and older than that")),
    unknown=(int, Field(description="unknown")),
)
_Links = part(
    "FeaturesLinks",
    "Further about it.",
    property=links.link("the property whole", may_be_absent=False),
    provenance=links.link("the rows and layers behind every value", may_be_absent=False),
    definitions=links.link("every feature's definition, and how it is spread over all properties", may_be_absent=False),
)


def _known_service(name: str) -> str:
    if name not in SERVICES:
        raise ValueError(f"is not a feature service; there are {', '.join(SERVICES)}")
    return name


ServiceName = Annotated[str, AfterValidator(_known_service), WithJsonSchema({"type": "string", "enum": list(SERVICES)})]


class FeaturesQuery(AsOfQuery):
    """Which features, and when."""

    service: ServiceName | None = Field(None, description="only those that this feature service gives out, in its order")


class FeaturesAnswer(OfProperty):
    """The features of one property and of the market of its county, as of a moment."""

    county_fips: str | None = Field(description="county whose market the market's features speak of; null where it is unknown")
    service: str | None = Field(description="the feature service asked for; null for all features")
    service_version: str | None = Field(description="digest of its definition, which models name that were trained from it")
    counts: FeatureCounts = Field(description="how many are fresh, stale and unknown")  # type: ignore[valid-type]
    features: list[Feature] = Field(description="view by view; or in the order of the service")  # type: ignore[valid-type]
    links: _Links  # type: ignore[valid-type]


# A value grows stale while nothing is published, so an answer that was kept could pass it off as fresh: this one is never kept.
@features.read("", answer=FeaturesAnswer, is_versioned=False, summary="The features of one property, with their age")
def page(path: PropertyPath, query: FeaturesQuery) -> Response:
    """What models are given of one property and of the market of its county, each value with its age against its time to live.

    With `as_of` nothing is told that was published later, and ages are counted to that moment.
    """
    asked = {"property_id": path.property_id, "as_of": query.as_of}
    wanted = question(query.service)
    said = services(current_app).database.read_one(caller().tenant_id, wanted.statement, asked)
    if said is None:
        raise not_found()
    told = _Told(orjson.loads(said))
    found = [told.feature(view, column) for view, column in wanted.columns]
    return json_response({
        **asked,
        "county_fips": told.county_fips,
        "service": query.service,
        "service_version": wanted.version,
        "counts": _counts(found),
        "features": found,
        "links": {"property": below(path.property_id), "provenance": below(path.property_id, "provenance"), "definitions": _DEFINITIONS},
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A statement for one property and one moment, and the features to be read out of what it says; of a service with its version."""

    statement: Statement
    columns: tuple[tuple[FeatureView, Column], ...]
    version: str | None


@cache
def question(name: str | None) -> Question:
    """What is asked for the feature service called `name`; None stands for all features."""
    if name is None:
        return Question(_prepared("all", VIEWS), tuple((view, column) for view in VIEWS.values() for column in view.features), None)
    service = SERVICES[name]
    return Question(_prepared(name, service.features), service.columns, service.version)


def _prepared(name: str, views: Iterable[str]) -> Statement:
    # Planning it takes three times as long as running it.
    return statement(f"api_features_of_{name}", composed(views).as_string(None))


def composed(views: Iterable[str]) -> sql.Composed:
    """One statement for these views: each is the view's own query, held to one property and one moment."""
    one = sql.SQL(query_text("api_features_view"))
    named = [
        sql.SQL("{}, ({})").format(
            sql.Literal(name),
            one.format(rows=rows_at(VIEWS[name], _AT), entity=sql.Identifier(VIEWS[name].entity)),
        )
        for name in views
    ]
    return sql.SQL(query_text("api_features")).format(views=sql.SQL(", ").join(named))


def money(value: Any, column: Column) -> Any:
    """`value` as the API writes it: with two decimals where the feature is money."""
    return Decimal(repr(value)) if column.unit == "usd" and value is not None else value


class _Told:
    """What the statement said, read feature by feature."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.at = datetime.fromisoformat(said["at"])
        self.county_fips: str | None = said["county_fips"]
        self._views: Mapping[str, dict[str, Any] | None] = said["views"]
        self._unmapped: frozenset[str] = frozenset(said["unknown_hazards"] or ())
        self._origins: list[str | None] | None = said["market_origins"]

    def feature(self, view: FeatureView, column: Column) -> dict[str, Any]:
        """The body of one `Feature`."""
        row = self._views[view.name]
        # A feature that no source speaks of was never observed, whatever else the row holds.
        seen = None if row is None or column.name in view.absent else row
        value = seen[column.name] if seen else None
        observed_at = _moment(seen["observed_at"]) if seen else None
        return {
            "name": column.name,
            "view": view.name,
            "value": money(value, column),
            "unit": column.unit or None,
            "meaning": column.meaning,
            "event_at": _moment(seen["event_at"]) if seen else None,
            "observed_at": observed_at,
            # Rounded up, so that it exceeds the time to live exactly when the value is stale; in days, so that all who ask on one day
            # are told the same.
            "age_days": None if observed_at is None else -((observed_at - self.at) // _DAY),
            "ttl_days": view.ttl_days,
            "is_stale": None if value is None else view.is_stale(observed_at, self.at),
            "source": column.made_from,
            "origin": self._origin(column) if value is not None else None,
            "services": view.services_of(column.name),
            "unknown_reason": self._unknown(view, column, row) if value is None else None,
        }

    def _origin(self, column: Column) -> str | None:
        place = _MARKET_PLACE.get(column.name)
        return None if place is None or self._origins is None else self._origins[place] or None

    def _unknown(self, view: FeatureView, column: Column, row: dict[str, Any] | None) -> str:
        """Why the value is null."""
        if column.name in view.absent:
            return view.absent[column.name]
        if view.entity == "county_fips":
            return self._unknown_of_market(view, row)
        if row is None:
            return f"{view.name} has no row of this property at this moment"
        if hazards := {_HAZARD_OF[name] for name in column.made_from if name in _HAZARD_OF}:
            return "no hazard layer speaks of this place" if hazards & self._unmapped else "the hazard layer leaves it open here"
        return _unsaid(column, row)

    def _unknown_of_market(self, view: FeatureView, row: dict[str, Any] | None) -> str:
        if self.county_fips is None:
            return "no source says in which county it stands"
        if row is None:
            return f"{view.name} has no row of this county at this moment"
        return "nothing that is landed tells it of this county's newest month"


def _unsaid(column: Column, row: Mapping[str, Any]) -> str:
    """Why a value is null in a row that is there."""
    if column.name == "last_reduction_usd" and row["price_reduction_count"] == 0:
        return "its asking price was not seen to fall"
    table, _, _ = column.made_from[0].rpartition(".")
    if column.made == "copied":
        return f"no source of {table} says it"
    names = " and ".join(source.removeprefix(f"{table}.") for source in column.made_from)
    return f"it cannot be computed from what {table} says of {names}"


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _counts(found: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    counted = Counter(one["is_stale"] for one in found)
    return {"fresh": counted[False], "stale": counted[True], "unknown": counted[None]}
