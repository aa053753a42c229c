"""The audit of features: it says yes where offline and online agree, and names what differs where they do not."""

from datetime import UTC, datetime, timedelta

import features_world as world
import pandas as pd
import pyarrow as pa
import pytest

from estate.errors import FeatureMismatch, OnlineUnavailable
from estate.features import audit as audits
from estate.features import materialize, offline
from estate.features.audit import audit
from estate.features.definitions import VIEWS
from estate.features.online import OnlineStore
from estate.warehouse import Warehouse
from tests import frames

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
RUN = "features_audit/one"
LATER = world.THIRD + timedelta(days=1)


def go_online(written):
    """Write what holds now, and write down every publication as online."""
    with Warehouse(written.tenant) as warehouse:
        for entity in ("property_id", "county_fips"):
            tables = {v.name: next(offline.current(warehouse, v)) for v in VIEWS.values() if v.entity == entity}
            OnlineStore(written.tenant).write(entity, tables)
    for number in written.publications:
        written_down(written.tenant, number)


def written_down(tenant, number):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        (table,) = connection.execute("SELECT table_name FROM provenance.publication WHERE publication_id = %s", (number,)).fetchone()
        frames.insert(connection, "features.materialization", {
            "tenant_id": tenant.tenant_id, "publication_id": number, "table_name": table, "entity_count": 1, "run_id": "test/run",
            "materialized_at": datetime.now(UTC),
        })  # fmt: skip


def change(written, number, at=LATER, **said):
    """One more publication of a property; returns its number."""
    return world.publish(written.tenant, world.PROPERTY, [world.home(written.tenant, number, snapshot=2, **said)], at)


def just_now(age=timedelta(0)):
    """So long ago by the database's clock."""
    return datetime.now(UTC) - age


def parity(tenant):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return connection.execute(
            "SELECT run_id, view_name, feature_name, compared_count, mismatch_count, example FROM features.parity"
        ).fetchall()


def write_one(written, view, number=world.LISTED, **said):
    """Put other values of one property online than those that hold."""
    with Warehouse(written.tenant) as warehouse:
        (table,) = offline.current(warehouse, VIEWS[view], frame_of(written, number))
    for name, value in said.items():
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.array([value], field.type))
    OnlineStore(written.tenant).write("property_id", {view: table})


def frame_of(written, number):
    return pd.DataFrame({"property_id": [written.properties[number]]})


@pytest.fixture
def written():
    made = world.write(world.some_tenant())
    go_online(made)
    return made


def test_agreement_over_all_features_is_kept_with_what_was_compared(written):
    rows = audit(written.tenant, RUN)
    assert len(rows) == sum(len(view.features) for view in VIEWS.values())
    assert (rows["mismatch_count"] == 0).all()
    assert rows["example"].isna().all()
    counted = rows.groupby("view_name")["compared_count"].unique().map(tuple).to_dict()
    assert counted == {**dict.fromkeys(VIEWS, (world.COUNT,)), "market_current": (2,)}, "the vanished one is looked at too"
    assert len(parity(written.tenant)) == len(rows)


def test_financial_features_are_compared_when_their_day_is_over(written):
    assert VIEWS["property_financial"].ttl == timedelta(days=1)
    write_one(written, "property_financial", list_price_usd=1.0)
    with pytest.raises(FeatureMismatch, match=r"property_financial\.list_price_usd in 1 of 12 entities"):
        audit(written.tenant, RUN)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ("property_physical", {"living_area_sqft": 1300.0000000000002}),
        ("property_physical", {"living_area_sqft": None}),
        ("property_physical", {"has_pool": False}),
        ("property_hazard", {"flood_zone": "AE"}),
    ],
)
def test_one_value_that_differs_is_named_with_the_entity_and_both_sides_and_kept(written, view, said):
    (name,) = said
    write_one(written, view, **said)
    with pytest.raises(
        FeatureMismatch, match=rf"{view}\.{name} in 1 of 12 entities\. First.*{written.properties[world.LISTED]}: offline .*"
    ):
        audit(written.tenant, RUN)
    kept = {(row[1], row[2]): row for row in parity(written.tenant)}
    assert {key for key, row in kept.items() if row[4]} == {(view, name)}
    assert str(said[name]) in kept[view, name][5]


@pytest.mark.parametrize("name", ["event_at", "observed_at"])
def test_another_time_makes_every_feature_of_the_view_differ(written, name):
    write_one(written, "property_location", **{name: world.SECOND - timedelta(seconds=1)})
    with pytest.raises(FeatureMismatch, match="property_location"):
        audit(written.tenant, RUN)
    assert {row[1] for row in parity(written.tenant) if row[4]} == {"property_location"}


def test_an_entity_that_is_not_online_is_a_mismatch(written):
    OnlineStore(written.tenant).delete("property_id", [written.properties[1]])
    with pytest.raises(FeatureMismatch, match="online nothing"):
        audit(written.tenant, RUN)


def test_an_entity_that_vanished_and_is_still_online_is_a_mismatch(written):
    with Warehouse(written.tenant) as warehouse:
        (table,) = offline.current(warehouse, VIEWS["property_physical"], frame_of(written, 1))
    vanished = written.properties[world.VANISHED]
    OnlineStore(written.tenant).write("property_id", {"property_physical": table.set_column(0, "property_id", [[vanished]])})
    with pytest.raises(FeatureMismatch, match=rf"{vanished}: offline nothing; online"):
        audit(written.tenant, RUN)


def test_a_publication_that_has_not_gone_online_is_no_mismatch(written):
    change(written, 1, at=just_now(), living_area_sqft=9_999.0)
    assert audit(written.tenant, RUN)["compared_count"].max() == world.COUNT - 1


def test_a_publication_written_down_as_online_whose_push_was_lost_is_a_mismatch(written):
    written_down(written.tenant, change(written, 1, living_area_sqft=9_999.0))
    with pytest.raises(FeatureMismatch, match=r"property_physical\.living_area_sqft"):
        audit(written.tenant, RUN)


def test_what_is_published_while_the_audit_reads_is_left_to_the_next(written, monkeypatch):
    """Offline has it before online can."""
    read = audits.as_of

    def published_before(*asked, **how):
        change(written, 1, at=just_now(), living_area_sqft=9_999.0)
        monkeypatch.setattr(audits, "as_of", read)
        return read(*asked, **how)

    monkeypatch.setattr(audits, "as_of", published_before)
    assert audit(written.tenant, RUN)["compared_count"].max() == world.COUNT - 1


def test_a_publication_that_waits_for_longer_than_a_day_is_named_with_what_to_do(written):
    """Behind it nothing is compared: all of its entities could be wrong online, or gone."""
    numbers = [change(written, n, at=just_now(audits.PATIENCE + timedelta(hours=3 - n)), living_area_sqft=9_999.0) for n in (1, 2)]
    OnlineStore(written.tenant).delete("property_id", [written.properties[1]])
    with pytest.raises(
        FeatureMismatch, match=rf"2 publications wait .*publication {numbers[0]} of normalize\.property, .*features_backfill"
    ):
        audit(written.tenant, RUN)
    assert {row[3] for row in parity(written.tenant)} == {world.COUNT - 2, 2}, "what could be compared was"


def test_what_differs_is_named_before_what_waits(written):
    change(written, 1, at=just_now(audits.PATIENCE * 2))
    write_one(written, "property_financial", list_price_usd=1.0)
    with pytest.raises(FeatureMismatch, match=r"property_financial\.list_price_usd in 1 of 11 entities"):
        audit(written.tenant, RUN)


def test_a_publication_that_brought_and_closed_nothing_keeps_nobody_waiting(written):
    world.publish(written.tenant, world.PROPERTY, [], just_now(audits.PATIENCE * 2))
    assert (audit(written.tenant, RUN)["mismatch_count"] == 0).all()


def test_an_audit_that_compared_nothing_does_not_say_yes(written):
    with pytest.raises(FeatureMismatch, match=f"nothing was compared of {', '.join(VIEWS)}"):
        audit(written.tenant, RUN, sample_size=0)


def test_an_audit_that_saw_no_row_of_a_view_on_either_side_does_not_say_yes(written, monkeypatch):
    """As when the query of the view, by which online is filled too, finds nothing any more."""
    nothing = audits._Seen(None, None, None)
    for side in ("_of_offline", "_of_online"):
        told = getattr(audits, side)
        monkeypatch.setattr(
            audits, side, lambda row, view, *name, told=told: nothing if view == "property_hazard" else told(row, view, *name)
        )
    with pytest.raises(FeatureMismatch, match=r"nothing was compared of property_hazard, "):
        audit(written.tenant, RUN)


def test_what_stands_is_looked_at_among_many_that_vanished(written):
    """However small the sample is, and whatever chance brings."""
    gone = [{"property_id": written.properties[number]} for number in written.current if number != 1]
    for table in (world.PROPERTY, world.EXPOSURE):
        written_down(written.tenant, world.publish(written.tenant, table, [], LATER, closed=gone))
    OnlineStore(written.tenant).delete("property_id", [row["property_id"] for row in gone])
    write_one(written, "property_financial", 1, assessed_value_usd=1.0)
    for number in range(5):
        with pytest.raises(FeatureMismatch, match=written.properties[1]):
            audit(written.tenant, f"{RUN}/{number}", sample_size=1)


def test_the_newest_audit_has_the_latest_time_though_the_clock_was_set_back(written):
    ahead = datetime.now(UTC) + timedelta(days=400)
    audit(written.tenant, RUN)
    with Warehouse(written.tenant) as warehouse, warehouse.transaction() as connection:
        frames.insert(connection, "features.parity", {
            "tenant_id": written.tenant.tenant_id, "run_id": "before", "view_name": "property_hazard", "feature_name": "flood_zone",
            "compared_count": 1, "mismatch_count": 1, "example": "x", "as_of_at": ahead, "audited_at": ahead,
        })  # fmt: skip
    found = audit(written.tenant, "features_audit/newest")
    assert set(found["audited_at"]) == {ahead + timedelta(microseconds=1)}
    assert found["as_of_at"].max() < ahead, "the moment that is asked for stays the present"
    with Warehouse(written.tenant) as warehouse:
        assert {row["run_id"] for row in warehouse.rows("api_feature_parity")} == {"features_audit/newest"}


def test_what_changed_last_is_always_looked_at(written):
    """However small the sample is: of twelve properties, the one that was published last."""
    write_one(written, "property_financial", list_price_usd=1.0)
    for number in range(5):
        with pytest.raises(FeatureMismatch, match=written.properties[world.LISTED]):
            audit(written.tenant, f"{RUN}/{number}", sample_size=1)


def test_a_sample_follows_from_the_run_and_differs_between_runs(written):
    def sampled(run):
        with Warehouse(written.tenant) as warehouse:
            return audits._sample(warehouse, run, 3)["property_id"]

    assert sampled("one") == sampled("one")
    assert len({tuple(sampled(str(number))) for number in range(8)}) > 1


def test_a_run_that_audits_again_writes_beside_its_first(written):
    for _ in range(3):
        audit(written.tenant, RUN)
    assert {row[0] for row in parity(written.tenant)} == {RUN, f"{RUN}#2", f"{RUN}#3"}


def test_a_clock_that_was_set_back_hides_no_publication(written):
    """What holds now was published in what is now the future."""
    ahead = datetime.now(UTC) + timedelta(days=400)
    number = world.publish(written.tenant, world.PROPERTY, [world.home(written.tenant, 1, living_area_sqft=9_999.0)], ahead)
    with Warehouse(written.tenant) as warehouse:
        tables = {v.name: next(offline.current(warehouse, v)) for v in VIEWS.values() if v.entity == "property_id"}
    OnlineStore(written.tenant).write("property_id", tables)
    written_down(written.tenant, number)
    assert (audit(written.tenant, RUN)["mismatch_count"] == 0).all()


def test_a_tenant_without_anything_agrees_over_nothing():
    rows = audit(world.some_tenant(), RUN)
    assert set(rows["compared_count"]) == {0}


def test_another_tenant_s_features_are_not_looked_at(written):
    other = world.write(world.some_tenant(), factor=2)
    go_online(other)
    OnlineStore(other.tenant).delete("property_id", list(other.properties.values()))
    assert (audit(written.tenant, RUN)["mismatch_count"] == 0).all()


def test_redis_gone_writes_nothing(written, monkeypatch):
    monkeypatch.setattr(audits, "OnlineStore", lambda tenant: OnlineStore(tenant, "redis://127.0.0.1:1/0"))
    with pytest.raises(OnlineUnavailable):
        audit(written.tenant, RUN)
    assert parity(written.tenant) == []


def test_what_redis_lost_is_told_and_a_backfill_heals_it(written):
    OnlineStore(written.tenant).delete("property_id", list(written.properties.values()))
    with pytest.raises(FeatureMismatch, match="features_backfill"):
        audit(written.tenant, RUN)
    batch = materialize.build(written.tenant, "features_backfill/one", is_whole=True)
    materialize.gate(batch)
    materialize.push(batch)
    assert (audit(written.tenant, RUN)["mismatch_count"] == 0).all()


def test_the_audit_waits_for_who_puts_features_online():
    assert audits.LOCK == materialize._LOCK
