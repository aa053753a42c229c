"""The registry: what is stored once and never again, who may serve, and which model serves on which day."""

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from estate import landing
from estate.errors import ModelRefused
from estate.score import registry
from estate.score.registry import Artefact, ModelRow
from estate.warehouse import Warehouse
from tests.frames import some_tenant

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
KING = "53033"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def tenant():
    return some_tenant()


def sha(body):
    return hashlib.sha256(body).hexdigest()


def made(tenant, day, *, body=b"model", county=KING, **said):
    """A trained model of `day`, not registered yet."""
    artefact = Artefact(model=f"{body!r} of {day}".encode(), parameters=b"{}", card=b"{}", page=b"<p>page</p>")
    model_id = registry.model_id_of(county, day, artefact.model)
    row = ModelRow(
        model_id=model_id, county_fips=county, as_of_date=day, trained_at=NOON, method="m", seed=1, sale_count=9,
        window_from_date=date(2013, 1, 1), window_to_date=date(2014, 1, 1), snapshot_ids=[1, 2], code_version="v",
        parameters_sha256=sha(b"{}"), artefact_sha256=sha(artefact.model), object_key=registry.object_key(tenant, model_id, "model.zip"),
        card_key=registry.object_key(tenant, model_id, "card.json"), page_key=registry.page_of(model_id),
        metrics={"cod": 8.5, "sales_sha256": "x"}, verdict_id=uuid.uuid4(), is_passed=True, refusal=None, run_id="test/run",
    )  # fmt: skip
    return replace(row, **said), artefact


def registered(tenant, day, **said):
    with Warehouse(tenant) as warehouse:
        return registry.register(warehouse, *made(tenant, day, **said))


def first(tenant, row):
    return registry.promote(tenant, row.model_id, reason="passed", by="training", run_id="test/run", is_rollback=False)


def back(tenant, row, run):
    return registry.promote(tenant, row.model_id, reason="the newer one drifts", by="ada", run_id=run)


def serving(tenant, day, county=KING):
    with Warehouse(tenant) as warehouse:
        row = registry.serving(warehouse, county, day)
    return row and row.model_id


def asked(tenant, statement):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return connection.execute(statement).fetchall()


JANUARY, APRIL, JULY = date(2015, 1, 1), date(2015, 4, 1), date(2015, 7, 1)


# What is stored


def test_a_registered_model_reads_back_as_it_was_trained(tenant):
    row, artefact = made(tenant, JANUARY)
    with Warehouse(tenant) as warehouse:
        registry.register(warehouse, row, artefact)
        assert registry.known(warehouse, row.model_id) == row
    assert registry.load(row) == artefact.model
    assert landing.get(f"{tenant.tenant_id}/data-docs/models/{row.model_id}.html") == b"<p>page</p>"


def test_registering_again_writes_nothing(tenant, monkeypatch):
    row, artefact = made(tenant, JANUARY)
    registered(tenant, JANUARY)
    monkeypatch.setattr(landing, "put", lambda *_: pytest.fail("a registered model is never written again"))
    with Warehouse(tenant) as warehouse:
        found = registry.register(warehouse, replace(row, run_id="another/run"), replace(artefact, page=b"another page"))
    assert found.run_id == "test/run"
    assert asked(tenant, "SELECT count(*) FROM score.model") == [(1,)]


def test_a_row_that_does_not_describe_its_artefact_is_not_registered(tenant):
    row, artefact = made(tenant, JANUARY)
    with Warehouse(tenant) as warehouse, pytest.raises(ValueError, match="does not describe its artefact"):
        registry.register(warehouse, row, replace(artefact, model=b"other bytes"))
    assert not landing.exists(row.object_key)


def test_a_model_killed_between_its_objects_and_its_row_is_seen_by_nobody_and_completed_by_the_next_run(tenant, monkeypatch):
    row, artefact = made(tenant, JANUARY)
    with monkeypatch.context() as patch, Warehouse(tenant) as warehouse:
        patch.setattr(warehouse, "insert", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            registry.register(warehouse, row, replace(artefact, page=b"<p>half"))
        assert registry.known(warehouse, row.model_id) is None
    with pytest.raises(ModelRefused, match="has no model"):
        first(tenant, row)
    registered(tenant, JANUARY)
    assert first(tenant, row).model_id == serving(tenant, JANUARY)
    assert landing.get(f"{tenant.tenant_id}/data-docs/{row.page_key}") == b"<p>page</p>"


def test_damaged_bytes_are_refused_by_load_and_promotion_and_mended_by_the_same_training(tenant):
    row = registered(tenant, JANUARY)
    landing.put(row.object_key, b"damaged")
    for refused in (lambda: registry.load(row), lambda: first(tenant, row)):
        with pytest.raises(ModelRefused, match=rf"{row.model_id}: s3://.* has SHA-256 .* Restore the object, or train the county again"):
            refused()
    assert serving(tenant, JANUARY) is None
    registered(tenant, JANUARY)
    assert first(tenant, row).model_id == serving(tenant, JANUARY)


def test_an_artefact_that_is_gone_is_refused(tenant, servers, s3_bucket):
    row = registered(tenant, JANUARY)
    servers.s3().delete_object(Bucket=s3_bucket, Key=row.object_key)
    with pytest.raises(ModelRefused, match="does not exist"):
        registry.load(row)


# Who may serve


def test_a_failed_model_is_kept_but_never_promoted_and_the_old_one_keeps_serving(tenant):
    good = registered(tenant, JANUARY)
    first(tenant, good)
    failed = registered(tenant, APRIL, is_passed=False, refusal="score.ratio_study refused by prd")
    with pytest.raises(
        ModelRefused, match=r"failed its ratio study and cannot serve: score\.ratio_study refused by prd.*/models/53033-2015-04-01-"
    ):
        back(tenant, failed, "run 1")
    assert serving(tenant, JULY) == good.model_id
    assert asked(tenant, "SELECT count(*) FROM score.model") == [(2,)]


def test_an_unknown_model_is_refused_with_the_place_where_models_are_listed(tenant):
    with pytest.raises(ModelRefused, match=r"sometenant has no model nothing\. The models are listed at http"):
        registry.promote(tenant, "nothing", reason="x", by="ada", run_id="r")


def test_a_tenant_neither_sees_nor_promotes_nor_is_served_by_another_s_model(tenant):
    row = registered(tenant, JANUARY)
    first(tenant, row)
    other = some_tenant("other")
    assert serving(other, JULY) is None
    assert asked(other, "SELECT count(*) FROM score.model") == [(0,)]
    with pytest.raises(ModelRefused, match="other has no model"):
        first(other, row)


# Which serves


def test_a_model_serves_no_day_before_its_own_and_no_other_county(tenant):
    row = registered(tenant, APRIL)
    first(tenant, row)
    assert serving(tenant, date(2015, 3, 31)) is None
    assert serving(tenant, APRIL) == row.model_id
    assert serving(tenant, APRIL, county="53035") is None


def test_training_a_model_for_an_older_day_changes_older_days_only(tenant):
    newer, older = registered(tenant, APRIL), registered(tenant, JANUARY)
    first(tenant, newer)
    first(tenant, older)
    assert (serving(tenant, date(2015, 3, 1)), serving(tenant, JULY)) == (older.model_id, newer.model_id)


def test_a_rollback_sets_the_newer_model_aside_until_it_is_promoted_again(tenant):
    older, newer = registered(tenant, JANUARY), registered(tenant, APRIL)
    first(tenant, older)
    first(tenant, newer)
    back(tenant, older, "run 1")
    assert (serving(tenant, JANUARY), serving(tenant, JULY)) == (older.model_id, older.model_id)
    first(tenant, newer)  # a training that is run again does not undo what a person decided
    assert serving(tenant, JULY) == older.model_id
    back(tenant, newer, "run 2")
    assert (serving(tenant, JANUARY), serving(tenant, JULY)) == (older.model_id, newer.model_id)


def test_a_model_trained_after_a_rollback_serves_again(tenant):
    older, newer = registered(tenant, JANUARY), registered(tenant, APRIL)
    first(tenant, older)
    first(tenant, newer)
    back(tenant, older, "run 1")
    newest = registered(tenant, JULY)
    first(tenant, newest)
    assert (serving(tenant, date(2015, 6, 30)), serving(tenant, JULY)) == (older.model_id, newest.model_id)


def test_of_two_models_of_one_day_the_one_promoted_last_serves(tenant):
    one, two = registered(tenant, APRIL), registered(tenant, APRIL, body=b"two")
    first(tenant, one)
    first(tenant, two)
    assert serving(tenant, APRIL) == two.model_id
    back(tenant, one, "run 1")
    assert serving(tenant, APRIL) == one.model_id


def test_one_run_promotes_once_however_often_it_is_tried_again(tenant):
    row = registered(tenant, JANUARY)
    for _ in range(2):
        first(tenant, row)
        back(tenant, row, "run 1")
    assert asked(tenant, "SELECT is_rollback, promoted_by FROM score.promotion ORDER BY promoted_at") == [
        (False, "training"),
        (True, "ada"),
    ]
