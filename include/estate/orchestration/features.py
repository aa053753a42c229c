"""The flows over features as tasks: put them online, compare offline with online."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from estate.orchestration.run import log_failures, run_name
from estate.settings import tenants

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.settings import Tenant

LOG = logging.getLogger(__name__)


def backfill() -> None:
    """All that is current, for the tenant that the form names or for every one; a group of tasks a tenant."""
    for slug in sorted(tenants()):

        @task_group(group_id=slug)
        def of_tenant(slug: str) -> None:
            materialize(slug, is_whole=True)

        of_tenant(slug)


def materialize(slug: str | None = None, *, is_whole: bool = False) -> None:
    """Build, gate and push what was published since the last run, or with `is_whole` all that is current.

    The tenant is `slug`, where the form names no other; without it, the one of the asset event or of the form.
    """

    @task(task_id="build")
    def build() -> dict[str, str]:
        from estate.errors import ServiceUnavailable
        from estate.features import materialize
        from estate.features.store import register

        context: Any = get_current_context()
        partition, asked = context["dag_run"].partition_key, context["params"]["tenant"]
        if slug is not None and asked not in {None, slug}:
            raise AirflowSkipException(f"this run is {asked}'s")
        tenant = tenants()[slug or (partition.split("|")[0] if partition else asked)]
        try:
            if register(tenant):
                LOG.info("%s: the registry holds the definitions of this code", tenant.slug)
        except ServiceUnavailable as absence:
            # Feast's users wait for it; what goes online does not need it, and the next run registers.
            LOG.warning("%s: %s", tenant.slug, absence)
        batch = materialize.build(tenant, run_name(context), is_whole=is_whole)
        return {"tenant": tenant.slug, "batch_id": batch.batch_id}

    @task(task_id="gate")
    def gate(built: dict[str, str]) -> dict[str, str]:
        from airflow.providers.openlineage.api import emit_dataset_lineage

        from estate import lineage
        from estate.errors import BatchRefused
        from estate.features import materialize

        batch = _batch(built)
        try:
            verdicts, refusal = materialize.gate(batch, accepted=_accepted()), None
        except BatchRefused as error:
            verdicts, refusal = error.verdicts, error
        emit_dataset_lineage(inputs=lineage.judged(batch.tenant.slug, verdicts))
        log_failures(verdicts)
        if refusal is not None:
            _show_page(batch.tenant)
            raise AirflowFailException(str(refusal))
        return {verdict.table_name: f"{verdict.rows_in} rows" for verdict in verdicts}

    @task(task_id="push")
    def push(built: dict[str, str]) -> dict[str, int]:
        from airflow.providers.openlineage.api import emit_dataset_lineage

        from estate import lineage
        from estate.errors import BatchRefused
        from estate.features import materialize

        batch = _batch(built)
        try:
            done = materialize.push(batch)
        except BatchRefused as refusal:
            raise AirflowFailException(str(refusal)) from None
        emit_dataset_lineage(inputs=lineage.read_by_views(batch.tenant.slug), outputs=lineage.online(batch.tenant.slug))
        _show_page(batch.tenant)
        return done

    built: Any = build()
    gated: Any = gate(built)
    built >> gated >> push(built)


def audit_features() -> None:
    """One task a tenant, so that the mismatch of one is not the mismatch of another."""
    for slug in sorted(tenants()):

        @task(task_id=slug)
        def compare(slug: str) -> dict[str, int]:
            from estate.errors import FeatureMismatch
            from estate.features.audit import audit

            tenant = tenants()[slug]
            try:
                found = audit(tenant, run_name(get_current_context()))
            except FeatureMismatch as mismatch:
                _show_page(tenant)
                raise AirflowFailException(str(mismatch)) from None
            _show_page(tenant)
            return {"features": len(found), "entities": int(found["compared_count"].max()) if len(found) else 0}

        compare(slug)


def _batch(built: dict[str, str]) -> Batch:
    from estate.features import materialize

    return materialize.batch_of(tenants()[built["tenant"]], built["batch_id"], run_name(get_current_context()))


def _accepted() -> str:
    """Who accepts, by the form, what the profile of the features would be refused for, and why; empty where nobody does."""
    context: Any = get_current_context()
    reason = (context["params"].get("accepted_because") or "").strip()
    return f"{context['dag_run'].triggering_user_name or 'unknown'}: {reason}" if reason else ""


def _show_page(tenant: Tenant) -> None:
    """Write the tenant's page of features and log its address, of which Airflow makes a link.

    A page that cannot be written decides nothing: what was pushed is online, what was refused stays refused.
    """
    from estate.features.page import put_page
    from estate.warehouse import Warehouse

    try:
        with Warehouse(tenant) as warehouse:
            LOG.info("page=%s", put_page(tenant, warehouse))
    except Exception:
        LOG.exception("%s: the page of the features could not be written; the next run writes it", tenant.slug)
