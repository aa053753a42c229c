"""Features go online in three steps: what is pending is staged, judged and pushed; numbers decide, and a repeat changes nothing."""

import subprocess
import sys

import features_world as world
import pytest
from features_world import COUNTY, FIRST, FLOODED, HOUR, LISTED, PROPERTY, SECOND, THIRD, VANISHED
from going_online import NOTHING, materialized, read, rows_of, run

from estate.errors import BatchRefused
from estate.features import materialize
from estate.features.online import OnlineStore
from estate.staged import SLICE_ROWS

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]


@pytest.fixture
def written():
    return world.write(world.some_tenant())


def change(tenant, number, at, **said):
    """One more publication, that says something else of one property."""
    return world.publish(tenant, PROPERTY, [world.home(tenant, number, snapshot=2, **said)], at)


@pytest.mark.gated
def test_everything_published_goes_online_once(written):
    assert run(written.tenant) == NOTHING | {"properties_written": 11, "markets_written": 2, "publications": 7}
    assert materialized(written.tenant) == sorted(written.publications)
    listed = read(written.tenant, written.properties[LISTED])
    assert (listed.values["list_price_usd"], listed.values["price_reduction_count"], listed.values["last_reduction_usd"]) == (
        465_000,
        2,
        15_000,
    )
    assert listed.event_at["property_financial"] == THIRD
    flooded = read(written.tenant, written.properties[FLOODED])
    assert (flooded.values["flood_zone"], flooded.event_at["property_hazard"]) == ("VE", SECOND + HOUR)
    assert read(written.tenant, COUNTY, "market_v1").values["median_rent_usd"] == 1_430
    assert read(written.tenant, written.properties[VANISHED]) is None


def test_a_second_run_finds_nothing_to_do(written):
    run(written.tenant)
    verdicts = rows_of(written.tenant, "provenance.verdict")
    assert run(written.tenant, "features_materialize/two") == NOTHING
    assert rows_of(written.tenant, "provenance.verdict") == verdicts


def test_a_push_repeated_pushes_nothing_more(written):
    batch = materialize.build(written.tenant, "run")
    materialize.gate(batch)
    assert materialize.push(batch)["properties_written"] == 11
    assert materialize.push(batch) == NOTHING


def test_only_what_a_publication_touched_is_pushed(written):
    run(written.tenant)
    OnlineStore(written.tenant).delete("property_id", list(written.properties.values()))
    change(written.tenant, 5, THIRD + HOUR, bedroom_count=6.0)
    assert run(written.tenant, "two") == NOTHING | {"properties_written": 1, "publications": 1}
    assert read(written.tenant, written.properties[5]).values["bedroom_count"] == 6.0
    assert read(written.tenant, written.properties[6]) is None


def test_a_property_that_vanished_is_taken_offline(written):
    run(written.tenant)
    gone = [{"property_id": written.properties[4]}]
    world.publish(written.tenant, PROPERTY, [], THIRD + HOUR, closed=gone)
    assert run(written.tenant, "two") == NOTHING | {"properties_written": 1, "publications": 1}
    left = read(written.tenant, written.properties[4])
    assert set(left.event_at) == {"property_hazard"}, "its hazards still stand"
    world.publish(written.tenant, world.EXPOSURE, [], THIRD + 2 * HOUR, closed=gone)
    assert run(written.tenant, "three") == NOTHING | {"properties_deleted": 1, "publications": 1}
    assert read(written.tenant, written.properties[4]) is None


def test_another_tenant_s_entities_stay_as_they_are(written):
    other = world.write(world.some_tenant(), factor=2)
    run(written.tenant)
    assert read(other.tenant, world.SHARED_ID) is None
    run(other.tenant)
    assert read(written.tenant, world.SHARED_ID).values["living_area_sqft"] == 2_200
    assert read(other.tenant, world.SHARED_ID).values["living_area_sqft"] == 4_400
    assert read(written.tenant, other.properties[1]) is None


def test_a_publication_of_a_clock_that_jumped_back_is_pending_all_the_same(written):
    run(written.tenant)
    early = world.publish(written.tenant, world.EXPOSURE, [world.exposure(written.tenant, 1, flood_score=0.4)], FIRST + 2 * HOUR)
    late = world.publish(
        written.tenant,
        world.EXPOSURE,
        [world.exposure(written.tenant, 7, flood_score=0.6)],
        FIRST + 3 * HOUR,
        number=written.publications[0] + 1,
    )
    assert late < max(written.publications)
    assert run(written.tenant, "two") == NOTHING | {"properties_written": 2, "publications": 2}
    assert {early, late} <= set(materialized(written.tenant))
    assert read(written.tenant, written.properties[1]).values["flood_score"] == 0.4
    assert read(written.tenant, written.properties[7]).values["flood_score"] == 0.6


def test_a_publication_that_changed_nothing_is_written_down(written):
    run(written.tenant)
    empty = world.publish(written.tenant, PROPERTY, [], THIRD + HOUR)
    assert run(written.tenant, "two") == NOTHING | {"publications": 1}
    assert empty in materialized(written.tenant)


def test_the_batch_is_named_by_the_publications_and_dated_by_the_newest(written):
    first, again = (materialize.build(written.tenant, name) for name in ("one", "two"))
    assert first.batch_id == again.batch_id
    assert (first.source_name, first.vintage_date) == ("features", THIRD.date())
    change(written.tenant, 5, THIRD + 48 * HOUR)
    later = materialize.build(written.tenant, "three")
    assert later.batch_id != first.batch_id
    assert later.vintage_date == (THIRD + 48 * HOUR).date()


def test_a_batch_that_nobody_built_is_named_in_the_refusal(written):
    with pytest.raises(BatchRefused, match="has no batch features-0 of features"):
        materialize.batch_of(written.tenant, "features-0", "run")


def test_a_tenant_without_data_has_nothing_to_do():
    assert run(world.some_tenant()) == NOTHING


NO_GATE = """
import sys
from estate.features import materialize
from estate.settings import Tenant
batch = materialize.build(Tenant.model_validate_json(sys.argv[1]), "run")
assert materialize.gate(batch) == []
materialize.push(batch)
print("great_expectations" in sys.modules)
"""


def test_where_nothing_is_pending_great_expectations_is_not_even_loaded(written):
    run(written.tenant)
    done = subprocess.run([sys.executable, "-c", NO_GATE, written.tenant.model_dump_json()], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# Many rows


def test_rows_of_one_entity_come_together_however_the_views_are_cut(monkeypatch):
    import pyarrow as pa

    from estate.staged import Spool, StagedRows

    monkeypatch.setattr("estate.staged.SLICE_ROWS", 3)
    views = {}
    for name, keys in {"a": "abcdefgh", "b": "bdh", "c": "", "d": "aijklmnop"}.items():
        spool = Spool()
        spool.write(pa.table({"key": pa.array(list(keys), pa.string())}))
        views[name] = StagedRows(spool.finish())
    pieces = list(materialize.together(views, "key"))
    for name, keys in {"a": "abcdefgh", "b": "bdh", "d": "aijklmnop"}.items():
        assert "".join(key for piece in pieces if name in piece for key in piece[name]["key"].to_pylist()) == keys
    seen = [set().union(*(rows["key"].to_pylist() for rows in piece.values())) for piece in pieces]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 16
    assert max(rows.num_rows for piece in pieces for rows in piece.values()) <= 3 < SLICE_ROWS
