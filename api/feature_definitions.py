"""The catalogue of features: what each one is, which services give it out, and how fresh, complete and steady its values are."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from pydantic import Field

from api import links
from api.edge import caller
from api.features import money
from api.parameters import Query
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.contracts import Column
from estate.features.definitions import PAGE, SERVICES, VIEWS, FeatureView

feature_definitions = Resource(
    "feature_definitions", __name__, "/api/v1/features", "What the features are, and how fresh, complete and steady they are."
)

PROFILE = (
    "run_id", "entity_count", "null_count", "null_rate", "previous_null_rate", "stale_rate", "oldest_observed_at", "newest_observed_at",
    "low", "median", "high", "psi", "js_divergence", "previous_run_id", "profiled_at",
)  # fmt: skip
PARITY = ("run_id", "compared_count", "mismatch_count", "example", "as_of_at", "audited_at")
ONLINE = ("table_name", "run_id", "materialized_at")
_MONEY = ("low", "median", "high")
_TYPES = {"double precision": "number", "bigint": "integer", "boolean": "boolean", "text": "text"}

_RUN = links.link("the run that found it, in Airflow")
FeatureProfile = part(
    "FeatureProfile",
    "How it was spread over all of the tenant's when it was looked at last, against the time before.",
    columns("features.profile", PROFILE),
    airflow_run=_RUN,
)
FeatureParity = part(
    "FeatureParity",
    "Whether the last audit found the same online as offline.",
    columns("features.parity", PARITY),
    airflow_run=_RUN,
)
FeatureDefinition = part(
    "FeatureDefinition",
    "One feature.",
    name=(str, Field(description="its name")),
    type=(str, Field(description="number, integer, boolean or text")),
    unit=(str | None, Field(description="its unit")),
    meaning=(str, Field(description="what it says")),
    made=(str, Field(description="copied from its source, inferred from it, or assigned where no source speaks of it")),
    source=(list[str], Field(description="columns that it is made from, as schema.table.column")),
    services=(list[str], Field(description="feature services that give it out")),
    absent_reason=(str | None, Field(description="why it is null everywhere; null where a source speaks of it")),
    profile=(FeatureProfile | None, Field(description="null before it was looked at")),
    parity=(FeatureParity | None, Field(description="null where the last audit did not look at it")),
)
FeatureOnline = part(
    "FeatureOnline",
    "The publication that went online last.",
    columns("features.materialization", ONLINE),
    publication_id=(str, Field(description="number of the publication; text, because it is larger than a double holds exactly")),
    airflow_run=_RUN,
)
FeatureViewDefinition = part(
    "FeatureViewDefinition",
    "Features of one kind of entity that live equally long.",
    {"name": (str, Field(description="its name")), "about": (str, Field(description="what its features tell"))},
    owner=(str, Field(description="who answers for them")),
    entity=(str, Field(description="what a row of it is of: property_id or county_fips")),
    ttl_days=(float, Field(description="age up to which a value may be taken for the present one (days)")),
    online=(list[FeatureOnline], Field(description="of each table behind it what went online last")),  # type: ignore[valid-type]
    features=(list[FeatureDefinition], Field(description="its features, in order")),  # type: ignore[valid-type]
)
FeatureServiceDefinition = part(
    "FeatureServiceDefinition",
    "Features that are asked for together.",
    {
        "name": (str, Field(description="its name, with its generation")),
        "version": (str, Field(description="digest of its definition; models name it with the service that they were trained from")),
        "about": (str, Field(description="what it is for")),
    },
    features=(list[str], Field(description="names of the features, in order")),
)

_Links = part(
    "FeaturesCatalogueLinks",
    "Where to look next.",
    data_docs=links.link("all this as a page for people; null before the features were looked at"),
)


class FeaturesCatalogue(Answer):
    """Every feature, and how it fares."""

    views: list[FeatureViewDefinition] = Field(description="the views with their features")  # type: ignore[valid-type]
    services: list[FeatureServiceDefinition] = Field(description="the services")  # type: ignore[valid-type]
    links: _Links = Field(description="where to look next")  # type: ignore[valid-type]


@feature_definitions.read("", answer=FeaturesCatalogue, summary="Every feature, what it means and how it fares")
def catalogue(query: Query) -> Response:  # noqa: ARG001 - none is known here
    """What the features are, and of each how many values are unknown or stale, how far it has drifted, and whether online agrees.

    These figures are those of the last run that looked, and say when that was; what is stale right now, a property's own features say.
    """
    every = [(view.name, column.name) for view in VIEWS.values() for column in view.features]
    with services(current_app).database.reading(caller().tenant_id) as reading:
        profiles = _by_feature(
            reading.rows("api_feature_profiles", {"view_names": [v for v, _ in every], "feature_names": [f for _, f in every]})
        )
        parities = _by_feature(reading.rows("api_feature_parity", {}))
        tables = sorted({table for view in VIEWS.values() for table in view.tables})
        online = {row["table_name"]: row for row in reading.rows("api_feature_online", {"table_names": tables})}
    return json_response({
        "views": [
            {
                **_view(view, online),
                "features": [
                    _feature(view, column, profiles.get((view.name, column.name)), parities.get((view.name, column.name)))
                    for column in view.features
                ],
            }
            for view in VIEWS.values()
        ],
        "services": [
            {"name": service.name, "version": service.version, "about": service.about, "features": service.names}
            for service in SERVICES.values()
        ],
        "links": {"data_docs": links.data_docs(PAGE if profiles else None)},
    })  # fmt: skip


def _by_feature(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["view_name"], row["feature_name"]): row for row in rows}


def _run(row: dict[str, Any]) -> dict[str, Any]:
    return {"airflow_run": links.airflow_run(row["run_id"])}


def _view(view: FeatureView, online: dict[str, dict[str, Any]]) -> dict[str, Any]:
    taken = [online[table] for table in view.tables if table in online]
    return {
        "name": view.name,
        "about": view.about,
        "owner": view.owner,
        "entity": view.entity,
        "ttl_days": view.ttl_days,
        "online": [picked(row, *ONLINE) | {"publication_id": str(row["publication_id"])} | _run(row) for row in taken],
    }


def _feature(view: FeatureView, column: Column, profile: dict[str, Any] | None, parity: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": _TYPES[column.sql_type],
        "unit": column.unit or None,
        "meaning": column.meaning,
        "made": column.made,
        "source": column.made_from,
        "services": view.services_of(column.name),
        "absent_reason": view.absent.get(column.name),
        "profile": profile and picked(profile, *PROFILE) | {name: money(profile[name], column) for name in _MONEY} | _run(profile),
        "parity": parity and picked(parity, *PARITY) | _run(parity),
    }
