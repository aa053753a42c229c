"""The gate at work: what a refused batch leaves behind, who may see it, and the trigger that nobody can go around."""

import contextlib
import multiprocessing
import sys
import types
import uuid

import psycopg
import pytest

from estate import landing, stages
from estate.arrow import frame_to_arrow
from estate.contracts import contract, published_by
from estate.errors import BatchRefused
from estate.stages import build_stage, gate_stage, publish_stage
from estate.warehouse import Warehouse, frame_sha256
from tests.frames import (
    EXPOSURE,
    SOURCE,
    VINTAGE,
    batch,
    checksum,
    clock,
    current,
    exposures,
    frame,
    insert,
    named,
    some_tenant,
    thing_id,
    verdict,
)

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

GOOD = {number: number / 100 for number in range(60)}
BAD = GOOD | {7: 7.0}
PUBLISHED = [promise.name for stage in ("normalize", "hazard") for promise in published_by(stage)]
BOOKS = ["provenance.publication", "provenance.quarantine"]


@pytest.fixture
def tenant():
    return some_tenant()


@pytest.fixture
def built(monkeypatch):
    """Build these frames, in place of what the stage would build."""

    def build(stage, work, *frames):
        tables = dict(zip((promise.name for promise in published_by(stage)), frames, strict=True))
        module = types.SimpleNamespace(build=lambda *_: iter([tables]))
        monkeypatch.setitem(sys.modules, f"estate.{stage}.stage", module)
        build_stage(stage, work)
        return work

    return build


def properties(tenant, count=60, **wrong):
    """Properties, of which number `n` has what `wrong` says for ``_n``."""
    rows = [{"property_id": thing_id(n), "property_key": f"key {n}", "latitude": 42.0, "longitude": -93.6} for n in range(count)]
    for name, said in wrong.items():
        rows[int(name.strip("_"))] |= said
    return frame("normalize.property", tenant, rows)


def sales(tenant, **wrong):
    rows = [
        {"sale_id": thing_id(f"s{n}"), "property_id": thing_id(n), "sale_price_usd": 1e5, "sale_date": VINTAGE, "row_number": n + 1}
        for n in range(60)
    ]
    for name, said in wrong.items():
        rows[int(name.strip("_"))] |= said
    return frame("normalize.sale", tenant, rows)


def no_conflicts(tenant):
    return frame("normalize.conflict", tenant, [])


def asked(tenant, statement, *parameters):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return connection.execute(statement, parameters).fetchall()


def objects(servers, bucket, prefix):
    """Every object below `prefix` with its content as text; Parquet as its rows."""
    for page in servers.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            key = entry["Key"]
            yield (
                key,
                str(landing.get_rows(key).table().to_pylist()) if key.endswith(".parquet") else landing.get(key).decode("utf-8", "replace"),
            )


# A refused batch


def test_a_refused_batch_leaves_published_rows_byte_for_byte_unchanged(database, tenant, built):
    first = built("hazard", batch(tenant), exposures(tenant, GOOD))
    gate_stage("hazard", first)
    publish_stage("hazard", first)
    before = [checksum(database.superuser_url, table) for table in PUBLISHED + BOOKS]

    second = built("hazard", batch(tenant), exposures(tenant, BAD))
    with pytest.raises(BatchRefused) as refusal:
        gate_stage("hazard", second)
    with pytest.raises(psycopg.IntegrityError, match="rows may enter only through a publication whose gate passed"):
        publish_stage("hazard", second)

    assert [checksum(database.superuser_url, table) for table in PUBLISHED + BOOKS] == before
    assert str(refusal.value).startswith(
        f"sometenant: batch {second.batch_id}: hazard.exposure refused by expect_column_values_to_be_between(flood_score) in 1 rows of 60"
    )
    (judged,) = refusal.value.verdicts
    assert asked(tenant, "SELECT is_passed, rows_in FROM provenance.verdict WHERE verdict_id = %s", judged.verdict_id) == [(False, 60)]


def test_one_refused_table_keeps_the_whole_stage_unpublished(database, tenant, built):
    work = built("normalize", batch(tenant), properties(tenant), sales(tenant, _3={"sale_id": thing_id("s4")}), no_conflicts(tenant))
    before = [checksum(database.superuser_url, table) for table in PUBLISHED + BOOKS]
    with pytest.raises(BatchRefused, match=r"normalize\.sale refused by expect_column_values_to_be_unique\(sale_id\) in 2 rows"):
        gate_stage("normalize", work)
    with pytest.raises(psycopg.IntegrityError):
        publish_stage("normalize", work)
    assert [checksum(database.superuser_url, table) for table in PUBLISHED + BOOKS] == before


# Quarantine


def test_kept_back_rows_are_written_once_with_their_reason_and_the_rest_is_published(tenant, built):
    work = built("normalize", batch(tenant), properties(tenant, _5={"situs_zip": "abc"}), sales(tenant), no_conflicts(tenant))
    for _ in range(2):
        gate_stage("normalize", work)
    done = {published.table_name: published for published in publish_stage("normalize", work)}
    assert (done["normalize.property"].rows_in, done["normalize.property"].rows_published) == (60, 59)
    assert done["normalize.property"].rows_quarantined == 1
    found = asked(
        tenant, "SELECT table_name, row_key, field_name, reason, raw_row ->> 'situs_zip', resolved_at FROM provenance.quarantine ORDER BY 1"
    )
    zip_reason = "Five digits; the four-digit add-on is dropped at parsing."
    assert found[0] == ("normalize.property", thing_id(5), "situs_zip", zip_reason, "abc", None)


def test_a_sale_follows_its_quarantined_property(tenant, built):
    work = built("normalize", batch(tenant), properties(tenant, _5={"situs_zip": "abc"}), sales(tenant), no_conflicts(tenant))
    gate_stage("normalize", work)
    publish_stage("normalize", work)
    assert asked(tenant, "SELECT count(*) FROM normalize.sale WHERE property_id = %s", thing_id(5)) == [(0,)]
    assert asked(tenant, "SELECT row_key, expectation FROM provenance.quarantine WHERE table_name = 'normalize.sale'") == [
        (thing_id("s5"), "parent_row_was_quarantined")
    ]


def test_a_corrected_batch_publishes_the_row_and_resolves_its_quarantine(tenant, built):
    for zip_code in ("abc", "50010"):
        work = built("normalize", batch(tenant), properties(tenant, _5={"situs_zip": zip_code}), sales(tenant), no_conflicts(tenant))
        gate_stage("normalize", work)
        publish_stage("normalize", work)
    assert asked(tenant, "SELECT count(*) FROM provenance.quarantine WHERE resolved_at IS NULL") == [(0,)]
    assert asked(tenant, "SELECT count(*) FROM normalize.property WHERE superseded_at = 'infinity'") == [(60,)]


def test_a_refused_table_quarantines_nothing(tenant, built):
    wrong = properties(tenant, _5={"situs_zip": "abc"}, _6={"property_id": thing_id(7)})
    with pytest.raises(BatchRefused):
        gate_stage("normalize", built("normalize", batch(tenant), wrong, sales(tenant), no_conflicts(tenant)))
    assert asked(tenant, "SELECT count(*) FROM provenance.quarantine WHERE table_name = 'normalize.property'") == [(0,)]


# Data Docs, and two tenants


@pytest.mark.parametrize("scores", [GOOD, BAD])
def test_data_docs_lie_under_the_tenant_s_prefix_on_good_and_bad_runs(servers, s3_bucket, tenant, built, scores):
    work = built("hazard", batch(tenant), exposures(tenant, scores))
    with contextlib.nullcontext() if scores is GOOD else pytest.raises(BatchRefused, match=f"/{tenant.slug}/validations/"):
        gate_stage("hazard", work)
    ((page,),) = asked(tenant, "SELECT docs_key FROM provenance.verdict")
    assert b"flood_score" in landing.get(f"{tenant.tenant_id}/data-docs/{page}")
    assert any("/static/" in key for key, _ in objects(servers, s3_bucket, f"{tenant.tenant_id}/data-docs/static"))


def gate_in_child(tenant, name, scores, gate):
    """Build, gate and publish in a process of its own."""
    module = types.SimpleNamespace(build=lambda *_: iter([{EXPOSURE: exposures(tenant, scores)}]))
    sys.modules["estate.hazard.stage"] = module
    work = batch(tenant, SOURCE, VINTAGE, name)
    stages.build_stage("hazard", work)
    gate.wait(90)
    stages.gate_stage("hazard", work)
    stages.publish_stage("hazard", work)


def test_two_tenants_gates_at_once_do_not_meet():
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(2)
    good, bad = some_tenant("good"), some_tenant("bad")
    children = [spawn.Process(target=gate_in_child, args=(who, "same-name", scores, gate)) for who, scores in ((good, GOOD), (bad, BAD))]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 1]
    assert current(good) == named(GOOD)
    assert current(bad) == {}
    assert asked(good, "SELECT is_passed FROM provenance.verdict") == [(True,)]
    assert asked(bad, "SELECT is_passed FROM provenance.verdict") == [(False,)]


def test_nothing_of_one_tenant_lies_under_another_tenant_s_prefix(servers, s3_bucket, built):
    canaries = {some_tenant("lake"): "CANARY-of-the-lake", some_tenant("harbor"): "CANARY-of-the-harbor"}
    for tenant, canary in canaries.items():
        said = {"owner_name": canary, "situs_raw": canary, "situs_zip": canary}
        work = built("normalize", batch(tenant, name="same"), properties(tenant, _5=said), sales(tenant), no_conflicts(tenant))
        gate_stage("normalize", work)
        publish_stage("normalize", work)
    (lake, of_lake), (harbor, of_harbor) = canaries.items()
    for own, canary, foreign in ((lake, of_lake, of_harbor), (harbor, of_harbor, of_lake)):
        found = dict(objects(servers, s3_bucket, f"{own.tenant_id}/"))
        assert any(canary in text for text in found.values()), "the search finds what is there"
        assert [key for key, text in found.items() if foreign in text] == []
        kept = asked(own, "SELECT raw_row::text FROM provenance.quarantine")
        assert any(canary in row for (row,) in kept)
        assert not any(foreign in row for (row,) in kept)
    everything = [key for key, _ in objects(servers, s3_bucket, "")]
    assert everything
    assert all(uuid.UUID(key.split("/")[0]) for key in everything), "every key starts with a tenant's identifier"


# The trigger


def publish_by_hand(connection, work, table, rows, said):
    """Write ledger row and rows as somebody would who goes around the gate."""
    entry = {
        "tenant_id": work.tenant.tenant_id, "publication_id": 1, "table_name": table, "partition_name": work.source_name,
        "batch_id": work.batch_id, "input_sha256": frame_sha256(rows), "vintage_date": work.vintage_date,
        "run_id": "x", "code_version": "x", "rows_in": 1, "rows_published": 1, "rows_closed": 0, "rows_unchanged": 0, "rows_quarantined": 0,
        "read_at": clock(work.tenant), "published_at": clock(work.tenant),
    } | said  # fmt: skip
    insert(connection, "provenance.publication", entry)
    for row in rows.to_pylist():
        insert(connection, EXPOSURE, row | {"publication_id": 1, "published_at": entry["published_at"]})


def one_row(tenant):
    return frame_to_arrow(exposures(tenant, {1: 0.5}), contract(EXPOSURE))


def test_rows_enter_under_a_verdict_that_passed_on_them(tenant):
    work, rows = batch(tenant), one_row(tenant)
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        publish_by_hand(connection, work, EXPOSURE, rows, {"verdict_id": verdict(connection, work, EXPOSURE, rows)})
    assert current(tenant) == named({1: 0.5})


@pytest.mark.parametrize(
    ("judged", "published"),
    [
        ({"is_passed": False}, {}),
        ({"table_name": "score.risk"}, {}),
        ({"batch_id": "another"}, {}),
        ({"judged_sha256": "of other rows"}, {}),
        ({"judged_sha256": None}, {}),
        ({}, {"verdict_id": uuid.uuid4()}),
        ({}, {"table_name": "score.risk"}),
        ({}, {"publication_id": 2}),
    ],
    ids=["failed", "other-table", "other-batch", "other-rows", "no-rows", "no-verdict", "ledger-of-other-table", "no-ledger-row"],
)
@pytest.mark.parametrize("role", ["pipeline", "owner", "superuser"])
def test_no_role_can_bring_rows_in_without_a_verdict_that_passed_on_them(database, tenant, judged, published, role):
    work, rows = batch(tenant), one_row(tenant)

    def around_the_gate():
        with Warehouse(tenant, getattr(database, f"{role}_url")) as warehouse, warehouse.transaction() as connection:
            verdict_id = verdict(connection, work, EXPOSURE, rows, **judged)
            publish_by_hand(connection, work, EXPOSURE, rows, {"verdict_id": verdict_id} | published)

    with pytest.raises(psycopg.IntegrityError, match="only through a publication whose gate passed"):
        around_the_gate()
    assert current(tenant) == {}


def test_another_tenant_s_verdict_lets_nothing_through(tenant):
    other, rows = some_tenant("other"), one_row(tenant)
    work = batch(tenant)
    with Warehouse(other) as warehouse, warehouse.transaction() as connection:
        foreign = verdict(connection, batch(other, name=work.batch_id), EXPOSURE, rows)
    with Warehouse(tenant) as warehouse, pytest.raises(psycopg.IntegrityError), warehouse.transaction() as connection:
        publish_by_hand(connection, work, EXPOSURE, rows, {"verdict_id": foreign})


@pytest.mark.parametrize("role", ["pipeline", "owner", "superuser"])
def test_an_earlier_publication_s_number_lets_no_further_row_in(database, tenant, role):
    work, rows = batch(tenant), one_row(tenant)
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        publish_by_hand(connection, work, EXPOSURE, rows, {"verdict_id": verdict(connection, work, EXPOSURE, rows)})
    (forged,) = exposures(tenant, {2: 0.9}).to_dict("records")
    stolen = forged | {"publication_id": 1, "published_at": clock(tenant)}
    with (
        Warehouse(tenant, getattr(database, f"{role}_url")) as warehouse,
        pytest.raises(psycopg.IntegrityError, match="only through a publication whose gate passed"),
        warehouse.transaction() as connection,
    ):
        insert(connection, EXPOSURE, stolen)
    assert current(tenant) == named({1: 0.5})
