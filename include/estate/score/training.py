"""Train a county's model, try it out of time, let the gate judge the trial, and keep all of it, whatever the outcome.

A refusal is an answer, not an error: it says why, the model (where there is one) is kept, and the one that served before
goes on serving. Two runs at once never train one county twice: the second waits, and finds the work done.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import orjson
import pandas as pd

from estate.arrow import frame_to_arrow
from estate.batch import Batch, content_sha256
from estate.contracts import contract
from estate.errors import ModelRefused
from estate.features import offline
from estate.features.definitions import SERVICES
from estate.gate import judge
from estate.score import market, registry
from estate.score import parameters as p
from estate.score.market import in_county
from estate.score.model_page import render
from estate.score.ratio_strata import strata
from estate.score.registry import Artefact, ModelRow
from estate.score.stated import document, stated
from estate.settings import Tenant, settings
from estate.verdicts import put_docs, refusal_of, verdict_frame
from estate.warehouse import Warehouse, frame_sha256

LOG = logging.getLogger(__name__)
STUDY = "score.ratio_study"
FEATURES = SERVICES["valuation_v1"]


class TrainedModel(Protocol):
    """What a recipe makes."""

    def to_bytes(self) -> bytes:
        """The model as an artefact: the same model always gives the same bytes."""

    def importances(self) -> pd.DataFrame:
        """How many dollars each feature moves a value by on average: columns feature and importance_usd."""

    def components(self) -> list[dict[str, str]]:
        """What the model is made of, each part with its name and description."""

    def tradeoff(self) -> list[dict[str, Any]]:
        """What was tried between accuracy and equity: name, mape_pct, vei and is_chosen of each; empty where nothing was."""


class Recipe(Protocol):
    """How models are made; `estate.score.learning` is one."""

    def train(self, sales: pd.DataFrame, as_of_date: date, seed: int) -> TrainedModel:
        """A model of the sales before `as_of_date`."""

    def backtest(self, sales: pd.DataFrame, as_of_date: date) -> pd.DataFrame:
        """The latest tenth of the sales before `as_of_date`, each valued by a model trained on the rest."""


@dataclass(frozen=True, slots=True)
class Training:
    """What became of one county: the model that was made or found, whether it serves, and if not why."""

    county_fips: str
    as_of_date: date
    row: ModelRow | None
    is_new: bool
    is_serving: bool
    refusal: str | None
    page_url: str | None

    def summary(self) -> dict[str, Any]:
        """As a run hands it on: plain text and booleans."""
        return {
            "county_fips": self.county_fips,
            "as_of_date": self.as_of_date.isoformat(),
            "model_id": self.row.model_id if self.row else None,
            "is_new": self.is_new,
            "is_serving": self.is_serving,
            "refusal": self.refusal,
            "page_url": self.page_url,
        }


def markets(tenant: Tenant) -> dict[str, date]:
    """The counties in which the tenant has sales, each with the day after its newest: the earliest day that can use them all."""
    with Warehouse(tenant) as warehouse:
        return {row["county_fips"]: row["day_after_date"] for row in warehouse.rows("model_markets")}


def ensure_models(batch: Batch, recipe: Recipe | None = None) -> list[Training]:
    """See that every county of the batch's properties has a model no older than MODEL_AGE_DAYS; trains where it has none.

    Returns one Training a county. A refusal is among them, logged, and stops nothing.
    """
    done: list[Training] = []
    with Warehouse(batch.tenant) as warehouse:
        asked = warehouse.frame("model_counties", keys=warehouse.batch_properties(batch), vintage_date=batch.vintage_date)
        for county_fips, moment in zip(asked["county_fips"], pd.to_datetime(asked["valuation_date"]), strict=True):
            day = moment.date()
            trained = _young(warehouse, county_fips, day)
            if trained is None:
                with warehouse.one_at_a_time(f"model/{county_fips}"):
                    # Who waited for the lock finds what the other run trained meanwhile.
                    trained = _young(warehouse, county_fips, day) or _trained(warehouse, county_fips, day, batch.run_id, recipe)
            _log(batch.tenant, trained)
            done.append(trained)
    return done


def train_model(tenant: Tenant, county_fips: str, as_of_date: date, run_id: str, recipe: Recipe | None = None) -> Training:
    """Train, try, judge, register and, if it passed, promote the model of one county.

    The same sales, parameters and code make the same model: it is found instead of trained again, and what a killed run left
    undone (its promotion) is done.
    """
    with Warehouse(tenant) as warehouse, warehouse.one_at_a_time(f"model/{county_fips}"):
        trained = _trained(warehouse, county_fips, as_of_date, run_id, recipe)
    _log(tenant, trained)
    return trained


def sales_before(warehouse: Warehouse, day: date) -> pd.DataFrame:
    """The tenant's valid sales before `day`, as `estate.score.market` has them, with what was sold as it was known on that day."""
    sales = market.sales_before(warehouse, day)
    return sales if sales.empty else as_known(warehouse, sales, day)


def as_known(warehouse: Warehouse, sales: pd.DataFrame, day: date) -> pd.DataFrame:
    """`sales` with what was sold taken from the feature service, as the platform knew it by the end of `day` (UTC).

    A property's features are those of the version that held then, as of its publication, so that no time to live has passed; nothing
    published later is seen. Of a property that was published only later, as an old sale landed now, they are those of its current version:
    else no model could be trained of the past. Of one that had vanished by then, nothing is known. Which sales there are, and which of
    them are valid, is what is known now.
    """
    sold = warehouse.frame("score_known_at", keys=sales[["property_id"]].drop_duplicates(), as_of_date=day)
    known_at = pd.to_datetime(sales["property_id"].map(sold.set_index("property_id")["known_at"]), utc=True, format="ISO8601")
    entities = pd.DataFrame({"property_id": sales["property_id"], "event_at": known_at})
    known = offline.as_of(warehouse, FEATURES, entities)
    return sales.assign(**{name: _typed(known[name], sales[name]) for name in FEATURES.names})


def _typed(known: pd.Series, read: pd.Series) -> pd.Series:
    """`known` in the type of what was read of all sales, whatever the valid ones among them leave unknown."""
    # A version of then may leave open what every version of now says.
    return known if known.hasnans and pd.api.types.is_integer_dtype(read.dtype) else known.astype(read.dtype)


def county_sales(warehouse: Warehouse, county_fips: str, day: date) -> pd.DataFrame:
    """The valid sales of one county before `day`, in the order of date and identifier.

    Raises ModelRefused when they are too few, or too close in time, for a model and its trial.
    """
    sales = sales_before(warehouse, day)
    sales = sales[in_county(sales) == county_fips]
    sales = sales.sort_values(["sale_date", "sale_id"], ignore_index=True)
    where = f"{warehouse.tenant.slug}: county {county_fips} before {day}"
    if len(sales) < p.MODEL_SALES_MINIMUM:
        raise ModelRefused(
            f"{where}: {len(sales):,} sales are too few; a model and its trial need {p.MODEL_SALES_MINIMUM}. Land more sales of the county"
        )
    sold_on = pd.to_datetime(sales["sale_date"])
    span = (sold_on.max() - sold_on.min()).days + 1
    if span < p.MODEL_DAYS_MINIMUM:
        raise ModelRefused(
            f"{where}: {len(sales):,} sales lie within {span} days; a trial out of time needs {p.MODEL_DAYS_MINIMUM}. Land older sales"
        )
    return sales


def sales_sha256(sales: pd.DataFrame) -> str:
    """Digest of the sales that a model is made from, the same for the same sales in whatever order."""
    ordered = sales.sort_values("sale_id")[sorted(sales.columns)]
    return hashlib.sha256(ordered.to_csv(index=False).encode()).hexdigest()


def recipe_or_ours(recipe: Recipe | None) -> Recipe:
    """The recipe given, or ours."""
    if recipe is not None:
        return recipe
    from estate.score import learning  # imported here, because it brings the boosted trees with it

    return learning


def _young(warehouse: Warehouse, county_fips: str, day: date) -> Training | None:
    row = registry.serving(warehouse, county_fips, day)
    if row is None or row.method != p.METHOD or row.as_of_date < day - timedelta(days=p.MODEL_AGE_DAYS):
        return None
    try:
        registry.load(row)
    except ModelRefused as damage:
        LOG.warning("model=%s is trained again: %s", row.model_id, damage)
        return None
    return _training(warehouse, row, is_new=False, is_serving=True)


def _training(warehouse: Warehouse, row: ModelRow, *, is_new: bool, is_serving: bool, refusal: str | None = None) -> Training:
    return Training(row.county_fips, row.as_of_date, row, is_new, is_serving, refusal, registry.page_url(warehouse.tenant, row))


def _trained(warehouse: Warehouse, county_fips: str, day: date, run_id: str, recipe: Recipe | None) -> Training:
    try:
        sales = county_sales(warehouse, county_fips, day)
        row = _found(warehouse, county_fips, day, sales)
        is_new = row is None
        row = row or _made(warehouse, sales, recipe_or_ours(recipe), {"county_fips": county_fips, "as_of_date": day, "run_id": run_id})
    except ModelRefused as refusal:
        return Training(county_fips, day, None, is_new=False, is_serving=False, refusal=str(refusal), page_url=None)
    if row.is_passed:
        reason = f"passed its ratio study on {row.metrics['sale_count']:,} sales"
        registry.promote(warehouse.tenant, row.model_id, reason=reason, by="training", run_id=run_id, is_rollback=False)
    now = registry.serving(warehouse, county_fips, day)
    is_serving = now is not None and now.model_id == row.model_id
    why = row.refusal
    if why is None and not is_serving:
        why = f"{row.model_id} was set aside by a rollback; promote it by name to let it serve again"
    return _training(warehouse, row, is_new=is_new, is_serving=is_serving, refusal=why)


def _found(warehouse: Warehouse, county_fips: str, day: date, sales: pd.DataFrame) -> ModelRow | None:
    """The intact model that was made of these very inputs, if there is one."""
    version = settings().code_version
    if version == "unknown" or version.endswith("-dirty"):
        return None  # such a name does not say which code made it
    found = warehouse.rows(
        "model_of_inputs", county_fips=county_fips, as_of_date=day, sales_sha256=sales_sha256(sales),
        parameters_sha256=content_sha256(document()), code_version=version,
    )  # fmt: skip
    row = registry.known(warehouse, found[0]["model_id"]) if found else None
    if row is None:
        return None
    try:
        registry.load(row)
    except ModelRefused as damage:
        LOG.warning("model=%s is trained again: %s", row.model_id, damage)
        return None
    return row


def _tried(recipe: Recipe, sales: pd.DataFrame, day: date) -> tuple[pd.DataFrame, pd.DataFrame, TrainedModel]:
    """The trial out of time, its study, and the model itself. Raises ModelRefused where the sales cannot carry one of them."""
    try:
        held = recipe.backtest(sales, day)
        return held, strata(held), recipe.train(sales, day, p.MODEL_SEED)
    except ValueError as error:
        raise ModelRefused(f"{len(sales):,} sales before {day} cannot carry a model: {error}") from error


def _made(warehouse: Warehouse, sales: pd.DataFrame, recipe: Recipe, what: dict[str, Any]) -> ModelRow:
    tenant, day = warehouse.tenant, what["as_of_date"]
    held, study, model = _tried(recipe, sales, day)
    body, written = model.to_bytes(), document()
    model_id = registry.model_id_of(what["county_fips"], day, body)
    rows = frame_to_arrow(study.assign(tenant_id=str(tenant.tenant_id), model_id=model_id), contract(STUDY))
    verdict = judge(contract(STUDY), rows, model_id)
    put_docs(tenant, verdict)
    (clock,) = warehouse.rows("clock")
    sold_on = pd.to_datetime(sales["sale_date"])
    row = ModelRow(
        **what,
        model_id=model_id,
        trained_at=clock["now"],
        method=p.METHOD,
        seed=p.MODEL_SEED,
        sale_count=len(sales),
        window_from_date=sold_on.min().date(),
        window_to_date=sold_on.max().date(),
        snapshot_ids=warehouse.frame("model_snapshots", keys=sales[["sale_id"]])["snapshot_id"].astype(int).tolist(),
        code_version=settings().code_version,
        parameters_sha256=content_sha256(written),
        artefact_sha256=content_sha256(body),
        object_key=registry.object_key(tenant, model_id, "model.zip"),
        card_key=registry.object_key(tenant, model_id, "card.json"),
        page_key=registry.page_of(model_id),
        metrics=overall(study) | {"sales_sha256": sales_sha256(sales)},
        verdict_id=verdict.verdict_id,
        is_passed=verdict.is_passed,
        refusal=None if verdict.is_passed else refusal_of(tenant, verdict),
        feature_service=f"{FEATURES.name}@{FEATURES.version}",
    )
    former = registry.serving(warehouse, row.county_fips, day)
    card = card_of(tenant, row) | {
        "components": model.components(),
        "frontier": model.tradeoff(),
        "parameters": stated(),
        "previous_model_id": former.model_id if former else None,
    }
    page = render(card, study, held, model.importances()).encode()
    artefact = Artefact(body, written, orjson.dumps(card, option=orjson.OPT_INDENT_2), page)
    said = verdict_frame(tenant, verdict, batch_id=model_id, run_id=row.run_id, judged_sha256=frame_sha256(rows))
    return registry.register(warehouse, row, artefact, {"provenance.verdict": said, STUDY: rows.to_pandas(date_as_object=False)})


def overall(study: pd.DataFrame) -> dict[str, Any]:
    """The figures of the whole study, as JSON holds them; unknown ones are null."""
    first = study[study["stratum_kind"] == "all"].iloc[0].drop(["stratum_kind", "stratum"])
    return {str(name): None if pd.isna(value) else float(value) for name, value in first.items()}


def card_of(tenant: Tenant, row: ModelRow) -> dict[str, Any]:
    """The model card: what was trained on what, how it did, what it is for and what it is not for."""
    return {
        "model_id": row.model_id,
        "tenant": tenant.slug,
        "county_fips": row.county_fips,
        "as_of_date": row.as_of_date.isoformat(),
        "trained_at": row.trained_at.isoformat(),
        "method": row.method,
        "seed": row.seed,
        "sale_count": row.sale_count,
        "window_from_date": row.window_from_date.isoformat(),
        "window_to_date": row.window_to_date.isoformat(),
        "snapshot_ids": row.snapshot_ids,
        "code_version": row.code_version,
        "parameters_sha256": row.parameters_sha256,
        "artefact_sha256": row.artefact_sha256,
        "metrics": row.metrics,
        "verdict_id": str(row.verdict_id),
        "is_passed": row.is_passed,
        "refusal": row.refusal,
        "feature_service": row.feature_service,
        "run_id": row.run_id,
        "intended_use": f"Market value of residential property in county {row.county_fips} on days from {row.as_of_date} on.",
        "not_for": "Other counties, earlier days, property unlike what was sold, or the price that one buyer will pay.",
        "trial": "The latest tenth of the sales before the as-of date, each valued by a model trained on the sales before them.",
    }


def _log(tenant: Tenant, trained: Training) -> None:
    said = trained.summary()
    level = logging.WARNING if trained.refusal else logging.INFO
    LOG.log(level, "tenant=%s %s", tenant.slug, " ".join(f"{name}={value}" for name, value in said.items() if value is not None))
