"""Risk: what the hazards of a property come to, on 0 to 100, as an interval where something is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from estate.hazard.weights import WEIGHTS
from estate.score.parameters import RISK_BOUNDS, RISK_CLASSES, RISK_DECIMALS, UNDETERMINED


def risk(exposure: pd.DataFrame) -> pd.DataFrame:
    """Frame of score.risk (without tenant_id) from rows of hazard.exposure.

    Columns read: property_id, composite_low, composite_high, unknown_hazards and ``<hazard>_score`` of every weighted hazard
    (0-1, null = unknown). The class is stated only where both ends of the interval lie in it.
    """
    low, high = (100 * exposure[name].to_numpy(dtype=float) for name in ("composite_low", "composite_high"))
    low_class, high_class = (np.searchsorted(RISK_BOUNDS, score.round(RISK_DECIMALS), side="right") for score in (low, high))
    names = np.array(RISK_CLASSES, dtype=object)
    return pd.DataFrame({
        "property_id": exposure["property_id"].to_numpy(dtype=object),
        "risk_score_low": low,
        "risk_score_high": high,
        "risk_class": np.where(low_class == high_class, names[low_class], UNDETERMINED),
        "dominant_hazard": _dominant(exposure),
        "unknown_hazard_count": exposure["unknown_hazards"].map(len).to_numpy(dtype=np.int16),
    })  # fmt: skip


def _dominant(exposure: pd.DataFrame) -> pd.Series:
    """The known hazard with the largest weighted score; null where every known score is zero, the first by name on a tie."""
    hazards = np.array(sorted(WEIGHTS), dtype=object)
    score = exposure[[f"{hazard}_score" for hazard in hazards]].to_numpy(dtype=float, na_value=np.nan)
    weighted = np.nan_to_num(score * np.array([WEIGHTS[hazard] for hazard in hazards]), nan=0.0)
    named = pd.Series(hazards[weighted.argmax(axis=1)] if len(weighted) else [], dtype=object)
    return named.where(weighted.max(axis=1, initial=0.0) > 0, None)
