"""Explanation: what each side of a house adds to its value, in dollars to the cent, and what an owner's changes would come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.contracts.score_explanation import CONTRIBUTIONS
from estate.score import parameters as p
from estate.score.attributes import ATTRIBUTES

if TYPE_CHECKING:
    from estate.score.model import Model, Parts

Floats = NDArray[np.float64]

_ELSE = (
    "All else stays, the comparables among it; the cost of the change is not taken off. "
    "Past sales show that houses differ so, not that works pay so."
)
ASSUMPTIONS = {
    "condition_up": f"Condition one step better, as the assessor would grade it. {_ELSE}",
    "renovated": f"Renovated in the year of the valuation, as the assessor would record it. {_ELSE}",
    "bathroom_added": f"One bathroom more within the same walls. {_ELSE}",
}
_FIELDS = {"condition_up": "condition_code", "renovated": "year_renovated", "bathroom_added": "bathroom_count"}


def contributions(model: Model, subjects: pd.DataFrame, parts: Parts) -> pd.DataFrame:
    """Frame of score.contribution without tenant_id: base plus every contribution is the estimate, to the cent.

    Shares of the log price are SHAP values of the trees (Lundberg 2020) and the later steps as they are. A log share becomes dollars at
    the logarithmic mean of base and estimate, the one rate at which all shares together make the whole difference.
    """
    shap, base = model.boosted.contributions(parts.design.matrix)
    logs = shap | {"second_opinion": parts.second, "comparables": parts.comparables, "equity": parts.equity}
    base_log = base + parts.drift
    estimate_cents, base_cents = np.rint(100 * np.exp(parts.estimate)), np.rint(100 * np.exp(base_log))
    shares = np.column_stack([logs.get(name, np.zeros(len(subjects))) for name in CONTRIBUTIONS])
    whole = shares.sum(axis=1)
    gap = estimate_cents - base_cents
    near = np.where(np.abs(whole) > 1e-12, whole, 1e-12)
    cents = np.rint(shares * (100 * np.exp(base_log) * np.expm1(near) / near)[:, None])
    # What rounding leaves, a few cents, goes to the largest.
    largest = np.abs(cents).argmax(axis=1)
    cents[np.arange(len(cents)), largest] += gap - cents.sum(axis=1)
    return pd.DataFrame({
        "property_id": subjects["property_id"].to_numpy(dtype=object),
        "base_usd": base_cents / 100,
        **{f"{name}_contribution_usd": cents[:, place] / 100 for place, name in enumerate(CONTRIBUTIONS)},
        "estimated_value_usd": estimate_cents / 100,
    })  # fmt: skip


def counterfactuals(model: Model, subjects: pd.DataFrame, parts: Parts, year: int) -> pd.DataFrame:
    """Frame of score.counterfactual without tenant_id: each change that is open to each subject, asked of the same model.

    A change is asked only where today's state is known. Its comparables keep what they said beside the boosted estimate.
    """
    today = np.rint(100 * np.exp(parts.estimate)) / 100
    asked = {
        name: change
        for name, change in _changes(subjects, year).items()
        if change[2].any() and np.isfinite(model.neighbourhood.attributes[:, ATTRIBUTES.index(_FIELDS[name])]).any()
    }
    if not asked:
        return no_counterfactuals()
    matrices = [
        parts.design.with_attribute(_FIELDS[name], np.where(is_open, value_to, value_from))[is_open]
        for name, (value_from, value_to, is_open) in asked.items()
    ]
    answers = np.split(model.boosted.predict(np.concatenate(matrices)), np.cumsum([len(matrix) for matrix in matrices])[:-1])
    frames = []
    for (name, (value_from, value_to, is_open)), changed in zip(asked.items(), answers, strict=True):
        heard = changed + parts.comparables[is_open]
        value = np.rint(100 * np.exp(model.spread.apply(heard) + parts.drift[is_open])) / 100
        frames.append(pd.DataFrame({
            "property_id": subjects["property_id"].to_numpy(dtype=object)[is_open],
            "change_name": name,
            "field_name": _FIELDS[name],
            "field_value_from": np.where(value_from == 0, np.nan, value_from)[is_open] if name == "renovated" else value_from[is_open],
            "field_value_to": value_to[is_open],
            "changed_value_usd": value,
            "value_change_usd": np.rint(100 * (value - today[is_open])) / 100,
            "assumption": ASSUMPTIONS[name],
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _changes(subjects: pd.DataFrame, year: int) -> dict[str, tuple[Floats, Floats, NDArray[np.bool_]]]:
    """Each change with the values before and after, and for which subjects it is open."""
    condition, built, renovated, baths, beds = (
        pd.to_numeric(subjects[name]).to_numpy(dtype=float, na_value=np.nan)
        for name in ("condition_code", "year_built", "year_renovated", "bathroom_count", "bedroom_count")
    )
    last = np.where(np.isfinite(renovated), renovated, 0.0)
    this_year = np.full(len(subjects), float(year))
    old = year - np.maximum(built, last) >= p.RENOVATION_YEARS
    return {
        "condition_up": (condition, condition + 1, condition + 1 <= p.CONDITION_BEST),
        "renovated": (last, this_year, np.isfinite(built) & old),
        "bathroom_added": (baths, baths + 1, baths + 1 <= beds),
    }


def no_counterfactuals() -> pd.DataFrame:
    """An empty frame of score.counterfactual."""
    from estate.contracts.score_explanation import COUNTERFACTUAL

    return pd.DataFrame(columns=[name for name in COUNTERFACTUAL.column_names if name != "tenant_id"])
