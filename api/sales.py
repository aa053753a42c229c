"""Sales: every one the tenant knows of, with what is found of it as evidence of market value, and why."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from flask import Response, current_app
from psycopg import sql
from pydantic import Field

from api import paging
from api.described import Truth
from api.edge import caller
from api.parameters import AsOfQuery, Day, FiveDigits, Number, PageQuery
from api.problems import InvalidParameter
from api.representations import picked
from api.resource import ROLES_THAT_MAY, Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.sql import query as query_text

sales = Resource("sales", __name__, "/api/v1/sales", "Sales, and whether each is evidence of market value.")

_SALE = ("sale_id", "property_id", "sale_price_usd", "sale_date", "recording_date", "document_number")
_FOUND = ("is_arms_length", "exclusion_reasons")
_SOLD = ("county_fips", "situs_address", "situs_city", "situs_zip", "property_type", "living_area_sqft")

SaleOrigin = part(
    "SaleOrigin",
    "The file and row that report a sale.",
    columns("ingest.snapshot", ("file_name",)),
    columns("normalize.sale", ("row_number",)),
)
SaleLinks = part(
    "SaleLinks",
    "Where to read on.",
    property=(str, Field(description="the property sold")),
    provenance=(str, Field(description="where the property and its sales come from (analysts)")),
)
ListedSale = part(
    "ListedSale",
    "A sale with what is found of it; before anything is, with what its own record says.",
    columns("normalize.sale", _SALE),
    columns("score.sale_validation", _FOUND),
    columns("normalize.sale", ("source_name",)),
    columns("normalize.property", _SOLD),
    columns("normalize.sale", ("published_at",)),
    decided_by=(
        str | None,
        Field(description="`rules`, or the identifier of the decision that overruled them; null while only the record has spoken"),
    ),
    origin=(SaleOrigin | None, Field(description="the file and row that report it; null for who may not read provenance")),
    links=(SaleLinks, Field(description="where to read on")),
)


class SalesQuery(PageQuery, AsOfQuery):
    """Which sales."""

    property_id: UUID | None = Field(None, description="of one property")
    county_fips: FiveDigits | None = Field(None, description="in one county, 5 digits", json_schema_extra={"example": "19169"})
    zip: FiveDigits | None = Field(None, description="in one ZIP, 5 digits", json_schema_extra={"example": "50010"})
    date_from: Day | None = Field(None, description="closed on this day or later", json_schema_extra={"example": "2025-01-01"})
    date_to: Day | None = Field(None, description="closed on this day or before", json_schema_extra={"example": "2025-12-31"})
    price_usd_min: Number | None = Field(None, ge=0, description="for at least this price (usd)", json_schema_extra={"example": 100000})
    price_usd_max: Number | None = Field(None, ge=0, description="for at most this price (usd)", json_schema_extra={"example": 900000})
    is_arms_length: Truth | None = Field(
        None, description="whether they are evidence of market value", json_schema_extra={"example": "true"}
    )
    decided_by: Literal["rules", "person"] | None = Field(
        None, description="who found what is found: the rules, or a person who overruled them; what only a record says is neither"
    )


class SalesPage(Answer):
    """One page of sales, the newest first; those without a day stand last."""

    sales: list[ListedSale] = Field(description="the sales")  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="send it as `cursor` to get the next page; null on the last")


@sales.read("", answer=SalesPage, cost="search", summary="List sales")
def page(query: SalesQuery) -> Response:
    """One page of the tenant's sales, the newest first, each with what is found of it and the reasons."""
    if query.date_from is not None and query.date_to is not None and query.date_from > query.date_to:
        raise InvalidParameter("date_from", "must not lie after date_to")
    if query.price_usd_min is not None and query.price_usd_max is not None and query.price_usd_min > query.price_usd_max:
        raise InvalidParameter("price_usd_min", "must not exceed price_usd_max")
    asked = paging.asked("sales", query)
    filters = query.model_dump(exclude={"limit", "cursor", "as_of"}) | ({"as_of": query.as_of} if query.as_of else {})
    with services(current_app).database.reading(caller().tenant_id) as reading:
        name = "api_sale_page_as_of" if query.as_of else "api_sale_page"
        # Composed, that is planned for the filters that were given: a plan that serves any would read every sale for some.
        rows = reading.rows(
            sql.SQL(query_text(name)).format(), {"page_size": asked.fetched, **asked.key("after_date", "after_id"), **filters}
        )
    return paging.answer(asked, "sales", rows, _key, _shown)


def _key(row: dict[str, Any]) -> list[Any]:
    return [row["sale_date"] and row["sale_date"].isoformat(), str(row["sale_id"])]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    is_analyst = not ROLES_THAT_MAY["analyst"].isdisjoint(caller().roles)
    property_page = f"/api/v1/properties/{row['property_id']}"
    return {
        **picked(row, *_SALE, *_FOUND, "decided_by", "source_name", *_SOLD, "published_at"),
        "origin": picked(row, "file_name", "row_number") if is_analyst and row["file_name"] is not None else None,
        "links": {"property": property_page, "provenance": f"{property_page}/provenance"},
    }
