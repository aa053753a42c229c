"""The views of the features over real rows: their columns are the contract's, and each feature follows its rule."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import features_world as world
import psycopg
import pytest

from estate.features.definitions import VIEWS
from estate.features.rows import rows_of
from estate.warehouse import Warehouse
from tests.frames import insert

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
DAY = timedelta(days=1)
HIGH = {f"{kind}_layer_id": None for kind in ("flood", "wildfire", "heat", "seismic")}


@pytest.fixture
def tenant():
    """A tenant with snapshots and layers, and nothing published."""
    made = world.some_tenant()
    world.write_books(made)
    return made


def read(tenant, view):
    """The rows of a view as dicts, in the order of entity and time; until_at None while current."""
    rows, entity = rows_of(VIEWS[view]).as_string(None), VIEWS[view].entity
    statement = f"SELECT v.*, v.until_at = 'infinity' AS holds FROM ({rows}) AS v ORDER BY {entity}, event_at"
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        connection.adapters.register_loader("timestamptz", _Moment)
        return connection.cursor(row_factory=psycopg.rows.dict_row).execute(statement).fetchall()


class _Moment(psycopg.adapt.Loader):
    """Times, of which psycopg itself cannot read infinity."""

    def load(self, data):
        text = bytes(data).decode()
        return None if text == "infinity" else datetime.fromisoformat(text)


def homes(tenant, *versions, number=1, start=world.FIRST):
    """Versions of one property, a day apart; returns what the financial view says of them."""
    for place, said in enumerate(versions):
        world.publish(tenant, world.PROPERTY, [world.home(tenant, number, **said)], start + place * DAY)
    return [row for row in read(tenant, "property_financial") if str(row["property_id"]) == world.property_id(tenant, number)]


def one(tenant, view, **said):
    """What a view says of one row of the table behind it."""
    table, row = (world.EXPOSURE, world.exposure) if view == "property_hazard" else (world.PROPERTY, world.home)
    world.publish(tenant, table, [row(tenant, 1, **said)], world.FIRST)
    (found,) = read(tenant, view)
    return found


# All views


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_the_columns_and_types_of_a_view_are_those_of_its_contract(tenant, view):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        described = connection.execute(f"SELECT * FROM ({rows_of(VIEWS[view]).as_string(None)}) AS v LIMIT 0").description
        kinds = dict(connection.execute("SELECT oid, format_type(oid, NULL) FROM pg_type").fetchall())
    said = {column.name: column.sql_type.replace("timestamptz", "timestamp with time zone") for column in VIEWS[view].contract.columns}
    assert {column.name: kinds[column.type_code] for column in described} == said


@pytest.mark.parametrize("view", ["property_physical", "property_character", "property_financial", "property_location", "property_hazard"])
def test_a_view_has_one_row_for_each_version_and_its_times_are_the_version_s(tenant, view):
    table, row = (world.EXPOSURE, world.exposure) if view == "property_hazard" else (world.PROPERTY, world.home)
    for at in (world.FIRST, world.SECOND):
        world.publish(tenant, table, [row(tenant, 1)], at)
    world.publish(tenant, table, [], world.THIRD, closed=[{"property_id": world.property_id(tenant, 1)}])
    times = [(row["event_at"], row["until_at"]) for row in read(tenant, view)]
    assert times == [(world.FIRST, world.SECOND), (world.SECOND, world.THIRD)]


@pytest.mark.parametrize("view", ["property_physical", "property_character", "property_financial", "property_location"])
def test_a_row_is_as_old_as_the_oldest_file_behind_it(tenant, view):
    assert one(tenant, view, snapshot_ids=[2, 1])["observed_at"].date() == world.VINTAGES[1]


def test_of_a_row_without_any_known_file_nobody_knows_the_age(tenant):
    assert one(tenant, "property_physical", snapshot_ids=[99])["observed_at"] is None


def test_another_tenant_s_file_of_the_same_number_says_nothing_about_the_age(tenant):
    other = world.some_tenant()
    with Warehouse(other) as warehouse, warehouse.transaction() as connection:
        insert(connection, "ingest.snapshot", {
            "tenant_id": other.tenant_id, "snapshot_id": 1, "source_name": "roll", "file_name": "x", "snapshot_sha256": "1" * 64,
            "object_key": "none", "batch_id": "b", "vintage_date": date(1990, 1, 1), "header": ["x"], "row_count": 1,
            "landed_at": world.FIRST,
        })  # fmt: skip
    assert one(tenant, "property_location")["observed_at"].date() == world.VINTAGES[1]


def test_hazards_are_as_old_as_the_oldest_layer_that_was_read(tenant):
    assert one(tenant, "property_hazard", flood_layer_id=2, wildfire_layer_id=1)["observed_at"].date() == world.LAYER_DATE + DAY


def test_hazards_that_no_layer_speaks_of_have_no_age(tenant):
    assert one(tenant, "property_hazard", **HIGH)["observed_at"] is None


# The building


@pytest.mark.parametrize(("renovated", "years"), [(2026, 0), (2010, 16), (None, None), (2027, None)])
def test_years_count_from_the_renovation_to_the_event(tenant, renovated, years):
    assert one(tenant, "property_physical", year_renovated=renovated)["years_since_renovation"] == years


# The listing


def test_days_on_the_market_count_from_the_listing_to_the_event_and_are_none_before_it(tenant):
    listed = {"list_price_usd": 1, "list_date": world.FIRST.date() - 10 * DAY}
    found = homes(
        tenant, listed, listed | {"list_date": world.FIRST.date() + DAY}, listed | {"list_date": world.FIRST.date() + 9 * DAY}, {}
    )
    assert [row["days_on_market"] for row in found] == [10, 0, None, None]


def test_the_days_are_those_of_universal_time(tenant):
    listed = {"list_price_usd": 1, "list_date": world.FIRST.date()}
    found = homes(tenant, listed, listed, start=world.FIRST + timedelta(hours=23, minutes=59))
    assert [row["days_on_market"] for row in found] == [0, 1]


LISTED = date(2026, 1, 1)
AGAIN = date(2026, 2, 1)


@pytest.mark.parametrize(
    ("asked", "counts", "falls"),
    [
        ([500, 480, 465], [0, 1, 2], [None, 20, 15]),
        ([500, 480, 490], [0, 1, 1], [None, 20, 20]),
        ([500, 510, 505], [0, 0, 1], [None, None, 5]),
        ([500, 500, 500], [0, 0, 0], [None, None, None]),
        ([500, 480, None], [0, 1, None], [None, 20, None]),
        ([500, None, 480], [0, None, 1], [None, None, 20]),
        ([None, None, 480], [None, None, 0], [None, None, None]),
    ],
)
def test_a_reduction_is_a_version_that_asks_less_than_the_one_before(tenant, asked, counts, falls):
    found = homes(tenant, *({"list_price_usd": price, "list_date": LISTED} for price in asked))
    assert [row["price_reduction_count"] for row in found] == counts
    assert [row["last_reduction_usd"] for row in found] == falls


def test_a_new_listing_starts_anew_and_the_old_one_s_falls_are_not_its_own(tenant):
    asked = [(500, LISTED), (480, LISTED), (400, AGAIN), (390, AGAIN)]
    found = homes(tenant, *({"list_price_usd": price, "list_date": day} for price, day in asked))
    assert [(row["price_reduction_count"], row["last_reduction_usd"]) for row in found] == [(0, None), (1, 20), (0, None), (1, 10)]


def test_a_property_s_falls_are_not_another_s(tenant):
    homes(tenant, {"list_price_usd": 500, "list_date": LISTED}, {"list_price_usd": 400, "list_date": LISTED})
    found = homes(tenant, {"list_price_usd": 300, "list_date": LISTED}, number=2, start=world.FIRST + 5 * DAY)
    assert [row["price_reduction_count"] for row in found] == [0]


def test_what_is_asked_later_never_changes_what_a_version_says(tenant):
    """The listing's features look backwards only: with every further version, the rows before stay as they were."""
    told = []
    for place, price in enumerate([500, 480, 520, 460]):
        (*before, _) = homes(tenant, {"list_price_usd": price, "list_date": LISTED}, start=world.FIRST + place * DAY)
        assert [{name: value for name, value in row.items() if name not in {"until_at", "holds"}} for row in before] == told
        told = [{n: v for n, v in row.items() if n not in {"until_at", "holds"}} for row in read(tenant, "property_financial")]


@pytest.mark.parametrize(("area", "per_sqft"), [(2_000.0, 250), (None, None), (0.0, None)])
def test_the_price_a_square_foot_needs_an_area(tenant, area, per_sqft):
    found = one(tenant, "property_financial", list_price_usd=500_000, list_date=LISTED, living_area_sqft=area)
    assert found["price_per_sqft_usd"] == per_sqft


# The floodplains


@pytest.mark.parametrize(
    ("zone", "subtype", "is_in_sfha", "in_100", "in_500"),
    [
        ("AE", "FLOODWAY", True, True, True),
        ("VE", None, True, True, True),
        ("X", "0.2 PCT ANNUAL CHANCE FLOOD HAZARD", False, False, True),
        ("X", "0.2 PERCENT ANNUAL CHANCE FLOOD HAZARD", False, False, True),
        ("X", "0.2 PCT ANNUAL CHANCE FLOOD HAZARD CONTAINED IN CHANNEL", False, False, True),
        ("X", "1 PCT DEPTH LESS THAN 1 FOOT", False, False, True),
        ("X", "1 PERCENT DRAINAGE AREA LESS THAN 1 SQUARE MILE", False, False, True),
        ("X", "1 PCT CONTAINED IN STRUCTURE, COMMUNITY ENCOMPASSED", False, False, True),
        ("X", "AREA OF MINIMAL FLOOD HAZARD", False, False, False),
        ("X", "Area of Minimal Flood Hazard", False, False, False),
        ("X", None, False, False, None),
        ("X", "AREA WITH REDUCED FLOOD RISK DUE TO LEVEE", False, False, None),
        ("X", "1 PCT FUTURE CONDITIONS", False, False, None),
        ("B", None, False, False, True),
        ("C", None, False, False, False),
        ("D", None, None, None, None),
        ("OPEN WATER", None, None, None, None),
        ("A99", None, True, True, True),
        (None, None, None, None, None),
    ],
)
def test_the_ground_flooded_once_in_500_years_holds_that_of_once_in_100(tenant, zone, subtype, is_in_sfha, in_100, in_500):
    found = one(tenant, "property_hazard", flood_zone=zone, flood_zone_subtype=subtype, is_in_sfha=is_in_sfha)
    assert (found["is_in_100_year_floodplain"], found["is_in_500_year_floodplain"]) == (in_100, in_500)


# The market


def months(tenant, *published):
    """Publish one month each, a day apart, or close one; returns (from, until, sales) of what was the newest, times in days."""
    for place, said in enumerate(published):
        rows = [world.month(world.COUNTY, number, sold_30d_count=sold) for number, sold in said.items() if sold is not None]
        gone = [world.month(world.COUNTY, number) for number, sold in said.items() if sold is None]
        world.publish(tenant, world.MARKET, rows, world.FIRST + place * DAY, closed=gone)
    found = read(tenant, "market_current")
    days = [[None if at is None else (at - world.FIRST).days for at in (row["event_at"], row["until_at"])] for row in found]
    for (_, until), (start, _) in pairwise(days):
        assert until is not None, "two rows hold at once"
        assert until <= start, "two rows hold at once"
    return [(*day, row["sold_30d_count"]) for day, row in zip(days, found, strict=True)]


@pytest.mark.parametrize(
    ("published", "newest"),
    [
        ([{1: 10}, {2: 20}], [(0, 1, 10), (1, None, 20)]),
        ([{1: 10, 2: 20}], [(0, None, 20)]),
        ([{2: 20}, {1: 10}], [(0, None, 20)]),
        ([{2: 20}, {2: 21}], [(0, 1, 20), (1, None, 21)]),
        ([{1: 10}, {2: 20}, {1: 11}, {2: 21}], [(0, 1, 10), (1, 3, 20), (3, None, 21)]),
        ([{1: 10}, {2: 20}, {2: None}], [(0, 1, 10), (1, 2, 20), (2, None, 10)]),
        ([{1: 10}, {2: 20}, {1: 11}, {2: None}], [(0, 1, 10), (1, 3, 20), (3, None, 11)]),
        ([{1: 10}, {1: None}, {1: 12}], [(0, 1, 10), (2, None, 12)]),
        ([{1: 10}, {2: 20, 1: None}], [(0, 1, 10), (1, None, 20)]),
    ],
)
def test_the_newest_month_holds_until_it_changes_without_overlap_or_gap(tenant, published, newest):
    assert months(tenant, *published) == newest


def test_a_county_s_market_is_not_another_s(tenant):
    months(tenant, {1: 10})
    world.publish(tenant, world.MARKET, [world.month(world.OTHER_COUNTY, 2)], world.SECOND)
    assert [(row["county_fips"], row["holds"]) for row in read(tenant, "market_current")] == [
        (world.COUNTY, True),
        (world.OTHER_COUNTY, True),
    ]
