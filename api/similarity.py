"""How alike two properties are: differences of their attributes, each measured by how much the county's properties differ in it.

    distance = sqrt( Σ weight × z² / Σ weight ),  z = |difference| / spread

`spread` is the robust spread of the attribute in the subject's county: its interquartile range over 1.349, which is the standard deviation
where values are normal, and never less than the attribute's floor. Areas are compared by their logarithm, so that 10 % more is as much for
a cottage as for a villa. An attribute that either property lacks counts as UNKNOWN_Z: never as equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api.geography import EARTH_RADIUS_M

# Worse than most known differences, so that what is unknown is no way to be alike.
UNKNOWN_Z = 2.0
_IQR_OF_NORMAL = 1.349
_KM_PER_DEGREE = math.radians(EARTH_RADIUS_M) / 1000  # of latitude
_SAME_PLACE_KM = 0.01

Row = Mapping[str, Any]


def _count(one: str, many: str) -> Callable[[float, float], str]:
    def say(subject: float, twin: float) -> str:
        by = abs(twin - subject)
        return f"{by:g} {one if by == 1 else many} {'more' if twin > subject else 'fewer'}"

    return say


def _graded(what: str) -> Callable[[float, float], str]:
    def say(subject: float, twin: float) -> str:
        by = abs(twin - subject)
        return f"{what} {by:g} {'grade' if by == 1 else 'grades'} {'better' if twin > subject else 'worse'}"

    return say


def _percent(what: str) -> Callable[[float, float], str]:
    def say(subject: float, twin: float) -> str:
        by = abs(100 * (twin / subject - 1))
        amount = f"{by:.0f}" if by >= 1 else "less than 1"
        return f"{what}{amount} % {'larger' if twin > subject else 'smaller'}"

    return say


def _years(subject: float, twin: float) -> str:
    by = abs(twin - subject)
    return f"{by:g} {'year' if by == 1 else 'years'} {'newer' if twin > subject else 'older'}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One side on which properties are compared: how much it weighs, the least spread that it is measured by, and how it is told."""

    name: str
    title: str
    weight: float
    floor: float
    say: Callable[[float, float], str]
    is_log: bool = False

    def measured(self, row: Row) -> float | None:
        """The number that is compared; None where it is unknown."""
        value = row[self.name]
        if value is None:
            return None
        if self.is_log:
            return math.log(value) if value > 0 else None
        return float(value)


# What a house is weighs more than where in the county it stands; size weighs most, as it does in a price.
ATTRIBUTES = (
    Attribute("living_area_sqft", "living area", 3.0, 0.05, _percent(""), is_log=True),
    Attribute("lot_area_sqft", "lot area", 1.0, 0.05, _percent("lot "), is_log=True),
    Attribute("year_built", "year built", 2.0, 2.0, _years),
    Attribute("bedroom_count", "bedrooms", 1.0, 0.5, _count("bedroom", "bedrooms")),
    Attribute("bathroom_count", "bathrooms", 1.0, 0.5, _count("bathroom", "bathrooms")),
    Attribute("condition_code", "condition", 1.5, 0.5, _graded("condition")),
    Attribute("quality_code", "quality", 1.5, 0.5, _graded("quality")),
)
LOCATION = "location"
LOCATION_WEIGHT = 2.0
LOCATION_FLOOR_KM = 0.5
WEIGHTS = {**{attribute.name: attribute.weight for attribute in ATTRIBUTES}, LOCATION: LOCATION_WEIGHT}
NAMES = (*(attribute.name for attribute in ATTRIBUTES), LOCATION)


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute in which two properties differ: the spreads between them, and the difference in words."""

    name: str
    standardised: float
    says: str


@dataclass(frozen=True, slots=True)
class Twin:
    """A property like the subject: its row, how far it is from it, and why; `agreeing` and `unknown` name attributes."""

    row: Row
    distance: float
    agreeing: tuple[str, ...]
    differing: tuple[Difference, ...]
    unknown: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why it is alike and how it differs, in a sentence."""
        titles = {attribute.name: attribute.title for attribute in ATTRIBUTES} | {LOCATION: "place"}
        same = f"same {_listed([titles[name] for name in self.agreeing])}" if self.agreeing else ""
        other = ", ".join(difference.says for difference in self.differing)
        missing = f"{_listed([titles[name] for name in self.unknown])} unknown" if self.unknown else ""
        return "; ".join(filter(None, (same, other, missing)))


def spreads(quartiles: Mapping[str, Iterable[float] | None], latitude: float | None) -> dict[str, float]:
    """The spread of each attribute in a county, from its quartiles [25 %, 75 %]; None, for an attribute nobody knows, gives the floor.

    `quartiles` has the names of ATTRIBUTES (of areas the quartiles of their logarithm), latitude and longitude in degrees. The spread of
    the location is in kilometres: the root mean square of the spreads northward and eastward, at `latitude`.
    """
    found = {attribute.name: max(_spread(quartiles[attribute.name]), attribute.floor) for attribute in ATTRIBUTES}
    north = _spread(quartiles["latitude"]) * _KM_PER_DEGREE
    east = _spread(quartiles["longitude"]) * _KM_PER_DEGREE * math.cos(math.radians(latitude or 0.0))
    return {**found, LOCATION: max(math.sqrt((north**2 + east**2) / 2), LOCATION_FLOOR_KM)}


def twins(subject: Row, candidates: Iterable[Row], spread: Mapping[str, float], limit: int) -> list[Twin]:
    """The `limit` candidates most like `subject`, the nearest first; of equally near ones the first by property_id.

    Rows have property_id, latitude, longitude (degrees) and the names of ATTRIBUTES; `spread` is what `spreads` gives.
    """
    found = [compare(subject, candidate, spread) for candidate in candidates if candidate["property_id"] != subject["property_id"]]
    return sorted(found, key=lambda twin: (round(twin.distance, 9), str(twin.row["property_id"])))[:limit]


def compare(subject: Row, candidate: Row, spread: Mapping[str, float]) -> Twin:
    """How far `candidate` is from `subject`, and why."""
    agreeing, differing, unknown = [], [], []
    total = 0.0
    for attribute in ATTRIBUTES:
        here, there = attribute.measured(subject), attribute.measured(candidate)
        if here is None or there is None:
            unknown.append(attribute.name)
            z = UNKNOWN_Z
        elif here == there:
            agreeing.append(attribute.name)
            z = 0.0
        else:
            z = abs(there - here) / spread[attribute.name]
            differing.append(Difference(attribute.name, z, attribute.say(float(subject[attribute.name]), float(candidate[attribute.name]))))
        total += attribute.weight * z * z
    away_km = distance_km(subject, candidate)
    if away_km is None:
        unknown.append(LOCATION)
        z = UNKNOWN_Z
    else:
        z = away_km / spread[LOCATION]
        if away_km < _SAME_PLACE_KM:
            agreeing.append(LOCATION)
        else:
            differing.append(Difference(LOCATION, z, f"{away_km:.1f} km away" if away_km >= 1 else f"{1000 * away_km:.0f} m away"))
    total += LOCATION_WEIGHT * z * z
    return Twin(candidate, math.sqrt(total / sum(WEIGHTS.values())), tuple(agreeing), tuple(differing), tuple(unknown))


def distance_km(one: Row, other: Row) -> float | None:
    """Kilometres between two properties on the sphere (haversine); None where either has no coordinates."""
    if any(row[name] is None for row in (one, other) for name in ("latitude", "longitude")):
        return None
    here, there = math.radians(one["latitude"]), math.radians(other["latitude"])
    half_north, half_east = (there - here) / 2, math.radians(other["longitude"] - one["longitude"]) / 2
    chord = math.sin(half_north) ** 2 + math.cos(here) * math.cos(there) * math.sin(half_east) ** 2
    return 2 * math.degrees(math.asin(min(1.0, math.sqrt(chord)))) * _KM_PER_DEGREE


def _spread(quartiles: Iterable[float] | None) -> float:
    if quartiles is None:
        return 0.0
    low, high = quartiles
    return (high - low) / _IQR_OF_NORMAL


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
