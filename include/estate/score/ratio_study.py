"""Ratio study: level, spread and vertical equity of estimates against sale prices (IAAO Standard on Ratio Studies).

Throughout, ratio = estimate / price. Every function takes two arrays of equal length, estimate and price in dollars, all
positive and finite; ValueError otherwise, or where there are fewer pairs than the statistic needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, rankdata

Floats = NDArray[np.float64]

TRIM_IQR = 3.0  # the standard's bound for extreme ratios
VEI_GROUPS = ((501, 10), (51, 4), (20, 2))  # at least so many sales: so many groups (edition of October 2026)
_SAME = 1e-12  # a spread below this is rounding
CONFIDENCE = 0.90  # of every interval: the level at which the standard tests compliance


@dataclass(frozen=True, slots=True)
class Study:
    """The statistics of one set of sales; `vei` is None below 20 sales."""

    sale_count: int
    median_ratio: float
    cod: float
    prd: float
    prb: float
    mki: float
    vei: float | None


def study(estimate_usd: ArrayLike, price_usd: ArrayLike) -> Study:
    """All statistics at once, untrimmed."""
    estimate, price = checked_pairs(estimate_usd, price_usd, 3)
    return Study(
        sale_count=len(price),
        median_ratio=median_ratio(estimate, price),
        cod=cod(estimate, price),
        prd=prd(estimate, price),
        prb=prb(estimate, price),
        mki=mki(estimate, price),
        vei=vei(estimate, price) if len(price) >= VEI_GROUPS[-1][0] else None,
    )


def median_ratio(estimate_usd: ArrayLike, price_usd: ArrayLike) -> float:
    """Level: the median ratio; good within 0.90-1.10."""
    estimate, price = checked_pairs(estimate_usd, price_usd, 1)
    return float(np.median(estimate / price))


def cod(estimate_usd: ArrayLike, price_usd: ArrayLike) -> float:
    """Coefficient of dispersion in percent: mean absolute deviation from the median ratio, over that median.

    >>> round(cod([0.8, 1.0, 1.2], [1, 1, 1]), 2)
    13.33
    """
    estimate, price = checked_pairs(estimate_usd, price_usd, 2)
    ratio = estimate / price
    middle = np.median(ratio)
    return float(100 * np.abs(ratio - middle).mean() / middle)


def prd(estimate_usd: ArrayLike, price_usd: ArrayLike) -> float:
    """Price-related differential: mean ratio over price-weighted ratio; good within 0.98-1.03, above 1 favours the dear."""
    estimate, price = checked_pairs(estimate_usd, price_usd, 2)
    return float((estimate / price).mean() / (estimate.sum() / price.sum()))


def proxy(estimate_usd: ArrayLike, price_usd: ArrayLike) -> Floats:
    """Market value proxy in dollars: half the price, half the estimate at the common level.

    Neither alone will do: an error of the price is in the ratio as well, and would look like inequity.
    """
    estimate, price = checked_pairs(estimate_usd, price_usd, 1)
    return np.asarray(0.5 * price + 0.5 * estimate / np.median(estimate / price))


def prb(estimate_usd: ArrayLike, price_usd: ArrayLike) -> float:
    """Price-related bias: relative change of the ratio when value doubles; good within 0.05 of zero, negative is regressive.

    The slope (not the intercept) of (ratio - median) / median on log2 of the proxy.
    """
    estimate, price = checked_pairs(estimate_usd, price_usd, 3)
    ratio = estimate / price
    middle = np.median(ratio)
    x = np.log2(proxy(estimate, price))
    x = x - x.mean()
    if not np.ptp(x) > _SAME:
        raise ValueError("price-related bias needs sales of different value")
    return float((x * (ratio - middle) / middle).sum() / (x**2).sum())


def mki(estimate_usd: ArrayLike, price_usd: ArrayLike) -> float:
    """Modified Kakwani index (Quintos): Gini of estimates ordered by price over Gini of prices; below 1 is regressive.

    Sales of one price share the mean of their ranks, so that the order of the rows decides nothing.
    """
    estimate, price = checked_pairs(estimate_usd, price_usd, 2)
    rank = rankdata(price)
    spread = _gini(rank, price)
    if not spread > _SAME:
        raise ValueError("the modified Kakwani index needs different prices")
    return _gini(rank, estimate) / spread


def vei(estimate_usd: ArrayLike, price_usd: ArrayLike) -> float:
    """Vertical equity indicator in percent: median ratio of the top group less that of the bottom, over the overall median.

    Groups of equal size by the proxy: 2 for 20-50 sales, 4 for 51-500, 10 from 501. Good within 10; negative is regressive.
    """
    low, high, middle = _ends(estimate_usd, price_usd)
    return float(100 * (np.median(high) - np.median(low)) / middle)


def vei_interval(estimate_usd: ArrayLike, price_usd: ArrayLike) -> tuple[float, float]:
    """The 90 % confidence interval of the VEI in percent, from low to high; needs 20 sales.

    Each median has its distribution-free binomial interval; that of their difference follows by the method of variance
    estimates recovery (Zou and Donner 2008), which keeps the skew of both.
    """
    low, high, middle = _ends(estimate_usd, price_usd)
    (low_from, low_to), (high_from, high_to) = _order_interval(low), _order_interval(high)
    bottom, top = np.median(low), np.median(high)
    least = top - bottom - np.hypot(top - high_from, low_to - bottom)
    most = top - bottom + np.hypot(high_to - top, bottom - low_from)
    return float(100 * least / middle), float(100 * most / middle)


def is_vertically_equitable(estimate_usd: ArrayLike, price_usd: ArrayLike, bound_pct: float = 10.0) -> bool:
    """False only where the whole 90 % confidence interval of the VEI lies outside the bound."""
    low, high = vei_interval(estimate_usd, price_usd)
    return low <= bound_pct and high >= -bound_pct


def median_interval(estimate_usd: ArrayLike, price_usd: ArrayLike) -> tuple[float, float]:
    """The 90 % confidence interval of the median ratio; needs 5 sales.

    Distribution-free, between two order statistics whose ranks are the quantiles of the binomial distribution with
    probability one half (IAAO Standard on Ratio Studies, confidence interval of the median). The interval from the least
    to the greatest of 5 ratios holds the median with 93.75 %; of 4, with less than 90 %.
    """
    estimate, price = checked_pairs(estimate_usd, price_usd, 5)
    return _order_interval(estimate / price)


def checked_pairs(estimate_usd: ArrayLike, price_usd: ArrayLike, least: int) -> tuple[Floats, Floats]:
    """Both as float arrays. Raises ValueError where they are no pairs, fewer than `least`, or not positive and finite."""
    estimate, price = np.asarray(estimate_usd, dtype=float), np.asarray(price_usd, dtype=float)
    if estimate.shape != price.shape or estimate.ndim != 1:
        raise ValueError("estimates and prices come in pairs")
    if len(price) < least:
        raise ValueError(f"{len(price)} sales are too few; {least} are needed")
    if not (np.isfinite(estimate).all() and np.isfinite(price).all() and (estimate > 0).all() and (price > 0).all()):
        raise ValueError("estimates and prices are positive and known")
    return estimate, price


def trim(estimate_usd: ArrayLike, price_usd: ArrayLike) -> tuple[NDArray[np.bool_], int]:
    """Which pairs lie within 3 interquartile ranges of the quartiles of the ratio, and how many do not."""
    estimate, price = checked_pairs(estimate_usd, price_usd, 4)
    ratio = estimate / price
    first, third = np.percentile(ratio, [25, 75])
    reach = TRIM_IQR * (third - first)
    kept = np.asarray((ratio >= first - reach) & (ratio <= third + reach))
    return kept, int((~kept).sum())


def _gini(rank: Floats, amount: Floats) -> float:
    """Gini coefficient of amounts of the ranks given."""
    count = len(amount)
    return float(2 * (rank * amount).sum() / (count * amount.sum()) - (count + 1) / count)


def _ends(estimate_usd: ArrayLike, price_usd: ArrayLike) -> tuple[Floats, Floats, float]:
    """Ratios of the bottom and the top group by the proxy, and the overall median."""
    estimate, price = checked_pairs(estimate_usd, price_usd, VEI_GROUPS[-1][0])
    groups = next(count for least, count in VEI_GROUPS if len(price) >= least)
    ratio = estimate / price
    parts = np.array_split(ratio[np.argsort(proxy(estimate, price), kind="stable")], groups)
    return parts[0], parts[-1], float(np.median(ratio))


def _order_interval(ratio: Floats) -> tuple[float, float]:
    """The two order statistics that bound the median; least and greatest where there are few ratios."""
    ordered = np.sort(ratio)
    rank = int(binom.ppf((1 - CONFIDENCE) / 2, len(ordered), 0.5))
    rank = max(rank - 1, 0)
    return float(ordered[rank]), float(ordered[-1 - rank])
