"""One trial of the valuation: a model of the known sales, the held-out ones valued, and everything that is said of it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.valuation_sales import Split
from estate.score import parameters as p
from estate.score import ratio_study
from estate.score.comparables import days, usable
from estate.score.conformal import Interval
from estate.score.equity import Spread
from estate.score.learning import backtest, train
from estate.score.model import Model, Parts, day_number, with_area
from estate.score.valuation import Asked, value

Floats = NDArray[np.float64]
LEVELS = (p.INTERVAL_LEVEL, p.INTERVAL_LEVEL_WIDE)
STEPS = ("trees", "with the second opinion", "with comparables", "with equity")
_FIFTHS = 5


def tried(split: Split, seed: int) -> dict[str, Any]:
    """Train on the known sales, value the held-out ones, and say how both went; numbers and lists only, for the record.

    Points are taken of every held-out sale that has a price, place, type and living area, refused or not; refusals are counted apart.
    """
    began = time.perf_counter()
    model = train(split.known, split.as_of_date, seed)
    trained = time.perf_counter() - began
    day = day_number(split.as_of_date)
    asked = Asked.of(model, "bench", split.known, day)
    held = with_area(split.held[usable(split.held)].reset_index(drop=True))
    parts = model.parts(held, asked.stock, day, asked.index)
    # A value stands for the model's day; a sale of another day is met through the price index.
    shift = asked.index.log_level(held["market_area"], days(held["sale_date"])) if split.at_own_day else np.zeros(len(held))
    price = held["sale_price_usd"].to_numpy(dtype=float)
    refusals = value(asked, split.held.drop(columns=["sale_id", "sale_price_usd", "sale_date"]))["score.valuation"]["refusal_reason"]
    is_given = refusals.isna().to_numpy()[usable(split.held)]
    estimate = np.exp(parts.estimate + shift)
    return {
        "seed": seed,
        "known": len(split.known),
        "held": len(split.held),
        "as_of_date": split.as_of_date.isoformat(),
        "train_seconds": trained,
        "spread_share": model.spread.share,
        "comparables_weight": model.comparables_weight,
        "refused": {str(reason): int(count) for reason, count in refusals.value_counts().items()},
        "accuracy": accuracy(estimate, price),
        "accuracy_of_given": accuracy(estimate[is_given], price[is_given]),
        "steps": {name: accuracy(np.exp(log + shift), price) for name, log in zip(STEPS, _steps(parts), strict=True)},
        "intervals": {f"{level:.0%}": _held_by(model, parts, np.log(price) - shift, level) for level in LEVELS},
        "frontier": _frontier(model, parts, price, shift),
        "errors": _sums(estimate, price),
        "price": [round(usd) for usd in price],
        "estimate": [round(usd) for usd in estimate],
    }  # fmt: skip


def constant_width(split: Split, seed: int) -> dict[str, Any]:
    """Split conformal intervals of one width for all: errors of the known sales' latest tenth, valued by a model of the rest."""
    past = backtest(split.known, split.as_of_date, seed)
    given = past[past["estimated_value_usd"].notna()]
    estimate, price = (given[name].to_numpy(dtype=float) for name in ("estimated_value_usd", "sale_price_usd"))
    plain = Interval("", np.sort(np.log(price / estimate)), np.zeros(0))
    return {
        "held": len(past),
        "given": len(given),
        "accuracy": accuracy(estimate, price),
        "band": {f"{level:.0%}": list(plain.band(level)) for level in LEVELS},
    }


def accuracy(estimate: Floats, price: Floats) -> dict[str, float]:
    """Errors in percent of the price and in dollars, and the ratio study, untrimmed. `vei` is 0 below the 20 sales that it needs."""
    off = np.abs(estimate / price - 1)
    found = ratio_study.study(estimate, price)
    return {
        "mape_pct": 100 * float(off.mean()),
        "mdape_pct": 100 * float(np.median(off)),
        "cod": found.cod,
        "rmse_usd": float(np.sqrt(((estimate - price) ** 2).mean())),
        "mae_usd": float(np.abs(estimate - price).mean()),
        "median_ratio": found.median_ratio,
        "prd": found.prd,
        "prb": found.prb,
        "vei": found.vei or 0.0,
    }


def fifths(by: Floats) -> list[NDArray[np.int64]]:
    """Rows of each fifth of `by`, from the least to the greatest."""
    return np.array_split(np.argsort(by, kind="stable"), _FIFTHS)


def _steps(parts: Parts) -> tuple[Floats, ...]:
    return parts.trees, parts.boosted, parts.boosted + parts.comparables, parts.estimate


def _held_by(model: Model, parts: Parts, log_price: Floats, level: float) -> dict[str, Any]:
    """Share of prices within the interval: of all, by fifth of the price and of the estimate; and its mean width beside the estimate."""
    low, high = (end * model.scale(parts) for end in model.interval.band(level))
    miss = log_price - parts.estimate
    within, width = (miss >= low) & (miss <= high), np.exp(high) - np.exp(low)
    return {
        "covered_pct": 100 * float(within.mean()),
        "by_price_pct": [100 * float(within[rows].mean()) for rows in fifths(log_price)],
        "by_estimate_pct": [100 * float(within[rows].mean()) for rows in fifths(parts.estimate)],
        "width": float(width.mean()),
        "width_by_price": [float(width[rows].mean()) for rows in fifths(log_price)],
        "narrow_width": float(np.quantile(width, 0.1)),
        "wide_width": float(np.quantile(width, 0.9)),
    }


def _frontier(model: Model, parts: Parts, price: Floats, shift: Floats) -> list[dict[str, Any]]:
    """Accuracy and equity at every share by which estimates may be spread; the model chose its own on past sales."""
    heard, chosen, rows = parts.boosted + parts.comparables, model.spread.share, []
    for share in p.EQUITY_STEPS:
        found = accuracy(np.exp(Spread(model.spread.middle, share).apply(heard) + shift), price)
        rows.append({"share": share, "is_chosen": share == chosen, **found})
    return rows


def _sums(estimate: Floats, price: Floats) -> dict[str, float]:
    """What errors of several trials are pooled from."""
    miss = estimate - price
    return {
        "count": len(price),
        "squared": float((miss**2).sum()),
        "absolute": float(np.abs(miss).sum()),
        "relative": float(np.abs(miss / price).sum()),
    }


def jittered(sales: pd.DataFrame, rows: int) -> pd.DataFrame:
    """`rows` properties as the county has them, a few hundred metres off; the same on every call."""
    random = np.random.default_rng(rows)
    drawn = sales.iloc[random.integers(0, len(sales), rows)].drop(columns=["sale_id", "sale_price_usd", "sale_date"])
    return drawn.assign(
        property_id=[f"p{number:08d}" for number in range(rows)],
        latitude=drawn["latitude"].to_numpy(dtype=float) + random.normal(0, 0.002, rows),
        longitude=drawn["longitude"].to_numpy(dtype=float) + random.normal(0, 0.003, rows),
    ).reset_index(drop=True)
