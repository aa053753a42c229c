"""The flows over models and decisions as tasks."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from estate.orchestration.run import batch_at_work, run_name
from estate.settings import tenants

LOG = logging.getLogger(__name__)


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
            done = RUNS[name]({"tenant": tenant_slug} if tenant_slug else context["params"], by, run_name(context))
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
def trained_first(landed: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """See that every county of the batch has a model; where one is refused, the former goes on serving."""
    from estate.score.training import ensure_models

    done = [trained.summary() for trained in ensure_models(batch_at_work(landed))]
    _show_pages(done)
    return done


def _show_pages(done: list[dict[str, Any]]) -> None:
    """Log the page of every model: Airflow makes a link of the address, and the task's result holds it too."""
    for said in done:
        if said.get("page_url"):
            LOG.info("page=%s", said["page_url"])


@task(task_id="decide")
def record_decision() -> str:
    """Keep the decision that the form states."""
    from estate.score.sale_decision import decide

    context: Any = get_current_context()
    said = context["params"]
    decided_by = said["decided_by"] or context["dag_run"].triggering_user_name or ""
    tenant, words = tenants()[said["tenant"]], (said["sale_id"] or "", said["is_arms_length"], said["reason"] or "", decided_by)
    try:
        return str(decide(tenant, *words, run_id=run_name(context)))
    except ValueError as refusal:
        raise AirflowFailException(str(refusal)) from None
