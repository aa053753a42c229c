"""The properties of the same tenant that are most like one, each with the reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, current_app
from pydantic import Field

from api.edge import caller
from api.links import link
from api.parameters import PropertyPath, Query, Whole
from api.problems import not_found
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from api.similarity import LOCATION, NAMES, UNKNOWN_Z, WEIGHTS, Twin, spreads
from api.similarity import twins as most_alike
from api.subject import below

twins = Resource("twins", __name__, "/api/v1/properties/<uuid:property_id>/twins", "The properties most like one, each with the reason.")

MAX_TWINS = 50
SAMPLE_SIZE = 5_000
SIDE_SIZE = 1_000
# Half as large again, or two thirds: further away no other attribute makes up for it.
AREA_FACTOR = 1.5

_SHOWN = (
    "property_id", "situs_address", "situs_city", "situs_state", "situs_zip", "property_type", "latitude", "longitude", "living_area_sqft",
    "lot_area_sqft", "year_built", "bedroom_count", "bathroom_count", "condition_code", "quality_code", "last_sale_date",
    "last_sale_price_usd", "estimated_value_usd", "published_at",
)  # fmt: skip
TwinDifference = part(
    "TwinDifference",
    "An attribute in which the twin differs.",
    field=(str, Field(description=f"the attribute; {LOCATION} is how far apart they lie")),
    standardised=(float, Field(description="the difference over the attribute's spread in the county")),
    says=(str, Field(description="the difference in words, of the twin against the subject")),
)
PropertyTwin = part(
    "PropertyTwin",
    "A property like the subject.",
    columns("provenance.summary", _SHOWN),
    distance=(
        float,
        Field(description="how unlike the two are: 0 is alike in all, 1 as unlike as two of the county usually are in everything"),
    ),
    reason=(str, Field(description="why it is alike, and how it differs")),
    agrees=(list[str], Field(description="attributes that are the same")),
    differs=(list[TwinDifference], Field(description="attributes that are not")),  # type: ignore[valid-type]
    unknown=(list[str], Field(description=f"attributes that one of them lacks; each counts as a difference of {UNKNOWN_Z:g} spreads")),
    links=(
        part("PropertyTwinLinks", "Further about it.", property=link("the twin whole", may_be_absent=False)),
        Field(description="further about it"),
    ),
)
TwinMeasure = part(
    "TwinMeasure",
    "How an attribute is measured.",
    field=(str, Field(description="the attribute")),
    weight=(float, Field(description="its weight in the distance")),
    spread=(
        float,
        Field(
            description="its spread in the county: interquartile range over 1.349; of areas that of their logarithm, of the location in km"
        ),
    ),
)


class TwinsAnswer(Answer):
    """The properties most like one: distance = sqrt(Σ weight × standardised² / Σ weight)."""

    property_id: UUID = Field(description="the subject")
    twins: list[PropertyTwin] = Field(description="the most alike first")  # type: ignore[valid-type]
    candidate_count: int = Field(description="properties of its county, type and size that were compared with it")
    measures: list[TwinMeasure] = Field(description="how each attribute is measured; empty where the county is unknown")  # type: ignore[valid-type]
    links: part("TwinsLinks", "Further about it.", property=link("the subject whole", may_be_absent=False))  # type: ignore[valid-type]


class TwinsQuery(Query):
    """How many."""

    limit: Whole = Field(10, ge=1, le=MAX_TWINS, description="twins to give")


@twins.read("", answer=TwinsAnswer, cost="search", is_cached=True)
def page(path: PropertyPath, query: TwinsQuery) -> Response:
    """The current properties of the same tenant, county and type that are most like this one, each with the reason in words.

    They are compared by living area, lot, year, bedrooms, bathrooms, condition, quality and location, each difference measured by the
    spread of the attribute in the county. What is unknown of either counts as a difference, never as equal.
    """
    with services(current_app).database.reading(caller().tenant_id) as reading:
        subject = reading.row("api_twins_subject", {"property_id": path.property_id})
        if subject is None:
            raise not_found()
        candidates, quartiles = [], None
        if subject["county_fips"] is not None:
            quartiles = reading.row("api_twins_quartiles", {"county_fips": subject["county_fips"], "sample_size": SAMPLE_SIZE})
            candidates = reading.rows("api_twins_candidates", {**_bound(subject), "side_size": SIDE_SIZE})
    spread = spreads(quartiles, subject["latitude"]) if quartiles else {}
    return json_response({
        "property_id": path.property_id,
        "twins": [_shown(twin) for twin in most_alike(subject, candidates, spread, query.limit)],
        "candidate_count": sum(row["property_id"] != path.property_id for row in candidates),
        "measures": [{"field": name, "weight": WEIGHTS[name], "spread": round(spread[name], 6)} for name in NAMES if name in spread],
        "links": {"property": below(path.property_id)},
    })  # fmt: skip


def _bound(subject: dict[str, Any]) -> dict[str, Any]:
    area = subject["living_area_sqft"]
    is_known = area is not None and area > 0
    return {
        **picked(subject, "county_fips", "property_type"),
        "living_area_sqft": area if is_known else None,
        "area_from": area / AREA_FACTOR if is_known else None,
        "area_to": area * AREA_FACTOR if is_known else None,
    }


def _shown(twin: Twin) -> dict[str, Any]:
    return {
        **picked(dict(twin.row), *_SHOWN),
        "distance": round(twin.distance, 6),
        "reason": twin.reason,
        "agrees": twin.agreeing,
        "differs": [
            {"field": difference.name, "standardised": round(difference.standardised, 6), "says": difference.says}
            for difference in twin.differing
        ],
        "unknown": twin.unknown,
        "links": {"property": below(twin.row["property_id"])},
    }
