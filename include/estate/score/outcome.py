"""The ledger of frozen predictions: each sale against the last value that stood before it was known, and the drift that this shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from scipy.stats import binom

from estate.contracts import contract
from estate.score import parameters as p

if TYPE_CHECKING:
    from estate.warehouse import Warehouse

ALL_MONTHS = "all"
NO_MODEL = "without a model"  # values from before there were models
_STATISTICS = ("median_ratio", "mape", "bias", "coverage_80", "coverage_95")


def outcome_frame(warehouse: Warehouse, keys: pd.DataFrame, sales: pd.DataFrame | None = None) -> pd.DataFrame:
    """The frame of score.outcome, without tenant_id, for the properties in `keys` (property_id).

    `sales` (sale_id, is_arms_length) holds findings that overrule what the record itself says of a sale.
    """
    return outcomes(warehouse.frame("score_outcomes", keys=keys), sales)


def outcomes(valued: pd.DataFrame, findings: pd.DataFrame | None = None) -> pd.DataFrame:
    """The frame of score.outcome, without tenant_id: ratio, and whether each interval held the price.

    `valued` has one row per sale with a value, as query score_outcomes gives them: the sale (prices in dollars, dates,
    is_arms_length as recorded), and the value with the ends of its intervals. An interval with an unknown end gives an unknown
    answer. `findings` (sale_id, is_arms_length), where it speaks of a sale, overrules the record.
    """
    columns = [name for name in contract("score.outcome").column_names if name != "tenant_id"]
    made = valued.reset_index(drop=True)
    price = made["sale_price_usd"].astype(float)
    made = made.assign(
        valued_published_at=pd.to_datetime(made["valued_published_at"], utc=True, format="ISO8601"),
        sale_ratio=made["estimated_value_usd"].astype(float) / price,
        is_in_80=_holds(made["value_low_usd"], price, made["value_high_usd"]),
        is_in_95=_holds(made["value_low_95_usd"], price, made["value_high_95_usd"]),
        is_arms_length=made["is_arms_length"].astype("boolean"),
    )
    if findings is not None and len(findings):
        found = findings.drop_duplicates("sale_id").set_index("sale_id")["is_arms_length"].astype("boolean")
        made["is_arms_length"] = found.reindex(made["sale_id"]).reset_index(drop=True).fillna(made["is_arms_length"])
    return made[columns]


def _holds(low: pd.Series, price: pd.Series, high: pd.Series) -> pd.Series:
    low, high = low.astype(float), high.astype(float)
    held = ((low <= price) & (price <= high)).astype("boolean")
    return held.where(low.notna() & high.notna(), pd.NA)


def drift(tested: pd.DataFrame) -> pd.DataFrame:
    """How the values of each model did, per month of sale and over all months.

    `tested` has the columns of query score_drift_outcomes: valid sales only. One row per model and month (``2026-01``, and
    ``all``): sale_count, median_ratio (value over price), mape (mean absolute error, a fraction of the price), bias (sum of
    values over sum of prices, less 1), coverage_80 and coverage_95 with held_80_count … known_95_count, the sales behind them;
    null where no interval was given.
    """
    model = tested["model_id"].astype(object).where(tested["model_id"].notna(), NO_MODEL)
    month = pd.to_datetime(tested["sale_date"]).dt.strftime("%Y-%m")
    monthly = tested.assign(model_id=model, sale_month=month)
    both = pd.concat([monthly, monthly.assign(sale_month=ALL_MONTHS)], ignore_index=True)
    price = both["sale_price_usd"].astype(float)
    estimate = both["estimated_value_usd"].astype(float)
    facts = both.assign(
        price=price,
        estimate=estimate,
        error=(estimate / price - 1).abs(),
        **{f"held_{level}": both[f"is_in_{level}"].astype("boolean").astype("Float64") for level in p.DRIFT_COVERAGE},
    )
    grouped = facts.groupby(["model_id", "sale_month"], sort=True)
    made = grouped.agg(
        sale_count=("price", "size"),
        median_ratio=("sale_ratio", "median"),
        mape=("error", "mean"),
        price=("price", "sum"),
        estimate=("estimate", "sum"),
        **{f"held_{level}_count": (f"held_{level}", "sum") for level in p.DRIFT_COVERAGE},
        **{f"known_{level}_count": (f"held_{level}", "count") for level in p.DRIFT_COVERAGE},
    ).reset_index()
    made["bias"] = made["estimate"] / made["price"] - 1
    for level in p.DRIFT_COVERAGE:
        known = made[f"known_{level}_count"].astype(float)
        made[f"coverage_{level}"] = made[f"held_{level}_count"].astype(float) / known.where(known > 0)
    counts = [f"{what}_{level}_count" for level in p.DRIFT_COVERAGE for what in ("held", "known")]
    made[counts] = made[counts].astype("int64")
    return made[["model_id", "sale_month", "sale_count", *_STATISTICS, *counts]]


def alarms(drifted: pd.DataFrame) -> list[str]:
    """What of `drift` lies outside its bounds (parameters), each naming model, month, statistic, value, bound and sales; none is good.

    Months with few sales are not judged alone; they count in the row over all months.
    """
    found: list[str] = []
    for row in drifted[drifted["sale_count"] >= p.DRIFT_SALES_MINIMUM].to_dict("records"):
        bounds = {"median_ratio": p.DRIFT_MEDIAN_RATIO, "mape": (0.0, p.DRIFT_MAPE), "bias": p.DRIFT_BIAS}
        said = [(name, row[name], bound) for name, bound in bounds.items() if not bound[0] <= row[name] <= bound[1]]
        for level, bound in p.DRIFT_COVERAGE.items():
            if _is_outside(row[f"held_{level}_count"], row[f"known_{level}_count"], bound):
                said.append((f"coverage_{level}", row[f"coverage_{level}"], bound))
        where = "over all months" if row["sale_month"] == ALL_MONTHS else f"in {row['sale_month']}"
        found += [
            f"{row['model_id']}: {name} {value:.3f} is outside {low:.2f} to {high:.2f} {where}, {row['sale_count']:,} sales"
            for name, value, (low, high) in said
        ]
    return found


def _is_outside(held: int, known: int, bound: tuple[float, float]) -> bool:
    """Whether so few or so many intervals held their price that a coverage within the bound would hardly ever show it."""
    if known < p.DRIFT_SALES_MINIMUM:
        return False
    share = held / known
    too_few = share < bound[0] and binom.cdf(held, known, bound[0]) < p.DRIFT_CHANCE
    too_many = share > bound[1] and binom.sf(held - 1, known, bound[1]) < p.DRIFT_CHANCE
    return bool(too_few or too_many)
