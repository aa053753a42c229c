"""What the platform's books say about the runs of a demonstration, read as the pipeline reads: one tenant a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from estate.settings import Tenant
from estate.sql import query
from local.environment import database_url
from local.layout import Layout


def read(machine: Layout, tenant: Tenant, name: str, run_ids: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of sql/queries/<name>.sql for `tenant`; `run_ids` as `<dag>/<run>`, for the queries that ask about runs."""
    with psycopg.connect(database_url(machine, "pipeline"), row_factory=dict_row) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant.tenant_id),))
        return connection.execute(query(name), {"run_ids": list(run_ids)}).fetchall()


def ledger(machine: Layout, tenant: Tenant) -> int:
    """The number of the newest publication; as long as it stays, nothing of the tenant's published tables has changed."""
    return int(read(machine, tenant, "summary_ledger")[0]["publication_id"])


def is_refused(machine: Layout, tenant: Tenant, run_id: str) -> bool:
    """Whether a gate or the landing has refused what this run brought."""
    verdicts = read(machine, tenant, "summary_tables", [run_id])
    landings = read(machine, tenant, "summary_landings", [run_id])
    return any(not row["is_passed"] for row in verdicts) or any(row["outcome"] == "refused" for row in landings)
