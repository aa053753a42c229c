"""The flows that belong to no tenant: public layers and series, and what is not kept for ever."""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from estate.orchestration.run import run_name


@task(task_id="load")
def load_layer() -> dict[str, int | str]:
    """Load the hazard layer that the form names."""
    from estate.errors import LandingRefused, ServiceUnavailable
    from estate.hazard.layer_landing import load

    context: Any = get_current_context()
    params = context["params"]
    vintage = date.fromisoformat(params["vintage_date"]) if params["vintage_date"] else None
    try:
        return load(params["source"], params["file"], vintage, params["bounds"], run_name(context))
    except LandingRefused as refusal:
        raise AirflowFailException(f"{params['source']}: {refusal}") from None
    except ServiceUnavailable as absence:
        # Not a refusal: the service may answer later, and what is loaded stays current until then.
        raise RuntimeError(f"{params['source']}: {absence}") from None


@task(task_id="load")
def load_series() -> dict[str, int | str]:
    """Load the market series that the form names."""
    from estate.errors import LandingRefused
    from estate.features.series_landing import load

    context: Any = get_current_context()
    params = context["params"]
    vintage = date.fromisoformat(params["vintage_date"]) if params["vintage_date"] else None
    try:
        return load(params["source"], params["file"], vintage, run_name(context))
    except LandingRefused as refusal:
        raise AirflowFailException(f"{params['source']}: {refusal}") from None


def audit_retention() -> None:
    """The one task that deletes what the audit has kept long enough; returns rows deleted by tenant."""

    @task(task_id="expire")
    def expire() -> dict[str, int]:
        from estate.retention import expire_audit

        return expire_audit()

    expire()
