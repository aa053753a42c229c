"""Boosted trees on log prices: symmetric trees that never fall with size, and linear trees on what those leave over.

CatBoost's symmetric trees carry the estimate; they obey the market's order (MONOTONE) and explain themselves exactly and fast (SHAP).
The linear trees (LightGBM) fit the out-of-fold errors of the first and see nothing of what is in that order, so that the sum obeys it too
(measured: hiding condition and quality as well as living area changes MAPE by less than 0.01 points).
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from estate.score import parameters as p
from estate.score.design import COLUMNS, GROUPS

if TYPE_CHECKING:
    from catboost import CatBoostRegressor
    from lightgbm import Booster

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_UNORDERED = [place for place, name in enumerate(COLUMNS) if name not in p.MONOTONE]
# Stamps of time and chance that CatBoost writes into its file; the rest of it depends on the input alone.
_STAMPS = ("train_finish_time", "model_guid")
_LEAF_WEIGHT = 1e-3  # of a leaf in which no sale fell: next to nothing beside a sale, and well above rounding


@dataclass(frozen=True)
class Boosted:
    """Both models, as their libraries' own bytes and texts; `level` is the mean log price that the trees depart from."""

    trees: bytes
    linear: tuple[str, ...]
    level: float

    @cached_property
    def _catboost(self) -> CatBoostRegressor:
        from catboost import CatBoostRegressor

        return CatBoostRegressor().load_model(blob=self.trees)

    @cached_property
    def _lightgbm(self) -> tuple[Booster, ...]:
        import lightgbm

        return tuple(lightgbm.Booster(model_str=text) for text in self.linear)

    def trees_alone(self, matrix: Floats) -> Floats:
        """Log price by the symmetric trees, shape (n,)."""
        return np.asarray(self._catboost.predict(_single(matrix), thread_count=_threads(matrix))) + self.level

    def second_opinion(self, matrix: Floats) -> Floats:
        """What the linear trees add to it, shape (n,)."""
        seen = matrix[:, _UNORDERED]
        return np.asarray(np.mean([model.predict(seen, num_threads=_threads(matrix)) for model in self._lightgbm], axis=0))

    def predict(self, matrix: Floats) -> Floats:
        """Log price, shape (n,)."""
        return self.trees_alone(matrix) + self.second_opinion(matrix)

    def contributions(self, matrix: Floats) -> tuple[dict[str, Floats], float]:
        """SHAP values of the symmetric trees in log price, summed by contribution, and the base; they add up to `trees_alone`."""
        from catboost import Pool

        shap = self._catboost.get_feature_importance(Pool(_single(matrix)), type="ShapValues", thread_count=_threads(matrix))
        groups = np.array(GROUPS)
        parts = {name: np.asarray(shap[:, :-1][:, groups == name].sum(axis=1)) for name in dict.fromkeys(GROUPS)}
        return parts, float(shap[0, -1]) + self.level if len(matrix) else self.level


def fit(matrix: Floats, log_price: Floats, leftover: Floats, seed: int) -> Boosted:
    """Train both: the trees on `log_price`, the linear trees on `leftover`, their out-of-fold errors (all shape (n,))."""
    level = float(log_price.mean())
    linear = tuple(_linear(matrix, leftover, seed + bag) for bag in range(p.LINEAR_TREE_BAGS))
    return Boosted(_trees(matrix, log_price - level, seed), linear, level)


def out_of_fold(matrix: Floats, log_price: Floats, fold: Ints, seed: int) -> tuple[Floats, Floats]:
    """Out-of-fold log prices by the trees alone and by both, shapes (n,): no row is predicted by a model that saw its fold."""
    alone, both = np.empty(len(matrix)), np.empty(len(matrix))
    # One after the other: CatBoost trains only one model at a time in a process.
    for held in (fold == number for number in range(int(fold.max()) + 1)):
        level = float(log_price[~held].mean())
        alone[held] = Boosted(_trees(matrix[~held], log_price[~held] - level, seed), (), level).trees_alone(matrix[held])
    for held in (fold == number for number in range(int(fold.max()) + 1)):
        linear = Boosted(b"", (_linear(matrix[~held], (log_price - alone)[~held], seed),), 0.0)
        both[held] = alone[held] + linear.second_opinion(matrix[held])
    return alone, both


def folds(owner: NDArray[np.object_], seed: int) -> Ints:
    """Fold of every sale, 0 to FOLDS - 1; the sales of one property share theirs, whatever the order of the rows.

    ValueError where there is only one property: nothing is left to predict it from.
    """
    names, place = np.unique(owner.astype(str), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"{len(owner):,} sales of one house; nothing is left to predict it from")
    drawn = np.random.default_rng(seed).permutation(len(names)) % p.FOLDS
    return np.asarray(drawn[place], dtype=np.int64)


def _threads(matrix: Floats, least: int = p.THREADED_ROWS) -> int:
    return p.THREADS if len(matrix) >= least else 1


def _single(matrix: Floats) -> NDArray[np.float32]:
    """As CatBoost reads numbers; a column that nobody knows anything of is constant, and no tree cuts there."""
    return np.ascontiguousarray(matrix, dtype=np.float32)


def _trees(matrix: Floats, target: Floats, seed: int) -> bytes:
    """The symmetric trees as a file. ValueError where every target is the same."""
    from catboost import CatBoostRegressor

    seen = _single(matrix)
    if not (len(target) and np.ptp(np.float32(target)) > 0):
        raise ValueError(f"{len(target):,} sales of one and the same price; nothing can be learned from them")
    count = min(p.TREE_COUNT, max(p.TREE_COUNT_LEAST, len(seen) // p.TREE_SALES))
    model = CatBoostRegressor(
        iterations=count, depth=p.TREE_DEPTH, learning_rate=p.TREE_RATE * np.sqrt(p.TREE_COUNT / count), l2_leaf_reg=p.TREE_L2,
        rsm=p.TREE_COLUMN_SHARE, border_count=p.TREE_BORDERS,
        bootstrap_type="Bernoulli", subsample=p.TREE_ROW_SHARE, random_seed=seed, thread_count=p.THREADS, verbose=0,
        allow_writing_files=False,
        monotone_constraints=[int(name in p.MONOTONE) for name in COLUMNS],
    )  # fmt: skip
    model.fit(seen, target)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trees"
        model.save_model(str(path), format="json")
        path.write_text(json.dumps(_weighed(json.loads(path.read_text()))))
        model = CatBoostRegressor().load_model(str(path), format="json")
        metadata = model.get_metadata()
        for stamp in _STAMPS:
            metadata[stamp] = ""
        model.save_model(str(path))
        return path.read_bytes()


def _weighed(trees: dict[str, Any]) -> dict[str, Any]:
    """CatBoost's trees with a weight in every leaf.

    Trees that obey an order have values in leaves where no sale fell, and CatBoost then explains a house with the weights of whatever
    is asked in the same batch (its issue 1956): the same house would have another base and other contributions in other company.
    """
    for tree in trees["oblivious_trees"]:
        tree["leaf_weights"] = [max(weight, _LEAF_WEIGHT) for weight in tree["leaf_weights"]]
    return trees


def _linear(matrix: Floats, target: Floats, seed: int) -> str:
    import lightgbm

    settings = {
        "objective": "regression", "linear_tree": True, "linear_lambda": p.LINEAR_TREE_L2, "num_leaves": p.LINEAR_TREE_LEAVES,
        "learning_rate": p.LINEAR_TREE_RATE, "min_data_in_leaf": p.LINEAR_TREE_ROWS, "feature_fraction": p.LINEAR_TREE_COLUMNS,
        "bagging_fraction": p.TREE_ROW_SHARE, "bagging_freq": 1, "lambda_l2": p.LINEAR_TREE_L2, "seed": seed, "deterministic": True,
        "force_row_wise": True, "num_threads": _threads(matrix, p.THREADED_LESSON), "verbosity": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(matrix[:, _UNORDERED], label=target, params={"linear_tree": True, "verbosity": -1})
    return lightgbm.train(settings, data, num_boost_round=p.LINEAR_TREE_COUNT).model_to_string()
