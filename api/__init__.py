"""The read API: a small Flask service, read-only, one tenant a request.

gunicorn 'api:create_app()'
"""

from __future__ import annotations

from flask import Flask
from flask_compress import Compress
from flask_openapi3 import OpenAPI

from api import (
    audit_log,
    batches,
    comparables,
    data_docs,
    document,
    edge,
    feature_definitions,
    features,
    hazard_layers,
    hazards,
    health,
    history,
    landings,
    lineage,
    markets,
    me,
    models,
    parameters,
    problems,
    property_sales,
    provenance,
    quality,
    quarantine,
    sales,
    search,
    services,
    telemetry,
    twins,
    valuation,
    valuations,
)
from api.property import whole_property
from api.representations import Json
from api.resource import Resource
from estate import settings as configuration
from estate.settings import Settings, Tenant

# Everything that is served to a tenant's token. A new resource is a module of its own and a name here.
RESOURCES: tuple[Resource, ...] = (
    search.properties,
    whole_property,
    hazards.hazards,
    valuation.valuation,
    history.history,
    property_sales.property_sales,
    twins.twins,
    features.features,
    provenance.provenance,
    sales.sales,
    comparables.comparables,
    valuations.valuations,
    markets.markets,
    hazard_layers.hazard_layers,
    batches.batches,
    landings.landings,
    quality.quality,
    quarantine.quarantine,
    lineage.lineage,
    models.models,
    feature_definitions.feature_definitions,
    me.me,
    audit_log.audit_log,
)

COMPRESSED = (
    "application/json", "application/geo+json", "application/problem+json", "application/x-ndjson", "text/csv", "text/html", "text/css",
    "text/javascript", "text/plain", "image/svg+xml",
)  # fmt: skip


def create_app(settings: Settings | None = None, tenants: dict[str, Tenant] | None = None) -> Flask:
    """The application. `settings` and `tenants` (by slug) default to the environment's.

    Raises SettingError naming what is missing or wrong.
    Nothing is opened here: connections begin in the worker that serves the first request, after any fork.
    """
    app = OpenAPI(
        __name__,
        static_folder=None,
        doc_ui=False,
        info=document.INFO,
        security_schemes=document.SECURITY,
        validation_error_model=problems.Problem,
        validation_error_callback=parameters.refuse,
    )
    app.json = Json(app)
    app.config["MAX_CONTENT_LENGTH"] = edge.MAX_BODY_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # Two slashes are not one: an address is answered or it is not, without a redirect in between.
    app.url_map.merge_slashes = False
    chosen = settings or configuration.settings()
    services.install(app, chosen, configuration.tenants() if tenants is None else tenants)
    # Before the edge, whose work on an answer it must come after: what is kept in the cache is not compressed.
    app.config.update(COMPRESS_MIMETYPES=COMPRESSED, COMPRESS_MIN_SIZE=1024, COMPRESS_ALGORITHM=["zstd", "br", "gzip"], COMPRESS_BR_LEVEL=3)
    Compress(app)
    edge.register(app)
    telemetry.install(app, chosen)
    problems.register(app)
    for resource in RESOURCES:
        app.register_api(resource)
    for pages in (health.health, data_docs.data_docs, document.document):
        app.register_blueprint(pages)
    return app
