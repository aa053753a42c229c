"""The join in the past gives what Feast's own gives, row for row and value for value."""

import random
from datetime import timedelta

import features_world as world
import numpy as np
import pandas as pd
import pytest

from estate.features import offline, store
from estate.features.definitions import SERVICES
from estate.warehouse import Warehouse

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
MOMENTS = [
    moment + step
    for moment in (world.FIRST, world.SECOND, world.THIRD)
    for step in (timedelta(microseconds=-1), timedelta(0), 3 * world.HOUR, timedelta(days=1), timedelta(days=1, microseconds=1),
                 timedelta(days=7, hours=2), timedelta(days=29), timedelta(days=31), timedelta(days=200))
]  # fmt: skip


@pytest.fixture
def written():
    """A world in which a property vanished, one vanished and came back, and a market lost its newest month."""
    made = world.write(world.some_tenant())
    store.register(made.tenant)
    late = world.THIRD + timedelta(days=2)
    world.publish(made.tenant, world.PROPERTY, [], late, closed=[{"property_id": made.properties[4]}])
    world.publish(made.tenant, world.PROPERTY, [world.home(made.tenant, 4, living_area_sqft=4.0)], late + timedelta(days=2))
    gone = [world.month(world.COUNTY, 3)]
    world.publish(made.tenant, world.MARKET, [], late, closed=gone)
    return made


def by_feast(written, service, entities, entity):
    feast = store.feature_store(written.tenant)
    try:
        frame = entities[[entity]].assign(
            tenant_id=str(written.tenant.tenant_id), event_timestamp=entities["event_at"], place=range(len(entities))
        )
        return feast.get_historical_features(frame, feast.get_feature_service(service)).to_df().sort_values("place")
    finally:
        store.close(feast)


def plain(values):
    """Values as Python has them, null as None: dtypes of columns with nulls are a matter of taste."""
    found = [None if value is None or value is pd.NA or value is pd.NaT else value for value in values.astype(object)]
    return [None if isinstance(value, float) and np.isnan(value) else value for value in found]


def same(written, service, entity, ids):
    chance = random.Random(service)
    pairs = [(one, moment) for one in ids for moment in MOMENTS]
    entities = pd.DataFrame(chance.sample(pairs, min(len(pairs), 150)), columns=[entity, "event_at"])
    entities["event_at"] = pd.to_datetime(entities["event_at"], utc=True)
    with Warehouse(written.tenant) as warehouse:
        ours = offline.as_of(warehouse, SERVICES[service], entities)
    feast = by_feast(written, service, entities, entity)
    assert {name for name in SERVICES[service].names if plain(ours[name]) != plain(feast[name])} == set()
    return ours


@pytest.mark.parametrize("service", ["property_v1", "valuation_v1", "risk_v1", "twins_v1"])
def test_properties_are_as_feast_has_them(written, service):
    ours = same(written, service, "property_id", [*written.properties.values(), world.frames.thing_id("nobody's")])
    known = ours[list(SERVICES[service].names)].notna().any(axis="columns").mean()
    assert 0.2 < known < 0.9, "rows with and without values are among them"


def test_markets_are_as_feast_has_them(written):
    ours = same(written, "market_v1", "county_fips", [world.COUNTY, world.OTHER_COUNTY, "99999"])
    assert set(plain(ours["sold_30d_count"])) >= {None, 21.0, 22.0, 23.0}
