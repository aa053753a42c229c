"""Intervals: how far a price may lie from its estimate, by conformal prediction with a width of its own for every house.

A model of the size of out-of-fold errors says how uncertain a house is beside others; the errors of a trial out of time, each in
units of that size, say how many such units hold a stated share of prices (split conformal prediction, Lei et al. 2018, with locally
weighted residuals). The tails are taken apart, because prices err further up than down.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from estate.score import parameters as p

if TYPE_CHECKING:
    from lightgbm import Booster

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """`width` is the text of the trees that say the size of an error; `residuals`, sorted, are errors of the trial in such sizes.

    `unknown_cost` (attributes,) is the standard deviation in log price that not knowing each attribute adds.
    """

    width: str
    residuals: Floats
    unknown_cost: Floats

    @cached_property
    def _trees(self) -> Booster:
        import lightgbm

        return lightgbm.Booster(model_str=self.width)

    def scale(self, seen: Floats, is_unknown: NDArray[np.bool_]) -> Floats:
        """Size of the error of each house in log price, shape (n,); what is not known about a house widens it."""
        size = np.maximum(np.exp(self._trees.predict(seen, num_threads=p.THREADS if len(seen) >= p.THREADED_ROWS else 1)), p.WIDTH_FLOOR)
        return np.asarray(np.sqrt(size**2 + is_unknown @ self.unknown_cost**2))

    def band(self, level: float) -> tuple[float, float]:
        """Errors, in sizes, between which the share `level` lies, with the finite-sample correction of split conformal prediction."""
        count = len(self.residuals)
        # Of count + 1 exchangeable errors the new one lies beyond the rank-th with a chance of at most half of what is left out.
        rank = min(count, int(np.ceil(round((1 + level) / 2 * (count + 1), 9))))
        low, high = self.residuals[count - rank], self.residuals[rank - 1]
        # Few errors reach only as far as a share of count / (count + 1) on a side; what lies beyond is read off a normal tail.
        stretch = max(1.0, float(norm.ppf((1 + level) / 2) / norm.ppf(count / (count + 1)))) if count > 1 else 1.0
        return min(float(low) * stretch, 0.0), max(float(high) * stretch, 0.0)


def width_model(seen: Floats, error: Floats, seed: int) -> str:
    """Trees of the log size of `error` (n,), given what is seen of each house (n, k); too few errors give one size for all."""
    import lightgbm

    size = np.log(np.maximum(np.abs(error), p.WIDTH_FLOOR / 4))
    # The mean of the log of a half-normal error lies 0.635 below the log of its standard deviation.
    settings = {
        "objective": "regression", "num_leaves": p.WIDTH_LEAVES, "learning_rate": p.WIDTH_RATE, "min_data_in_leaf": p.WIDTH_ROWS,
        "seed": seed, "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    return lightgbm.train(settings, lightgbm.Dataset(seen, label=size + 0.635), num_boost_round=p.WIDTH_TREES).model_to_string()
