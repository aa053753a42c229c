"""Properties: pages of them, and one whole - identity, attributes, value, hazards, risk, trust, sales - as of any moment."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, current_app, request

from api import parameters
from api.database import Reading
from api.edge import caller
from api.problems import not_found
from api.representations import geometry, json_response, picked
from api.services import services
from estate.contracts.score import ADJUSTMENTS
from estate.contracts.score_explanation import CONTRIBUTIONS
from estate.provenance.trust import TRACED_FIELDS

properties = Blueprint("properties", __name__, url_prefix="/api/v1/properties")

ATTRIBUTES = (
    "property_type", "living_area_sqft", "lot_area_sqft", "basement_area_sqft", "year_built", "year_renovated", "bedroom_count",
    "bathroom_count", "story_count", "garage_space_count", "condition_code", "quality_code", "assessed_value_usd", "list_price_usd",
    "list_date", "has_waterfront", "view_code",
)  # fmt: skip
ADDRESS = (
    "situs_raw", "situs_address", "situs_number", "situs_street", "situs_unit", "situs_city", "situs_state", "situs_zip",
    "situs_confidence", "situs_flags",
)  # fmt: skip
HAZARD_FIELDS = {
    "flood": ("flood_zone", "flood_zone_subtype", "is_in_sfha", "base_flood_elevation_ft"),
    "wildfire": ("burn_probability", "wildfire_hazard_class"),
    "heat": ("heat_wave_rate", "warming_c"),
    "seismic": ("peak_ground_acceleration_g", "seismic_design_category"),
}
VALUE = (
    "valuation_date", "estimated_value_usd", "value_low_usd", "value_high_usd", "interval_level", "value_low_95_usd",
    "value_high_95_usd", "fsd", "confidence", "confidence_band", "comparable_count", "refusal_reason", "method",
)  # fmt: skip
RISK = ("risk_score_low", "risk_score_high", "risk_class", "dominant_hazard", "unknown_hazard_count")
SALE = (
    "sale_id", "sale_price_usd", "sale_date", "recording_date", "document_number", "is_arms_length", "exclusion_reasons", "decided_by",
    "source_name",
)  # fmt: skip


@properties.get("")
def page() -> Response:
    """One page of the tenant's properties, in the order of their identifiers. `next_cursor` is null on the last."""
    asked = parameters.read(
        limit=parameters.page_size,
        cursor=parameters.opaque,
        as_of=parameters.moment,
        county_fips=parameters.five_digits,
        zip=parameters.five_digits,
        city=parameters.words,
    )
    size = asked["limit"] or parameters.DEFAULT_PAGE_SIZE
    filters = {name: asked[name] for name in ("county_fips", "zip", "city")}
    # A cursor continues the query that made it and no other.
    query = {"of": "properties", "as_of": asked["as_of"].isoformat() if asked["as_of"] else None, **filters}
    tenant_id, cursors = caller().tenant_id, services(current_app).cursors
    after = cursors.read(tenant_id, query, asked["cursor"]) if asked["cursor"] is not None else None
    with services(current_app).database.reading(tenant_id) as reading:
        # One more than asked tells whether there is a next page.
        rows = reading.rows("api_properties", {"as_of": asked["as_of"], "after": after, "page_size": size + 1, **filters})
    cursor = cursors.write(tenant_id, query, str(rows[size - 1]["property_id"])) if len(rows) > size else None
    response = json_response({"properties": rows[:size], "as_of": asked["as_of"], "next_cursor": cursor})
    if cursor:
        kept = {name: text for name, text in request.args.items() if name != "cursor"}
        response.headers["Link"] = f'<{request.path}?{urlencode({**kept, "cursor": cursor})}>; rel="next"'
    return response


@properties.get("/<uuid:property_id>")
def one(property_id: UUID) -> Response:
    """One property whole, as of a moment."""
    asked = {"property_id": property_id, **parameters.read(as_of=parameters.moment)}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        found = reading.row("api_property", asked)
        if found is None:
            raise not_found()
        return json_response(_whole(reading, found, asked))


def _whole(reading: Reading, found: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "property_id": found["property_id"],
        "as_of": asked["as_of"],
        "published_at": found["published_at"],
        "identity": picked(found, "property_key", "county_fips", "apn", "apn_raw"),
        "address": picked(found, *ADDRESS),
        "location": picked(found, "latitude", "longitude") | {"parcel": geometry(found["parcel_geom"])},
        "owner": picked(found, "owner_name", "mailing_address"),
        "attributes": picked(found, *ATTRIBUTES),
        "value": _value(reading, asked),
        "hazards": _hazards(reading, asked),
        "risk": _part(reading.row("api_risk", asked), *RISK),
        "trust": _trust(reading, asked),
        "sales": [picked(sale, *SALE) for sale in sales(reading, asked)],
        "links": {
            "self": f"/api/v1/properties/{found['property_id']}",
            "provenance": f"/api/v1/properties/{found['property_id']}/provenance",
        },
    }


def sales(reading: Reading, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The sales of the property, newest first, with their origin."""
    return reading.rows("api_sales_as_of" if asked["as_of"] else "api_sales", asked)


def layers(reading: Reading, exposure: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
    """Per hazard the layer version that was read, with the deciding feature; None where no layer speaks of the place."""
    wanted = {hazard: exposure[f"{hazard}_layer_id"] for hazard in HAZARD_FIELDS}
    known = {row["layer_id"]: row for row in reading.rows("api_layers", {"layer_ids": [i for i in wanted.values() if i is not None]})}
    return {
        hazard: {**known[layer_id], "feature_row": exposure[f"{hazard}_feature_row"]} if layer_id in known else None
        for hazard, layer_id in wanted.items()
    }


def model(reading: Reading, valuation: dict[str, Any] | None, docs_url: str | None) -> dict[str, Any] | None:
    """The model that gave a value, with its `page` below the tenant's Data Docs; None where none did, as before there were models."""
    if valuation is None or valuation["model_id"] is None:
        return None
    found = reading.row("api_model", {"model_id": valuation["model_id"]})
    return found and {**found, "page": f"{docs_url}/{found['page_key']}" if docs_url else None}


def _part(row: dict[str, Any] | None, *names: str) -> dict[str, Any] | None:
    return None if row is None else picked(row, *names, "published_at")


def _value(reading: Reading, asked: dict[str, Any]) -> dict[str, Any] | None:
    valuation = reading.row("api_valuation", asked)
    if valuation is None:
        return None
    trained = model(reading, valuation, services(current_app).docs_url(caller().tenant_id))
    return {
        **picked(valuation, *VALUE, "published_at"),
        "model": trained and picked(trained, "model_id", "as_of_date", "page"),
        "comparables": [_comparable(row) for row in reading.rows("api_comparables", asked)],
        "contributions": _contributions(reading.row("api_contributions", asked)),
        "counterfactuals": reading.rows("api_counterfactuals", asked),
    }


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **picked(row, "comparable_rank", "sale_id", "weight", "distance_m", "sale_age_days", "sale_price_usd"),
        # The waterfall: the price and these steps sum to the adjusted price, to the cent.
        "adjustments": {f"{name}_adjustment_usd": row[f"{name}_adjustment_usd"] for name in ADJUSTMENTS},
        "adjusted_price_usd": row["adjusted_price_usd"],
    }


def _contributions(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """The base and, in the order in which they are told, the parts: together they are the value, to the cent."""
    if row is None:
        return None
    parts = [{"name": name, "contribution_usd": row[f"{name}_contribution_usd"]} for name in CONTRIBUTIONS]
    return {"base_usd": row["base_usd"], "parts": parts}


def _hazards(reading: Reading, asked: dict[str, Any]) -> dict[str, Any] | None:
    exposure = reading.row("api_exposure", asked)
    if exposure is None:
        return None
    read = layers(reading, exposure)
    return {
        **{
            hazard: picked(exposure, *fields, f"{hazard}_probability_30y", f"{hazard}_score") | {"layer": read[hazard]}
            for hazard, fields in HAZARD_FIELDS.items()
        },
        **picked(exposure, "composite_low", "composite_high", "unknown_hazards", "uses_synthetic_layer", "published_at"),
    }


def _trust(reading: Reading, asked: dict[str, Any]) -> dict[str, Any] | None:
    trust = reading.row("api_trust", asked)
    if trust is None:
        return None
    names = ("property_trust", "confirmed_vintage_date", "traced_field_count", "untraced_field_count", "untraced_fields", "published_at")
    return picked(trust, *names) | {"field_trust_pct": field_trust(trust)}


def field_trust(trust: dict[str, Any]) -> dict[str, int | None]:
    """The trust of each traced field in percent, by name; null for a field that came after the row was written."""
    return dict(zip_longest(TRACED_FIELDS, trust["field_trust_pct"]))
