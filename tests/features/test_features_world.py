"""The world of these tests stands: what it writes is what the views of the features read."""

import features_world as world
import pandas as pd
import pytest

from estate.features.definitions import VIEWS
from estate.features.rows import rows_of
from estate.warehouse import Warehouse

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]


@pytest.fixture
def written():
    return world.write(world.some_tenant())


def read(written, view):
    with Warehouse(written.tenant) as warehouse, warehouse.transaction() as connection:
        found = connection.execute(f"SELECT to_jsonb(row) FROM ({rows_of(VIEWS[view]).as_string(None)}) AS row").fetchall()
    return pd.DataFrame([row for (row,) in found])


def test_every_view_reads_the_world_s_versions(written):
    counts = {name: len(read(written, name)) for name in VIEWS}
    assert counts == {**dict.fromkeys(VIEWS, 12 + 10 + 1), "property_hazard": 12 + 1, "market_current": 2 + 1}


def test_a_property_vanished_and_one_never_changed(written):
    found = read(written, "property_physical")
    current = set(found.loc[found["until_at"] == "infinity", "property_id"])
    assert current == set(written.current.values())
    assert len(found[found["property_id"] == world.SHARED_ID]) == 1


def test_the_listing_s_price_falls_twice(written):
    found = read(written, "property_financial")
    listed = found[found["property_id"] == written.properties[world.LISTED]].sort_values("event_at")
    assert list(listed["price_reduction_count"]) == [0, 1, 2]
    assert listed["last_reduction_usd"].fillna(0).tolist() == [0, 20_000, 15_000]


def test_another_tenant_s_world_is_its_own(written):
    other = world.write(world.some_tenant(), factor=2)
    assert set(other.properties.values()) & set(written.properties.values()) == {world.SHARED_ID}
    assert len(read(other, "property_physical")) == len(read(written, "property_physical"))
