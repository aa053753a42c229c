"""The comparables of a property as one estimator: retrieve, rank, adjust, weigh.

Learned once from past sales (coefficients of the adjustment, ranking, price index), then asked for any number of subjects on any
days. A subject never meets its own sales, nor a sale on or after its day.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.contracts.score import ADJUSTMENTS
from estate.score import parameters as p
from estate.score.adjustment import COLUMNS, Hedonic, attributes, differences, fit, waterfall
from estate.score.comparables import Candidates, Market, days, usable
from estate.score.price_index import PriceIndex
from estate.score.ranking import FEATURES, Features, Ranker

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The features that are differences of an attribute, in the order of FEATURES after distance and age.
_DELTAS = tuple(
    COLUMNS.index(name)
    for name in (
        "living_area_sqft", "lot_area_sqft", "year_built", "condition_code", "quality_code", "has_waterfront", "view_code",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """What ranking and adjustment know of each row of a frame: attributes (n, 10), whether renovated, and its market area."""

    attributes: Floats
    renovated: NDArray[np.bool_]
    area: Ints  # place in `areas`, -1 where unknown
    areas: NDArray[np.object_]
    single: NDArray[np.float32] = field(repr=False)

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Traits:
        """Traits of `frame`; a column that is missing is unknown throughout."""
        known = attributes(frame)
        area, areas = pd.factorize(frame["market_area"]) if "market_area" in frame else (np.full(len(frame), -1), [])
        renovated = (
            frame["year_renovated"].to_numpy(dtype=float, na_value=np.nan) > 0 if "year_renovated" in frame else np.zeros(len(frame))
        )
        return cls(
            known, renovated.astype(bool), np.asarray(area, dtype=np.int64), np.asarray(areas, dtype=object), known.astype(np.float32)
        )

    def areas_in(self, others: NDArray[np.object_]) -> Ints:
        """Place of each row's area among `others`, -2 where it is not there."""
        place = np.append(pd.Index(others, dtype=object).get_indexer(pd.Index(self.areas, dtype=object)), -1)
        return np.where(place < 0, -2, place)[self.area]


class Stock:
    """Past sales, ready to be compared with; build it once for many questions."""

    def __init__(self, sales: pd.DataFrame) -> None:
        """Keep the usable of `sales` (see comparables.usable). The order of rows changes nothing.

        Columns: sale_id, property_id, sale_price_usd, sale_date, property_type, latitude, longitude, living_area_sqft; and, where
        there are any, market_area, year_renovated and the further attributes of adjustment.COLUMNS.
        """
        sales = sales[usable(sales)].sort_values(["sale_date", "sale_id"], ignore_index=True)
        self.sale_id = sales["sale_id"].to_numpy(dtype=object)
        self.price_usd = sales["sale_price_usd"].to_numpy(dtype=float)
        self.log_price = np.log(self.price_usd)
        self.day = days(sales["sale_date"])
        self.traits = Traits.of(sales)
        self.market = Market(sales)

    def __len__(self) -> int:
        return len(self.price_usd)


@dataclass(frozen=True, slots=True)
class Compared:
    """The KEPT comparables of each subject, heaviest first, and what they say; n subjects.

    Of each subject: `estimate` (log price on its day, NaN without comparables), `dispersion` (weighted standard deviation of the
    adjusted log prices), `count`, `gross_adjustment` (weighted mean of the absolute log steps, time left out), `distance_m` and
    `age_days` (weighted means), `effective_count` (1 / sum of squared weights). Of each place (n, KEPT): `sale` (position in the
    stock, -1 where empty), `weight` (sums to 1), `place_distance_m`, `place_age_days`; `steps` (n, KEPT, len(ADJUSTMENTS)) in logs.
    """

    stock: Stock
    property_id: NDArray[np.object_]
    estimate: Floats
    dispersion: Floats
    count: Ints
    gross_adjustment: Floats
    distance_m: Floats
    age_days: Floats
    effective_count: Floats
    sale: Ints
    weight: Floats
    place_distance_m: Floats
    place_age_days: Ints
    steps: Floats

    def frame(self, given: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """Frame of score.comparable without tenant_id, of the subjects that are `given` (all by default)."""
        shown = self.sale >= 0
        if given is not None:
            shown = shown & given[:, None]
        row, column = np.nonzero(shown)
        sale = self.sale[row, column]
        price = self.stock.price_usd[sale]
        step_cents, adjusted_cents = waterfall(price, self.steps[row, column])
        return pd.DataFrame({
            "property_id": self.property_id[row],
            "comparable_rank": (column + 1).astype(np.int16),
            "sale_id": self.stock.sale_id[sale],
            "weight": self.weight[row, column],
            "distance_m": self.place_distance_m[row, column],
            "sale_age_days": self.place_age_days[row, column].astype(np.int32),
            "sale_price_usd": np.rint(price * 100) / 100,
            **{f"{name}_adjustment_usd": step_cents[:, i] / 100 for i, name in enumerate(ADJUSTMENTS)},
            "adjusted_price_usd": adjusted_cents / 100,
        })  # fmt: skip


@dataclass(frozen=True)
class Comparator:
    """What past sales teach about comparing; `ranker` is None where they were too few, and the kernel ranks.

    `typical_spread` is the median disagreement of comparables in log units, without which three agreeing neighbours would pass for
    certainty; 0 where no sale could be compared.
    """

    hedonic: Hedonic
    ranker: Ranker | None
    index: PriceIndex
    typical_spread: float

    @classmethod
    def learn(cls, sales: pd.DataFrame, before_day: int, index: PriceIndex | None = None) -> Comparator:
        """Learn from the sales before `before_day` (days since 1970-01-01); columns as `Stock`.

        Up to FIT_ROWS sales of the CALIBRATION_DAYS before, evenly spread in time, each compared as of its own day. Without an
        `index` prices are taken as they were.
        """
        index = index or PriceIndex(before_day, (), np.array([before_day]), np.zeros((1, 1)))
        plain = cls(Hedonic(np.zeros(len(COLUMNS)), 0), None, index, 0.0)
        sound = sales[sales["sale_date"].notna()]
        sold = days(sound["sale_date"])
        past, stock = _lesson(sound[(sold < before_day) & (sold >= before_day - p.CALIBRATION_DAYS - p.RANGE_DAYS)], before_day)
        day = days(past["sale_date"])
        found = stock.market.retrieve(past, day)
        enough = np.flatnonzero((found.sale >= 0).sum(axis=1) >= p.COMPARABLES_MINIMUM)
        if not len(enough):
            return plain
        past, day, found = past.iloc[enough], day[enough], _of(found, enough)
        own_log_price = np.log(past["sale_price_usd"].to_numpy(dtype=float))
        own = Traits.of(past)
        near, weight = found.sale[:, : p.KEPT], found.weight[:, : p.KEPT]
        weight = weight / weight.sum(axis=1, keepdims=True)
        read = stock.log_price[near] + plain.time_steps(stock, near, day)
        away = differences(own.attributes[:, None, :], stock.traits.attributes[near])
        hedonic = fit((weight[:, :, None] * away).sum(axis=1), own_log_price - (weight * read).sum(axis=1))
        taught = cls(hedonic, None, index, 0.0)
        if len(past) >= p.RANK_SUBJECTS_MINIMUM:
            steps = taught.steps(own, stock, found.sale, day)
            miss = np.abs(stock.log_price[found.sale] + steps.sum(axis=2) - own_log_price[:, None])
            features, _ = taught.features(own, stock, found)
            taught = cls(hedonic, Ranker.learn(features, np.where(found.sale >= 0, miss, np.nan)), index, 0.0)
        compared = taught._compared(past, own, stock, day, found)
        spread = compared.dispersion[compared.count >= p.COMPARABLES_MINIMUM]
        return cls(hedonic, taught.ranker, index, float(np.median(spread)) if len(spread) else 0.0)

    def compare(self, subjects: pd.DataFrame, sales: pd.DataFrame | Stock, day: int | Ints) -> Compared:
        """Compare every subject with the sales before its `day` (days since 1970-01-01, one or one a subject).

        `subjects` has property_id, property_type, latitude, longitude, living_area_sqft and, where there are any, market_area,
        year_renovated and the further attributes. Past sales may be subjects: their own sales are left out.
        """
        stock = sales if isinstance(sales, Stock) else Stock(sales)
        on = np.ascontiguousarray(np.broadcast_to(np.asarray(day, dtype=np.int64), len(subjects)))
        if not len(stock):
            return _nothing(stock, subjects)
        if len(subjects) <= p.COMPARED_ROWS:
            return self._compared(subjects, Traits.of(subjects), stock, on, None)
        stock.market.prepare(subjects)
        starts = range(0, len(subjects), p.COMPARED_ROWS)
        with ThreadPoolExecutor(p.THREADS) as pool:  # each piece is computed alone; threads change when, not what
            parts = list(pool.map(lambda start: self._piece(subjects, stock, on, start), starts))
        return _joined(stock, parts)

    def _piece(self, subjects: pd.DataFrame, stock: Stock, day: Ints, start: int) -> Compared:
        part = subjects.iloc[start : start + p.COMPARED_ROWS]
        return self._compared(part, Traits.of(part), stock, day[start : start + p.COMPARED_ROWS], None)

    def time_steps(self, stock: Stock, sale: Ints, day: Ints) -> Floats:
        """Log change of prices in each sale's area from its day to the subject's; `sale` (n, k), `day` (n,)."""
        row = self.index.row(np.array([*stock.traits.areas, None], dtype=object))[stock.traits.area[sale]]
        return self.index.at(row, day[:, None]) - self.index.at(row, stock.day[sale])

    def steps(self, own: Traits, stock: Stock, sale: Ints, day: Ints) -> Floats:
        """Log steps of each waterfall (n, k, len(ADJUSTMENTS)): time, then the attributes."""
        out = np.empty((*sale.shape, len(ADJUSTMENTS)))
        out[:, :, 0] = self.time_steps(stock, sale, day)
        out[:, :, 1:] = differences(own.attributes[:, None, :], stock.traits.attributes[sale]) * self.hedonic.coefficients
        return out

    def features(self, own: Traits, stock: Stock, found: Candidates) -> tuple[Features, NDArray[np.float32]]:
        """Features of every candidate (n, k, len(FEATURES)) and its gross adjustment (n, k), time left out."""
        away = own.single[:, None, :] - stock.traits.single[found.sale]
        known = np.nan_to_num(away, nan=0.0)
        np.abs(known, out=known)
        gross = known @ np.abs(self.hedonic.coefficients).astype(np.float32)
        out = np.empty((*found.sale.shape, len(FEATURES)), dtype=np.float32)
        out[:, :, 0] = found.distance_m
        out[:, :, 1] = found.age_days
        out[:, :, 2:-3] = away[:, :, _DELTAS]
        out[:, :, -3] = own.renovated[:, None] == stock.traits.renovated[found.sale]
        area = stock.traits.area[found.sale]
        out[:, :, -2] = np.where((area < 0) | (own.area < 0)[:, None], np.nan, own.areas_in(stock.traits.areas)[:, None] == area)
        out[:, :, -1] = gross
        return out, gross

    def _weights(self, features: Features, gross: NDArray[np.float32], found: Candidates) -> Floats:
        """Weight of every candidate, not yet normalised; 0 where there is none or too much would have to be adjusted."""
        fits = (found.sale >= 0) & (gross <= p.GROSS_LIMIT)
        if self.ranker is None:
            return np.where(fits, found.weight * np.exp(-((gross / p.GROSS_SIGMA) ** 2)), 0.0)
        score = np.where(fits, self.ranker.score(features), -np.inf)
        best = np.where(fits.any(axis=1), score.max(axis=1), 0.0)
        return np.exp(p.RANK_SHARPNESS * (score - best[:, None]))

    def _compared(self, subjects: pd.DataFrame, own: Traits, stock: Stock, day: Ints, found: Candidates | None) -> Compared:
        found = found or stock.market.retrieve(subjects, day)
        weight = self._weights(*self.features(own, stock, found), found)
        best = np.argsort(-weight, axis=1, kind="stable")[:, : p.KEPT]
        weight = np.take_along_axis(weight, best, axis=1)
        total = weight.sum(axis=1, keepdims=True)
        weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
        sale = np.where(weight > 0, np.take_along_axis(found.sale, best, axis=1), -1)
        distance = np.take_along_axis(found.distance_m, best, axis=1)
        age = np.take_along_axis(found.age_days, best, axis=1)
        steps = self.steps(own, stock, sale, day)
        log_price = stock.log_price[sale] + steps.sum(axis=2)
        count = (sale >= 0).sum(axis=1)
        top = np.where(sale >= 0, log_price, -np.inf).max(axis=1)
        top[count == 0] = 0.0
        value = np.where(count > 0, (weight * np.exp(log_price - top[:, None])).sum(axis=1), np.nan)
        mean = (weight * log_price).sum(axis=1, keepdims=True)
        return Compared(
            stock=stock,
            property_id=subjects["property_id"].to_numpy(dtype=object),
            estimate=np.log(value) + top,
            dispersion=np.sqrt((weight * (log_price - mean) ** 2).sum(axis=1)),
            count=count,
            gross_adjustment=(weight * np.abs(steps[:, :, 1:]).sum(axis=2)).sum(axis=1),
            distance_m=(weight * distance).sum(axis=1),
            age_days=(weight * age).sum(axis=1),
            effective_count=np.divide(1.0, (weight**2).sum(axis=1), out=np.zeros(len(weight)), where=count > 0),
            sale=sale,
            weight=weight,
            place_distance_m=distance,
            place_age_days=age,
            steps=steps,
        )

    def to_parts(self) -> dict[str, str]:
        """Texts by file name, for storage: ``comparator.json`` and, where there is a ranking, ``ranker.txt``."""
        plain = {
            "columns": list(COLUMNS),
            "coefficients": self.hedonic.coefficients.tolist(),
            "row_count": self.hedonic.row_count,
            "typical_spread": self.typical_spread,
            "index": self.index.to_dict(),
        }
        parts = {"comparator.json": json.dumps(plain, sort_keys=True)}
        return parts if self.ranker is None else parts | {"ranker.txt": self.ranker.to_text()}

    @classmethod
    def from_parts(cls, parts: dict[str, str]) -> Comparator:
        """The comparator that `to_parts` wrote. ValueError when it was learned for other attributes than today's."""
        plain = json.loads(parts["comparator.json"])
        if tuple(plain["columns"]) != COLUMNS:
            raise ValueError(f"this comparator adjusts for {', '.join(plain['columns'])}; the code for {', '.join(COLUMNS)}")
        hedonic = Hedonic(np.array(plain["coefficients"]), plain["row_count"])
        ranker = Ranker.from_text(parts["ranker.txt"]) if "ranker.txt" in parts else None
        return cls(hedonic, ranker, PriceIndex.from_dict(plain["index"]), plain["typical_spread"])


def _lesson(sales: pd.DataFrame, before_day: int) -> tuple[pd.DataFrame, Stock]:
    """The past sales to learn from, and the stock that they are compared with."""
    stock = Stock(sales)
    past = sales[usable(sales) & (days(sales["sale_date"]) >= before_day - p.CALIBRATION_DAYS)]
    past = past.sort_values(["sale_date", "sale_id"], ignore_index=True)
    if len(past) > p.FIT_ROWS:
        past = past.iloc[np.linspace(0, len(past) - 1, p.FIT_ROWS).astype(np.int64)]
    return past, stock


def _of(found: Candidates, rows: Ints) -> Candidates:
    return Candidates(found.sale[rows], found.distance_m[rows], found.age_days[rows], found.weight[rows])


def _joined(stock: Stock, parts: list[Compared]) -> Compared:
    names = [name for name in Compared.__slots__ if name != "stock"]
    return Compared(stock, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _nothing(stock: Stock, subjects: pd.DataFrame) -> Compared:
    """What is compared where there is no sale at all."""
    count, places = len(subjects), (len(subjects), p.KEPT)
    none, zeros = np.zeros(count), np.zeros(places)
    return Compared(
        stock=stock,
        property_id=subjects["property_id"].to_numpy(dtype=object),
        estimate=np.full(count, np.nan),
        dispersion=none,
        count=np.zeros(count, dtype=np.int64),
        gross_adjustment=none,
        distance_m=none,
        age_days=none,
        effective_count=none,
        sale=np.full(places, -1),
        weight=zeros,
        place_distance_m=zeros,
        place_age_days=np.zeros(places, dtype=np.int64),
        steps=np.zeros((*places, len(ADJUSTMENTS))),
    )
