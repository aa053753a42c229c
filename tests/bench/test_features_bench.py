"""What the bench of features asks and compares is what it says."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
import redis

from bench.feature_peers import RawRedis, differing
from bench.features import SERVICE, fill, moments
from bench.figures import Figure
from estate.features import offline
from estate.features.definitions import VIEWS
from estate.features.online import OnlineStore
from estate.settings import tenants
from estate.warehouse import Warehouse
from local.environment import redis_url

IDS = [f"00000000-0000-4000-8000-{number:012x}" for number in range(50)]


@pytest.fixture
def world(servers, database, settings_env):
    """A warehouse of twenty properties, their ids, and raw Redis with their features online."""
    whole, tenth = tenants()["lakeside"], tenants()["harborview"]
    fill(database.superuser_url, whole, tenth, 20)
    number = int(redis.ConnectionPool.from_url(settings_env.features_redis_url).connection_kwargs["db"])
    with Warehouse(whole) as warehouse:
        tables = {name: pa.concat_tables(offline.current(warehouse, VIEWS[name])) for name in SERVICE.features}
        OnlineStore(whole).write("property_id", tables)
        yield (
            warehouse,
            tables["property_physical"]["property_id"].to_pylist(),
            RawRedis(redis.Redis.from_url(redis_url(servers.machine, number))),
        )


def test_the_world_has_two_versions_of_each_property_and_the_raw_peer_reads_and_rewrites_what_the_store_wrote(world):
    warehouse, ids, raw = world
    assert len(ids) == 20
    before = offline.as_of(warehouse, SERVICE, pd.DataFrame({"property_id": ids, "event_at": pd.Timestamp("2026-01-03 00:00Z")}))
    after = offline.as_of(warehouse, SERVICE, pd.DataFrame({"property_id": ids, "event_at": pd.Timestamp("2026-03-03 00:00Z")}))
    assert (before["property_physical__event_at"] < after["property_physical__event_at"]).all()
    assert after["price_reduction_count"].max() == 1, "the second version asks less"

    keys = raw.keys()
    assert len(keys) == 20
    assert raw.without_expiry(keys) == 0
    read = raw.reader(SERVICE, warehouse.tenant)
    written = [read([one]) for one in ids], read(ids)
    assert len(written[1][0]) == len(SERVICE.names) + 2 * len(SERVICE.features), "each feature, and two times a view"
    assert raw.rewrite(keys) > 0
    assert ([read([one]) for one in ids], read(ids)) == written
    assert raw.without_expiry(keys) == 20, "the raw write knows of no expiry"
    with pytest.raises(RuntimeError, match="not online"):
        read(["00000000-0000-4000-8000-000000000000"])


def test_moments_are_the_same_on_every_call_and_lie_before_between_and_after_the_publications():
    asked = moments(IDS, 1000)
    pd.testing.assert_frame_equal(asked, moments(IDS, 1000))
    assert set(asked["property_id"]) <= set(IDS)
    first, second = pd.Timestamp("2026-01-02 06:00Z"), pd.Timestamp("2026-03-02 06:00Z")
    assert asked["event_at"].lt(first).any()
    assert asked["event_at"].between(first, second).any()
    assert asked["event_at"].gt(second).any()


def test_values_differ_unless_they_are_exactly_the_same_or_both_null():
    ours = pd.DataFrame({"property_id": ["a", "b", "c"], "year_built": [1990.0, None, 2000.0], "flood_zone": ["X", None, None]})
    theirs = pd.DataFrame(
        {"property_id": ["a", "b", "c"], "year_built": pd.array([1990, None, 2001], "Int64"), "flood_zone": ["X", pd.NA, "AE"]}
    )
    assert differing(ours, theirs, ["year_built", "flood_zone"]) == 2
    assert differing(ours, ours, ["year_built", "flood_zone"]) == 0
    with pytest.raises(ValueError, match="other entities"):
        differing(ours, theirs.iloc[::-1], ["year_built"])


def test_a_value_that_differs_misses_its_bound():
    assert Figure("values that differ", 1, "values", 0).verdict == "missed"
