"""The stages as tasks, and the market of the features, which has their shape: build, gate and publish, in one run or in a chain."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException

from estate.contracts import STAGES, published_by
from estate.orchestration.models import trained_first
from estate.orchestration.run import asset, assets, batch_at_work, log_failures, run_name
from estate.settings import tenants

if TYPE_CHECKING:
    from estate.batch import Batch


@task(task_id="land")
def land() -> dict[str, str]:
    """Land the file that the form names; hands the batch on by name."""
    from estate.errors import LandingRefused
    from estate.ingest.stage import land as land_file

    context: Any = get_current_context()
    params = context["params"]
    vintage = date.fromisoformat(params["vintage_date"]) if params["vintage_date"] else None
    try:
        batch = land_file(tenants()[params["tenant"]], params["source"], params["file"], vintage, run_name(context))
    except LandingRefused as refusal:
        raise AirflowFailException(f"{params['tenant']}: {params['source']}: {refusal}") from None
    return {"tenant": batch.tenant.slug, "batch_id": batch.batch_id}


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
            return build_stage(name, batch_at_work(landed))
        except (LandingRefused, ModelRefused) as refusal:
            raise AirflowFailException(str(refusal)) from None

    @task(task_id="gate")
    def gate(landed: dict[str, str] | None = None) -> dict[str, str]:
        from airflow.providers.openlineage.api import emit_dataset_lineage

        from estate import lineage
        from estate.errors import BatchRefused
        from estate.stages import gate_stage

        batch = batch_at_work(landed)
        try:
            verdicts, refusal = gate_stage(name, batch), None
        except BatchRefused as error:
            verdicts, refusal = error.verdicts, error
        emit_dataset_lineage(inputs=lineage.judged(batch.tenant.slug, verdicts))
        log_failures(verdicts)
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

        batch = batch_at_work(landed)
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
        modelled: Any = trained_first(landed) if name == "score" else None
        built = build(landed)
        built >> gate(landed) >> publish(landed)
        if modelled is not None:
            modelled >> built

    return tasks(landed)


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
