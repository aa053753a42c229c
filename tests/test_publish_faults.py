"""Publishing under fire: killed at any point, and two processes at once."""

import itertools
import multiprocessing
import time

import psycopg
import pytest

from tests.frames import EXPOSURE, SOURCE, VINTAGE, batch, checksum, current, exposures, ledger, named, publish_frame, some_tenant

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

SPAWN = multiprocessing.get_context("spawn")  # a forked child would share this process's connections
BEFORE = dict.fromkeys(range(3000), 0.25)
AFTER = {number: 0.25 if number % 2 else 0.75 for number in range(500, 3500)}
ALL_IDS = list(named(BEFORE))
STATEMENTS = ["publication_insert", "publish_close_changed", "publish_close_missing", "publish_insert_new", "publication_count"]


def publish_in_child(tenant, name, scores, stop_at=None, reached=None, gate=None):
    """Publish `scores`; stop for good when `stop_at` is reached, and say so."""
    import estate.publish
    import estate.warehouse

    def stop():
        reached.set()
        time.sleep(60)

    if stop_at == "mid_copy":
        body = estate.warehouse.copy_body

        def half(rows):
            (block,) = body(rows)
            yield block[: len(block) // 2]
            stop()

        estate.warehouse.copy_body = half
    elif stop_at:
        named_query = estate.publish.query
        estate.publish.query = lambda name: (stop() if name == stop_at else None) or named_query(name)
    if gate:
        gate.wait(60)
    publish_frame(batch(tenant, SOURCE, VINTAGE, name), exposures(tenant, scores), scope=ALL_IDS)


def start(*arguments, **more):
    child = SPAWN.Process(target=publish_in_child, args=arguments, kwargs=more)
    child.start()
    return child


def leftovers(database):
    """Temporary tables and open transactions of the pipeline, once the server has noticed who died."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        for _ in range(100):
            found = connection.execute(
                "SELECT relname FROM pg_class WHERE relpersistence = 't'"
                " UNION ALL SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'estate-pipeline'"
            ).fetchall()
            if not found:
                break
            time.sleep(0.05)
    return found


@pytest.mark.parametrize("stop_at", ["mid_copy", *STATEMENTS])
def test_a_publisher_killed_at_any_point_leaves_the_old_state_and_the_next_run_heals(database, stop_at):
    tenant = some_tenant()
    publish_frame(batch(tenant), exposures(tenant, BEFORE))
    tables = (EXPOSURE, "provenance.publication", "provenance.verdict", "provenance.quarantine")
    before = [checksum(database.superuser_url, table) for table in tables]

    reached = SPAWN.Event()
    child = start(tenant, "killed", AFTER, stop_at=stop_at, reached=reached)
    assert reached.wait(60)
    assert current(tenant) == named(BEFORE), "readers see the old state while a publisher is at work"
    child.kill()
    child.join()
    assert child.exitcode == -9

    assert leftovers(database) == []
    assert [checksum(database.superuser_url, table) for table in tables] == before
    done = publish_frame(batch(tenant, name="killed"), exposures(tenant, AFTER), scope=ALL_IDS)
    assert (done.rows_published, done.rows_closed, done.rows_unchanged) == (1750, 1750, 1250)
    assert current(tenant) == named(AFTER)
    assert len(ledger(tenant)) == 2


def test_the_same_partition_twice_at_once_gives_one_result():
    tenant = some_tenant()
    gate = SPAWN.Barrier(2)
    children = [start(tenant, "twice", AFTER, gate=gate) for _ in range(2)]
    for child in children:
        child.join(90)
    assert [child.exitcode for child in children] == [0, 0]
    assert current(tenant) == named(AFTER)
    (only,) = ledger(tenant)
    assert (only["rows_in"], only["rows_published"], only["rows_closed"]) == (3000, 3000, 0)


def test_different_batches_at_once_leave_one_of_them_whole():
    tenant = some_tenant()
    contents = [dict.fromkeys(range(300), score) for score in (0.25, 0.5, 0.75)]
    gate = SPAWN.Barrier(len(contents))
    children = [start(tenant, f"rival{n}", content, gate=gate) for n, content in enumerate(contents)]
    for child in children:
        child.join(90)
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert current(tenant) in [named(content) for content in contents]
    times = [row["published_at"] for row in ledger(tenant)]
    assert all(first < second for first, second in itertools.pairwise(times))


def test_two_tenants_publish_at_once_and_neither_waits_for_the_other(database):
    waiting, moving = some_tenant("waiting"), some_tenant("moving")
    reached = SPAWN.Event()
    child = start(waiting, "held", AFTER, stop_at="publish_insert_new", reached=reached)
    try:
        assert reached.wait(60)
        started = time.monotonic()
        publish_frame(batch(moving), exposures(moving, {1: 0.5}))
        assert time.monotonic() - started < 10
        assert current(moving) == named({1: 0.5})
        assert current(waiting) == {}
    finally:
        child.kill()
        child.join()
