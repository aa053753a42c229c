"""JSON as the API writes it: money with two decimals, times in UTC, identifiers as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def _money(value: Any) -> orjson.Fragment:
    # Every numeric column of the contracts is money with two decimals; a float would print 1250000.5.
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, ".2f").encode())
    raise TypeError(f"{type(value).__name__} has no JSON form")


def to_json(body: Any) -> bytes:
    """`body` as JSON. Decimal becomes a number with two decimals; datetime UTC with Z; NaN null."""
    return orjson.dumps(body, default=_money, option=_OPTIONS)


class Json(JSONProvider):
    """How Flask reads and writes JSON: strictly. What is nested too deeply, or is NaN, is no JSON, and no error of ours."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """`obj` as the API writes it."""
        return to_json(obj).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """What the text `s` says. Raises ValueError when it is not JSON."""
        return orjson.loads(s)


def json_response(body: Any, status: int = 200, content_type: str = "application/json") -> Response:
    """A response that carries `body` as JSON."""
    return Response(to_json(body), status=status, content_type=content_type)


def geometry(geojson: str | None) -> orjson.Fragment | None:
    """GeoJSON text that PostGIS wrote, passed through without parsing."""
    return None if geojson is None else orjson.Fragment(geojson.encode())


def picked(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """The named columns of `row`, in that order."""
    return {name: row[name] for name in names}
