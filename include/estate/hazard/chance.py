"""From a yearly chance and a severity to a chance over thirty years and a score.

Every hazard is brought to the same two numbers. `probability_30y` is the chance of at least one damaging event in thirty
years, the term of the usual mortgage. The score weighs it by how bad such an event is: a severity of 2 counts as two
independent events of the ordinary kind, so ``score = 1 - (1 - probability)**severity``. It stays within 0 and 1, rises with
both, and equals the probability where the severity is ordinary (1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

HORIZON_YEARS = 30


def at_least_once(annual_chance: ArrayLike) -> NDArray[np.float64]:
    """Chance of at least one event in thirty years of independent years, each with `annual_chance` (0-1; NaN stays NaN).

    >>> at_least_once([0.01, 0.002]).round(3).tolist()
    [0.26, 0.058]
    """
    with np.errstate(divide="ignore"):  # a yearly chance of 1 is certain: log1p gives -inf, and the chance 1
        return np.asarray(-np.expm1(HORIZON_YEARS * np.log1p(-np.asarray(annual_chance, dtype=float))))


def at_least_once_of_rate(annual_rate: ArrayLike) -> NDArray[np.float64]:
    """Chance of at least one event in thirty years at `annual_rate` events a year (0 and more), arriving as a Poisson process."""
    return np.asarray(-np.expm1(-HORIZON_YEARS * np.asarray(annual_rate, dtype=float)))


def score(probability: ArrayLike, severity: ArrayLike) -> NDArray[np.float64]:
    """Score 0-1 of a thirty-year `probability` (0-1) at `severity` (above 0; 1 is ordinary). NaN where the probability is NaN.

    >>> score([0.26, 0.26], [1, 2]).round(4).tolist()
    [0.26, 0.4524]
    """
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(np.asarray(severity, dtype=float) * np.log1p(-np.asarray(probability, dtype=float))))
