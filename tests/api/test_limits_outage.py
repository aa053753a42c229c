"""Limits while Redis is away, slow, full or not ours: never an error, never unlimited, and Redis is asked again when it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis
from asking import FEW, PATIENT_S, Clock, spend
from issuer import LAKESIDE
from own_redis import OwnRedis

from api import limits as module
from api.limits import Limiter, LocalWindows, keys_of
from estate.settings import Settings
from tests.servers import Servers


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def local(clock: Clock) -> Limiter:
    """A limiter without Redis."""
    return Limiter("", FEW, clock=clock)


@pytest.fixture
def shared(settings_env: Settings) -> Limiter:
    """A limiter on the session's Redis, whose database is empty."""
    return Limiter(settings_env.redis_url, FEW, timeout_s=PATIENT_S)


@pytest.fixture
def client(servers: Servers, settings_env: Settings) -> Iterator[redis.Redis]:
    with servers.redis_client(settings_env.redis_url) as made:
        yield made


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    server = OwnRedis()
    server.start()
    yield server
    server.stop()


def assert_local(limiter: Limiter) -> None:
    """The limits hold in this process, and say so."""
    before = limiter.fallback_count
    assert [one.is_allowed for one in spend(limiter, 6, "search", f"fresh {before}")] == [True] * 5 + [False]
    assert (limiter.fallback_count, limiter.is_degraded) == (before + 6, True)


def test_a_redis_that_refuses_connections_is_replaced_by_this_process() -> None:
    assert_local(Limiter("redis://127.0.0.1:1/0", FEW))


def test_without_a_redis_each_process_counts_for_itself(local: Limiter) -> None:
    assert_local(local)


@pytest.mark.servers
def test_another_type_under_our_key_concerns_that_subject_only(client: redis.Redis, shared: Limiter) -> None:
    client.flushdb()
    _, subject_key = keys_of(LAKESIDE, "ada")
    client.hset(subject_key, "a", "b")
    assert [one.is_allowed for one in spend(shared, 2, "export")] == [True, False]
    assert (shared.fallback_count, shared.is_degraded) == (2, True)
    assert shared.hit(LAKESIDE, "bob", "export").is_allowed
    assert (shared.fallback_count, shared.is_degraded) == (2, False)


@pytest.mark.servers
def test_a_redis_that_stops_and_comes_back_is_noticed_both_times(own_redis: OwnRedis) -> None:
    limiter = Limiter(own_redis.url, FEW, timeout_s=PATIENT_S)
    assert limiter.hit(LAKESIDE, "ada", "read").is_allowed
    assert not limiter.is_degraded
    own_redis.stop()
    assert_local(limiter)
    own_redis.start()
    return_to(limiter)


def return_to(limiter: Limiter) -> None:
    """Ask until Redis counts again; it is tried once a second."""
    for _ in range(1000):
        limiter.hit(LAKESIDE, "eve", "read")
        if not limiter.is_degraded:
            return
        time.sleep(0.01)
    pytest.fail("Redis is back, and is not asked")


@pytest.mark.servers
def test_a_redis_that_hangs_costs_one_timeout_and_not_one_a_request(own_redis: OwnRedis) -> None:
    limiter = Limiter(own_redis.url, FEW, timeout_s=0.05)
    limiter.hit(LAKESIDE, "ada", "read")
    asked = []
    count = limiter._store._client.execute_command  # type: ignore[union-attr]
    limiter._store._client.execute_command = lambda *command: asked.append(command) or count(*command)  # type: ignore[union-attr, method-assign, func-returns-value]
    limiter._store._clock = Clock()
    own_redis.freeze()
    assert_local(limiter)
    assert len(asked) == 1
    limiter._store._clock.now_s += 1.0
    assert_local(limiter)
    assert len(asked) == 2
    own_redis.thaw()
    limiter._store._clock.now_s += 1.0
    return_to(limiter)


@pytest.mark.servers
def test_a_redis_that_is_full_is_replaced_by_this_process(own_redis: OwnRedis) -> None:
    limiter = Limiter(own_redis.url, FEW, timeout_s=PATIENT_S)
    with own_redis.client() as client:
        client.config_set("maxmemory", 1)
        assert_local(limiter)
        client.config_set("maxmemory", 0)
    return_to(limiter)


@pytest.mark.servers
def test_a_redis_that_became_a_replica_is_replaced_by_this_process(own_redis: OwnRedis) -> None:
    limiter = Limiter(own_redis.url, FEW, timeout_s=PATIENT_S)
    with own_redis.client() as client:
        client.replicaof("127.0.0.1", "1")
        assert_local(limiter)
        client.replicaof("NO", "ONE")
    return_to(limiter)


@pytest.mark.servers
def test_a_redis_that_wants_another_password_is_replaced_by_this_process(own_redis: OwnRedis) -> None:
    with own_redis.client() as client:
        client.config_set("requirepass", "secret")
    assert_local(Limiter(own_redis.url, FEW, timeout_s=PATIENT_S))


def test_the_windows_of_a_process_are_bounded(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(module, "LOCAL_KEYS", 100)
    windows = LocalWindows(clock)
    for number in range(1000):
        windows.count("tenant", f"subject {number}", 1, (2000, 10, 10))
    assert len(windows) == 100
    # The tenant, asked each time, is not among the forgotten.
    assert windows.count("tenant", "subject", 1, (1001, 10, 10)).limit == 1001
    assert not windows.count("tenant", "subject", 1, (1001, 10, 10)).is_allowed


def test_the_windows_of_a_process_are_exact_under_threads(local: Limiter) -> None:
    allowed: list[bool] = []
    threads = [threading.Thread(target=lambda: allowed.extend(one.is_allowed for one in spend(local, 10, "read"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(allowed), len(allowed)) == (20, 200)
