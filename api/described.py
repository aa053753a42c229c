"""A described house: where it stands and what is known of it, in the units of normalize.property. What is not said is unknown."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from api.database import Reading
from api.parameters import Day, FiveDigits, Number, Query, Truth, Whole
from api.representations import picked
from api.schemas import columns, part
from estate.contracts import CONTRACTS

if TYPE_CHECKING:
    import pandas as pd

EARLIEST = date(1900, 1, 1)  # of which a value is asked; a model's clock, which counts nanoseconds, begins in 1677
UNSOLD = "described"  # no property of a tenant is called so, and no sale is taken for the house's own
ATTRIBUTES = (
    "property_type", "living_area_sqft", "basement_area_sqft", "lot_area_sqft", "year_built", "year_renovated", "bedroom_count",
    "bathroom_count", "story_count", "garage_space_count", "condition_code", "quality_code", "has_waterfront", "view_code",
)  # fmt: skip
NUMBERS = (*(name for name in ATTRIBUTES if name not in {"property_type", "has_waterfront"}), "latitude", "longitude")
_PLACE = ("county_fips", "situs_zip", "latitude", "longitude")
_RINGS = (1, 5)  # cells of about a kilometre around a place in which its county is looked for
_CELLS_PER_DEGREE = 100


def _said(name: str) -> str:
    column = CONTRACTS["normalize.property"].column(name)
    return column.meaning + (f" ({column.unit})" if column.unit else "")


def _not_too_early(day: date) -> date:
    if day < EARLIEST:
        raise ValueError(f"must be {EARLIEST} or later")
    return day


ValuationDay = Annotated[Day, AfterValidator(_not_too_early)]
PropertyType = Literal["single_family", "townhouse", "condo", "multi_family", "mobile_home", "land", "commercial", "other"]


class Described(Query):
    """Where a house stands and what is known of it."""

    latitude: Number | None = Field(None, ge=-90, le=90, description="WGS 84 (degrees)")
    longitude: Number | None = Field(None, ge=-180, le=180, description="WGS 84 (degrees)")
    county_fips: FiveDigits | None = Field(None, description="county, 5 digits; without it that of your nearest property within some 5 km")
    situs_zip: FiveDigits | None = Field(None, description="5-digit ZIP, by which prices are read in time")
    property_type: PropertyType | None = Field(None, description=_said("property_type"))
    living_area_sqft: Number | None = Field(None, gt=0, le=1_000_000, description=_said("living_area_sqft"))
    basement_area_sqft: Number | None = Field(None, ge=0, le=1_000_000, description=_said("basement_area_sqft"))
    lot_area_sqft: Number | None = Field(None, gt=0, le=1_000_000_000, description=_said("lot_area_sqft"))
    year_built: Whole | None = Field(None, ge=1600, le=2100, description=_said("year_built"))
    year_renovated: Whole | None = Field(None, ge=1600, le=2100, description=_said("year_renovated"))
    bedroom_count: Number | None = Field(None, ge=0, le=100, description=_said("bedroom_count"))
    bathroom_count: Number | None = Field(None, ge=0, le=100, description=_said("bathroom_count"))
    story_count: Number | None = Field(None, ge=0, le=200, description=_said("story_count"))
    garage_space_count: Number | None = Field(None, ge=0, le=1000, description=_said("garage_space_count"))
    condition_code: Whole | None = Field(None, ge=1, le=5, description=_said("condition_code"))
    quality_code: Whole | None = Field(None, ge=1, le=13, description=_said("quality_code"))
    has_waterfront: Truth | None = Field(None, description=_said("has_waterfront"))
    view_code: Whole | None = Field(None, ge=0, le=4, description=_said("view_code"))


class DescribedBody(Described):
    """The same in a JSON body, where a number is a number and no text."""

    @field_validator(*NUMBERS, "has_waterfront", mode="before", check_fields=True)
    @classmethod
    def _is_of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return None
        if info.field_name == "has_waterfront":
            if not isinstance(value, bool):
                raise ValueError("must be true or false")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("must be a number")
        return value


Subject = part(
    "DescribedSubject",
    "The house as it was understood: what was said, and, where the address is one of yours, what you hold of it.",
    {name: (kind | None, field) for name, (kind, field) in columns("normalize.property", ("property_id", "situs_address")).items()},
    columns("normalize.property", (*_PLACE, *ATTRIBUTES)),
)


def subject_of(described: Described, own: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body of a `Subject`: what is `described`, and for the rest what is known of the tenant's `own` property, if it is one."""
    said = described.model_dump(include={*ATTRIBUTES, *_PLACE})
    held = own or {}
    if described.latitude is not None:
        held = {name: value for name, value in held.items() if name not in _PLACE}
    return {
        **picked({"property_id": None, "situs_address": None, **held}, "property_id", "situs_address"),
        **{name: held.get(name) if said[name] is None else said[name] for name in (*_PLACE, *ATTRIBUTES)},
    }


def county_of(reading: Reading, subject: dict[str, Any]) -> str | None:
    """The county of a subject: as said, else that of the tenant's nearest property; None where it has none near, or no place."""
    if subject["county_fips"] is not None:
        return str(subject["county_fips"])
    latitude, longitude = subject["latitude"], subject["longitude"]
    if latitude is None or longitude is None:
        return None
    for ring in _RINGS:
        place = {"cells": cells_around(latitude, longitude, ring), "latitude": latitude, "longitude": longitude}
        found = reading.row("api_county_of_place", {**place, "east_scale": math.cos(math.radians(latitude))})
        if found is not None:
            return str(found["county_fips"])
    return None


def cells_around(latitude: float, longitude: float, ring: int) -> list[int]:
    """The grid cell of a place (estate.normalize.property.cell) and those up to `ring` away on every side."""
    row, column = math.floor((latitude + 90) * _CELLS_PER_DEGREE), math.floor((longitude + 180) * _CELLS_PER_DEGREE)
    reach = range(-ring, ring + 1)
    return [(row + north) * 100_000 + column + east for north in reach for east in reach]


def frame_of(subject: dict[str, Any]) -> pd.DataFrame:
    """The subject as the models read it: one row, unknown numbers NaN."""
    import pandas as pd

    numbers = {name: math.nan if subject[name] is None else float(subject[name]) for name in (*NUMBERS, "has_waterfront")}
    texts = {name: pd.Series([subject[name]], dtype=object) for name in ("property_type", "county_fips", "situs_zip")}
    owner = UNSOLD if subject["property_id"] is None else str(subject["property_id"])
    return pd.DataFrame({"property_id": pd.Series([owner], dtype=object), **texts, **numbers})
