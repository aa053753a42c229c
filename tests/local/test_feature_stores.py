"""Where features are kept on one machine: who may do what in Redis and in the registry's schema."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import redis

from estate.settings import Settings
from local.environment import database_url, redis_url
from tests.servers import Database, Servers

pytestmark = pytest.mark.servers

KEY = "property 1 of estate_lakeside"


@pytest.fixture
def features(settings_env: Settings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings_env.features_redis_url) as client:
        yield client


@pytest.fixture
def server(servers: Servers, features: redis.Redis) -> Iterator[redis.Redis]:
    """The same logical database, as the server's own user."""
    with redis.Redis.from_url(redis_url(servers.machine, features.connection_pool.connection_kwargs["db"])) as client:
        yield client


@pytest.mark.parametrize(
    "command",
    ["KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "FLUSHALL", "FLUSHDB", "CONFIG GET maxmemory", "ACL LIST", "SAVE", "SHUTDOWN NOSAVE"],
)
def test_who_holds_features_can_neither_list_all_nor_drop_all_nor_change_the_server(features: redis.Redis, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        features.execute_command(*command.split())


def test_who_holds_features_writes_reads_and_drops_them(features: redis.Redis) -> None:
    pipeline = features.pipeline(transaction=False)
    pipeline.hset(KEY, mapping={"a": "1", "b": "2"})
    pipeline.expire(KEY, 60)
    pipeline.hmget(KEY, ["a", "c"])
    assert pipeline.execute() == [2, True, [b"1", None]]
    assert features.memory_usage(KEY)
    assert features.delete(KEY) == 1


def test_who_holds_features_reaches_no_other_keys(features: redis.Redis, server: redis.Redis) -> None:
    server.set("estate:cache:v1:page", "kept", ex=60)
    with pytest.raises(redis.exceptions.NoPermissionError):
        features.get("estate:cache:v1:page")
    with pytest.raises(redis.exceptions.NoPermissionError):
        features.set("another", "1")


def test_features_lie_in_another_logical_database_than_what_the_api_keeps(settings_env: Settings) -> None:
    api, features = (redis.connection.parse_url(url) for url in (settings_env.redis_url, settings_env.features_redis_url))
    assert (api["host"], api["port"]) == (features["host"], features["port"])
    assert features["db"] == api["db"] + 32


def test_the_registry_s_role_has_its_schema_and_sees_nothing_else(database: Database, servers: Servers) -> None:
    url = database_url(servers.machine, "registry", database.name)
    with psycopg.connect(url, autocommit=True, options="-c search_path=registry") as connection:
        connection.execute("CREATE TABLE own (id integer)")
        connection.execute("DROP TABLE own")
        for statement in (
            "SELECT 1 FROM normalize.property",
            "SELECT 1 FROM platform.tenant",
            "CREATE TABLE public.own (id integer)",
            "CREATE TEMPORARY TABLE own (id integer)",
            "CREATE SCHEMA own",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        owned = connection.execute(
            "SELECT DISTINCT relnamespace::regnamespace::text FROM pg_class WHERE relowner = 'estate_registry'::regrole AND relkind = 'r'"
        ).fetchall()
    assert owned in ([], [("registry",)])


@pytest.mark.parametrize("role", ["pipeline", "api", "owner"])
def test_no_other_role_reads_the_registry(database: Database, servers: Servers, role: str) -> None:
    url = database_url(servers.machine, role, database.name)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE registry.own (id integer)")
