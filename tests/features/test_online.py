"""The online store: what is written is read, by entity and tenant, and nothing else moves."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import redis
from online_rows import AT, OBSERVED, redis_url, service, table

from estate.errors import SettingError
from estate.features.definitions import SERVICES, VIEWS
from estate.features.layout import KEY_TTL_SECONDS
from estate.features.online import AT_ONCE, OnlineStore
from tests import frames

PHYSICAL, HAZARD = "property_physical", "property_hazard"
ASKED = service(property_physical=("living_area_sqft", "year_built"), property_hazard=("flood_zone",))


@pytest.fixture
def url(servers):
    return redis_url(servers)


@pytest.fixture
def tenant():
    return frames.some_tenant()


@pytest.fixture
def store(tenant, url):
    return OnlineStore(tenant, url)


def keys_of(store, url):
    """The store's own keys, found as an operator would."""
    with redis.Redis.from_url(url) as client:
        return {one: store._keys("property_id").key(one) for one in ("a", "b", "c") if client.exists(store._keys("property_id").key(one))}


def test_an_entity_comes_back_with_its_values_and_times(store):
    assert store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {"living_area_sqft": 1500.5, "year_built": 1959}})}) == 1
    (row,) = store.read(service(property_physical=("year_built", "living_area_sqft", "has_pool")), ["a"])
    assert row.values == {"year_built": 1959, "living_area_sqft": 1500.5, "has_pool": None}
    assert row.event_at == {PHYSICAL: AT}
    assert row.observed_at == {PHYSICAL: OBSERVED}


def test_an_entity_that_is_not_online_is_none_and_the_others_keep_their_places(store):
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {"year_built": 1}, "b": {"year_built": 2}})})
    found = store.read(service(property_physical=("year_built",)), ["b", "unknown", "a", "b"])
    assert [row and row.values["year_built"] for row in found] == [2, None, 1, 2]
    assert store.read(SERVICES["property_v1"], []) == []


def test_a_view_that_was_never_written_is_null_and_has_no_time(store):
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {"year_built": 1959}})})
    (row,) = store.read(ASKED, ["a"])
    assert row.values == {"living_area_sqft": None, "year_built": 1959, "flood_zone": None}
    assert set(row.event_at) == set(row.observed_at) == {PHYSICAL}
    assert store.read(SERVICES["risk_v1"], ["a"]) == [None]


def test_writing_one_view_keeps_the_others_and_overwrites_its_own_to_the_last_null(store):
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {"year_built": 1959}}), HAZARD: table(HAZARD, {"a": {"flood_zone": "AE"}})})
    later = AT + timedelta(days=1)
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {"living_area_sqft": 7.0}}, event_at=later, observed_at=None)})
    (row,) = store.read(ASKED, ["a"])
    assert row.values == {"living_area_sqft": 7.0, "year_built": None, "flood_zone": "AE"}
    assert row.event_at == {PHYSICAL: later, HAZARD: AT}
    assert row.observed_at == {PHYSICAL: None, HAZARD: OBSERVED}


def test_rows_of_one_entity_in_several_tables_are_one_entity_whatever_their_order(store):
    tables = {
        PHYSICAL: table(PHYSICAL, {"a": {"year_built": 1}, "b": {"year_built": 2}}),
        HAZARD: table(HAZARD, {"c": {"flood_zone": "X"}, "b": {"flood_zone": "VE"}}),
    }
    assert store.write("property_id", tables) == 3
    rows = store.read(ASKED, ["a", "b", "c"])
    assert [(row.values["year_built"], row.values["flood_zone"], set(row.event_at)) for row in rows] == [
        (1, None, {PHYSICAL}), (2, "VE", {PHYSICAL, HAZARD}), (None, "X", {HAZARD}),
    ]  # fmt: skip


def test_more_entities_than_go_in_one_round_trip_are_all_written_read_and_deleted(store):
    ids = [f"entity {number}" for number in range(2 * AT_ONCE + 1)]
    physical = table(PHYSICAL, {one: {"year_built": number} for number, one in enumerate(ids)})
    hazard = table(HAZARD, {one: {"flood_score": number / 7} for number, one in enumerate(ids) if number >= AT_ONCE})
    assert store.write("property_id", {PHYSICAL: physical, HAZARD: hazard}) == len(ids)
    rows = store.read(service(property_physical=("year_built",), property_hazard=("flood_score",)), ids)
    assert [row.values["year_built"] for row in rows] == list(range(len(ids)))
    assert [row.values["flood_score"] for row in rows] == [number / 7 if number >= AT_ONCE else None for number in range(len(ids))]
    assert store.delete("property_id", ids) == len(ids)
    assert set(store.read(ASKED, ids)) == {None}


def test_an_older_row_is_written_too(store):
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {"year_built": 2}})})
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {"year_built": 1}}, event_at=AT - timedelta(days=9))})
    (row,) = store.read(service(property_physical=("year_built",)), ["a"])
    assert (row.values["year_built"], row.event_at[PHYSICAL]) == (1, AT - timedelta(days=9))


def test_nothing_given_writes_nothing(store):
    assert store.write("property_id", {}) == 0
    assert store.write("property_id", {PHYSICAL: table(PHYSICAL, {})}) == 0


def test_a_view_whose_columns_carry_no_type_is_all_null(store):
    rows = table(PHYSICAL, {"a": {}})
    nulls = pa.table({name: pa.nulls(1) if rows[name].null_count else rows[name] for name in rows.column_names})
    store.write("property_id", {PHYSICAL: nulls})
    assert set(store.read(service(property_physical=tuple(c.name for c in VIEWS[PHYSICAL].features)), ["a"])[0].values.values()) == {None}


def test_markets_are_written_by_county_and_do_not_meet_properties(store):
    store.write("county_fips", {"market_current": table("market_current", {"53033": {"median_rent_usd": 1900.0}})})
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"53033": {"year_built": 1959}})})
    (market,) = store.read(SERVICES["market_v1"], ["53033"])
    assert {name: value for name, value in market.values.items() if value is not None} == {"median_rent_usd": 1900.0}
    assert store.delete("county_fips", ["53033"]) == 1
    assert store.read(service(property_physical=("year_built",)), ["53033"])[0].values == {"year_built": 1959}


def test_a_key_expires_and_every_write_renews_it(store, url):
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {}, "b": {}})})
    with redis.Redis.from_url(url) as client:
        found = keys_of(store, url)
        assert set(found) == {"a", "b"}
        assert all(KEY_TTL_SECONDS - 60 < client.ttl(key) <= KEY_TTL_SECONDS for key in found.values())
        client.expire(found["a"], 100)
        store.write("property_id", {HAZARD: table(HAZARD, {"a": {}})})
        assert client.ttl(found["a"]) > KEY_TTL_SECONDS - 60


def test_an_entity_is_deleted_whole_or_by_view_and_is_gone_with_its_last(store, url):
    tables = {PHYSICAL: table(PHYSICAL, {"a": {"year_built": 1}, "b": {}}), HAZARD: table(HAZARD, {"a": {"flood_zone": "X"}})}
    store.write("property_id", tables)
    assert store.delete("property_id", ["a", "b", "c"], views=[HAZARD]) == 1
    (row,) = store.read(ASKED, ["a"])
    assert (row.values["year_built"], row.values["flood_zone"], set(row.event_at)) == (1, None, {PHYSICAL})
    assert store.delete("property_id", ["a"], views=[PHYSICAL, HAZARD]) == 1
    assert set(keys_of(store, url)) == {"b"}
    assert store.delete("property_id", ["a", "b"]) == 1
    assert keys_of(store, url) == {}
    assert store.delete("property_id", ["b"], views=[]) == 0


def test_memory_is_told_for_each_entity_and_none_for_what_is_not_there(store):
    store.write("property_id", {view: table(view, {"a": {}}) for view in SERVICES["property_v1"].features})
    used, nothing = store.memory_bytes("property_id", ["a", "b"])
    assert 100 < used < 2_000
    assert nothing == 0


def test_an_unknown_view_or_feature_is_refused_with_the_names_that_there_are(store):
    with pytest.raises(KeyError, match="property_psychical is no feature view; property_physical, property_character"):
        store.read(service(property_psychical=("year_built",)), ["a"])
    with pytest.raises(KeyError, match="yaer_built: no feature of property_physical; living_area_sqft, lot_area_sqft"):
        store.read(service(property_physical=("yaer_built",)), ["a"])
    with pytest.raises(KeyError, match="no feature view is asked for"):
        store.read(service(), ["a"])
    with pytest.raises(KeyError, match="property_psychical is no feature view"):
        store.write("property_id", {"property_psychical": table(PHYSICAL, {"a": {}})})
    with pytest.raises(KeyError, match="property_psychical is no feature view"):
        store.delete("property_id", ["a"], views=["property_psychical"])


def test_views_of_different_entities_are_not_asked_for_or_written_together(store):
    with pytest.raises(ValueError, match="market_current is a view of county_fips, not of property_id"):
        store.read(service(property_physical=("year_built",), market_current=("median_rent_usd",)), ["a"])
    with pytest.raises(ValueError, match="property_physical is a view of property_id, not of county_fips"):
        store.write("county_fips", {PHYSICAL: table(PHYSICAL, {"a": {}})})


def renamed(rows):
    return rows.rename_columns(["built_year" if name == "year_built" else name for name in rows.column_names])


def replaced(rows, name, values):
    return rows.set_column(rows.column_names.index(name), name, values)


ROWS = table(PHYSICAL, {"a": {"year_built": 1}, "b": {"year_built": 2}})


@pytest.mark.parametrize(("rows", "said"), [
    (renamed(ROWS), r"property_physical: missing \['year_built'\], unknown \['built_year'\]; its columns are property_id"),
    (ROWS.append_column("tenant_id", pa.array(["x", "y"])), r"unknown \['tenant_id'\]"),
    (replaced(ROWS, "year_built", pa.array(["1", "2"])), "property_physical.year_built is string, not int64"),
    (replaced(ROWS, "event_at", pa.array([AT, None], pa.timestamp("us", tz="UTC"))), "a row without property_id or event_at"),
    (replaced(ROWS, "property_id", pa.array(["a", None])), "a row without property_id or event_at"),
    (replaced(ROWS, "property_id", pa.array(["a", "a"])), "several rows of one property_id"),
])  # fmt: skip
def test_a_table_of_another_shape_is_refused_before_anything_is_sent(store, rows, said):
    with pytest.raises(ValueError, match=said):
        store.write("property_id", {HAZARD: table(HAZARD, {"a": {}}), PHYSICAL: rows})
    assert store.read(ASKED, ["a", "b"]) == [None, None]


def test_without_an_address_the_store_says_which_setting_is_missing(tenant):
    with pytest.raises(SettingError, match="ESTATE_FEATURES_REDIS_URL is missing"):
        OnlineStore(tenant, "")
    with pytest.raises(SettingError, match="ESTATE_FEATURES_REDIS_URL is not the address"):
        OnlineStore(tenant, "localhost:6379")


def test_the_address_is_the_setting_s_unless_given(settings_env, tenant):
    OnlineStore(tenant).write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {"year_built": 1959}})})
    (row,) = OnlineStore(tenant, settings_env.features_redis_url).read(service(property_physical=("year_built",)), ["a"])
    assert row.values == {"year_built": 1959}


def test_reading_and_writing_need_no_import_of_feast():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, estate.features.online; print('feast' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "False"


def test_an_event_time_keeps_its_microseconds_and_an_observed_time_its_seconds(store):
    at = datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC)
    observed = datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC)
    store.write("property_id", {PHYSICAL: table(PHYSICAL, {"a": {}}, event_at=at, observed_at=observed)})
    (row,) = store.read(service(property_physical=()), ["a"])
    assert row.event_at == {PHYSICAL: at}
    assert row.observed_at == {PHYSICAL: observed.replace(microsecond=0)}
