"""Small published tables behind the features: versions written as the pipeline writes them, at times that a test can name.

`write` makes one tenant's world; `publish` adds one publication to it. Needs the settings of the test in the environment (settings_env).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from estate.contracts import CONTRACTS, contract
from estate.settings import Tenant
from estate.warehouse import Warehouse
from tests import frames

FIRST = datetime(2026, 1, 10, tzinfo=UTC)
SECOND = datetime(2026, 3, 10, tzinfo=UTC)
THIRD = datetime(2026, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
VINTAGES = {1: date(2026, 1, 1), 2: date(2026, 3, 1)}  # of the tenant's snapshots, by number
LAYER_DATE = date(2025, 6, 1)
COUNTY, OTHER_COUNTY = "19169", "53033"
COUNT = 12
LISTED, FLOODED, VANISHED, SHARED = 3, 2, 11, 12  # numbers of properties that something special is said of
PROPERTY, EXPOSURE, MARKET, TRUST = "normalize.property", "hazard.exposure", "features.market", "provenance.trust"
SHARED_ID = frames.thing_id("a property that every tenant has")
_CLOSE = sql.SQL("UPDATE {} SET superseded_at = {} WHERE superseded_at = 'infinity' AND ({}) IN ({})")


@dataclass(frozen=True, slots=True)
class World:
    """One tenant's world: its properties by number, from 1 on, and the numbers of its publications in the order of their writing."""

    tenant: Tenant
    properties: dict[int, str]
    publications: list[int] = field(default_factory=list)

    @property
    def current(self) -> dict[int, str]:
        """The properties that have a current version."""
        return {number: one for number, one in self.properties.items() if number != VANISHED}


def some_tenant() -> Tenant:
    """A tenant that nobody else has, whose Feast project nobody else has either."""
    return frames.some_tenant(f"t{uuid.uuid4().hex[:12]}")


def property_id(tenant: Tenant, number: int) -> str:
    """The tenant's property of that number; the one called SHARED has the same identifier in every tenant."""
    return SHARED_ID if number == SHARED else str(uuid.uuid5(tenant.tenant_id, f"property {number}"))


def write(tenant: Tenant, factor: float = 1.0) -> World:
    """A dozen properties: ten with two versions, the listed one with three and a price that falls twice, one that vanished in the second,
    one that never changed; their hazards, of which one changed; two counties' markets. Areas are times `factor`."""
    write_books(tenant)
    world = World(tenant, {number: property_id(tenant, number) for number in range(1, COUNT + 1)})
    told = world.publications.append
    first = [home(tenant, number, factor) for number in world.properties]
    told(publish(tenant, PROPERTY, first, FIRST))
    told(publish(tenant, EXPOSURE, [exposure(tenant, number) for number in world.properties], FIRST + HOUR))
    cut = {LISTED: {"list_price_usd": 480_000}}
    again = [home(tenant, n, factor, snapshot=2, assessed_value_usd=210_000 + 1_000 * n, **cut.get(n, {})) for n in range(1, VANISHED)]
    gone = [{"property_id": world.properties[VANISHED]}]
    told(publish(tenant, PROPERTY, again, SECOND, closed=gone))
    told(publish(tenant, EXPOSURE, [exposure(tenant, FLOODED, flood_zone="VE", flood_score=0.8)], SECOND + HOUR, closed=gone))
    told(publish(tenant, MARKET, [month(COUNTY, 1), month(COUNTY, 2), month(OTHER_COUNTY, 1)], SECOND + 2 * HOUR))
    fallen = home(tenant, LISTED, factor, snapshot=2, assessed_value_usd=213_000, list_price_usd=465_000)
    told(publish(tenant, PROPERTY, [fallen], THIRD))
    told(publish(tenant, MARKET, [month(COUNTY, 2, median_rent_usd=1_460), month(COUNTY, 3)], THIRD + 2 * HOUR))
    return world


def home(tenant: Tenant, number: int, factor: float = 1.0, *, snapshot: int = 1, **said: Any) -> dict[str, Any]:
    """A row of normalize.property; `said` replaces any column. The listed one asks 500,000 since 20 December 2025."""
    listing = {"list_price_usd": 500_000, "list_date": date(2025, 12, 20)} if number == LISTED else {}
    return {
        "property_id": property_id(tenant, number), "snapshot_ids": [snapshot], "row_numbers": [number], "derivation_id": 1,
        "property_key": f"{COUNTY}/{number}", "county_fips": COUNTY, "situs_zip": "50010", "latitude": 42 + number / 100,
        "longitude": -93.6 - number / 100, "property_type": "single_family", "living_area_sqft": (1_000 + 100 * number) * factor,
        "lot_area_sqft": (5_000 + 100 * number) * factor, "basement_area_sqft": 400.0, "year_built": 1950 + number,
        "year_renovated": 2010 if number % 2 else None, "bedroom_count": 3.0, "bathroom_count": 1.5, "story_count": 1.0,
        "garage_space_count": 2.0 if number % 3 else None, "condition_code": 3, "quality_code": 7, "has_waterfront": number == 1,
        "view_code": 0, "assessed_value_usd": 200_000 + 1_000 * number, **listing, **said,
    }  # fmt: skip


def exposure(tenant: Tenant, number: int, **said: Any) -> dict[str, Any]:
    """A row of hazard.exposure; `said` replaces any column."""
    return {
        "property_id": property_id(tenant, number), "flood_zone": "X", "flood_zone_subtype": "AREA OF MINIMAL FLOOD HAZARD",
        "is_in_sfha": False, "flood_score": 0.05, "flood_layer_id": 1, "wildfire_score": 0.1, "wildfire_layer_id": 2,
        "composite_low": 0.1, "composite_high": 0.6, "unknown_hazards": ["heat", "seismic"], "uses_synthetic_layer": False, **said,
    }  # fmt: skip


def month(county_fips: str, number: int, **said: Any) -> dict[str, Any]:
    """A row of features.market for that month of 2026; `said` replaces any column."""
    start, following = date(2026, number, 1), datetime(2026, number + 1, 1, tzinfo=UTC)
    return {
        "county_fips": county_fips, "month_date": start, "active_inventory_count": 100.0 + number, "sold_30d_count": 20.0 + number,
        "median_rent_usd": 1_400.0 + 10 * number, "price_growth_yoy_rate": 0.03, "origins": [""] * 12,
        "observed_at": following - timedelta(days=1), **said,
    }  # fmt: skip


def publish(
    tenant: Tenant, table: str, rows: Iterable[Mapping[str, Any]], at: datetime, *, closed: Iterable[Mapping[str, Any]] = (),
    number: int | None = None, source: str = "world", vintage_date: date | None = None,
) -> int:  # fmt: skip
    """One publication of `table` at that time, with the verdict that let it through; returns its number.

    The current versions of `rows`, and of the keys `closed`, are closed at `at`. Numbers follow the time, as the pipeline's do, and always
    grow within a table; `number` gives another.
    """
    promise, rows = contract(table), list(rows)
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        (newest,) = connection.execute(
            "SELECT max(publication_id) FROM provenance.publication WHERE table_name = %s", (table,)
        ).fetchone() or (None,)
        number = number or max((round(at.timestamp() * 1e6) << 10) + list(CONTRACTS).index(table), (newest or 0) + 1)
        verdict_id = _verdict(connection, tenant, table, len(rows), at)
        frames.insert(connection, "provenance.publication", {
            "tenant_id": tenant.tenant_id, "publication_id": number, "table_name": table, "partition_name": source, "batch_id": "world-1",
            "input_sha256": "a" * 64, "vintage_date": vintage_date or at.date(),
            "verdict_id": verdict_id, "run_id": "test/run", "code_version": "test",
            "rows_in": len(rows), "rows_published": len(rows), "rows_closed": 0, "rows_unchanged": 0, "rows_quarantined": 0, "read_at": at,
            "published_at": at,
        })  # fmt: skip
        keys = [tuple(row[name] for name in promise.row_key) for row in (*rows, *closed)]
        if keys:
            columns = sql.SQL(", ").join(map(sql.Identifier, promise.row_key))
            listed = sql.SQL(", ").join(sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, key))) for key in keys)
            connection.execute(_CLOSE.format(sql.Identifier(*table.split(".")), sql.Literal(at), columns, listed))
        version = {"tenant_id": tenant.tenant_id, "publication_id": number, "published_at": at}
        for row in rows:
            frames.insert(connection, table, {**version, **row})
    return number


def confirm(tenant: Tenant, at: datetime, numbers: Iterable[int] = (1,), source: str = "roll", vintage_date: date | None = None) -> int:
    """A batch of `source` says of these properties what it said before: a version of their trust; returns the publication's number."""
    day = vintage_date or at.date()
    rows = [
        {
            "property_id": property_id(tenant, number), "property_trust": 0.9, "field_trust_pct": [90], "confirmed_vintage_date": day,
            "traced_field_count": 1, "untraced_field_count": 0, "untraced_fields": [],
        }
        for number in numbers
    ]  # fmt: skip
    return publish(tenant, TRUST, rows, at, source=source, vintage_date=day)


def _verdict(connection: psycopg.Connection[Any], tenant: Tenant, table: str, count: int, at: datetime) -> uuid.UUID:
    verdict_id = uuid.uuid4()
    frames.insert(connection, "provenance.verdict", {
        "tenant_id": tenant.tenant_id, "verdict_id": verdict_id, "batch_id": "world-1", "table_name": table, "is_passed": True,
        "rows_in": count, "rows_quarantined": 0, "expectation_count": 1, "failures": "[]", "suite_sha256": "e" * 64,
        "judged_sha256": "a" * 64, "run_id": "test/run", "judged_at": at,
    })  # fmt: skip
    return verdict_id


def write_books(tenant: Tenant) -> None:
    """What rows point to: the tenant's two snapshots, and the public hazard layers, which are written once a database."""
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        for snapshot_id, vintage in VINTAGES.items():
            frames.insert(connection, "ingest.snapshot", {
                "tenant_id": tenant.tenant_id, "snapshot_id": snapshot_id, "source_name": "roll", "file_name": "roll.csv",
                "snapshot_sha256": f"{snapshot_id:064d}", "object_key": "none", "batch_id": f"world-{snapshot_id}", "vintage_date": vintage,
                "header": ["x"], "row_count": COUNT, "landed_at": FIRST - HOUR,
            })  # fmt: skip
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        if connection.execute("SELECT 1 FROM reference.hazard_layer").fetchone() is None:
            for layer_id, hazard in enumerate(("flood", "wildfire"), start=1):
                frames.insert(connection, "reference.hazard_layer", {
                    "layer_id": layer_id, "hazard": hazard, "source_name": f"world_{hazard}", "version": "v1",
                    "vintage_date": LAYER_DATE + timedelta(days=layer_id), "authority": "the tests", "is_synthetic": True,
                    "snapshot_sha256": "f" * 64, "object_key": "none", "file_name": "layer.geojson", "feature_count": 1,
                    "bounds": "SRID=4326;POLYGON((-94 42,-93 42,-93 43,-94 43,-94 42))", "loaded_at": FIRST - HOUR, "is_current": True,
                })  # fmt: skip
