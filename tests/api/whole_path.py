"""The whole path without Airflow, for the tests that follow it: a landed portfolio, five stages, and the API that answers from them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from estate.batch import Batch
from estate.contracts import STAGES
from estate.hazard.layer_landing import load
from estate.ingest.stage import land
from estate.score.training import ensure_models
from estate.settings import ROOT, Settings, tenants
from estate.stages import build_stage, gate_stage, publish_stage
from estate.warehouse import Warehouse
from local.samples import export_ames
from tests.score.market import few_trees

SAMPLES = ROOT / "local" / "samples"
PORTFOLIO = "harborview_portfolio"
ROWS = list(csv.DictReader((SAMPLES / "harborview_portfolio.csv").open(encoding="utf-8")))


def through(work: Batch) -> None:
    """Take a batch through all five stages; before the fourth, see to the models that it values with."""
    for stage in STAGES:
        if stage == "score":
            ensure_models(work)
        for step in (build_stage, gate_stage, publish_stage):
            step(stage, work)


def every_property(get: Callable[..., Any], **query: str) -> Iterator[dict[str, Any]]:
    """All properties of the list, page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = get("", limit="40", **cursor, **query).json
        yield from page["properties"]
        if not page.get("next_cursor"):
            return
        cursor = {"cursor": page["next_cursor"]}


def land_portfolio(settings_env: Settings) -> Batch:
    """The portfolio of Harborview, with the synthetic layers, published once a module; again it changes nothing."""
    for slug, names in (("reference", SAMPLES.glob("synthetic_*")), ("harborview", [SAMPLES / "harborview_portfolio.csv"])):
        home = settings_env.landing_dir / slug
        home.mkdir()
        for path in names:
            shutil.copy(path, home)
    work = land(tenants()["harborview"], PORTFOLIO, None, None, "test/whole-path")
    with Warehouse(work.tenant) as warehouse:
        if not warehouse.rows("publication_newest_vintage", table_name="provenance.trust", partition_name=PORTFOLIO)[0]["vintage_date"]:
            for name in ("flood", "wildfire", "heat", "seismic"):
                load(f"synthetic_{name}_ames", None, None, None, "test/whole-path")
            through(work)
    return work


def land_sales(settings_env: Settings) -> Batch:
    """The 2,930 sales of Ames as Lakeside's, with the model trained on them, published once a module; again it changes nothing."""
    home = settings_env.landing_dir / "lakeside"
    home.mkdir()
    export_ames(home)
    work = land(tenants()["lakeside"], "ames_sales", None, None, "test/whole-path")
    with Warehouse(work.tenant) as warehouse:
        if not warehouse.rows("publication_newest_vintage", table_name="provenance.trust", partition_name="ames_sales")[0]["vintage_date"]:
            # What is asked here does not depend on how good the model is, as long as the gate lets it serve.
            with few_trees():
                through(work)
    return work
