"""The score stage: value, comparables and risk of the properties of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from estate.score import parameters
from estate.score.risk import risk
from estate.score.valuation import value, value_in_chunks

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.warehouse import Warehouse


def build(batch: Batch, warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    """Build ``score.valuation``, ``score.comparable`` and ``score.risk`` as of the batch's vintage date."""
    keys = warehouse.batch_properties(batch)
    valuation, comparable = value(warehouse.frame("score_subjects", keys=keys), _sales(batch, warehouse), batch.vintage_date)
    return {
        "score.valuation": valuation,
        "score.comparable": comparable,
        "score.risk": risk(warehouse.frame("score_exposure", keys=keys)),
    }


def valuations(batch: Batch, warehouse: Warehouse) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Valuations and comparables as `build` returns them, CHUNK_ROWS properties at a time, for batches that fill the memory."""
    subjects = warehouse.frame("score_subjects", keys=warehouse.batch_properties(batch))
    yield from value_in_chunks(subjects, _sales(batch, warehouse), batch.vintage_date)


def _sales(batch: Batch, warehouse: Warehouse) -> pd.DataFrame:
    """Arm's-length sales of the tenant that can matter: none of the valuation date or later, none older than what is learned from."""
    reach = timedelta(days=parameters.CALIBRATION_DAYS + parameters.RANGE_DAYS)
    return warehouse.frame("score_sales", earliest_sale_date=batch.vintage_date - reach, valuation_date=batch.vintage_date)
