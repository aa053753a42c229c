"""Trust: how far a value can be relied upon, from what is known about its origin and nothing else.

    field trust = authority × freshness × making × rules × gate, then capped where the source is synthetic

Each factor is 1 where nothing speaks against the value. What is not known is a factor below 1, never 1: no rule run is not
"all rules passed". The formula for readers, with examples, stands in docs/trust.md (a test compares the weights).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estate.contracts.normalize import PROPERTY

Floats = NDArray[np.float64]

# What describes the record rather than the property, or is computed from traced fields, has no trust of its own.
UNTRACED = frozenset({"property_key", "cell", "situs_confidence", "situs_flags"})
TRACED_FIELDS = tuple(column.name for column in PROPERTY.columns if column.role == "value" and column.name not in UNTRACED)

# How the value was made from what the source wrote: each step away is a chance to be wrong.
MADE: Mapping[str, float] = {
    "copied": 1.0,  # the source's own words or number
    "assigned": 1.0,  # ours by definition
    "parsed": 0.95,  # taken apart by rules that flag what they cannot place
    "inferred": 0.80,  # concluded from other values
    "modelled": 0.60,  # estimated, with an error of its own
}
MADE_UNKNOWN = 0.50  # worse than the worst known way

# Whether other sources say the same. Agreement works on authority: it cannot make stale data fresh.
AGREE_DOUBT = 0.50  # an independent witness halves the doubt that authority leaves
DIFFER = 0.70  # a witness against: of two that differ the one of precedence is right more often than not, no more is known

AUTHORITY_UNKNOWN = 0.50  # the source is no longer declared: it spoke, and nobody is answerable for it any more

FRESH_FLOOR = 0.25  # the oldest record still says that the thing existed
RULES_FAILED = 0.60  # a rule flagged this very value: a reviewer should look
RULES_NONE = 0.90  # nothing tested it
GATE_FAILED = 0.30  # a refused batch is not published; if it is read nevertheless, it counts little
GATE_NONE = 0.80  # nobody judged the batch
SYNTHETIC_CAP = 0.20  # made for demonstration: never mistaken for an observation, whatever else is right about it

WEAKEST = 0.25  # share of the weakest field in a property's trust: one bad field is felt, and does not hide forty good ones


def freshness(age_days: ArrayLike, refresh_days: ArrayLike) -> Floats:
    """1 within the source's own refresh cycle, then halved by each further cycle, never below FRESH_FLOOR.

    A vintage in the future counts as age 0. An unknown age or cycle counts as one cycle missed (0.5).
    """
    age, cycle = np.broadcast_arrays(np.asarray(age_days, dtype=float), np.asarray(refresh_days, dtype=float))
    known = np.isfinite(age) & (cycle > 0)
    missed = np.where(known, np.maximum(np.where(known, age, 0) / np.where(known, cycle, 1) - 1, 0), 1.0)
    return np.maximum(0.5**missed, FRESH_FLOOR)


def field_trust(
    authority_weight: ArrayLike,
    age_days: ArrayLike,
    refresh_days: ArrayLike,
    made: ArrayLike,
    agreement: ArrayLike,
    has_rule_failures: ArrayLike,
    gate_passed: ArrayLike,
    *,
    is_synthetic: ArrayLike = False,
) -> Floats:
    """Trust of fields, 0 to 1; arguments are broadcast against each other.

    `authority_weight` 0-1 of the source; `age_days` from its vintage to the day of evaluation; `refresh_days` its own cycle;
    `made` a key of MADE; `agreement` "sole", "agree" or "differ"; `has_rule_failures` None where no rule ran; `gate_passed`
    None where there is no verdict. Raises ValueError for an authority outside 0-1 or an agreement that is none of the three.
    """
    authority = np.asarray(authority_weight, dtype=float)
    if not ((authority >= 0) & (authority <= 1)).all():
        raise ValueError("authority_weight lies between 0 and 1")
    said = np.asarray(agreement, dtype=object)
    if strange := set(said.ravel()) - {"sole", "agree", "differ"}:
        raise ValueError(f"agreement is sole, agree or differ, not {', '.join(map(str, strange))}")
    witnessed = np.where(said == "agree", 1 - (1 - authority) * AGREE_DOUBT, np.where(said == "differ", authority * DIFFER, authority))
    making = np.asarray(np.vectorize(lambda way: MADE.get(way, MADE_UNKNOWN), otypes=[float])(np.asarray(made, dtype=object)))
    rules = _judged(has_rule_failures, yes=RULES_FAILED, no=1.0, unknown=RULES_NONE)
    gate = _judged(gate_passed, yes=1.0, no=GATE_FAILED, unknown=GATE_NONE)
    trust = witnessed * freshness(age_days, refresh_days) * making * rules * gate
    return np.asarray(np.where(np.asarray(is_synthetic, dtype=bool), np.minimum(trust, SYNTHETIC_CAP), trust))


def source_trust(
    authority_weight: float | None, age_days: float, refresh_days: float | None, *, gate_passed: bool | None, is_synthetic: bool
) -> float:
    """Trust in what a source alone says, copied, 0 to 1.

    `authority_weight` and `refresh_days` are None where the source is no longer declared; the rest is as `field_trust` has it.
    """
    trust = field_trust(
        AUTHORITY_UNKNOWN if authority_weight is None else authority_weight,
        age_days,
        np.nan if refresh_days is None else refresh_days,
        "copied",
        "sole",
        np.array(None if authority_weight is None else False, dtype=object),
        np.array(gate_passed, dtype=object),
        is_synthetic=is_synthetic,
    )
    return float(trust)


def reading_trust(layer: float, location: Sequence[float]) -> float:
    """Trust in what a map says of a place: never above the trust of the `layer`, nor above the weakest field that says where the place is.

    All trusts lie between 0 and 1. Where no field says where the place is, the trust is 0.
    """
    return min(layer, *location) if location else 0.0


def derived_trust(inputs: Sequence[float], made: str) -> float:
    """Trust of what the platform makes out of `inputs` (trusts, 0 to 1): the weakest × the factor of `made`; 0 where there are none."""
    return min(inputs, default=0.0) * MADE.get(made, MADE_UNKNOWN)


def property_trust(fields: ArrayLike) -> Floats:
    """Trust of properties, 0 to 1, from field trusts of shape (properties, fields); NaN where a field has no value.

    (1 - WEAKEST) × mean + WEAKEST × minimum over the fields that have a value; 0 where none has: nothing is known.
    """
    trust = np.asarray(fields, dtype=float)
    known = ~np.isnan(trust)
    count = known.sum(axis=1)
    mean = np.divide(np.where(known, trust, 0).sum(axis=1), count, out=np.zeros(len(trust)), where=count > 0)
    least = np.where(known, trust, np.inf).min(axis=1, initial=np.inf)
    return np.asarray(np.where(count > 0, (1 - WEAKEST) * mean + WEAKEST * np.where(count > 0, least, 0), 0.0))


def _judged(answer: ArrayLike, *, yes: float, no: float, unknown: float) -> Floats:
    """A factor for True, one for False, one for None."""
    asked = np.asarray(answer, dtype=object)
    return np.asarray(np.where(np.equal(asked, True), yes, np.where(np.equal(asked, False), no, unknown)), dtype=float)
