"""Markets: the tenant's market areas, what sold in them, and how prices moved."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime
from typing import Any

from flask import Response, current_app, g
from psycopg import sql
from pydantic import BaseModel, Field

from api import links, paging
from api.edge import caller
from api.model_store import ModelAway, Registered, model_store
from api.parameters import AsOfQuery, FiveDigits, PageQuery, Whole
from api.problems import not_found
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.sql import query as query_text

markets = Resource("markets", __name__, "/api/v1/markets", "Market areas, what sold in them, and how prices moved.")

NO_MODEL = "no model serves the county"
MINIMUM_SALES = 3  # two prices cannot outvote an odd one
_AREA = re.compile(r"[0-9]{5}|-?[0-9]{1,2}\.[0-9],-?[0-9]{1,3}\.[0-9]")
_AREA_SAID = "ZIP, or where it is not known the south-west corner of the 0.1-degree cell, as 42.0,-93.6"
_VERSIONED = ("home", "sale", "found", "outcome")  # the names of versioned tables in the queries
_HOLDS_NOW = sql.SQL("{table}.superseded_at = 'infinity'")
_HELD_THEN = sql.SQL("{table}.published_at <= %(as_of)s::timestamptz AND {table}.superseded_at > %(as_of)s::timestamptz")
_SHOWN = (
    "market_area", "county_fips", "latitude", "longitude", "property_count", "sale_count", "last_sale_date", "window_sale_count",
    "window_to_date", "median_price_usd", "median_price_per_sqft_usd",
)  # fmt: skip

MarketLinks = part(
    "MarketLinks",
    "Where to read on.",
    self=(str, Field(description="the area with its series")),
    properties=(str | None, Field(description="its properties; null for an area that is a cell")),
    sales=(str | None, Field(description="its sales; null for an area that is a cell")),
)
Market = part(
    "Market",
    "A market area. Sales are those that are evidence of market value.",
    columns("normalize.property", ("county_fips",)),
    market_area=(str, Field(description=_AREA_SAID)),
    latitude=(float | None, Field(description="middle of its properties, WGS 84 (degrees)")),
    longitude=(float | None, Field(description="middle of its properties, WGS 84 (degrees)")),
    property_count=(int, Field(description="properties you hold or study there")),
    sale_count=(int, Field(description="their sales")),
    last_sale_date=(date | None, Field(description="day of the newest of them")),
    window_to_date=(date | None, Field(description="day of your newest sale anywhere: the medians are over the 365 days that end with it")),
    window_sale_count=(int, Field(description="sales within those days")),
    median_price_usd=(float | None, Field(description=f"their median price (usd); null with fewer than {MINIMUM_SALES}")),
    median_price_per_sqft_usd=(
        float | None,
        Field(description=f"median of price over living area (usd per sqft); null with fewer than {MINIMUM_SALES} whose area is known"),
    ),
    links=(MarketLinks, Field(description="where to read on")),
)
MarketMonth = part(
    "MarketMonth",
    "One month of a market area.",
    month_date=(date, Field(description="its first day")),
    sale_count=(int, Field(description="sales")),
    median_price_usd=(float | None, Field(description=f"median price (usd); null with fewer than {MINIMUM_SALES} sales")),
    median_price_per_sqft_usd=(float | None, Field(description="median of price over living area (usd per sqft); null likewise")),
    outcome_count=(int, Field(description="sales that had a value before them")),
    median_sale_ratio=(float | None, Field(description="median of value over price of those; null likewise")),
    price_index=(
        float | None,
        Field(description="price level at the month's end, at most at `as_of_date` of the index, where it is 100; null beyond its reach"),
    ),
)
MarketIndex = part(
    "MarketIndex",
    "Which index the series shows: attributes, areas and repeat sales in one penalised least squares, as the county's model keeps it.",
    columns("score.model", ("model_id", "as_of_date")),
    data_docs=(str | None, Field(description="page of the model below the tenant's Data Docs")),
    is_own=(bool, Field(description="whether it is the area's own; else its county's stands for it")),
)


class MarketsQuery(PageQuery, AsOfQuery):
    """Which market areas."""

    county_fips: FiveDigits | None = Field(
        None, description="of properties in one county, 5 digits", json_schema_extra={"example": "19169"}
    )


class MarketQuery(AsOfQuery):
    """How far the series reaches."""

    months: Whole = Field(120, ge=1, le=600, description="months at most, back from that of the newest sale")


class MarketPath(BaseModel):
    """Which market area."""

    market_area: str = Field(description=_AREA_SAID, json_schema_extra={"example": "50010"})


class MarketsPage(Answer):
    """One page of market areas, in the order of their names."""

    markets: list[Market] = Field(description="the areas")  # type: ignore[valid-type]
    as_of: datetime | None = Field(description="the moment asked for; null for now")
    next_cursor: str | None = Field(description="send it as `cursor` to get the next page; null on the last")


class MarketAnswer(Answer):
    """A market area with its series."""

    market: Market = Field(description="the area")  # type: ignore[valid-type]
    as_of: datetime | None = Field(description="the moment asked for; null for now")
    minimum_sale_count: int = Field(description="sales below which a median is null")
    index: MarketIndex | None = Field(description="the index shown; null where there is none")  # type: ignore[valid-type]
    index_missing_reason: str | None = Field(description="why there is none, and no month has a level; null where an index is shown")
    months: list[MarketMonth] = Field(description="the months, without gaps, the oldest first")  # type: ignore[valid-type]


@markets.read("", answer=MarketsPage, cost="search", is_cached=True, summary="List market areas")
def page(query: MarketsQuery) -> Response:
    """One page of the tenant's market areas with what sold in them."""
    asked = paging.asked("markets", query)
    with services(current_app).database.reading(caller().tenant_id) as reading:
        wanted = {"page_size": asked.fetched, **asked.key("after"), "county_fips": query.county_fips, "market_area": None}
        rows = reading.rows(
            _composed("api_market_page", query.as_of), {**wanted, "as_of": query.as_of, "minimum_sale_count": MINIMUM_SALES}
        )
    return paging.answer(asked, "markets", rows, lambda row: [row["market_area"]], _shown, as_of=query.as_of)


@markets.read("/<market_area>", answer=MarketAnswer, cost="search", is_cached=True, summary="One market area with its series")
def one(path: MarketPath, query: MarketQuery) -> Response:
    """One market area by month: sales, medians, ratios of earlier values, and the price index of its county's model."""
    area, tenant_id, store = path.market_area, caller().tenant_id, model_store(current_app)
    if not _AREA.fullmatch(area):
        raise not_found()
    asked = {"market_area": area, "as_of": query.as_of, "minimum_sale_count": MINIMUM_SALES}
    with services(current_app).database.reading(tenant_id) as reading:
        found = reading.row(_composed("api_market_page", query.as_of), {**asked, "page_size": 1, "after": None, "county_fips": None})
        if found is None:
            raise not_found()
        rows = reading.rows(_composed("api_market_months", query.as_of), {**asked, "month_count": query.months})
        row = store.serving(reading, tenant_id, found["county_fips"] or "00000", as_of=query.as_of)
    index, levels, missing = _index(row, area, [month["month_date"] for month in rows])
    body = {
        "market": _shown(found),
        "as_of": query.as_of,
        "minimum_sale_count": MINIMUM_SALES,
        "index": index,
        "index_missing_reason": missing,
        "months": [{**month, "price_index": level} for month, level in zip(rows, levels, strict=True)],
    }
    return json_response(body)


def _composed(name: str, as_of: datetime | None) -> sql.Composed:
    """The query of the versions that hold now, which its indexes know by heart, or of those that held at a moment."""
    holds = _HOLDS_NOW if as_of is None else _HELD_THEN
    return sql.SQL(query_text(name)).format(**{f"{table}_holds": holds.format(table=sql.Identifier(table)) for table in _VERSIONED})


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    area = row["market_area"]
    there = {name: None if "," in area else links.path(name, situs_zip=area) for name in ("properties", "sales")}
    return {**picked(row, *_SHOWN), "links": {"self": links.path("markets", area), **there}}


def _index(row: Registered | None, area: str, months: list[date]) -> tuple[dict[str, Any] | None, list[float | None], str | None]:
    """What `_indexed` tells; or None, levels of None, and why there is no index."""
    reason: str | None = NO_MODEL
    if row is not None:
        try:
            return *_indexed(row, area, months), None
        except ModelAway as away:
            # All else is known. What is lacking comes back without a publication, so this answer must not outlive the moment.
            g.pop("etag", None)
            g.pop("keep_as", None)
            reason = away.description
    return None, [None] * len(months), reason


def _indexed(row: Registered, area: str, months: list[date]) -> tuple[dict[str, Any], list[float | None]]:
    """What is told of the index, and its level by month, 100 at the model's day; None before it begins and after that day."""
    known = model_store(current_app).model(row).comparator.index
    named = row.named() | {"is_own": area in known.areas}
    if not months:
        return named, []
    import numpy as np

    ends = np.array([_last_day(month) for month in months], dtype="datetime64[D]").astype(np.int64)
    reached = (ends >= known.knot_day[0]) & (np.array(months, dtype="datetime64[D]").astype(np.int64) <= known.as_of_day)
    # The model's own day lies within its last month, which has no end yet.
    levels = 100 * np.exp(known.log_level(np.array([area], dtype=object), np.minimum(ends, known.as_of_day)))
    return named, [round(float(level), 3) if is_reached else None for level, is_reached in zip(levels, reached, strict=True)]


def _last_day(month: date) -> date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])
