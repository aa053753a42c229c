"""A backfill puts all that is current online, whatever was there before."""

import features_world as world
import pyarrow as pa
import pytest
from features_world import COUNTY, HOUR, PROPERTY, THIRD, VANISHED
from going_online import NOTHING, materialized, read, run

from estate.features.definitions import VIEWS
from estate.features.offline import current
from estate.features.online import OnlineStore
from estate.warehouse import Warehouse

pytestmark = [pytest.mark.servers]

ALL = NOTHING | {"properties_written": 11, "markets_written": 2}


@pytest.fixture
def written(settings_env):
    return world.write(world.some_tenant())


def all_online(written):
    entities = [(one, "property_v1") for one in written.properties.values()] + [(COUNTY, "market_v1"), (world.OTHER_COUNTY, "market_v1")]
    return [read(written.tenant, entity, service) for entity, service in entities]


def test_an_emptied_redis_is_healed_and_a_repeat_changes_nothing(written, servers, settings_env):
    run(written.tenant)
    before = all_online(written)
    servers.redis_client(settings_env.features_redis_url).flushdb()
    assert run(written.tenant, "two", is_whole=True) == ALL
    assert all_online(written) == before
    assert run(written.tenant, "three", is_whole=True) == ALL
    assert all_online(written) == before


def test_what_is_pending_goes_online_with_the_rest(written):
    assert run(written.tenant, is_whole=True) == ALL | {"publications": 7}
    assert materialized(written.tenant) == sorted(written.publications)


def test_what_vanished_ever_since_is_taken_offline(written):
    with Warehouse(written.tenant) as warehouse:
        (rows,) = current(warehouse, VIEWS["property_physical"])
    gone = rows.slice(0, 1).set_column(0, "property_id", pa.array([written.properties[VANISHED]]))
    OnlineStore(written.tenant).write("property_id", {"property_physical": gone})
    assert run(written.tenant, is_whole=True) == ALL | {"properties_deleted": 1, "publications": 7}
    assert read(written.tenant, written.properties[VANISHED]) is None


def test_a_view_that_an_entity_lost_is_taken_offline(written):
    run(written.tenant)
    lost = [{"property_id": written.properties[4]}]
    world.publish(written.tenant, PROPERTY, [], THIRD + HOUR, closed=lost)
    assert run(written.tenant, "two", is_whole=True)["properties_written"] == 11
    assert set(read(written.tenant, written.properties[4]).event_at) == {"property_hazard"}


def test_a_tenant_with_properties_and_no_market_is_whole_without(settings_env):
    tenant = world.some_tenant()
    world.write_books(tenant)
    world.publish(tenant, PROPERTY, [world.home(tenant, number) for number in (1, 2)], THIRD)
    assert run(tenant, is_whole=True) == NOTHING | {"properties_written": 2, "publications": 1}


def test_a_tenant_without_data_has_nothing_to_fill(settings_env):
    assert run(world.some_tenant(), is_whole=True) == NOTHING
