"""The property that every resource below one speaks of: whether it is there, and how an answer names it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from api.database import Reading
from api.links import path
from api.problems import not_found
from api.schemas import Answer


class OfProperty(Answer):
    """What is said of one property, as of a moment."""

    property_id: UUID = Field(description="the property")
    as_of: datetime | None = Field(description="the moment asked for; null for now")


def require_property(reading: Reading, asked: dict[str, Any]) -> None:
    """Raise not_found unless the property of `asked` (property_id, as_of) is the tenant's and was there at the moment."""
    if reading.row("api_property_known", asked) is None:
        raise not_found()


def below(property_id: UUID | str, *parts: str) -> str:
    """The address of the property, or of what lies below it."""
    return path("properties", property_id, *parts)
