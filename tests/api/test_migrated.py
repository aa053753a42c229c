"""A database whose rows are older than models, contributions and the later steps of a waterfall migrates, and answers as it did."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import world
from flask import Flask
from issuer import LAKESIDE, bearer

from estate import migrate
from estate.settings import Settings
from local import postgres
from local.environment import database_url
from tests.servers import Database, Servers

pytestmark = pytest.mark.servers
LATER = ("market_time", "basement", "waterfront", "view")
YOUNG_FIELDS = ("has_waterfront", "view_code")


@pytest.fixture
def old_database(servers: Servers) -> Iterator[Database]:
    """An empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.bootstrap(servers.machine, name)
    made = Database(name, *(database_url(servers.machine, role, name) for role in ("postgres", "owner", "pipeline", "api")))
    yield made
    servers.drop_database(made)


@pytest.fixture
def properties(old_database: Database, settings_env: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """Lakeside's properties, written under the first eight migrations as far as these could hold them, and then migrated."""
    present = migrate.MIGRATIONS
    for script in present.glob("000[1-8]_*.sql"):
        shutil.copy(script, tmp_path)
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    migrate.migrate(old_database.owner_url)
    with psycopg.connect(old_database.superuser_url) as connection:
        listed = "SELECT table_schema || '.' || table_name || '.' || column_name FROM information_schema.columns"
        held = {name for (name,) in connection.execute(listed)}
    put = world.put

    def put_what_it_holds(connection: psycopg.Connection[Any], table: str, **values: Any) -> None:
        known = {name: value for name, value in values.items() if f"{table}.{name}" in held}
        if "field_trust_pct" in known:
            known["field_trust_pct"] = known["field_trust_pct"][: -len(YOUNG_FIELDS)]
        if known:
            put(connection, table, **known)

    monkeypatch.setattr(world, "put", put_what_it_holds)
    world.write_layer(old_database.pipeline_url)
    ids = world.write_tenant(old_database.pipeline_url, LAKESIDE)
    monkeypatch.setattr(migrate, "MIGRATIONS", present)
    assert migrate.migrate(old_database.owner_url)[0].startswith("0009")
    return ids


def test_values_from_before_there_were_models_are_answered_as_they_were(
    properties: list[uuid.UUID],
    old_database: Database,
    make_app: Callable[..., Flask],
    make_token: Callable[..., str],
    settings_env: Settings,
) -> None:
    client = make_app(api_database_url=old_database.api_url, redis_url=settings_env.redis_url).test_client()

    def get(property_id: uuid.UUID, rest: str = "") -> dict[str, Any]:
        answer = client.get(f"/api/v1/properties/{property_id}{rest}", headers=bearer(make_token(LAKESIDE, roles=["analyst"])))
        assert answer.status_code == 200, answer.text
        return dict(answer.json or {})

    whole = get(properties[0])
    value = whole["value"]
    assert value["estimated_value_usd"] == 1234567.5
    assert (value["value_low_95_usd"], value["confidence_band"], value["model"]) == (None, None, None)
    explained = get(properties[0], "/valuation")
    assert (explained["contributions"], explained["counterfactuals"]) == (None, [])
    (comparable,) = explained["comparables"]
    assert {name: comparable["adjustments"][f"{name}_adjustment_usd"] for name in LATER} == dict.fromkeys(LATER, 0)
    assert [whole["trust"]["field_trust_pct"][name] for name in YOUNG_FIELDS] == [None, None]
    assert whole["trust"]["field_trust_pct"]["list_date"] == world.trust_pct("list_date")
    assert get(properties[0], "?as_of=2026-02-01T00:00:00Z")["value"]["estimated_value_usd"] == 1000000
    assert get(properties[1])["sales"][0]["decided_by"] is None
    for property_id in properties:
        assert get(property_id, "/provenance")["fields"]["estimated_value_usd"]["model"] is None
