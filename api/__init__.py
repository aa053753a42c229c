"""The read API: a small Flask service, read-only, one tenant a request.

gunicorn 'api:create_app()'
"""

from __future__ import annotations

from flask import Flask

from api import data_docs, edge, health, problems, properties, provenance, services
from estate import settings as configuration
from estate.settings import Settings, Tenant


def create_app(settings: Settings | None = None, tenants: dict[str, Tenant] | None = None) -> Flask:
    """The application. `settings` and `tenants` (by slug) default to the environment's.

    Raises SettingError naming what is missing or wrong.
    Nothing is opened here: connections begin in the worker that serves the first request, after any fork.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = edge.MAX_BODY_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # Two slashes are not one: an address is answered or it is not, without a redirect in between.
    app.url_map.merge_slashes = False
    services.install(app, settings or configuration.settings(), configuration.tenants() if tenants is None else tenants)
    edge.register(app)
    problems.register(app)
    for resource in (health.health, properties.properties, provenance.provenance, data_docs.data_docs):
        app.register_blueprint(resource)
    return app
