"""The design matrix of the boosted trees: what they see of a house and its place, and which contribution each column counts towards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.score.attributes import ATTRIBUTES, table
from estate.score.neighbourhood import AROUND, LEVELS, Neighbourhood

Floats = NDArray[np.float64]

PROPERTY_TYPES = ("single_family", "townhouse", "condo", "multi_family", "mobile_home", "land", "commercial", "other")
_DERIVED = ("quality_beside_around", "effective_year", "bathrooms_per_bedroom", "property_type")
COLUMNS = (*LEVELS, *AROUND, *ATTRIBUTES, *_DERIVED)
LIVING_AREA = COLUMNS.index("living_area_sqft")

_OF_ATTRIBUTE = {
    "living_area_sqft": "living_area",
    "basement_area_sqft": "basement_area",
    "lot_area_sqft": "lot_area",
    "year_built": "age",
    "year_renovated": "renovation",
    "bedroom_count": "rooms",
    "bathroom_count": "rooms",
    "story_count": "stories",
    "garage_space_count": "garage",
    "condition_code": "condition",
    "quality_code": "quality",
    "has_waterfront": "waterfront",
    "view_code": "view",
    "quality_beside_around": "quality",
    "effective_year": "age",
    "bathrooms_per_bedroom": "rooms",
    "property_type": "property_type",
}
# Contribution of each column, in the order of COLUMNS.
GROUPS = (
    *("location" for _ in LEVELS),
    *("neighbourhood" for _ in AROUND),
    *(_OF_ATTRIBUTE[name] for name in COLUMNS[len(LEVELS) + len(AROUND) :]),
)


@dataclass(frozen=True, slots=True)
class Design:
    """`matrix` (n, len(COLUMNS)); `is_unknown` (n, len(ATTRIBUTES)) where an attribute was read as that of the houses around."""

    matrix: Floats
    is_unknown: NDArray[np.bool_]

    def with_attribute(self, name: str, values: Floats) -> Floats:
        """The matrix with one attribute changed (codes, counts or years), and what is derived from it."""
        out = self.matrix.copy()
        out[:, COLUMNS.index(name)] = values
        _derive(out)
        return out


def design(subjects: pd.DataFrame, neighbourhood: Neighbourhood) -> Design:
    """What the trees see of `subjects` (property_id, property_type, latitude, longitude, attributes), all located."""
    levels, around, completed = neighbourhood.read(subjects)
    matrix = np.column_stack([levels, around, completed, np.zeros((len(subjects), len(_DERIVED)))])
    matrix[:, -1] = pd.Index(PROPERTY_TYPES).get_indexer(pd.Index(subjects["property_type"]))
    _derive(matrix)
    return Design(matrix, ~np.isfinite(table(subjects)))


def _derive(matrix: Floats) -> None:
    def column(name: str) -> Floats:
        return np.asarray(matrix[:, COLUMNS.index(name)])

    matrix[:, COLUMNS.index("quality_beside_around")] = column("quality_code") - column("quality_around")
    matrix[:, COLUMNS.index("effective_year")] = np.maximum(column("year_built"), column("year_renovated"))
    matrix[:, COLUMNS.index("bathrooms_per_bedroom")] = (column("bathroom_count") + 0.5) / (column("bedroom_count") + 1)
