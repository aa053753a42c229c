"""The model store: what is dear is made one at a time, and no tenant drives out what others asked for."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import market_world
import pytest
from conftest import TENANTS
from flask import Flask
from issuer import HARBORVIEW, LAKESIDE, bearer

from api import model_store
from api.model_store import KEPT_MARKETS, KEPT_MODELS, KEPT_SALES, ModelStore
from estate.score.valuation import Asked
from estate.settings import Settings
from tests.score import market
from tests.servers import Database

KEPT = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
HOUSE = market.subjects(1).iloc[0].to_dict()
PLACE = {name: HOUSE[name] for name in ("latitude", "longitude", "property_type", "living_area_sqft")}


@pytest.mark.parametrize(("name", "count"), [("_models", KEPT_MODELS), ("_markets", KEPT_MARKETS), ("_sales", KEPT_SALES)])
def test_a_tenant_holds_half_at_most_and_drives_out_its_own_oldest(api_settings: Callable[..., Settings], name: str, count: int) -> None:
    kept = getattr(ModelStore(api_settings()), name)
    kept((HARBORVIEW, "theirs"), lambda: "theirs")
    for number in range(count):
        kept((LAKESIDE, number), lambda number=number: number)
        kept((LAKESIDE, 0), lambda: 0)  # asked for again and again
    assert kept.known((HARBORVIEW, "theirs")) == "theirs"
    held = [number for number in range(count) if kept.known((LAKESIDE, number)) is not None]
    assert held == [0, *range(count - count // 2 + 1, count)]


def test_no_more_is_held_than_is_declared(api_settings: Callable[..., Settings]) -> None:
    kept = ModelStore(api_settings())._models
    tenants = [uuid.UUID(int=number) for number in range(KEPT_MODELS + 1)]
    for tenant_id in tenants:
        kept((tenant_id, "model"), lambda tenant_id=tenant_id: tenant_id)
    assert [kept.known((tenant_id, "model")) for tenant_id in tenants] == [None, *tenants[1:]]


@pytest.fixture
def app(
    make_app: Callable[..., Flask], database: Database, settings_env: Settings, properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> Flask:
    """An application of a tenant with a model, of whose county no market is made yet."""
    market_world.write(database.pipeline_url, LAKESIDE)
    market_world.serve(TENANTS["lakeside"])
    return make_app(**{name: getattr(settings_env, name) for name in KEPT})


@pytest.mark.servers
def test_a_market_is_made_in_its_turn_and_a_request_waits_for_its_turn_a_bounded_time(
    app: Flask, make_token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store, made = app.test_client(), model_store.model_store(app), []
    of = Asked.of

    def watched(*asked: Any) -> Asked:
        made.append((asked[-1], store._turn.locked()))
        return of(*asked)

    def statuses(day: date) -> list[int]:
        said = {**PLACE, "valuation_date": day.isoformat()}
        return [
            client.post("/api/v1/valuations", json=said, headers=bearer(make_token())).status_code,
            client.get("/api/v1/comparables", query_string=said, headers=bearer(make_token())).status_code,
        ]

    monkeypatch.setattr(Asked, "of", watched)
    monkeypatch.setattr(model_store, "TURN_S", 0.05)
    with store.computing():
        assert statuses(market.DAY) == [503, 503]
    assert made == []
    assert statuses(market.DAY) == [200, 200]
    assert made == [((market.DAY - date(1970, 1, 1)).days, True)]
