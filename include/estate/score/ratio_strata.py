"""The ratio study of a model: every statistic with its 90 % interval, overall and by stratum.

Statistics of the ratio (level, COD, PRD, PRB, MKI, VEI) leave out ratios beyond 3 interquartile ranges of the quartiles of
the whole study, and say how many (IAAO Standard on Ratio Studies, outlier trimming); below 20 sales none is left out. Errors
and coverage leave out nothing: a model does not choose which of its errors count. Sales that the model refused to value are
counted and enter no statistic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from estate.score import ratio_interval as ri
from estate.score import ratio_study as rs

STRATUM_KINDS = ("all", "price_tenth", "market_area", "age", "property_type", "month")
# Of 5 ratios the least and the greatest bound the median with 90 % confidence; of 4 nothing does.
LEAST_SALES = 5
# What the standard asks for the VEI, asked here of every statistic of vertical equity: a slope through fewer points is noise.
LEAST_SALES_EQUITY = rs.VEI_GROUPS[-1][0]
UNKNOWN = "unknown"
AGE_BANDS = ((0, "00 to 09 years"), (10, "10 to 29 years"), (30, "30 to 59 years"), (60, "60 years and more"))
TENTHS = 10
LEVEL_DIFFERENCE = 0.05  # of a stratum from the overall level, by the standard

_LEVEL = ("median_ratio", "cod")
_EQUITY = ("prd", "prb", "mki", "vei")
STATISTICS = tuple(f"{name}{end}" for name in (*_LEVEL, *_EQUITY) for end in ("", "_low", "_high"))
COLUMNS = (
    "stratum_kind", "stratum", "sale_count", "refused_count", "trimmed_count", "refused_rate", "trimmed_rate", *STATISTICS,
    "level_difference_rate", "level_difference_low_rate", "level_difference_high_rate",
    "mape_pct", "mdape_pct", "rmse_usd", "coverage_80_rate", "coverage_95_rate", "median_interval_width_rate",
)  # fmt: skip


def strata(valued: pd.DataFrame) -> pd.DataFrame:
    """The study of `valued`: one row per stratum, columns as in contract score.ratio_study without tenant and model.

    `valued` has one row per sale: sale_id, sale_date, sale_price_usd, estimated_value_usd (null where refused),
    value_low_usd and value_high_usd (80 %), value_low_95_usd and value_high_95_usd, market_area, property_type, year_built.
    The order of its rows decides nothing. Strata come by kind and then by name; the first row is the whole study, and is
    there even when there are no sales. Level, COD, errors and coverage are null below 5 sales, PRD, PRB, MKI and VEI
    below 20 and within a tenth of the price, where there is no range of values to compare; PRB and MKI also where every sale
    has one price. `level_difference_*` compares a stratum's median ratio
    with the overall one and is good within 0.05.

    Raises ValueError where a price or an estimate is not positive.
    """
    sales = studied(valued)
    overall = _row("all", "all", sales)
    rows = [overall]
    for kind in STRATUM_KINDS[1:]:
        rows += [_row(kind, str(name), part) for name, part in sales.groupby(kind, sort=True)]
    study = pd.DataFrame(rows)
    level = overall.get("median_ratio", np.nan)
    for end in ("", "_low", "_high"):
        study[f"level_difference{end}_rate"] = study.get(f"median_ratio{end}", np.nan) / level - 1
    study = study.reindex(columns=COLUMNS)
    numbers = [name for name in COLUMNS if name not in {"stratum_kind", "stratum", "sale_count", "refused_count", "trimmed_count"}]
    return study.astype(dict.fromkeys(numbers, float) | dict.fromkeys(["sale_count", "refused_count", "trimmed_count"], int))


def studied(valued: pd.DataFrame) -> pd.DataFrame:
    """`valued` with what a study needs to know of each sale: is_valued, is_trimmed, ratio, proxy_usd and a column per kind of stratum.

    Sales are put in order of sale_id. proxy_usd is half the price and half the estimate at the common level; tenths are of
    that proxy and not of the price: a price that is high by accident makes the ratio low, so that tenths of the price show
    regressivity where there is none, and tenths of the estimate hide it. A refused sale has no estimate and is counted in
    the tenth in which its price lies.
    """
    sales = valued.assign(_key=valued["sale_id"].astype(str)).sort_values("_key", kind="stable", ignore_index=True).drop(columns="_key")
    price, estimate = sales["sale_price_usd"].astype(float), sales["estimated_value_usd"].astype(float)
    if not (price > 0).all() or not (estimate.dropna() > 0).all() or not np.isfinite(np.r_[price, estimate.dropna()]).all():
        raise ValueError("prices and estimates of a ratio study are positive and finite; an unknown estimate is a refusal")
    is_valued = estimate.notna()
    sales["is_valued"], sales["ratio"] = is_valued, estimate / price
    sales["is_trimmed"] = False
    sales["proxy_usd"] = price  # of a refused sale; those valued get theirs below
    if is_valued.any():
        sales.loc[is_valued, "proxy_usd"] = rs.proxy(estimate[is_valued], price[is_valued])
    if is_valued.sum() >= LEAST_SALES_EQUITY:  # the quartiles of fewer are too unsure to call a ratio extreme
        kept, _ = rs.trim(estimate[is_valued], price[is_valued])
        sales.loc[is_valued, "is_trimmed"] = ~kept
    sales["price_tenth"] = _tenth(sales)
    sales["market_area"] = sales["market_area"].fillna(UNKNOWN).astype(str)
    sales["property_type"] = sales["property_type"].fillna(UNKNOWN).astype(str)
    sold_on = pd.to_datetime(sales["sale_date"])
    sales["month"] = sold_on.dt.strftime("%Y-%m").fillna(UNKNOWN)
    sales["age"] = _age(sold_on.dt.year - pd.to_numeric(sales["year_built"]).astype(float))
    return sales


def _tenth(sales: pd.DataFrame) -> pd.Series:
    """Which tenth of the sales by value, "01" (lowest) to "10"; tenths differ by one sale at most."""
    proxy = np.sort(sales.loc[sales["is_valued"], "proxy_usd"].to_numpy(dtype=float))
    if not len(proxy):
        return pd.Series(UNKNOWN, index=sales.index)
    # Ties are parted by sale_id, in whose order the sales are: by chance, but always alike.
    place = sales.loc[sales["is_valued"], "proxy_usd"].rank(method="first") - 1
    place = place.reindex(sales.index)
    place = place.fillna(pd.Series(np.searchsorted(proxy, sales["proxy_usd"]), index=sales.index).clip(upper=len(proxy) - 1))
    return (place * TENTHS // len(proxy) + 1).astype(int).map("{:02d}".format)


def _age(age_years: pd.Series) -> pd.Series:
    # A house sold before it was finished is new.
    known = age_years.clip(lower=0)
    edges = [start for start, _ in AGE_BANDS] + [np.inf]
    band = pd.cut(known, edges, right=False, labels=[label for _, label in AGE_BANDS])
    return band.astype(object).where(known.notna(), UNKNOWN)


def _row(kind: str, name: str, part: pd.DataFrame) -> dict[str, Any]:
    valued = part[part["is_valued"]]
    kept = valued[~valued["is_trimmed"]]
    count = len(valued)
    row: dict[str, Any] = {
        "stratum_kind": kind, "stratum": name, "sale_count": count, "refused_count": len(part) - count,
        "trimmed_count": count - len(kept), "refused_rate": 1 - count / len(part) if len(part) else np.nan,
        "trimmed_rate": 1 - len(kept) / count if count else np.nan,
    }  # fmt: skip
    if count >= LEAST_SALES:
        row |= _errors(valued)
    if len(kept) >= LEAST_SALES:
        row |= _ratios(kept["estimated_value_usd"].to_numpy(float), kept["sale_price_usd"].to_numpy(float), kind != "price_tenth")
    return row


def _errors(valued: pd.DataFrame) -> dict[str, float]:
    price, estimate = valued["sale_price_usd"].astype(float), valued["estimated_value_usd"].astype(float)
    error_pct = 100 * (estimate / price - 1).abs()
    return {
        "mape_pct": float(error_pct.mean()),
        "mdape_pct": float(error_pct.median()),
        "rmse_usd": float(np.sqrt(((estimate - price) ** 2).mean())),
        "coverage_80_rate": coverage(valued, "value_low_usd", "value_high_usd"),
        "coverage_95_rate": coverage(valued, "value_low_95_usd", "value_high_95_usd"),
        "median_interval_width_rate": float(((valued["value_high_usd"] - valued["value_low_usd"]).astype(float) / estimate).median()),
    }


def coverage(valued: pd.DataFrame, low: str, high: str) -> float:
    """The share of valued sales whose price lies within [low, high]; an estimate without an interval does not hold its price."""
    price = valued["sale_price_usd"].astype(float)
    return float(((price >= valued[low].astype(float)) & (price <= valued[high].astype(float))).mean())


def _ratios(estimate: rs.Floats, price: rs.Floats, has_range: bool) -> dict[str, float]:
    low, high = rs.median_interval(estimate, price)
    found = {"median_ratio": rs.median_ratio(estimate, price), "median_ratio_low": low, "median_ratio_high": high}
    found["cod"] = rs.cod(estimate, price)
    drawn = ri.resampled(estimate, price)
    found |= _named("cod", drawn.cod)
    if not has_range or len(price) < LEAST_SALES_EQUITY:
        return found
    found |= {"prd": rs.prd(estimate, price), **_named("prd", drawn.prd)}
    found |= {"vei": rs.vei(estimate, price), **_named("vei", rs.vei_interval(estimate, price))}
    found |= _where_it_is("prb", rs.prb, estimate, price, lambda: ri.prb_interval(estimate, price))
    return found | _where_it_is("mki", rs.mki, estimate, price, lambda: drawn.mki)


def _where_it_is(
    name: str,
    statistic: Callable[[rs.Floats, rs.Floats], float],
    estimate: rs.Floats,
    price: rs.Floats,
    interval: Callable[[], ri.Interval],
) -> dict[str, float]:
    """A statistic that needs sales of different value, or nothing where there are none."""
    try:
        return {name: statistic(estimate, price), **_named(name, interval())}
    except ValueError:
        return {}


def _named(name: str, interval: ri.Interval) -> dict[str, float]:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}
