"""Rows on their way online: tables of a view's shape from what a test says, and the session's Redis."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from estate.arrow import arrow_type
from estate.features.definitions import VIEWS, FeatureService
from local import environment
from tests.servers import Servers

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
OBSERVED = datetime(2026, 2, 1, tzinfo=UTC)


def redis_url(servers: Servers) -> str:
    """A database of the session's Redis that no other process of the session uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return environment.platform_variables(servers.machine, redis_database=worker + 1)["ESTATE_FEATURES_REDIS_URL"]


def own_url(servers: Servers) -> str:
    """The session's Redis as the server's own user, who may watch it."""
    return environment.redis_url(servers.machine, 0)


def table(view: str, rows: Mapping[str, Mapping[str, Any]], **bounds: Any) -> pa.Table:
    """Rows of `view` by entity, as offline.current gives them; what is not said is null, `bounds` replace event_at and observed_at."""
    said = {"event_at": AT, "observed_at": OBSERVED, **bounds}
    names = {c.name: arrow_type(c.sql_type) for c in VIEWS[view].contract.columns if c.name not in {"tenant_id", "until_at"}}
    assert {name for row in rows.values() for name in row} <= set(names)
    made = [{VIEWS[view].entity: entity, **said, **row} for entity, row in rows.items()]
    return pa.table([pa.array([row.get(name) for row in made], type=kind) for name, kind in names.items()], names=list(names))


def service(**features: tuple[str, ...]) -> FeatureService:
    """A service of these features, by view."""
    return FeatureService("asked_by_a_test", "features of a test", features)
