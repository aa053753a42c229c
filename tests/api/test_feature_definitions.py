"""The catalogue: every feature as it is defined, and how it fared when it was looked at last."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import plans
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, NEWCOMER, bearer
from moving import PATIENCE_S, filled, put, writing

from api.feature_definitions import FeaturesCatalogue
from estate.contracts import CONTRACTS
from estate.features.definitions import PAGE, SERVICES, VIEWS
from estate.settings import Settings
from estate.sql import query
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/features"


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """The catalogue as a tenant sees it."""

    def ask(tenant: uuid.UUID = LAKESIDE, **headers: str) -> Any:
        answer = client.get(PATH, headers={**bearer(make_token(tenant)), **headers})
        if answer.status_code == 200:
            FeaturesCatalogue.model_validate_json(answer.data)
        return answer

    return ask


@pytest.fixture
def features(get: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Every feature by name."""
    return lambda tenant=LAKESIDE: {one["name"]: one for view in get(tenant).json["views"] for one in view["features"]}


def test_the_catalogue_is_what_is_defined(get: Callable[..., Any]) -> None:
    body = get().json
    assert [view["name"] for view in body["views"]] == list(VIEWS)
    for said in body["views"]:
        view = VIEWS[said["name"]]
        assert (said["about"], said["owner"], said["entity"], said["ttl_days"]) == (view.about, view.owner, view.entity, view.ttl.days)
        assert [one["name"] for one in said["features"]] == [column.name for column in view.features]
        assert {one["name"]: one["absent_reason"] for one in said["features"] if one["absent_reason"]} == view.absent
    assert {said["name"]: (said["version"], tuple(said["features"])) for said in body["services"]} == {
        service.name: (service.version, service.names) for service in SERVICES.values()
    }


def test_a_feature_says_its_type_its_unit_its_meaning_its_sources_and_who_gives_it_out(features: Callable[..., Any]) -> None:
    found = features()["price_per_sqft_usd"]
    assert {name: said for name, said in found.items() if name not in {"profile", "parity"}} == {
        "name": "price_per_sqft_usd", "type": "number", "unit": "usd", "meaning": "asked over living area", "made": "inferred",
        "source": ["normalize.property.list_price_usd", "normalize.property.living_area_sqft"], "services": ["property_v1"],
        "absent_reason": None,
    }  # fmt: skip


def test_every_source_is_a_column_that_is_promised(features: Callable[..., Any]) -> None:
    for one in features().values():
        for source in one["source"]:
            table, _, name = source.rpartition(".")
            assert name in CONTRACTS[table].column_names
        assert bool(one["source"]) == (one["made"] != "assigned"), one["name"]


def test_a_feature_shows_how_it_was_spread_when_it_was_looked_at_last(features: Callable[..., Any]) -> None:
    found = features()
    assert found["year_built"]["profile"].pop("airflow_run").endswith("/dags/features_materialize/runs/manual__2")
    assert found["year_built"]["profile"] == {
        "run_id": f"{world.PROFILED}2", "entity_count": 3, "null_count": 1, "null_rate": 1 / 3, "previous_null_rate": 0.0,
        "stale_rate": 0.5, "oldest_observed_at": "2026-01-10T00:00:00Z", "newest_observed_at": "2026-03-10T00:00:00Z", "low": 1950.0,
        "median": 1955.5, "high": 1961.0, "psi": 0.125, "js_divergence": 0.0625, "previous_run_id": f"{world.PROFILED}1",
        "profiled_at": "2026-03-10T00:00:00Z",
    }  # fmt: skip
    assert {name for name, one in found.items() if one["profile"] is not None} == {"year_built"}


def test_a_feature_shows_what_the_last_audit_found_of_it(features: Callable[..., Any]) -> None:
    found = features()
    assert found["year_built"]["parity"].pop("airflow_run").endswith("/dags/features_audit/runs/manual__2")
    assert found["year_built"]["parity"] == {
        "run_id": "features_audit/manual__2", "compared_count": 3, "mismatch_count": 1, "example": f"of {LAKESIDE}",
        "as_of_at": "2026-03-10T00:00:00Z", "audited_at": "2026-03-10T00:00:00Z",
    }  # fmt: skip
    assert {name for name, one in found.items() if one["parity"] is not None} == {"year_built"}


def test_a_view_shows_which_publication_went_online_last(get: Callable[..., Any]) -> None:
    online = {view["name"]: view["online"] for view in get().json["views"]}
    (taken,) = online["property_physical"]
    assert (taken["table_name"], taken["publication_id"], taken["materialized_at"]) == (
        "normalize.property", str(world.publication("normalize.property", world.SECOND)), "2026-03-10T00:00:00Z",
    )  # fmt: skip
    assert (online["property_hazard"], online["market_current"]) == ([], [])


def test_a_view_shows_each_table_behind_it_and_the_greatest_number_though_the_clock_was_set_back(
    get: Callable[..., Any], database: Database
) -> None:
    taken = {"provenance.trust": (1 << 61) + 1, "normalize.property": 1 << 61, "hazard.exposure": (1 << 61) + 2}
    with writing(database, HARBORVIEW) as connection:
        for table, number in taken.items():
            said = filled("features.materialization", HARBORVIEW, publication_id=number, table_name=table, materialized_at=world.FIRST)
            world.put(connection, "features.materialization", **said)
    online = {
        view["name"]: {one["table_name"]: int(one["publication_id"]) for one in view["online"]} for view in get(HARBORVIEW).json["views"]
    }
    assert online == {name: {table: taken[table] for table in view.tables if table in taken} for name, view in VIEWS.items()}
    assert set(online["property_location"]) == {"normalize.property", "provenance.trust"}
    assert (set(online["property_hazard"]), online["market_current"]) == ({"hazard.exposure"}, {})


def test_another_tenant_sees_the_same_definitions_and_no_figure(get: Callable[..., Any], features: Callable[..., Any]) -> None:
    mine, theirs = features(LAKESIDE), features(NEWCOMER)
    figures = {"profile", "parity"}
    assert [{k: v for k, v in one.items() if k not in figures} for one in mine.values()] == [
        {k: v for k, v in one.items() if k not in figures} for one in theirs.values()
    ]
    assert {one[figure] is None for one in theirs.values() for figure in figures} == {True}
    assert all(view["online"] == [] for view in get(NEWCOMER).json["views"])


def test_the_page_for_people_is_linked_where_there_is_one(get: Callable[..., Any]) -> None:
    assert get().json["links"] == {"data_docs": f"http://127.0.0.1:18000/data-docs/lakeside/{PAGE}"}
    assert get(NEWCOMER).json["links"] == {"data_docs": None}


def test_an_audit_tells_each_tenant_of_its_own(get: Callable[..., Any]) -> None:
    for tenant, other in ((LAKESIDE, HARBORVIEW), (HARBORVIEW, LAKESIDE)):
        text = get(tenant).text
        assert (f"of {tenant}" in text, str(other) in text) == (True, False)


def test_the_catalogue_is_read_again_when_a_run_has_looked_and_not_before(
    client: FlaskClient, get: Callable[..., Any], database: Database
) -> None:
    versions = client.application.extensions["real-estate-os"].versions
    before = versions.await_change(LAKESIDE, None, PATIENCE_S)
    tag = get().headers["ETag"]
    assert get(**{"If-None-Match": tag}).status_code == 304
    put(database, LAKESIDE, "features.materialization")
    versions.await_change(LAKESIDE, before, PATIENCE_S)
    assert get(**{"If-None-Match": tag}).status_code == 200


def test_old_profiles_cost_nothing(database: Database, settings_env: Settings, properties_of: Any) -> None:
    asked = {"view_names": ["property_physical"], "feature_names": ["year_built"]}
    (condition,) = plans.conditions(database, LAKESIDE, query("api_feature_profiles"), asked, [])["profile"]
    assert all(part in condition for part in ("tenant_id", "view_name", "feature_name"))


def test_no_parameter_is_known_here(client: FlaskClient, make_token: Callable[..., str]) -> None:
    answer = client.get(f"{PATH}?as_of=2026-01-10T00:00:00Z", headers=bearer(make_token()))
    assert (answer.status_code, json.loads(answer.data)["parameter"]) == (400, "as_of")
