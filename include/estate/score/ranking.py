"""Ranking: which of the candidates speak best for a subject, learned from past sales (LambdaMART, Burges 2010).

A past sale is a subject whose price is known. A candidate ranks the higher, the closer its price, read on that day and adjusted,
came to the subject's own; trees learn to see from distance, age and likeness which candidates those will be.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from estate.score import parameters as p

if TYPE_CHECKING:
    from lightgbm import Booster

Floats = NDArray[np.float64]
Features = NDArray[np.float32]

FEATURES = (
    "distance_m", "recency_days", "size_delta_pct", "lot_delta_pct", "vintage_delta", "condition_delta", "quality_delta",
    "waterfront_delta", "view_delta", "renovation_match", "micro_market_match", "gross_adjustment",
)  # fmt: skip


@dataclass(frozen=True)
class Ranker:
    """A learned ranking, as the text of its trees."""

    text: str

    @classmethod
    def learn(cls, features: Features, miss: Floats) -> Ranker:
        """Learn from the candidates of past sales: `features` (n, k, len(FEATURES)), NaN where unknown, and `miss` (n, k).

        `miss` is how far each candidate's adjusted log price was from the subject's own, without sign; NaN marks an empty place.
        The same input gives the same text: one thread adds in one order.
        """
        import lightgbm

        present = np.isfinite(miss)
        groups = present.sum(axis=1)
        grade = (miss[present][:, None] <= np.array(p.RANK_GRADES)).sum(axis=1)
        data = lightgbm.Dataset(features[present], label=grade, group=groups[groups > 0], feature_name=list(FEATURES))
        settings = {
            "objective": "lambdarank", "lambdarank_truncation_level": p.KEPT, "num_leaves": p.RANK_LEAVES, "learning_rate": p.RANK_RATE,
            "min_data_in_leaf": p.RANK_LEAF_ROWS, "max_bin": 63, "seed": p.RANK_SEED, "deterministic": True, "force_row_wise": True,
            "num_threads": 1, "verbosity": -1,
        }  # fmt: skip
        return cls(lightgbm.train(settings, data, num_boost_round=p.RANK_TREES).model_to_string())

    @cached_property
    def _trees(self) -> Booster:
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def score(self, features: Features) -> Floats:
        """Scores (n, k) of candidates (n, k, len(FEATURES)): higher is better; only differences within a row mean anything."""
        rows, places, width = features.shape
        if not rows * places:
            return np.zeros((rows, places))
        return np.asarray(self._trees.predict(features.reshape(-1, width), num_threads=1)).reshape(rows, places)

    def to_text(self) -> str:
        """The trees in LightGBM's own text form."""
        return self.text

    @classmethod
    def from_text(cls, text: str) -> Ranker:
        """The ranking that `to_text` wrote."""
        return cls(text)
