"""Query parameters, read strictly: a name that is unknown, repeated or out of range is refused by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import request

from api.problems import InvalidParameter

MAX_PAGE_SIZE = 500
DEFAULT_PAGE_SIZE = 100
MAX_TEXT_CHARS = 100

_RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_CLOCK_SKEW = timedelta(seconds=5)


def read(**readers: Callable[[str, str], Any]) -> dict[str, Any]:
    """The query parameters by name, each through its reader (name, text -> value); absent ones are None.

    Raises InvalidParameter for any name that has no reader or comes twice.
    """
    for name, texts in request.args.lists():
        if name not in readers:
            raise InvalidParameter(name, f"is not known here; there are {', '.join(sorted(readers)) or 'none'}")
        if len(texts) > 1:
            raise InvalidParameter(name, "may be given once")
    return {name: reader(name, request.args[name]) if name in request.args else None for name, reader in readers.items()}


def moment(name: str, text: str) -> datetime:
    """An RFC 3339 time that is not in the future, in UTC."""
    if not _RFC_3339.fullmatch(text):
        raise InvalidParameter(name, "must be a time such as 2026-03-01T00:00:00Z (RFC 3339; + is written %2B in an address)")
    try:
        found = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidParameter(name, "is not a time of the calendar") from None
    if found > datetime.now(UTC) + _CLOCK_SKEW:
        raise InvalidParameter(name, "lies in the future")
    return found


def page_size(name: str, text: str) -> int:
    """How many rows a page holds: 1 to MAX_PAGE_SIZE."""
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MAX_PAGE_SIZE:
        raise InvalidParameter(name, f"must be a whole number from 1 to {MAX_PAGE_SIZE}")
    return int(text)


def five_digits(name: str, text: str) -> str:
    """A county or ZIP code of five digits."""
    if not re.fullmatch(r"[0-9]{5}", text):
        raise InvalidParameter(name, "must be five digits")
    return text


def words(name: str, text: str) -> str:
    """A short text without control characters (PostgreSQL knows no NUL)."""
    if not text.strip() or len(text) > MAX_TEXT_CHARS or any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise InvalidParameter(name, f"must be 1 to {MAX_TEXT_CHARS} characters of text")
    return text.strip()


def opaque(_name: str, text: str) -> str:
    """A text whose meaning somebody else checks."""
    return text
