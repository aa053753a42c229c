"""The model of one county: trained, tried, stored as bytes, and asked for values.

An estimate is made of four steps in log price: boosted trees with a second opinion, what the adjusted comparables say beside them,
and a spread for vertical equity. How much each counts is decided on out-of-fold predictions of past sales only. The same sales, day
and seed give the same bytes, in whatever order the rows come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.score import parameters as p
from estate.score.attributes import ATTRIBUTES
from estate.score.boosting import Boosted
from estate.score.comparables import days, usable
from estate.score.comparator import Comparator, Compared, Stock
from estate.score.conformal import Interval
from estate.score.design import Design, design
from estate.score.equity import Spread
from estate.score.neighbourhood import Neighbourhood
from estate.score.price_index import PriceIndex, estimate
from estate.score.sale_validation import market_area
from estate.score.support import Support

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Parts:
    """How the estimates of n houses come about, in log price at the valuation day.

    `trees` and `second` add up to what the boosted models say; `comparables` and `equity` are what each further step adds, and
    `estimate` is the sum of the four. `drift` is the part of `trees` that the market moved since the model's day. `scale` is the size
    of the error, and `seen` what it was read from.
    """

    design: Design
    compared: Compared
    trees: Floats
    second: Floats
    comparables: Floats
    equity: Floats
    drift: Floats
    seen: Floats

    @property
    def boosted(self) -> Floats:
        """Log price before the comparables are heard."""
        return self.trees + self.second

    @property
    def estimate(self) -> Floats:
        """Log price after every step."""
        return self.boosted + self.comparables + self.equity


@dataclass(frozen=True)
class Model:
    """What one county's sales before `as_of_day` (days since 1970-01-01) teach; values stand for that day or later ones."""

    as_of_day: int
    seed: int
    neighbourhood: Neighbourhood
    boosted: Boosted
    comparator: Comparator
    comparables_weight: float
    spread: Spread
    interval: Interval
    support: Support
    frontier: pd.DataFrame
    importance: pd.DataFrame

    def parts(self, subjects: pd.DataFrame, stock: Stock, day: int, index: PriceIndex | None = None) -> Parts:
        """Estimate `subjects` (located, with living area and type; see `prepared`) on `day` from comparables in `stock`.

        `index` is that of the sales before `day`; without it the market is taken to stand still since the model's day.
        """
        if day < self.as_of_day:
            raise ValueError(f"this model was trained with sales up to {_date(self.as_of_day)}; it cannot value {_date(day)}")
        seen = design(subjects, self.neighbourhood)
        index = index or self.comparator.index
        drift = -index.log_level(subjects["market_area"], self.as_of_day) if day > self.as_of_day else np.zeros(len(subjects))
        trees = self.boosted.trees_alone(seen.matrix) + drift
        second = self.boosted.second_opinion(seen.matrix)
        compared = replace(self.comparator, index=index).compare(subjects, stock, day)
        beside = beside_boosted(compared, trees + second)
        heard = trees + second + self.comparables_weight * beside
        # The middle of the spread is of the model's day; what the market moved since is the same for dear and cheap.
        equity = self.spread.apply(heard - drift) - (heard - drift)
        view = seen_by_width(seen, compared, trees + second)
        return Parts(seen, compared, trees, second, self.comparables_weight * beside, equity, drift, view)

    def scale(self, parts: Parts) -> Floats:
        """Size of the error of each estimate in log price."""
        return self.interval.scale(parts.seen, parts.design.is_unknown)

    def to_bytes(self) -> bytes:
        """The model as an archive of its libraries' own formats; never code."""
        from estate.score.archive import packed

        return packed(self)

    @classmethod
    def from_bytes(cls, body: bytes) -> Model:
        """The model that `to_bytes` wrote. ModelRefused when it was written by code with other attributes."""
        from estate.score.archive import unpacked

        return unpacked(body)

    def market(self, sales: pd.DataFrame, day: int) -> tuple[Stock, PriceIndex]:
        """The sales before `day` to compare with, and their price index; to be read once for many questions on that day."""
        known = prepared(sales, day)
        recent = known[days(known["sale_date"]) >= day - p.RANGE_DAYS]
        index = self.comparator.index if day == self.as_of_day else estimate(known, day)
        return Stock(recent), index

    def importances(self) -> pd.DataFrame:
        """Mean absolute contribution to past sales' estimates: columns feature and importance_usd, the largest first."""
        return self.importance

    def tradeoff(self) -> list[dict[str, Any]]:
        """The frontier between accuracy and equity, a point per share by which estimates were spread: name, mape_pct, vei, is_chosen."""
        named = self.frontier.assign(name=[f"spread by {share:.1%}" for share in self.frontier["spread_share"]])
        return [
            {str(name): value for name, value in point.items()}
            for point in named[["name", "mape_pct", "vei", "is_chosen"]].to_dict("records")
        ]

    def components(self) -> list[dict[str, str]]:
        """What the model is made of, in the order in which an estimate comes about."""
        named = {
            "price index": f"prices read at {_date(self.as_of_day)}; {len(self.comparator.index.areas)} market areas, "
            "from attributes, areas and repeat sales in one penalised least squares",
            "neighbourhood": f"{len(self.neighbourhood.place):,} past sales; levels of prices around a place, its own sales left out",
            "boosted trees": f"up to {p.TREE_COUNT} symmetric trees on the log price, never falling with living area or condition",
            "second opinion": f"{p.LINEAR_TREE_BAGS} × {p.LINEAR_TREE_COUNT} linear trees on the out-of-fold errors of the first",
            "comparables": f"up to {p.KEPT}, ranked by learned trees and adjusted; they move an estimate by "
            f"{self.comparables_weight:.0%} of what they say beside it",
            "vertical equity": f"log estimates spread by {self.spread.share:.1%} about their middle",
            "intervals": f"conformal, from {len(self.interval.residuals):,} sales valued out of time",
        }
        return [{"name": name, "description": text} for name, text in named.items()]


def prepared(sales: pd.DataFrame, before_day: int) -> pd.DataFrame:
    """The usable sales before `before_day` in the order of date and identifier, with their market area; the rest is not looked at."""
    sales = sales[usable(sales)]
    sales = sales[days(sales["sale_date"]) < before_day].sort_values(["sale_date", "sale_id"], ignore_index=True)
    return with_area(sales)


def with_area(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with its market area, and a column of nulls for every attribute that it lacks."""
    missing: dict[str, float | None] = {name: np.nan for name in ATTRIBUTES if name not in frame}
    for name in ("situs_zip", "property_type"):
        if name not in frame:
            missing[name] = None
    frame = frame.assign(**missing) if missing else frame
    return frame.assign(market_area=market_area(frame))


def beside_boosted(compared: Compared, boosted: Floats) -> Floats:
    """What the comparables say beside the boosted models, in log price; 0 where there are too few of them to be heard."""
    return np.where(compared.count >= p.COMPARABLES_MINIMUM, np.nan_to_num(compared.estimate) - boosted, 0.0)


def seen_by_width(seen: Design, compared: Compared, boosted: Floats) -> Floats:
    """What the size of an error is read from: all that the trees see, the estimate, and how the comparables agree with it."""
    beside = np.abs(beside_boosted(compared, boosted))
    return np.column_stack(
        [seen.matrix, boosted, beside, compared.dispersion, compared.count, compared.gross_adjustment, compared.distance_m]
    )


def day_number(day: date) -> int:
    """Whole days since 1970-01-01."""
    return int(days(pd.Series([day]))[0])


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
