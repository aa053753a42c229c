"""Keyset pages: the ten-thousandth costs what the first does, and a row that is published meanwhile moves none of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, request

from api.edge import caller
from api.parameters import PageQuery
from api.representations import json_response
from api.services import services


@dataclass(frozen=True, slots=True)
class Page:
    """What was asked for: how many rows, and after which key (None: from the start)."""

    size: int
    after: list[Any] | None
    query: dict[str, Any]

    @property
    def fetched(self) -> int:
        """How many rows to read: one more than asked tells whether there is a next page."""
        return self.size + 1

    def key(self, *names: str) -> dict[str, Any]:
        """The key after which to continue, as query parameters called `names`; null from the start."""
        return dict(zip(names, self.after or [None] * len(names), strict=True))


def asked(of: str, query: PageQuery) -> Page:
    """The page of the resource `of` that `query` asks for. Raises InvalidCursor when the cursor is not of this caller's same query."""
    # A cursor continues the query that made it and no other; how many rows a page holds may change on the way.
    same = {"of": of, **query.model_dump(mode="json", exclude={"limit", "cursor"}, exclude_none=True)}
    after = services(current_app).cursors.read(caller().tenant_id, same, query.cursor) if query.cursor is not None else None
    return Page(query.limit, after, same)


def next_cursor(page: Page, rows: Sequence[Any], key: Callable[[Any], list[Any]]) -> str | None:
    """The cursor of the next page, or None on the last; `rows` are up to `page.fetched`, `key` gives JSON values of a row's sort key."""
    if len(rows) <= page.size:
        return None
    return services(current_app).cursors.write(caller().tenant_id, page.query, key(rows[page.size - 1]))


def link_next(response: Response, cursor: str | None) -> Response:
    """`response` with the address of the next page in `Link` (RFC 8288)."""
    if cursor:
        kept = {name: text for name, text in request.args.items() if name != "cursor"}
        response.headers["Link"] = f'<{request.path}?{urlencode({**kept, "cursor": cursor})}>; rel="next"'
    return response


def answer(
    page: Page,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    key: Callable[[Any], list[Any]],
    shown: Callable[[Any], Any] | None = None,
    **beside: Any,
) -> Response:
    """One page as JSON: the rows under `name` (each through `shown`), whatever stands `beside` them, and `next_cursor`."""
    cursor = next_cursor(page, rows, key)
    body = {name: [shown(row) if shown else row for row in rows[: page.size]], **beside, "next_cursor": cursor}
    return link_next(json_response(body), cursor)
