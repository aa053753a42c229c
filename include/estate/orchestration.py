"""The only module that imports Airflow: turns a stage into tasks, its tables into assets, its refusals into failures."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    Asset,
    AssetAny,
    Param,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    get_current_context,
    task,
    task_group,
)
from airflow.sdk.exceptions import AirflowFailException

from estate.contracts import STAGES, published_by
from estate.ingest.declaration import declared_names
from estate.settings import tenants

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.gate import Verdict

LOG = logging.getLogger(__name__)
# Passing faults (a server that restarts) are tried again; a refusal never is.
DEFAULT_ARGS = {
    "owner": "real-estate-os",
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "execution_timeout": timedelta(hours=2),
}
RUN = {"catchup": False, "default_args": DEFAULT_ARGS, "max_active_runs": 16}
AT_RUNTIME = PartitionedAtRuntime()


def asset(tenant_slug: str, table: str) -> Asset:
    """The asset that stands for one table of one tenant."""
    return Asset(
        name=f"{tenant_slug}.{table}", uri=f"estate://{tenant_slug}/{table.replace('.', '/')}", group=table.split(".", maxsplit=1)[0]
    )


def assets(stage: str) -> list[Asset]:
    """The assets of every table that `stage` publishes, for every tenant."""
    return [asset(slug, promise.name) for slug in tenants() for promise in published_by(stage)]


def after(stage: str) -> PartitionedAssetTimetable:
    """Run once per tenant and batch, when `stage` has published the batch's main table."""
    main = published_by(stage)[0].name
    return PartitionedAssetTimetable(assets=AssetAny(*[asset(slug, main) for slug in tenants()]))


def tenant_param() -> dict[str, Param]:
    """The form's select of tenants."""
    choices = sorted(tenants())
    return {"tenant": Param(choices[0], type="string", enum=choices, title="Tenant", description="Whose data this run works on.")}


def landing_params() -> dict[str, Param]:
    """The form of a run that lands a file: tenant, source, file and vintage."""
    choices = declared_names("record")
    return tenant_param() | {
        "source": Param(choices[0], type="string", enum=choices, title="Source", description="What the file is, as declared."),
        "file": Param(
            None, type=["null", "string"], title="File", description="Name in the tenant's landing folder; empty takes the newest."
        ),
        "vintage_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Vintage",
            description="The day the data stands for; empty takes the source's own.",
        ),
    }


def batch_params() -> dict[str, Param]:
    """The form of a run that works on a landed batch; a run that an asset event started takes it from its partition."""
    return tenant_param() | {
        "batch_id": Param(
            None,
            type=["null", "string"],
            title="Batch",
            description="A batch as named in ingest.snapshot, such as ames_sales-0123456789ab.",
        )
    }


def layer_params() -> dict[str, Param]:
    """The form of a run that loads a hazard layer."""
    choices = declared_names("hazard_layer")
    return {
        "source": Param(choices[0], type="string", enum=choices, title="Layer", description="Which declared layer the file is."),
        "file": Param(
            None, type=["null", "string"], title="File", description="Name in the reference landing folder; empty takes the newest."
        ),
        "vintage_date": Param(None, type=["null", "string"], format="date", title="Vintage", description="The day the layer stands for."),
        "bounds": Param(
            None,
            type=["null", "string"],
            title="Bounds",
            pattern=r"^(-?\d+(\.\d+)?,){3}-?\d+(\.\d+)?$",
            description="For a service: west,south,east,north in degrees, such as -88.0,42.9,-87.8,43.1.",
        ),
    }


def market_params() -> dict[str, Param]:
    """The form of a run that works on the markets of a tenant."""
    about = "Five digits, 00000 where the county is unknown; empty takes every county with sales."
    return tenant_param() | {"county_fips": Param(None, type=["null", "string"], pattern=r"^\d{5}$", title="County", description=about)}


def training_params() -> dict[str, Param]:
    """The form of a run that trains models."""
    about = "Only sales before this day are used, and the model serves from it on; empty takes the day after the newest sale."
    return market_params() | {"as_of_date": Param(None, type=["null", "string"], format="date", title="As of", description=about)}


def promotion_params() -> dict[str, Param]:
    """The form of a run that lets a model serve."""
    about = "A model as named in score.model; later ones of its county that were promoted before are set aside."
    return tenant_param() | {
        "model_id": Param(None, type=["null", "string"], title="Model", description=about),
        "reason": Param(None, type=["null", "string"], title="Reason", description="Why; it stands in score.promotion for good."),
    }


def _run_name(context: Any) -> str:
    return f"{context['dag'].dag_id}/{context['run_id']}"


def _batch(landed: dict[str, str] | None) -> Batch:
    """The batch this run works on: landed by it, named in its form, or brought by the asset event that started it."""
    from estate.errors import BatchRefused
    from estate.stages import batch_of

    context: Any = get_current_context()
    partition = context["dag_run"].partition_key
    named = landed or (dict(zip(("tenant", "batch_id"), partition.split("|"), strict=True)) if partition else context["params"])
    if not named.get("batch_id"):
        raise AirflowFailException("no batch was named; choose one in the form, or start the DAG ingest, which hands its batch on")
    try:
        return batch_of(tenants()[named["tenant"]], named["batch_id"], _run_name(context))
    except BatchRefused as refusal:
        raise AirflowFailException(str(refusal)) from None


@task(task_id="land")
def land() -> dict[str, str]:
    """Land the file that the form names; hands the batch on by name."""
    from estate.errors import LandingRefused
    from estate.ingest.stage import land as land_file

    context: Any = get_current_context()
    params = context["params"]
    vintage = date.fromisoformat(params["vintage_date"]) if params["vintage_date"] else None
    try:
        batch = land_file(tenants()[params["tenant"]], params["source"], params["file"], vintage, _run_name(context))
    except LandingRefused as refusal:
        raise AirflowFailException(f"{params['tenant']}: {params['source']}: {refusal}") from None
    return {"tenant": batch.tenant.slug, "batch_id": batch.batch_id}


@task(task_id="load")
def load_layer() -> dict[str, int | str]:
    """Load the hazard layer that the form names."""
    from estate.errors import LandingRefused, ServiceUnavailable
    from estate.hazard.layer_landing import load

    context: Any = get_current_context()
    params = context["params"]
    vintage = date.fromisoformat(params["vintage_date"]) if params["vintage_date"] else None
    try:
        return load(params["source"], params["file"], vintage, params["bounds"], _run_name(context))
    except LandingRefused as refusal:
        raise AirflowFailException(f"{params['source']}: {refusal}") from None
    except ServiceUnavailable as absence:
        # Not a refusal: the service may answer later, and what is loaded stays current until then.
        raise RuntimeError(f"{params['source']}: {absence}") from None


def stage(name: str, landed: Any = None, *, announce: bool = True) -> Any:
    """The tasks of one stage: build, gate, publish.

    `landed` is the output of `land` where the same run landed the file. `announce` sends the asset events for which the
    next stage's DAG waits; the pipeline that runs all stages itself announces only its last.
    """

    @task(task_id="build")
    def build(landed: dict[str, str] | None = None) -> dict[str, int]:
        from estate.errors import LandingRefused, ModelRefused
        from estate.stages import build_stage

        try:
            return build_stage(name, _batch(landed))
        except (LandingRefused, ModelRefused) as refusal:
            raise AirflowFailException(str(refusal)) from None

    @task(task_id="gate")
    def gate(landed: dict[str, str] | None = None) -> dict[str, str]:
        from airflow.providers.openlineage.api import emit_dataset_lineage

        from estate import lineage
        from estate.errors import BatchRefused
        from estate.stages import gate_stage

        batch = _batch(landed)
        try:
            verdicts, refusal = gate_stage(name, batch), None
        except BatchRefused as error:
            verdicts, refusal = error.verdicts, error
        emit_dataset_lineage(inputs=lineage.judged(batch.tenant.slug, verdicts))
        _log_failures(verdicts)
        if refusal is not None:
            raise AirflowFailException(str(refusal))
        return {verdict.table_name: f"{verdict.rows_in} rows, {len(verdict.rejected)} quarantined" for verdict in verdicts}

    @task(task_id="publish", outlets=assets(name) if announce else [])
    def publish(landed: dict[str, str] | None = None) -> dict[str, dict[str, int]]:
        from dataclasses import asdict

        from airflow.providers.openlineage.api import emit_dataset_lineage

        from estate import lineage
        from estate.errors import StaleVintage
        from estate.stages import publish_stage

        batch = _batch(landed)
        try:
            published = publish_stage(name, batch)
        except StaleVintage as refusal:
            raise AirflowFailException(str(refusal)) from None
        emit_dataset_lineage(inputs=lineage.read_by(batch.tenant.slug, name), outputs=lineage.written(batch.tenant.slug, published))
        _announce(batch, name if announce else None)
        return {done.table_name: asdict(done) for done in published}

    @task_group(group_id=name)
    def tasks(landed: Any) -> None:
        # Values come from models, and a model is trained, judged and promoted before anything is valued with it.
        modelled: Any = _ensure_models(landed) if name == "score" else None
        built = build(landed)
        built >> gate(landed) >> publish(landed)
        if modelled is not None:
            modelled >> built

    return tasks(landed)


def _log_failures(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        for failure in verdict.failures:
            level = logging.ERROR if failure.outcome == "refused" else logging.WARNING
            LOG.log(level, "%s %s: %s of %s: %s", verdict.table_name, failure.outcome, failure, f"{verdict.rows_in:,}", failure.reason)


def _announce(batch: Batch, stage_name: str | None) -> None:
    """Send the events of this tenant's assets, in the batch's partition, and of no other tenant's."""
    if stage_name is None:
        return
    context: Any = get_current_context()
    own = [asset(batch.tenant.slug, promise.name) for promise in published_by(stage_name)]
    # Airflow announces every declared outlet of a task that succeeds; which of them changed is known only now.
    context["ti"].task.outlets = own
    for changed in own:
        context["outlet_events"][changed].add_partitions(f"{batch.tenant.slug}|{batch.batch_id}")


def all_stages() -> None:
    """Land a file and take it through all five stages in one run."""
    _in_order(land())


def replay_stages() -> None:
    """Take a batch that was landed before through all five stages again."""
    _in_order(None)


def _in_order(landed: Any) -> None:
    previous = landed
    for name in STAGES:
        group = stage(name, landed, announce=name == STAGES[-1])
        if previous is not None:
            previous >> group
        previous = group


def model_run(name: str, tenant_slug: str | None = None) -> None:
    """The one task of a flow over models (`estate.score.runs`); its log links to the page it wrote.

    `tenant_slug` names the tenant, and the task, where no form does.
    """

    @task(task_id=tenant_slug or name)
    def run() -> list[dict[str, Any]]:
        from estate.errors import ModelRefused
        from estate.score.runs import RUNS

        context: Any = get_current_context()
        by = context["dag_run"].triggering_user_name or "unknown"
        try:
            done = RUNS[name]({"tenant": tenant_slug} if tenant_slug else context["params"], by, _run_name(context))
        except ModelRefused as refusal:
            raise AirflowFailException(str(refusal)) from None
        _show_pages(done)
        if refused := [said for said in done if said.get("refusal")]:
            pages = (f"{said['refusal']}{'; page: ' + said['page_url'] if said.get('page_url') else ''}" for said in refused)
            raise AirflowFailException(" | ".join(pages))
        return done

    run()


def drift_watch() -> None:
    """One task a tenant, so that the alarm of one is not the alarm of another."""
    for slug in sorted(tenants()):
        model_run("drift", slug)


@task(task_id="model")
def _ensure_models(landed: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """See that every county of the batch has a model; where one is refused, the former goes on serving."""
    from estate.score.training import ensure_models

    done = [trained.summary() for trained in ensure_models(_batch(landed))]
    _show_pages(done)
    return done


def _show_pages(done: list[dict[str, Any]]) -> None:
    """Log the page of every model: Airflow makes a link of the address, and the task's result holds it too."""
    for said in done:
        if said.get("page_url"):
            LOG.info("page=%s", said["page_url"])


def decision_params() -> dict[str, Param]:
    """The form of a decision about one sale."""
    return tenant_param() | {
        "sale_id": Param(
            None, type=["null", "string"], title="Sale", description="Its sale_id, as in score.sale_validation or normalize.sale."
        ),
        "is_arms_length": Param(
            True, type="boolean", title="Evidence of market value", description="Yes: the price is one of the open market."
        ),
        "reason": Param(None, type=["null", "string"], title="Reason", description="Why; kept with the decision, and read by others."),
        "decided_by": Param(
            None, type=["null", "string"], title="Decided by", description="Who decides; empty takes the user who starts the run."
        ),
    }


@task(task_id="decide")
def record_decision() -> str:
    """Keep the decision that the form states."""
    from estate.score.sale_decision import decide

    context: Any = get_current_context()
    said = context["params"]
    decided_by = said["decided_by"] or context["dag_run"].triggering_user_name or ""
    tenant, words = tenants()[said["tenant"]], (said["sale_id"] or "", said["is_arms_length"], said["reason"] or "", decided_by)
    try:
        return str(decide(tenant, *words, run_id=_run_name(context)))
    except ValueError as refusal:
        raise AirflowFailException(str(refusal)) from None


def audit_retention() -> None:
    """The one task that deletes what the audit has kept long enough; returns rows deleted by tenant."""

    @task(task_id="expire")
    def expire() -> dict[str, int]:
        from estate.retention import expire_audit

        return expire_audit()

    expire()
