"""The provenance stage against a real database: what the summary reads, what the gate refuses, and that both tables change as one."""

from datetime import UTC, date, datetime

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from estate import landing
from estate.arrow import frame_to_arrow
from estate.contracts import contract
from estate.errors import BatchRefused
from estate.provenance import stage
from estate.stages import build_stage, gate_stage, publish_stage
from estate.warehouse import Warehouse
from tests.frames import SOURCE, VINTAGE, batch, frame, insert, publish_frame, some_tenant, thing_id

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

HOME, OTHER = thing_id("home"), thing_id("other")
BOTH = ["provenance.trust", "provenance.summary"]
DESCRIBED = {
    "county_fips": "19169", "situs_city": "Ames", "situs_zip": "50010", "latitude": 42.01, "longitude": -93.61, "cell": 1320108639,
    "living_area_sqft": 1500.5, "year_built": 1961, "has_waterfront": False, "owner_name": 'O\'Brien, "Ann"',
    "assessed_value_usd": 199999.95,
}  # fmt: skip
VALUED = {
    "valuation_date": VINTAGE, "estimated_value_usd": 9999999999.99, "value_low_usd": 180000.1, "value_high_usd": 9999999999.99,
    "confidence": 0.9, "confidence_band": "high",
}  # fmt: skip


@pytest.fixture
def tenant():
    """A tenant with one snapshot, and one way in which the fields of its properties were made."""
    made = some_tenant()
    snapshot = {
        "tenant_id": made.tenant_id, "snapshot_id": 1, "source_name": SOURCE, "file_name": "x.csv", "snapshot_sha256": "x",
        "object_key": "x", "batch_id": "x", "vintage_date": VINTAGE,
        "header": ["x"], "row_count": 1, "landed_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    entry = {"record": 0, "columns": ["x"], "rules": [], "made": "copied", "agreement": "sole"}
    with Warehouse(made) as warehouse:
        with warehouse.transaction() as connection:
            insert(connection, "ingest.snapshot", snapshot)
        warehouse.derivation_ids({"d": {"source_names": [SOURCE], "fields": dict.fromkeys(DESCRIBED, entry)}})
    return made


def said(tenant, table, *rows, scope=None):
    """Publish what the stages before said of the properties; returns the frame."""
    rows = frame(table, tenant, rows)
    publish_frame(batch(tenant), rows, table=table, scope=scope)
    return rows


def homes(tenant, *ids, scope=None, **more):
    rows = ({"property_id": one, "property_key": one, "snapshot_ids": [1], "derivation_id": 1, **DESCRIBED, **more} for one in ids)
    return said(tenant, "normalize.property", *rows, scope=scope)


def sale(number, price, day, *, property_id=HOME, **more):
    return {
        "sale_id": thing_id(number),
        "property_id": property_id,
        "sale_price_usd": price,
        "sale_date": day,
        "is_arms_length": True,
        **more,
    }


def staged(tenant, properties, *, vintage=VINTAGE, scope=None):
    """A batch that speaks of these properties, as the stages before leave it; `scope` are those that it decides about."""
    work = batch(tenant, vintage=vintage)
    rows = frame_to_arrow(properties, contract("normalize.property"))
    for state in ("built", "judged"):
        landing.put_rows(landing.staged_key(work, "normalize.property", state), [rows])
    if scope:
        landing.put_rows(landing.staged_key(work, "normalize", "scope"), [pa.table({"property_id": pa.array(scope, pa.string())})])
    return work


def through(work):
    build_stage("provenance", work)
    gate_stage("provenance", work)
    return {done.table_name: done for done in publish_stage("provenance", work)}


def built(work):
    """What the stage builds for the summary, by property, before any gate."""
    with Warehouse(work.tenant) as warehouse:
        (frames,) = stage.build(work, warehouse)
    rows = frame_to_arrow(frames["provenance.summary"].assign(tenant_id=str(work.tenant.tenant_id)), contract("provenance.summary"))
    return {row["property_id"]: row for row in rows.to_pylist()}


def summaries(tenant, condition="superseded_at = 'infinity'"):
    """The summaries for which `condition` holds, by property, each with the time at which it was closed, if it was."""
    columns = sql.SQL(", ").join(map(sql.Identifier, contract("provenance.summary").column_names))
    statement = sql.SQL(
        "SELECT {}, published_at, nullif(superseded_at, 'infinity') AS closed_at FROM provenance.summary WHERE " + condition
    )
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
        rows = cursor.execute(statement.format(columns)).fetchall()
    return {str(row["property_id"]): row for row in rows}


def rows_of(tenant, table):
    statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return connection.execute(statement).fetchone()[0]


def test_the_summary_holds_what_every_stage_published_and_the_trust_of_the_same_build(tenant):
    properties = homes(tenant, HOME)
    said(tenant, "hazard.exposure", {"property_id": HOME, "flood_zone": "AE", "is_in_sfha": True, "flood_score": 0.4})
    said(tenant, "score.valuation", {"property_id": HOME, **VALUED})
    said(
        tenant,
        "score.risk",
        {"property_id": HOME, "risk_class": "high", "risk_score_low": 60, "risk_score_high": 70, "unknown_hazard_count": 3},
    )
    said(tenant, "normalize.sale", sale(1, 250000.55, date(2024, 5, 1)))
    through(staged(tenant, properties))
    row = summaries(tenant)[HOME]
    expected = DESCRIBED | VALUED | {
        "flood_zone": "AE", "is_in_sfha": True, "flood_score": 0.4, "heat_score": None, "composite_low": 0.5, "risk_class": "high",
        "risk_score_low": 60, "risk_score_high": 70, "unknown_hazard_count": 3, "last_sale_price_usd": 250000.55,
        "last_sale_date": date(2024, 5, 1), "refusal_reason": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        assert connection.execute("SELECT property_trust FROM provenance.trust").fetchone() == (row["property_trust"],)


def test_money_read_back_from_the_summary_has_the_cents_that_were_published(tenant):
    properties = homes(tenant, HOME)
    said(tenant, "score.valuation", {"property_id": HOME, **VALUED})
    through(staged(tenant, properties))
    compared = (
        "SELECT s.estimated_value_usd::numeric(14,2) = v.estimated_value_usd AND s.value_low_usd::numeric(14,2) = v.value_low_usd"
        " FROM provenance.summary s JOIN score.valuation v USING (tenant_id, property_id)"
    )
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        assert connection.execute(compared).fetchall() == [(True,)]


def test_a_property_of_which_only_the_record_is_known_has_a_summary(tenant):
    row = built(staged(tenant, homes(tenant, HOME)))[HOME]
    unknown = ("last_sale_date", "valuation_date", "estimated_value_usd", "refusal_reason", "flood_zone", "composite_low", "risk_class")
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert (row["situs_city"], row["property_trust"] > 0) == ("Ames", True)


def test_what_is_found_of_a_sale_goes_before_what_its_record_says_of_it(tenant):
    properties = homes(tenant, HOME, OTHER)
    said(
        tenant, "normalize.sale", sale(1, 1e5, date(2020, 5, 1)), sale(2, 3e5, date(2024, 5, 1)),
        sale(3, 2e5, date(2021, 5, 1), property_id=OTHER, is_arms_length=False),
    )  # fmt: skip
    rows = built(staged(tenant, properties))
    assert [rows[one]["last_sale_price_usd"] for one in (HOME, OTHER)] == [3e5, None]

    found = {"is_arms_length": False, "exclusion_reasons": ["high_price"], "decided_by": "rules"}
    kept = {"is_arms_length": True, "decided_by": "ada"}
    said(
        tenant, "score.sale_validation", {"sale_id": thing_id(2), "property_id": HOME, **found},
        {"sale_id": thing_id(3), "property_id": OTHER, **kept},
    )  # fmt: skip
    rows = built(staged(tenant, properties))
    assert [rows[one]["last_sale_price_usd"] for one in (HOME, OTHER)] == [1e5, 2e5]


def test_a_batch_that_says_nothing_new_publishes_no_new_summary(tenant):
    properties = homes(tenant, HOME)
    assert [done.rows_published for done in through(staged(tenant, properties)).values()] == [1, 1]
    again = through(staged(tenant, properties))
    assert {name: (done.rows_published, done.rows_unchanged) for name, done in again.items()} == dict.fromkeys(BOTH, (0, 1))


def test_a_summary_changes_with_its_value_and_the_old_one_stays_readable(tenant):
    properties = homes(tenant, HOME)
    said(tenant, "score.valuation", {"property_id": HOME, "valuation_date": VINTAGE, "refusal_reason": "too few sales"})
    through(staged(tenant, properties))
    said(tenant, "score.valuation", {"property_id": HOME, **VALUED})
    through(staged(tenant, properties))
    now, then = summaries(tenant)[HOME], summaries(tenant, "superseded_at < 'infinity'")[HOME]
    assert (now["estimated_value_usd"], now["refusal_reason"]) == (VALUED["estimated_value_usd"], None)
    assert (then["estimated_value_usd"], then["refusal_reason"]) == (None, "too few sales")
    assert then["closed_at"] == now["published_at"]


def test_a_vanished_property_loses_trust_and_summary_with_the_batch_that_no_longer_has_it(tenant):
    through(staged(tenant, homes(tenant, HOME, OTHER)))
    properties = homes(tenant, HOME, scope=[HOME, OTHER])
    closed = through(staged(tenant, properties, scope=[HOME, OTHER]))
    assert {name: done.rows_closed for name, done in closed.items()} == dict.fromkeys(BOTH, 1)
    assert set(summaries(tenant)) == {HOME}


def test_a_batch_leaves_the_summaries_of_properties_that_it_does_not_speak_of(tenant):
    through(staged(tenant, homes(tenant, HOME, OTHER)))
    through(staged(tenant, homes(tenant, HOME, situs_city="Nevada")))
    assert {home: row["situs_city"] for home, row in summaries(tenant).items()} == {HOME: "Nevada", OTHER: "Ames"}


def test_a_value_outside_its_interval_or_a_silence_without_a_reason_is_refused_and_neither_table_changes(tenant):
    wrongs = {
        "estimated_value_usd, value_low_usd": {"estimated_value_usd": 150000.0},
        "value_high_usd, estimated_value_usd": {"value_high_usd": 190000.0},
        "value_low_usd": {"value_low_usd": None},
        "value_high_usd": {"value_high_usd": None},
        "refusal_reason": {"refusal_reason": "too few sales"},
        "refusal_reason ": dict.fromkeys(("estimated_value_usd", "value_low_usd", "value_high_usd")),
    }
    properties = homes(tenant, HOME, *map(thing_id, wrongs))
    said(
        tenant, "score.valuation", {"property_id": HOME, **VALUED},
        *({"property_id": thing_id(name), **VALUED, **wrong} for name, wrong in wrongs.items()),
    )  # fmt: skip
    work = staged(tenant, properties)
    build_stage("provenance", work)
    with pytest.raises(BatchRefused) as refusal:
        gate_stage("provenance", work)
    found = {verdict.table_name: verdict for verdict in refusal.value.verdicts}
    assert found["provenance.trust"].is_passed
    assert sorted((failure.field_name, failure.rows, failure.outcome) for failure in found["provenance.summary"].failures) == sorted(
        (columns.strip(), 1, "refused") for columns in wrongs
    )
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="whose gate passed"):
        publish_stage("provenance", work)
    assert [rows_of(tenant, table) for table in BOTH] == [0, 0]


def test_another_tenant_s_value_of_the_same_property_is_not_read(tenant):
    stranger = some_tenant()
    said(stranger, "score.valuation", {"property_id": HOME, **VALUED})
    said(stranger, "normalize.sale", sale(1, 1e5, date(2020, 5, 1)))
    row = built(staged(tenant, homes(tenant, HOME)))[HOME]
    assert (row["estimated_value_usd"], row["last_sale_price_usd"]) == (None, None)


def test_the_indexes_are_those_of_the_contract_and_hold_current_rows_only(database):
    asked = (
        "SELECT array(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY place)"
        " FROM pg_index i WHERE i.indrelid = 'provenance.summary'::regclass AND NOT i.indisprimary"
        " AND pg_get_expr(i.indpred, i.indrelid) = '(superseded_at = ''infinity''::timestamp with time zone)'"
    )
    with psycopg.connect(database.superuser_url) as connection:
        found = {tuple(columns) for (columns,) in connection.execute(asked)}
    assert found == set(contract("provenance.summary").index)
