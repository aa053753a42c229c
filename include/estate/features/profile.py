"""How the features are spread over all entities of a tenant, and against the window before: one row a feature (features.profile).

A window is what one run found. It is compared with the one before only where both can say something: fewer than LEAST_ENTITIES entities
before say nothing of a share, and a population that more than doubled is another population, whose nulls and spread may differ for good
reasons. Divergence is measured from `drift.LEAST_VALUES` values on in both windows; the population stability index, which asks whether one
population moved, also needs that neither window has more than twice the entities of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from estate.contracts import contract
from estate.contracts.model import Column
from estate.features import drift
from estate.features.definitions import FeatureView
from estate.staged import Spool, StagedRows

LEAST_ENTITIES = 10
MOST_GROWTH = 2.0
COLUMNS = tuple(name for name in contract("features.profile").column_names if name != "tenant_id")
_WORDS = frozenset({"text", "boolean"})


def profile(tables: Iterable[tuple[FeatureView, pa.Table]], previous: pd.DataFrame, run_id: str, at: datetime) -> pd.DataFrame:
    """The rows of features.profile, without the tenant, of one run at the time `at`: every feature of every view given.

    `tables` are slices of the current rows of the views in any order, with `observed_at` and the features; an empty one says that its view
    has no entities now. Slices are kept on local disk and read again a column at a time, so memory holds one column of one view whatever
    the number of rows. `previous` has the rows of the window before (view_name, feature_name, run_id, entity_count, null_count, null_rate,
    median, bins); a frame without rows says that there was none. A number that is not finite counts as null. The same rows give the same
    profile.

    `bins` is JSON: the ``edges`` of the deciles or the ``words`` of this window with their ``counts``, and, where windows were compared,
    ``against``: the bins of the window before, with the counts of ``before`` and ``now``. Raises KeyError naming a feature without column.
    """
    before: dict[tuple[str, str], Mapping[Any, Any]] = {(row["view_name"], row["feature_name"]): row for row in previous.to_dict("records")}
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        spools: dict[str, tuple[FeatureView, Spool]] = {}
        for view, table in tables:
            if view.name not in spools:
                spools[view.name] = view, stack.enter_context(Spool())
            spools[view.name][1].write(table.select(["observed_at", *(column.name for column in view.features)]))
        for view, spool in spools.values():
            kept = StagedRows(spool.finish())
            for column in view.features:
                known = before.get((view.name, column.name))
                rows.append(_row(view, column, kept, known, at) | {"run_id": run_id, "profiled_at": at})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(view: FeatureView, column: Column, kept: StagedRows, known: Mapping[Any, Any] | None, at: datetime) -> dict[str, Any]:
    told = kept.columns([column.name, "observed_at"])
    values, has_value = _values(told.column(0), column)
    count, value_count = told.num_rows, int(np.count_nonzero(has_value))
    null_rate = 1 - value_count / count if count else 1.0
    row: dict[str, Any] = {
        "view_name": view.name, "feature_name": column.name, "entity_count": count, "null_count": count - value_count,
        "null_rate": null_rate, **_age(view, told.column(1).filter(pa.array(has_value)), at), **_spread(values),
        "previous_null_rate": None, "expected_value_count": None, "value_ratio": None, "psi": None, "js_divergence": None,
        "previous_bin_count": None, "median_factor": None, "previous_run_id": None,
    }  # fmt: skip
    own = _bins_of(values) if value_count else None
    bins = {} if own is None else own.said() | {"counts": _counted(own, values)}
    if known is not None:
        row["previous_run_id"] = known["run_id"]
        # A feature newly declared absent is meant to lose its values.
        is_meant = column.name in view.absent and known["null_rate"] < 1
        if known["entity_count"] >= LEAST_ENTITIES and count <= MOST_GROWTH * known["entity_count"] and not is_meant:
            row["previous_null_rate"] = float(known["null_rate"])
        if known["entity_count"] and not is_meant:
            row |= _expected(int(known["entity_count"]), int(known["null_count"]), count, value_count)
        against = _against(known, values, value_count)
        if against:
            bins["against"] = against
            row["js_divergence"] = drift.js_divergence(against["before"], against["now"])
            if "edges" in against:
                row["previous_bin_count"] = drift.populated(against["before"])
                row["median_factor"] = drift.factor(known["median"], row["median"])
            if max(count, known["entity_count"]) <= MOST_GROWTH * min(count, known["entity_count"]):
                row["psi"] = drift.psi(against["before"], against["now"])
    return row | {"bins": orjson.dumps(bins).decode()}


def _expected(entities_before: int, nulls_before: int, count: int, value_count: int) -> dict[str, float | None]:
    """How many values the window before lets expect, and how many of these there are; a population that shrank takes values with it."""
    expected = (entities_before - nulls_before) * min(1.0, count / entities_before)
    return {"expected_value_count": expected, "value_ratio": value_count / expected if expected else None}


def _values(told: pa.ChunkedArray, column: Column) -> tuple[np.ndarray | dict[str, int], np.ndarray]:
    """Finite numbers, or how many values carry each word; and which of the rows have a value."""
    if column.sql_type in _WORDS:
        counted = pc.value_counts(told.drop_null().cast(pa.string())).to_pylist()
        return {pair["values"]: pair["counts"] for pair in counted}, told.is_valid().to_numpy()
    numbers = told.cast(pa.float64()).to_numpy()
    is_number = np.isfinite(numbers)
    return numbers[is_number], is_number


def _age(view: FeatureView, observed: pa.ChunkedArray, at: datetime) -> dict[str, Any]:
    """How old the values are; `observed` has one time a value, few of them different."""
    if not len(observed):
        return {"stale_rate": None, "oldest_observed_at": None, "newest_observed_at": None}
    stale = sum(pair["counts"] for pair in pc.value_counts(observed).to_pylist() if view.is_stale(pair["values"], at))
    ends = pc.min_max(observed).as_py()
    return {"stale_rate": stale / len(observed), "oldest_observed_at": ends["min"], "newest_observed_at": ends["max"]}


def _spread(values: np.ndarray | dict[str, int]) -> dict[str, float | None]:
    if isinstance(values, dict) or not len(values):
        return {"low": None, "median": None, "high": None}
    return {"low": float(values.min()), "median": float(np.median(values)), "high": float(values.max())}


def _against(known: Mapping[Any, Any], values: np.ndarray | dict[str, int], value_count: int) -> dict[str, Any]:
    """Both windows counted on the bins of the one before; empty where either has too few values, or the feature was of another kind."""
    kept = known["bins"]
    said: dict[str, Any] = orjson.loads(kept) if isinstance(kept, str) else kept
    bins, counts = drift.read_bins(said), said.get("counts", [])
    is_same_kind = isinstance(bins, drift.WordBins if isinstance(values, dict) else drift.NumberBins)
    if bins is None or not is_same_kind or min(sum(counts), value_count) < drift.LEAST_VALUES:
        return {}
    return bins.said() | {"before": counts, "now": _counted(bins, values)}


def _bins_of(values: np.ndarray | dict[str, int]) -> drift.NumberBins | drift.WordBins:
    return drift.word_bins(values) if isinstance(values, dict) else drift.number_bins(values)


def _counted(bins: drift.NumberBins | drift.WordBins, values: Any) -> list[int]:  # Any: the values that go with the kind of bins
    return bins.counted(values)
