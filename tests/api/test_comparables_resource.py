"""GET /comparables: the sales that would carry a value, for any place; plain neighbours where no model serves, and why."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import market_world
import numpy as np
import pytest
from conftest import TENANTS
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api.comparables import NO_COUNTY, NO_MODEL, NOTHING_ALIKE, UNDESCRIBED, ComparablesAnswer
from api.resource import ROUTES
from api.value_parts import STEPS
from estate.score.comparables import metres
from estate.score.model import with_area
from estate.settings import Settings
from tests.score import market
from tests.servers import Database

pytestmark = pytest.mark.servers
HOUSE = market.subjects(1).iloc[0].to_dict()
PLACE = {"latitude": HOUSE["latitude"], "longitude": HOUSE["longitude"]}
NUMBERS = ("living_area_sqft", "basement_area_sqft", "lot_area_sqft", "bedroom_count", "bathroom_count")
CODES = ("year_built", "condition_code", "quality_code", "view_code")
TOLD = PLACE | {
    "property_type": HOUSE["property_type"], "situs_zip": HOUSE["situs_zip"],
    "has_waterfront": "true" if HOUSE["has_waterfront"] else "false",
    **{name: HOUSE[name] for name in NUMBERS}, **{name: int(HOUSE[name]) for name in CODES},
}  # fmt: skip
SUBJECT = market.subjects(1)


@pytest.fixture(scope="module")
def counties(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """The same county for both tenants; Lakeside has a model of it, Harborview none."""
    market_world.write(database.pipeline_url, LAKESIDE)
    market_world.write(database.pipeline_url, HARBORVIEW, factor=2.0)


@pytest.fixture
def get(client: FlaskClient, settings_env: Settings, counties: None, make_token: Callable[..., str]) -> Callable[..., Any]:
    market_world.serve(TENANTS["lakeside"])

    def send(tenant: uuid.UUID = LAKESIDE, **asked: Any) -> Any:
        response = client.get("/api/v1/comparables", query_string=asked, headers=bearer(make_token(tenant)))
        if response.status_code == 200:
            ComparablesAnswer.model_validate_json(response.data)
        return response

    return send


def distance_m(sale: dict[str, Any]) -> float:
    here, there = (metres(np.array([one["latitude"]]), np.array([one["longitude"]])) for one in (PLACE, sale))
    return float(np.sqrt(((here - there) ** 2).sum()))


def facts() -> dict[str, dict[str, Any]]:
    """The sales of the county by Lakeside's identifiers."""
    return {str(market_world.identifier(LAKESIDE, sale["sale_id"])): sale for sale in market_world.SALES.to_dict("records")}


def test_a_model_s_comparator_chooses_weighs_and_adjusts(get: Callable[..., Any]) -> None:
    told = get(**TOLD, limit=25).json
    model = market.model()
    stock, index = model.market(market_world.sales_of(LAKESIDE), model.as_of_day)
    unsaid = SUBJECT.assign(**dict.fromkeys(("year_renovated", "story_count", "garage_space_count"), np.nan))
    said = replace(model.comparator, index=index).compare(with_area(unsaid), stock, model.as_of_day).frame()
    assert told["reason"] is None
    assert [one["sale_id"] for one in told["comparables"]] == said["sale_id"].tolist()
    for one, expected in zip(told["comparables"], said.to_dict("records"), strict=True):
        assert one["weight"] == pytest.approx(expected["weight"])
        assert one["distance_m"] == pytest.approx(expected["distance_m"])
        assert one["adjusted_price_usd"] == pytest.approx(expected["adjusted_price_usd"], abs=0.005)
    assert told["model"]["as_of_date"] == "2024-06-30"
    assert told["valuation_date"] == "2024-06-30"  # the day after the newest sale of the county


def test_a_waterfall_has_eleven_steps_and_adds_up_to_the_cent(get: Callable[..., Any]) -> None:
    told = get(**TOLD).json["comparables"]
    assert told
    for one in told:
        assert tuple(one["adjustments"]) == STEPS
        assert len(STEPS) == 11
        steps = sum(round(100 * step) for step in one["adjustments"].values())
        assert round(100 * one["sale_price_usd"]) + steps == round(100 * one["adjusted_price_usd"])
        assert 0 < one["similarity"] <= 1


def test_what_was_sold_is_told_with_each_sale(get: Callable[..., Any]) -> None:
    known = facts()
    for one in get(**TOLD).json["comparables"]:
        sold = known[one["sale_id"]]
        assert (one["living_area_sqft"], one["year_built"], one["situs_zip"]) == (
            sold["living_area_sqft"], sold["year_built"], sold["situs_zip"],
        )  # fmt: skip
        assert one["sale_date"] == sold["sale_date"].date().isoformat()
        assert one["distance_m"] == pytest.approx(distance_m(sold), abs=0.01)
        assert one["links"] == {"property": f"/api/v1/properties/{one['property_id']}"}


def test_a_radius_bounds_the_choice(get: Callable[..., Any]) -> None:
    found = get(**TOLD, radius_m=900).json["comparables"]
    assert found
    assert all(one["distance_m"] <= 900 for one in found)
    assert get(**TOLD, radius_m=1).json["reason"] == NOTHING_ALIKE


def test_without_a_model_the_most_alike_stand_first_unadjusted_and_it_says_why(get: Callable[..., Any]) -> None:
    told = get(tenant=HARBORVIEW, **TOLD, limit=25).json
    assert (told["model"], told["reason"], len(told["comparables"])) == (None, NO_MODEL, 25)
    alike = [one["similarity"] for one in told["comparables"]]
    assert alike == sorted(alike, reverse=True)
    for one in told["comparables"]:
        assert (one["weight"], one["adjustments"], one["adjusted_price_usd"]) == (None, None, None)
        assert one["property_type"] == HOUSE["property_type"]


def test_an_undescribed_place_gets_the_nearest_sales_and_the_reason(get: Callable[..., Any]) -> None:
    told = get(**PLACE, limit=3).json
    assert told["reason"] == UNDESCRIBED
    assert [one["similarity"] for one in told["comparables"]] == [None] * 3
    year = market.DAY - timedelta(days=365)
    near = sorted(distance_m(sale) for sale in facts().values() if sale["sale_date"].date() >= year)
    assert [one["distance_m"] for one in told["comparables"]] == pytest.approx(near[:3], abs=0.01)


def test_only_sales_before_the_day_are_looked_at(get: Callable[..., Any]) -> None:
    told = get(**PLACE, valuation_date="2023-12-01", limit=25).json
    assert told["reason"] == NO_MODEL  # the only one is of a later day
    assert max(one["sale_date"] for one in told["comparables"]) < "2023-12-01"


def test_an_address_of_the_tenant_s_own_stands_for_its_place_and_house(get: Callable[..., Any]) -> None:
    told = get(address="1 pine street").json
    own = market_world.SALES.iloc[0]
    assert told["subject"]["property_id"] == str(market_world.identifier(LAKESIDE, own["property_id"]))
    assert (told["subject"]["situs_address"], told["subject"]["living_area_sqft"]) == ("1 PINE ST", own["living_area_sqft"])
    assert told["subject"]["property_id"] not in {one["property_id"] for one in told["comparables"]}
    changed = get(address="1 Pine St.", quality_code=9).json["subject"]
    assert (changed["quality_code"], changed["living_area_sqft"]) == (9, own["living_area_sqft"])


@pytest.mark.parametrize("address", ["1 Elm St", "Pine", "100000 Pine St", "1 Pine St'--"])
def test_an_address_that_is_not_the_tenant_s_asks_for_coordinates(get: Callable[..., Any], address: str) -> None:
    response = get(address=address)
    assert (response.status_code, response.json["parameter"]) == (400, "address")
    assert "give latitude and longitude" in response.json["detail"]


def test_a_place_far_from_every_property_has_no_county(get: Callable[..., Any]) -> None:
    told = get(latitude=30, longitude=-90).json
    assert (told["comparables"], told["reason"], told["valuation_date"]) == ([], NO_COUNTY, None)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({}, "address"), (PLACE | {"address": "1 Pine St"}, "address"), ({"latitude": 47}, "longitude"), ({"longitude": -122}, "latitude"),
        (PLACE | {"limit": 26}, "limit"), (PLACE | {"limit": 0}, "limit"), (PLACE | {"radius_m": 5000}, "radius_m"),
        (PLACE | {"valuation_date": "2999-01-01"}, "valuation_date"), (PLACE | {"valuation_date": "1600-01-01"}, "valuation_date"),
        (PLACE | {"living_area_sqft": "1_000"}, "living_area_sqft"),
        (PLACE | {"has_waterfront": "yes"}, "has_waterfront"), (PLACE | {"owner": "x"}, "owner"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_by_name(get: Callable[..., Any], asked: dict[str, Any], parameter: str) -> None:
    response = get(**asked)
    assert (response.status_code, response.json["type"], response.json["parameter"]) == (400, "/problems/invalid-parameter", parameter)


def test_each_tenant_s_own_sales_answer(get: Callable[..., Any]) -> None:
    mine, theirs = (get(tenant=tenant, **PLACE, limit=25).json["comparables"] for tenant in (LAKESIDE, HARBORVIEW))
    assert not {one["sale_id"] for one in mine} & {one["sale_id"] for one in theirs}
    assert [one["sale_price_usd"] for one in theirs] == pytest.approx([2 * one["sale_price_usd"] for one in mine], abs=0.02)


def test_what_a_model_computes_counts_as_a_computation() -> None:
    assert ROUTES["comparables.find"].cost == ROUTES["valuations.compute"].cost == "compute"
