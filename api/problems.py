"""One error shape leaves the API: RFC 9457 problem+json, made from Werkzeug's HTTP exceptions so that their headers survive."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from psycopg import OperationalError
from pydantic import BaseModel, Field
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, NotFound, RequestTimeout, ServiceUnavailable

from api import faults
from api.representations import json_response

log = logging.getLogger("api")
problems = Blueprint("problems", __name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of problem: its status, its title, and what it means to the caller."""

    status: int
    title: str
    meaning: str


KINDS: dict[str, Kind] = {
    "bad-request": Kind(400, "Bad request", "The request cannot be understood. Correct it before sending it again."),
    "invalid-parameter": Kind(
        400,
        "Invalid parameter",
        "A query parameter is unknown, repeated or out of range; `parameter` names it and `detail` says what it may be.",
    ),
    "invalid-cursor": Kind(
        400, "Invalid cursor", "The cursor was not made for this caller and these filters, or was altered. Start again from the first page."
    ),
    "invalid-body": Kind(
        400,
        "Invalid body",
        "The body is not the JSON object that the document describes; `pointer` names the field and `detail` says what it may be.",
    ),
    "unauthenticated": Kind(
        401,
        "Not authenticated",
        "No valid credentials came with the request. `WWW-Authenticate` says which are wanted; obtain a new token.",
    ),
    "forbidden": Kind(403, "Forbidden", "The credentials are valid and do not allow this."),
    "not-found": Kind(
        404, "Not found", "There is nothing here that the caller may read. What belongs to others answers the same as what is absent."
    ),
    "method-not-allowed": Kind(
        405, "Method not allowed", "The resource exists and does not know this method; `Allow` lists those it knows."
    ),
    "not-acceptable": Kind(406, "Not acceptable", "The resource has no form that `Accept` takes; `detail` names those it has."),
    "request-timeout": Kind(408, "Request timeout", "The body did not come. Send it at once."),
    "payload-too-large": Kind(413, "Payload too large", "The body is larger than the API reads."),
    "uri-too-long": Kind(414, "URI too long", "The address with its query is longer than the API reads."),
    "rate-limited": Kind(
        429,
        "Too many requests",
        "The limit of this minute is used up. Wait `Retry-After` seconds; `X-RateLimit-*` say what the limit is and what is left.",
    ),
    "internal-error": Kind(500, "Internal error", "The fault is ours. Quote `request_id` when reporting it."),
    "unavailable": Kind(503, "Unavailable", "Something the answer needs is away or too slow. Try again after `Retry-After` seconds."),
}


class Problem(BaseModel):
    """What went wrong (RFC 9457). Nothing in it tells about data that the caller may not read."""

    type: str = Field(description="address that explains this type of problem", examples=["/problems/not-found"])
    title: str = Field(description="the type in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong with this request, and the remedy")
    instance: str = Field(description="the path that was asked for")
    request_id: str | None = Field(description="quote it when you report the problem")
    parameter: str | None = Field(None, description="the query parameter that is wrong")
    pointer: str | None = Field(None, description="the field of the body that is wrong")


_PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
# What any resource may answer, for the document.
PROBLEM_ANSWERS: dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None] = {
    status: {"description": description, "content": _PROBLEM_CONTENT}
    for status, description in (
        (400, "a parameter, cursor or body is wrong"),
        (401, "no valid credentials"),
        (403, "the credentials do not allow this"),
        (404, "nothing that the caller may read"),
        (406, "no form of the answer that `Accept` takes"),
        (413, "the body is larger than the API reads"),
        (414, "the address is longer than the API reads"),
        (429, "the limit of this minute is used up"),
        (503, "something the answer needs is away"),
    )
}
_KIND_OF_STATUS = {kind.status: name for name, kind in reversed(KINDS.items())}


class InvalidParameter(BadRequest):
    """A query parameter that is not accepted; `parameter` names it."""

    problem = "invalid-parameter"

    def __init__(self, parameter: str, description: str) -> None:
        """Name the parameter beside the description."""
        super().__init__(f"{parameter}: {description}")
        self.parameter = parameter


class InvalidBody(BadRequest):
    """A body that is not accepted; `pointer` names the field."""

    problem = "invalid-body"

    def __init__(self, pointer: str, description: str) -> None:
        """Name the field beside the description."""
        super().__init__(f"{pointer}: {description}")
        self.pointer = pointer


class InvalidCursor(BadRequest):
    """A cursor that this caller's query did not make."""

    problem = "invalid-cursor"
    description = "The cursor does not belong to this query. Start again from the first page."


def not_found() -> NotFound:
    """The one answer for what is absent and for what belongs to somebody else."""
    return NotFound("There is no such resource.")


def as_problem(error: HTTPException) -> Response:
    """`error` as a problem document, with the headers of its own (Allow, Retry-After, WWW-Authenticate)."""
    status = error.code or 500
    # A redirect, or an exception that brought its whole response, is not a problem.
    if status < 400 or error.response is not None:
        return error.get_response()  # type: ignore[return-value]
    name = getattr(error, "problem", None) or _KIND_OF_STATUS.get(status)
    g.refusal = name or str(status)
    body = {
        "type": f"/problems/{name}" if name else "about:blank",
        "title": KINDS[name].title if name else error.name,
        "status": status,
        "detail": not_found().description if isinstance(error, NotFound) else error.description,
        "instance": request.path,
        "request_id": g.get("request_id"),
    }
    if isinstance(error, InvalidParameter):
        body["parameter"] = error.parameter
    if isinstance(error, InvalidBody):
        body["pointer"] = error.pointer
    response = json_response(body, status, "application/problem+json")
    for header, value in error.get_headers():
        if header.lower() not in {"content-type", "content-length"}:
            response.headers.add(header, value)
    return response


def _database_away(error: OperationalError) -> Response:
    log.warning("database unavailable", extra={"fields": {"error": type(error).__name__}})
    return as_problem(ServiceUnavailable("The database does not answer. Try again shortly.", retry_after=2))


def _body_missing(_error: BlockingIOError) -> Response:
    """The server's timeout of receiving, which Python tells of in this way."""
    return as_problem(RequestTimeout("The body did not come in time."))


def _fault(error: Exception) -> Response:
    log.error("unhandled error", exc_info=error, extra={"fields": {"request_id": g.get("request_id")}})
    route = request.url_rule.rule if request.url_rule else "unmatched"
    faults.report(error, route=route, method=request.method, request_id=str(g.get("request_id")))
    return as_problem(InternalServerError("Something failed on our side."))


@problems.get("/problems/<name>")
def explain(name: str) -> Response:
    """What a type of problem means. Open, because a caller without a token must be able to read why it was refused."""
    if name not in KINDS:
        raise not_found()
    kind = KINDS[name]
    return json_response({"type": f"/problems/{name}", "title": kind.title, "status": kind.status, "meaning": kind.meaning})


def register(app: Flask) -> None:
    """Let every error leave `app` in this shape."""
    app.register_error_handler(HTTPException, as_problem)
    # Pool timeouts, lost connections and statements that ran too long are all OperationalError: the caller may try again.
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(BlockingIOError, _body_missing)
    app.register_error_handler(Exception, _fault)
    app.register_blueprint(problems)
