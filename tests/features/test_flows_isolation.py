"""No tenant reaches another's features, in the flows that run every day: proven by every command that they send to Redis."""

from __future__ import annotations

from collections.abc import Iterator

import features_world as world
import pytest
from going_online import NOTHING, read, run, through
from redis_watch import verbs, watched

from estate.features.audit import audit
from estate.features.definitions import project_of
from estate.settings import Settings
from tests.api.own_redis import OwnRedis

pytestmark = [pytest.mark.servers]

# Where a command names its keys. What is not here finds or drops what it was not told the key of, or has no business here.
ONE_KEY = {"HSET", "HMGET", "HGET", "HDEL", "HEXISTS", "EXPIRE", "GET", "SET"}
KEYS_ONLY = {"DEL", "EXISTS", "UNLINK"}
NO_KEY = {"MULTI", "EXEC"}


def keys(command: list[bytes]) -> list[bytes]:
    """Every key that the command names. Raises AssertionError for one that is not allowed."""
    verb, *rest = command
    name = verb.decode().upper()
    assert name in ONE_KEY | KEYS_ONLY | NO_KEY, command
    return rest[:1] if name in ONE_KEY else rest if name in KEYS_ONLY else []


@pytest.fixture
def own_redis(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnRedis]:
    server = OwnRedis()
    server.start()
    through(server.url, monkeypatch)
    yield server
    server.stop()


def a_day(written: world.World) -> None:
    """All that brings features online, compares and reads them, with a property that vanishes on the way and a view that one loses."""
    tenant, gone, lost = written.tenant, [{"property_id": written.properties[4]}], [{"property_id": written.properties[5]}]
    run(tenant, "features_materialize/one")
    world.publish(tenant, world.PROPERTY, [], world.THIRD + world.HOUR, closed=gone + lost)
    world.publish(tenant, world.EXPOSURE, [], world.THIRD + 2 * world.HOUR, closed=gone)
    assert run(tenant, "features_materialize/two") == NOTHING | {"properties_written": 1, "properties_deleted": 1, "publications": 2}
    assert run(tenant, "features_backfill/one", is_whole=True)["properties_written"] == 10
    assert (audit(tenant, "features_audit/one")["mismatch_count"] == 0).all()
    for service in ("property_v1", "valuation_v1", "risk_v1"):
        assert read(tenant, world.SHARED_ID, service) is not None
    assert read(tenant, world.COUNTY, "market_v1") is not None


def test_every_command_of_every_flow_names_keys_of_the_acting_tenant_and_of_no_other(own_redis: OwnRedis) -> None:
    both = [world.write(world.some_tenant()), world.write(world.some_tenant(), factor=2)]
    for acting, other in (both, both[::-1]):
        with watched(own_redis.url) as commands:
            a_day(acting)
        sent = [command for command in commands if verbs([command])]
        named = [key for command in sent for key in keys(command)]
        assert {"HSET", "EXPIRE", "HMGET", "DEL", "HDEL", "GET", "SET"} <= verbs(sent)
        assert len(named) > 60
        for key in named:
            assert key.endswith(str(acting.tenant.tenant_id).encode() + project_of(acting.tenant).encode()), key
        said = b" ".join(word for command in sent for word in command)
        assert str(other.tenant.tenant_id).encode() not in said
        assert project_of(other.tenant).encode() not in said
    assert read(both[0].tenant, world.SHARED_ID).values["living_area_sqft"] == 2_200
    assert read(both[1].tenant, world.SHARED_ID).values["living_area_sqft"] == 4_400
