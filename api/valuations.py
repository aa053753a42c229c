"""The valuation of a described house: computed on request by the model that serves its county. Nothing is written or kept."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

from flask import Response, current_app
from pydantic import ConfigDict, Field

from api.described import DescribedBody, Subject, ValuationDay, county_of, frame_of, subject_of
from api.edge import caller
from api.model_store import ModelStore, Registered, model_store
from api.problems import InvalidBody
from api.representations import json_response
from api.resource import Resource
from api.schemas import Answer
from api.services import services
from api.value_parts import CHANGE, STEPS, Value, money, value
from estate.contracts.score_explanation import CONTRIBUTIONS

valuations = Resource(
    "valuations",
    __name__,
    "/api/v1/valuations",
    "What a house that you describe is worth. A computation: it writes nothing, and nothing of the house is kept.",
)

NO_COUNTY = "the county is unknown: none of your properties lies near the place; give county_fips"
_MONEY = (
    "estimated_value_usd", "value_low_usd", "value_high_usd", "value_low_95_usd", "value_high_95_usd", "sale_price_usd",
    "adjusted_price_usd", "base_usd", "changed_value_usd", "value_change_usd", *STEPS,
    *(f"{name}_contribution_usd" for name in CONTRIBUTIONS),
)  # fmt: skip
EXAMPLE = {
    "latitude": 42.01, "longitude": -93.61, "county_fips": "19169", "situs_zip": "50010", "property_type": "single_family",
    "living_area_sqft": 1500, "lot_area_sqft": 9000, "year_built": 1961, "bedroom_count": 3, "bathroom_count": 1.5,
    "condition_code": 3, "quality_code": 6, "valuation_date": "2026-01-10",
}  # fmt: skip


class House(DescribedBody):
    """A house to be valued. What is left out is unknown, and widens the interval by what not knowing it has cost with past sales."""

    model_config = ConfigDict(extra="forbid", openapi_extra={"example": EXAMPLE})  # type: ignore[typeddict-unknown-key]

    valuation_date: ValuationDay | None = Field(
        None,
        description="the day the value stands for, 1900-01-01 or later and not in the future; today without it. Only sales before it are "
        "looked at",
    )


class DescribedValuation(Answer):
    """A value, or a refusal with its reason."""

    subject: Subject = Field(description="the house as it was understood")  # type: ignore[valid-type]
    value: Value = Field(description="its value")  # type: ignore[valid-type]


@valuations.compute("", answer=DescribedValuation, summary="Value a described house")
def compute(body: House) -> Response:
    """Value a described house by the model that serves its county on the valuation date. Writes nothing.

    The answer is what the pipeline would publish for such a property: value, intervals of 80 and 95 %, the comparable sales with
    their waterfalls, contributions and counterfactuals; or a refusal, whose `refusal_reason` says what is missing.
    """
    today = datetime.now(UTC).date()
    day = body.valuation_date or today
    if day > today:
        raise InvalidBody("valuation_date", "lies in the future")
    tenant_id, store, subject = caller().tenant_id, model_store(current_app), subject_of(body)
    with services(current_app).database.reading(tenant_id) as reading:
        subject["county_fips"] = county_of(reading, subject)
        row = store.serving(reading, tenant_id, subject["county_fips"], day=day) if subject["county_fips"] else None
        sales = store.sales(reading, tenant_id, subject["county_fips"]) if subject["county_fips"] else None
    if row is None or sales is None:
        return json_response({"subject": subject, "value": _refused(subject, day, sales)})
    return json_response({"subject": subject, "value": _valued(store, row, sales, subject, day)})


def _valued(store: ModelStore, row: Registered, sales: Any, subject: dict[str, Any], day: date) -> dict[str, Any]:
    asked = store.market(row, sales, day)
    from estate.score import valuation

    with store.computing():
        frames = valuation.value(asked, frame_of(subject))
    rows = {name: [_plain(row) for row in frame.to_dict("records")] for name, frame in frames.items()}
    said = rows["score.valuation"][0]
    named = row.named()
    changes = sorted(
        ({name: change[name] for name in CHANGE} for change in rows["score.counterfactual"]),
        key=lambda change: (-change["value_change_usd"], change["change_name"]),
    )
    contribution = next(iter(rows["score.contribution"]), None)
    return value(said, named, rows["score.comparable"], contribution, changes)


def _refused(subject: dict[str, Any], day: date, sales: Any) -> dict[str, Any]:
    """A refusal in the words of the pipeline; the house's own lack goes before that of a model."""
    from estate.score import parameters as p
    from estate.score.model import day_number
    from estate.score.stage import NO_MODEL, TOO_FEW_SALES
    from estate.score.valuation import refused

    if sales is None:
        reason = NO_COUNTY
    else:
        reason = TOO_FEW_SALES if (sales.frame["sale_date"].dt.date < day).sum() < p.MODEL_SALES_MINIMUM else NO_MODEL
    said = refused(frame_of(subject), day_number(day), reason).to_dict("records")[0]
    return value(_plain(said), None, [], None, [])


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row of a frame with the values that JSON knows: NaN is null, money has two decimals, a timestamp is its day."""
    out: dict[str, Any] = {}
    for name, said in row.items():
        plain = said.item() if hasattr(said, "item") else said
        if isinstance(plain, float) and math.isnan(plain):
            plain = None
        elif hasattr(plain, "date"):
            plain = plain.date()
        out[str(name)] = money(plain) if name in _MONEY else plain
    return out
