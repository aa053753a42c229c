"""Killed at any step, Redis gone, two runs at once, a late run with old rows: the last good values stay, and the next run heals."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import features_world as world
import psycopg
import pytest
from features_world import COUNTY, HOUR, PROPERTY, THIRD
from going_online import NOTHING, materialized, read, run, through

from estate.errors import OnlineUnavailable
from estate.features import materialize
from estate.features.online import OnlineStore
from tests.api.own_redis import OwnRedis

pytestmark = [pytest.mark.servers]

ALL = NOTHING | {"properties_written": 11, "markets_written": 2, "publications": 7}


@pytest.fixture
def own_redis(settings_env, monkeypatch):
    """A Redis that this test may kill."""
    server = OwnRedis()
    server.start()
    through(server.url, monkeypatch)
    yield server
    server.stop()


@pytest.fixture
def written(own_redis):
    return world.write(world.some_tenant())


def gated(tenant, name, **how):
    batch = materialize.build(tenant, name, **how)
    materialize.gate(batch)
    return batch


def change(tenant, number, at, **said):
    """One more publication, that says something else of one property."""
    return world.publish(tenant, PROPERTY, [world.home(tenant, number, snapshot=2, **said)], at)


def test_killed_after_build_and_after_gate_the_next_run_does_all(written):
    materialize.build(written.tenant, "killed after build")
    gated(written.tenant, "killed after gate")
    assert run(written.tenant, "last") == ALL


def test_redis_gone_in_the_middle_of_a_push_leaves_no_publication_written_down(written, own_redis, monkeypatch):
    batch, write = gated(written.tenant, "run"), OnlineStore.write

    def write_and_lose_redis(store, entity, tables):
        done = write(store, entity, tables)
        own_redis.stop()
        return done

    monkeypatch.setattr(OnlineStore, "write", write_and_lose_redis)
    with pytest.raises(OnlineUnavailable):
        materialize.push(batch)
    assert materialized(written.tenant) == []
    monkeypatch.setattr(OnlineStore, "write", write)
    own_redis.start()
    assert run(written.tenant, "next") == ALL
    assert read(written.tenant, written.properties[1]) is not None
    assert read(written.tenant, COUNTY, "market_v1") is not None


PUSH = """
import sys
from estate.features import materialize
from estate.settings import Tenant
materialize.push(materialize.batch_of(Tenant.model_validate_json(sys.argv[1]), sys.argv[2], "killed"))
"""


LOCKS = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def locks_held(superuser_url):
    with psycopg.connect(superuser_url) as connection:
        return connection.execute(LOCKS).fetchone()[0]


def test_a_push_killed_at_work_gives_its_lock_back_and_the_next_run_does_all(written, own_redis, database):
    batch = gated(written.tenant, "killed")
    own_redis.freeze()
    process = subprocess.Popen([sys.executable, "-c", PUSH, written.tenant.model_dump_json(), batch.batch_id])
    while not locks_held(database.superuser_url):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    own_redis.thaw()
    assert materialized(written.tenant) == []
    assert materialize.push(batch) == ALL


def test_two_runs_at_once_put_every_publication_online_once(written):
    with ThreadPoolExecutor(2) as pool:
        batches = list(pool.map(lambda name: materialize.build(written.tenant, name), ("one", "two")))
        for batch in batches:
            materialize.gate(batch)
        done = list(pool.map(materialize.push, batches))
    assert sorted(done, key=lambda one: one["publications"]) == [NOTHING, ALL]
    assert materialized(written.tenant) == sorted(written.publications)


def test_a_late_push_of_old_rows_overwrites_nothing_newer(written):
    late = gated(written.tenant, "late")
    newer = change(written.tenant, 5, THIRD + HOUR, bedroom_count=6.0)
    assert run(written.tenant, "newer") == ALL | {"publications": 8}
    assert materialize.push(late) == NOTHING
    assert read(written.tenant, written.properties[5]).values["bedroom_count"] == 6.0
    assert newer in materialized(written.tenant)


def test_a_late_backfill_leaves_alone_what_a_run_has_pushed_since(written):
    run(written.tenant, "first")
    late = gated(written.tenant, "late", is_whole=True)
    change(written.tenant, 5, THIRD + HOUR, bedroom_count=6.0)
    world.publish(written.tenant, PROPERTY, [], THIRD + 2 * HOUR, closed=[{"property_id": written.properties[6]}])
    run(written.tenant, "newer")
    assert materialize.push(late) == NOTHING | {"properties_written": 9, "markets_written": 2}
    assert read(written.tenant, written.properties[5]).values["bedroom_count"] == 6.0
    assert "property_physical" not in read(written.tenant, written.properties[6]).event_at


def test_a_run_whose_first_publications_another_has_pushed_adds_its_own(written):
    first = gated(written.tenant, "first")
    change(written.tenant, 5, THIRD + HOUR, bedroom_count=6.0)
    second = gated(written.tenant, "second")
    assert materialize.push(first) == ALL
    assert materialize.push(second) == NOTHING | {"properties_written": 1, "publications": 1}
    assert read(written.tenant, written.properties[5]).values["bedroom_count"] == 6.0
