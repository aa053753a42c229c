"""Whole results as a stream: CSV (RFC 4180) or a JSON object a line, in memory that does not grow with them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Response
from psycopg import sql
from werkzeug.exceptions import ServiceUnavailable

from api.database import Database, Form, TooManyExports

CONTENT_TYPES: dict[Form, str] = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}
# A cell of text that begins so is a formula to a spreadsheet (OWASP, CSV Injection): = + - @, tab, line feed and carriage return.
FORMULA_STARTS = "=+-@\t\n\r"

_CODES = sql.Literal([ord(start) for start in FORMULA_STARTS])
_QUOTED_OR_END = re.compile(rb'"[^"]*"|\n')


def cell(column: sql.Composable, sql_type: str) -> sql.Composable:
    """The value of `column` as a cell of CSV: text that a spreadsheet would run gets an apostrophe in front, true and false are words."""
    if sql_type == "text":
        return sql.SQL("CASE WHEN ascii({0}) = ANY ({1}) THEN '''' || {0} ELSE {0} END").format(column, _CODES)
    return sql.SQL("{}::text").format(column) if sql_type == "boolean" else column


def response(database: Database, tenant_id: UUID, statement: sql.Composed, parameters: dict[str, Any], form: Form, name: str) -> Response:
    """The rows of `statement` (for ndjson: of its one JSON column) as a download called `name` with the form's ending.

    The first rows have been read when this returns, so that what goes wrong becomes a problem document. Whoever hangs up ends the
    query, and so does whoever stops reading, once the server's timeout of sending has cut him off. Raises ServiceUnavailable when too
    many exports are running, psycopg.OperationalError when the database is away.
    """
    try:
        export = database.stream(tenant_id, statement, parameters, form)
    except TooManyExports as busy:
        raise ServiceUnavailable("Too many exports are running. Try again shortly.", retry_after=busy.retry_after_s) from None
    # An error here has let go of the connection by itself.
    blocks: Iterator[bytes] = itertools.chain([next(export, b"")], export)
    answer = Response(map(ended, blocks) if form == "csv" else blocks, content_type=CONTENT_TYPES[form])
    # Of the answer, not of what it iterates: compression puts an iterator of its own around that.
    answer.call_on_close(export.close)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    # A proxy that gathers the answer before it passes it on would need the memory that is saved here.
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def ended(block: bytes) -> bytes:
    """Whole rows of PostgreSQL's CSV with the line ends of RFC 4180; line feeds inside quotes are data and stay."""
    if b'"' not in block:
        return block.replace(b"\n", b"\r\n")
    return _QUOTED_OR_END.sub(lambda found: b"\r\n" if found[0] == b"\n" else found[0], block)
