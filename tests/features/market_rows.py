"""Rows of sales, listings, areas and values as the market's features take them, and what is told of them."""

from __future__ import annotations

from datetime import date

import pandas as pd

from estate.features import market
from estate.ingest.declaration import sources

LAYOUTS = {name: found.series for name, found in sources().items() if found.series}
COUNTY = "53033"
SALE = {"property_id": "a", "county_fips": COUNTY, "source_name": "roll", "sale_price_usd": 500_000.0, "is_arms_length": True}
LISTING = {
    "property_id": "a", "county_fips": COUNTY, "list_price_usd": 500_000.0, "living_area_sqft": 2_000.0, "version_number": 1,
    "seen_date": date(2020, 3, 31), "closed_date": None, "known_date": None,
}  # fmt: skip


def sales(*days, **said):
    rows = [SALE | {"sale_date": pd.Timestamp(day)} | said for day in days]
    return pd.DataFrame(rows, columns=[*SALE, "sale_date"])


def listings(*rows):
    return pd.DataFrame([LISTING | row for row in rows], columns=[*LISTING, "list_date"])


def areas(*rows):
    return pd.DataFrame(rows, columns=["source_name", "area_code", "area_kind", "area_name", "county_fips", "metro_code"])


def values(name, told, code="1"):
    rows = [(name, code, pd.Timestamp(day), value) for day, value in told.items()]
    return pd.DataFrame(rows, columns=["source_name", "area_code", "period_date", "value"])


def told_by(frame, feature):
    rows = frame[frame["feature"] == feature]
    return {f"{row.month_date:%Y-%m}": row.value for row in rows.itertuples()}


def of(name, code="1"):
    return pd.DataFrame({"county_fips": [COUNTY], "source_name": [name], "area_code": [code]})


def built(own_sales=None, own_listings=None, public=()):
    """Features from own records and from series, each (source name, values)."""
    own_sales = sales() if own_sales is None else own_sales
    own_listings = listings() if own_listings is None else own_listings
    found = pd.concat([of(name) for name, _ in public]) if public else of("none").iloc[:0]
    told = pd.concat([values(name, said) for name, said in public]) if public else values("none", {})
    frame = market.features(own_sales, own_listings, found, told, LAYOUTS)
    return frame.assign(month=frame["month_date"].dt.strftime("%Y-%m") if len(frame) else []).set_index("month")


def origin(frame, month, feature):
    return frame.loc[month, "origins"][market.FEATURES.index(feature)]
