"""How sure a ratio study is: the 90 % confidence interval of each of its statistics.

Sources. Median ratio: order statistics by the binomial distribution (IAAO Standard on Ratio Studies). COD, PRD and MKI: the
percentile bootstrap, which the standard and the public practice of the Cook County Assessor use because these statistics
have no simple distribution (Efron and Tibshirani 1993, chapter 13). PRB: the confidence interval of a regression slope.
VEI: see `ratio_study.vei_interval`.

A statistic fails a bound only where its whole interval lies beyond it: otherwise a small market fails by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import linregress, t

from estate.score import ratio_study as rs

Floats = NDArray[np.float64]
Interval = tuple[float, float]

RESAMPLES = 1_000  # the ends of a 90 % interval then rest on 50 resamples each
SEED = 20_260_101
_CELLS = 4_000_000  # resamples times sales held in memory at once, about 100 MB


@dataclass(frozen=True, slots=True)
class Resampled:
    """Intervals by the bootstrap, each from low to high."""

    cod: Interval
    prd: Interval
    mki: Interval


def prb_interval(estimate_usd: ArrayLike, price_usd: ArrayLike) -> Interval:
    """The 90 % confidence interval of the PRB: its regression slope, Student's t with two degrees of freedom fewer than sales."""
    estimate, price = rs.checked_pairs(estimate_usd, price_usd, 3)
    ratio = estimate / price
    middle = np.median(ratio)
    slope = rs.prb(estimate, price)  # raises where all sales are of one value
    fitted = linregress(np.log2(rs.proxy(estimate, price)), (ratio - middle) / middle)
    reach = float(t.ppf((1 + rs.CONFIDENCE) / 2, len(price) - 2) * fitted.stderr)
    return slope - reach, slope + reach


def resampled(estimate_usd: ArrayLike, price_usd: ArrayLike, seed: int = SEED, resamples: int = RESAMPLES) -> Resampled:
    """The 90 % percentile bootstrap intervals of COD, PRD and MKI; needs 5 sales. That of the MKI is NaN where all prices are one.

    Whole sales are drawn with replacement. The same pairs give the same numbers in whatever order they come: they are put
    in order of ratio first. All resamples are computed at once, as a matrix of how often each sale was drawn.
    """
    estimate, price = rs.checked_pairs(estimate_usd, price_usd, 5)
    order = np.lexsort((price, estimate / price))
    estimate, price = estimate[order], price[order]
    chance = np.random.default_rng(seed)
    block = max(1, min(resamples, _CELLS // len(price)))
    drawn = [_statistics(_counts(chance, min(block, resamples - done), len(price)), estimate, price) for done in range(0, resamples, block)]
    tail = 100 * (1 - rs.CONFIDENCE) / 2
    cod, prd, mki = (_ends(row[np.isfinite(row)], tail) for row in np.hstack(drawn))  # one single price has no Kakwani index
    return Resampled(cod, prd, mki)


def _ends(drawn: Floats, tail_pct: float) -> Interval:
    if not len(drawn):
        return np.nan, np.nan
    low, high = np.percentile(drawn, [tail_pct, 100 - tail_pct])
    return float(low), float(high)


def _counts(chance: np.random.Generator, resamples: int, sales: int) -> Floats:
    """How often each sale was drawn: resamples x sales."""
    drawn = chance.integers(0, sales, (resamples, sales), dtype=np.int64) + sales * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * sales).reshape(resamples, sales).astype(float)


def _statistics(count: Floats, estimate: Floats, price: Floats) -> Floats:
    """COD, PRD and MKI of every resample, 3 x resamples; pairs in order of their ratio."""
    ratio, sales = estimate / price, len(price)
    reached = count.cumsum(axis=1)
    # The median of a resample: of its two middle ratios, which are one where the number of sales is odd.
    lower = (reached < (sales + 1) // 2).sum(axis=1)
    upper = (reached < sales // 2 + 1).sum(axis=1)
    middle = (ratio[lower] + ratio[upper]) / 2
    # Mean absolute deviation without a matrix of deviations: what lies below the middle counts negative.
    below = np.arange(sales) <= lower[:, None]
    sum_below = (count * below) @ ratio
    count_below = reached[np.arange(len(count)), lower]
    sum_all = count @ ratio
    deviation = sum_all - 2 * sum_below - middle * (sales - 2 * count_below)
    cod = 100 * deviation / sales / middle
    prd = (sum_all / sales) / ((count @ estimate) / (count @ price))
    return np.vstack([cod, prd, _mki(count, estimate, price)])


def _mki(count: Floats, estimate: Floats, price: Floats) -> Floats:
    by_price = np.argsort(price, kind="stable")
    count, estimate, price = count[:, by_price], estimate[by_price], price[by_price]
    starts = np.flatnonzero(np.r_[True, np.diff(price) > 0])
    of_one_price = np.add.reduceat(count, starts, axis=1)
    # Sales of one price share the mean of their ranks, as in ratio_study.mki.
    mean_rank = np.cumsum(of_one_price, axis=1) - of_one_price / 2 + 0.5
    in_groups = np.diff(np.r_[starts, len(price)])
    rank = np.repeat(mean_rank, in_groups, axis=1) * count
    sales = len(price)

    def gini(amount: Floats) -> Floats:
        return np.asarray(2 * (rank @ amount) / (sales * (count @ amount)) - (sales + 1) / sales)

    spread = gini(price)
    return np.divide(gini(estimate), spread, out=np.full(len(count), np.nan), where=spread > 1e-12)
