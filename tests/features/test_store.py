"""Feast's registry and its view of the past: what the code says is what stands there, and a tenant sees its own rows and no others."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import features_world as world
import pandas as pd
import psycopg
import pytest
import sqlalchemy.exc
from feast import FeatureService, FeatureView, Field
from feast.infra.utils.postgres.connection_utils import _get_conn
from feast.types import Bool, Float64, Int64, String, UnixTimestamp

from estate import settings as configuration
from estate.errors import ServiceUnavailable, SettingError
from estate.features import store
from estate.features.definitions import SERVICES, VIEWS, project_of
from local.environment import registry_url

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

TYPES = {"double precision": Float64, "bigint": Int64, "boolean": Bool, "text": String, "timestamptz": UnixTimestamp}
DAY = timedelta(days=1)


@pytest.fixture
def opened():
    """Opens the store of a tenant, and closes what it opened."""
    stores = []

    def open_store(tenant):
        stores.append(store.feature_store(tenant))
        return stores[-1]

    yield open_store
    for one in stores:
        store.close(one)


@pytest.fixture(scope="module")
def kept():
    """What tests that only read share: made by the first that asks, since settings are each test's own."""
    return {}


@pytest.fixture
def registered(kept, opened):
    """The store of a tenant without data, with what the code says; to be read only."""
    if "registered" not in kept:
        tenant = world.some_tenant()
        store.register(tenant)
        kept["registered"] = tenant
    return kept["registered"], opened(kept["registered"])


@pytest.fixture
def own_registry(opened):
    """The same for one test alone, which may change it."""
    tenant = world.some_tenant()
    store.register(tenant)
    return tenant, opened(tenant)


@pytest.fixture
def written(kept):
    """A tenant's world, of which Feast knows; nothing more is published in it."""
    if "written" not in kept:
        one = world.write(world.some_tenant())
        store.register(one.tenant)
        kept["written"] = one
    return kept["written"]


def asked(written, numbers, at, tenant=None):
    ids = [written.properties[number] for number in numbers]
    return pd.DataFrame({"tenant_id": str((tenant or written.tenant).tenant_id), "property_id": ids, "event_timestamp": at})


def past(feast, frame, *features):
    return feast.get_historical_features(frame, list(features)).to_df().set_index("property_id").loc[frame["property_id"]]


# The registry


def test_definitions_are_applied_once_and_again_only_when_they_differ(monkeypatch):
    tenant = world.some_tenant()
    assert [store.register(tenant), store.register(tenant)] == [True, False]
    monkeypatch.setitem(VIEWS["property_physical"].absent, "has_pool", "another reason")
    assert [store.register(tenant), store.register(tenant)] == [True, False]


def test_every_feature_stands_in_the_registry_with_its_type_meaning_unit_sources_and_the_reason_why_it_is_absent(registered):
    _, feast = registered
    for view in feast.list_feature_views():
        said = VIEWS[view.name]
        assert (view.ttl, view.owner, view.description) == (said.ttl, said.owner, said.about)
        assert view.entities == ["tenant", "county" if said.entity == "county_fips" else "property"]
        assert view.join_keys == ["tenant_id", said.entity]
        found = {field.name: field for field in view.features}
        assert set(found) == {"observed_at", *(column.name for column in said.features)}
        for column in said.features:
            field = found[column.name]
            assert (field.dtype, field.description) == (TYPES[column.sql_type], column.meaning)
            tags = {name: field.tags.get(name, "") for name in ("unit", "how", "sources", "absent")}
            assert tags == {
                "unit": column.unit, "how": column.made, "sources": ", ".join(column.made_from), "absent": said.absent.get(column.name, ""),
            }  # fmt: skip
    assert {view.name for view in feast.list_feature_views()} == set(VIEWS)


def test_services_ask_for_their_features_and_carry_the_version_that_models_record(registered):
    _, feast = registered
    found = {service.name: service for service in feast.list_feature_services()}
    assert set(found) == set(SERVICES)
    for name, service in SERVICES.items():
        asks = [(part.name, [field.name for field in part.features]) for part in found[name].feature_view_projections]
        assert asks == [(view, list(names)) for view, names in service.features.items()]
        assert found[name].tags == {"version": service.version}


def test_a_registry_older_than_the_code_is_brought_to_what_the_code_says(own_registry):
    tenant, feast = own_registry
    source, entities = feast.get_data_source("market_current_source"), [feast.get_entity(name) for name in ("tenant", "county")]
    old = FeatureView(name="forgotten", entities=entities, schema=[Field(name="x", dtype=Float64)], source=source)
    changed = feast.get_feature_view("property_hazard")
    changed.ttl = timedelta(days=1)
    feast.apply([old, changed, FeatureService(name="forgotten_v0", features=[old])])
    assert store.register(tenant)
    assert {view.name for view in feast.list_feature_views()} == set(VIEWS)
    assert {service.name for service in feast.list_feature_services()} == set(SERVICES)
    assert feast.get_feature_view("property_hazard").ttl == VIEWS["property_hazard"].ttl
    assert not store.register(tenant)


def test_what_somebody_took_out_of_the_registry_comes_back(own_registry):
    tenant, feast = own_registry
    feast.delete_feature_service("risk_v1")
    feast.delete_feature_view("property_hazard")
    assert store.register(tenant)
    assert {view.name for view in feast.list_feature_views()} == set(VIEWS)
    assert {service.name for service in feast.list_feature_services()} == set(SERVICES)


def test_an_apply_that_was_cut_short_is_taken_up_again(monkeypatch):
    tenant = world.some_tenant()

    def cut(*_, **__):
        raise ConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr("feast.infra.registry.sql.SqlRegistry.apply_feature_service", cut)
        with pytest.raises(ConnectionError):
            store.register(tenant)
    assert [store.register(tenant), store.register(tenant)] == [True, False]


def test_two_at_once_make_one_registry(servers, monkeypatch):
    fresh = servers.create_database()  # in which not even the registry's tables are there
    monkeypatch.setenv("ESTATE_FEATURES_REGISTRY_URL", registry_url(servers.machine, fresh.name))
    configuration.settings.cache_clear()
    tenants = [world.some_tenant(), world.some_tenant()]
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(store.register, [*tenants, *tenants]))
    servers.drop_database(fresh)
    assert sorted(applied) == [False, False, True, True]


def registry_at(url, monkeypatch):
    monkeypatch.setenv("ESTATE_FEATURES_REGISTRY_URL", url)
    configuration.settings.cache_clear()


@pytest.mark.parametrize("url", ["", "sqlite:///registry.db", "nowhere"])
def test_a_registry_that_is_not_set_or_no_address_is_named_before_anything_is_asked(url, monkeypatch):
    registry_at(url, monkeypatch)
    with pytest.raises(SettingError, match="ESTATE_FEATURES_REGISTRY_URL: "):
        store.register(world.some_tenant())


def test_the_address_may_name_any_driver_or_none(settings_env, monkeypatch):
    said = settings_env.features_registry_url.partition("://")[2]
    for scheme in ("postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgres+asyncpg"):
        registry_at(f"{scheme}://{said}", monkeypatch)
        with store._one_at_a_time(store._registry_address()):
            pass


def test_a_registry_that_cannot_be_reached_is_named_without_its_password(monkeypatch):
    registry_at("postgresql+psycopg://estate:hidden@127.0.0.1:1/books", monkeypatch)
    with pytest.raises(ServiceUnavailable, match=r"registry of features \(127\.0\.0\.1:1/books, ESTATE_FEATURES_REGISTRY_URL\)") as refused:
        store.register(world.some_tenant())
    assert "hidden" not in str(refused.value)


def test_a_registry_that_breaks_off_while_it_is_changed_is_unavailable(monkeypatch):
    def broken(*_, **__):
        raise sqlalchemy.exc.OperationalError("INSERT", {}, psycopg.OperationalError("server closed the connection"))

    monkeypatch.setattr("feast.infra.registry.sql.SqlRegistry.apply_feature_service", broken)
    with pytest.raises(ServiceUnavailable, match="server closed the connection"):
        store.register(world.some_tenant())


def test_a_registry_that_another_holds_is_not_waited_for_for_ever(settings_env, monkeypatch):
    monkeypatch.setattr(store, "LOCK_WAIT", timedelta(milliseconds=50))
    with store._one_at_a_time(store._registry_address()), pytest.raises(ServiceUnavailable, match="lock timeout"):
        store.register(world.some_tenant())


def test_each_tenant_has_a_project_of_its_own(opened):
    first, second = world.some_tenant(), world.some_tenant()
    store.register(first)
    assert opened(first).project == project_of(first) != project_of(second)
    assert opened(second).list_feature_views() == []


def test_no_tenant_tears_the_registry_of_all_tenants_down(registered):
    tenant, feast = registered
    with pytest.raises(ValueError, match="protected project"):
        feast.teardown()
    assert not store.register(tenant)


# The past


def test_a_moment_in_the_past_is_told_what_was_known_then(written, opened):
    feast = opened(written.tenant)
    area, value = "property_physical:living_area_sqft", "property_financial:assessed_value_usd"
    before = past(feast, asked(written, [1, 2], world.SECOND - timedelta(microseconds=1)), area)
    at = past(feast, asked(written, [1, 2], world.SECOND), area, value)
    assert before[area.split(":")[1]].isna().all(), "published 59 days before, and a building is told for 30"
    assert list(at["living_area_sqft"]) == [1_100, 1_200]
    assert list(at["assessed_value_usd"]) == [211_000, 212_000]
    fresh = past(feast, asked(written, [1, 2], world.FIRST + DAY), value)
    assert list(fresh["assessed_value_usd"]) == [201_000, 202_000]


def test_what_vanished_does_not_come_back(written, opened):
    feast, flood = opened(written.tenant), "property_hazard:flood_zone"
    numbers = [world.FLOODED, world.VANISHED]
    then = past(feast, asked(written, numbers, world.SECOND), flood)
    since = past(feast, asked(written, numbers, world.SECOND + DAY), flood)
    assert list(then["flood_zone"]) == ["X", "X"]
    assert list(since["flood_zone"]) == ["VE", None], "its last version is younger than the time to live, and ended"


def test_types_of_the_asking_frame_come_back_as_they_were(written, opened):
    frame = asked(written, [1, 2], world.SECOND + DAY).assign(label=[1.5, None], count=[3, 4], note=["it's", None], sold=[True, False])
    found = opened(written.tenant).get_historical_features(frame, ["property_location:latitude"]).to_df().sort_values("count")
    assert found[["count", "note", "sold"]].to_dict("list") == {"count": [3, 4], "note": ["it's", None], "sold": [True, False]}
    assert found["label"].tolist()[0] == 1.5
    assert list(found["latitude"]) == [42.01, 42.02]


# Tenants


def test_another_tenant_s_rows_are_not_there(written, opened):
    other = world.write(world.some_tenant(), factor=2)
    feast, area = opened(written.tenant), "property_physical:living_area_sqft"
    assert past(feast, asked(other, [1, 2, world.SHARED], world.SECOND, tenant=other.tenant), area)["living_area_sqft"].isna().all()
    assert past(feast, asked(other, [1, 2], world.SECOND, tenant=written.tenant), area)["living_area_sqft"].isna().all()
    everybody = "SELECT tenant_id::text, property_id::text, published_at AS event_timestamp FROM normalize.property"
    found = feast.get_historical_features(everybody, [area]).to_df()
    assert set(found["tenant_id"]) == {str(written.tenant.tenant_id)}
    assert set(found["property_id"]) == set(written.properties.values())


def test_without_a_tenant_no_source_gives_a_row(written, settings_env):
    with psycopg.connect(settings_env.database_url) as connection:
        for name, source in store.feast_sources().items():
            assert connection.execute(f"SELECT * FROM {source.get_table_query_string()} AS source").fetchall() == [], name


def test_every_session_that_feast_opens_has_the_tenant_and_no_nested_loops(registered):
    tenant, feast = registered
    with _get_conn(feast.config.offline_store) as connection:
        said = connection.execute(
            "SELECT current_setting('app.tenant_id'), current_setting('enable_nestloop'), current_setting('search_path'), current_user"
        ).fetchone()
    assert said == (str(tenant.tenant_id), "off", "public,public", "estate_pipeline")


@pytest.mark.parametrize("tenant_id", ["", "lakeside", "6f1c1f0e-6c0f-5b57-9b7e-0d6d6c5a1a01 -c role=postgres"])
def test_a_tenant_that_is_no_uuid_opens_no_store(settings_env, tenant_id):
    kind = "estate.features.store.TenantPostgreSQLOfflineStore"
    with pytest.raises(ValueError, match="hexadecimal") as refused:
        store.TenantPostgreSQLOfflineStoreConfig(type=kind, url=settings_env.database_url, tenant_id=tenant_id)
    assert "postgresql://" not in str(refused.value), "it holds the password"


# Online, by Feast's own path


def test_feast_s_own_materialization_brings_the_last_values_online_for_half_a_year(written, opened, servers, settings_env):
    feast = opened(written.tenant)
    feast.materialize(world.FIRST - DAY, world.THIRD)
    keys = [{"tenant_id": str(written.tenant.tenant_id), "property_id": written.properties[n]} for n in (world.FLOODED, world.VANISHED)]
    found = feast.get_online_features(["property_hazard:flood_zone", "property_physical:living_area_sqft"], keys).to_dict()
    assert found["flood_zone"] == ["VE", None]
    assert found["living_area_sqft"] == [1_200, None]
    with servers.redis_client(settings_env.features_redis_url) as client:
        lives = {client.ttl(key) for key in client.scan_iter(f"*{feast.project}")}
    half_a_year = round(timedelta(days=180).total_seconds())
    assert lives
    assert all(half_a_year - 600 < seconds <= half_a_year for seconds in lives)
