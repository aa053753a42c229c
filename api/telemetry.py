"""How the API is watched: /metrics for Prometheus, and spans and errors for whoever the settings name."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app

from api import faults, metrics, tracing
from api.services import services
from estate.errors import SettingError
from estate.settings import Settings

telemetry = Blueprint("telemetry", __name__)

# Anybody may ask, so the answer is made at most this often.
KEPT_S = 1.0
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_lock = threading.Lock()


@telemetry.get("/metrics")
def exposition() -> Response:
    """The metrics of all workers in Prometheus' text format. Open: they name no tenant, no person and no address."""
    with _lock:
        kept = current_app.extensions.get("metrics")
        if kept is None or time.monotonic() - kept[0] > KEPT_S:
            platform = services(current_app)
            platform.database.show()
            metrics.show_listener(platform.versions.is_listening)
            kept = current_app.extensions["metrics"] = (time.monotonic(), metrics.exposition())
    return Response(kept[1], content_type=_CONTENT_TYPE)


def install(app: Flask, settings: Settings) -> None:
    """Serve /metrics, and begin to send spans and errors where the settings ask for it. Raises SettingError with the setting's name."""
    app.register_blueprint(telemetry)
    if settings.otlp_endpoint:
        if urlsplit(settings.otlp_endpoint).scheme not in {"http", "https"}:
            raise SettingError("ESTATE_OTLP_ENDPOINT: must be http://… or https://…, the collector's address without /v1/traces")
        tracing.install(app, settings.otlp_endpoint, settings.code_version)
    if settings.sentry_dsn:
        parts = urlsplit(settings.sentry_dsn)
        if parts.scheme not in {"http", "https"} or not parts.username or not parts.path.strip("/").isdigit():
            raise SettingError("ESTATE_SENTRY_DSN: must be https://<key>@<host>/<project>")
        faults.install(settings.sentry_dsn, settings.code_version)
