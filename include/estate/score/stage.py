"""The score stage: value, comparables, explanation and risk of the properties of a batch, and how earlier values did against its sales."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, cast

import pandas as pd

from estate.score import parameters as p
from estate.score import registry
from estate.score.market import in_county
from estate.score.model import Model, day_number
from estate.score.outcome import outcome_frame
from estate.score.risk import risk
from estate.score.sale_validation import arms_length, validate
from estate.score.valuation import TABLES, Asked, empty, refused, value

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.warehouse import Warehouse

NO_MODEL = "no model of the county has been promoted; the task score.model of the run says why"
TOO_FEW_SALES = f"fewer than {p.MODEL_SALES_MINIMUM} valid sales in the county before the day"


def build(batch: Batch, warehouse: Warehouse) -> Iterator[dict[str, pd.DataFrame]]:
    """Build every table of the stage for the batch's properties.

    A property is valued by the model that serves its county on the batch's vintage date, or on the newer day for which it is valued
    already: a batch of older records may bring better facts, but never takes a value back in time. Without a model it is refused.
    """
    # Findings look backwards only, so those of all sales hold for every day; the later sales of a property are published with it.
    sales = warehouse.frame("score_sales", valuation_date=date.max)
    findings = validate(sales, warehouse.frame("sale_decisions"))
    valid = arms_length(sales, findings)
    del sales  # findings and valid sales are what is needed of them
    markets: dict[tuple[str, date], Asked | str] = {}
    for keys in warehouse.property_pieces(batch):
        subjects = warehouse.frame("score_subjects", keys=keys)
        vintage = pd.Timestamp(batch.vintage_date)
        valued_on = pd.to_datetime(subjects["valued_on"])
        day = valued_on.where(valued_on > vintage, vintage)
        valued = []
        for market, part in subjects.groupby([in_county(subjects), day.dt.date], sort=True):
            county_fips, moment = cast("tuple[str, date]", market)
            asked = _market(warehouse, valid, markets, county_fips, moment)
            valued.append(_valued(asked, part.reset_index(drop=True), moment))
        yield {
            **{table: _together(table, [frames[table] for frames in valued if table in frames]) for table in TABLES},
            "score.risk": risk(warehouse.frame("score_exposure", keys=keys)),
            "score.outcome": outcome_frame(warehouse, keys, findings),
            "score.sale_validation": findings[findings["property_id"].isin(keys["property_id"])],
        }


def _market(
    warehouse: Warehouse, valid: pd.DataFrame, known: dict[tuple[str, date], Asked | str], county_fips: str, day: date
) -> Asked | str:
    """The county's serving model with the market of that day, read once; or why there is none."""
    if (county_fips, day) not in known:
        sales = valid[(in_county(valid) == county_fips) & (pd.to_datetime(valid["sale_date"]) < pd.Timestamp(day))]
        row = registry.serving(warehouse, county_fips, day)
        if row is None:
            known[county_fips, day] = TOO_FEW_SALES if len(sales) < p.MODEL_SALES_MINIMUM else NO_MODEL
        else:
            known[county_fips, day] = Asked.of(Model.from_bytes(registry.load(row)), row.model_id, sales, day_number(day))
    return known[county_fips, day]


def _valued(market: Asked | str, subjects: pd.DataFrame, day: date) -> dict[str, pd.DataFrame]:
    if isinstance(market, str):
        return {"score.valuation": refused(subjects, day_number(day), market)}
    return value(market, subjects)


def _together(table: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The parts that have rows, one below the other."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else empty(table)
