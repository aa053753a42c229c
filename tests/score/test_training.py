"""Training: a passed model serves, a refused one does not and says why, nothing is trained twice, and every stop can be resumed."""

import threading
import types
from datetime import date

import orjson
import pandas as pd
import pytest
from recipes import KING, Recipe, county_sales

from estate import landing
from estate import settings as configuration
from estate.arrow import frame_to_arrow
from estate.contracts import contract
from estate.errors import ModelRefused
from estate.score import backtest, parameters, registry, stated, training
from estate.score.backtest import backtest_model, rolled
from estate.score.training import ensure_models, train_model
from estate.warehouse import Warehouse
from tests.frames import batch, frame, publish_frame, some_tenant, thing_id

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
DAY = date(2015, 1, 1)


@pytest.fixture
def tenant():
    return some_tenant()


@pytest.fixture(autouse=True)
def named_code(settings_env, monkeypatch):
    """Code with a version of its own, as when it is deployed; a working tree that was edited has none."""
    said_version("v1", monkeypatch)


def said_version(version, monkeypatch):
    monkeypatch.setenv("ESTATE_CODE_VERSION", version)
    configuration.settings.cache_clear()


@pytest.fixture
def market(monkeypatch):
    """Make these the valid sales of the tenant, or King County's."""

    def put(sales=None):
        known = county_sales() if sales is None else sales
        monkeypatch.setattr(training, "sales_before", lambda _, day: known[known["sale_date"] < pd.Timestamp(day)])
        monkeypatch.setattr(backtest, "as_known", lambda _, sales, __: sales)

    put()
    return put


def asked(tenant, statement, *parameters):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return connection.execute(statement, parameters).fetchall()


def serving(tenant, day=DAY, county=KING):
    with Warehouse(tenant) as warehouse:
        row = registry.serving(warehouse, county, day)
    return row and row.model_id


def landed(tenant, counties, day=DAY):
    """A batch whose properties lie in `counties`, judged and published as normalize leaves it."""
    work = batch(tenant, vintage=day)
    rows = [{"property_id": thing_id(n), "property_key": str(n), "county_fips": county} for n, county in enumerate(counties)]
    properties = frame("normalize.property", tenant, rows)
    landing.put_rows(landing.staged_key(work, "normalize.property", "judged"), [frame_to_arrow(properties, contract("normalize.property"))])
    publish_frame(work, properties, table="normalize.property")
    return work


# One county


def test_a_model_that_passes_its_study_is_kept_with_its_evidence_and_serves(tenant, market):
    done = train_model(tenant, KING, DAY, "test/run", Recipe())
    assert (done.refusal, done.is_new, done.is_serving, serving(tenant)) == (None, True, True, done.row.model_id)
    assert done.page_url.endswith(f"/sometenant/models/{done.row.model_id}.html")
    assert (done.row.sale_count, done.row.metrics["sale_count"], done.row.window_from_date) == (600, 60, date(2013, 1, 1))
    assert asked(tenant, "SELECT is_passed, table_name, batch_id FROM provenance.verdict WHERE verdict_id = %s", done.row.verdict_id) == [
        (True, "score.ratio_study", done.row.model_id)
    ]
    ((median_ratio,),) = asked(
        tenant, "SELECT median_ratio FROM score.ratio_study WHERE model_id = %s AND stratum = 'all'", done.row.model_id
    )
    assert median_ratio == done.row.metrics["median_ratio"]
    card = orjson.loads(landing.get(done.row.card_key))
    assert (card["model_id"], card["is_passed"], card["previous_model_id"]) == (done.row.model_id, True, None)
    assert done.row.model_id.encode() in landing.get(f"{tenant.tenant_id}/data-docs/{done.row.page_key}")
    assert landing.get(registry.object_key(tenant, done.row.model_id, "parameters.json")) == stated.document()


def test_an_unfair_model_is_refused_with_the_reason_and_the_old_one_keeps_serving(tenant, market):
    good = train_model(tenant, KING, DAY, "test/run", Recipe())
    bad = train_model(tenant, KING, date(2015, 3, 1), "test/run", Recipe(unfairness=0.4))
    assert (bad.row.is_passed, bad.is_serving) == (False, False)
    assert bad.refusal.startswith("score.ratio_study refused by ")
    assert "/validations/score/ratio_study/" in bad.refusal
    assert serving(tenant, date(2015, 4, 1)) == good.row.model_id
    assert registry.load(bad.row), "a refused model is kept"
    assert asked(tenant, "SELECT count(*) FROM score.promotion") == [(1,)]


def test_the_same_inputs_are_not_trained_twice(tenant, market):
    recipe = Recipe()
    first, second = (train_model(tenant, KING, DAY, run, recipe) for run in ("run/1", "run/2"))
    assert recipe.trained == [DAY]
    assert (second.row.model_id, second.is_new, second.is_serving) == (first.row.model_id, False, True)
    assert asked(tenant, "SELECT count(*) FROM provenance.verdict") == [(1,)]


@pytest.mark.parametrize("version", ["v2", "unknown"])
def test_code_that_may_be_other_code_trains_anew(tenant, market, monkeypatch, version):
    recipe = Recipe()
    for said in ("v1", version):
        said_version(said, monkeypatch)
        done = train_model(tenant, KING, DAY, "test/run", recipe)
    assert len(recipe.trained) == 2
    assert asked(tenant, "SELECT model_id FROM score.model") == [(done.row.model_id,)], "the same bytes are the same model"


def test_other_sales_make_another_model_of_the_same_day(tenant, market):
    recipe = Recipe()
    first = train_model(tenant, KING, DAY, "run/1", recipe)
    market(county_sales(count=610))
    second = train_model(tenant, KING, DAY, "run/2", recipe)
    assert second.is_new
    assert serving(tenant) == second.row.model_id != first.row.model_id


def test_the_order_of_sales_makes_no_other_inputs(market):
    sales = county_sales(50)
    assert training.sales_sha256(sales) == training.sales_sha256(sales.sample(frac=1, random_state=1)[sales.columns[::-1]])


def test_a_model_that_a_person_set_aside_does_not_come_back_by_training_it_again(tenant, market):
    older, newer = (train_model(tenant, KING, day, "run/1", Recipe()) for day in (DAY, date(2015, 3, 1)))
    registry.promote(tenant, older.row.model_id, reason="drift", by="ada", run_id="run/2")
    again = train_model(tenant, KING, date(2015, 3, 1), "run/3", Recipe())
    assert again.row.model_id == newer.row.model_id
    assert again.refusal == f"{newer.row.model_id} was set aside by a rollback; promote it by name to let it serve again"
    assert serving(tenant, date(2015, 4, 1)) == older.row.model_id


# What cannot carry a model


def test_too_few_sales_are_refused_with_their_number_and_make_no_model(tenant, market):
    market(county_sales(12))
    done = train_model(tenant, KING, DAY, "test/run", Recipe())
    assert done.refusal.startswith("sometenant: county 53033 before 2015-01-01: 12 sales are too few; a model and its trial need 200.")
    assert (done.row, serving(tenant)) == (None, None)


def test_sales_of_one_day_are_refused(tenant, market):
    market(county_sales().assign(sale_date=pd.Timestamp("2014-06-01")))
    assert "600 sales lie within 1 days; a trial out of time needs 90" in train_model(tenant, KING, DAY, "test/run", Recipe()).refusal


def test_sales_on_the_as_of_day_or_later_take_no_part(tenant, market):
    sales = county_sales()
    day = sales["sale_date"].iloc[560].date()
    done = train_model(tenant, KING, day, "test/run", Recipe())
    assert (done.row.sale_count, done.row.window_to_date, day) == (560, date(2014, 10, 15), date(2014, 10, 16))


def test_a_recipe_that_finds_no_ground_refuses_with_its_reason(tenant, market):
    def backtest(sales, as_of_date):
        raise ValueError("every price is the same")

    done = train_model(tenant, KING, DAY, "test/run", types.SimpleNamespace(backtest=backtest))
    assert done.refusal == "600 sales before 2015-01-01 cannot carry a model: every price is the same"


# The counties of a batch


def test_each_county_of_a_batch_gets_its_model_once_and_a_refusal_stops_no_other(tenant, market):
    market(pd.concat([county_sales(), county_sales(12, county="53035"), county_sales(county="x").assign(county_fips=None)]))
    work, recipe = landed(tenant, [KING, KING, "53035", None]), Recipe()
    first = {done.county_fips: done for done in ensure_models(work, recipe)}
    assert {county: done.is_serving for county, done in first.items()} == {"00000": True, KING: True, "53035": False}
    assert "12 sales are too few" in first["53035"].refusal
    second = {done.county_fips: done for done in ensure_models(work, recipe)}
    assert len(recipe.trained) == 2
    assert [done.is_new for done in second.values()] == [False, False, False]


def test_a_model_serves_batches_for_92_days_and_then_another_is_trained(tenant, market):
    recipe = Recipe()
    train_model(tenant, KING, DAY, "test/run", recipe)
    for day, trained in ((date(2015, 4, 3), [DAY]), (date(2015, 4, 4), [DAY, date(2015, 4, 4)])):
        ensure_models(landed(tenant, [KING], day), recipe)
        assert recipe.trained == trained


def test_a_newer_model_is_not_used_for_an_older_batch(tenant, market):
    recipe = Recipe()
    newer = train_model(tenant, KING, date(2015, 3, 1), "test/run", recipe)
    (done,) = ensure_models(landed(tenant, [KING]), recipe)
    assert done.row.as_of_date == DAY
    assert (serving(tenant), serving(tenant, date(2015, 3, 1))) == (done.row.model_id, newer.row.model_id)


def test_a_model_that_the_code_cannot_read_is_trained_anew_before_it_stops_a_batch(tenant, market, monkeypatch):
    recipe, work = Recipe(), landed(tenant, [KING])
    (first,) = ensure_models(work, recipe)
    landing.put(first.row.object_key, b"damaged")
    (mended,) = ensure_models(work, recipe)
    assert len(recipe.trained) == 2
    assert registry.load(mended.row)
    monkeypatch.setattr(parameters, "METHOD", "another-method")
    ensure_models(work, recipe)
    assert len(recipe.trained) == 3


def test_two_runs_at_once_train_one_county_once(tenant, market):
    recipe, done = Recipe(), []
    work = landed(tenant, [KING])
    runs = [threading.Thread(target=lambda: done.append(ensure_models(work, recipe))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert len(recipe.trained) == 1
    assert {trained.row.model_id for (trained,) in done} == {serving(tenant)}
    assert asked(tenant, "SELECT count(*) FROM score.promotion") == [(1,)]


@pytest.mark.parametrize(("where", "name"), [(registry, "register"), (registry, "promote"), (training, "put_docs")])
def test_a_run_killed_anywhere_is_completed_by_the_next(tenant, market, monkeypatch, where, name):
    work = landed(tenant, [KING])
    with monkeypatch.context() as patch:
        patch.setattr(where, name, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ensure_models(work, Recipe())
    assert serving(tenant) is None
    (done,) = ensure_models(work, Recipe())
    assert (done.is_serving, serving(tenant)) == (True, done.row.model_id)
    assert asked(tenant, "SELECT count(*), count(DISTINCT model_id) FROM score.model") == [(1, 1)]


# Earlier cut-offs


def test_origins_go_back_by_the_tenth_that_each_held_out(market):
    sales = county_sales()
    held, origins = rolled(Recipe(), sales, date(2014, 12, 2))
    assert list(origins["stratum_kind"].unique()) == ["origin"]
    assert origins["stratum"].tolist() == ["2014-12-02", "2014-09-23", "2014-07-22", "2014-05-27"]
    assert held["sale_id"].is_unique
    assert origins["sale_count"].sum() == len(held)


def test_a_backtest_is_kept_once_and_promotes_nothing(tenant, market, monkeypatch):
    monkeypatch.setattr(backtest, "markets", lambda _: {KING: date(2014, 12, 2)})
    first, second = (backtest_model(tenant, KING, run, Recipe()) for run in ("run/1", "run/2"))
    assert first.backtest_id == second.backtest_id
    assert set(first.summary()["origins"]) == {"2014-12-02", "2014-09-23", "2014-07-22", "2014-05-27"}
    kept = asked(tenant, "SELECT count(*) FROM score.ratio_study WHERE model_id = %s", first.backtest_id)
    assert kept == [(len(first.study),)]
    assert asked(tenant, "SELECT count(*) FROM provenance.verdict") == [(1,)]
    assert landing.exists(f"{tenant.tenant_id}/data-docs/models/{first.backtest_id}.html")
    assert serving(tenant) is None


def test_a_county_without_sales_has_no_backtest(tenant):
    with pytest.raises(ModelRefused, match="sometenant has no sales in county 99999"):
        backtest_model(tenant, "99999", "test/run", Recipe())
