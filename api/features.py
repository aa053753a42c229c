"""What is known of one property as inputs of models: value, unit, meaning, since when it is known, and where it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, current_app
from pydantic import Field

from api.database import Reading
from api.edge import caller
from api.links import link
from api.parameters import AsOfQuery, PropertyPath
from api.representations import json_response
from api.resource import Resource
from api.schemas import part
from api.services import services
from api.subject import OfProperty, below, require_property
from estate.contracts import CONTRACTS, Contract

features = Resource(
    "features", __name__, "/api/v1/properties/<uuid:property_id>/features", "What is known of one property as inputs of models."
)

# What models make of a property, and the tables with one row a property that they look at.
_MODELLED = ("score.valuation", "score.risk")
_READ = {"normalize.property": "api_property", "hazard.exposure": "api_exposure"}


def _served() -> dict[str, tuple[str, ...]]:
    """By schema.table.column, in the order of the contracts: the tables whose values are modelled from it."""
    made_from = {
        table: {name for column in CONTRACTS[table].columns if column.made == "modelled" for name in column.made_from}
        for table in _MODELLED
    }
    served = {}
    for table in _READ:
        for column in CONTRACTS[table].columns:
            source = f"{table}.{column.name}"
            if using := tuple(name for name in _MODELLED if source in made_from[name]):
                served[source] = using
    return served


FEATURES = _served()

Feature = part(
    "Feature",
    "One input of a model.",
    name=(str, Field(description="name of the feature")),
    value=(Any, Field(description="its value; null where it is unknown")),
    unit=(str | None, Field(description="its unit")),
    meaning=(str, Field(description="what it says")),
    known_at=(
        datetime | None,
        Field(description="since when the value is known: when the row that holds it was published; null without a row"),
    ),
    source=(str, Field(description="where it stands, as schema.table.column")),
    used_by=(list[str], Field(description="tables whose values are modelled from it")),
    unknown_reason=(str | None, Field(description="why the value is unknown; null where it is known")),
)
_Links = part(
    "FeaturesLinks",
    "Further about it.",
    property=link("the property whole", may_be_absent=False),
    provenance=link("the rows and layers behind every value", may_be_absent=False),
)


class FeaturesAnswer(OfProperty):
    """The inputs of models for one property, as of a moment."""

    features: list[Feature] = Field(description="in the order of the tables' columns")  # type: ignore[valid-type]
    links: _Links  # type: ignore[valid-type]


@features.read("", answer=FeaturesAnswer)
def page(path: PropertyPath, query: AsOfQuery) -> Response:
    """What is known of one property as inputs of models, each with its unit, since when it is known, and where it stands.

    With `as_of` nothing is told that was published later, so that a model can be tried on what was known then.
    """
    asked = {"property_id": path.property_id, "as_of": query.as_of}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        require_property(reading, asked)
        rows = _rows(reading, asked)
    body = {
        **asked,
        "features": [_feature(name, rows) for name in FEATURES],
        "links": {"property": below(path.property_id), "provenance": below(path.property_id, "provenance")},
    }
    return json_response(body)


def _rows(reading: Reading, asked: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
    return {table: reading.row(name, asked) for table, name in _READ.items()}


def _feature(source: str, rows: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    table, _, name = source.rpartition(".")
    promise, row = CONTRACTS[table], rows[table]
    column = promise.column(name)
    value = row[name] if row else None
    return {
        "name": name,
        "value": value,
        "unit": column.unit or None,
        "meaning": column.meaning,
        "known_at": row["published_at"] if row else None,
        "source": source,
        "used_by": FEATURES[source],
        "unknown_reason": _unknown(promise, row, name) if value is None else None,
    }


def _unknown(promise: Contract, row: dict[str, Any] | None, name: str) -> str:
    if row is None:
        return f"{promise.name} has no row of this property at this moment"
    if promise.name == "hazard.exposure" and name.partition("_")[0] in row["unknown_hazards"]:
        return "no hazard layer speaks of this place"
    return f"no source of {promise.name} says it"
