"""The score stage: value, comparables and risk of the properties of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from estate.score import parameters
from estate.score.risk import risk
from estate.score.valuation import Method, learn_before, value

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.warehouse import Warehouse


def build(batch: Batch, warehouse: Warehouse) -> Iterator[dict[str, pd.DataFrame]]:
    """Build ``score.valuation``, ``score.comparable`` and ``score.risk``.

    A property is valued as of the batch's vintage date, or as of the newer day for which it is valued already: a batch of
    older records may bring better facts, but never takes a value back in time.
    """
    markets: dict[date, tuple[pd.DataFrame, Method]] = {}
    for keys in warehouse.property_pieces(batch):
        subjects = warehouse.frame("score_subjects", keys=keys)
        vintage = pd.Timestamp(batch.vintage_date)
        valued_on = pd.to_datetime(subjects["valued_on"])
        day = valued_on.where(valued_on > vintage, vintage)
        valued = []
        for moment, part in subjects.groupby(day, sort=True):
            sales, method = _market(warehouse, markets, moment.date())
            valued.append(value(part.reset_index(drop=True), sales, moment.date(), method))
        yield {
            "score.valuation": pd.concat([valuation for valuation, _ in valued], ignore_index=True),
            "score.comparable": pd.concat([comparable for _, comparable in valued], ignore_index=True),
            "score.risk": risk(warehouse.frame("score_exposure", keys=keys)),
        }


def _market(warehouse: Warehouse, known: dict[date, tuple[pd.DataFrame, Method]], day: date) -> tuple[pd.DataFrame, Method]:
    """The tenant's arm's-length sales that can matter on `day`, and what was learned from them; read and learned once a day.

    None of that day or later is read, and none older than what is learned from.
    """
    if day not in known:
        reach = timedelta(days=parameters.CALIBRATION_DAYS + parameters.RANGE_DAYS)
        sales = warehouse.frame("score_sales", earliest_sale_date=day - reach, valuation_date=day)
        method = learn_before(sales, day)
        # What was learned from is no longer needed; every piece of the batch looks only at what it can compare with.
        earliest = pd.Timestamp(day - timedelta(days=parameters.RANGE_DAYS))
        known[day] = sales[pd.to_datetime(sales["sale_date"]) >= earliest].reset_index(drop=True), method
    return known[day]
