"""One number for several hazards, given as an interval, because what is not known is not zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from estate.hazard.weights import WEIGHTS


def composite(scores: pd.DataFrame, weights: Mapping[str, float] = WEIGHTS) -> pd.DataFrame:
    """Composite of the hazards in `scores` (one column a hazard, 0-1, NaN = unknown): composite_low and composite_high.

    Each is ``1 - prod(1 - weight * score)``; low takes every unknown score as 0, high as 1. They are equal exactly where
    nothing is unknown, and the order of the columns makes no difference to the last digit. Raises ValueError for a hazard
    without a weight, or for a weight or score outside 0-1.
    """
    hazards = list(scores.columns)
    if missing := set(hazards) - set(weights):
        raise ValueError(f"no weight for {', '.join(sorted(missing))}")
    weight = np.array([weights[hazard] for hazard in hazards], dtype=float)
    score = scores.to_numpy(dtype=float)
    if not ((weight >= 0) & (weight <= 1)).all() or ((score < 0) | (score > 1)).any():
        raise ValueError("weights and scores lie between 0 and 1")
    unknown = np.isnan(score)
    low = _combined(np.where(unknown, 0.0, score) * weight)
    high = _combined(np.where(unknown, 1.0, score) * weight)
    return pd.DataFrame({"composite_low": low, "composite_high": high}, index=scores.index)


def _combined(weighted: np.ndarray) -> np.ndarray:
    # Sorted, because a product of floats depends on its order.
    return 1.0 - np.prod(1.0 - np.sort(weighted, axis=1), axis=1)
