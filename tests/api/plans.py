"""How PostgreSQL would answer a query as the API's role among thousands of rows, which are gone when it has said so."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from tests.servers import Database

COPIES = 3000
_KEYS = {
    "normalize.sale": "sale_id",
    "provenance.quarantine": "quarantine_id",
    "provenance.verdict": "verdict_id",
    "ingest.landing": "landing_id",
}
_COPY = sql.SQL(
    "INSERT INTO {table} SELECT (jsonb_populate_record(row, jsonb_build_object('property_id', gen_random_uuid(),"
    " {key}::text, gen_random_uuid(), 'superseded_at', 'infinity', 'living_area_sqft', 500 + 4000 * random()))).*"
    " FROM (SELECT row FROM {table} AS row WHERE tenant_id = %s LIMIT 1) AS one, generate_series(1, %s)"
)


def conditions(database: Database, tenant_id: uuid.UUID, text: str, asked: Mapping[str, Any], many: Iterable[str]) -> dict[str, list[str]]:
    """Of each table that the query reads, what its index is asked each time; empty where none is.

    `many` are tables to fill with copies of a row, each with an identifier and a living area of its own.
    """
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        for name in many:
            table = sql.Identifier(*name.split("."))
            key = _KEYS.get(name, "property_id")
            connection.execute(_COPY.format(table=table, key=sql.Literal(key)), (tenant_id, COPIES))
            connection.execute(sql.SQL("ANALYZE {}").format(table))
        connection.execute("SET LOCAL ROLE estate_api")
        connection.execute("SELECT set_config('app.tenant_id', %s, true), set_config('enable_seqscan', 'off', true)", (str(tenant_id),))
        explained = connection.execute(f"EXPLAIN (FORMAT JSON) {text}", asked).fetchone()
        connection.rollback()
    assert explained is not None
    return _read(explained[0][0]["Plan"])


def _read(plan: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    if "Relation Name" in plan:
        found[plan["Relation Name"]].append(plan.get("Index Cond", ""))
    for part in plan.get("Plans", ()):
        for table, asked in _read(part).items():
            found[table] += asked
    return found
