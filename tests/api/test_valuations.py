"""POST /valuations: what the pipeline would say of a described house, or why nothing is said; of the caller's own market only."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any

import market_world
import psycopg
import pytest
import world
from conftest import TENANTS
from flask import Flask
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer
from psycopg import sql

from api import model_store as stored_models
from api.model_store import model_store
from api.valuations import DescribedValuation
from estate import landing
from estate.contracts import TABLES
from estate.score.registry import ModelRow
from estate.settings import ROOT, Settings
from tests.score import market
from tests.servers import Database

pytestmark = pytest.mark.servers
KEPT = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
SALES = market_world.SALES.to_dict("records")
HOUSE = market.subjects(1).iloc[0].to_dict()
TOLD = {name: HOUSE[name] for name in HOUSE if name not in {"property_id", "situs_zip"} and HOUSE[name] == HOUSE[name]}
BODY = TOLD | {"situs_zip": HOUSE["situs_zip"], "has_waterfront": bool(HOUSE["has_waterfront"]), "valuation_date": market.DAY.isoformat()}


@pytest.fixture(scope="module")
def counties(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """The same county for both tenants; Harborview's prices are twice Lakeside's."""
    market_world.write(database.pipeline_url, LAKESIDE)
    market_world.write(database.pipeline_url, HARBORVIEW, factor=2.0)


@pytest.fixture
def served(settings_env: Settings, counties: None) -> ModelRow:
    """Lakeside's model of the county; registering it again changes nothing."""
    return market_world.serve(TENANTS["lakeside"])


@pytest.fixture
def app(make_app: Callable[..., Flask], settings_env: Settings, served: ModelRow) -> Flask:
    return make_app(**{name: getattr(settings_env, name) for name in KEPT})


@pytest.fixture
def post(app: Flask, make_token: Callable[..., str]) -> Callable[..., Any]:
    """POST a house; keywords replace what is said of it, None leaves it out."""
    client: FlaskClient = app.test_client()

    def send(tenant: uuid.UUID = LAKESIDE, **said: Any) -> Any:
        body = {name: value for name, value in {**BODY, **said}.items() if value is not None}
        return client.post("/api/v1/valuations", json=body, headers=bearer(make_token(tenant)))

    return send


def test_a_described_house_is_worth_what_the_pipeline_says_of_it(post: Callable[..., Any], served: ModelRow) -> None:
    response = post()
    assert response.status_code == 200, response.data
    told = DescribedValuation.model_validate_json(response.data).value
    said = market.value(market.subjects(1), sales=market_world.sales_of(LAKESIDE))
    valuation = said["score.valuation"].iloc[0]
    assert valuation["refusal_reason"] is None
    for name in ("estimated_value_usd", "value_low_usd", "value_high_usd", "value_low_95_usd", "value_high_95_usd"):
        assert getattr(told, name) == pytest.approx(valuation[name], abs=0.005), name
    assert (told.confidence_band, told.comparable_count) == (valuation["confidence_band"], valuation["comparable_count"])
    assert [str(one.sale_id) for one in told.comparables] == said["score.comparable"]["sale_id"].tolist()
    assert (told.model.model_id, told.model.as_of_date) == (served.model_id, market.DAY)
    assert told.model.data_docs.endswith(f"/data-docs/lakeside/models/{served.model_id}.html")
    assert {change.change_name for change in told.counterfactuals} == set(said["score.counterfactual"]["change_name"])


def test_waterfalls_and_contributions_add_up_to_the_cent(post: Callable[..., Any]) -> None:
    told = post().json["value"]
    parts = sum(round(100 * part["contribution_usd"]) for part in told["contributions"]["parts"])
    assert round(100 * told["contributions"]["base_usd"]) + parts == round(100 * told["estimated_value_usd"])
    assert told["comparables"]
    for one in told["comparables"]:
        steps = sum(round(100 * step) for step in one["adjustments"].values())
        assert round(100 * one["sale_price_usd"]) + steps == round(100 * one["adjusted_price_usd"])


def test_money_has_two_decimals(post: Callable[..., Any]) -> None:
    told = post()
    value = told.json["value"]["estimated_value_usd"]
    assert f'"estimated_value_usd":{value:.2f},' in told.text


def test_what_is_not_said_widens_the_interval_and_changes_nothing_else_of_the_shape(post: Callable[..., Any]) -> None:
    known, unknown = post().json, post(quality_code=None, condition_code=None, year_built=None, year_renovated=None).json
    assert unknown["subject"]["quality_code"] is None
    width = [answer["value"]["value_high_usd"] / answer["value"]["value_low_usd"] for answer in (known, unknown)]
    assert width[0] < width[1]
    assert known["value"].keys() == unknown["value"].keys()


def test_the_county_is_found_from_the_nearest_property(post: Callable[..., Any]) -> None:
    assert post(county_fips=None).json == post().json


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"property_type": None}, "property type unknown"),
        ({"latitude": None, "longitude": None}, "no coordinates"),
        ({"living_area_sqft": None}, "no living area"),
        ({"property_type": "land"}, "no sale of this property type"),
        ({"living_area_sqft": 90000}, "larger or smaller than anything sold"),
        ({"latitude": 47.9}, "fewer than 5 past sales within 8 km"),
        ({"county_fips": "01001"}, "fewer than 200 valid sales in the county before the day"),
        ({"valuation_date": "2024-06-29"}, "no model of the county has been promoted; the task score.model of the run says why"),
        ({"latitude": 30.0, "county_fips": None}, "the county is unknown: none of your properties lies near the place; give county_fips"),
    ],
)
def test_a_house_without_ground_is_refused_with_the_reason(post: Callable[..., Any], said: dict[str, Any], reason: str) -> None:
    response = post(**said)
    assert response.status_code == 200
    told = DescribedValuation.model_validate_json(response.data).value
    assert (told.refusal_reason, told.estimated_value_usd, told.value_low_95_usd, told.contributions) == (reason, None, None, None)
    assert (told.comparables, told.counterfactuals) == ([], [])


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"living_area_sqft": "2000"}, "living_area_sqft"), ({"living_area_sqft": True}, "living_area_sqft"),
        ({"living_area_sqft": -1}, "living_area_sqft"), ({"latitude": 91}, "latitude"), ({"condition_code": 6}, "condition_code"),
        ({"year_built": 1900.5}, "year_built"), ({"has_waterfront": "yes"}, "has_waterfront"),
        ({"property_type": "castle"}, "property_type"),
        ({"valuation_date": "2999-01-01"}, "valuation_date"), ({"valuation_date": "1899-12-31"}, "valuation_date"),
        ({"valuation_date": 20240630}, "valuation_date"), ({"rooms": 4}, "rooms"),
        ({"situs_zip": "1234"}, "situs_zip"), ({"tenant_id": str(HARBORVIEW)}, "tenant_id"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_by_the_field(post: Callable[..., Any], said: dict[str, Any], pointer: str) -> None:
    response = post(**said)
    assert (response.status_code, response.json["type"], response.json["pointer"]) == (400, "/problems/invalid-body", pointer)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b"{", b'{"latitude": NaN}', b'{"latitude": 1e999}'])
def test_a_body_that_is_no_object_of_numbers_is_refused(app: Flask, make_token: Callable[..., str], body: bytes) -> None:
    response = app.test_client().post(
        "/api/v1/valuations", data=body, headers=bearer(make_token()), content_type="application/json"
    )  # fmt: skip
    assert (response.status_code, response.content_type) == (400, "application/problem+json")


def test_each_tenant_is_answered_from_its_own_model_and_sales(post: Callable[..., Any], settings_env: Settings) -> None:
    """One process, one county, one day: the second tenant's own prices answer, and before it has a model nothing does."""
    mine = post().json["value"]
    foreign = post(tenant=HARBORVIEW).json["value"]
    assert foreign["refusal_reason"].startswith("no model of the county")
    market_world.serve(TENANTS["harborview"])
    theirs = post(tenant=HARBORVIEW).json["value"]
    own = {str(market_world.identifier(HARBORVIEW, name)) for name in market_world.SALES["sale_id"]}
    assert {one["sale_id"] for one in theirs["comparables"]} <= own
    assert theirs["comparables"][0]["sale_price_usd"] == pytest.approx(2 * mine["comparables"][0]["sale_price_usd"], abs=0.02)
    assert post().json["value"] == mine


def test_a_valuation_writes_nothing(post: Callable[..., Any], database: Database) -> None:
    def rows() -> list[Any]:
        with psycopg.connect(database.superuser_url) as connection:
            count = sql.SQL("SELECT count(*) FROM {}")
            return [connection.execute(count.format(sql.Identifier(*table.split(".")))).fetchone() for table in TABLES]

    before = rows()
    assert post().status_code == 200
    assert rows() == before


# The model store


def test_models_and_sales_are_read_once_however_many_ask_at_once(
    app: Flask, post: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, reads = model_store(app), []
    monkeypatch.setattr(store, "_read", lambda row, read=store._read: reads.append(row.model_id) or read(row))
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(post().json)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    assert answers == [answers[0]] * 4
    assert answers[0]["value"]["estimated_value_usd"]


def test_a_publication_of_sales_is_seen_by_the_next_valuation(post: Callable[..., Any], database: Database) -> None:
    before = post().json["value"]
    heaviest = next(
        sale for sale in SALES if str(market_world.identifier(LAKESIDE, sale["sale_id"])) == before["comparables"][0]["sale_id"]
    )
    again = heaviest | {"sale_id": "again", "sale_price_usd": 2 * heaviest["sale_price_usd"]}
    with psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(LAKESIDE),))
        version = market_world.publication(connection, LAKESIDE, "normalize.sale", number=2)
        world.put(connection, "normalize.sale", **market_world.sale_row(LAKESIDE, again), **version)
    sold_again = market_world.identifier(LAKESIDE, "again")
    try:
        after = post().json["value"]
    finally:
        # The other tests of this file know the county's five hundred sales.
        with psycopg.connect(database.superuser_url) as connection:
            assert connection.execute("DELETE FROM normalize.sale WHERE sale_id = %s", (sold_again,)).rowcount == 1
    assert str(sold_again) in {one["sale_id"] for one in after["comparables"]}
    assert after["estimated_value_usd"] > before["estimated_value_usd"]


def test_a_damaged_model_gives_no_value_and_leaves_a_line_in_the_log(
    post: Callable[..., Any], served: ModelRow, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = landing.get(served.object_key)
    landing.put(served.object_key, whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        response = post()
    finally:
        landing.put(served.object_key, whole)
    assert (response.status_code, response.json["type"]) == (503, "/problems/unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert '"reason":"has other bytes than were registered"' in capsys.readouterr().out


def test_a_model_that_is_gone_or_out_of_reach_gives_no_value(
    make_app: Callable[..., Flask], settings_env: Settings, served: ModelRow, make_token: Callable[..., str]
) -> None:
    kept = {name: getattr(settings_env, name) for name in KEPT}
    for away in ({"s3_endpoint_url": "http://127.0.0.1:9"}, {"s3_bucket": "nowhere"}):
        client = make_app(**{**kept, **away}).test_client()
        response = client.post("/api/v1/valuations", json=BODY, headers=bearer(make_token()))
        assert (response.status_code, response.json["type"]) == (503, "/problems/unavailable"), away


def test_a_model_that_is_too_large_gives_no_value_and_leaves_a_line_in_the_log(
    post: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stored_models, "MAX_MODEL_BYTES", 10)
    response = post()
    assert (response.status_code, response.json["type"]) == (503, "/problems/unavailable")
    assert "bytes, more than 10" in capsys.readouterr().out


def test_a_model_under_another_tenant_s_key_is_never_loaded(post: Callable[..., Any], served: ModelRow, database: Database) -> None:
    foreign = served.object_key.replace(str(LAKESIDE), str(HARBORVIEW))
    landing.put(foreign, landing.get(served.object_key))
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("UPDATE score.model SET object_key = %s WHERE model_id = %s", (foreign, served.model_id))
        connection.commit()
        try:
            assert post().status_code == 503
        finally:
            connection.execute("UPDATE score.model SET object_key = %s WHERE model_id = %s", (served.object_key, served.model_id))


def test_the_api_starts_without_the_libraries_of_models() -> None:
    heavy = "('catboost', 'lightgbm', 'pandas', 'sklearn', 'scipy', 'usaddress')"
    program = f"import sys, api, api.sales, api.markets, api.comparables, api.valuations; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("body", ["[" * 60_000, '{"a":' * 10_000, "NaN", '{"latitude":1e999}', "", "null", '"text"', "{"])
def test_a_body_that_is_no_json_object_is_refused_by_name(detached: FlaskClient, make_token: Callable[..., str], body: str) -> None:
    answer = detached.post("/api/v1/valuations", headers=bearer(make_token()), data=body, content_type="application/json")
    assert (answer.status_code, answer.json["type"]) == (400, "/problems/invalid-body")
