"""Rolling-origin validation: how the method would have done at earlier cut-offs, each time without a look ahead."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import pandas as pd

from estate.arrow import frame_to_arrow
from estate.batch import content_sha256
from estate.contracts import contract
from estate.errors import ModelRefused
from estate.gate import judge
from estate.score import parameters as p
from estate.score import registry
from estate.score.model_page import render
from estate.score.ratio_strata import strata
from estate.score.stated import document, stated
from estate.score.training import STUDY, Recipe, as_known, county_sales, markets, overall, recipe_or_ours, sales_sha256
from estate.settings import Tenant, settings
from estate.verdicts import page_address, put_docs, put_page, refusal_of, verdict_frame
from estate.warehouse import Warehouse, frame_sha256

LOG = logging.getLogger(__name__)
ORIGIN = "origin"
NO_IMPORTANCES = pd.DataFrame({"feature": pd.Series(dtype=str), "importance_usd": pd.Series(dtype=float)})  # of several models


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a rolling validation found; `study` is that of contract score.ratio_study, with one row per origin besides."""

    backtest_id: str
    county_fips: str
    study: pd.DataFrame
    finding: str | None
    page_url: str

    def summary(self) -> dict[str, Any]:
        """As a run hands it on."""
        origins = self.study[self.study["stratum_kind"] == ORIGIN]
        figures = ["sale_count", "median_ratio", "cod", "prd", "prb", "vei", "mape_pct", "coverage_80_rate", "coverage_95_rate"]
        by_origin = {row["stratum"]: {name: _plain(row[name]) for name in figures} for row in origins.to_dict("records")}
        return {
            "backtest_id": self.backtest_id, "county_fips": self.county_fips, "finding": self.finding, "page_url": self.page_url,
            "origins": by_origin,
        }  # fmt: skip


def backtest_model(tenant: Tenant, county_fips: str, run_id: str, recipe: Recipe | None = None) -> Backtest:
    """Try the recipe at BACKTEST_ORIGINS cut-offs, and keep the study under ``backtest-<county>-<digest of the inputs>``.

    From the day after the newest sale backwards: each cut-off values the latest tenth of the sales before it with a model of
    the rest, and the next cut-off is the first day of that tenth. So no sale is valued twice, and none by a model that saw
    it or a later one, or that knew of a property what was published after its cut-off (`as_known`). The same inputs again
    change nothing. Raises ModelRefused when not even one cut-off has enough sales.
    """
    day = markets(tenant).get(county_fips)
    if day is None:
        raise ModelRefused(f"{tenant.slug} has no sales in county {county_fips}. Land a source that has some, or name another county")
    with Warehouse(tenant) as warehouse, warehouse.one_at_a_time(f"backtest/{county_fips}"):
        sales = county_sales(warehouse, county_fips, day)
        held, origins = rolled(recipe_or_ours(recipe), sales, day, lambda before, origin: as_known(warehouse, before, origin))
        study = pd.concat([strata(held), origins], ignore_index=True)
        inputs = f"{sales_sha256(sales)}/{content_sha256(document())}/{settings().code_version}"
        backtest_id = f"backtest-{county_fips}-{content_sha256(inputs.encode())[:12]}"
        done = _keep(warehouse, backtest_id, county_fips, study, held, run_id)
    for origin, figures in done.summary()["origins"].items():
        LOG.info("tenant=%s backtest=%s origin=%s %s", tenant.slug, backtest_id, origin, orjson.dumps(figures).decode())
    return done


def rolled(
    recipe: Recipe, sales: pd.DataFrame, day: date, known_on: Callable[[pd.DataFrame, date], pd.DataFrame] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The sales valued at all origins, and one row of the study per origin (stratum_kind ``origin``, stratum its as-of date).

    `sales` are those before `day`, with what was known then; `known_on` gives some of them with what was known on an earlier origin, None
    says that it was the same. Goes back until the origins are done or the sales before one are too few; ModelRefused
    where the sales of the first cannot be tried.
    """
    held: list[pd.DataFrame] = []
    rows: list[pd.DataFrame] = []
    sold_on = pd.to_datetime(sales["sale_date"])
    while len(held) < p.BACKTEST_ORIGINS:
        known = sales[sold_on < pd.Timestamp(day)].reset_index(drop=True)
        if held and len(known) < p.MODEL_SALES_MINIMUM:
            break
        if held and known_on is not None:
            known = known_on(known, day)
        try:
            tried = recipe.backtest(known, day)
            if tried.empty:
                raise ValueError("none of them could be held out")
            whole = strata(tried).iloc[[0]]
        except ValueError as error:
            raise ModelRefused(f"{len(known):,} sales before {day} cannot be tried: {error}") from error
        held.append(tried)
        rows.append(whole.assign(stratum_kind=ORIGIN, stratum=day.isoformat()))
        day = pd.to_datetime(tried["sale_date"]).min().date()
    return pd.concat(held, ignore_index=True), pd.concat(rows, ignore_index=True)


def _keep(warehouse: Warehouse, backtest_id: str, county_fips: str, study: pd.DataFrame, held: pd.DataFrame, run_id: str) -> Backtest:
    tenant, page = warehouse.tenant, registry.page_of(backtest_id)
    named = study.assign(tenant_id=str(tenant.tenant_id), model_id=backtest_id)
    # The suite speaks of the study of all origins together; those of each stand beside it.
    rows = frame_to_arrow(named[named["stratum_kind"] != ORIGIN], contract(STUDY))
    verdict = judge(contract(STUDY), rows, backtest_id)
    refusal = None if verdict.is_passed else refusal_of(tenant, verdict)
    card = {
        "model_id": backtest_id, "tenant": tenant.slug, "county_fips": county_fips, "method": p.METHOD, "run_id": run_id,
        "code_version": settings().code_version, "metrics": overall(study), "is_passed": verdict.is_passed, "refusal": refusal,
        "parameters": stated(),
    }  # fmt: skip
    if not warehouse.rows("ratio_study_known", model_id=backtest_id):
        put_docs(tenant, verdict)
        put_page(tenant, page, render(card, study, held, NO_IMPORTANCES).encode())
        said = verdict_frame(tenant, verdict, batch_id=backtest_id, run_id=run_id, judged_sha256=frame_sha256(rows))
        with warehouse.transaction() as connection:
            warehouse.insert("provenance.verdict", said, connection)
            warehouse.insert(STUDY, named, connection)
    return Backtest(backtest_id, county_fips, study, refusal, page_address(tenant, page))


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else float(value)
