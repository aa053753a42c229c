"""Which other origins' pages may call the API from a browser: those on the list, and no others (the Fetch standard's CORS protocol).

The API takes a token in a header and no cookie, so no credentials are ever allowed. A preflight asks nothing of anybody and carries no
token; it is answered for a listed origin before anyone is asked who he is, and every other OPTIONS goes the way of all methods.
"""

from __future__ import annotations

import re

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

from estate.errors import SettingError

# What a page may read beside the few headers that the standard always shows, and may send.
EXPOSED_HEADERS = "ETag, Link, X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
ALLOWED_HEADERS = "Authorization, Content-Type, If-None-Match, X-Request-ID"
MAX_AGE_S = 600

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?")


def origins_of(setting: str) -> frozenset[str]:
    """The origins that the comma-separated `setting` lists.

    Raises SettingError for what is not exactly an origin, `*` and `null` included.
    """
    listed = [origin.strip() for origin in setting.split(",") if origin.strip()]
    for origin in listed:
        if not _ORIGIN.fullmatch(origin):
            raise SettingError(f"ESTATE_CORS_ORIGINS: {origin!r} must be an origin as browsers send it, such as https://app.example.com")
    return frozenset(listed)


class Cors:
    """The list, as two hooks of the edge."""

    def __init__(self, origins: frozenset[str]) -> None:
        """`origins` as `origins_of` gives them; empty lets no other origin in."""
        self._origins = origins

    def preflight(self) -> Response | None:
        """The answer to a preflight of a listed origin for an address that has a route; None for every other request."""
        if request.method != "OPTIONS" or self._origin() is None or "Access-Control-Request-Method" not in request.headers:
            return None
        methods = _methods()
        if not methods:
            return None
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
        return response

    def leave(self, response: Response) -> Response:
        """`response` with what lets a page of a listed origin read it; no header for others."""
        if self._origins:
            # Also for requests without an origin: a cache must not give a page what was answered to something else.
            response.vary.add("Origin")
        if origin := self._origin():
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        return response

    def _origin(self) -> str | None:
        """The origin of this request, if it is listed."""
        found = request.headers.getlist("Origin")
        return found[0] if len(found) == 1 and found[0] in self._origins else None


def _methods() -> list[str]:
    """The methods of the address, without OPTIONS, which no route has."""
    error = request.routing_exception
    if isinstance(error, MethodNotAllowed):
        return sorted(set(error.valid_methods or ()) - {"OPTIONS"})
    return []
