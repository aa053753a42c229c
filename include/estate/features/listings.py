"""What own listings tell of a county's market by month.

A listing is a property and the day it was listed. It is on the market from that day until it is sold, or until the day of the batch whose
file no longer carries it. What was listed and taken off again between two files was never seen.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from pandas import DataFrame, Series

_SPELL = ["property_id", "list_date"]
_DAYS = ("list_date", "seen_date", "closed_date", "known_date")
_NEW = timedelta(days=30)
_MONTH = ["county_fips", "month_date"]
_COUNTS = ["active_inventory_count", "new_listing_30d_count"]


def as_days(dates: Series) -> Series:
    """Dates of any kind as datetime64[ns], so that they can be compared and merged."""
    return pd.to_datetime(dates).astype("datetime64[ns]")


def believed(listings: DataFrame) -> DataFrame:
    """`listings` with their days as datetime64[ns], without what a file lists for a day later than any file that supports it.

    Such a day is a slip of the pen; of what lies ahead no file can tell.
    """
    versions = listings.assign(**{name: as_days(listings[name]) for name in _DAYS})
    versions["known_date"] = versions[["known_date", "seen_date"]].max(axis=1)
    return versions[versions["list_date"] <= versions["known_date"]]


def from_listings(listings: DataFrame, sales: DataFrame) -> DataFrame:
    """One row a county, month and feature: county_fips, month_date, feature, origin, value, day.

    `listings` as query features_market_listings gives them, `sales` as features_market_sales. The asking price of a day is that of the
    newest file up to the day; before the first file that carries the listing, that of the first. Told are the months from the first
    listing of the county to the last file that was read, in which nothing on the market is a count of zero.
    """
    columns = [*_MONTH, "feature", "origin", "value", "day"]
    versions = believed(listings).sort_values([*_SPELL, "version_number"])
    if versions.empty:
        return DataFrame(columns=columns)
    spells = _spells(versions, sales)
    rows = pd.merge_asof(
        _by_month(spells).sort_values("day"), _asked(versions), left_on="day", right_on="from_date", by=_SPELL, direction="backward"
    )
    per_sqft = rows["list_price_usd"] / rows["living_area_sqft"].where(rows["living_area_sqft"] > 0)
    told = rows.assign(
        median_list_price_usd=rows["list_price_usd"],
        median_price_per_sqft_usd=per_sqft,
        median_days_on_market=(rows["day"] - rows["list_date"]).dt.days,
        active_inventory_count=(rows["off_date"] > rows["day"]).astype(float),
        new_listing_30d_count=(rows["list_date"] > rows["day"] - _NEW).astype(float),
        price_cut_rate=rows["has_fallen"].astype(float),
    ).groupby(_MONTH)
    medians = told[["median_list_price_usd", "median_price_per_sqft_usd", "median_days_on_market"]].median()
    found = pd.concat([medians, told[_COUNTS].sum(), told[["price_cut_rate"]].mean()], axis=1)
    wide = _months(spells).join(found, on=_MONTH)
    wide[_COUNTS] = wide[_COUNTS].fillna(0.0)
    long = wide.melt(id_vars=[*_MONTH, "day"], var_name="feature").dropna(subset=["value"])
    return long.assign(origin="own_listings")[columns]


def _asked(versions: DataFrame) -> DataFrame:
    """The asking price from day to day, by day: property_id, list_date, from_date, list_price_usd, living_area_sqft, has_fallen."""
    spell = versions.groupby(_SPELL)
    from_date = versions["seen_date"].where(spell.cumcount() > 0, versions[["list_date", "seen_date"]].min(axis=1))
    # A version that says no price hides no fall: the next one is compared with the last price that was said.
    said = spell["list_price_usd"].ffill().groupby([versions[name] for name in _SPELL]).shift()
    fell = versions["list_price_usd"] < said
    asked = versions.assign(from_date=from_date, has_fallen=fell.groupby([versions[name] for name in _SPELL]).cummax())
    # A source of an older day may publish later; what it says of the listing holds from the newest day known before it.
    asked["from_date"] = asked.groupby(_SPELL)["from_date"].cummax()
    asked = asked.drop_duplicates([*_SPELL, "from_date"], keep="last")
    return asked[[*_SPELL, "from_date", "list_price_usd", "living_area_sqft", "has_fallen"]].sort_values("from_date")


def _spells(versions: DataFrame, sales: DataFrame) -> DataFrame:
    """Each listing once: property_id, list_date, county_fips, known_date, off_date (the first day on which it is off the market)."""
    last = versions.drop_duplicates(_SPELL, keep="last")[[*_SPELL, "county_fips", "seen_date", "closed_date"]]
    spells = last.merge(versions.groupby(_SPELL)["known_date"].max().reset_index(), on=_SPELL)
    closed = spells["closed_date"].where(spells["closed_date"].isna(), spells[["closed_date", "seen_date"]].max(axis=1))
    sold = sales[["property_id"]].assign(sale_date=as_days(sales["sale_date"])).dropna().sort_values("sale_date")
    first_sale = pd.merge_asof(
        spells[_SPELL].sort_values("list_date"), sold, left_on="list_date", right_on="sale_date", by="property_id", direction="forward"
    )
    spells = spells.assign(closed_date=closed).merge(first_sale, on=_SPELL)
    # Beyond the last file that carries it nothing is known of a listing, not even that it ended.
    ended = spells[["closed_date", "sale_date"]].min(axis=1)
    spells["off_date"] = ended.fillna(spells["known_date"] + timedelta(days=1))
    return spells[[*_SPELL, "county_fips", "known_date", "off_date"]]


def _months(spells: DataFrame) -> DataFrame:
    """Every month of which a county's listings tell: county_fips, month_date, day (the last of which they tell)."""
    ends = spells.groupby("county_fips").agg(first=("list_date", "min"), last=("known_date", "max")).reset_index()
    month = ordinal(ends["first"])
    months = ends.assign(month=month).loc[ends.index.repeat(ordinal(ends["last"]) - month + 1)]
    months["month_date"] = _month_date(months["month"] + months.groupby(level=0).cumcount())
    months["day"] = (months["month_date"] + pd.offsets.MonthEnd(0)).clip(upper=months["last"])
    return months[[*_MONTH, "day"]].reset_index(drop=True)


def _by_month(spells: DataFrame) -> DataFrame:
    """Each listing once for each month in which it was on the market, with the last day of which the county's listings tell."""
    month = ordinal(spells["list_date"])
    count = (ordinal(spells["off_date"] - timedelta(days=1)) - month + 1).clip(lower=0)
    rows = spells.assign(month=month).loc[spells.index.repeat(count)]
    rows["month_date"] = _month_date(rows["month"] + rows.groupby(level=0).cumcount())
    return rows.merge(_months(spells), on=_MONTH).query("list_date <= day").drop(columns="month")


def ordinal(days: Series) -> Series:
    """Months since January 1970."""
    return (days.dt.year - 1970) * 12 + days.dt.month - 1


def _month_date(ordinal: Series) -> Series:
    """First day of each month, counted from January 1970."""
    return ordinal.astype("int64").astype("datetime64[M]").astype("datetime64[ns]")
