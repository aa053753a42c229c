"""Neighbourhood: what past sales say about a place, whatever stands on it.

Nothing here depends on the living area of the subject, so that a larger house on the same lot is never placed in a poorer street.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from estate.score import parameters as p
from estate.score.attributes import ATTRIBUTES, table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_KM_PER_DEGREE = 111.195  # of a great circle on the mean sphere; a scale only, the same for all
_YEAR, _QUALITY, _LOT, _LIVING = (ATTRIBUTES.index(name) for name in ("year_built", "quality_code", "lot_area_sqft", "living_area_sqft"))
# What is told of a place, in the order of `Neighbourhood.levels`.
LEVELS = (
    "north_km", "east_km", *(f"along_{angle}_km" for angle in p.ROTATIONS), *(f"across_{angle}_km" for angle in p.ROTATIONS),
    *(f"level_{metres}_m" for metres in p.LEVEL_METRES), "level_alike", "level_same_age", "price_per_sqft_near", "price_per_sqft_around",
    "log_spacing_km",
)  # fmt: skip
AROUND = ("quality_around", "year_built_around", "lot_around", "living_around", "quality_near", "year_built_near", "living_near")


@dataclass(frozen=True)
class Neighbourhood:
    """Past sales by place: coordinates in degrees (n, 2), owner's property id, attributes (n, a), and log prices at one day.

    `residual` is the log price beyond what attributes alone say; `log_price_per_sqft` at the same day.
    """

    place: Floats
    property_id: NDArray[np.object_]
    attributes: Floats
    residual: Floats
    log_price_per_sqft: Floats

    @classmethod
    def of(cls, sales: pd.DataFrame, log_price: Floats) -> Neighbourhood:
        """From past sales (latitude, longitude, property_id, attributes) and their log prices, read at one day."""
        known = table(sales)
        return cls(
            sales[["latitude", "longitude"]].to_numpy(dtype=float),
            sales["property_id"].to_numpy(dtype=object),
            known,
            _beyond_attributes(known, log_price),
            log_price - known[:, _LIVING],
        )

    @cached_property
    def _origin(self) -> Floats:
        return np.asarray(np.median(self.place, axis=0))

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._km(self.place))

    @cached_property
    def _middle(self) -> Floats:
        """Typical attributes; 0 where none is known."""
        known = np.isfinite(self.attributes)
        return np.array(
            [np.median(column[is_known]) if is_known.any() else 0.0 for column, is_known in zip(self.attributes.T, known.T, strict=True)]
        )

    def _km(self, place: Floats) -> Floats:
        """North and east of the market's middle; over a county the error of a plane is far below that of an address."""
        north, east = (place - self._origin).T * _KM_PER_DEGREE
        return np.column_stack([north, east * np.cos(np.deg2rad(self._origin[0]))])

    def read(self, frame: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
        """LEVELS (n, 15), AROUND (n, 7) and completed attributes (n, a) of each row, without its own sales.

        An attribute that is not known is read as that of the houses around.
        """
        parts = [self._read(frame.iloc[start : start + p.CHUNK_ROWS]) for start in range(0, max(len(frame), 1), p.CHUNK_ROWS)]
        levels, around, completed = (np.concatenate(part) for part in zip(*parts, strict=True))
        return levels, around, completed

    def _read(self, frame: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
        here = self._km(frame[["latitude", "longitude"]].to_numpy(dtype=float))
        owner = pd.Index(self._owners).get_indexer(pd.Index(frame["property_id"]))
        count = min(p.NEIGHBOURS, len(self.place))
        distance, near = self._tree.query(here, k=np.arange(1, count + 1))
        is_other = self._owner[near] != owner[:, None]
        close, wide = (np.exp(-distance / km) * is_other for km in (p.NEAR_KM, p.AROUND_KM))
        own = table(frame)
        completed = np.where(np.isfinite(own), own, self._around(wide, near, range(len(ATTRIBUTES))))
        levels = [_mean(np.exp(-distance / (metres / 1000)) * is_other, self.residual[near], p.LEVEL_SHRINK) for metres in p.LEVEL_METRES]
        vintage = np.abs(self._vintage[near] - completed[:, [_YEAR]])
        alike = (
            -distance / p.ALIKE_KM
            - vintage / p.ALIKE_YEARS
            - np.abs(self._completed[:, _QUALITY][near] - completed[:, [_QUALITY]]) / p.ALIKE_QUALITY
            - np.abs(self._completed[:, _LOT][near] - completed[:, [_LOT]]) / p.ALIKE_LOT
        )
        levels.append(_mean(np.exp(alike) * is_other, self.residual[near], p.LEVEL_SHRINK_ALIKE))
        levels.append(
            _mean(np.exp(-distance / p.NEAR_KM - vintage / p.SAME_AGE_YEARS) * is_other, self.residual[near], p.LEVEL_SHRINK_ALIKE)
        )
        levels += [_mean(weight + p.FEATHER * is_other, self.log_price_per_sqft[near], 0.0) for weight in (close, wide)]
        spacing = np.log(distance[:, min(p.SPACING_RANK, count) - 1] + 0.01)
        around = np.column_stack([
            self._around(wide, near, (_QUALITY, _YEAR, _LOT, _LIVING)),
            self._around(close, near, (_QUALITY, _YEAR, _LIVING)),
        ])  # fmt: skip
        return np.column_stack([_turned(here), *levels, spacing]), around, completed

    def nearest_km(self, frame: pd.DataFrame, rank: int) -> Floats:
        """How far the `rank`-th nearest past sale lies, in km; infinite where there are fewer."""
        distance, _ = self._tree.query(self._km(frame[["latitude", "longitude"]].to_numpy(dtype=float)), k=[rank])
        return np.asarray(distance[:, 0])

    @cached_property
    def _owners(self) -> NDArray[np.object_]:
        return np.asarray(pd.unique(self.property_id), dtype=object)

    @cached_property
    def _owner(self) -> Ints:
        return np.asarray(pd.Index(self._owners).get_indexer(pd.Index(self.property_id)), dtype=np.int64)

    @cached_property
    def _completed(self) -> Floats:
        return np.where(np.isfinite(self.attributes), self.attributes, self._middle)

    @cached_property
    def _vintage(self) -> Floats:
        return self._completed[:, _YEAR]

    def _around(self, weight: Floats, near: Ints, columns: range | tuple[int, ...]) -> Floats:
        """Weighted means of attributes of the neighbours that know them; the market's middle where none does."""
        out = np.empty((len(near), len(columns)))
        for place, column in enumerate(columns):
            values = self.attributes[:, column][near]
            known = np.isfinite(values)
            told = (weight + p.FEATHER) * known
            total = told.sum(axis=1)
            mean = (told * np.where(known, values, 0.0)).sum(axis=1)
            out[:, place] = np.divide(mean, total, out=np.full(len(near), self._middle[column]), where=total > 0)
        return out


def _mean(weight: Floats, value: Floats, shrink: float) -> Floats:
    """Weighted mean over neighbours, drawn to zero where their weight is small beside `shrink`."""
    total = weight.sum(axis=1) + shrink
    return np.divide((weight * value).sum(axis=1), total, out=np.zeros(len(weight)), where=total > 0)


def _turned(here: Floats) -> Floats:
    """Coordinates, and the same along turned axes: a tree cuts only along axes, and shores and valleys follow none."""
    angles = np.deg2rad(p.ROTATIONS)
    along = here[:, [1]] * np.cos(angles) + here[:, [0]] * np.sin(angles)
    across = here[:, [0]] * np.cos(angles) - here[:, [1]] * np.sin(angles)
    return np.column_stack([here, along, across])


def _beyond_attributes(known: Floats, log_price: Floats) -> Floats:
    """Residual of a ridge regression of log prices on attributes and their squares, without any place in it."""
    from sklearn.linear_model import Ridge

    filled = np.where(np.isfinite(known), known, np.nan)
    with_middle = np.column_stack(
        [np.where(np.isfinite(column), column, np.nanmedian(column)) for column in filled.T if np.isfinite(column).any()]
    )
    design = np.column_stack([with_middle, (with_middle - with_middle.mean(axis=0)) ** 2])
    spread = design.std(axis=0)
    design = (design - design.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if not design.shape[1]:
        return np.asarray(log_price - log_price.mean())
    return np.asarray(log_price - Ridge(alpha=1.0).fit(design, log_price).predict(design))
