"""Features offline: what holds now, exactly typed, and what was known at any moment, which nothing that came later changes."""

import uuid
from datetime import date, timedelta

import features_world as world
import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from estate import staged
from estate.arrow import arrow_type
from estate.features import offline
from estate.features.definitions import SERVICES, VIEWS, FeatureService
from estate.warehouse import Warehouse

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
DAY = timedelta(days=1)
MICRO = timedelta(microseconds=1)
AREA = FeatureService("area", "one feature", {"property_physical": ("living_area_sqft",)})
LATE = world.THIRD + 10 * DAY


@pytest.fixture
def written():
    return world.write(world.some_tenant())


def current(written, view, keys=None):
    with Warehouse(written.tenant) as warehouse:
        return pa.concat_tables(offline.current(warehouse, VIEWS[view], keys))


def asked(written, *pairs):
    """Entities by property number, each with its moment."""
    ids = [written.properties[number] for number, _ in pairs]
    return pd.DataFrame({"property_id": ids, "event_at": pd.to_datetime([at for _, at in pairs], utc=True)})


def known(written, entities, service="property_v1", **how):
    wanted = SERVICES[service] if isinstance(service, str) else service
    with Warehouse(written.tenant) as warehouse:
        return offline.as_of(warehouse, wanted, entities, **how)


def area_at(written, number, at):
    (area,) = known(written, asked(written, (number, at)), AREA, has_ttl=False)["living_area_sqft"]
    return None if pd.isna(area) else area


# What holds now


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_current_rows_have_exactly_the_columns_and_types_of_the_contract(written, view):
    found = current(written, view)
    wanted = [(c.name, arrow_type(c.sql_type)) for c in VIEWS[view].contract.columns if c.name not in {"tenant_id", "until_at"}]
    assert [(field.name, field.type) for field in found.schema] == wanted
    assert found.num_rows == (2 if view == "market_current" else world.COUNT - 1)
    names = found[VIEWS[view].entity].to_pylist()
    assert names == sorted(names)


def test_current_values_are_those_of_the_newest_version(written):
    (row,) = current(written, "property_financial", pd.DataFrame({"property_id": [written.properties[world.LISTED]]})).to_pylist()
    assert (row["event_at"], row["list_price_usd"], row["price_reduction_count"]) == (world.THIRD, 465_000.0, 2)


def test_keys_choose_entities_and_an_unknown_one_brings_no_row(written):
    keys = pd.DataFrame({"property_id": [written.properties[2], written.properties[world.VANISHED], str(uuid.uuid4())]})
    assert current(written, "property_physical", keys)["property_id"].to_pylist() == [written.properties[2]]


def test_nothing_is_one_empty_table():
    with Warehouse(world.some_tenant()) as warehouse:
        (table,) = offline.current(warehouse, VIEWS["property_hazard"])
    assert (table.num_rows, table.schema.field("event_at").type) == (0, pa.timestamp("us", tz="UTC"))


@pytest.mark.parametrize(("size", "cut"), [(4, [4, 4, 3]), (11, [11]), (10, [10, 1])])
def test_rows_come_in_slices(written, monkeypatch, size, cut):
    monkeypatch.setattr(offline, "SLICE_ROWS", size)
    with Warehouse(written.tenant) as warehouse:
        slices = list(offline.current(warehouse, VIEWS["property_physical"]))
    assert [part.num_rows for part in slices] == cut
    assert staged.SLICE_ROWS == 100_000
    assert pa.concat_tables(slices).equals(current(written, "property_physical"))


def test_text_comes_back_as_it_was_whatever_is_in_it(written):
    odd = 'a "b",\nc\\N ü'
    world.publish(
        written.tenant,
        world.EXPOSURE,
        [world.exposure(written.tenant, 1, flood_zone=odd), world.exposure(written.tenant, 3, flood_zone="")],
        LATE,
    )
    found = {row["property_id"]: row["flood_zone"] for row in current(written, "property_hazard").to_pylist()}
    assert (found[written.properties[1]], found[written.properties[3]]) == (odd, "")


def test_no_transaction_stays_open_while_slices_are_worked_on(written):
    with Warehouse(written.tenant) as warehouse:
        slices = offline.current(warehouse, VIEWS["property_physical"])
        next(slices)
        with warehouse.transaction() as connection:
            status = connection.info.transaction_status
        assert status == psycopg.pq.TransactionStatus.INTRANS
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


# As of a moment


@pytest.mark.parametrize(
    ("at", "price"),
    [
        (world.FIRST - MICRO, None), (world.FIRST, 500_000), (world.SECOND - MICRO, 500_000), (world.SECOND, 480_000),
        (world.THIRD - MICRO, 480_000), (world.THIRD, 465_000), (LATE, 465_000),
    ],
)  # fmt: skip
def test_a_version_holds_from_its_publication_until_the_next(written, at, price):
    (found,) = known(written, asked(written, (world.LISTED, at)), has_ttl=False)["list_price_usd"]
    assert (None if pd.isna(found) else found) == price


def test_nothing_published_later_is_seen_whatever_day_it_speaks_of(written):
    """Not a later version, not an older file that was published later, and not one of a day to come."""
    before = known(written, asked(written, *((n, world.SECOND + DAY) for n in written.properties)))
    for snapshot, area in ((1, 7_777.0), (2, 8_888.0)):
        rows = [world.home(written.tenant, n, snapshot=snapshot, living_area_sqft=area) for n in written.properties]
        world.publish(written.tenant, world.PROPERTY, rows, LATE + snapshot * DAY)
        world.publish(
            written.tenant,
            world.EXPOSURE,
            [world.exposure(written.tenant, n, flood_zone="VE") for n in written.properties],
            LATE + snapshot * DAY,
        )
    with Warehouse(written.tenant) as warehouse, warehouse.transaction() as connection:
        world.frames.insert(connection, "ingest.snapshot", {
            "tenant_id": written.tenant.tenant_id, "snapshot_id": 3, "source_name": "roll", "file_name": "x", "snapshot_sha256": "3" * 64,
            "object_key": "none", "batch_id": "world-3", "vintage_date": date(2031, 1, 1), "header": ["x"], "row_count": 1,
            "landed_at": LATE,
        })  # fmt: skip
    world.publish(written.tenant, world.PROPERTY, [world.home(written.tenant, 1, snapshot=3, living_area_sqft=9_999.0)], LATE + 3 * DAY)
    after = known(written, asked(written, *((n, world.SECOND + DAY) for n in written.properties)))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert area_at(written, 1, LATE + 4 * DAY) == 9_999.0, "the plant is there"


def test_a_vanished_property_has_no_features_from_then_on(written):
    assert [area_at(written, world.VANISHED, at) for at in (world.SECOND - MICRO, world.SECOND, LATE)] == [2_100, None, None]


def test_a_property_that_came_back_was_gone_meanwhile(written):
    world.publish(written.tenant, world.PROPERTY, [world.home(written.tenant, world.VANISHED, living_area_sqft=1.0)], LATE)
    assert [area_at(written, world.VANISHED, at) for at in (world.SECOND - MICRO, LATE - MICRO, LATE)] == [2_100, None, 1]


@pytest.mark.parametrize("view", ["property_physical", "property_financial", "property_location", "property_hazard"])
def test_a_value_published_longer_ago_than_its_time_to_live_is_null_and_one_just_as_long_ago_is_not(written, view):
    told = {"property_hazard": world.FIRST + world.HOUR}.get(view, world.FIRST)
    ttl = VIEWS[view].ttl
    service = FeatureService("one", "", {view: tuple(c.name for c in VIEWS[view].features)})
    entities = asked(written, (world.SHARED, told + ttl), (world.SHARED, told + ttl + MICRO))
    young, old = known(written, entities, service)[[f"{view}__event_at", f"{view}__observed_at", *service.names]].to_dict("records")
    assert young[f"{view}__event_at"] == told
    assert any(not pd.isna(value) for name, value in young.items() if name in service.names)
    assert all(pd.isna(value) for value in old.values())


def test_rows_keep_their_order_their_index_and_their_other_columns(written):
    pairs = [(3, world.THIRD), (1, world.FIRST), (3, world.FIRST), (3, world.THIRD)]
    entities = asked(written, *pairs).assign(label=[1, 2, 3, 4]).set_axis([7, 7, 0, -1])
    found = known(written, entities)
    pd.testing.assert_frame_equal(found[["property_id", "event_at", "label"]], entities)
    assert found["list_price_usd"].fillna(0).tolist() == [465_000, 0, 500_000, 465_000]
    views = SERVICES["property_v1"].features
    assert list(found.columns[3:]) == [*SERVICES["property_v1"].names, *(f"{v}__{n}" for v in views for n in ("event_at", "observed_at"))]


def test_columns_have_the_types_that_models_are_trained_on(written):
    found = known(written, asked(written, (1, world.SECOND), (2, world.SECOND), (world.VANISHED, world.SECOND)), "valuation_v1")
    kinds = found.dtypes.astype(str).to_dict()
    assert (kinds["year_built"], kinds["has_waterfront"], kinds["living_area_sqft"]) == ("float64", "boolean", "float64")
    assert known(written, asked(written, (1, world.SECOND)), "valuation_v1")["year_built"].dtype == "int64"
    assert found["has_waterfront"].tolist() == [True, False, pd.NA]
    assert found["property_type"].tolist() == ["single_family", "single_family", None]


def test_a_market_is_asked_for_by_its_county(written):
    entities = pd.DataFrame({"county_fips": [world.COUNTY, world.COUNTY, "99999"], "event_at": [world.SECOND + 3 * world.HOUR, LATE, LATE]})
    with Warehouse(written.tenant) as warehouse:
        found = offline.as_of(warehouse, SERVICES["market_v1"], entities, has_ttl=False)
    assert found["sold_30d_count"].fillna(0).tolist() == [22, 23, 0]


def test_no_entities_are_no_rows_with_every_column(written):
    found = known(written, asked(written))
    assert len(found) == 0
    assert set(SERVICES["property_v1"].names) <= set(found.columns)


def test_nanoseconds_of_the_moment_do_not_bring_a_later_version(written):
    entities = asked(written, (1, world.SECOND)).assign(event_at=pd.to_datetime([world.SECOND]).as_unit("ns") - pd.Timedelta(1, "ns"))
    assert known(written, entities, has_ttl=False)["property_physical__event_at"].tolist() == [world.FIRST]


def test_an_entity_nobody_knows_and_one_of_another_tenant_have_no_features(written):
    other = world.write(world.some_tenant(), factor=2)
    entities = pd.DataFrame(
        {"property_id": [str(uuid.uuid4()), other.properties[1]], "event_at": pd.to_datetime([world.SECOND] * 2, utc=True)}
    )
    found = known(written, entities)
    assert found.drop(columns=["property_id", "event_at"]).isna().all(axis=None)
    assert known(other, entities)["living_area_sqft"].tolist()[1] == 2_200


def test_what_every_tenant_has_is_each_one_s_own(written):
    other = world.write(world.some_tenant(), factor=2)
    assert [area_at(one, world.SHARED, LATE) for one in (written, other)] == [2_200, 4_400]


# Bad input


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda frame: frame.drop(columns="property_id"), "no column property_id"),
        (lambda frame: frame.drop(columns="event_at"), "no column event_at"),
        (lambda frame: frame.assign(event_at=frame["event_at"].dt.tz_localize(None)), "with a zone"),
        (lambda frame: frame.assign(event_at=pd.NaT), "with a zone"),
        (lambda frame: frame.assign(event_at=pd.to_datetime([None], utc=True)), "none missing"),
        (lambda frame: frame.assign(property_id="17"), "'17' is no property_id"),
        (lambda frame: frame.assign(property_id=None), "None is no property_id"),
        (lambda frame: frame.assign(living_area_sqft=1.0), "added: living_area_sqft"),
    ],
)
def test_entities_that_cannot_be_asked_about_are_refused_with_the_reason(written, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        known(written, change(asked(written, (1, world.SECOND))))


def test_a_service_of_two_kinds_of_entities_is_refused(written):
    mixed = FeatureService("mixed", "", {"property_physical": ("year_built",), "market_current": ("median_rent_usd",)})
    with pytest.raises(ValueError, match="mixed asks for features of county_fips and property_id"):
        known(written, asked(written, (1, world.SECOND)), mixed)


def test_a_renamed_source_column_says_which_view_and_which_column(database, written):
    """In a transaction that is taken back, so that the module's other tests keep their column."""
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("ALTER TABLE normalize.property RENAME COLUMN living_area_sqft TO area")
        warehouse = Warehouse(written.tenant)
        warehouse._connection = connection
        for ask in (
            lambda: offline.as_of(warehouse, AREA, asked(written, (1, LATE))),
            lambda: next(offline.current(warehouse, VIEWS["property_physical"])),
        ):
            with pytest.raises(
                ValueError, match=r"features\.property_physical: column p\.living_area_sqft does not exist.*features_property_physical\.sql"
            ):
                ask()
        connection.rollback()
    assert area_at(written, 1, LATE) == 1_100
