"""Publishing: versions, replay, late and competing batches, scope, quarantine and the ledger's counts."""

import random
import time
from datetime import date, timedelta

import psycopg
import pytest

from estate.errors import StaleVintage
from estate.warehouse import Warehouse
from tests.frames import (
    EXPOSURE,
    RECORD,
    batch,
    checksum,
    clock,
    current,
    exposures,
    insert,
    ledger,
    named,
    publish_frame,
    records,
    some_tenant,
    thing_id,
)

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

EARLIER, LATER = date(2026, 1, 1), date(2026, 2, 1)


@pytest.fixture
def tenant():
    return some_tenant()


def versions(tenant, number):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return connection.execute(
            "SELECT flood_score, published_at, superseded_at = 'infinity' FROM hazard.exposure WHERE property_id = %s ORDER BY 2",
            (thing_id(number),),
        ).fetchall()


# Versions


def test_only_changed_rows_get_a_new_version_and_their_old_one_is_closed(tenant):
    publish_frame(batch(tenant), exposures(tenant, {1: 0.1, 2: 0.2, 3: 0.3}))
    done = publish_frame(batch(tenant), exposures(tenant, {1: 0.1, 2: 0.9, 4: 0.4}))
    assert (done.rows_published, done.rows_closed, done.rows_unchanged) == (2, 1, 1)
    assert [(score, is_current) for score, _, is_current in versions(tenant, 2)] == [(0.2, False), (0.9, True)]
    assert len(versions(tenant, 1)) == 1
    assert current(tenant) == named({1: 0.1, 2: 0.9, 3: 0.3, 4: 0.4})


def test_null_and_a_value_are_a_change_and_null_and_null_are_none(tenant):
    publish_frame(batch(tenant), exposures(tenant, {1: None, 2: None, 3: 0.3}))
    done = publish_frame(batch(tenant), exposures(tenant, {1: None, 2: 0.2, 3: None}))
    assert (done.rows_published, done.rows_closed, done.rows_unchanged) == (2, 2, 1)


def test_a_file_that_repeats_a_value_makes_no_new_version(tenant):
    publish_frame(batch(tenant), records(tenant, {"a": 100.0}, snapshot_id=1), table=RECORD)
    done = publish_frame(batch(tenant), records(tenant, {"a": 100.0}, snapshot_id=2), table=RECORD)
    assert (done.rows_published, done.rows_closed, done.rows_unchanged) == (0, 0, 1)


def test_every_past_moment_can_be_read_again(tenant):
    dice = random.Random(7)
    states = []
    for _ in range(12):
        scores = {number: dice.randrange(3) / 4 for number in dice.sample(range(8), 5)}
        publish_frame(batch(tenant), exposures(tenant, scores), scope=[thing_id(n) for n in dice.sample(range(8), 2)])
        states.append((clock(tenant), current(tenant)))
        time.sleep(0.002)
    for moment, state in states:
        assert current(tenant, at=moment) == state
    for first, then in zip(ledger(tenant), ledger(tenant)[1:], strict=False):
        assert current(tenant, at=first["published_at"]) == current(tenant, at=then["published_at"] - timedelta(microseconds=1))
    assert current(tenant, at=ledger(tenant)[0]["published_at"] - timedelta(microseconds=1)) == {}


# Replay and vintages


def test_a_replay_is_a_no_op_without_a_ledger_row(database, tenant):
    work = batch(tenant)
    publish_frame(work, exposures(tenant, {1: 0.1, 2: 0.2}))
    before = [checksum(database.superuser_url, table) for table in (EXPOSURE, "provenance.publication")]
    done = publish_frame(work, exposures(tenant, {1: 0.1, 2: 0.2}))
    assert (done.rows_in, done.rows_published, done.rows_closed, done.rows_unchanged) == (2, 0, 0, 2)
    assert [checksum(database.superuser_url, table) for table in (EXPOSURE, "provenance.publication")] == before


def test_an_older_vintage_is_refused_and_changes_nothing(database, tenant):
    publish_frame(batch(tenant, vintage=LATER), exposures(tenant, {1: 0.1}))
    before = [checksum(database.superuser_url, table) for table in (EXPOSURE, "provenance.publication", "provenance.verdict")]
    with pytest.raises(StaleVintage, match=r"hazard\.exposure already holds ames_sales of 2026-02-01; the batch of 2026-01-01 is older"):
        publish_frame(batch(tenant, vintage=EARLIER), exposures(tenant, {1: 0.9}))
    assert [checksum(database.superuser_url, table) for table in (EXPOSURE, "provenance.publication", "provenance.verdict")] == before


def test_an_older_vintage_of_another_source_is_no_matter(tenant):
    publish_frame(batch(tenant, vintage=LATER), exposures(tenant, {1: 0.1}))
    publish_frame(batch(tenant, "nyc_rolling_sales", EARLIER), exposures(tenant, {2: 0.2}))
    assert current(tenant) == named({1: 0.1, 2: 0.2})


@pytest.mark.parametrize("order", [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)])
def test_vintages_in_any_order_end_in_the_same_state(tenant, order):
    content = {1: {"a": 1.0, "b": 1.0}, 2: {"a": 2.0, "c": 2.0}, 3: {"a": 3.0, "b": 1.0}}
    for month in order:
        try:
            publish_frame(batch(tenant, vintage=date(2026, month, 1)), records(tenant, content[month]), table=RECORD, scope=["ames_sales"])
        except StaleVintage:
            assert month < max(order[: order.index(month)])
    assert current(tenant, RECORD) == content[3]


def test_published_at_grows_even_when_the_clock_was_set_back(tenant):
    publish_frame(batch(tenant), exposures(tenant, {1: 0.1}))
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        ahead = ledger(tenant)[0] | {"publication_id": 1, "published_at": clock(tenant) + timedelta(days=1)}
        insert(connection, "provenance.publication", ahead)
    publish_frame(batch(tenant, vintage=LATER), exposures(tenant, {1: 0.2}))
    publish_frame(batch(tenant, vintage=LATER), exposures(tenant, {1: 0.3}))
    times = [row["published_at"] for row in ledger(tenant)]
    assert times[1] == ahead["published_at"]
    assert times[1] < times[2] < times[3]


def test_the_newest_publication_is_known_even_when_a_worker_s_clock_is_behind(tenant, monkeypatch):
    publish_frame(batch(tenant), exposures(tenant, {1: 0.1}))
    monkeypatch.setattr("estate.publish.time.time_ns", lambda: 10**18)
    publish_frame(batch(tenant, vintage=LATER), exposures(tenant, {1: 0.2}))
    assert [row["publication_id"] for row in ledger(tenant)] == sorted(row["publication_id"] for row in ledger(tenant))
    with pytest.raises(StaleVintage):
        publish_frame(batch(tenant), exposures(tenant, {1: 0.3}))


# Two builds of the same rows


def test_of_two_builds_the_later_reader_wins_whoever_publishes_first(tenant):
    early, late = clock(tenant), clock(tenant)
    publish_frame(batch(tenant, "ames_sales"), exposures(tenant, {1: 0.9}), read_at=late, scope=[thing_id(1)])
    done = publish_frame(batch(tenant, "nyc_rolling_sales"), exposures(tenant, {1: 0.1, 2: 0.2}), read_at=early)
    assert current(tenant) == named({1: 0.9, 2: 0.2})
    assert (done.rows_published, done.rows_closed, done.rows_unchanged) == (1, 0, 1)


def test_an_earlier_reader_does_not_close_what_a_later_reader_published(tenant):
    early, late = clock(tenant), clock(tenant)
    publish_frame(batch(tenant, "ames_sales"), exposures(tenant, {1: 0.9, 3: 0.3}), read_at=late)
    done = publish_frame(batch(tenant, "nyc_rolling_sales"), exposures(tenant, {1: 0.1}), read_at=early, scope=map(thing_id, (1, 3)))
    assert current(tenant) == named({1: 0.9, 3: 0.3})
    assert done.rows_closed == 0


def test_an_earlier_reader_does_not_bring_back_what_a_later_reader_closed(tenant):
    publish_frame(batch(tenant), exposures(tenant, {1: 0.1, 2: 0.2}))
    early, late = clock(tenant), clock(tenant)
    publish_frame(batch(tenant, vintage=LATER), exposures(tenant, {2: 0.2}), read_at=late, scope=map(thing_id, (1, 2)))
    publish_frame(batch(tenant, "nyc_rolling_sales"), exposures(tenant, {1: 0.1, 2: 0.2}), read_at=early)
    assert current(tenant) == named({2: 0.2})


def test_a_newer_file_wins_over_an_older_file_that_was_read_later(tenant):
    early, late = clock(tenant), clock(tenant)
    publish_frame(batch(tenant, vintage=EARLIER), records(tenant, {"a": 1.0, "b": 1.0}), table=RECORD, read_at=late)
    publish_frame(batch(tenant, vintage=LATER), records(tenant, {"a": 2.0}), table=RECORD, read_at=early, scope=["ames_sales"])
    assert current(tenant, RECORD) == {"a": 2.0}


# Scope


def test_rows_in_scope_that_the_batch_does_not_bring_are_closed(tenant):
    publish_frame(batch(tenant), exposures(tenant, {1: 0.1, 2: 0.2, 3: 0.3}))
    done = publish_frame(batch(tenant), exposures(tenant, {1: 0.1}), scope=map(thing_id, (1, 2)))
    assert done.rows_closed == 1
    assert current(tenant) == named({1: 0.1, 3: 0.3})


def test_a_complete_source_closes_its_own_rows_and_no_other_source_s(tenant):
    publish_frame(batch(tenant), records(tenant, {"a": 1.0, "b": 2.0}), table=RECORD, scope=["ames_sales"])
    publish_frame(batch(tenant, "nyc_rolling_sales"), records(tenant, {"n": 3.0}, "nyc_rolling_sales"), table=RECORD)
    publish_frame(batch(tenant), records(tenant, {"a": 1.0}), table=RECORD, scope=["ames_sales"])
    assert current(tenant, RECORD) == {"a": 1.0, "n": 3.0}


def test_a_scope_never_reaches_another_tenant(database, tenant):
    other = some_tenant("other")
    publish_frame(batch(other), exposures(other, {1: 0.1, 2: 0.2}))
    publish_frame(batch(other), records(other, {"a": 1.0, "b": 2.0}), table=RECORD)
    publish_frame(batch(tenant), exposures(tenant, {1: 0.5}), scope=map(thing_id, (1, 2)))
    publish_frame(batch(tenant), records(tenant, {"a": 9.0}), table=RECORD, scope=["ames_sales"])
    assert current(other) == named({1: 0.1, 2: 0.2})
    assert current(other, RECORD) == {"a": 1.0, "b": 2.0}


def test_rows_of_another_tenant_cannot_be_published(database, tenant):
    other = some_tenant("other")
    before = checksum(database.superuser_url, EXPOSURE)
    with pytest.raises(psycopg.Error):
        publish_frame(batch(tenant), exposures(other, {1: 0.5}))
    assert checksum(database.superuser_url, EXPOSURE) == before


def test_a_row_that_comes_back_gets_a_new_version_and_its_absence_stays_on_record(tenant):
    for scores in ({1: 0.1, 2: 0.2}, {2: 0.2}, {1: 0.1, 2: 0.2}):
        publish_frame(batch(tenant), exposures(tenant, scores), scope=map(thing_id, (1, 2)))
    first, second, third = (row["published_at"] for row in ledger(tenant))
    assert current(tenant, at=first) == current(tenant, at=third) == named({1: 0.1, 2: 0.2})
    assert current(tenant, at=second) == named({2: 0.2})


# Quarantine and counts


def quarantined(tenant, key, batch_id="b"):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        row = {
            "tenant_id": tenant.tenant_id, "quarantine_id": thing_id(f"q{key}"), "batch_id": batch_id, "table_name": RECORD, "row_key": key,
            "raw_row": "{}", "expectation": "e", "reason": "r", "run_id": "x", "quarantined_at": clock(tenant),
        }  # fmt: skip
        insert(connection, "provenance.quarantine", row)


def waiting(tenant):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return [key for (key,) in connection.execute("SELECT row_key FROM provenance.quarantine WHERE resolved_at IS NULL ORDER BY 1")]


def test_a_row_that_was_kept_back_is_not_missing_and_its_last_good_version_stands(tenant):
    publish_frame(batch(tenant), records(tenant, {"good": 1.0, "kept": 2.0, "gone": 3.0}), table=RECORD, scope=["ames_sales"])
    newer = batch(tenant, vintage=LATER)
    quarantined(tenant, "ames_sales|kept", newer.batch_id)
    publish_frame(newer, records(tenant, {"good": 1.5}), table=RECORD, scope=["ames_sales"])
    assert current(tenant, RECORD) == {"good": 1.5, "kept": 2.0}


def test_quarantine_is_resolved_when_a_later_publication_brings_the_row(tenant):
    other = some_tenant("other")
    for who, key in ((tenant, "ames_sales|a"), (tenant, "ames_sales|b"), (tenant, "nyc_rolling_sales|a"), (other, "ames_sales|a")):
        quarantined(who, key)
    publish_frame(batch(tenant), records(tenant, {"a": 1.0}), table=RECORD)
    assert waiting(tenant) == ["ames_sales|b", "nyc_rolling_sales|a"]
    assert waiting(other) == ["ames_sales|a"]


def test_the_ledger_s_counts_add_up(tenant):
    for scores, kept_back in (({1: 0.1, 2: 0.2, 3: 0.3}, 2), ({1: 0.1, 2: 0.9}, 0), ({4: 0.4}, 1)):
        publish_frame(batch(tenant), exposures(tenant, scores), rows_quarantined=kept_back, scope=map(thing_id, range(5)))
    rows = ledger(tenant)
    for row in rows:
        assert row["rows_in"] == row["rows_published"] + row["rows_unchanged"] + row["rows_quarantined"]
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        counted = connection.execute("SELECT publication_id, count(*) FROM hazard.exposure GROUP BY 1").fetchall()
        (closed,) = connection.execute("SELECT count(*) FROM hazard.exposure WHERE superseded_at <> 'infinity'").fetchone()
    assert dict(counted) == {row["publication_id"]: row["rows_published"] for row in rows}
    assert closed == sum(row["rows_closed"] for row in rows)
    assert sum(row["rows_published"] - row["rows_closed"] for row in rows) == len(current(tenant))
