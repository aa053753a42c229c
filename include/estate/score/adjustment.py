"""Adjustment: what a comparable would have sold for, had it been the subject, and on its day.

The first step of a waterfall is time: what prices of the comparable's area did between its sale and the valuation day (price_index).
The others are attributes: a median regression (quantile regression at 0.5, which an odd sale cannot pull) explains how far past
sales differ in log price from the weighted mean of *their own* comparables, by how far they differ in area, lot, year, rooms,
condition, quality, basement, waterfront and view. Differences between neighbours leave no location in the coefficients:
regressed on levels, quality absorbs the better neighbourhoods and the adjusted value is worse than the raw one (King County, latest
tenth: MAPE 18.4 against 16.4; with differences 14.0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.score import parameters as p

Floats = NDArray[np.float64]

# The attribute behind each step after the first, in the order of contracts.score.ADJUSTMENTS.
COLUMNS = (
    "living_area_sqft", "lot_area_sqft", "year_built", "bedroom_count", "bathroom_count", "condition_code", "quality_code",
    "basement_area_sqft", "has_waterfront", "view_code",
)  # fmt: skip
_LOGGED = ("living_area_sqft", "lot_area_sqft")  # the tenth of a size is worth the same share at any size
_ROOT = ("basement_area_sqft",)  # as sizes, but most houses have none


@dataclass(frozen=True, slots=True)
class Hedonic:
    """Change of log price per unit of each attribute, in the order of COLUMNS; how many sales it was fitted on."""

    coefficients: Floats
    row_count: int


def attributes(frame: pd.DataFrame) -> Floats:
    """Attributes in the order of COLUMNS, shape (n, 10): log sqft, log sqft, years, rooms, rooms, codes, root of sqft, 0 or 1, code.

    NaN is unknown; so is a column that the frame does not have, and a living or lot area of zero or less.
    """
    out = np.full((len(frame), len(COLUMNS)), np.nan)
    for place, name in enumerate(COLUMNS):
        if name not in frame:
            continue
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        if name in _LOGGED:
            values = np.log(np.where(values > 0, values, np.nan))
        out[:, place] = np.sqrt(np.maximum(values, 0)) if name in _ROOT else values
    return out


def differences(subject: Floats, comparable: Floats) -> Floats:
    """Subject minus comparable; 0 where either side is unknown: what is not known is not adjusted for."""
    return np.nan_to_num(subject - comparable, nan=0.0)


def fit(difference: Floats, log_price_difference: Floats) -> Hedonic:
    """Median regression through the origin of log price differences on attribute differences (n, 10).

    Deterministic (linear programme, HiGHS). With fewer than FIT_ROWS_MINIMUM rows every coefficient is zero; so is that of an
    attribute that never differs.
    """
    from sklearn.linear_model import QuantileRegressor

    coefficients = np.zeros(difference.shape[1])
    spread = difference.std(axis=0)
    varies = spread > 0
    if len(difference) >= p.FIT_ROWS_MINIMUM and varies.any():
        # In units of their spread the columns are alike to the solver, whose tolerances are absolute.
        model = QuantileRegressor(quantile=0.5, alpha=0.0, fit_intercept=False, solver="highs")
        model.fit(difference[:, varies] / spread[varies], log_price_difference)
        coefficients[varies] = model.coef_ / spread[varies]
    return Hedonic(coefficients, len(difference))


def waterfall(price_usd: Floats, steps: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps of the waterfall and adjusted price, both in whole cents: shapes (n, steps) and (n,).

    `steps` are log steps (n, number of steps). Each running price is rounded to the cent and each step is the difference of two
    running prices, so that price + all steps = adjusted price exactly.
    """
    start = np.rint(price_usd * 100)
    running = np.rint(start[:, None] * np.exp(np.cumsum(steps, axis=1)))
    cents = np.column_stack([start, running]).astype(np.int64)
    return np.diff(cents, axis=1), cents[:, -1]
