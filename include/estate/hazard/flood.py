"""Flood: what FEMA's zones say of a place (S_FLD_HAZ_AR of the National Flood Hazard Layer).

The ladder below is the whole reading, mildest first; its order is also the order of severity by which one zone decides
where several lie under a property. Chances are FEMA's own definitions (44 CFR 59.1 and 64.3); severities are this project's
judgement, with the reason beside each.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from estate.hazard import chance

COLUMNS = ("flood_zone", "flood_zone_subtype", "is_in_sfha", "base_flood_elevation_ft")


@dataclass(frozen=True, slots=True)
class FloodClass:
    """One rung: yearly chance of flooding (None = unknown), severity of a flood there, and whether it is in the SFHA."""

    name: str
    annual_chance: float | None
    severity: float
    is_in_sfha: bool | None


LADDER = (
    # Water carries no building; a lot at the shore is decided by the zone of its dry part.
    FloodClass("open_water", None, 1, None),
    # Outside the 0.2 % area the chance lies between 0 and 0.2 % a year; its middle is taken. It is not zero: about a quarter
    # of the claims paid by the National Flood Insurance Program come from outside the high-risk areas (FEMA).
    FloodClass("minimal", 0.001, 1, False),
    # X without a subtype may be the shaded or the unshaded X: outside the SFHA for certain, its chance unknown. It stands
    # above "minimal", because a property that is partly in it cannot be called minimal.
    FloodClass("unstated_x", None, 1, False),
    FloodClass("not_mapped", None, 1, None),  # AREA NOT INCLUDED, NP, or a code that is not FEMA's
    FloodClass("undetermined", None, 1, None),  # D: flooding is possible, nobody has studied it
    # 1 % under the hydrology expected in future: today less, so it is read as the 0.2 % area it is drawn in.
    FloodClass("future_conditions", 0.002, 1, False),
    FloodClass("shaded_x", 0.002, 1, False),
    # Behind a levee the flood comes when the levee is overtopped or breached: rarer, then deep and fast (severity 2).
    FloodClass("behind_levee", 0.002, 2, False),
    # The 1 % flood, but less than a foot deep or from a small catchment: half the severity.
    FloodClass("shallow", 0.01, 0.5, False),
    FloodClass("sfha", 0.01, 1, True),
    # The channel that must carry the base flood (44 CFR 60.3(d)): deepest and fastest water, and rebuilding is restricted.
    FloodClass("floodway", 0.01, 2, True),
    # Waves of three feet and more (44 CFR 59.1, coastal high hazard area) destroy what standing water only soaks.
    FloodClass("coastal_high_hazard", 0.01, 3, True),
)
_RANK = {rung.name: rank for rank, rung in enumerate(LADDER)}
_BY_NAME = {rung.name: rung for rung in LADDER}

_SFHA_ZONES = frozenset({"A", "AE", "AH", "AO", "AR", "A99"} | {f"A{n}" for n in range(1, 31)})
_COASTAL_ZONES = frozenset({"V", "VE", "VO"} | {f"V{n}" for n in range(1, 31)})
_OTHER_ZONES = {
    "B": "shaded_x",  # the older names of the shaded and the unshaded X
    "C": "minimal",
    "D": "undetermined",
    "OPEN WATER": "open_water",
    "AREA NOT INCLUDED": "not_mapped",
    "NP": "not_mapped",  # not populated
}
# Every zone that is read as itself, and the list of the gates (a test compares). Any other code is read by its SFHA flag alone.
ZONES = tuple(sorted({"X", *_SFHA_ZONES, *_COASTAL_ZONES, *_OTHER_ZONES}))
# Subtypes of zone X, in the order in which they are tried; FEMA spells PCT also PERCENT.
_X_SUBTYPES = (
    ("LEVEE", "behind_levee"),
    ("FUTURE", "future_conditions"),
    ("CONTAINED IN", "shaded_x"),  # the flood stays in its channel or culvert
    ("1 PCT DEPTH", "shallow"),
    ("1 PCT DRAINAGE", "shallow"),
    ("0.2 PCT", "shaded_x"),
    ("MINIMAL", "minimal"),
)


def zone_class(zone: str | None, subtype: str | None, is_in_sfha: bool | None) -> FloodClass:
    """The rung of one zone. Where zone and SFHA flag contradict each other, the worse of the two readings holds.

    >>> zone_class("AE", "FLOODWAY", True).name, zone_class("X", None, False).name, zone_class("D", None, False).name
    ('floodway', 'unstated_x', 'undetermined')
    """
    code = " ".join((zone or "").upper().split())
    detail = " ".join((subtype or "").upper().replace("PERCENT", "PCT").split())
    name = _by_zone(code, detail)
    if is_in_sfha and _RANK[name] < _RANK["sfha"]:
        name = "sfha"
    return _BY_NAME[name]


def _by_zone(code: str, detail: str) -> str:
    if code in _COASTAL_ZONES:
        return "coastal_high_hazard"
    if code in _SFHA_ZONES:
        return "floodway" if "FLOODWAY" in detail or "ENCROACHMENT" in detail else "sfha"
    if code == "X":
        return next((name for phrase, name in _X_SUBTYPES if phrase in detail), "unstated_x")
    return _OTHER_ZONES.get(code, "not_mapped")


def assess(features: pd.DataFrame) -> pd.DataFrame:
    """Read flood features (columns `COLUMNS`, any index) as probability_30y, score, rank and is_in_sfha, on the same index.

    `rank` is the position on the ladder: the higher decides. `is_in_sfha` follows from the rung, so that D and unmapped
    ground, which the layer flags F, come out as unknown. Unknown probabilities and scores are NaN.
    """
    named = features[["flood_zone", "flood_zone_subtype", "is_in_sfha"]].astype(object)
    named = named.where(named.notna(), None)
    keys = list(named.itertuples(index=False, name=None))
    rungs = {key: zone_class(*key) for key in set(keys)}
    classes = [rungs[key] for key in keys]
    probability = chance.at_least_once([float("nan") if c.annual_chance is None else c.annual_chance for c in classes])
    return pd.DataFrame(
        {
            "probability_30y": probability,
            "score": chance.score(probability, [c.severity for c in classes]),
            "rank": pd.Series([float(_RANK[c.name]) for c in classes], index=features.index, dtype="float64"),
            "is_in_sfha": pd.Series([c.is_in_sfha for c in classes], index=features.index, dtype="boolean"),
        },
        index=features.index,
    )
