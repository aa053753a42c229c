"""GET /markets: areas as the models name them, medians with ground only, a series without gaps, and the index of the county's model."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import market_world
import numpy as np
import pandas as pd
import plans
import psycopg
import pytest
import world
from conftest import TENANTS
from flask import Flask
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api import markets
from api.markets import MarketAnswer, MarketsPage
from estate.score.model import day_number
from estate.score.sale_validation import market_area
from estate.settings import Settings
from tests.score import market
from tests.servers import Database

pytestmark = pytest.mark.servers
KEPT = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
AREAS = sorted(market_world.SALES["situs_zip"].unique())


@pytest.fixture(scope="module")
def sold(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """A county of three ZIPs beside the three properties of the world; Lakeside's."""
    market_world.write(database.pipeline_url, LAKESIDE)


@pytest.fixture
def get(client: FlaskClient, sold: None, make_token: Callable[..., str]) -> Callable[..., Any]:
    def send(path: str = "", tenant: uuid.UUID = LAKESIDE, **asked: Any) -> Any:
        response = client.get(f"/api/v1/markets{path}", query_string=asked, headers=bearer(make_token(tenant)))
        if response.status_code == 200:
            (MarketAnswer if path else MarketsPage).model_validate_json(response.data)
        return response

    return send


def in_area(area: str) -> pd.DataFrame:
    return market_world.SALES[market_world.SALES["situs_zip"] == area]


def test_areas_are_listed_by_name_with_what_sold_in_them(get: Callable[..., Any]) -> None:
    found = {one["market_area"]: one for one in get().json["markets"]}
    assert list(found) == ["50010", *AREAS]
    for area in AREAS:
        sales = in_area(area)
        assert found[area]["property_count"] == sales["property_id"].nunique()
        assert found[area]["sale_count"] == len(sales)
        assert found[area]["last_sale_date"] == sales["sale_date"].max().date().isoformat()
        assert found[area]["county_fips"] == "53033"
        assert found[area]["links"] == {
            "self": f"/api/v1/markets/{area}",
            "properties": f"/api/v1/properties?situs_zip={area}",
            "sales": f"/api/v1/sales?situs_zip={area}",
        }


def test_medians_are_over_the_year_that_ends_with_the_newest_sale_and_need_three(get: Callable[..., Any]) -> None:
    # The newest valid sale of the tenant is the world's, of November 2025; no sale of the county lies within its year.
    listed = {one["market_area"]: one for one in get().json["markets"]}
    assert {one["window_to_date"] for one in listed.values()} == {"2025-11-02"}
    assert [listed[area]["median_price_usd"] for area in AREAS] == [None] * 3
    assert (listed["50010"]["window_sale_count"], listed["50010"]["median_price_usd"]) == (1, None)


def test_a_month_s_medians_are_those_of_its_sales_or_null_and_no_month_is_missing(get: Callable[..., Any]) -> None:
    area = AREAS[0]
    told = get(f"/{area}").json
    sales = in_area(area)
    month = sales["sale_date"].dt.to_period("M")
    assert [one["month_date"] for one in told["months"]] == [
        str(one.start_time.date()) for one in pd.period_range(month.min(), month.max(), freq="M")
    ]
    for one in told["months"]:
        own = sales[month == pd.Period(one["month_date"], "M")]
        assert one["sale_count"] == len(own)
        if len(own) >= told["minimum_sale_count"]:
            assert one["median_price_usd"] == pytest.approx(own["sale_price_usd"].median(), abs=0.006)
            per_sqft = (own["sale_price_usd"] / own["living_area_sqft"]).median()
            assert one["median_price_per_sqft_usd"] == pytest.approx(per_sqft, abs=0.006)
        else:
            assert (one["median_price_usd"], one["median_price_per_sqft_usd"]) == (None, None)
        assert (one["outcome_count"], one["median_sale_ratio"]) == (0, None)


def test_a_month_with_fewer_sales_than_the_minimum_has_no_median(get: Callable[..., Any]) -> None:
    (month,) = get("/50010").json["months"]
    assert (month["month_date"], month["sale_count"], month["median_price_usd"]) == ("2025-11-01", 1, None)


def test_months_reach_back_as_far_as_asked(get: Callable[..., Any]) -> None:
    assert len(get(f"/{AREAS[0]}", months=5).json["months"]) == 5
    assert get(f"/{AREAS[0]}", months=5).json["months"] == get(f"/{AREAS[0]}").json["months"][-5:]


def test_the_index_is_that_of_the_county_s_model_and_100_at_its_day(get: Callable[..., Any], settings_env: Settings) -> None:
    area = AREAS[0]
    row = market_world.serve(TENANTS["lakeside"])
    told = get(f"/{area}").json
    assert told["index"]["model_id"] == row.model_id
    assert told["index"]["is_own"] is True
    known = market.model().comparator.index
    last = told["months"][-1]
    assert (last["month_date"], last["price_index"]) == ("2024-06-01", 100.0)
    spring = next(one for one in told["months"] if one["month_date"] == "2024-03-01")
    day = day_number(pd.Timestamp("2024-03-31").date())
    assert spring["price_index"] == pytest.approx(100 * np.exp(known.log_level(np.array([area], dtype=object), day)[0]), abs=0.001)
    before = get(f"/{area}", as_of="2026-01-31T00:00:00Z").json  # promoted later
    assert (before["index"], {one["price_index"] for one in before["months"]}) == (None, {None})


def test_a_ratio_is_told_where_values_stood_before_enough_sales(get: Callable[..., Any], database: Database) -> None:
    area = AREAS[1]
    month = in_area(area)["sale_date"].dt.to_period("M").mode()[0]
    sales = in_area(area)[in_area(area)["sale_date"].dt.to_period("M") == month].head(3)
    with psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(LAKESIDE),))
        version = market_world.publication(connection, LAKESIDE, "score.outcome")
        for ratio, sale in zip((0.9, 1.0, 1.3), sales.to_dict("records"), strict=True):
            row = market_world.sale_row(LAKESIDE, sale)
            same = {name: row[name] for name in ("tenant_id", "sale_id", "property_id", "sale_date", "sale_price_usd", "is_arms_length")}
            world.put(
                connection, "score.outcome", **same, **version, valuation_date="2020-01-01", valued_published_at=world.FIRST,
                estimated_value_usd=round(ratio * row["sale_price_usd"], 2), sale_ratio=ratio,
            )  # fmt: skip
    told = next(one for one in get(f"/{area}").json["months"] if one["month_date"] == str(month.start_time.date()))
    assert (told["outcome_count"], told["median_sale_ratio"]) == (3, 1.0)


def test_a_past_moment_shows_the_market_of_then(get: Callable[..., Any]) -> None:
    assert get(as_of="2026-01-01T00:00:00Z").json["markets"] == []
    assert get("/50010", as_of="2026-01-01T00:00:00Z").status_code == 404
    then = get("/50010", as_of="2026-02-01T00:00:00Z").json
    assert [(one["month_date"], one["sale_count"]) for one in then["months"]] == [("2025-12-01", 1)]  # found valid at first


def test_pages_hold_every_area_once(get: Callable[..., Any]) -> None:
    first = get(limit=3).json
    second = get(limit=3, cursor=first["next_cursor"]).json
    assert [one["market_area"] for one in first["markets"] + second["markets"]] == ["50010", *AREAS]
    assert second["next_cursor"] is None
    assert [one["market_area"] for one in get(county_fips="53033").json["markets"]] == AREAS


@pytest.mark.parametrize("area", ["99999", "1234", "x", "42.0", "42.0,-93.6", "98101%00", "98101'--", "४२१०१"])
def test_an_area_without_properties_is_not_found(get: Callable[..., Any], area: str) -> None:
    assert get(f"/{area}").status_code == 404


def test_a_tenant_sees_nothing_of_another_s_markets(get: Callable[..., Any]) -> None:
    theirs = {one["market_area"] for one in get(tenant=HARBORVIEW).json["markets"]}
    assert "50010" in theirs
    assert theirs.isdisjoint(set(AREAS) - {"50010"})
    assert get(f"/{AREAS[0]}", tenant=HARBORVIEW).status_code == 404


def test_an_area_without_a_zip_is_named_as_the_models_name_it(get: Callable[..., Any], database: Database) -> None:
    places = [(42.0, -93.6), (41.99, -93.61), (0.05, -0.05), (-0.05, 0.0), (29.999999, -90.000001), (64.1, -160.2)]
    with psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(HARBORVIEW),))
        version = market_world.publication(connection, HARBORVIEW, "normalize.property")
        for number, (latitude, longitude) in enumerate(places):
            world.put(
                connection, "normalize.property", tenant_id=HARBORVIEW, property_id=world.named(HARBORVIEW, f"no zip {number}"),
                snapshot_ids=[1], row_numbers=[1], derivation_id=1, property_key=f"no zip {number}", latitude=latitude, longitude=longitude,
                **version,
            )  # fmt: skip
    named = set(market_area(pd.DataFrame({"situs_zip": None, "latitude": lat, "longitude": lon} for lat, lon in places)))
    listed = {one["market_area"]: one for one in get(tenant=HARBORVIEW).json["markets"]}
    assert set(listed) == {*named, "50010"}
    assert listed["42.0,-93.6"]["links"] == {"self": "/api/v1/markets/42.0%2C-93.6", "properties": None, "sales": None}
    assert get("/42.0,-93.6", tenant=HARBORVIEW).json["market"]["property_count"] == 1


def test_without_the_object_store_all_but_the_index_is_told_and_the_answer_is_not_kept(
    make_app: Callable[..., Flask], settings_env: Settings, sold: None, make_token: Callable[..., str]
) -> None:
    market_world.serve(TENANTS["lakeside"])
    kept = {name: getattr(settings_env, name) for name in KEPT}
    told = []
    # The second reads what the first may have kept.
    for away in ({"s3_endpoint_url": "http://127.0.0.1:9"}, {}):
        app = make_app(**{**kept, **away})
        app.extensions["real-estate-os"].versions.await_change(LAKESIDE, None, 10)
        told.append(app.test_client().get(f"/api/v1/markets/{AREAS[0]}?months=7", headers=bearer(make_token())))
        assert told[-1].status_code == 200
        assert MarketAnswer.model_validate_json(told[-1].data)
    without, whole = told
    assert (without.json["index"], {one["price_index"] for one in without.json["months"]}) == (None, {None})
    assert "object store does not answer" in without.json["index_missing_reason"]
    assert ("ETag" in without.headers, "ETag" in whole.headers) == (False, True)
    assert (whole.json["index"]["is_own"], whole.json["index_missing_reason"]) == (True, None)
    assert whole.json["market"] == without.json["market"]


@pytest.mark.parametrize("name", ["api_market_page", "api_market_months"])
def test_one_area_is_read_along_the_index_of_its_zip(database: Database, sold: None, name: str) -> None:
    asked = {
        "market_area": AREAS[0], "as_of": None, "minimum_sale_count": 3, "month_count": 120, "page_size": 1, "after": None,
        "county_fips": None,
    }  # fmt: skip
    text = markets._composed(name, None).as_string()
    walked = plans.conditions(database, LAKESIDE, text, asked, ["normalize.property"])
    assert walked["property"]
    assert all("situs_zip = " in condition or "property_id = " in condition for condition in walked["property"])


def test_the_newest_day_is_found_along_the_index_of_the_sales_by_their_day(database: Database, sold: None) -> None:
    asked = {"market_area": AREAS[0], "as_of": None, "minimum_sale_count": 3, "page_size": 1, "after": None, "county_fips": None}
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("ANALYZE normalize.sale, normalize.property, score.sale_validation")
    with psycopg.connect(database.api_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true), set_config('enable_seqscan', 'off', true)", (str(LAKESIDE),))
        text = markets._composed("api_market_page", None).as_string()
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {text}", asked).fetchall())
    newest = plan[plan.index("CTE newest") :]
    assert newest.index("sale_sale_date_sale_id_idx") < newest.index("sale_property_id_idx")
