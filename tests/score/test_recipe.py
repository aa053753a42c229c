"""The real recipe, end to end: it passes its study and serves; made unfair, it is refused and the old one keeps serving."""

from datetime import date

import pandas as pd
import pytest

from estate import settings as configuration
from estate.score import equity, learning, registry, training
from estate.score.model import Model
from estate.score.training import train_model
from estate.warehouse import Warehouse
from tests.frames import some_tenant, thing_id
from tests.score import market

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
KING = "53033"


@pytest.fixture
def tenant(settings_env, monkeypatch):
    """A tenant whose valid sales are those of the small county, and code with a version of its own, as when it is deployed."""
    sales = market.county(700)  # so many that a fair model is not refused by the chance of a few
    sales = sales.assign(sale_id=sales["sale_id"].map(thing_id), property_id=sales["property_id"].map(thing_id))
    monkeypatch.setattr(training, "sales_before", lambda _, day: sales[sales["sale_date"] < pd.Timestamp(day)])
    monkeypatch.setenv("ESTATE_CODE_VERSION", "v1")
    configuration.settings.cache_clear()
    return some_tenant()


def unfair(estimate, price, choose=equity.choose):
    """Nine tenths of the way to one value for all: the dear would pay too little and the cheap too much."""
    spread, frontier = choose(estimate, price)
    return equity.Spread(spread.middle, -0.9), frontier


def serving(tenant, day):
    with Warehouse(tenant) as warehouse:
        return registry.serving(warehouse, KING, day)


def test_a_real_model_made_unfair_is_refused_and_the_old_one_keeps_serving(tenant, monkeypatch):
    with market.few_trees():
        good = train_model(tenant, KING, date(2024, 6, 1), "run/1", learning)
        assert (good.refusal, good.is_serving) == (None, True)
        monkeypatch.setattr(equity, "choose", unfair)
        bad = train_model(tenant, KING, market.DAY, "run/2", learning)
    assert (bad.row.is_passed, bad.is_serving) == (False, False)
    assert bad.refusal.startswith("score.ratio_study refused by ")
    assert serving(tenant, market.DAY).model_id == good.row.model_id
    assert Model.from_bytes(registry.load(good.row)).as_of_day < Model.from_bytes(registry.load(bad.row)).as_of_day
