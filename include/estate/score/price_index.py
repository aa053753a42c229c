"""Price index: how far prices of a market area have moved between two days, estimated from its sales alone.

One penalised least squares for the whole county. The log price of a sale is what its attributes and its area say, plus a
county-wide path in time, plus the area's own departure from that path; a property sold twice also says by itself how far the
path moved between its sales, whatever its attributes (Case and Shiller 1987; joined with the hedonic as in Case and Quigley 1991).
Paths are linear between knots. Penalties are variances of a random process, so that an area with few sales follows the county
and one with many follows its sales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from estate.score.comparables import days

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KNOT_DAYS = 30  # prices have seasons; a month is the shortest step in which a county sells enough homes to see one
AREA_KNOT_STEP = 3  # an area's departure from its county is slow: one knot a quarter
FLIP_DAYS = 180  # a house sold again within half a year was rarely left as it was
ROBUST_LIMIT = 2.5  # residuals beyond so many standard deviations pull no more than at the limit (Huber)
PASSES = 3  # of reweighting; further ones move the path by less than 0.0005
# Standard deviations of the random process, in log price. Measured on both King County sets without their latest tenth: the sales of the
# next month, and held-out fifths, are best explained here; half or twice as much changes their squared error by less than 0.2 %.
CURVATURE_SD = 0.01  # change of the county's monthly step from one month to the next
DEPARTURE_SD = 0.08  # an area's departure from the county path, at any time (0.0001, no departures: 0.2 % worse in both)
DEPARTURE_STEP_SD = 0.02  # its change in a quarter
AREA_SD = 0.5  # what an area is worth beside its neighbours; weak, for areas of one sale
COEFFICIENT_SD = 1.0  # a standardised attribute's worth; weak, for attributes that say the same
PAIR_SD, PAIR_DRIFT_SD = 0.10, 0.06  # error of one of two sales of a house; what a year of wear and works adds (where pairs are few)
PAIRS_MINIMUM = 100  # pairs from which these two are estimated instead

_LOGGED = ("living_area_sqft", "lot_area_sqft", "basement_area_sqft")
_SQUARED = ("living_area_sqft", "year_built", "quality_code")
_ATTRIBUTES = (
    *_LOGGED, "year_built", "year_renovated", "bedroom_count", "bathroom_count", "story_count", "garage_space_count",
    "condition_code", "quality_code", "has_waterfront", "view_code",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PriceIndex:
    """Log price levels on a grid of days: `level` (areas + 1, knots), the last row for areas that are not among `areas`.

    `knot_day` are days since 1970-01-01, ascending; levels are flat before the first and after the last.
    """

    as_of_day: int
    areas: tuple[str, ...]
    knot_day: Ints
    level: Floats

    def log_level(self, market_area: NDArray[Any] | pd.Series, day: NDArray[Any] | int) -> Floats:
        """Log price level of each area on each day, relative to the as-of day (there 0); shapes are broadcast.

        `log(price) - log_level` reads a price at the as-of day. An area without an index of its own, or unknown, has the
        county's. `day` in days since 1970-01-01.
        """
        return self.at(self.row(market_area), day)

    def row(self, market_area: NDArray[Any] | pd.Series) -> Ints:
        """Position of each area in `level`, for `at`."""
        known = pd.Index(self.areas, dtype=object).get_indexer(pd.Index(np.asarray(market_area, dtype=object)))
        return np.where(known < 0, len(self.areas), known).astype(np.int64)

    def at(self, row: Ints, day: NDArray[Any] | int) -> Floats:
        """As `log_level`, for positions that `row` gave."""
        return self._level(row, np.asarray(day)) - self._level(row, np.asarray(self.as_of_day))

    def _level(self, row: Ints, day: NDArray[Any]) -> Floats:
        left, share = _between(self.knot_day, day)
        right = np.minimum(left + 1, len(self.knot_day) - 1)
        return np.asarray(self.level[row, left] * (1 - share) + self.level[row, right] * share)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back the same index to the last bit."""
        return {
            "as_of_day": self.as_of_day,
            "areas": list(self.areas),
            "knot_day": self.knot_day.tolist(),
            "level": self.level.tolist(),
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> PriceIndex:
        """The index that `to_dict` wrote."""
        knot_day = np.array(plain["knot_day"], dtype=np.int64)
        level = np.array(plain["level"], dtype=np.float64).reshape(-1, len(knot_day))
        return cls(int(plain["as_of_day"]), tuple(plain["areas"]), knot_day, level)


def estimate(sales: pd.DataFrame, as_of_day: int) -> PriceIndex:
    """The index of the sales before `as_of_day` (days since 1970-01-01); later ones are left out before anything is computed.

    Columns: property_id, sale_id, sale_price_usd, sale_date; and, where there are any, market_area, property_type and the attributes
    of what was sold (null is unknown). Sales without price or date are left out. With no sale, or all on one day,
    the index is flat. The order of rows changes nothing.
    """
    day = days(sales["sale_date"].where(sales["sale_date"].notna(), pd.Timestamp(0)))
    price = sales["sale_price_usd"].to_numpy(dtype=float, na_value=np.nan)
    sound = sales["sale_date"].notna().to_numpy() & np.isfinite(price) & (price > 0) & (day < as_of_day)
    if "market_area" not in sales:
        sales = sales.assign(market_area=None)
    sales = sales[sound].assign(_day=day[sound]).sort_values(["_day", "sale_id"], ignore_index=True)
    if sales.empty:
        return PriceIndex(as_of_day, (), np.array([as_of_day]), np.zeros((1, 1)))
    day = sales["_day"].to_numpy(dtype=np.int64)
    # Knots are counted back from the last sale; their number is such that every AREA_KNOT_STEP-th one is the area's too.
    step_count = -(-int(day[-1] - day[0]) // (KNOT_DAYS * AREA_KNOT_STEP)) * AREA_KNOT_STEP
    knot_day = day[-1] - KNOT_DAYS * np.arange(step_count, -1, -1, dtype=np.int64)
    if not step_count:
        return PriceIndex(as_of_day, (), knot_day, np.zeros((1, 1)))
    area, names = pd.factorize(sales["market_area"], sort=True)
    area = np.where(area < 0, len(names), area)  # sales without an area are one more
    grid = _Grid.of(area, day, knot_day)
    county, departure = _solve(np.log(sales["sale_price_usd"].to_numpy(dtype=float)), _hedonic(sales), grid, _pairs(sales, day))
    fine = np.array([np.interp(knot_day, knot_day[::AREA_KNOT_STEP], one) for one in departure[: len(names)]])
    level = np.vstack([county + fine.reshape(-1, len(knot_day)), county])
    return PriceIndex(as_of_day, tuple(str(name) for name in names), knot_day, level - level[:, -1:])


@dataclass(frozen=True, slots=True)
class _Grid:
    """What time and area contribute to each sale, a sparse row, with the penalties on it.

    Columns: for each area its departures at `own_count` knots and its level, then the county path at `county_count` knots.
    """

    row: sparse.csr_array
    day: Ints
    area_count: int
    own_count: int
    county_count: int
    own_penalty: Floats
    county_penalty: Floats

    @classmethod
    def of(cls, area: Ints, day: Ints, knot_day: Ints) -> _Grid:
        own_knots = knot_day[::AREA_KNOT_STEP]
        own_count, county_count, area_count = len(own_knots), len(knot_day), int(area.max()) + 1
        everyone, width, first_county = np.arange(len(area)), own_count + 1, area_count * (own_count + 1)
        left, share = _between(own_knots, day)
        county_left, county_share = _between(knot_day, day)
        columns = [area * width + left, area * width + left + 1, area * width + own_count, first_county + county_left]
        columns.append(columns[-1] + 1)
        values = [1 - share, share, np.ones(len(area)), 1 - county_share, county_share]
        shape = (len(area), first_county + county_count)
        row = sparse.csr_array((np.concatenate(values), (np.tile(everyone, 5), np.concatenate(columns))), shape=shape)
        step, bend = np.diff(np.eye(own_count), axis=0), np.diff(np.eye(county_count), n=2, axis=0)
        own_penalty = np.zeros((width, width))
        own_penalty[:-1, :-1] = step.T @ step / DEPARTURE_STEP_SD**2 + np.eye(own_count) / DEPARTURE_SD**2
        own_penalty[-1, -1] = 1 / AREA_SD**2
        # The path's own level is the hedonic's constant; a feather's weight on it makes the two one answer.
        county_penalty = bend.T @ bend / CURVATURE_SD**2 + 1e-6 * np.eye(county_count)
        return cls(row, day, area_count, own_count, county_count, own_penalty, county_penalty)


def _between(knots: Ints, day: NDArray[Any]) -> tuple[Ints, Floats]:
    """The knot before each day and the share of the way to the next, flat beyond the ends."""
    if len(knots) == 1:
        return np.zeros(day.shape, dtype=np.int64), np.zeros(day.shape)
    width = knots[1] - knots[0]
    along = np.clip((day - knots[0]) / width, 0, len(knots) - 1)
    left = np.minimum(along.astype(np.int64), len(knots) - 2)
    return left, along - left


def _hedonic(sales: pd.DataFrame) -> Floats:
    """Attributes, standardised, unknown ones at the mean with a column that says so; columns that never vary are left out."""
    given = sales.reindex(columns=list(_ATTRIBUTES)).apply(pd.to_numeric, errors="coerce").astype(float)
    for name in _LOGGED:
        given[name] = np.log(given[name].where(given[name] > 0))
    given["year_renovated"] = given["year_renovated"].where(given["year_renovated"] > 0)
    parts = []
    for name in _ATTRIBUTES:
        values = given[name].to_numpy()
        known = np.isfinite(values)
        centred = np.where(known, values - (values[known].mean() if known.any() else 0.0), 0.0)
        parts += [centred, (~known).astype(float)] + ([centred**2] if name in _SQUARED else [])
    if "property_type" in sales:
        kind, kinds = pd.factorize(sales["property_type"], sort=True)
        parts += [(kind == number).astype(float) for number in range(len(kinds))]
    table = np.column_stack(parts)
    spread = table.std(axis=0)
    varies = spread > 1e-9
    return np.column_stack([np.ones(len(sales)), (table[:, varies] - table[:, varies].mean(axis=0)) / spread[varies]])


def _pairs(sales: pd.DataFrame, day: Ints) -> tuple[Ints, Ints]:
    """Positions of consecutive sales of one property in one area, at least FLIP_DAYS apart: earlier, later."""
    owner, _ = pd.factorize(sales["property_id"])
    area, _ = pd.factorize(sales["market_area"])
    order = np.lexsort((np.arange(len(owner)), owner))
    earlier, later = order[:-1], order[1:]
    same = (
        (owner[earlier] == owner[later]) & (owner[earlier] >= 0) & (area[earlier] == area[later]) & (day[later] - day[earlier] >= FLIP_DAYS)
    )
    return earlier[same], later[same]


def _solve(log_price: Floats, hedonic: Floats, grid: _Grid, pairs: tuple[Ints, Ints]) -> tuple[Floats, Floats]:
    """County path (knots) and departures (areas, knots), by iteratively reweighted penalised least squares."""
    earlier, later = pairs
    gap_years = (grid.day[later] - grid.day[earlier]) / 365.25
    # A property's area cancels in the difference, and so does all else that did not change. What a house gains by being readied
    # for sale, whenever that was, has a column of its own (Goetzmann and Spiegel 1995): without it flips would pass for a rise.
    dense = np.vstack([
        np.column_stack([hedonic, np.zeros(len(hedonic))]),
        np.column_stack([hedonic[later] - hedonic[earlier], np.ones(len(later))]),
    ])  # fmt: skip
    row = sparse.csr_array(sparse.vstack([grid.row, grid.row[later] - grid.row[earlier]]))
    target = np.concatenate([log_price - log_price.mean(), log_price[later] - log_price[earlier]])
    count = len(log_price)
    variance = np.concatenate([np.full(count, 0.2**2), 2 * PAIR_SD**2 + PAIR_DRIFT_SD**2 * gap_years])
    pull = np.ones(len(target))
    for _ in range(PASSES):
        own, county, residual = _weighted(target, dense, row, pull / variance, grid)
        variance[:count] = max(_spread(residual[:count]), 1e-3) ** 2
        variance[count:] = _pair_variance(residual[count:], gap_years)
        pull = 1 / np.maximum(np.abs(residual) / np.sqrt(variance) / ROBUST_LIMIT, 1.0)
    return county, own[:, :-1]


def _spread(residual: Floats) -> float:
    """Standard deviation as the median says it, which odd sales do not widen."""
    return float(1.4826 * np.median(np.abs(residual))) if len(residual) else 0.0


def _pair_variance(residual: Floats, gap_years: Floats) -> Floats:
    """Variance of each pair's difference: two sales' errors, and drift with the years between (Case and Shiller's second step)."""
    fallback = 2 * PAIR_SD**2 + PAIR_DRIFT_SD**2 * gap_years
    if len(residual) < PAIRS_MINIMUM:
        return np.asarray(fallback)
    spread = _spread(residual)
    square = np.minimum(residual**2, (3 * spread) ** 2)
    design = np.column_stack([np.ones(len(gap_years)), gap_years])
    base, drift = np.linalg.lstsq(design, square, rcond=None)[0]
    if base <= 0 or drift < 0:
        base, drift = float(square.mean()), 0.0
    return np.maximum(base + drift * gap_years, (0.5 * PAIR_SD) ** 2)


def _weighted(target: Floats, dense: Floats, row: sparse.csr_array, weight: Floats, grid: _Grid) -> tuple[Floats, Floats, Floats]:
    """Area values (areas, own_count + 1), county path and residuals of one penalised weighted least squares.

    Given the county path and the attributes' coefficients the areas are independent of each other: each is eliminated on its own
    (Schur complement), and what is left is a small dense system. A general sparse factorisation takes a hundred times as long.
    """
    areas, width, knots = grid.area_count, grid.own_count + 1, grid.county_count
    weighted = sparse.csr_array(row.multiply(weight[:, None]))
    inner = sparse.coo_array(row.T @ weighted)
    first, second, value = inner.row.astype(np.int64), inner.col.astype(np.int64), inner.data
    split = areas * width
    own_rows = first < split
    near, far = own_rows & (second < split), own_rows & (second >= split)
    own = np.zeros((areas, width, width))
    own[first[near] // width, first[near] % width, second[near] % width] = value[near]
    own += grid.own_penalty
    cross = np.column_stack([weighted.T @ dense, weighted.T @ target])
    coupled = np.zeros((areas, width, knots + dense.shape[1] + 1))  # to the county path, the coefficients and the target
    coupled[first[far] // width, first[far] % width, second[far] - split] = value[far]
    coupled[:, :, knots:] = cross[:split].reshape(areas, width, -1)
    county = np.zeros((knots, knots))
    rest = ~own_rows & (second >= split)
    county[first[rest] - split, second[rest] - split] = value[rest]
    scaled = dense * weight[:, None]
    ridge = np.full(dense.shape[1], 1 / COEFFICIENT_SD**2)
    ridge[0] = 1e-9  # the constant is free
    left = np.block([
        [county + grid.county_penalty, cross[split:, :-1]],
        [cross[split:, :-1].T, scaled.T @ dense + np.diag(ridge)],
    ])  # fmt: skip
    right = np.concatenate([cross[split:, -1], scaled.T @ target])
    through = np.linalg.solve(own, coupled)
    reduced = np.einsum("awi,awj->ij", coupled[:, :, :-1], through, optimize=True)
    outer = np.linalg.solve(left - reduced[:, :-1], right - reduced[:, -1])
    values = through[:, :, -1] - through[:, :, :-1] @ outer
    found = np.concatenate([values.ravel(), outer[:knots]])
    return values, outer[:knots], target - dense @ outer[knots:] - row @ found
