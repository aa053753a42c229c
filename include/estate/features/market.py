"""The twelve features of a county's market by month, from own sales, own listings and public series.

Own records tell of themselves only. A public series tells of its area, which is the county where its publisher reports counties and
else the metropolitan area to which the county belongs; the nation never stands for a county. `PREFERENCE` says who is asked first.

A month is told as of its last day, or as of the last day that its source tells of. A source of sales tells of the days from its first
sale to its last, listings of the days from the first listing to the last file that was read; outside these days nothing is known, which
is not the same as nothing sold.

Sources speak at different times: the newest month of a weekly series is not yet told of by a monthly one. In a month of which the origin
of a value says nothing, its last value stands on, at most SERVED_MONTHS after the month it is of, unless another origin tells the
feature. A month is as old as the oldest value in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame, Series

from estate.contracts.features import MARKET_FEATURES
from estate.features.listings import as_days, believed, from_listings, ordinal
from estate.ingest.declaration import MarketSeries

Days = NDArray[np.datetime64]
Spans = list[tuple[np.datetime64, np.datetime64]]

FEATURES = tuple(column.name for column in MARKET_FEATURES)
MONTHS_MOST = 120  # before the newest own sale or listing
SERVED_MONTHS = 3  # that a value stands for a month of which its origin does not yet tell
SALES, LISTINGS = "own_sales", "own_listings"


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is asked for a feature, in order, and how a series answers.

    `how` is ``level`` (the value of the period), ``growth`` (against the period a year before) or ``flow_30d`` (weekly counts, as of
    30 days). `is_of_one_origin`: a county has it from one origin in all months, since counts of a county, a metropolitan area and
    the tenant's own records do not compare.
    """

    origins: tuple[str, ...]
    how: Literal["", "level", "growth", "flow_30d"] = ""
    is_of_one_origin: bool = False


# Nearest area first, then the series that is told more often; own prices of all sales last, since what is sold changes from month to month
# and a median follows it. Supply is first taken from who counts the whole market: own listings are a part of it.
PREFERENCE: dict[str, Choice] = {
    "median_list_price_usd": Choice((LISTINGS,)),
    "median_price_per_sqft_usd": Choice((LISTINGS,)),
    "median_days_on_market": Choice((LISTINGS,)),
    "active_inventory_count": Choice(("zillow_inventory_metro", LISTINGS), "level", is_of_one_origin=True),
    "new_listing_30d_count": Choice(("zillow_new_listings_metro", LISTINGS), "flow_30d", is_of_one_origin=True),
    "sold_30d_count": Choice((SALES,)),
    "price_cut_rate": Choice((LISTINGS,)),
    "median_rent_usd": Choice(("zillow_zori_metro", "synthetic_rent_ames"), "level"),
    "vacancy_rate": Choice(()),
    "median_cap_rate": Choice(()),
    "price_growth_yoy_rate": Choice(("zillow_zhvi_county", "zillow_zhvi_metro", "fhfa_hpi_metro", "case_shiller_cities", SALES), "growth"),
    "rent_growth_yoy_rate": Choice(("zillow_zori_metro", "synthetic_rent_ames"), "growth"),
}

WINDOW_DAYS = 30
_PRICE_WINDOW = np.timedelta64(90, "D")
_PRICES_LEAST = 30  # sales in each of two windows, below which a median is one house's price
_WEEKS = 4
_PERIODS_SERVED = {"week": 1, "month": 1, "quarter": 3}  # a quarter's value is the newest there is until the next

_NS = "datetime64[ns]"
_TOLD = ["county_fips", "month_date", "feature", "origin", "value", "day"]


def features(sales: DataFrame, listings: DataFrame, areas: DataFrame, values: DataFrame, series: Mapping[str, MarketSeries]) -> DataFrame:
    """One row a county and month that any source tells of: county_fips, month_date, the features (NaN unknown), origins, observed_at.

    `sales` and `listings` as queries features_market_sales and features_market_listings give them, `areas` as `areas_of`, `values` as
    series_values, `series` the layouts by source. Months run from the first own sale or listing, at most MONTHS_MOST before the
    newest one, to the last month that any source tells of. `origins` names who said a value, also where it stands on from a month
    before; `observed_at` is the end of the oldest day for which one of the row's values stands. Order of rows: county, month. The order
    of the inputs' rows changes nothing.
    """
    listings = believed(listings)
    parts = [from_sales(sales), from_listings(listings, sales), from_series(areas, values, series)]
    parts = [part for part in parts if len(part)]
    if not parts:
        return DataFrame(columns=["county_fips", "month_date", *FEATURES, "origins", "observed_at"])
    told = _carried(pd.concat(parts, ignore_index=True))
    first_date = told["county_fips"].map(windows(sales, listings)["first_date"])
    return _laid_out(_chosen(told[told["month_date"] >= first_date]))


def windows(sales: DataFrame, listings: DataFrame) -> DataFrame:
    """By county, the first month that could be told of, `opens_date`, and that of the first own sale or listing in it, `first_date`.

    A window holds MONTHS_MOST up to the newest own record. What was published of the months before it is no longer decided about.
    """
    listings = believed(listings)
    month = month_of(pd.concat([as_days(sales["sale_date"]), as_days(listings["list_date"])], ignore_index=True))
    county = pd.concat([sales["county_fips"].astype(object), listings["county_fips"].astype(object)], ignore_index=True)
    ends = month.groupby(county).agg(["min", "max"])
    opens_date = ends["max"] - pd.DateOffset(months=MONTHS_MOST - 1)
    return DataFrame({"opens_date": opens_date, "first_date": ends["min"].clip(lower=opens_date)}).rename_axis("county_fips")


def areas_of(counties: Series, areas: DataFrame) -> DataFrame:
    """The areas that tell of each county: county_fips, source_name, area_code.

    `areas` as query series_areas gives them. A county is itself, and belongs to the metropolitan area that a series of counties names;
    what matches no area has none.
    """
    wanted = Series(sorted(counties.dropna().unique()), name="county_fips", dtype=object)
    own = areas[areas["area_kind"] == "county"].merge(wanted, on="county_fips")
    # Two series of counties that name different metropolitan areas leave the county without one.
    named = own.dropna(subset=["metro_code"]).groupby("county_fips")["metro_code"].agg(["nunique", "first"])
    metro = named.loc[named["nunique"] == 1, "first"].rename("metro_code").reset_index()
    of_metro = areas[areas["area_kind"] == "metro"].drop(columns="county_fips").dropna(subset=["metro_code"]).merge(metro, on="metro_code")
    columns = ["county_fips", "source_name", "area_code"]
    return pd.concat([own[columns], of_metro[columns]]).sort_values(columns, ignore_index=True)


def month_of(days: Series) -> Series:
    """The first day of each day's month."""
    return days.dt.to_period("M").dt.start_time


def from_sales(sales: DataFrame) -> DataFrame:
    """What own sales tell: how many, and how their median price moved over a year; one row a county, month and feature."""
    known = sales.dropna(subset=["county_fips", "sale_date"])
    known = known.assign(sale_date=as_days(known["sale_date"]))
    told = [_of_county(str(county), group) for county, group in known.groupby("county_fips", sort=True)]
    return pd.concat(told, ignore_index=True) if told else DataFrame(columns=_TOLD)


def _of_county(county: str, sales: DataFrame) -> DataFrame:
    ends = sales.groupby("source_name")["sale_date"].agg(["min", "max"])
    spans = list(zip(ends["min"].to_numpy(dtype=_NS), ends["max"].to_numpy(dtype=_NS), strict=True))
    month = pd.date_range(month_of(ends["min"]).min(), ends["max"].max(), freq="MS")
    day = _last_told(month, spans)
    valid = sales[sales["is_arms_length"].astype(bool)].sort_values("sale_date")
    sold = valid["sale_date"].to_numpy(dtype=_NS)
    window = np.timedelta64(WINDOW_DAYS, "D")
    count = np.searchsorted(sold, day, side="right") - np.searchsorted(sold, day - window, side="right")
    count = np.where(_covered(day - window, day, spans), count.astype(float), np.nan)
    priced = valid[valid["sale_price_usd"] > 0]
    before = (pd.DatetimeIndex(day) - pd.DateOffset(years=1)).to_numpy(dtype=_NS)
    growth = _median_price(priced, day) / _median_price(priced, before) - 1
    growth = np.where(_covered((before - _PRICE_WINDOW).astype(_NS), day, spans), growth, np.nan)
    parts = (("sold_30d_count", count), ("price_growth_yoy_rate", growth))
    frames = [DataFrame({"month_date": month, "feature": name, "value": value, "day": day}) for name, value in parts]
    return pd.concat(frames).assign(county_fips=county, origin=SALES).dropna(subset=["value"])[_TOLD]


def _last_told(month: pd.DatetimeIndex, spans: Spans) -> Days:
    """The last day of each month of which a source of sales tells; the month's end where none does, which nothing then covers."""
    first, end = month.to_numpy(dtype=_NS), (month + pd.offsets.MonthEnd(0)).to_numpy(dtype=_NS)
    last = np.full(len(month), np.datetime64("NaT", "ns"))
    for start, stop in spans:
        reached = np.where((first <= stop) & (end >= start), np.minimum(end, stop), np.datetime64("NaT", "ns"))
        last = np.fmax(last, reached)
    return np.where(np.isnat(last), end, last)


def _covered(after: Days, day: Days, spans: Spans) -> NDArray[np.bool_]:
    """Whether one source tells of every day later than `after`, up to `day`."""
    covered = np.zeros(len(day), dtype=bool)
    for start, stop in spans:
        covered |= (start <= after + np.timedelta64(1, "D")) & (day <= stop)
    return covered


def _median_price(priced: DataFrame, day: Days) -> NDArray[np.float64]:
    """Median price of the sales of 90 days up to each day; NaN where they are too few to say."""
    sold, price = priced["sale_date"].to_numpy(dtype=_NS), priced["sale_price_usd"].to_numpy(dtype=float)
    start, stop = np.searchsorted(sold, day - _PRICE_WINDOW, side="right"), np.searchsorted(sold, day, side="right")
    return np.array([np.median(price[a:b]) if b - a >= _PRICES_LEAST else np.nan for a, b in zip(start, stop, strict=True)])


def from_series(areas: DataFrame, values: DataFrame, series: Mapping[str, MarketSeries]) -> DataFrame:
    """What public series tell of each county by month; one row a county, month, feature and series."""
    told = []
    for feature, choice in PREFERENCE.items():
        for name in choice.origins:
            if name in {SALES, LISTINGS}:
                continue
            answered = _answered(values[values["source_name"] == name], choice.how, series[name])
            if len(answered):
                told.append(areas[areas["source_name"] == name].merge(answered, on="area_code").assign(feature=feature, origin=name))
    return pd.concat(told, ignore_index=True)[_TOLD] if told else DataFrame(columns=_TOLD)


def _answered(values: DataFrame, how: str, layout: MarketSeries) -> DataFrame:
    """One series by area and month: area_code, month_date, value, day."""
    found = values.assign(day=as_days(values["period_date"]))[["area_code", "day", "value"]].sort_values(["area_code", "day"])
    if how == "growth":
        before = found.assign(day=found["day"] + pd.DateOffset(years=1) + pd.offsets.MonthEnd(0))
        found = found.merge(before, on=["area_code", "day"], suffixes=("", "_before"))
        found["value"] = found["value"] / found["value_before"] - 1
    elif how == "flow_30d":
        areas = found.groupby("area_code")
        is_whole = found["day"] - areas["day"].shift(_WEEKS - 1) == timedelta(weeks=_WEEKS - 1)
        summed = areas["value"].rolling(_WEEKS).sum().reset_index(level=0, drop=True)
        found = found.assign(value=summed * WINDOW_DAYS / (7 * _WEEKS))[is_whole]
    found = found.assign(month_date=month_of(found["day"]))
    if layout.frequency == "week":
        # A month is told by its last week: what an earlier one says of the month is not yet all.
        found = found[found["day"] > found["month_date"] + pd.offsets.MonthEnd(0) - timedelta(weeks=1)]
    served = _PERIODS_SERVED[layout.frequency]
    later = [found.assign(month_date=found["month_date"] + pd.DateOffset(months=ahead)) for ahead in range(served)]
    return pd.concat(later, ignore_index=True)[["area_code", "month_date", "value", "day"]].dropna(subset=["value"])


def _carried(told: DataFrame) -> DataFrame:
    """`told`, and what stands on in the months that somebody else tells of; `lag` is the months since the value was new, 0 if told."""
    speaker = ["county_fips", "origin"]
    spoken = told[[*speaker, "month_date"]].drop_duplicates().sort_values([*speaker, "month_date"])
    spoken["again_date"] = spoken.groupby(speaker)["month_date"].shift(-1)
    rows = told.merge(spoken, on=[*speaker, "month_date"])
    later = pd.concat([rows.assign(month_date=rows["month_date"] + pd.DateOffset(months=n)) for n in range(1, SERVED_MONTHS + 1)])
    later["lag"] = ordinal(later["month_date"]) - ordinal(later["day"])
    is_silent = later["again_date"].isna() | (later["month_date"] < later["again_date"])
    later = later[is_silent & (later["lag"] <= SERVED_MONTHS)].drop(columns="again_date")
    later = later.merge(told[["county_fips", "month_date"]].drop_duplicates(), on=["county_fips", "month_date"])
    return pd.concat([told.assign(lag=0), later], ignore_index=True)


def _chosen(told: DataFrame) -> DataFrame:
    """For each county, month and feature what the first of its origins tells, else what stands on from the latest month."""
    ranks = {(name, origin): rank for name, choice in PREFERENCE.items() for rank, origin in enumerate(choice.origins)}
    rank = Series([ranks[pair] for pair in zip(told["feature"], told["origin"], strict=True)], index=told.index, dtype="int64")
    told = told.assign(rank=rank)
    of_one = told["feature"].isin([name for name, choice in PREFERENCE.items() if choice.is_of_one_origin])
    county = [told["county_fips"], told["feature"]]
    # Who only stands on from before the window is asked last.
    best = rank.where(told["lag"] == 0).groupby(county).transform("min").fillna(rank.groupby(county).transform("min"))
    told = told[~of_one | (rank == best)]
    return told.sort_values(["county_fips", "month_date", "feature", "lag", "rank"]).drop_duplicates(
        ["county_fips", "month_date", "feature"]
    )


def _laid_out(told: DataFrame) -> DataFrame:
    """A row a county and month, a column a feature."""
    key = ["county_fips", "month_date"]
    wide = told.pivot(index=key, columns="feature", values="value").reindex(columns=list(FEATURES)).astype(float)
    origins = told.pivot(index=key, columns="feature", values="origin").reindex(columns=list(FEATURES)).astype(object)
    oldest = told.groupby(key)["day"].min()
    wide["origins"] = Series(origins.where(origins.notna(), "").to_numpy(dtype=object).tolist(), index=wide.index, dtype=object)
    wide["observed_at"] = (oldest + timedelta(days=1)).dt.tz_localize("UTC")
    return wide.rename_axis(columns=None).reset_index()
