"""Comparables: which past sales speak for a property, and with what weight.

The weight exp(-(d/sigma_m)^2) exp(-(t/sigma_days)^2) falls with the Euclidean distance in a space whose axes are metres over
sigma_m and days over sigma_days. The k nearest in that space are therefore the k heaviest, and one k-d tree answers exactly,
for any mixture of valuation dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import cKDTree

from estate.score import parameters as p

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_FARTHEST = float(np.hypot(p.RANGE_M / p.SIGMA_M, p.RANGE_DAYS / p.SIGMA_DAYS))


@dataclass(frozen=True, slots=True)
class Candidates:
    """The heaviest sales of each subject: arrays of shape (subjects, CANDIDATES), heaviest first.

    `sale` is the position in the sales frame, -1 where there is no further candidate (weight 0, other values 0).
    `distance_m` in metres, `age_days` in days, `weight` in (0, 1], not yet normalised.
    """

    sale: Ints
    distance_m: Floats
    age_days: Ints
    weight: Floats


def metres(latitude: Floats, longitude: Floats) -> Floats:
    """Geocentric coordinates in metres, shape (n, 3), of WGS 84 degrees; NaN where either is unknown.

    One frame for the whole country, without zone edges: over 2 miles chord and geodesic differ by less than 0.1 mm
    (height is taken as 0 on the ellipsoid).
    """
    to_metres = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    known = np.isfinite(latitude) & np.isfinite(longitude)
    out = np.full((len(latitude), 3), np.nan)
    if known.any():
        out[known] = np.column_stack(to_metres.transform(longitude[known], latitude[known], np.zeros(int(known.sum()))))
    return out


def days(dates: pd.Series) -> Ints:
    """Whole days since 1970-01-01."""
    return pd.to_datetime(dates).to_numpy(dtype="datetime64[D]").astype(np.int64)


def usable(sales: pd.DataFrame) -> NDArray[np.bool_]:
    """Which sales can be compared with: price above zero, date, coordinates, living area and property type known."""
    numbers = sales[["sale_price_usd", "living_area_sqft", "latitude", "longitude"]].to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(
        np.isfinite(numbers).all(axis=1)
        & (numbers[:, 0] > 0)
        & (numbers[:, 1] > 0)
        & sales["sale_date"].notna().to_numpy()
        & sales["property_type"].notna().to_numpy()
    )


class Market:
    """Past sales, ready to be asked: k-d trees by property type and size, each built once, when first asked.

    The tree of a size class holds the sales that any subject of the class may be compared with, so that a class finds few sales of
    another size among its neighbours; sizes of a class differ by SIZE_CLASS, and a sale stands in about four trees.
    """

    def __init__(self, sales: pd.DataFrame) -> None:
        """Index `sales` (see `usable`; others make no sense here and raise ValueError).

        Columns: property_id, property_type, latitude, longitude, living_area_sqft, sale_date. Candidates name sales by their
        position in this frame; equal weights keep its order.
        """
        if not usable(sales).all():
            raise ValueError("a sale without price, date, coordinates, living area or property type cannot be compared with")
        self._owner, owners = pd.factorize(sales["property_id"])
        self._owners = pd.Index(owners)
        self._area = sales["living_area_sqft"].to_numpy(dtype=float)
        self._sold = days(sales["sale_date"])
        there = metres(sales["latitude"].to_numpy(dtype=float), sales["longitude"].to_numpy(dtype=float)) / p.SIGMA_M
        self._points = np.column_stack([there, self._sold / p.SIGMA_DAYS])
        types = sales["property_type"].to_numpy(dtype=object)
        self._members = {name: np.flatnonzero(types == name) for name in pd.unique(types)}
        self._trees: dict[tuple[str, int], tuple[cKDTree, Ints]] = {}

    def prepare(self, subjects: pd.DataFrame) -> None:
        """Build every tree that `subjects` will ask; `retrieve` builds what is missing, but not from two threads at once."""
        for property_type, size_class, _ in _classes(subjects, np.ones(len(subjects), dtype=bool)):
            self._tree(property_type, size_class)

    def _tree(self, property_type: str, size_class: int) -> tuple[cKDTree, Ints]:
        """The tree of a type and size class, and the position of its points among the sales."""
        if (property_type, size_class) not in self._trees:
            members = self._members.get(property_type, np.empty(0, dtype=np.int64))
            low, high = p.SIZE_CLASS**size_class, p.SIZE_CLASS ** (size_class + 1)
            # A hair wider than the class, whose bounds are rounded.
            area = self._area[members]
            members = members[(area >= 0.999 * p.SIZE_RATIO_LOW * low) & (area <= 1.001 * p.SIZE_RATIO_HIGH * high)]
            self._trees[property_type, size_class] = cKDTree(self._points[members], balanced_tree=False, compact_nodes=False), members
        return self._trees[property_type, size_class]

    def retrieve(self, subjects: pd.DataFrame, valuation_day: Ints) -> Candidates:
        """The heaviest CANDIDATES sales of every subject on its own valuation day (days since 1970-01-01).

        Same property type, within 2 miles, 70-130 % of living area, sold 1 to 180 days before; the subject's own sales are
        left out. Columns: property_id, property_type, latitude, longitude, living_area_sqft; unknown ones find nothing.
        """
        shape = (len(subjects), p.CANDIDATES)
        found = Candidates(np.full(shape, -1), np.zeros(shape), np.zeros(shape, dtype=np.int64), np.zeros(shape))
        owner = self._owners.get_indexer(pd.Index(subjects["property_id"]))
        area = subjects["living_area_sqft"].to_numpy(dtype=float, na_value=np.nan)
        here = metres(*(subjects[name].to_numpy(dtype=float, na_value=np.nan) for name in ("latitude", "longitude"))) / p.SIGMA_M
        points = np.column_stack([here, valuation_day / p.SIGMA_DAYS])
        for property_type, size_class, rows_of in _classes(subjects, np.asarray(np.isfinite(points).all(axis=1))):
            tree, members = self._tree(property_type, size_class)
            pending, net = (rows_of if tree.n else rows_of[:0]), p.NET
            while len(pending):
                short = []
                for rows, near, scaled in _nearest(tree, pending, points, net):
                    sale = members[near]
                    age = valuation_day[rows][:, None] - self._sold[sale]
                    distance = p.SIGMA_M * np.sqrt(np.maximum(scaled**2 - (age / p.SIGMA_DAYS) ** 2, 0))
                    size = self._area[sale] / area[rows][:, None]
                    fits = (age >= 1) & (age <= p.RANGE_DAYS) & (distance <= p.RANGE_M)
                    fits &= (size >= p.SIZE_RATIO_LOW) & (size <= p.SIZE_RATIO_HIGH) & (self._owner[sale] != owner[rows][:, None])
                    _keep(found, rows, fits, sale=sale, distance=distance, age=age, scaled=scaled)
                    short.append(rows[(fits.sum(axis=1) < p.CANDIDATES) & np.isfinite(scaled[:, -1])])
                pending = np.concatenate(short) if net < min(tree.n, p.NET_LIMIT) else np.empty(0, dtype=np.int64)
                net *= 4
        return found


def _classes(subjects: pd.DataFrame, askable: NDArray[np.bool_]) -> Iterator[tuple[str, int, Ints]]:
    """Property type, size class and row numbers of the `askable` subjects that have both a type and a living area."""
    area = subjects["living_area_sqft"].to_numpy(dtype=float, na_value=np.nan)
    kind, kinds = pd.factorize(subjects["property_type"])
    rows = np.flatnonzero(askable & np.isfinite(area) & (area > 0) & (kind >= 0))
    size_class = np.floor(np.log(area[rows]) / np.log(p.SIZE_CLASS)).astype(np.int64)
    order = np.lexsort((rows, size_class, kind[rows]))
    rows, size_class = rows[order], size_class[order]
    edges = np.flatnonzero((np.diff(size_class, prepend=-1) != 0) | (np.diff(kind[rows], prepend=-1) != 0))
    for start, part in zip(edges, np.split(rows, edges[1:]) if len(rows) else (), strict=True):
        yield str(kinds[kind[part[0]]]), int(size_class[start]), part


def _nearest(tree: cKDTree, subjects: Ints, points: Floats, net: int) -> Iterator[tuple[Ints, Ints, Floats]]:
    """The `net` nearest of `subjects`, in chunks: rows, position in tree, scaled distance (infinite = none within reach).

    The tree cannot know size, owner or the order of time, so the net is wider than what is kept, and is cast again, wider,
    for those it left short.
    """
    points = points[subjects]
    # Neighbours in the order of space share pages of the tree.
    order = np.lexsort((points[:, 1], np.round(points[:, 0])))
    size = max(1, p.CHUNK_CELLS // net)
    for start in range(0, len(order), size):
        part = order[start : start + size]
        scaled, near = tree.query(points[part], k=min(net, tree.n), distance_upper_bound=_FARTHEST)
        scaled, near = scaled.reshape(len(part), -1), near.reshape(len(part), -1)
        yield subjects[part], np.where(near == tree.n, 0, near), scaled


def _keep(found: Candidates, rows: Ints, fits: NDArray[np.bool_], *, sale: Ints, distance: Floats, age: Ints, scaled: Floats) -> None:
    """Write the first CANDIDATES that fit of each row (neighbours come nearest first) into `found`."""
    place = np.cumsum(fits, axis=1) - 1
    row, column = np.nonzero(fits & (place < p.CANDIDATES))
    slot = place[row, column]
    found.sale[rows[row], slot] = sale[row, column]
    found.distance_m[rows[row], slot] = distance[row, column]
    found.age_days[rows[row], slot] = age[row, column]
    found.weight[rows[row], slot] = np.exp(-(scaled[row, column] ** 2))
