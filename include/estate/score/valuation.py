"""Valuation: value, interval and confidence from adjusted comparables, or a refusal with its reason.

The interval is conformal: the same method values past sales from what was known on their day, and the spread of those errors,
each in units of how much its own comparables disagreed, says how far from the value the price may lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.contracts.score import ADJUSTMENTS
from estate.score import parameters as p
from estate.score.adjustment import Hedonic, attributes, differences, fit, gross, waterfall
from estate.score.comparables import Candidates, Market, days, usable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNKNOWN_TYPE = "property type unknown"
NO_COORDINATES = "no coordinates"
NO_LIVING_AREA = "no living area"
TOO_FEW = f"fewer than {p.COMPARABLES_MINIMUM} comparable sales"
NO_ERROR_KNOWN = f"fewer than {p.RESIDUALS_MINIMUM} past sales could be valued, so the error is unknown"
TOO_UNSURE = f"confidence below {p.CONFIDENCE_FLOOR:.2f}"


@dataclass(frozen=True, slots=True)
class Method:
    """What past sales teach before any subject is valued.

    `residuals` are log(price / value) over scale of past sales; `typical_spread` is the median disagreement of comparables,
    in log units, without which three agreeing neighbours would pass for certainty.
    """

    hedonic: Hedonic
    residuals: Floats
    typical_spread: float

    def scale(self, spread: Floats) -> Floats:
        """Unit of the residuals, in log units."""
        return np.asarray(spread + self.typical_spread)

    def band(self, level: float) -> tuple[float, float]:
        """Residuals between which the share `level` lies, with the finite-sample correction of split conformal prediction."""
        count = len(self.residuals)
        tail = (1 - level) / 2
        outer = min(1.0, np.ceil((1 - tail) * (count + 1)) / count)
        low = float(np.quantile(self.residuals, 1 - outer, method="lower"))
        high = float(np.quantile(self.residuals, outer, method="higher"))
        return min(low, 0.0), max(high, 0.0)


@dataclass(frozen=True, slots=True)
class Comparables:
    """The KEPT comparables of each subject, heaviest first: arrays (subjects, KEPT), steps (subjects, KEPT, 7) in logs.

    Weights sum to 1 per subject (to 0 where there is none); `sale` is -1 in empty places.
    """

    sale: Ints
    distance_m: Floats
    age_days: Ints
    weight: Floats
    steps: Floats


def value(
    subjects: pd.DataFrame, sales: pd.DataFrame, valuation_date: date | pd.Series, method: Method | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Value every subject: frames of score.valuation and score.comparable, without tenant_id.

    `subjects` has property_id, property_type, latitude, longitude and the attributes of the adjustment; `sales` the same for
    the sold property, and sale_id, sale_price_usd, sale_date (arm's-length only). `valuation_date` is one date, or a Series
    aligned with `subjects`; nothing sold on or after a subject's date is used for it. `method` is learned from the sales before
    the earliest date when it is not given.
    """
    parts = list(value_in_chunks(subjects, sales, valuation_date, method))
    if not parts:
        return no_valuations(), no_comparables()
    valuations, comparables = zip(*parts, strict=True)
    return pd.concat(valuations, ignore_index=True), pd.concat(comparables, ignore_index=True)


def value_in_chunks(
    subjects: pd.DataFrame, sales: pd.DataFrame, valuation_date: date | pd.Series, method: Method | None = None
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """As `value`, CHUNK_ROWS subjects at a time."""
    if subjects.empty:
        return
    dates = valuation_date if isinstance(valuation_date, pd.Series) else pd.Series([valuation_date])
    day = np.broadcast_to(days(dates), len(subjects))
    sales = sales[usable(sales)].sort_values(["sale_date", "sale_id"], ignore_index=True)
    sales = sales[days(sales["sale_date"]) < day.max()]  # the future is out of the room before anything is computed
    method = method or learn(sales, int(day.min()))
    reachable = sales[days(sales["sale_date"]) >= day.min() - p.RANGE_DAYS].reset_index(drop=True)
    market, known = Market(reachable), attributes(reachable)
    for start in range(0, len(subjects), p.CHUNK_ROWS):
        part = slice(start, start + p.CHUNK_ROWS)
        yield _value(subjects.iloc[part], reachable, market=market, other=known, day=day[part], method=method)


def learn_before(sales: pd.DataFrame, day: date) -> Method:
    """As `learn`, for one calendar day and sales as they are read."""
    return learn(sales[usable(sales)].sort_values(["sale_date", "sale_id"], ignore_index=True), int(days(pd.Series([day]))[0]))


def learn(sales: pd.DataFrame, before_day: int) -> Method:
    """Coefficients and past errors from the sales before `before_day` (days since 1970-01-01).

    Up to FIT_ROWS sales of the CALIBRATION_DAYS before, evenly spread in time, each valued as of its own day.
    """
    sold = days(sales["sale_date"])
    sales = sales[(sold < before_day) & (sold >= before_day - p.CALIBRATION_DAYS - p.RANGE_DAYS)].reset_index(drop=True)
    sold = days(sales["sale_date"])
    recent = np.flatnonzero(sold >= before_day - p.CALIBRATION_DAYS)
    if len(recent) > p.FIT_ROWS:
        recent = recent[np.linspace(0, len(recent) - 1, p.FIT_ROWS).astype(np.int64)]
    past = sales.iloc[recent]
    found = Market(sales).retrieve(past, sold[recent])
    enough = (found.sale >= 0).sum(axis=1) >= p.COMPARABLES_MINIMUM
    found = Candidates(*(getattr(found, name)[enough] for name in ("sale", "distance_m", "age_days", "weight")))
    past = past[enough]
    own, other = attributes(past), attributes(sales)
    log_price = np.log(sales["sale_price_usd"].to_numpy(dtype=float))
    own_log_price = np.log(past["sale_price_usd"].to_numpy(dtype=float))
    if not len(past):
        return Method(Hedonic(np.zeros(len(ADJUSTMENTS)), 0), np.empty(0), 0.0)
    weight = found.weight[:, : p.KEPT] / found.weight[:, : p.KEPT].sum(axis=1, keepdims=True)
    near = found.sale[:, : p.KEPT]
    away = differences(own[:, None, :], other[near])
    hedonic = fit((weight[:, :, None] * away).sum(axis=1), own_log_price - (weight * log_price[near]).sum(axis=1))
    kept = rank(own, other, found, hedonic)
    valued = (kept.sale >= 0).sum(axis=1) >= p.COMPARABLES_MINIMUM
    adjusted = log_price[kept.sale] + kept.steps.sum(axis=2)
    estimate = np.log((kept.weight * np.exp(adjusted)).sum(axis=1)[valued])
    spread = dispersion(adjusted, kept)[valued]
    typical = float(np.median(spread)) if len(spread) else 0.0
    unit = spread + typical
    usable_unit = unit > 0
    return Method(hedonic, np.sort(((own_log_price[valued] - estimate)[usable_unit]) / unit[usable_unit]), typical)


def rank(own: Floats, other: Floats, found: Candidates, hedonic: Hedonic) -> Comparables:
    """The KEPT best of the candidates: weight times exp(-(gross adjustment / GROSS_SIGMA)^2), heaviest first."""
    steps = differences(own[:, None, :], other[found.sale]) * hedonic.coefficients
    away = gross(steps)
    weight = np.where((found.sale >= 0) & (away <= p.GROSS_LIMIT), found.weight * np.exp(-((away / p.GROSS_SIGMA) ** 2)), 0.0)
    best = np.argsort(-weight, axis=1, kind="stable")[:, : p.KEPT]
    weight = np.take_along_axis(weight, best, axis=1)
    total = weight.sum(axis=1, keepdims=True)
    return Comparables(
        sale=np.where(weight > 0, np.take_along_axis(found.sale, best, axis=1), -1),
        distance_m=np.take_along_axis(found.distance_m, best, axis=1),
        age_days=np.take_along_axis(found.age_days, best, axis=1),
        weight=np.divide(weight, total, out=np.zeros_like(weight), where=total > 0),
        steps=np.take_along_axis(steps, best[:, :, None], axis=1),
    )


def dispersion(log_price: Floats, kept: Comparables) -> Floats:
    """Weighted standard deviation of the comparables' adjusted log prices: how much they disagree."""
    mean = (kept.weight * log_price).sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt((kept.weight * (log_price - mean) ** 2).sum(axis=1)))


def _value(
    subjects: pd.DataFrame, sales: pd.DataFrame, *, market: Market, other: Floats, day: Ints, method: Method
) -> tuple[pd.DataFrame, pd.DataFrame]:
    found = market.retrieve(subjects, day)
    if sales.empty:  # the empty places of the candidates still point somewhere
        other = np.full((1, len(ADJUSTMENTS)), np.nan)
    kept = rank(attributes(subjects), other, found, method.hedonic)
    count = (kept.sale >= 0).sum(axis=1)
    count[count < p.COMPARABLES_MINIMUM] = 0
    row, column = np.nonzero((kept.sale >= 0) & (count > 0)[:, None])
    sale = kept.sale[row, column]
    step_cents, adjusted_cents = waterfall(sales["sale_price_usd"].to_numpy(dtype=float)[sale], kept.steps[row, column])
    adjusted = np.zeros(kept.weight.shape)
    adjusted[row, column] = adjusted_cents
    estimate = np.rint((kept.weight * adjusted).sum(axis=1)) / 100
    spread = dispersion(np.log(np.where(adjusted > 0, adjusted, 1.0)), kept)
    valuation = _judged(subjects, day=day, estimate=estimate, spread=spread, count=count, method=method)
    given = valuation["estimated_value_usd"].notna().to_numpy()[row]
    row, column, sale, step_cents, adjusted_cents = (a[given] for a in (row, column, sale, step_cents, adjusted_cents))
    comparable = pd.DataFrame({
        "property_id": subjects["property_id"].to_numpy(dtype=object)[row],
        "comparable_rank": (column + 1).astype(np.int16),
        "sale_id": sales["sale_id"].to_numpy(dtype=object)[sale],
        "weight": kept.weight[row, column],
        "distance_m": kept.distance_m[row, column],
        "sale_age_days": kept.age_days[row, column].astype(np.int32),
        "sale_price_usd": np.rint(sales["sale_price_usd"].to_numpy(dtype=float)[sale] * 100) / 100,
        **{f"{name}_adjustment_usd": step_cents[:, i] / 100 for i, name in enumerate(ADJUSTMENTS)},
        "adjusted_price_usd": adjusted_cents / 100,
    })  # fmt: skip
    return valuation, comparable


def _judged(subjects: pd.DataFrame, *, day: Ints, estimate: Floats, spread: Floats, count: Ints, method: Method) -> pd.DataFrame:
    """Interval, FSD, confidence and the first reason to refuse, in the order in which a reader could cure it."""
    known_error = len(method.residuals) >= p.RESIDUALS_MINIMUM
    scale = method.scale(spread)
    low, high = method.band(p.INTERVAL_LEVEL) if known_error else (np.nan, np.nan)
    fsd_low, fsd_high = method.band(p.FSD_LEVEL) if known_error else (np.nan, np.nan)
    fsd = (np.exp(fsd_high * scale) - np.exp(fsd_low * scale)) / 2
    confidence = np.clip(1 - fsd, 0, 1)
    area = subjects["living_area_sqft"].to_numpy(dtype=float, na_value=np.nan)
    located = subjects[["latitude", "longitude"]].notna().all(axis=1).to_numpy()
    few = count == 0
    reason = np.select(
        [
            subjects["property_type"].isna().to_numpy(),
            ~located,
            ~(area > 0),
            few,
            np.full(len(few), not known_error),
            confidence < p.CONFIDENCE_FLOOR,
        ],
        [UNKNOWN_TYPE, NO_COORDINATES, NO_LIVING_AREA, TOO_FEW, NO_ERROR_KNOWN, TOO_UNSURE],
        default="",
    ).astype(object)
    given = reason == ""
    stated = ~few & known_error
    return pd.DataFrame({
        "property_id": subjects["property_id"].to_numpy(dtype=object),
        "valuation_date": day.astype("datetime64[D]").astype("datetime64[s]"),
        "estimated_value_usd": np.where(given, estimate, np.nan),
        "value_low_usd": np.where(given, np.rint(estimate * np.exp(low * scale) * 100) / 100, np.nan),
        "value_high_usd": np.where(given, np.rint(estimate * np.exp(high * scale) * 100) / 100, np.nan),
        "interval_level": p.INTERVAL_LEVEL,
        "fsd": np.where(stated, fsd, np.nan),
        "confidence": np.where(stated, confidence, np.nan),
        "comparable_count": np.where(given, count, 0).astype(np.int16),
        "refusal_reason": pd.Series(reason, dtype=object).where(~given, None),
        "method": p.METHOD,
    })  # fmt: skip


def no_valuations() -> pd.DataFrame:
    """An empty frame of score.valuation."""
    from estate.contracts.score import VALUATION

    return pd.DataFrame(columns=[name for name in VALUATION.column_names if name != "tenant_id"])


def no_comparables() -> pd.DataFrame:
    """An empty frame of score.comparable."""
    from estate.contracts.score import COMPARABLE

    return pd.DataFrame(columns=[name for name in COMPARABLE.column_names if name != "tenant_id"])
