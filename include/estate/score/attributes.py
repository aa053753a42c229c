"""Attributes of a house as the models read them: one table of numbers, in one order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ATTRIBUTES = (
    "living_area_sqft", "basement_area_sqft", "lot_area_sqft", "year_built", "year_renovated", "bedroom_count", "bathroom_count",
    "story_count", "garage_space_count", "condition_code", "quality_code", "has_waterfront", "view_code",
)  # fmt: skip
_LOGGED = ("living_area_sqft", "lot_area_sqft")  # a tenth more is worth the same share at any size
_LOGGED_OR_NONE = ("basement_area_sqft",)  # the same, and most houses have none


def table(frame: pd.DataFrame) -> Floats:
    """Attributes in the order of ATTRIBUTES, shape (n, 13): sizes as logs, codes and counts as they are, NaN is unknown.

    A size of zero or less is unknown, except that of a basement. A house with a year of construction and none of renovation was never
    renovated: it reads as 0, so that never and unknown stay apart.
    """
    out = np.full((len(frame), len(ATTRIBUTES)), np.nan)
    for place, name in enumerate(ATTRIBUTES):
        if name not in frame:
            continue
        values = pd.to_numeric(frame[name]).to_numpy(dtype=float, na_value=np.nan)
        if name in _LOGGED:
            values = np.log(np.where(values > 0, values, np.nan))
        elif name in _LOGGED_OR_NONE:
            values = np.log1p(np.where(values >= 0, values, np.nan))
        out[:, place] = values
    renovated, built = ATTRIBUTES.index("year_renovated"), ATTRIBUTES.index("year_built")
    out[:, renovated] = np.where(np.isnan(out[:, renovated]) & np.isfinite(out[:, built]), 0.0, out[:, renovated])
    return out
