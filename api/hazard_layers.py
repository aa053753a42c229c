"""Hazard layers: the public maps that properties are read against, each version with its vintage, authority and coverage."""

from __future__ import annotations

import re
from typing import Any, Literal

from flask import Response, current_app
from pydantic import BaseModel, Field

from api import links, paging
from api.edge import caller
from api.parameters import PageQuery, Query
from api.problems import not_found
from api.representations import geometry, json_response, picked
from api.resource import Resource
from api.schemas import Answer, Part, columns, part
from api.services import services
from estate.ingest.declaration import Hazard, sources

hazard_layers = Resource("hazard_layers", __name__, "/api/v1/hazard-layers", "Public hazard layers, the same for all tenants.")

MAX_LAYER_ID = 2**31 - 1
_LAYER_ID = re.compile(r"[1-9][0-9]{0,9}")
LAYER = (
    "layer_id", "hazard", "source_name", "version", "vintage_date", "authority", "is_synthetic", "is_current", "file_name",
    "snapshot_sha256", "feature_count", "loaded_at",
)  # fmt: skip


class HazardLayerCoverage(Part):
    """The ground that a layer can speak of: a GeoJSON polygon, the box around all of its features or around the area it was read for."""

    type: Literal["Polygon"] = Field(description="GeoJSON type")
    coordinates: list[list[list[float]]] = Field(description="one closed ring of longitude and latitude (WGS 84, degrees)")


_LayerLinks = part("HazardLayerLinks", "Where to look next.", self=links.link("the layer alone", may_be_absent=False))
Layer = part(
    "HazardLayer",
    "One version of one hazard layer.",
    columns("reference.hazard_layer", LAYER),
    title=(str | None, Field(description="what it is, in words; null for a source that is no longer declared")),
    licence=(str | None, Field(description="under which licence it is published; null for a source that is no longer declared")),
    bbox=(list[float], Field(description="west, south, east, north of the coverage (WGS 84, degrees)", min_length=4, max_length=4)),
    coverage=(HazardLayerCoverage, Field(description="the ground that the layer can speak of: outside it, its hazard is unknown")),
    links=(_LayerLinks, Field(description="where to look next")),
)


class HazardLayersQuery(PageQuery):
    """Which layers."""

    hazard: Hazard | None = Field(None, description="of this hazard only", json_schema_extra={"example": "flood"})
    include: Literal["retired"] | None = Field(
        None,
        description="`retired`: also the versions that a newer one replaced, which older answers were read from",
        json_schema_extra={"example": "retired"},
    )


class HazardLayerPath(BaseModel):
    """Which layer."""

    layer_id: str = Field(description="number of the layer version", json_schema_extra={"pattern": f"^{_LAYER_ID.pattern}$"})


class HazardLayersAnswer(Answer):
    """One page of layer versions, the last loaded first."""

    hazard_layers: list[Layer] = Field(description="each with its coverage")  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last")


class HazardLayerAnswer(Answer):
    """One layer version."""

    hazard_layer: Layer = Field(description="the layer with its coverage")  # type: ignore[valid-type]


@hazard_layers.read("", answer=HazardLayersAnswer, summary="The maps that hazards are read from")
def page(query: HazardLayersQuery) -> Response:
    """The layer versions that new batches are read against, the last loaded first; on demand also those that were replaced."""
    asked = paging.asked("hazard-layers", query)
    filters = {"hazard": query.hazard, "include_retired": query.include == "retired"}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        rows = reading.rows("api_hazard_layers", {"page_size": asked.fetched, **filters, **asked.key("after_id")})
    return paging.answer(asked, "hazard_layers", rows, lambda row: [row["layer_id"]], _layer)


@hazard_layers.read("/<layer_id>", answer=HazardLayerAnswer, summary="One layer version")
def one(path: HazardLayerPath, query: Query) -> Response:  # noqa: ARG001 - none is known here
    """One version of a layer, current or not."""
    # Werkzeug's own converter would take the digits of every script.
    if not _LAYER_ID.fullmatch(path.layer_id) or int(path.layer_id) > MAX_LAYER_ID:
        raise not_found()
    with services(current_app).database.reading(caller().tenant_id) as reading:
        found = reading.row("api_hazard_layer", {"layer_id": int(path.layer_id)})
    if found is None:
        raise not_found()
    return json_response({"hazard_layer": _layer(found)})


def _layer(row: dict[str, Any]) -> dict[str, Any]:
    declared = sources().get(row["source_name"])
    return {
        **picked(row, *LAYER),
        "title": declared.title if declared else None,
        "licence": declared.licence if declared else None,
        "bbox": [row["west"], row["south"], row["east"], row["north"]],
        "coverage": geometry(row["coverage"]),
        "links": {"self": links.path("hazard-layers", row["layer_id"])},
    }
