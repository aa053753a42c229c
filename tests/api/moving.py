"""Rows that move the version of a tenant's data, written as the pipeline writes; and how one waits until they are heard of."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest
import world
from issuer import LAKESIDE
from psycopg.types.json import Jsonb

from api.versions import Versions
from estate.contracts import CONTRACTS
from tests.servers import Database

PATIENCE_S = 20.0


@contextmanager
def writing(database: Database, tenant_id: uuid.UUID) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of the pipeline for one tenant."""
    with psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
        yield connection


def a_publication(tenant_id: uuid.UUID) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id, "publication_id": uuid.uuid4().int >> 80, "table_name": "normalize.property", "partition_name": "roll",
        "batch_id": "roll-1", "input_sha256": "a" * 64, "vintage_date": date(2026, 1, 1), "verdict_id": uuid.uuid4(), "run_id": "r",
        "code_version": "0.1.0", "rows_in": 1, "rows_published": 0, "rows_closed": 0, "rows_unchanged": 0, "rows_quarantined": 0,
        "read_at": world.FIRST, "published_at": world.FIRST,
    }  # fmt: skip


def a_verdict(tenant_id: uuid.UUID) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id, "verdict_id": uuid.uuid4(), "batch_id": "roll-1", "table_name": "normalize.property", "is_passed": False,
        "rows_in": 1, "rows_quarantined": 0, "expectation_count": 1, "failures": Jsonb([]), "suite_sha256": "e" * 64, "run_id": "r",
        "judged_at": world.FIRST,
    }  # fmt: skip


def a_quarantined_row(tenant_id: uuid.UUID) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id, "quarantine_id": uuid.uuid4(), "batch_id": "roll-1", "table_name": "normalize.property", "row_key": "k",
        "raw_row": Jsonb({}), "expectation": "e", "reason": "r", "run_id": "r", "quarantined_at": world.FIRST,
    }  # fmt: skip


def a_landing(tenant_id: uuid.UUID) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id, "landing_id": uuid.uuid4(), "source_name": "roll", "file_name": "roll.csv", "outcome": "refused",
        "run_id": "r", "landed_at": world.FIRST,
    }  # fmt: skip


def a_snapshot(tenant_id: uuid.UUID) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id, "snapshot_id": uuid.uuid4().int >> 98, "source_name": "roll", "file_name": "f", "snapshot_sha256": "0",
        "object_key": "k", "batch_id": "b", "vintage_date": date(2026, 1, 1), "header": ["PIN"], "row_count": 1, "landed_at": world.FIRST,
    }  # fmt: skip


def a_promotion(tenant_id: uuid.UUID) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id, "promotion_id": uuid.uuid4(), "model_id": world.MODEL, "county_fips": "19169", "is_rollback": False,
        "promoted_at": world.FIRST, "promoted_by": "training", "reason": "r", "run_id": "r",
    }  # fmt: skip


def a_decision(tenant_id: uuid.UUID) -> dict[str, Any]:
    filled = {column.name: None for column in CONTRACTS["score.sale_decision"].columns if column.nullable}
    return filled | {
        "tenant_id": tenant_id, "decision_id": uuid.uuid4(), "sale_id": uuid.uuid4(), "is_arms_length": True, "reason": "r",
        "decided_by": "ada", "decided_at": world.FIRST, "run_id": "r",
    }  # fmt: skip


def filled(table: str, tenant_id: uuid.UUID | None = None, **said: Any) -> dict[str, Any]:
    """A row of `table` with `said`, null where that may be, and otherwise something of the column's type."""
    own = {} if tenant_id is None else {"tenant_id": tenant_id}
    some: dict[str, Any] = {"text": "r", "date": date(2026, 1, 1), "timestamptz": world.FIRST, "boolean": False, "jsonb": Jsonb({})}
    needed = (column for column in CONTRACTS[table].columns if not column.nullable)
    return {column.name: [] if column.sql_type.endswith("[]") else some.get(column.sql_type, 1) for column in needed} | own | said


def a_model(tenant_id: uuid.UUID) -> dict[str, Any]:
    return filled("score.model", tenant_id, model_id=str(uuid.uuid4()), verdict_id=uuid.uuid4())


def a_drift(tenant_id: uuid.UUID) -> dict[str, Any]:
    return filled("score.drift", tenant_id, run_id=str(uuid.uuid4()))


def a_ratio_study(tenant_id: uuid.UUID) -> dict[str, Any]:
    return filled("score.ratio_study", tenant_id, model_id=str(uuid.uuid4()))


def a_layer_landing(_tenant_id: uuid.UUID) -> dict[str, Any]:
    return filled("reference.layer_landing", landing_id=uuid.uuid4())


def a_materialization(tenant_id: uuid.UUID) -> dict[str, Any]:
    return filled("features.materialization", tenant_id, publication_id=uuid.uuid4().int >> 80)


def a_profile(tenant_id: uuid.UUID) -> dict[str, Any]:
    return filled("features.profile", tenant_id, run_id=str(uuid.uuid4()))


def a_parity(tenant_id: uuid.UUID) -> dict[str, Any]:
    return filled("features.parity", tenant_id, run_id=str(uuid.uuid4()))


ROWS: dict[str, Callable[[uuid.UUID], dict[str, Any]]] = {
    "provenance.publication": a_publication,
    "provenance.verdict": a_verdict,
    "provenance.quarantine": a_quarantined_row,
    "ingest.landing": a_landing,
    "ingest.snapshot": a_snapshot,
    "score.model": a_model,
    "score.promotion": a_promotion,
    "score.drift": a_drift,
    "score.ratio_study": a_ratio_study,
    "score.sale_decision": a_decision,
    "features.materialization": a_materialization,
    "features.profile": a_profile,
    "features.parity": a_parity,
    "reference.layer_landing": a_layer_landing,
}


def put(database: Database, tenant_id: uuid.UUID, table: str = "provenance.publication") -> None:
    with writing(database, tenant_id) as connection:
        world.put(connection, table, **ROWS[table](tenant_id))


def settled(known: Versions, tenant_id: uuid.UUID = LAKESIDE) -> str:
    """The version of what is committed by now: a notice of our own comes after all others."""
    marker = uuid.uuid4()
    known.await_change(marker, None, PATIENCE_S)
    heard = known.notice_count
    with psycopg.connect(known._url) as connection:
        connection.execute("SELECT pg_notify('estate_version', %s)", (str(marker),))
    until(lambda: known.notice_count > heard)
    return known.await_change(tenant_id, None, PATIENCE_S)


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    for _ in range(int(PATIENCE_S * 100)):
        if is_so():
            return
        time.sleep(0.01)
    pytest.fail("it did not come about")
