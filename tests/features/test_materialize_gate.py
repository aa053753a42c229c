"""The gate of the features: what is refused stays offline and what is online stays; how features are spread is kept of every run."""

import features_world as world
import pyarrow as pa
import pytest
from features_world import HOUR, PROPERTY, THIRD
from going_online import NOTHING, materialized, read, rows_of, run

from estate import landing
from estate.arrow import frame_to_arrow
from estate.contracts import contract
from estate.errors import BatchRefused
from estate.features import materialize
from estate.features.definitions import VIEWS
from estate.features.offline import current
from estate.gate import judge
from estate.verdicts import docs_key
from estate.warehouse import Warehouse
from tests.frames import frame

pytestmark = [pytest.mark.servers]

IMPOSSIBLE = {"living_area_sqft": 0.5}
FEATURES = sum(len(view.features) for view in VIEWS.values())


@pytest.fixture
def written(settings_env):
    return world.write(world.some_tenant())


def change(tenant, number, at, **said):
    """One more publication, that says something else of one property."""
    return world.publish(tenant, PROPERTY, [world.home(tenant, number, snapshot=2, **said)], at)


def test_a_refused_batch_changes_nothing_online_and_the_next_run_heals(written):
    run(written.tenant)
    online, before = materialized(written.tenant), read(written.tenant, written.properties[5])
    wrong = change(written.tenant, 5, THIRD + HOUR, **IMPOSSIBLE)
    with pytest.raises(BatchRefused, match=rf"{written.tenant.slug}: batch features-\w+: features.property_physical refused by") as refusal:
        run(written.tenant, "two")
    assert "expect_column_values_to_be_between(living_area_sqft) in 1 rows of 1" in str(refusal.value)
    assert "What is online stays as it was. The rows as judged: s3://" in str(refusal.value)
    assert materialized(written.tenant) == online
    assert read(written.tenant, written.properties[5]) == before
    right = change(written.tenant, 5, THIRD + 2 * HOUR, living_area_sqft=1_555.0)
    assert run(written.tenant, "three") == NOTHING | {"properties_written": 1, "publications": 2}
    assert {wrong, right} <= set(materialized(written.tenant))
    assert read(written.tenant, written.properties[5]).values["living_area_sqft"] == 1_555


def test_a_batch_that_was_refused_cannot_be_pushed(written):
    change(written.tenant, 5, THIRD + HOUR, **IMPOSSIBLE)
    batch = materialize.build(written.tenant, "run")
    with pytest.raises(BatchRefused):
        materialize.gate(batch)
    with pytest.raises(BatchRefused, match="was refused by its gate"):
        materialize.push(batch)
    assert materialized(written.tenant) == []


def test_a_batch_that_was_not_judged_cannot_be_pushed(written):
    with pytest.raises(FileNotFoundError, match=r"features\.\w+\.judged\.json does not exist"):
        materialize.push(materialize.build(written.tenant, "run"))


def test_every_view_and_the_spread_are_judged_and_their_pages_kept(written):
    batch = materialize.build(written.tenant, "run")
    said = {verdict.table_name: verdict for verdict in materialize.gate(batch)}
    assert set(said) == {*(f"features.{name}" for name in VIEWS), "features.profile"}
    kept = [row for row in rows_of(written.tenant, "provenance.verdict") if row["batch_id"] == batch.batch_id]
    assert {row["table_name"]: row["is_passed"] for row in kept} == dict.fromkeys(said, True)
    assert all(landing.exists(docs_key(written.tenant, row["docs_key"])) for row in kept)


def test_a_view_of_which_nothing_is_staged_is_not_judged(written):
    run(written.tenant)
    world.publish(written.tenant, world.MARKET, [world.month(world.COUNTY, 4)], THIRD + HOUR)
    said = materialize.gate(materialize.build(written.tenant, "two"))
    assert [verdict.table_name for verdict in said] == ["features.market_current", "features.profile"]


def test_the_spread_is_that_of_all_entities_against_the_last_run_that_passed(written):
    run(written.tenant, "one")
    change(written.tenant, 5, THIRD + HOUR, **IMPOSSIBLE)
    with pytest.raises(BatchRefused):
        run(written.tenant, "two")
    change(written.tenant, 5, THIRD + 2 * HOUR)
    run(written.tenant, "three")
    profiled = rows_of(written.tenant, "features.profile")
    assert {name: sum(row["run_id"] == name for row in profiled) for name in ("one", "two", "three")} == dict.fromkeys(
        ("one", "two", "three"), FEATURES
    )
    assert {(row["run_id"], row["previous_run_id"]) for row in profiled} == {("one", None), ("two", "one"), ("three", "one")}
    assert {row["entity_count"] for row in profiled if row["view_name"] == "property_physical"} == {11}


def test_a_gate_tried_again_keeps_its_run_s_spread_once(written):
    batch = materialize.build(written.tenant, "run")
    materialize.gate(batch)
    materialize.gate(batch)
    assert len(rows_of(written.tenant, "features.profile")) == FEATURES
    assert materialize.push(batch)["publications"] == 7


def test_what_windows_are_refused_for_can_be_accepted_by_name_and_the_next_run_compares_with_it(written):
    homes = {
        number: world.home(written.tenant, number, year_built=1990, list_price_usd=300_000, list_date=THIRD.date())
        for number in range(100, 320)
    }
    world.publish(written.tenant, PROPERTY, homes.values(), THIRD + HOUR)
    run(written.tenant, "one")
    world.publish(
        written.tenant, PROPERTY, [home | {"list_price_usd": None, "list_date": None} for home in homes.values()], THIRD + 2 * HOUR
    )
    with pytest.raises(BatchRefused, match=r"features\.profile refused by expect_column_values_to_be_between\(value_ratio\)"):
        run(written.tenant, "two")
    batch = materialize.build(written.tenant, "three")
    said = materialize.gate(batch, accepted="anna: the listings ended")
    (told,) = [failure for verdict in said for failure in verdict.failures if "Accepted by" in failure.reason]
    assert (told.field_name, told.outcome) == ("value_ratio", "warned")
    (kept,) = [
        row for row in rows_of(written.tenant, "provenance.verdict") if row["run_id"] == "three" and row["table_name"] == "features.profile"
    ]
    assert kept["is_passed"]
    assert any(f["reason"].startswith("Accepted by anna: the listings ended. Would have") for f in kept["failures"])
    assert materialize.push(batch)["publications"] == 1
    world.publish(
        written.tenant, PROPERTY, [home | {"list_price_usd": None, "list_date": None} for home in homes.values()], THIRD + 3 * HOUR
    )
    assert run(written.tenant, "four")["publications"] == 1
    assert {row["previous_run_id"] for row in rows_of(written.tenant, "features.profile") if row["run_id"] == "four"} == {"three"}


def test_what_the_suite_of_a_view_refuses_cannot_be_accepted(written):
    change(written.tenant, 5, THIRD + HOUR, **IMPOSSIBLE)
    with pytest.raises(BatchRefused, match=r"features\.property_physical refused"):
        materialize.gate(materialize.build(written.tenant, "run"), accepted="anna: never mind")


def test_what_no_source_tells_is_null_of_every_entity(written):
    with Warehouse(written.tenant) as warehouse:
        for view in VIEWS.values():
            (rows,) = current(warehouse, view)
            assert {name: rows[name].null_count for name in view.absent} == dict.fromkeys(view.absent, rows.num_rows)


# What the suites let through. Ten sound rows, of which the last says something else.

SOUND = {
    "property_physical": {"living_area_sqft": 1_500.0, "lot_area_sqft": 7_000.0, "year_built": 1961, "bedroom_count": 3.0,
                          "bathroom_count": 1.5, "condition_code": 3},
    "property_character": {"property_type": "single_family", "county_fips": "19169", "situs_zip": "50010", "view_code": 0},
    "property_financial": {"list_price_usd": 300_000.0, "price_per_sqft_usd": 200.0, "days_on_market": 10, "price_reduction_count": 0},
    "property_location": {"latitude": 42.0, "longitude": -93.6},
    "property_hazard": {"flood_zone": "X", "flood_score": 0.1, "is_in_100_year_floodplain": False, "is_in_500_year_floodplain": False},
    "market_current": {"median_rent_usd": 1_400.0, "price_growth_yoy_rate": 0.03},
}  # fmt: skip
REFUSED = [
    ("property_physical", {"living_area_sqft": 0.0}),
    ("property_physical", {"condition_code": 6}),
    ("property_character", {"county_fips": "9169"}),
    ("property_character", {"property_type": "castle"}),
    ("property_financial", {"price_per_sqft_usd": -1.0}),
    ("property_financial", {"last_reduction_usd": 5_000.0}),
    ("property_location", {"latitude": 91.0}),
    ("property_hazard", {"flood_score": 1.01}),
    ("property_hazard", {"is_in_100_year_floodplain": True}),
    ("market_current", {"price_cut_rate": 1.01}),
    ("market_current", {"median_rent_usd": 0.0}),
]  # fmt: skip
WARNED = [
    ("property_physical", {"living_area_sqft": 90.0}),
    ("property_physical", {"years_since_renovation": -1}),
    ("property_financial", {"list_price_usd": 1.0}),
    ("property_financial", {"list_price_usd": -1.0}),
    ("property_financial", {"assessed_value_usd": -1.0}),
    ("property_physical", {"garage_space_count": -1.0}),
    ("property_physical", {"story_count": -1.0}),
    ("property_character", {"basement_area_sqft": -1.0}),
    ("property_location", {"longitude": 93.6}),
    ("property_hazard", {"flood_zone": "unknown"}),
    ("market_current", {"price_growth_yoy_rate": 0.9}),
]  # fmt: skip


def staged(view, **last):
    promise, tenant = contract(f"features.{view}"), world.some_tenant()
    rows = [{VIEWS[view].entity: f"{50_000 + number}", "observed_at": THIRD, **SOUND[view]} for number in range(10)]
    rows[-1] |= last
    return frame_to_arrow(frame(promise.name, tenant, rows), promise).drop_columns(["until_at"])


def outcomes(view, rows: pa.Table):
    return {(failure.field_name, failure.outcome) for failure in judge(contract(f"features.{view}"), rows, "run").failures}


@pytest.mark.parametrize("view", VIEWS)
def test_sound_rows_pass_without_a_warning(view):
    assert outcomes(view, staged(view)) == set()


@pytest.mark.parametrize(("view", "said"), REFUSED, ids=lambda part: part if isinstance(part, str) else next(iter(part)))
def test_what_cannot_be_is_refused(view, said):
    assert "refused" in {outcome for _, outcome in outcomes(view, staged(view, **said))}


@pytest.mark.parametrize(("view", "said"), WARNED, ids=lambda part: part if isinstance(part, str) else next(iter(part)))
def test_what_is_hard_to_believe_is_told_and_let_through(view, said):
    assert outcomes(view, staged(view, **said)) == {(next(iter(said)), "warned")}


@pytest.mark.parametrize("view", VIEWS)
def test_a_second_row_of_an_entity_is_refused(view):
    rows = staged(view)
    assert (VIEWS[view].entity, "refused") in outcomes(view, pa.concat_tables([rows, rows.slice(0, 1)]))
