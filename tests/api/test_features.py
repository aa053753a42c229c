"""The features of a property: the same as offline, since when, how old, from where, and why not."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import plans
import psycopg
import pytest
import world
from flask import Flask
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer
from moving import PATIENCE_S
from psycopg import sql
from psycopg.rows import dict_row

import api.database
from api import wire
from api.features import FeaturesAnswer, composed
from estate.features.definitions import SERVICES, VIEWS
from estate.features.rows import rows_of
from estate.settings import ROOT
from tests.servers import Database

pytestmark = pytest.mark.servers
AT_FIRST, THEN = "2026-01-10T00:00:00Z", "2026-02-01T00:00:00Z"
ALL = [(view.name, column.name) for view in VIEWS.values() for column in view.features]


@pytest.fixture
def ask(client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., Any]:
    """The answer on the numbered property (the first is 1) of Lakeside."""

    def get(number: int, tenant: uuid.UUID = LAKESIDE, **query: Any) -> Any:
        path = f"/api/v1/properties/{properties_of[LAKESIDE][number - 1]}/features"
        answer = client.get(path, headers=bearer(make_token(tenant)), query_string=query)
        if answer.status_code == 200:
            FeaturesAnswer.model_validate_json(answer.data)
        return answer

    return get


@pytest.fixture
def features(ask: Callable[..., Any]) -> Callable[..., Any]:
    """The features of the numbered property by name."""
    return lambda number, **query: {one["name"]: one for one in ask(number, **query).json["features"]}


@pytest.fixture
def alter(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., None]:
    """Change columns of Lakeside's rows of a property, against all rules."""

    def change(table: str, number: int, **values: Any) -> None:
        assignments = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder()) for name in values)
        statement = sql.SQL("UPDATE {} SET {} WHERE property_id = %s").format(sql.Identifier(*table.split(".")), assignments)
        with psycopg.connect(database.superuser_url) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(statement, [*values.values(), properties_of[LAKESIDE][number - 1]])

    return change


def test_a_feature_says_its_value_its_age_against_its_time_to_live_and_where_it_comes_from(features: Callable[..., Any]) -> None:
    assert features(2, as_of=THEN)["year_built"] == {
        "name": "year_built", "view": "property_physical", "value": 1961, "unit": "year", "meaning": "year of construction",
        "event_at": AT_FIRST, "observed_at": "2026-01-01T00:00:00Z", "age_days": 31, "ttl_days": 30.0, "is_stale": True,
        "source": ["normalize.property.year_built"], "origin": None, "services": ["property_v1", "valuation_v1", "twins_v1"],
        "unknown_reason": None,
    }  # fmt: skip


def test_every_feature_there_is_comes_view_by_view(ask: Callable[..., Any]) -> None:
    found = [(one["view"], one["name"]) for one in ask(1).json["features"]]
    assert found == ALL
    assert len({name for _, name in found}) == len(found)
    assert len(SERVICES["property_v1"].names) == 41
    assert len(SERVICES["market_v1"].names) == 12
    assert {name for _, name in found} == {name for service in SERVICES.values() for name in service.names}


@pytest.mark.parametrize("as_of", [AT_FIRST, "2026-03-01T00:00:00Z", None])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_values_are_those_that_models_are_given(
    features: Callable[..., Any], database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]], number: int, as_of: str | None
) -> None:
    found = features(number, **({"as_of": as_of} if as_of else {}))
    entities = {"property_id": properties_of[LAKESIDE][number - 1], "county_fips": "19169"}
    held = sql.SQL("SELECT {} FROM ({}) AS held WHERE {} = {} AND event_at <= {at} AND until_at > {at}")
    with psycopg.connect(database.pipeline_url, row_factory=dict_row) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(LAKESIDE),))
        for view in VIEWS.values():
            statement = held.format(
                sql.SQL(", ").join(sql.Identifier(column.name) for column in view.features), rows_of(view),
                sql.Identifier(view.entity), sql.Literal(entities[view.entity]), at=sql.Literal(as_of or "now"),
            )  # fmt: skip
            row = connection.execute(statement).fetchone()
            for column in view.features:
                expected = row and row[column.name]
                assert found[column.name]["value"] == (round(expected, 2) if expected and column.unit == "usd" else expected), column.name


def test_a_value_within_its_time_to_live_is_fresh_and_one_moment_later_it_is_stale(features: Callable[..., Any]) -> None:
    on_time, late = (features(2, as_of=at)["year_built"] for at in ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00.000001Z"))
    assert (on_time["is_stale"], on_time["age_days"], on_time["ttl_days"]) == (False, 30, 30.0)
    assert (late["is_stale"], late["age_days"], late["value"]) == (True, 31, on_time["value"])


def test_a_stale_value_is_counted_as_stale_and_never_as_fresh(ask: Callable[..., Any]) -> None:
    for at in (AT_FIRST, THEN, None):
        body = ask(2, **({"as_of": at} if at else {})).json
        is_what = Counter("unknown" if f["value"] is None else "stale" if f["is_stale"] else "fresh" for f in body["features"])
        assert body["counts"] == {name: is_what[name] for name in ("fresh", "stale", "unknown")}
        assert sum(body["counts"].values()) == len(ALL)
        assert all((f["is_stale"] is None) == (f["value"] is None) for f in body["features"])
    fresh, stale = (ask(2, as_of=at).json["counts"] for at in (AT_FIRST, THEN))
    assert fresh["fresh"] > stale["fresh"]
    assert (fresh["unknown"], stale["unknown"]) == (stale["unknown"], fresh["unknown"])


def test_a_value_of_unknown_age_is_stale(features: Callable[..., Any], alter: Callable[..., None]) -> None:
    alter("normalize.property", 2, snapshot_ids=[])
    try:
        found = features(2, as_of=AT_FIRST)["year_built"]
    finally:
        alter("normalize.property", 2, snapshot_ids=[1])
    assert (found["value"], found["observed_at"], found["age_days"], found["is_stale"]) == (1961, None, None, True)


def test_no_answer_is_kept_because_a_value_grows_stale_while_nothing_is_published(
    client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    client.application.extensions["real-estate-os"].versions.await_change(LAKESIDE, None, PATIENCE_S)
    of, headers = f"/api/v1/properties/{properties_of[LAKESIDE][1]}", bearer(make_token(LAKESIDE))
    tag = client.get(of, headers=headers).headers["ETag"]
    for asked in ({}, {"as_of": THEN}, {"service": "risk_v1"}):
        answer = client.get(f"{of}/features", headers={**headers, "If-None-Match": f"{tag}, *"}, query_string=asked)
        assert (answer.status_code, answer.headers.get("ETag"), answer.headers["Cache-Control"]) == (200, None, "private, no-store")


# Why not


def test_what_is_unknown_is_null_and_says_why(features: Callable[..., Any]) -> None:
    found = features(3)
    for name, reason in {
        "living_area_sqft": "no source of normalize.property says it",
        "price_per_sqft_usd": "it cannot be computed from what normalize.property says of list_price_usd and living_area_sqft",
        "wildfire_score": "no hazard layer speaks of this place",
        "seismic_zone": "no hazard layer speaks of this place",
        "is_in_500_year_floodplain": None,
        "has_pool": VIEWS["property_physical"].absent["has_pool"],
        "elevation_ft": VIEWS["property_hazard"].absent["elevation_ft"],
        "sold_30d_count": "nothing that is landed tells it of this county's newest month",
        "vacancy_rate": VIEWS["market_current"].absent["vacancy_rate"],
    }.items():
        assert found[name]["unknown_reason"] == reason, name
    assert all((one["value"] is None) == (one["unknown_reason"] is not None) for one in found.values())


def test_a_feature_that_no_source_speaks_of_has_no_age(features: Callable[..., Any]) -> None:
    absent = {name for view in VIEWS.values() for name in view.absent}
    found = features(1)
    assert absent
    for name in absent:
        assert {found[name][key] for key in ("value", "event_at", "observed_at", "age_days", "is_stale", "origin")} == {None}, name


def test_a_zone_that_the_layer_leaves_open_is_not_called_unmapped(features: Callable[..., Any], alter: Callable[..., None]) -> None:
    alter("hazard.exposure", 3, is_in_sfha=None, flood_zone="X")
    try:
        found = features(3)["is_in_500_year_floodplain"]
    finally:
        alter("hazard.exposure", 3, is_in_sfha=True, flood_zone="AE")
    assert (found["value"], found["unknown_reason"]) == (None, "the hazard layer leaves it open here")


def test_a_view_without_a_row_says_so(features: Callable[..., Any], alter: Callable[..., None]) -> None:
    alter("hazard.exposure", 2, published_at=world.SECOND)
    try:
        found = features(2, as_of=THEN)["flood_score"]
    finally:
        alter("hazard.exposure", 2, published_at=world.FIRST)
    assert (found["value"], found["event_at"]) == (None, None)
    assert found["unknown_reason"] == "property_hazard has no row of this property at this moment"


@pytest.mark.parametrize(
    ("county_fips", "reason"),
    [("53033", "market_current has no row of this county at this moment"), (None, "no source says in which county it stands")],
)
def test_a_property_without_a_market_says_why(
    ask: Callable[..., Any], alter: Callable[..., None], county_fips: str | None, reason: str
) -> None:
    alter("normalize.property", 2, county_fips=county_fips)
    try:
        body = ask(2).json
    finally:
        alter("normalize.property", 2, county_fips="19169")
    assert body["county_fips"] == county_fips
    assert [one["unknown_reason"] for one in body["features"] if one["name"] == "median_rent_usd"] == [reason]


# Then and now


def test_nothing_is_told_that_was_published_later(features: Callable[..., Any]) -> None:
    then, now = features(1, as_of=THEN)["bedroom_count"], features(1)["bedroom_count"]
    assert (then["value"], then["event_at"]) == (9, AT_FIRST)
    assert (now["value"], now["event_at"]) == (2, "2026-03-10T00:00:00Z")


def test_a_market_s_feature_is_of_the_newest_month_known_then_and_says_who_told_it(features: Callable[..., Any]) -> None:
    then, now = features(1, as_of=THEN)["median_rent_usd"], features(1)["median_rent_usd"]
    assert (then["value"], then["observed_at"], then["origin"]) == (1190, "2026-01-01T00:00:00Z", None)
    assert (now["value"], now["observed_at"], now["origin"]) == (1210.5, "2026-02-01T00:00:00Z", "some_rents")


def test_ages_are_counted_to_the_moment_asked_for_or_to_now(features: Callable[..., Any]) -> None:
    first, then, now = (features(2, **asked)["year_built"]["age_days"] for asked in ({"as_of": AT_FIRST}, {"as_of": THEN}, {}))
    assert (first, then) == (9, 31)
    assert now > then


def test_a_value_is_stale_exactly_when_its_age_exceeds_its_time_to_live(ask: Callable[..., Any]) -> None:
    for at in (AT_FIRST, "2026-01-31T00:00:00Z", "2026-01-31T00:00:01Z", None):
        for one in ask(1, **({"as_of": at} if at else {})).json["features"]:
            assert one["is_stale"] == (None if one["value"] is None else one["age_days"] > one["ttl_days"]), (at, one)


def test_money_has_two_decimals(ask: Callable[..., Any]) -> None:
    text = ask(1).text
    assert '"value":199999.50,' in text
    assert '"value":1210.50,' in text


# Services


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_s_features_are_those_that_it_gives_out_in_its_order(ask: Callable[..., Any], name: str) -> None:
    body, whole = ask(1, service=name, as_of=THEN).json, ask(1, as_of=THEN).json
    assert (body["service"], body["service_version"]) == (name, SERVICES[name].version)
    assert tuple(one["name"] for one in body["features"]) == SERVICES[name].names
    assert all(one in whole["features"] and name in one["services"] for one in body["features"])


def test_an_unknown_service_is_refused_and_the_known_are_named(ask: Callable[..., Any]) -> None:
    for unknown in ("valuation_v0", "", "Valuation_v1", "valuation_v1,risk_v1", "'; --", "%s {views}"):
        answer = ask(1, service=unknown)
        assert (answer.status_code, answer.json["parameter"]) == (400, "service")
        assert ", ".join(SERVICES) in answer.json["detail"]


# Of whom, and at which price


def test_the_features_of_another_tenants_property_are_absent(ask: Callable[..., Any]) -> None:
    assert ask(1, HARBORVIEW).status_code == 404


def test_a_property_of_later_is_absent_before(ask: Callable[..., Any]) -> None:
    assert ask(1, as_of="2026-01-09T23:59:59Z").status_code == 404


def test_features_are_one_statement_and_need_no_redis(
    make_app: Callable[..., Flask],
    database: Database,
    make_token: Callable[..., str],
    properties_of: dict[uuid.UUID, list[uuid.UUID]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app(api_database_url=database.api_url, redis_url="redis://nowhere.invalid:1/0")
    asked: list[Any] = []
    kept = wire.ask

    def counted(connection: wire.Wire, *statements: Any, **how: Any) -> Any:
        asked.append(len(statements))
        return kept(connection, *statements, **how)

    monkeypatch.setattr(api.database, "ask", counted)
    path = f"/api/v1/properties/{properties_of[LAKESIDE][0]}/features"
    assert app.test_client().get(path, headers=bearer(make_token(LAKESIDE))).status_code == 200
    assert asked == [2], "one round trip: the tenant's setting and the statement"


def test_every_view_is_read_along_the_key_of_its_entity(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    asked = {"property_id": properties_of[LAKESIDE][0], "as_of": None}
    text = composed(VIEWS).as_string(None)
    found = plans.conditions(database, LAKESIDE, text, asked, ["normalize.property", "hazard.exposure"])
    for table, entity in (("property", "property_id"), ("exposure", "property_id"), ("market", "county_fips")):
        assert found[table]
        assert all("tenant_id" in condition and entity in condition for condition in found[table]), table


def test_the_api_knows_the_features_without_the_libraries_that_make_them() -> None:
    heavy = "('feast', 'pandas', 'pyarrow', 'dask', 'great_expectations', 'sqlalchemy')"
    program = f"import sys, api, api.features, api.feature_definitions; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout.replace("'", '"')) == []
