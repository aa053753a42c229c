"""A newer file that repeats what a source said makes its properties fresh again, and those of no other source."""

from datetime import date, timedelta

import features_world as world
import pandas as pd
import psycopg
import pytest
from psycopg.types.json import Jsonb

from estate.features import offline
from estate.features.definitions import VIEWS, FeatureService
from estate.features.pending import TABLES
from estate.features.rows import property_fields, rows_of
from estate.warehouse import Warehouse
from tests.frames import insert

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
DAY = timedelta(days=1)
OF_PROPERTIES = ["property_character", "property_financial", "property_location", "property_physical"]
LISTED_DATE = date(2026, 1, 5)  # of the file of the listings


@pytest.fixture
def tenant():
    """A tenant with a roll of 1 January and listings of the 5th, which made what is asked; the rest is the roll's."""
    made = world.some_tenant()
    world.write_books(made)
    fields = {name: {"record": 0} for view in OF_PROPERTIES for name in property_fields(VIEWS[view])}
    fields |= {name: {"record": 1} for name in property_fields(VIEWS["property_financial"])}
    with Warehouse(made) as warehouse, warehouse.transaction() as connection:
        insert(connection, "ingest.snapshot", {
            "tenant_id": made.tenant_id, "snapshot_id": 3, "source_name": "listings", "file_name": "x", "snapshot_sha256": "3" * 64,
            "object_key": "none", "batch_id": "b", "vintage_date": LISTED_DATE, "header": ["x"], "row_count": 1, "landed_at": world.FIRST,
        })  # fmt: skip
        insert(connection, "provenance.derivation", {
            "tenant_id": made.tenant_id, "derivation_id": 1, "derivation_sha256": "d" * 64, "source_names": ["roll", "listings"],
            "fields": Jsonb(fields),
        })  # fmt: skip
    world.publish(made, world.PROPERTY, [world.home(made, 1, snapshot_ids=[1, 3], list_price_usd=5, list_date=LISTED_DATE)], world.FIRST)
    return made


def as_of(tenant, view, at):
    """Event time and observed day that the join in the past gives at a moment, the time to live left out."""
    service = FeatureService("asked", "", {view: (VIEWS[view].features[0].name,)})
    asked = pd.DataFrame({"property_id": [world.property_id(tenant, 1)], "event_at": pd.to_datetime([at], utc=True)})
    with Warehouse(tenant) as warehouse:
        (row,) = offline.as_of(warehouse, service, asked, has_ttl=False).to_dict("records")
    return row[f"{view}__event_at"].to_pydatetime(), row[f"{view}__observed_at"].date()


def now(tenant, view):
    with Warehouse(tenant) as warehouse:
        (row,) = next(offline.current(warehouse, VIEWS[view])).to_pylist()
    return row["event_at"], row["observed_at"].date()


@pytest.mark.parametrize("view", OF_PROPERTIES)
def test_each_view_is_as_old_as_the_records_that_made_its_own_fields(tenant, view):
    assert now(tenant, view) == (world.FIRST, LISTED_DATE if view == "property_financial" else world.VINTAGES[1])


def test_a_listing_that_a_newer_file_repeats_is_fresh_again_and_its_event_moves(tenant):
    world.confirm(tenant, world.SECOND, source="listings")
    event_at, observed = now(tenant, "property_financial")
    assert (event_at, observed) == (world.SECOND, world.SECOND.date())
    assert now(tenant, "property_physical") == (world.SECOND, world.VINTAGES[1])


def test_another_source_neither_freshens_what_was_said_nor_makes_it_old_again(tenant):
    world.confirm(tenant, world.FIRST + DAY, source="roll")
    assert now(tenant, "property_financial") == (world.FIRST + DAY, LISTED_DATE)
    world.confirm(tenant, world.FIRST + 2 * DAY, source="listings")
    world.confirm(tenant, world.FIRST + 3 * DAY, source="roll")
    assert now(tenant, "property_financial") == (world.FIRST + 3 * DAY, (world.FIRST + 2 * DAY).date())
    assert now(tenant, "property_location") == (world.FIRST + 3 * DAY, (world.FIRST + 3 * DAY).date())


def test_before_a_confirmation_was_published_nothing_of_it_is_seen(tenant):
    world.confirm(tenant, world.SECOND, source="listings")
    before = world.SECOND - timedelta(microseconds=1)
    assert as_of(tenant, "property_financial", before) == (world.FIRST, LISTED_DATE)
    assert as_of(tenant, "property_financial", world.SECOND) == (world.SECOND, world.SECOND.date())


def test_a_confirmation_of_an_older_day_makes_nothing_older(tenant):
    world.confirm(tenant, world.SECOND, source="listings", vintage_date=date(2025, 1, 1))
    assert now(tenant, "property_financial") == (world.SECOND, LISTED_DATE)


def test_where_nobody_knows_which_record_made_a_value_all_of_them_count(tenant):
    home = world.home(tenant, 1, snapshot_ids=[1, 3], derivation_id=9, list_price_usd=5)
    world.publish(tenant, world.PROPERTY, [home], world.SECOND)
    world.confirm(tenant, world.THIRD, source="listings")
    assert now(tenant, "property_financial") == (world.THIRD, world.VINTAGES[1])


def test_rows_follow_each_other_without_gap_or_overlap_and_a_closed_trust_is_the_last_known(tenant):
    for day in (1, 2):
        world.confirm(tenant, world.FIRST + day * DAY, source="listings")
    gone = [{"property_id": world.property_id(tenant, 1)}]
    world.publish(tenant, world.TRUST, [], world.FIRST + 3 * DAY, closed=gone)
    world.publish(tenant, world.PROPERTY, [world.home(tenant, 1, snapshot_ids=[1, 3], list_price_usd=4)], world.SECOND)
    world.publish(tenant, world.PROPERTY, [], world.THIRD, closed=gone)
    said = psycopg.sql.SQL("SELECT v.event_at, v.until_at, v.observed_at::date FROM ({}) AS v ORDER BY 1").format(
        rows_of(VIEWS["property_financial"])
    )
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        connection.execute("SET LOCAL TimeZone = 'UTC'")
        found = connection.execute(said).fetchall()
    one, two = world.FIRST + DAY, world.FIRST + 2 * DAY
    assert found == [
        (world.FIRST, one, LISTED_DATE), (one, two, one.date()), (two, world.SECOND, two.date()), (world.SECOND, world.THIRD, two.date()),
    ]  # fmt: skip
    assert as_of(tenant, "property_financial", world.SECOND) == (world.SECOND, two.date())


def test_what_was_confirmed_goes_online_again():
    assert TABLES["provenance.trust"] == "property_id"
