"""A county of five hundred sales with a trained model, for one tenant or several: written as the pipeline writes, in a second."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import psycopg
import world
from psycopg import sql
from psycopg.types.json import Jsonb

from estate.score import registry
from estate.score.registry import Artefact, ModelRow
from estate.settings import Tenant
from estate.warehouse import Warehouse
from tests.score import market

COUNTY = "53033"
DAY = market.DAY  # the model's: the day after the last sale
SALES = market.county()
_SOLD = [name for name in market.houses(1) if name != "property_id"]


def identifier(tenant_id: uuid.UUID, name: str) -> uuid.UUID:
    """The tenant's own identifier of a property or sale of tests.score.market."""
    return world.named(tenant_id, f"market {name}")


def sales_of(tenant_id: uuid.UUID) -> pd.DataFrame:
    """The sales with the tenant's identifiers, as the models read them."""
    return SALES.assign(**{name: [str(identifier(tenant_id, one)) for one in SALES[name]] for name in ("property_id", "sale_id")})


def write(pipeline_url: str, tenant_id: uuid.UUID, factor: float = 1.0) -> None:
    """The county's properties and sales, prices times `factor`. The tenant's books must stand (world.write_tenant)."""
    with psycopg.connect(pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
        homes = SALES.drop_duplicates("property_id").to_dict("records")
        version = publication(connection, tenant_id, "normalize.property")
        _put_all(connection, "normalize.property", [_home(tenant_id, number, home) | version for number, home in enumerate(homes)])
        version = publication(connection, tenant_id, "normalize.sale")
        _put_all(connection, "normalize.sale", [sale_row(tenant_id, sale, factor) | version for sale in SALES.to_dict("records")])


def _home(tenant_id: uuid.UUID, number: int, home: dict[str, Any]) -> dict[str, Any]:
    said = {name: None if home[name] != home[name] else home[name] for name in _SOLD}
    cell = int((home["latitude"] + 90) * 100) * 100_000 + int((home["longitude"] + 180) * 100)
    return {
        "tenant_id": tenant_id, "property_id": identifier(tenant_id, home["property_id"]), "snapshot_ids": [1], "row_numbers": [1],
        "derivation_id": 1, "property_key": f"{COUNTY}/{home['property_id']}", "situs_address": f"{number + 1} PINE ST", "cell": cell,
        **said, "has_waterfront": bool(home["has_waterfront"]),
    }  # fmt: skip


def sale_row(tenant_id: uuid.UUID, sale: dict[str, Any], factor: float = 1.0) -> dict[str, Any]:
    """A row of normalize.sale, without its version."""
    return {
        "tenant_id": tenant_id, "sale_id": identifier(tenant_id, sale["sale_id"]), "snapshot_id": 1, "row_number": 1, "source_name": "roll",
        "property_id": identifier(tenant_id, sale["property_id"]), "sale_price_usd": round(sale["sale_price_usd"] * factor, 2),
        "sale_date": sale["sale_date"].date(), "is_arms_length": True, "exclusion_reasons": [],
    }  # fmt: skip


def publication(connection: psycopg.Connection[Any], tenant_id: uuid.UUID, table: str, number: int = 1) -> dict[str, Any]:
    """The version of rows that enter now: a passed verdict and its publication, the `number`-th of the table."""
    verdict_id, at = uuid.uuid4(), world.FIRST + timedelta(hours=number)
    publication_id = (1 << 59) + 1000 * world.TABLES.index(table) + number
    world.put(
        connection, "provenance.verdict", tenant_id=tenant_id, verdict_id=verdict_id, batch_id="market-1", table_name=table, is_passed=True,
        rows_in=1, rows_quarantined=0, expectation_count=1, failures=Jsonb([]), suite_sha256="e" * 64, docs_key="none", run_id="test/run",
        judged_at=at, judged_sha256="a" * 64,
    )  # fmt: skip
    world.put(
        connection, "provenance.publication", tenant_id=tenant_id, publication_id=publication_id, table_name=table, partition_name="market",
        batch_id="market-1", input_sha256="a" * 64, vintage_date=date(2026, 1, 1), verdict_id=verdict_id, run_id="test/run",
        code_version="test", rows_in=1, rows_published=1, rows_closed=0, rows_unchanged=0, rows_quarantined=0, read_at=at, published_at=at,
    )  # fmt: skip
    return {"publication_id": publication_id, "published_at": at}


def _put_all(connection: psycopg.Connection[Any], table: str, rows: list[dict[str, Any]]) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, rows[0])),
        sql.SQL(", ").join(sql.Placeholder() * len(rows[0])),
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, [list(row.values()) for row in rows])


def serve(tenant: Tenant, day: date = DAY) -> ModelRow:
    """Register the county's model for the tenant as of `day` and let it serve; needs the settings of the test in the environment."""
    body = market.model().to_bytes()
    model_id = registry.model_id_of(COUNTY, day, body)
    nothing = hashlib.sha256(b"{}").hexdigest()
    row = ModelRow(
        model_id=model_id, county_fips=COUNTY, as_of_date=day, trained_at=datetime(2026, 1, 1, tzinfo=UTC), method="ensemble-1", seed=1,
        sale_count=len(SALES), window_from_date=date(2022, 7, 1), window_to_date=date(2024, 6, 29), snapshot_ids=[1], code_version="test",
        parameters_sha256=nothing, artefact_sha256=hashlib.sha256(body).hexdigest(),
        object_key=registry.object_key(tenant, model_id, "model.zip"), card_key=registry.object_key(tenant, model_id, "card.json"),
        page_key=registry.page_of(model_id), metrics={}, verdict_id=uuid.uuid4(), is_passed=True, refusal=None, run_id="test/run",
    )  # fmt: skip
    with Warehouse(tenant) as warehouse:
        registry.register(warehouse, row, Artefact(model=body, parameters=b"{}", card=b"{}", page=b"<p>page</p>"))
    return registry.promote(tenant, model_id, reason="passed", by="training", run_id="test/run", is_rollback=False)
