"""Rolling bands: what a group's own trailing window of values lets pass, by robust centre and spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.indexers import BaseIndexer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_IQR_OF_SIGMA = 1.349  # interquartile range of a normal distribution, in standard deviations
_DAYS_APART = 10_000_000  # more than any window or calendar reaches, so that groups never touch


@dataclass(frozen=True, slots=True)
class Band:
    """The lowest and highest value that passes, per row; NaN where no band could be drawn."""

    low: Floats
    high: Floats


class _Windows(BaseIndexer):
    """Windows given by their first row and the row after their last, for rows sorted by group and day."""

    first: Ints
    after: Ints

    def get_window_bounds(  # pandas' own signature
        self,
        num_values: int = 0,  # noqa: ARG002
        min_periods: int | None = None,  # noqa: ARG002
        center: bool | None = None,  # noqa: ARG002
        closed: str | None = None,  # noqa: ARG002
        step: int | None = None,  # noqa: ARG002
    ) -> tuple[Ints, Ints]:
        return self.first, self.after


def band(value: Floats, day: Floats, is_reference: NDArray[np.bool_], groups: Sequence[Ints], rule: Mapping[str, Any]) -> Band:
    """The band of each row: median ± sigmas × spread of the reference values in its group's window, spread = IQR / 1.349.

    `value` in logs, NaN where unknown; `day` a calendar day, NaN where unknown; `groups` are codes, the narrowest grouping
    first, -1 for none: a row takes the first whose window holds ``rule["sales"]`` reference values. Where none does, and the
    last holds ``factor_sales``, it is the median times or over ``factor``, than which no band is wider.

    The window is the row's own day and the ``days`` - 1 before it, whole days: which of two sales of one day stands first says
    nothing about them. The value itself is in it, which moves the quartiles of thirty values next to nothing, and lets a market
    be judged from its first busy day.
    """
    centre, spread = np.full(len(value), np.nan), np.full(len(value), np.nan)
    known = np.isfinite(value) & np.isfinite(day)
    for codes in groups:
        rows, moment = _within_reach(day, codes, known, np.isnan(centre), rule["days"])
        median, low, high = _quantiles(np.where(is_reference, value, np.nan)[rows], moment, rule["days"], rule["sales"], (0.5, 0.25, 0.75))
        is_first = np.isnan(centre[rows]) & ~np.isnan(median)
        centre[rows[is_first]], spread[rows[is_first]] = median[is_first], ((high - low) / _IQR_OF_SIGMA)[is_first]
    widest = np.log(rule["factor"])
    spread = np.maximum(spread, rule["spread_least"])
    below, above = np.fmin(rule["sigma_low"] * spread, widest), np.fmin(rule["sigma_high"] * spread, widest)
    rows, moment = _within_reach(day, groups[-1], known, np.isnan(centre), rule["days"])
    (median,) = _quantiles(np.where(is_reference, value, np.nan)[rows], moment, rule["days"], rule["factor_sales"], (0.5,))
    centre[rows] = np.where(np.isnan(centre[rows]), median, centre[rows])
    return Band(centre - below, centre + above)


def _within_reach(day: Floats, codes: Ints, known: NDArray[np.bool_], is_open: NDArray[np.bool_], window_days: int) -> tuple[Ints, Ints]:
    """The known rows that stand in the window of an open one of their group, sorted by group and day, and their moments.

    A moment is the day, moved apart by group. Only these rows have to be gone through; the windows of the others are not whole.
    """
    rows = np.flatnonzero(known & (codes >= 0))
    if not len(rows):
        return rows, rows
    moment = codes[rows] * _DAYS_APART + (day[rows] - day[rows].min()).astype(np.int64)
    order = np.argsort(moment, kind="stable")
    rows, moment = rows[order], moment[order]
    asked = np.append(moment[is_open[rows]], np.iinfo(np.int64).max)
    is_near = asked[np.searchsorted(asked, moment, "left")] - moment < window_days
    return rows[is_near], moment[is_near]


def _quantiles(reference: Floats, moment: Ints, window_days: int, least: int, wanted: tuple[float, ...]) -> list[Floats]:
    """Quantiles of `reference` in the window that ends with each moment's day; NaN where fewer than `least` are known in it."""
    windows = _Windows(first=np.searchsorted(moment, moment - window_days + 1, "left"), after=np.searchsorted(moment, moment, "right"))
    rolling = pd.Series(reference).rolling(windows, min_periods=least)
    return [rolling.quantile(share).to_numpy() for share in wanted]
