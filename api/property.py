"""One property whole: identity, address, attributes, value, hazards, risk, trust and sales, as of any moment."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response, current_app
from pydantic import Field, create_model

from api.edge import caller
from api.hazards import Hazards, Risk
from api.links import link
from api.parameters import AsOfQuery, PropertyPath
from api.personal import disclose, personal_columns
from api.problems import not_found
from api.property_sales import SALE_COLUMNS
from api.resource import Resource
from api.schemas import columns, part
from api.services import services
from api.subject import OfProperty
from api.value_parts import VALUE, ValueModel
from estate.contracts.provenance import TRUST

whole_property = Resource("property", __name__, "/api/v1/properties", "One property whole, and what lies below it.")

IDENTITY = ("property_key", "county_fips", "apn", "apn_raw")
ADDRESS = (
    "situs_raw", "situs_address", "situs_number", "situs_street", "situs_unit", "situs_city", "situs_state", "situs_zip",
    "situs_confidence", "situs_flags",
)  # fmt: skip
ATTRIBUTES = (
    "property_type", "living_area_sqft", "lot_area_sqft", "basement_area_sqft", "year_built", "year_renovated", "bedroom_count",
    "bathroom_count", "story_count", "garage_space_count", "condition_code", "quality_code", "assessed_value_usd", "list_price_usd",
    "list_date", "has_waterfront", "view_code",
)  # fmt: skip
JUDGED = ("property_trust", "confirmed_vintage_date", "traced_field_count", "untraced_field_count", "untraced_fields", "published_at")
BELOW = ("hazards", "valuation", "history", "sales", "twins", "features", "provenance")

_TABLE = "normalize.property"
PropertyValue = part(
    "PropertyValue",
    "What it is worth and how sure that is; or a refusal, whose numbers are null and whose `refusal_reason` says why.",
    columns("score.valuation", (*VALUE, "published_at")),
    model=(ValueModel | None, Field(description="the model; null where none gave the value")),
    links=(
        part(
            "PropertyValueLinks",
            "All that explains it.",
            valuation=link("comparables with their waterfalls, contributions, changes", may_be_absent=False),
            provenance=link("the rows behind it", may_be_absent=False),
            model=link("the model; null where none gave the value"),
        ),
        Field(description="all that explains it"),
    ),
)
PropertyTrust = part(
    "PropertyTrust",
    "How far what is known of it can be relied upon.",
    columns(TRUST.name, JUDGED),
    field_trust_pct=(
        dict[str, int | None],
        Field(description="trust of each traced field, 0 to 100; null where the field is null, or came after this was judged"),
    ),
)


_LOCATED = part(
    "PropertyLocation",
    "Where it lies (WGS 84).",
    columns(_TABLE, ("latitude", "longitude")),
    parcel=(dict[str, Any] | None, Field(description="its outline (GeoJSON)")),
)
_SOLD = part("PropertyDocumentSale", "A sale of it.", SALE_COLUMNS)
_PARTS: dict[str, Any] = {
    **columns(_TABLE, ("published_at",)),
    "identity": (part("PropertyIdentity", "What it is called.", columns(_TABLE, IDENTITY)), Field(description="what it is called")),
    "address": (part("PropertyAddress", "Where it is.", columns(_TABLE, ADDRESS)), Field(description="as received and as standardised")),
    "location": (_LOCATED, Field(description="where it lies")),
    "owner": (
        part("PropertyOwner", "Whose it is.", columns(_TABLE, personal_columns(_TABLE))) | None,
        Field(description="null unless an analyst asks for it with include=owner"),
    ),
    "attributes": (part("PropertyAttributes", "What it is.", columns(_TABLE, ATTRIBUTES)), Field(description="what it is")),
    "value": (PropertyValue | None, Field(description="null before the score stage has looked at it")),
    "hazards": (Hazards | None, Field(description="null before the hazard stage has looked at it")),
    "risk": (Risk | None, Field(description="null before the score stage has looked at it")),
    "trust": (PropertyTrust | None, Field(description="null before the provenance stage has looked at it")),
    "sales": (list[_SOLD], Field(description="the newest first")),  # type: ignore[valid-type]
    "links": (
        part("PropertyLinks", "What lies below it.", **{name: link(f"its {name}", may_be_absent=False) for name in ("self", *BELOW)}),
        Field(description="what lies below it"),
    ),
}
PropertyAnswer = create_model("PropertyAnswer", __base__=OfProperty, __doc__="One property whole, as of a moment.", **_PARTS)


class PropertyQuery(AsOfQuery):
    """How it is told."""

    include: Literal["owner"] | None = Field(None, description="`owner` tells whose it is; for analysts, and written into the audit")


@whole_property.read("/<uuid:property_id>", answer=PropertyAnswer)
def one(path: PropertyPath, query: PropertyQuery) -> Response:
    """One property whole: what and where it is, what it is worth and how sure that is, its risks, and how far all this can be trusted."""
    platform, tenant_id = services(current_app), caller().tenant_id
    if query.include == "owner":
        disclose("owner")
    asked = {"property_id": path.property_id, "with_owner": query.include == "owner", "docs_url": platform.docs_url(tenant_id)}
    if query.as_of is None:
        document = platform.database.read_one(tenant_id, "api_property_document", asked)
    else:
        document = platform.database.read_one(tenant_id, "api_property_document_as_of", {**asked, "as_of": query.as_of})
    if document is None:
        raise not_found()
    return Response(document, content_type="application/json")
