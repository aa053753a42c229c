"""Twins: how alike two properties are, in numbers and in words, and which of a county are most alike."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from typing import Any

import plans
import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api.similarity import ATTRIBUTES, NAMES, UNKNOWN_Z, WEIGHTS, compare, distance_km, spreads
from api.similarity import twins as most_alike
from api.twins import TwinsAnswer
from estate.sql import query as text_of
from tests.servers import Database

HOUSE = {
    "property_id": "0", "living_area_sqft": 2000.0, "lot_area_sqft": 8000.0, "year_built": 1990, "bedroom_count": 3.0,
    "bathroom_count": 2.0, "condition_code": 3, "quality_code": 7, "latitude": 42.0, "longitude": -93.6,
}  # fmt: skip
SPREAD = dict.fromkeys(NAMES, 1.0)


def test_a_property_is_no_distance_from_one_that_is_alike_in_all() -> None:
    twin = compare(HOUSE, {**HOUSE, "property_id": "1"}, SPREAD)
    assert (twin.distance, twin.agreeing, twin.differing, twin.unknown) == (0, NAMES, (), ())
    assert twin.reason == "same living area, lot area, year built, bedrooms, bathrooms, condition, quality and place"


def test_a_difference_counts_by_the_spread_of_the_county_and_by_its_weight() -> None:
    newer = {**HOUSE, "year_built": 1996}
    assert compare(HOUSE, newer, {**SPREAD, "year_built": 3.0}).distance == pytest.approx(2 * math.sqrt(2 / 13))
    assert sum(WEIGHTS.values()) == 13
    assert compare(HOUSE, newer, {**SPREAD, "year_built": 30.0}).distance == pytest.approx(0.2 * math.sqrt(2 / 13))


def test_areas_are_compared_by_their_ratio() -> None:
    larger, smaller = ({**HOUSE, "living_area_sqft": area} for area in (4000.0, 1000.0))
    assert compare(HOUSE, larger, SPREAD).distance == pytest.approx(compare(HOUSE, smaller, SPREAD).distance)
    assert compare(HOUSE, larger, SPREAD).differing[0].standardised == pytest.approx(math.log(2))


@pytest.mark.parametrize("attribute", [attribute.name for attribute in ATTRIBUTES] + ["latitude"])
def test_what_either_lacks_is_a_stated_penalty_and_never_alike(attribute: str) -> None:
    name = "location" if attribute == "latitude" else attribute
    lacking = {**HOUSE, attribute: None}
    for one, other in ((HOUSE, lacking), (lacking, HOUSE), (lacking, lacking)):
        twin = compare(one, other, SPREAD)
        assert twin.unknown == (name,)
        assert name not in twin.agreeing
        assert twin.distance == pytest.approx(UNKNOWN_Z * math.sqrt(WEIGHTS[name] / sum(WEIGHTS.values())))


def test_the_reason_says_what_agrees_and_how_the_rest_differs() -> None:
    other = {
        **HOUSE, "living_area_sqft": 2240.0, "lot_area_sqft": 7990.0, "year_built": 1989, "bedroom_count": 4.0, "bathroom_count": 1.5,
        "condition_code": 5, "quality_code": None, "latitude": 42.0108,
    }  # fmt: skip
    assert compare(HOUSE, other, SPREAD).reason == (
        "12 % larger, lot less than 1 % smaller, 1 year older, 1 bedroom more, 0.5 bathrooms fewer, condition 2 grades better, "
        "1.2 km away; quality unknown"
    )
    near = {**HOUSE, "latitude": 42.0005, "lot_area_sqft": 0.0}
    assert compare(HOUSE, near, SPREAD).reason == (
        "same living area, year built, bedrooms, bathrooms, condition and quality; 56 m away; lot area unknown"
    )


def test_the_spread_is_robust_and_never_below_its_floor() -> None:
    quartiles = {
        **{a.name: [3.0, 3.0] for a in ATTRIBUTES},
        "year_built": [1950.0, 1976.98],
        "latitude": None,
        "longitude": None,
    }
    found = spreads(quartiles, 42.0)
    assert found["year_built"] == pytest.approx(20)
    assert {name: found[name] for name in found if name not in {"year_built", "location"}} == {
        a.name: a.floor for a in ATTRIBUTES if a.name != "year_built"
    }
    assert found["location"] == 0.5
    assert spreads({**quartiles, "quality_code": None}, None)["quality_code"] == 0.5


def test_the_spread_of_the_location_is_in_kilometres() -> None:
    quartiles = {**dict.fromkeys([a.name for a in ATTRIBUTES], None), "latitude": [60.0, 60.1349], "longitude": [0.0, 0.2698]}
    # A tenth of a degree each way: at 60 degrees two of longitude are as long as one of latitude.
    assert spreads(quartiles, 60.0)["location"] == pytest.approx(11.1195)


def test_kilometres_are_those_of_the_sphere() -> None:
    # Veness, Movable Type Scripts: Land's End to John o' Groats, 50°03′59″N 5°42′53″W to 58°38′38″N 3°04′12″W, is 968.9 km.
    ends = [
        {"latitude": north, "longitude": -west}
        for north, west in ((50 + 3 / 60 + 59 / 3600, 5 + 42 / 60 + 53 / 3600), (58 + 38 / 60 + 38 / 3600, 3 + 4 / 60 + 12 / 3600))
    ]
    assert distance_km(*ends) == pytest.approx(968.9, abs=0.05)


def test_the_nearest_come_first_and_equals_by_identifier_whatever_their_order() -> None:
    rows = [
        {**HOUSE, "property_id": name, "year_built": year}
        for name, year in (("c", 1991), ("b", 1990), ("a", 1991), ("d", 1980), ("0", 1990))
    ]
    for order in (rows, rows[::-1]):
        assert [twin.row["property_id"] for twin in most_alike(HOUSE, order, SPREAD, 3)] == ["b", "a", "c"]


# Through the API


@pytest.fixture
def street(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> dict[str, uuid.UUID]:
    """Houses of a county of their own, by name."""
    houses: dict[str, dict[str, Any]] = {
        "subject": {}, "alike": {"year_built": 1993, "estimated_value_usd": 250000.5}, "larger": {"living_area_sqft": 2240.0},
        "too large": {"living_area_sqft": 3001.0}, "too small": {"living_area_sqft": 1333.0}, "condo": {"property_type": "condo"},
        "elsewhere": {"county_fips": "19999"}, "unmeasured": {"living_area_sqft": None}, "bare": {"living_area_sqft": None},
        "nowhere": {"county_fips": None},
    }  # fmt: skip
    common = {**HOUSE, "county_fips": "19001", "property_type": "single_family", "publication_id": 1, "published_at": world.FIRST}
    found = {name: world.named(LAKESIDE, f"street {name}") for name in houses}
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        for name, own in houses.items():
            connection.execute("DELETE FROM provenance.summary WHERE property_id = %s", (found[name],))
            world.put(connection, "provenance.summary", tenant_id=LAKESIDE, **{**common, **own, "property_id": found[name]})
    return found


@pytest.fixture
def ask(client: FlaskClient, make_token: Callable[..., str], street: dict[str, uuid.UUID]) -> Callable[..., Any]:
    """The twins of a named house."""

    def get(name: str, tenant: uuid.UUID = LAKESIDE, **query: Any) -> Any:
        answer = client.get(f"/api/v1/properties/{street[name]}/twins", headers=bearer(make_token(tenant)), query_string=query)
        assert answer.status_code != 200 or TwinsAnswer.model_validate_json(answer.data)
        return answer

    return get


@pytest.mark.servers
def test_twins_are_of_the_same_county_type_and_size(ask: Callable[..., Any], street: dict[str, uuid.UUID]) -> None:
    body = ask("subject").json
    assert [twin["property_id"] for twin in body["twins"]] == [str(street[name]) for name in ("alike", "larger")]
    assert body["candidate_count"] == 2
    assert [(measure["field"], measure["weight"]) for measure in body["measures"]] == list(WEIGHTS.items())


@pytest.mark.servers
def test_a_twin_says_why_it_is_one(ask: Callable[..., Any]) -> None:
    alike, larger = ask("subject").json["twins"]
    assert alike["reason"] == "same living area, lot area, bedrooms, bathrooms, condition, quality and place; 3 years newer"
    # All of the county are of one year, so that its floor of two years is the spread.
    assert alike["differs"] == [{"field": "year_built", "standardised": 1.5, "says": "3 years newer"}]
    assert alike["distance"] == pytest.approx(1.5 * math.sqrt(2 / 13), abs=1e-6)
    assert larger["reason"].endswith("; 12 % larger")


@pytest.mark.servers
def test_money_has_two_decimals(ask: Callable[..., Any]) -> None:
    assert '"estimated_value_usd":250000.50' in ask("subject").text


@pytest.mark.servers
def test_a_house_of_unknown_size_is_compared_with_others_of_unknown_size(ask: Callable[..., Any], street: dict[str, uuid.UUID]) -> None:
    (twin,) = ask("unmeasured").json["twins"]
    assert (twin["property_id"], twin["unknown"]) == (str(street["bare"]), ["living_area_sqft"])
    assert twin["distance"] == pytest.approx(UNKNOWN_Z * math.sqrt(3 / 13), abs=1e-6)


@pytest.mark.servers
def test_a_house_of_no_county_has_no_twins(ask: Callable[..., Any]) -> None:
    body = ask("nowhere").json
    assert (body["twins"], body["measures"], body["candidate_count"]) == ([], [], 0)


@pytest.mark.servers
@pytest.mark.parametrize(("limit", "status"), [("1", 200), ("50", 200), ("0", 400), ("51", 400), ("x", 400)])
def test_one_to_fifty_twins_may_be_asked_for(ask: Callable[..., Any], limit: str, status: int) -> None:
    answer = ask("subject", limit=limit)
    assert answer.status_code == status
    assert status == 400 or len(answer.json["twins"]) == min(int(limit), 2)


@pytest.mark.servers
def test_another_tenants_houses_are_neither_subjects_nor_twins(ask: Callable[..., Any]) -> None:
    assert ask("subject", HARBORVIEW).status_code == 404


@pytest.mark.servers
def test_candidates_are_found_by_an_index_under_row_level_security(
    database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    asked = {
        "county_fips": "19169", "property_type": None, "living_area_sqft": 2000.0, "area_from": 1500.0, "area_to": 3000.0, "side_size": 9,
    }  # fmt: skip
    found = plans.conditions(database, LAKESIDE, text_of("api_twins_candidates"), asked, ["provenance.summary"])
    larger, smaller, _ = found["summary"]  # the last is of houses of unknown size, and is not asked for here
    for asked_of_index in (larger, smaller):
        assert all(words in asked_of_index for words in ("tenant_id = ", "county_fips = ", "living_area_sqft")), asked_of_index
