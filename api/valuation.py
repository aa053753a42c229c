"""The value of one property with all that explains it: intervals, model, comparables with their waterfalls, contributions, changes."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, current_app
from pydantic import Field

from api.database import Reading
from api.edge import caller
from api.links import data_docs, link
from api.links import path as address
from api.parameters import AsOfQuery, PropertyPath
from api.property_sales import SourceRow, source_row
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import columns, part
from api.services import services
from api.subject import OfProperty, below, require_property
from api.value_parts import COMPARED, VALUE, Contributions, Counterfactual, ValueModel, Waterfall, value

valuation = Resource(
    "valuation", __name__, "/api/v1/properties/<uuid:property_id>/valuation", "The value of one property, and all that explains it."
)

# What a refusal asks for. The words of each reason are the score stage's; its figures may change.
_NEEDED = {
    r"property type unknown": "The property's type, from any source that knows it.",
    r"no coordinates": "Coordinates or a parcel outline, from any source that has them.",
    r"no living area": "The living area. Land without a building is not valued.",
    r"no sale of this property type": "Sales of this type of property in the county; land more of them and train the model again.",
    r"fewer than \d+ past sales within": "Sales nearby; land those of the neighbourhood and train the model again.",
    r"larger or smaller than anything sold": "Sales of houses of this size; or a correction, if the living area is wrong.",
    r"of better quality than anything sold": "Sales of houses of this quality; or a correction, if the grade is wrong.",
    r"fewer than \d+ comparable sales": "More sales of similar houses nearby and in recent years.",
    r"confidence below": "More recent sales of similar houses, or the attributes of the house that are unknown.",
    r"no model of the county": "A model of the county that passes its ratio study; the training run says what kept the last one from it.",
    r"fewer than \d+ valid sales in the county": "More arm's-length sales of the county from before the valuation date.",
}
UNNAMED = "What the reason names."

ValuationRefusal = part(
    "ValuationRefusal",
    "Why no value is given. A refusal is an answer: the numbers of the value are null.",
    reason=(str, Field(description="why no value is given")),
    needed=(str, Field(description="what would have to be known for a value")),
)
ValuationComparable = part(
    "ValuationComparable",
    "A past sale that carries the value.",
    columns("score.comparable", (*COMPARED, "adjusted_price_usd")),
    adjustments=(Waterfall, Field(description="the waterfall")),
    source=(SourceRow | None, Field(description="the row that tells of the sale; null where it is no longer known")),
    links=(
        part(
            "ComparableLinks",
            "Further about the sale.",
            property=link("the property sold"),
            sales=link("its sales, this one among them"),
            provenance=link("the cells of that row"),
        ),
        Field(description="further about the sale"),
    ),
)
PublishedValue = part(
    "PublishedValue",
    "A value with its intervals, or a refusal, whose numbers are null.",
    columns("score.valuation", (*VALUE, "published_at")),
    model=(ValueModel | None, Field(description="the model; null where none gave the value")),
)
_Links = part(
    "ValuationLinks",
    "Further about it.",
    property=link("the property whole", may_be_absent=False),
    provenance=link("the rows and the model behind the value", may_be_absent=False),
    model=link("the model; null where none gave the value"),
    ratio_study=link("how the model's values compare with sales that it had not seen; null where none gave the value"),
)


class ValuationAnswer(OfProperty):
    """The value of one property, as of a moment, and all that explains it."""

    value: PublishedValue | None = Field(description="null before the score stage has looked at it")  # type: ignore[valid-type]
    refusal: ValuationRefusal | None = Field(description="null where a value is given")  # type: ignore[valid-type]
    comparables: list[ValuationComparable] = Field(description="the heaviest first")  # type: ignore[valid-type]
    contributions: Contributions | None = Field(description="null for a refusal")  # type: ignore[valid-type]
    counterfactuals: list[Counterfactual] = Field(  # type: ignore[valid-type]
        description="what changes that an owner can make would come to, the largest first"
    )
    links: _Links  # type: ignore[valid-type]


@valuation.read("", answer=ValuationAnswer)
def one(path: PropertyPath, query: AsOfQuery) -> Response:
    """What the property is worth, how sure that is, and why; or why no value is given, and what one would need.

    With the 80 % and the 95 % interval, the model, every comparable sale with the steps from its price to its adjusted price and the row of
    the file that tells of it, what each side of the house adds, and what changes that an owner can make would come to.
    """
    asked = {"property_id": path.property_id, "as_of": query.as_of}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        require_property(reading, asked)
        found = reading.row("api_valuation", asked)
        trained = model(reading, found)
        compared = reading.rows("api_valuation_comparables", asked)
        contribution, changes = reading.row("api_contributions", asked), reading.rows("api_counterfactuals", asked)
    body = None
    if found is not None:
        body = value(found, trained, compared, contribution, changes)
    return json_response({**asked, **_explained(found, body, compared), "links": _links(path, trained)})


def model(reading: Reading, found: dict[str, Any] | None) -> dict[str, Any] | None:
    """The model that gave a value (a row of score.valuation), with its page as `data_docs`; None where none did, as for most refusals."""
    if found is None or found["model_id"] is None:
        return None
    trained = reading.row("api_model", {"model_id": found["model_id"]})
    return trained and {**trained, "data_docs": data_docs(trained["page_key"])}


def refusal(reason: str | None) -> dict[str, str] | None:
    """The body of a `ValuationRefusal`; None where there is no reason to refuse."""
    if reason is None:
        return None
    return {"reason": reason, "needed": next((needed for said, needed in _NEEDED.items() if re.match(said, reason)), UNNAMED)}


def _explained(found: dict[str, Any] | None, body: dict[str, Any] | None, compared: list[dict[str, Any]]) -> dict[str, Any]:
    if found is None or body is None:
        return {"value": None, "refusal": None, "comparables": [], "contributions": None, "counterfactuals": []}
    return {
        "value": {**picked(body, *VALUE, "model"), "published_at": found["published_at"]},
        "refusal": refusal(found["refusal_reason"]),
        "comparables": [_led_back(shown, row) for shown, row in zip(body["comparables"], compared, strict=True)],
        **picked(body, "contributions", "counterfactuals"),
    }


def _led_back(shown: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """A comparable with the row of the file that tells of its sale, and where the property sold is found."""
    sold = row["sold_property_id"]
    links = {
        "property": below(sold) if sold else None,
        "sales": below(sold, "sales") if sold else None,
        "provenance": below(sold, "provenance") if sold else None,
    }
    return {**shown, "source": source_row(row), "links": links}


def _links(path: PropertyPath, trained: dict[str, Any] | None) -> dict[str, str | None]:
    return {
        "property": below(path.property_id),
        "provenance": below(path.property_id, "provenance", "estimated_value_usd"),
        "model": address("models", trained["model_id"]) if trained else None,
        "ratio_study": address("models", trained["model_id"], "ratio-study") if trained else None,
    }
