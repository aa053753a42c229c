"""The ledger of outcomes of one tenant: what the drift watch reads from it, and the record that it keeps of what it found."""

from __future__ import annotations

from typing import Any

import pandas as pd

from estate.score import parameters as p
from estate.score.outcome import alarms, drift
from estate.settings import Tenant
from estate.warehouse import Warehouse

_COLUMNS = {
    "sale_month": "month", "mape": "mape_rate", "bias": "bias_rate", "coverage_80": "coverage_80_rate", "coverage_95": "coverage_95_rate",
}  # fmt: skip


def drift_of(tenant: Tenant, run_id: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The drift of the tenant's models over the last DRIFT_DAYS of outcomes, as plain rows, and what of it is out of bounds.

    What is found is kept in score.drift, alarm or not. A run is kept once: tried again, it adds nothing, so that the record
    shows what its first try saw.
    """
    with Warehouse(tenant) as warehouse:
        drifted = drift(warehouse.frame("score_drift_outcomes", reach_days=p.DRIFT_DAYS))
        _keep(warehouse, drifted, run_id)
    plain = drifted.astype(object).where(drifted.notna(), None)
    rows = [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
    return rows, alarms(drifted)


def _keep(warehouse: Warehouse, drifted: pd.DataFrame, run_id: str) -> None:
    with warehouse.one_at_a_time("drift"):
        if drifted.empty or warehouse.rows("drift_known", run_id=run_id):
            return
        (clock,) = warehouse.rows("clock")
        named = drifted.rename(columns=_COLUMNS)
        named = named.assign(tenant_id=str(warehouse.tenant.tenant_id), run_id=run_id, measured_at=clock["now"])
        with warehouse.transaction() as connection:
            warehouse.insert("score.drift", named, connection)
