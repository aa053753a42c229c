"""What every DAG and task shares: retries, assets, the name of a run."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAny, PartitionedAssetTimetable, PartitionedAtRuntime, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from estate.contracts import published_by
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


def run_name(context: Any) -> str:
    """How the platform's books call the run at work."""
    return f"{context['dag'].dag_id}/{context['run_id']}"


def batch_at_work(landed: dict[str, str] | None) -> Batch:
    """The batch this run works on: landed by it, named in its form, or brought by the asset event that started it."""
    from estate.errors import BatchRefused
    from estate.stages import batch_of

    context: Any = get_current_context()
    partition = context["dag_run"].partition_key
    named = landed or (dict(zip(("tenant", "batch_id"), partition.split("|"), strict=True)) if partition else context["params"])
    if not named.get("batch_id"):
        raise AirflowFailException("no batch was named; choose one in the form, or start the DAG ingest, which hands its batch on")
    try:
        return batch_of(tenants()[named["tenant"]], named["batch_id"], run_name(context))
    except BatchRefused as refusal:
        raise AirflowFailException(str(refusal)) from None


def log_failures(verdicts: list[Verdict]) -> None:
    """Log what a gate found, a line a failure."""
    for verdict in verdicts:
        for failure in verdict.failures:
            level = logging.ERROR if failure.outcome == "refused" else logging.WARNING
            LOG.log(level, "%s %s: %s of %s: %s", verdict.table_name, failure.outcome, failure, f"{verdict.rows_in:,}", failure.reason)
