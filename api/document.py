"""The OpenAPI document, made from the code, and a page that shows it: both open, and both without the internet."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import flask_openapi3_swagger
import orjson
from flask import Blueprint, Response, current_app, render_template
from flask_openapi3 import Info
from pydantic.json_schema import models_json_schema

from api.problems import not_found
from api.resource import ANSWERS

document = Blueprint("document", __name__)

_ABOUT = """
Public property records, valued and judged, for one tenant: the one that your token names. Nothing can be written here.

**Where to start.** `GET /api/v1/me` says who you are. `GET /api/v1/properties` finds a property. `GET /api/v1/properties/{property_id}`
says what it is worth, how sure that is, and what its risks are; add `?as_of=2026-03-01T00:00:00Z` for what was thought of it then.
`GET /api/v1/properties/{property_id}/provenance/{field}` names the file and row that says so.

**Credentials.** `Authorization: Bearer …` with an access token of your organisation's issuer (RS256 or ES256), or with an API key.
The tenant is in the token and nowhere else. Roles: `viewer` reads; `analyst` reads provenance, quarantine, exports and owners too;
`admin` reads the audit as well.

**Numbers.** Names carry their unit (`_usd`, `_sqft`, `_m`, `_pct` 0 to 100, `_rate` 0 to 1). Money has two decimals. Times are UTC. What is
not known is null, not left out (`fields` leaves out what you did not ask for). A value without ground is null, and `refusal_reason` says
why.

**Pages.** Lists that can grow give `next_cursor`; send it as `cursor`. `Link: rel="next"` has the whole address. A page holds 500 rows at
most.

**Freshness.** Answers made of published data carry an `ETag`. Send it as `If-None-Match`: while nothing new was published you get `304`
and no body. Answers with personal data carry none: each read of them is recorded.

**Errors** are problem documents (RFC 9457); their `type` is an address that explains them.

**Limits** are per minute, per tenant and per caller; `X-RateLimit-*` say what is left.

**Deprecation.** Within `/api/v1` fields and parameters are added, never renamed or removed. Whatever will go carries `deprecated` here and
the headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) for at least 180 days before `/api/v2` takes its place.
"""
INFO = Info(title="Real Estate OS", version="1.0.0", description=_ABOUT.strip())
SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an access token (RS256, ES256) or an API key (`reo_…`)"}
}

_SWAGGER = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
_OURS = Path(__file__).parent / "document_assets"
_ASSETS = {
    "swagger-ui.css": (_SWAGGER / "css" / "swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": (_SWAGGER / "js" / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "swagger.svg": (_SWAGGER / "images" / "swagger.svg", "image/svg+xml"),
    "docs.js": (_OURS / "docs.js", "text/javascript; charset=utf-8"),
}
# Swagger UI writes styles into its elements and draws its icons from data addresses; scripts come from this service alone.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@document.get("/openapi.json")
def openapi() -> Response:
    """The document."""
    made = current_app.extensions.get("openapi-document")
    if made is None:
        made = orjson.dumps(_refined(current_app.api_doc))  # type: ignore[attr-defined]
        current_app.extensions["openapi-document"] = made
    return _public(Response(made, content_type="application/json"))


@document.get("/docs")
def page() -> Response:
    """The document for people."""
    response = _public(Response(render_template("docs.html")))
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@document.get("/docs/assets/<name>")
def asset(name: str) -> Response:
    """A script, style or picture of the page."""
    if name not in _ASSETS:
        raise not_found()
    path, content_type = _ASSETS[name]
    return _public(Response(_read(path), content_type=content_type))


def _refined(made: dict[str, Any]) -> dict[str, Any]:
    """The document as its readers expect it: a parameter that may be left out is not called null."""
    for path in made["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
                if len(choices) == 1:
                    schema.update(choices[0])
                elif choices:
                    schema["anyOf"] = choices
                if schema.get("default", ...) is None:
                    del schema["default"]
                for said in ("title", "description", "example"):
                    schema.pop(said, None)
    # flask-openapi3 knows the keywords of a schema and drops all others; pydantic's own schemas have the columns behind the fields too.
    _, whole = models_json_schema([(answer, "serialization") for answer in ANSWERS], ref_template="#/components/schemas/{model}")
    made["components"]["schemas"].update(whole["$defs"])
    return made


def _public(response: Response) -> Response:
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()
