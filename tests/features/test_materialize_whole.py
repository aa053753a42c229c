"""When a run puts all online by itself, and when it looks at all: after Redis forgot, after definitions changed, once a day."""

from datetime import timedelta

import features_world as world
import pytest
from features_world import HOUR, PROPERTY, THIRD
from going_online import NOTHING, read, rows_of, run, through

from estate.errors import BatchRefused
from estate.features import materialize, pending
from estate.features.layout import KEY_TTL_SECONDS, MARK_TTL_SECONDS
from estate.features.online import OnlineStore
from estate.warehouse import Warehouse
from tests.api.own_redis import OwnRedis

pytestmark = [pytest.mark.servers]

ALL = NOTHING | {"properties_written": 11, "markets_written": 2}


@pytest.fixture
def own_redis(settings_env, monkeypatch):
    """A Redis that this test may empty."""
    server = OwnRedis()
    server.start()
    through(server.url, monkeypatch)
    yield server
    server.stop()


@pytest.fixture
def written(own_redis):
    return world.write(world.some_tenant())


def change(tenant, number, at, **said):
    """One more publication, that says something else of one property."""
    return world.publish(tenant, PROPERTY, [world.home(tenant, number, snapshot=2, **said)], at)


def gated(tenant, name, **how):
    batch = materialize.build(tenant, name, **how)
    materialize.gate(batch)
    return batch


def emptied(own_redis):
    with own_redis.client() as client:
        client.flushdb()


def mark_key(tenant):
    return OnlineStore(tenant)._mark_key


def test_the_run_after_redis_was_emptied_writes_everything(written, own_redis):
    run(written.tenant, "one")
    emptied(own_redis)
    change(written.tenant, 5, THIRD + HOUR, bedroom_count=6.0)
    assert run(written.tenant, "two") == ALL | {"publications": 1}
    assert all(read(written.tenant, one) for one in written.current.values())
    assert run(written.tenant, "three") == NOTHING


def test_a_redis_that_went_back_to_an_older_state_is_written_whole(written, own_redis):
    run(written.tenant, "one")
    older = OnlineStore(written.tenant).marker()
    change(written.tenant, 5, THIRD + HOUR)
    run(written.tenant, "two")
    OnlineStore(written.tenant).mark(older, is_renewed=True)
    assert run(written.tenant, "three") == ALL


@pytest.mark.parametrize("when", ["after the build", "during the push"])
def test_redis_emptied_under_a_run_is_written_whole_by_the_next(written, own_redis, monkeypatch, when):
    run(written.tenant, "one")
    change(written.tenant, 5, THIRD + HOUR)
    batch, write = gated(written.tenant, "two"), OnlineStore.write

    def write_and_empty(store, entity, tables):
        done = write(store, entity, tables)
        emptied(own_redis)
        return done

    if when == "during the push":
        monkeypatch.setattr(OnlineStore, "write", write_and_empty)
    else:
        emptied(own_redis)
    materialize.push(batch)
    monkeypatch.setattr(OnlineStore, "write", write)
    assert OnlineStore(written.tenant).marker() is None
    assert run(written.tenant, "three") == ALL


def test_a_late_whole_run_does_not_vouch_for_what_it_passes_over(written, own_redis):
    run(written.tenant, "one")
    late = gated(written.tenant, "late", is_whole=True)
    change(written.tenant, 5, THIRD + HOUR)
    run(written.tenant, "two")
    emptied(own_redis)
    materialize.push(late)
    assert read(written.tenant, written.properties[5]) is None
    assert run(written.tenant, "three") == ALL


def test_killed_between_push_and_mark_the_next_run_writes_everything_once_more(written, monkeypatch):
    mark = OnlineStore.mark
    monkeypatch.setattr(OnlineStore, "mark", lambda *_, **__: None)
    run(written.tenant, "killed")
    monkeypatch.setattr(OnlineStore, "mark", mark)
    assert run(written.tenant, "two") == ALL
    assert run(written.tenant, "three") == NOTHING


def test_features_defined_anew_are_put_online_by_the_next_run(written, monkeypatch):
    run(written.tenant, "one")
    known = pending.rows_at

    def reworded(view):
        return known(view) + pending.sql.SQL(" -- computed otherwise")

    monkeypatch.setattr(pending, "rows_at", reworded)
    assert run(written.tenant, "two") == ALL
    assert run(written.tenant, "three") == NOTHING


def test_the_mark_is_the_tenant_s_own_and_goes_before_the_entities(written, own_redis):
    other = world.write(world.some_tenant())
    run(written.tenant, "one")
    with own_redis.client() as client:
        assert 0 < client.ttl(mark_key(written.tenant)) <= MARK_TTL_SECONDS < KEY_TTL_SECONDS
        client.expire(mark_key(written.tenant), 1_000)
        change(written.tenant, 5, THIRD + HOUR)
        run(written.tenant, "two")
        assert 0 < client.ttl(mark_key(written.tenant)) <= 1_000, "what this run has not touched is as old as before"
        client.delete(mark_key(written.tenant))
    assert OnlineStore(other.tenant).marker() is None
    assert run(written.tenant, "three") == ALL


# Two runs of one pending set


def test_a_push_obeys_the_gate_of_its_own_run(written, monkeypatch):
    batches = [materialize.build(written.tenant, name) for name in ("one", "two")]
    assert batches[0].batch_id == batches[1].batch_id
    materialize.gate(batches[0])
    with monkeypatch.context() as strict:
        strict.setattr(materialize.Verdict, "is_passed", False)
        with pytest.raises(BatchRefused):
            materialize.gate(batches[1])
    with pytest.raises(BatchRefused, match="was refused by its gate"):
        materialize.push(batches[1])
    assert materialize.push(batches[0])["publications"] == 7


# The books' clock


AHEAD = """
INSERT INTO features.materialization
SELECT tenant_id, 1, table_name, 0, 'when the clock was ahead', %s FROM features.materialization LIMIT 1
"""


def test_a_window_is_newer_than_those_before_it_though_the_clock_was_set_back(written):
    run(written.tenant, "one")
    ahead = THIRD + timedelta(days=36_500)
    with Warehouse(written.tenant) as warehouse, warehouse.transaction() as connection:
        connection.execute(AHEAD, (ahead,))
    change(written.tenant, 5, THIRD + HOUR)
    run(written.tenant, "two")
    change(written.tenant, 5, THIRD + 2 * HOUR)
    run(written.tenant, "three")
    said = {row["run_id"]: row for row in rows_of(written.tenant, "features.profile")}
    assert said["three"]["previous_run_id"] == "two"
    assert said["one"]["profiled_at"] < said["two"]["profiled_at"] < said["three"]["profiled_at"]
    assert said["two"]["profiled_at"] > ahead.isoformat()


# Looking at all


def test_a_run_that_touches_few_does_not_look_at_all_of_them_twice_a_day(written):
    numbers = range(100, 240)
    world.publish(written.tenant, PROPERTY, [world.home(written.tenant, number, year_built=1990) for number in numbers], THIRD + HOUR)
    world.publish(written.tenant, world.EXPOSURE, [world.exposure(written.tenant, number) for number in numbers], THIRD + HOUR)
    run(written.tenant, "one")
    change(written.tenant, 5, THIRD + 2 * HOUR)
    said = materialize.gate(materialize.build(written.tenant, "two"))
    assert "features.property_physical" in {verdict.table_name for verdict in said}
    assert {row["run_id"] for row in rows_of(written.tenant, "features.profile")} == {"one"}
    for number in (1, 2):
        change(written.tenant, number, THIRD + 3 * HOUR + number * HOUR)
    run(written.tenant, "three")
    assert {row["run_id"] for row in rows_of(written.tenant, "features.profile")} == {"one", "three"}
