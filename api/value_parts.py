"""The parts of a value as the API shows them: whether published for a property or computed for a described house."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import Field

from api.representations import picked
from api.schemas import columns, part
from estate.contracts.score import ADJUSTMENTS
from estate.contracts.score_explanation import CONTRIBUTIONS

Row = Mapping[str, Any]

VALUE = (
    "valuation_date", "estimated_value_usd", "value_low_usd", "value_high_usd", "interval_level", "value_low_95_usd",
    "value_high_95_usd", "fsd", "confidence", "confidence_band", "comparable_count", "refusal_reason", "method",
)  # fmt: skip
STEPS = tuple(f"{name}_adjustment_usd" for name in ADJUSTMENTS)
COMPARED = ("comparable_rank", "sale_id", "weight", "distance_m", "sale_age_days", "sale_price_usd")
CHANGE = ("change_name", "field_name", "field_value_from", "field_value_to", "changed_value_usd", "value_change_usd", "assumption")

ValueModel = part(
    "ValueModel",
    "The model that gave a value.",
    columns("score.model", ("model_id", "as_of_date")),
    data_docs=(str | None, Field(description="page of the model below the tenant's Data Docs; null where none are served")),
)
Waterfall = part(
    "Waterfall",
    "The steps from a comparable's price to its adjusted price, in the order in which they are taken; the sum is exact.",
    columns("score.comparable", STEPS),
)
Comparable = part(
    "Comparable",
    "A past sale that carries a value.",
    columns("score.comparable", (*COMPARED, "adjusted_price_usd")),
    adjustments=(Waterfall, Field(description="the waterfall")),
)
ContributionPart = part(
    "ContributionPart",
    "What one side of the house adds to the base.",
    name=(str, Field(description=f"which side: {', '.join(CONTRIBUTIONS)}")),
    contribution_usd=(float, Field(description="what it adds; negative where it takes away (usd)")),
)
Contributions = part(
    "Contributions",
    "How a value comes about: base and parts sum to it, to the cent.",
    columns("score.contribution", ("base_usd",)),
    parts=(list[ContributionPart], Field(description="in the order in which they are told")),  # type: ignore[valid-type]
)
Counterfactual = part("Counterfactual", "What the value would be if one thing were changed.", columns("score.counterfactual", CHANGE))
Value = part(
    "Value",
    "A value with its intervals and all that explains it; or a refusal, whose numbers are null and whose `refusal_reason` says why.",
    columns("score.valuation", VALUE),
    model=(ValueModel | None, Field(description="the model; null where none gave the value")),
    comparables=(list[Comparable], Field(description="the sales that carry the value, the heaviest first")),  # type: ignore[valid-type]
    contributions=(Contributions | None, Field(description="what each side of the house adds; null for a refusal")),
    counterfactuals=(
        list[Counterfactual],  # type: ignore[valid-type]
        Field(description="what changes that an owner can make would come to, the largest first"),
    ),
)


def value(
    valuation: Row, model: Row | None, comparables: Sequence[Row], contribution: Row | None, changes: Sequence[Row]
) -> dict[str, Any]:
    """The body of a `Value`, from rows of score.valuation, score.comparable (by rank), score.contribution and score.counterfactual.

    `model` has model_id, as_of_date and data_docs.
    """
    return {
        **picked(dict(valuation), *VALUE),
        "model": None if model is None else picked(dict(model), "model_id", "as_of_date", "data_docs"),
        "comparables": [comparable(row) for row in comparables],
        "contributions": contributions(contribution),
        "counterfactuals": [picked(dict(row), *CHANGE) for row in changes],
    }


def comparable(row: Row) -> dict[str, Any]:
    """The body of a `Comparable`, from a row of score.comparable."""
    return {**picked(dict(row), *COMPARED), "adjustments": waterfall(row), "adjusted_price_usd": row["adjusted_price_usd"]}


def waterfall(row: Row) -> dict[str, Any]:
    """The body of a `Waterfall`, from a row of score.comparable."""
    return {name: row[name] for name in STEPS}


def contributions(row: Row | None) -> dict[str, Any] | None:
    """The body of `Contributions`, from a row of score.contribution; None where there is none."""
    if row is None:
        return None
    parts = [{"name": name, "contribution_usd": row[f"{name}_contribution_usd"]} for name in CONTRIBUTIONS]
    return {"base_usd": row["base_usd"], "parts": parts}


def money(usd: float | None) -> Decimal | None:
    """Dollars of a computation as the API writes money: with two decimals. None stays None, and what is not a number becomes it."""
    return None if usd is None or math.isnan(usd) else Decimal(round(usd * 100)).scaleb(-2)
