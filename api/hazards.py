"""The hazards of one property: of each what its layer says of the place, and the risk that follows."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from pydantic import Field

from api.database import Reading
from api.edge import caller
from api.links import link
from api.parameters import AsOfQuery, PropertyPath
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Part, columns, part
from api.services import services
from api.subject import OfProperty, below, require_property

hazards = Resource(
    "hazards", __name__, "/api/v1/properties/<uuid:property_id>/hazards", "What the hazard layers say of one property, and its risk."
)

HAZARD_FIELDS = {
    "flood": ("flood_zone", "flood_zone_subtype", "is_in_sfha", "base_flood_elevation_ft"),
    "wildfire": ("burn_probability", "wildfire_hazard_class"),
    "heat": ("heat_wave_rate", "warming_c"),
    "seismic": ("peak_ground_acceleration_g", "seismic_design_category"),
}
LAYER = ("layer_id", "hazard", "source_name", "version", "vintage_date", "authority", "is_synthetic", "file_name", "snapshot_sha256")
RISK = ("risk_score_low", "risk_score_high", "risk_class", "dominant_hazard", "unknown_hazard_count")
_WHOLE = ("composite_low", "composite_high", "unknown_hazards", "uses_synthetic_layer", "published_at")

HazardLayerRead = part(
    "HazardLayerRead",
    "The version of a layer that was read, and the feature of its file that decided.",
    columns("reference.hazard_layer", LAYER),
    feature_row=(int | None, Field(description="feature of that layer's file that decided")),
)


def _spoken(hazard: str) -> type[Part]:
    return part(
        f"{hazard.capitalize()}Hazard",
        f"What the {hazard} layer says of the place.",
        columns("hazard.exposure", (*HAZARD_FIELDS[hazard], f"{hazard}_probability_30y", f"{hazard}_score")),
        layer=(HazardLayerRead | None, Field(description="the layer that was read; null where none speaks of the place")),
    )


Hazards = part(
    "Hazards",
    "What each layer says of the place. Unknown is null and never zero.",
    {hazard: (_spoken(hazard), Field(description=f"{hazard}")) for hazard in HAZARD_FIELDS},
    columns("hazard.exposure", _WHOLE),
)
Risk = part("Risk", "The risk that the hazards come to.", columns("score.risk", (*RISK, "published_at")))
_Links = part(
    "HazardsLinks",
    "Further about it.",
    property=link("the property whole", may_be_absent=False),
    provenance=link("the layers and rows behind the composite score", may_be_absent=False),
)


class HazardsAnswer(OfProperty):
    """The hazards of one property, as of a moment."""

    hazards: Hazards | None = Field(description="null before the hazard stage has read the layers for it")  # type: ignore[valid-type]
    risk: Risk | None = Field(description="null before the score stage has judged it")  # type: ignore[valid-type]
    links: _Links  # type: ignore[valid-type]


@hazards.read("", answer=HazardsAnswer)
def one(path: PropertyPath, query: AsOfQuery) -> Response:
    """Flood, wildfire, heat and earthquake at one property, each with the layer that was read, and the risk that they come to.

    A hazard that no layer speaks of is unknown: its fields are null, and the composite and the risk are intervals that hold both what they
    would be without it and with it certain.
    """
    asked = {"property_id": path.property_id, "as_of": query.as_of}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        require_property(reading, asked)
        exposure, risk = reading.row("api_exposure", asked), reading.row("api_risk", asked)
        read = layers(reading, exposure) if exposure else {}
    return json_response({
        **asked,
        "hazards": exposure and shown(exposure, read),
        "risk": risk and picked(risk, *RISK, "published_at"),
        "links": {"property": below(path.property_id), "provenance": below(path.property_id, "provenance", "composite_high")},
    })  # fmt: skip


def shown(exposure: dict[str, Any], read: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    """The body of `Hazards` from a row of hazard.exposure and the layers that were read."""
    return {
        **{
            hazard: picked(exposure, *fields, f"{hazard}_probability_30y", f"{hazard}_score") | {"layer": read[hazard]}
            for hazard, fields in HAZARD_FIELDS.items()
        },
        **picked(exposure, *_WHOLE),
    }


def layers(reading: Reading, exposure: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
    """Per hazard the layer version that was read, with the deciding feature; None where no layer speaks of the place."""
    wanted = {hazard: exposure[f"{hazard}_layer_id"] for hazard in HAZARD_FIELDS}
    known_layers = {
        row["layer_id"]: row for row in reading.rows("api_layers", {"layer_ids": [i for i in wanted.values() if i is not None]})
    }
    return {
        hazard: {**known_layers[layer_id], "feature_row": exposure[f"{hazard}_feature_row"]} if layer_id in known_layers else None
        for hazard, layer_id in wanted.items()
    }
