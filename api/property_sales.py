"""The sales of one property, each with what is found of it as evidence and the row of the file that says so."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from pydantic import Field

from api import paging
from api.database import Reading
from api.edge import caller
from api.links import link
from api.parameters import AsOfQuery, PageQuery, PropertyPath
from api.representations import picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from api.subject import below, require_property

property_sales = Resource(
    "property_sales", __name__, "/api/v1/properties/<uuid:property_id>/sales", "The sales of one property, each with what is found of it."
)

SALE = (
    "sale_id", "sale_price_usd", "sale_date", "recording_date", "document_number", "is_arms_length", "exclusion_reasons", "decided_by",
    "source_name",
)  # fmt: skip
_RECORDED = ("sale_id", "sale_price_usd", "sale_date", "recording_date", "document_number")
_ORIGIN = ("source_name", "file_name", "snapshot_sha256", "snapshot_id", "row_number", "vintage_date", "batch_id")
_DECIDED_BY = "who found so: rules, or a person's decision; null while only the sale's own record has spoken"

SALE_COLUMNS = {
    **columns("normalize.sale", _RECORDED),
    **columns("score.sale_validation", ("is_arms_length", "exclusion_reasons")),
    "decided_by": (str | None, Field(description=_DECIDED_BY)),
    **columns("normalize.sale", ("source_name",)),
}
SourceRow = part(
    "SourceRow",
    "The row of a landed file.",
    columns("ingest.snapshot", ("source_name", "file_name", "snapshot_sha256", "snapshot_id")),
    columns("normalize.sale", ("row_number",)),
    columns("ingest.snapshot", ("vintage_date", "batch_id")),
)
PropertySale = part(
    "PropertySale",
    "A sale of the property.",
    SALE_COLUMNS,
    columns("normalize.sale", ("published_at",)),
    source=(SourceRow | None, Field(description="the row that tells of the sale")),
    links=(
        part("PropertySaleLinks", "Further about the sale.", provenance=link("the cells of that row")),
        Field(description="further about the sale"),
    ),
)


class PropertySalesAnswer(Answer):
    """The sales of one property, the newest first."""

    sales: list[PropertySale]  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="cursor of the next page; null on the last")


class PropertySalesQuery(PageQuery, AsOfQuery):
    """Which of its sales."""


@property_sales.read("", answer=PropertySalesAnswer)
def page(path: PropertyPath, query: PropertySalesQuery) -> Response:
    """The sales of one property, the newest first, each with what is found of it as evidence of market value, and by whom."""
    asked = {"property_id": path.property_id, "as_of": query.as_of}
    shown = paging.asked(f"sales of {path.property_id}", query)
    with services(current_app).database.reading(caller().tenant_id) as reading:
        require_property(reading, asked)
        rows = sales(reading, {**asked, **shown.key("after_date", "after_id"), "page_size": shown.fetched})
    return paging.answer(shown, "sales", rows, lambda row: [row["keyed_date"], str(row["sale_id"])], lambda row: _sale(path, row))


def sales(reading: Reading, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The sales of the property, newest first, with their origin; all of them where `asked` (property_id, as_of) names no page."""
    page_of = {"after_date": None, "after_id": None, "page_size": None, **asked}
    return reading.rows("api_sales_as_of" if asked["as_of"] else "api_sales", page_of)


def source_row(row: dict[str, Any]) -> dict[str, Any] | None:
    """The landed row behind a sale, or None where its file is not known."""
    return picked(row, *_ORIGIN) if row["file_name"] is not None else None


def _sale(path: PropertyPath, row: dict[str, Any]) -> dict[str, Any]:
    return {
        **picked(row, *SALE, "published_at"),
        "source": source_row(row),
        "links": {"provenance": below(path.property_id, "provenance")},
    }
