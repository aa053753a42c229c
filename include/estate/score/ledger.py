"""The ledger of outcomes of one tenant, read for the drift alarm."""

from __future__ import annotations

from typing import Any

from estate.score import parameters as p
from estate.score.outcome import alarms, drift
from estate.settings import Tenant
from estate.warehouse import Warehouse


def drift_of(tenant: Tenant) -> tuple[list[dict[str, Any]], list[str]]:
    """The drift of the tenant's models over the last DRIFT_DAYS of outcomes, as plain rows, and what of it is out of bounds."""
    with Warehouse(tenant) as warehouse:
        drifted = drift(warehouse.frame("score_drift_outcomes", reach_days=p.DRIFT_DAYS))
    plain = drifted.astype(object).where(drifted.notna(), None)
    rows = [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
    return rows, alarms(drifted)
