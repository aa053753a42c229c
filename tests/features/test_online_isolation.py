"""No tenant reaches another's features: proven by every command that Redis is sent, and by what the other's entities give."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from online_rows import redis_url, service, table
from redis_watch import keys, verbs, watched

from estate.features.definitions import SERVICES, VIEWS, project_of
from estate.features.layout import KeyLayout
from estate.features.online import OnlineStore
from tests import frames
from tests.api.own_redis import OwnRedis

PHYSICAL = "property_physical"
YEAR = service(property_physical=("year_built",))
SHARED = "an entity of both"
# Whatever could find or drop what it was not told the key of, and whatever leaves the database that the address names.
WITHOUT_A_KEY = {
    "KEYS", "SCAN", "RANDOMKEY", "FLUSHDB", "FLUSHALL", "EVAL", "EVALSHA", "FCALL", "SWAPDB", "SORT", "MOVE", "COPY", "RENAME", "MIGRATE",
    "DUMP", "CONFIG",
}  # fmt: skip
COMMANDS = {"HSET", "EXPIRE", "HMGET", "DEL", "HDEL", "MEMORY", "GET", "SET"}


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    server = OwnRedis()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tenants():
    """Two tenants, the first name a part of the second, as are their projects."""
    return frames.some_tenant("lake"), frames.some_tenant("lakeside")


@pytest.fixture
def stores(tenants, own_redis):
    return [OnlineStore(tenant, own_redis.url) for tenant in tenants]


def everything(store: OnlineStore) -> None:
    """All that a store can do, with more than one view, slice and kind of entity."""
    ids = [SHARED, "x", 'a "quoted" \\ one\r\nof 日本']
    store.write("property_id", {view: table(view, {one: {} for one in ids}) for view in SERVICES["property_v1"].features})
    store.write(
        "property_id", {PHYSICAL: table(PHYSICAL, {SHARED: {"year_built": 1}}), "property_hazard": table("property_hazard", {"x": {}})}
    )
    store.write("county_fips", {"market_current": table("market_current", {"53033": {}})})
    for asked in SERVICES.values():
        store.read(asked, [*ids, "not there"])
    store.memory_bytes("property_id", ids)
    for is_renewed in (True, False):
        store.mark(store.marker() or "", is_renewed=is_renewed)
    store.delete("property_id", ids[1:], views=[PHYSICAL])
    store.delete("property_id", [*ids, "not there"])
    store.delete("county_fips", ["53033"])


@pytest.mark.parametrize("acting", [0, 1])
def test_every_key_in_every_command_is_of_the_acting_tenant_and_of_no_other(stores, tenants, own_redis, acting):
    with watched(own_redis.url) as commands:
        everything(stores[acting])
    tenant, other = tenants[acting], tenants[1 - acting]
    assert verbs(commands) == COMMANDS
    assert len(keys(commands)) > 40
    for key in keys(commands):
        assert key.endswith(str(tenant.tenant_id).encode() + project_of(tenant).encode()), key
    said = b" ".join(word for command in commands for word in command)
    assert str(other.tenant_id).encode() not in said
    # The other way round the name of the one is a part of the other's.
    assert acting == 1 or project_of(other).encode() not in said


def test_nothing_is_ever_sent_that_could_reach_keys_it_does_not_name(stores, own_redis):
    with watched(own_redis.url) as commands:
        for store in stores:
            everything(store)
    assert len(commands) > 80
    assert not verbs(commands) & WITHOUT_A_KEY


def test_watching_sees_what_another_would_send(own_redis):
    with watched(own_redis.url) as commands, own_redis.client() as client:
        list(client.scan_iter("*"))
        client.set(b'\x00"\\\r\n\xff', 1)
    assert [b"SCAN", b"0", b"MATCH", b"*"] in commands
    assert [b"SET", b'\x00"\\\r\n\xff', b"1"] in commands


def test_the_other_tenant_s_entity_is_not_there_and_one_that_both_have_is_each_s_own(stores):
    one, other = stores
    one.write("property_id", {PHYSICAL: table(PHYSICAL, {SHARED: {"year_built": 1}, "only one's": {"year_built": 1}})})
    assert other.read(YEAR, [SHARED, "only one's"]) == [None, None]
    other.write("property_id", {PHYSICAL: table(PHYSICAL, {SHARED: {"year_built": 2}})})
    assert [store.read(YEAR, [SHARED])[0].values["year_built"] for store in stores] == [1, 2]
    assert other.delete("property_id", [SHARED, "only one's"]) == 1
    assert [row.values["year_built"] for row in one.read(YEAR, [SHARED, "only one's"])] == [1, 1]


@pytest.mark.parametrize("stolen", [{"slug"}, {"tenant_id"}], ids=["the other's project", "the other's identifier"])
def test_neither_the_other_s_project_nor_its_identifier_alone_opens_anything(stores, tenants, own_redis, stolen):
    stores[0].write("property_id", {view: table(view, {SHARED: {}}) for view, of in VIEWS.items() if of.entity == "property_id"})
    posing = tenants[1].model_copy(update={name: getattr(tenants[0], name) for name in stolen})
    thief = OnlineStore(posing, own_redis.url)
    for asked in SERVICES.values():
        assert thief.read(asked, [SHARED]) == [None]
    assert thief.memory_bytes("property_id", [SHARED]) == [0]
    assert thief.delete("property_id", [SHARED]) == 0
    assert stores[0].read(YEAR, [SHARED]) != [None]


def test_an_identifier_cannot_be_written_so_that_it_names_another_tenant_s_key(stores, tenants, own_redis):
    """A key ends with the tenant, but each part of it carries its length: what is put into the identifier stays in the identifier."""
    theirs = KeyLayout(project_of(tenants[0]), "property_id", str(tenants[0].tenant_id)).key(SHARED)
    stores[0].write("property_id", {PHYSICAL: table(PHYSICAL, {SHARED: {"year_built": 1}})})
    rest = theirs[theirs.index(SHARED.encode()) :]
    crafted = [theirs.decode(), rest.decode(), f"{SHARED}{tenants[0].tenant_id}", f"{SHARED}\x00", "*", f"{SHARED}\r\nFLUSHALL\r\n"]
    stores[1].write("property_id", {PHYSICAL: table(PHYSICAL, {one: {"year_built": 2} for one in crafted})})
    assert stores[1].delete("property_id", crafted) == len(crafted)
    with own_redis.client() as client:
        assert client.keys("*") == [theirs]
    assert stores[0].read(YEAR, [SHARED])[0].values == {"year_built": 1}


def test_the_server_s_own_rule_keeps_the_store_to_its_keys(servers):
    """The user that the platform's address names can neither list nor drop keys, nor touch others than features."""
    with redis.Redis.from_url(redis_url(servers)) as client:
        for command in (["KEYS", "*"], ["FLUSHDB"], ["FLUSHALL"], ["GET", "estate:cache:v1:x"]):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)
