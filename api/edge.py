"""What every request passes on its way in and out: request id, authentication, headers, one log line."""

from __future__ import annotations

import logging
import re
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, current_app, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import RequestEntityTooLarge, RequestURITooLarge, ServiceUnavailable, Unauthorized

from api.auth import Caller, KeysUnavailable, TokenRefused
from api.representations import to_json
from api.services import services

REALM = "real-estate-os"
MAX_QUERY_BYTES = 4096
MAX_BODY_BYTES = 64 * 1024

# Everything else needs a token, also addresses that no route answers. A test walks the route map against these two lists.
OPEN_ENDPOINTS = frozenset({"health.live", "health.ready", "problems.explain"})
# A browser opens Data Docs: the hook of that blueprint asks for a user and password instead.
BASIC_ENDPOINTS = frozenset({"data_docs.index", "data_docs.page", "data_docs.asset"})

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
access_log = logging.getLogger("api.access")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the record's own `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return to_json(line).decode()


class _Stdout(logging.StreamHandler[Any]):
    """Standard output as it is when the line is written, whoever has replaced it since."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stdout


def log_to_stdout() -> None:
    """Send the API's log to standard output as JSON lines, once a process."""
    logger = logging.getLogger("api")
    if not logger.handlers:
        handler = _Stdout()
        handler.setFormatter(JsonLines())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        # A host that logs too (a test, a notebook) must not print each line twice.
        logger.propagate = False


def caller() -> Caller:
    """The verified caller of this request."""
    verified: Caller = g.caller
    return verified


def unauthorized(detail: str, *, scheme: str = "bearer", **parameters: str) -> Unauthorized:
    """A 401 that says which credentials are wanted."""
    realm = parameters.pop("realm", REALM)
    return Unauthorized(detail, www_authenticate=WWWAuthenticate(scheme, {"realm": realm, **parameters}))


def _enter() -> None:
    g.started = time.perf_counter()
    offered = request.headers.get("X-Request-ID", "")
    g.request_id = offered if _REQUEST_ID.fullmatch(offered) else str(uuid.uuid4())


def _authenticate() -> None:
    if len(request.query_string) > MAX_QUERY_BYTES:
        raise RequestURITooLarge
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    if request.endpoint in OPEN_ENDPOINTS or request.endpoint in BASIC_ENDPOINTS:
        return
    authorization = request.headers.get("Authorization")
    if not authorization:
        raise unauthorized("A bearer token is needed.")
    try:
        g.caller = services(current_app).verifier.caller(authorization)
    except TokenRefused as refusal:
        raise unauthorized(f"{refusal}.".capitalize(), error="invalid_token", error_description=str(refusal)) from None
    except KeysUnavailable:
        raise ServiceUnavailable("Tokens cannot be verified: the issuer's keys cannot be read.", retry_after=5) from None


def _leave(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.vary.add("Authorization")
    response.headers["X-Request-ID"] = g.request_id
    who: Caller | None = g.get("caller")
    access_log.info(
        "request",
        extra={
            "fields": {
                "request_id": g.request_id,
                "tenant_id": who.tenant_id if who else None,
                "method": request.method,
                "route": request.url_rule.rule if request.url_rule else None,
                "status": response.status_code,
                "duration_ms": round((time.perf_counter() - g.started) * 1000, 2),
            }
        },
    )
    return response


def register(app: Flask) -> None:
    """Put the edge around every route of `app`, those of later modules included."""
    log_to_stdout()
    app.before_request(_enter)
    app.before_request(_authenticate)
    app.after_request(_leave)
