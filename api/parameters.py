"""Query parameters, read strictly: a name that is unknown, repeated or out of range is refused by name."""

from __future__ import annotations

import functools
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from flask import current_app, request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from api.cursors import MAX_CURSOR_CHARS
from api.problems import InvalidBody, InvalidParameter

MAX_PAGE_SIZE = 500
DEFAULT_PAGE_SIZE = 100
MAX_TEXT_CHARS = 100

# Whatever names a batch or a model of ours; anything else is neither, and is not asked for.
BOOK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

_RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")
_CLOCK_SKEW = timedelta(seconds=5)


class Query(BaseModel):
    """The query parameters of a route: what is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    @functools.cache
    def model_json_schema(  # type: ignore[override]
        cls, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """The schema, made once: flask-openapi3 asks for it with every request."""
        return super().model_json_schema(*args, **kwargs)


def _number(text: Any) -> Any:
    # Python's own reading takes 1_0, blanks and the digits of other scripts; an address means what it says.
    if isinstance(text, str) and not _NUMBER.fullmatch(text):
        raise ValueError("must be a number such as 12, -93.6 or 1e6")
    return text


def _truth(text: Any) -> Any:
    # Pydantic would take yes, on and 1 as well; an address means what it says.
    if isinstance(text, bool):
        return text
    if not isinstance(text, str) or text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def _moment(text: Any) -> datetime:
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        raise ValueError("must be a time such as 2026-03-01T00:00:00Z (RFC 3339; + is written %2B in an address)")
    try:
        found = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time of the calendar") from None
    if found > datetime.now(UTC) + _CLOCK_SKEW:
        raise ValueError("lies in the future")
    return found


def _day(text: Any) -> date:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must be a day such as 2026-03-01")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day of the calendar") from None


def _words(text: str) -> str:
    # PostgreSQL knows no NUL, and half a surrogate pair is no text.
    if not text.strip() or any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError(f"must be 1 to {MAX_TEXT_CHARS} characters of text")
    return text.strip()


Whole = Annotated[int, BeforeValidator(_number)]
Number = Annotated[float, BeforeValidator(_number)]
Truth = Annotated[bool, BeforeValidator(_truth), WithJsonSchema({"type": "boolean"})]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
FiveDigits = Annotated[str, Field(pattern=r"^[0-9]{5}$")]
Words = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS), AfterValidator(_words)]


class AsOfQuery(Query):
    """Any past state can be asked for."""

    as_of: Moment | None = Field(None, description="answer as of this moment (RFC 3339, not in the future); now without it")


class PageQuery(Query):
    """One page of a list."""

    limit: Whole = Field(DEFAULT_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE, description="rows a page")
    cursor: str | None = Field(None, max_length=MAX_CURSOR_CHARS, description="`next_cursor` of the page before")


class PropertyPath(BaseModel):
    """Which property."""

    property_id: UUID = Field(description="identifier of the property")


def refuse_repeated() -> None:
    """Raise InvalidParameter when a query parameter comes twice: which of the two was meant is anybody's guess."""
    for name, texts in request.args.lists():
        if len(texts) > 1:
            raise InvalidParameter(name, "may be given once")


def refuse(error: ValidationError) -> Any:
    """Raise InvalidParameter, or InvalidBody for a POST, that names the first thing that is wrong."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    said = first["msg"].removeprefix("Value error, ")
    if request.method == "POST":
        raise InvalidBody(where, said)
    if first["type"] == "extra_forbidden":
        raise InvalidParameter(where, f"is not known here; there are {', '.join(_known()) or 'none'}")
    raise InvalidParameter(where, said)


def _known() -> list[str]:
    """The parameters that the route asked for declares."""
    view: Any = _view()
    model = getattr(view, "__annotations__", {}).get("query") if view else None
    if isinstance(model, str):
        model = view.__globals__.get(model)
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _view() -> Any:
    view: Any = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "__wrapped__", view)
