"""Valuation: a model's answer for each property, with its intervals, comparables and explanation, or a refusal with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.contracts import contract
from estate.score import parameters as p
from estate.score.comparator import Stock
from estate.score.design import Design
from estate.score.explanation import contributions, counterfactuals
from estate.score.model import Model, Parts, with_area
from estate.score.price_index import PriceIndex
from estate.score.support import unanswerable, ungrounded

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TABLES = ("score.valuation", "score.comparable", "score.contribution", "score.counterfactual")


@dataclass(frozen=True, slots=True)
class Asked:
    """A model, the market it is asked in, and the day that values stand for (days since 1970-01-01)."""

    model: Model
    model_id: str
    stock: Stock
    index: PriceIndex
    day: int

    @classmethod
    def of(cls, model: Model, model_id: str, sales: pd.DataFrame, day: int) -> Asked:
        """With the sales before `day`; later ones are not looked at."""
        return cls(model, model_id, *model.market(sales, day), day)


def value(asked: Asked, subjects: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Frames of TABLES, without tenant_id: one valuation for every subject, the others for those that were given a value.

    `subjects`: property_id, property_type, county_fips, situs_zip, latitude, longitude and the attributes.
    """
    parts = list(value_in_pieces(asked, subjects))
    if not parts:
        return {name: empty(name) for name in TABLES}
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in TABLES}


def value_in_pieces(asked: Asked, subjects: pd.DataFrame) -> Iterator[dict[str, pd.DataFrame]]:
    """As `value`, CHUNK_ROWS subjects at a time."""
    for start in range(0, len(subjects), p.CHUNK_ROWS):
        yield _valued(asked, with_area(subjects.iloc[start : start + p.CHUNK_ROWS].reset_index(drop=True)))


def refused(subjects: pd.DataFrame, day: int, reason: str) -> pd.DataFrame:
    """Frame of score.valuation that refuses every subject for one reason, or for what is wrong with itself."""
    own = unanswerable(subjects)
    return _frame(subjects["property_id"], day, reason=np.where(own == None, reason, own), model_id=None)  # noqa: E711 - elementwise


def _valued(asked: Asked, subjects: pd.DataFrame) -> dict[str, pd.DataFrame]:
    model = asked.model
    reason = unanswerable(subjects)
    can = np.flatnonzero(reason == None)  # noqa: E711 - elementwise
    if not len(can):
        return {name: empty(name) for name in TABLES} | {
            "score.valuation": _frame(subjects["property_id"], asked.day, reason, asked.model_id)
        }
    known = subjects.iloc[can].reset_index(drop=True)
    parts = model.parts(known, asked.stock, asked.day, asked.index)
    said = _said(model, parts)
    reason[can] = ungrounded(known, model.support, model.neighbourhood, parts.compared.count, said["confidence"].to_numpy())
    valuation = _frame(subjects["property_id"], asked.day, reason, asked.model_id)
    given = np.array([reason[place] is None for place in can])
    count = np.zeros(len(subjects), dtype=np.int16)
    count[can[given]] = parts.compared.count[given]
    valuation["comparable_count"] = count
    for name in said:
        # What could be said of the error stands beside a refusal too; the value itself does not.
        shown = np.full(len(can), True) if name in ("fsd", "confidence") else given
        valuation.loc[can[shown], name] = said[name].to_numpy()[shown]
    # A contribution explains the value as it is published, so it is made of the same rows.
    explained = known[given].reset_index(drop=True)
    shown_parts = _only(parts, given)
    year = int(str(np.datetime64(asked.day, "D"))[:4])
    some = bool(given.any())
    return {
        "score.valuation": valuation,
        "score.comparable": parts.compared.frame(given),
        "score.contribution": contributions(model, explained, shown_parts) if some else empty("score.contribution"),
        "score.counterfactual": counterfactuals(model, explained, shown_parts, year) if some else empty("score.counterfactual"),
    }


def _said(model: Model, parts: Parts) -> pd.DataFrame:
    """Value, intervals, FSD, confidence and its band of every subject that could be asked about."""
    estimate = np.rint(100 * np.exp(parts.estimate)) / 100
    scale = model.scale(parts)
    ends = {level: model.interval.band(level) for level in (p.INTERVAL_LEVEL, p.INTERVAL_LEVEL_WIDE, p.FSD_LEVEL)}
    low, high = ends[p.FSD_LEVEL]
    fsd = (np.exp(high * scale) - np.exp(low * scale)) / 2
    bands = np.select([fsd <= bound for bound, _ in p.FSD_BANDS], [name for _, name in p.FSD_BANDS], default="low")

    def end(level: float, side: int) -> Floats:
        return np.asarray(np.rint(100 * estimate * np.exp(ends[level][side] * scale)) / 100)

    return pd.DataFrame({
        "estimated_value_usd": estimate,
        "value_low_usd": end(p.INTERVAL_LEVEL, 0),
        "value_high_usd": end(p.INTERVAL_LEVEL, 1),
        "value_low_95_usd": end(p.INTERVAL_LEVEL_WIDE, 0),
        "value_high_95_usd": end(p.INTERVAL_LEVEL_WIDE, 1),
        "fsd": fsd,
        "confidence": np.clip(1 - fsd, 0, 1),
        "confidence_band": bands,
    })  # fmt: skip


def _frame(property_id: pd.Series, day: int, reason: NDArray[np.object_], model_id: str | None) -> pd.DataFrame:
    """A frame of score.valuation in which nothing is said yet."""
    count = len(property_id)
    numbers = ("estimated_value_usd", "value_low_usd", "value_high_usd", "value_low_95_usd", "value_high_95_usd", "fsd", "confidence")
    frame = pd.DataFrame({
        "property_id": property_id.to_numpy(dtype=object),
        "valuation_date": np.full(count, np.datetime64(day, "D")).astype("datetime64[s]"),
        **dict.fromkeys(numbers, np.nan),
        "interval_level": p.INTERVAL_LEVEL,
        "confidence_band": pd.Series([None] * count, dtype=object),
        "comparable_count": np.zeros(count, dtype=np.int16),
        "refusal_reason": pd.Series(reason, dtype=object),
        "method": p.METHOD,
        "model_id": pd.Series([model_id] * count, dtype=object),
    })  # fmt: skip
    return frame[[name for name in contract("score.valuation").column_names if name != "tenant_id"]]


def _only(parts: Parts, rows: NDArray[np.bool_]) -> Parts:
    """The parts of some of the houses; their comparables are not needed any more and stay whole."""
    chosen = {name: getattr(parts, name)[rows] for name in ("trees", "second", "comparables", "equity", "drift", "seen")}
    return Parts(Design(parts.design.matrix[rows], parts.design.is_unknown[rows]), parts.compared, **chosen)


def empty(table: str) -> pd.DataFrame:
    """An empty frame of one table."""
    return pd.DataFrame(columns=[name for name in contract(table).column_names if name != "tenant_id"])
