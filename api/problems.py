"""One error shape leaves the API: RFC 9457 problem+json, made from Werkzeug's HTTP exceptions so that their headers survive."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, g, request
from psycopg import OperationalError
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, NotFound, ServiceUnavailable

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
    "payload-too-large": Kind(413, "Payload too large", "The body is larger than the API reads."),
    "uri-too-long": Kind(414, "URI too long", "The address with its query is longer than the API reads."),
    "internal-error": Kind(500, "Internal error", "The fault is ours. Quote `request_id` when reporting it."),
    "unavailable": Kind(503, "Unavailable", "Something the answer needs is away or too slow. Try again after `Retry-After` seconds."),
}
_KIND_OF_STATUS = {kind.status: name for name, kind in reversed(KINDS.items())}


class InvalidParameter(BadRequest):
    """A query parameter that is not accepted; `parameter` names it."""

    problem = "invalid-parameter"

    def __init__(self, parameter: str, description: str) -> None:
        """Name the parameter beside the description."""
        super().__init__(f"{parameter}: {description}")
        self.parameter = parameter


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
    response = json_response(body, status, "application/problem+json")
    for header, value in error.get_headers():
        if header.lower() not in {"content-type", "content-length"}:
            response.headers.add(header, value)
    return response


def _database_away(error: OperationalError) -> Response:
    log.warning("database unavailable", extra={"fields": {"error": type(error).__name__}})
    return as_problem(ServiceUnavailable("The database does not answer. Try again shortly.", retry_after=2))


def _fault(error: Exception) -> Response:
    log.error("unhandled error", exc_info=error)
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
    app.register_error_handler(Exception, _fault)
    app.register_blueprint(problems)


__all__ = ["KINDS", "InvalidCursor", "InvalidParameter", "as_problem", "not_found", "register"]
