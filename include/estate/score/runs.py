"""What the flows over models do with the answers of their form, without knowing who runs them.

Each takes the form's answers, who asked, and the name of the run, and returns plain rows; a row may hold ``page_url``, the
page to open, and ``refusal``, why the run must be seen as failed. Raises ModelRefused where there is nothing to return.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from estate.errors import ModelRefused
from estate.score import registry
from estate.score.backtest import backtest_model
from estate.score.ledger import drift_of
from estate.score.training import markets, train_model
from estate.settings import Tenant, tenants

LOG = logging.getLogger(__name__)
Rows = list[dict[str, Any]]


def train(form: Mapping[str, Any], by: str, run_id: str) -> Rows:  # noqa: ARG001 - all flows are called alike
    """Train the counties the form names, as of its day, or of the day after each one's newest sale."""
    tenant, found = _markets(form)
    day = date.fromisoformat(form["as_of_date"]) if form["as_of_date"] else None
    return [train_model(tenant, county_fips, day or newest, run_id).summary() for county_fips, newest in found.items()]


def backtest(form: Mapping[str, Any], by: str, run_id: str) -> Rows:  # noqa: ARG001
    """Try the method at earlier cut-offs; what the gate would say of it is a finding, not a failure."""
    tenant, found = _markets(form)
    return [backtest_model(tenant, county_fips, run_id).summary() for county_fips in found]


def promote(form: Mapping[str, Any], by: str, run_id: str) -> Rows:
    """Let the model that the form names serve."""
    tenant = tenants()[form["tenant"]]
    if not (form["model_id"] and form["reason"]):
        raise ModelRefused("a promotion names a model and a reason; the models are listed in the tenant's Data Docs")
    row = registry.promote(tenant, form["model_id"], reason=form["reason"], by=by, run_id=run_id)
    return [{"model_id": row.model_id, "serves_from": row.as_of_date.isoformat(), "page_url": registry.page_url(tenant, row)}]


def drift(form: Mapping[str, Any], by: str, run_id: str) -> Rows:  # noqa: ARG001
    """The drift of one tenant's models, one row a model and month, kept in score.drift. Raises ModelRefused, naming every alarm."""
    tenant = tenants()[form["tenant"]]
    drifted, alarms = drift_of(tenant, run_id)
    for row in drifted:
        LOG.info("tenant=%s %s", tenant.slug, " ".join(f"{name}={value}" for name, value in row.items()))
    if alarms:
        raise ModelRefused(f"{tenant.slug}: {' | '.join(alarms)}")
    return drifted


RUNS: dict[str, Callable[[Mapping[str, Any], str, str], Rows]] = {
    "train": train, "backtest": backtest, "promote": promote, "drift": drift,
}  # fmt: skip


def _markets(form: Mapping[str, Any]) -> tuple[Tenant, dict[str, date]]:
    tenant = tenants()[form["tenant"]]
    found, named = markets(tenant), form["county_fips"]
    if not found or (named and named not in found):
        known = ", ".join(found) or "none"
        raise ModelRefused(f"{tenant.slug} has sales in these counties: {known}. Name one of them, or land a source with sales")
    return tenant, {named: found[named]} if named else found
