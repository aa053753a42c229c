"""Sales: every one the tenant knows of, with what is found of it as evidence of market value, and why."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from flask import Response, current_app
from psycopg import sql
from pydantic import Field

from api import paging
from api.edge import caller
from api.parameters import AsOfQuery, Day, FiveDigits, Number, PageQuery, Truth
from api.problems import InvalidParameter
from api.property_sales import SourceRow, source_row
from api.representations import picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from api.subject import below
from estate.sql import query as query_text

sales = Resource("sales", __name__, "/api/v1/sales", "Sales, and whether each is evidence of market value.")

_SALE = ("sale_id", "property_id", "sale_price_usd", "sale_date", "recording_date", "document_number")
_FOUND = ("is_arms_length", "exclusion_reasons")
_SOLD = ("county_fips", "situs_address", "situs_city", "situs_zip", "property_type", "living_area_sqft")

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
    source=(SourceRow | None, Field(description="the row that tells of the sale; null where its file is not known")),
    links=(SaleLinks, Field(description="where to read on")),
)


class SalesQuery(PageQuery, AsOfQuery):
    """Which sales."""

    property_id: UUID | None = Field(None, description="of one property")
    county_fips: FiveDigits | None = Field(None, description="in one county, 5 digits", json_schema_extra={"example": "19169"})
    situs_zip: FiveDigits | None = Field(None, description="in one ZIP, 5 digits", json_schema_extra={"example": "50010"})
    sale_date_min: Day | None = Field(None, description="closed on this day or later", json_schema_extra={"example": "2025-01-01"})
    sale_date_max: Day | None = Field(None, description="closed on this day or before", json_schema_extra={"example": "2025-12-31"})
    sale_price_usd_min: Number | None = Field(
        None, ge=0, description="for at least this price (usd)", json_schema_extra={"example": 100000}
    )
    sale_price_usd_max: Number | None = Field(None, ge=0, description="for at most this price (usd)", json_schema_extra={"example": 900000})
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
    if query.sale_date_min is not None and query.sale_date_max is not None and query.sale_date_min > query.sale_date_max:
        raise InvalidParameter("sale_date_min", "must not lie after sale_date_max")
    if (
        query.sale_price_usd_min is not None
        and query.sale_price_usd_max is not None
        and query.sale_price_usd_min > query.sale_price_usd_max
    ):
        raise InvalidParameter("sale_price_usd_min", "must not exceed sale_price_usd_max")
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
    return {
        **picked(row, *_SALE, *_FOUND, "decided_by", "source_name", *_SOLD, "published_at"),
        "source": source_row(row),
        "links": {"property": below(row["property_id"]), "provenance": below(row["property_id"], "provenance")},
    }
