"""What every request passes on its way in and out: request id, who asks, how much, whether it is known already; headers, one log line."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from flask import Flask, Response, current_app, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge, RequestURITooLarge, ServiceUnavailable, TooManyRequests, Unauthorized

from api import freshness, metrics, parameters
from api.access_log import access_log, log_to_stdout
from api.auth import Caller, TokenRefused
from api.keys import KeysUnavailable
from api.resource import ROLES_THAT_MAY, ROUTES, UNLISTED
from api.services import Services, services
from estate.settings import CostClass

REALM = "real-estate-os"
MAX_QUERY_BYTES = 4096
MAX_BODY_BYTES = 64 * 1024

# Everything else needs a token, also addresses that no route answers. A test walks the route map against these two lists.
OPEN_ENDPOINTS = frozenset({
    "health.live", "health.ready", "problems.explain", "telemetry.exposition", "document.openapi", "document.page", "document.asset",
})  # fmt: skip
# A browser opens Data Docs: the hook of that blueprint asks for a user and password instead.
BASIC_ENDPOINTS = frozenset({"data_docs.index", "data_docs.page", "data_docs.asset"})
_WITHOUT_TOKEN = OPEN_ENDPOINTS | BASIC_ENDPOINTS

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_HEADERS = tuple(
    (name.lower(), name, value)
    for name, value in {
        "Cache-Control": "private, no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }.items()
)
_REFUSED = frozenset({401, 403, 429})


def caller() -> Caller:
    """The verified caller of this request."""
    verified: Caller = g.caller
    return verified


def unauthorized(detail: str, *, scheme: str = "bearer", **challenge: str) -> Unauthorized:
    """A 401, to be raised, that says which credentials are wanted.

    `detail` is shown to the caller. `scheme` and the parameters of `challenge` make WWW-Authenticate (RFC 9110, RFC 6750); without a
    `realm` among them it is the API's own.
    """
    realm = challenge.pop("realm", REALM)
    return Unauthorized(detail, www_authenticate=WWWAuthenticate(scheme, {"realm": realm, **challenge}))


def _enter() -> None:
    g.started = time.perf_counter()
    offered = request.headers.get("X-Request-ID", "")
    g.request_id = offered if _REQUEST_ID.fullmatch(offered) else str(uuid.uuid4())


def _admit() -> Response | None:
    """Whoever is let through has `g.caller`. An answer that is known already ends the request here."""
    platform = services(current_app)
    preflight = platform.cors.preflight()
    if preflight is not None:
        return preflight
    if len(request.query_string) > MAX_QUERY_BYTES:
        raise RequestURITooLarge
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    if request.endpoint in _WITHOUT_TOKEN:
        return None
    g.caller = _proven(platform)
    route = ROUTES.get(request.endpoint or "", UNLISTED)
    _count(platform, g.caller, route.cost)
    if not g.caller.roles & ROLES_THAT_MAY[route.role]:
        raise Forbidden(f"The role {route.role} is needed here.")
    parameters.refuse_repeated()
    return freshness.known_answer(platform, g.caller, route)


def _proven(platform: Services) -> Caller:
    authorization = request.headers.get("Authorization")
    if not authorization:
        metrics.count("auth", outcome="absent")
        raise unauthorized("A bearer token is needed.")
    try:
        verified = platform.verifier.caller(authorization)
    except TokenRefused as refusal:
        metrics.count("auth", outcome="refused")
        said = str(refusal)
        raise unauthorized(f"{said[0].upper()}{said[1:]}.", error="invalid_token", error_description=said) from None
    except KeysUnavailable:
        metrics.count("auth", outcome="unavailable")
        raise ServiceUnavailable("Tokens cannot be verified: the issuer's keys cannot be read.", retry_after=5) from None
    metrics.count("auth", outcome=verified.credential)
    return verified


def _count(platform: Services, who: Caller, cost: CostClass) -> None:
    g.allowance = allowance = platform.limiter.hit(who.tenant_id, who.subject, cost)
    if platform.limiter.is_degraded:
        metrics.count("limiter", outcome="fallback")
    if not allowance.is_allowed:
        metrics.count("limiter", outcome="refused")
        raise TooManyRequests(
            f"The limit of {allowance.limit} requests a minute is used up. Try again in {allowance.retry_after_s} seconds.",
            retry_after=allowance.retry_after_s,
        )


def _leave(response: Response) -> Response:
    platform = services(current_app)
    freshness.mark(platform, response)
    # Werkzeug's headers are a list that is searched for each name; most of these are new to it, so it is searched once for all.
    headers = response.headers
    present = {name.lower() for name, _ in headers}
    for lower, name, value in _HEADERS:
        if lower not in present:
            headers.add(name, value)
    if "vary" in present:
        response.vary.add("Authorization")
    else:
        headers.add("Vary", "Accept, Authorization")
    platform.cors.leave(response)
    headers.add("X-Request-ID", g.request_id)
    allowance: Any = g.get("allowance")
    if allowance is not None:
        headers.add("X-RateLimit-Limit", str(allowance.limit))
        headers.add("X-RateLimit-Remaining", str(allowance.remaining))
        headers.add("X-RateLimit-Reset", str(allowance.reset_s))
    who: Caller | None = g.get("caller")
    status = response.status_code
    if status in _REFUSED:
        platform.audit.refused(who, status, g.get("refusal", ""))
    _tell(who, status, time.perf_counter() - g.started)
    return response


def _tell(who: Caller | None, status: int, seconds: float) -> None:
    """One line of the log and one observation of the metrics; both name the route's template, never the address."""
    route = request.url_rule.rule if request.url_rule else None
    metrics.observe(route, request.method, status, seconds)
    access_log.info(
        "request",
        extra={
            "fields": {
                "request_id": g.request_id,
                "tenant_id": who.tenant_id if who else None,
                "method": request.method,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
            }
        },
    )


def register(app: Flask) -> None:
    """Put the edge around every route of `app`, those of later modules included."""
    log_to_stdout()
    app.before_request(_enter)
    app.before_request(_admit)
    app.after_request(_leave)
