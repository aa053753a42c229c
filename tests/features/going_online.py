"""How the tests take a tenant's features online, and see what is there and what was written down."""

from __future__ import annotations

from typing import Any

import pytest

from estate import settings as configuration
from estate.features import materialize
from estate.features.definitions import SERVICES
from estate.features.online import OnlineRow, OnlineStore
from estate.settings import Tenant
from estate.warehouse import Warehouse

NOTHING = {"properties_written": 0, "properties_deleted": 0, "markets_written": 0, "markets_deleted": 0, "publications": 0}


def through(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features go online in the Redis at `url`, in this process and those that it starts."""
    monkeypatch.setenv("ESTATE_FEATURES_REDIS_URL", url)
    configuration.settings.cache_clear()


def run(tenant: Tenant, name: str = "features_materialize/one", **how: bool) -> dict[str, int]:
    """All three steps, each finding the batch again as the next task does."""
    built = materialize.build(tenant, name, **how)
    batch = materialize.batch_of(tenant, built.batch_id, name)
    assert batch == built
    materialize.gate(batch)
    return materialize.push(batch)


def read(tenant: Tenant, entity: str, service: str = "property_v1") -> OnlineRow | None:
    """What is online of one property, or of one county with service market_v1."""
    (row,) = OnlineStore(tenant).read(SERVICES[service], [entity])
    return row


def rows_of(tenant: Tenant, table: str) -> list[dict[str, Any]]:
    """All rows of the tenant in a table, as JSON."""
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return [row for (row,) in connection.execute(f"SELECT to_jsonb(t) FROM {table} AS t").fetchall()]


def materialized(tenant: Tenant) -> list[int]:
    """The publications written down as online, ascending."""
    return sorted(row["publication_id"] for row in rows_of(tenant, "features.materialization"))
