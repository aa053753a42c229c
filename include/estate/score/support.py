"""Support: where past sales give a model no ground to stand on, and it must keep silent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.score import parameters as p
from estate.score.neighbourhood import Neighbourhood

Floats = NDArray[np.float64]

UNKNOWN_TYPE = "property type unknown"
NO_COORDINATES = "no coordinates"
NO_LIVING_AREA = "no living area"
OTHER_TYPE = "no sale of this property type"
REMOTE = f"fewer than {p.SUPPORT_RANK} past sales within {p.SUPPORT_KM:g} km"
TOO_LARGE = "larger or smaller than anything sold"
TOO_GOOD = "of better quality than anything sold"
TOO_FEW = f"fewer than {p.COMPARABLES_MINIMUM} comparable sales"
TOO_UNSURE = f"confidence below {p.CONFIDENCE_FLOOR:.2f}"


@dataclass(frozen=True, slots=True)
class Support:
    """The reach of what was sold: property types, living areas in square feet, and the best quality (infinite where unknown)."""

    property_types: tuple[str, ...]
    living_area_low_sqft: float
    living_area_high_sqft: float
    quality_high: float

    @classmethod
    def of(cls, sales: pd.DataFrame) -> Support:
        """From the sales a model was trained on."""
        area = sales["living_area_sqft"].to_numpy(dtype=float)
        quality = pd.to_numeric(sales["quality_code"]).to_numpy(dtype=float, na_value=np.nan)
        known = quality[np.isfinite(quality)]
        return cls(
            tuple(sorted(sales["property_type"].unique())),
            float(area.min()) / p.SUPPORT_SLACK,
            float(area.max()) * p.SUPPORT_SLACK,
            float(known.max()) if len(known) else np.inf,
        )


def unanswerable(subjects: pd.DataFrame) -> NDArray[np.object_]:
    """Why nothing can even be asked of each subject, in the order in which a reader could cure it; None where it can."""
    area = pd.to_numeric(subjects["living_area_sqft"]).to_numpy(dtype=float, na_value=np.nan)
    located = subjects[["latitude", "longitude"]].notna().all(axis=1).to_numpy()
    return _first([
        (subjects["property_type"].isna().to_numpy(), UNKNOWN_TYPE),
        (~located, NO_COORDINATES),
        (~(area > 0), NO_LIVING_AREA),
    ])  # fmt: skip


def ungrounded(
    subjects: pd.DataFrame, support: Support, neighbourhood: Neighbourhood, count: NDArray[np.int64], confidence: Floats
) -> NDArray[np.object_]:
    """Why no value is given for subjects that could be asked about; None where it is.

    `count` is how many comparables each has, `confidence` 1 - FSD.
    """
    area = subjects["living_area_sqft"].to_numpy(dtype=float)
    quality = pd.to_numeric(subjects["quality_code"]).to_numpy(dtype=float, na_value=np.nan)
    return _first([
        (~subjects["property_type"].isin(support.property_types).to_numpy(), OTHER_TYPE),
        (neighbourhood.nearest_km(subjects, p.SUPPORT_RANK) > p.SUPPORT_KM, REMOTE),
        ((area < support.living_area_low_sqft) | (area > support.living_area_high_sqft), TOO_LARGE),
        (quality > support.quality_high, TOO_GOOD),
        (count < p.COMPARABLES_MINIMUM, TOO_FEW),
        (confidence < p.CONFIDENCE_FLOOR, TOO_UNSURE),
    ])  # fmt: skip


def _first(checks: list[tuple[NDArray[np.bool_], str]]) -> NDArray[np.object_]:
    masks, reasons = zip(*checks, strict=True)
    found = np.select(list(masks), list(reasons), default="").astype(object)
    found[found == ""] = None
    return found
