"""The models of answers. What a column means, and in which unit, is said once, in its contract; the document takes it from there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model

from estate.contracts import CONTRACTS
from estate.contracts.model import SYSTEM_COLUMNS, Column, Contract

_TYPES: dict[str, Any] = {
    "uuid": UUID, "text": str, "integer": int, "bigint": int, "smallint": int, "double precision": float, "boolean": bool, "date": date,
    "timestamptz": datetime, "jsonb": Any,
}  # fmt: skip
_SYSTEM = {column.name: column for column in SYSTEM_COLUMNS}
# What every answer of a resource carries beside its body.
ANSWER_HEADERS = {
    "X-Request-ID": {"description": "the request's id, yours if you sent one", "schema": {"type": "string"}},
    "ETag": {"description": "send it as If-None-Match and get 304 while nothing has changed", "schema": {"type": "string"}},
    "X-RateLimit-Limit": {"description": "requests a minute in the tightest limit that applies", "schema": {"type": "integer"}},
    "X-RateLimit-Remaining": {"description": "how many of them are left", "schema": {"type": "integer"}},
    "X-RateLimit-Reset": {"description": "seconds until the window is empty again", "schema": {"type": "integer"}},
}  # fmt: skip


class Answer(BaseModel):
    """What a route answers; every name is always there, null where nothing is known."""

    model_config = ConfigDict(extra="forbid", openapi_extra={"headers": ANSWER_HEADERS})  # type: ignore[typeddict-unknown-key]


class Part(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid")


def columns(table: str, names: Iterable[str]) -> dict[str, Any]:
    """Fields of a model for columns of `table`, typed and described by its contract; for `create_model` and `part`.

    Each name maps to (type, Field); a nullable column is `type | None`, and the unit stands in the description. Raises KeyError for a
    table or a column that is not promised.
    """
    contract = CONTRACTS[table]
    return {name: _field(_SYSTEM[name] if name in _SYSTEM else contract.column(name), contract) for name in names}


def part(model_name: str, about: str, *fields: dict[str, Any], **more: Any) -> type[Part]:
    """A part called `model_name` with the fields of `columns(…)` and `more` fields, each (type, Field)."""
    merged: dict[str, Any] = {}
    for some in (*fields, more):
        merged.update(some)
    made: type[Part] = create_model(model_name, __base__=Part, __doc__=about, **merged)
    return made


def _field(column: Column, contract: Contract) -> tuple[Any, Any]:
    text = column.meaning + (f" ({column.unit})" if column.unit else "")
    extra = {"x-column": f"{contract.name}.{column.name}"}
    kind = _type(column)
    return (kind | None if column.nullable else kind, Field(description=text, json_schema_extra=extra))  # type: ignore[arg-type]


def _type(column: Column) -> Any:
    if column.sql_type.endswith("[]"):
        return list[_TYPES[column.sql_type.removesuffix("[]")]]  # type: ignore[misc]
    if column.sql_type.startswith("numeric"):
        return float
    if column.sql_type.startswith("geometry"):
        return dict[str, Any]
    return _TYPES[column.sql_type]
