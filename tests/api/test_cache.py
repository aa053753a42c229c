"""The response cache: what was kept comes back whole and only to whom it was kept for; anything doubtful is a miss."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from issuer import HARBORVIEW, LAKESIDE
from own_redis import OwnRedis

from api.cache import MAX_VALUE_BYTES, Kept, ResponseCache, key_of, packed, unpacked
from api.limits import Limiter
from estate.settings import Settings
from tests.servers import Servers

PATIENT_S = 5.0
ANSWER = Kept(200, "application/json", (("Link", '</x?cursor=ü>; rel="next"'), ("Vary", "Accept")), b'{"a": 1}\x00\xff')
ASKED: dict[str, Any] = {
    "path": "/api/v1/properties", "query": [("situs_zip", "50010"), ("sort", "value")], "roles": ["viewer"],
    "representation": "application/json",
}  # fmt: skip
KEY = key_of(LAKESIDE, "v1", **ASKED)


@pytest.fixture
def cache(settings_env: Settings) -> ResponseCache:
    return ResponseCache(settings_env.redis_url, timeout_s=PATIENT_S)


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


# Keys


def test_a_key_names_tenant_and_version() -> None:
    assert KEY.startswith(f"estate:cache:v1:{LAKESIDE}:v1:")
    assert "50010" not in KEY


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/api/v1/sales"},
        {"query": [("situs_zip", "50010")]},
        {"query": [("situs_zip", "50010"), ("sort", "value"), ("sort", "value")]},
        {"query": [("situs_zip", "50010,sort=value")]},
        {"query": [("zip50010", ""), ("sort", "value")]},
        {"roles": ["viewer", "analyst"]},
        {"roles": []},
        {"representation": "application/geo+json"},
    ],
)
def test_whatever_the_answer_depends_on_is_in_the_key(other: dict[str, Any]) -> None:
    assert key_of(LAKESIDE, "v1", **{**ASKED, **other}) != KEY


def test_tenants_and_versions_never_share_a_key() -> None:
    assert len({key_of(tenant_id, version, **ASKED) for tenant_id in (LAKESIDE, HARBORVIEW) for version in ("v1", "v2")}) == 4


def test_the_order_of_parameters_and_roles_does_not_matter() -> None:
    turned = {**ASKED, "query": reversed(ASKED["query"]), "roles": frozenset(ASKED["roles"])}
    assert key_of(LAKESIDE, "v1", **turned) == KEY


def test_any_text_of_a_query_makes_a_key() -> None:
    odd = ["", "\0", "\ud800", "家", "a" * 4096, '"],["']
    assert len({key_of(LAKESIDE, "v1", **{**ASKED, "query": [("q", text)]}) for text in odd}) == len(odd)


# Values


def test_a_value_comes_back_as_it_was() -> None:
    assert unpacked(KEY, packed(KEY, ANSWER)) == ANSWER
    empty = Kept(200, "text/csv", (), b"")
    assert unpacked(KEY, packed(KEY, empty)) == empty


def test_every_byte_that_is_changed_or_lost_makes_it_foreign() -> None:
    value = packed(KEY, ANSWER)
    changed = [value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :] for at in range(len(value))]
    shortened = [value[:length] for length in range(len(value))]
    assert {unpacked(KEY, other) for other in [*changed, *shortened, value + b"\0"]} == {None}


def test_a_value_under_another_key_is_foreign() -> None:
    assert unpacked(key_of(HARBORVIEW, "v1", **ASKED), packed(KEY, ANSWER)) is None


@pytest.mark.parametrize(
    "header", [b"", b"{", b"null", b"[]", b'["x", "y", []]', b'[200, "y", 5]', b'[200, "y", [["a"]]]', b'[200, "y", [5]]', b"[1, 2, 3, 4]"]
)
def test_a_header_that_is_none_is_foreign_even_where_the_checksum_holds(header: bytes) -> None:
    checksum = zlib.crc32(header, zlib.crc32(KEY.encode()))
    assert unpacked(KEY, struct.pack("<4sII", b"ecv1", checksum, len(header)) + header) is None


# Redis


@pytest.mark.servers
def test_what_is_kept_is_found(cache: ResponseCache, client: redis.Redis) -> None:
    assert cache.get(KEY) is None
    assert cache.put(KEY, ANSWER)
    assert cache.get(KEY) == ANSWER
    assert 3590 < client.ttl(KEY) <= 3600  # type: ignore[operator]


@pytest.mark.servers
def test_an_answer_is_kept_no_longer_than_told(cache: ResponseCache, client: redis.Redis) -> None:
    cache.put(KEY, ANSWER, ttl_s=7)
    assert 0 < client.ttl(KEY) <= 7  # type: ignore[operator]


@pytest.mark.servers
def test_another_tenant_s_and_another_version_s_key_find_nothing(cache: ResponseCache) -> None:
    cache.put(KEY, ANSWER)
    assert cache.get(key_of(HARBORVIEW, "v1", **ASKED)) is None
    assert cache.get(key_of(LAKESIDE, "v2", **ASKED)) is None


@pytest.mark.servers
@pytest.mark.parametrize("value", [b"", b"x", b"\x80\x04\x95.", b"ecv1", packed(KEY, ANSWER)[:-1], packed("another", ANSWER)])
def test_what_is_not_ours_is_a_miss(cache: ResponseCache, client: redis.Redis, value: bytes) -> None:
    client.set(KEY, value)
    assert cache.get(KEY) is None
    assert cache.put(KEY, ANSWER)
    assert cache.get(KEY) == ANSWER


@pytest.mark.servers
def test_another_type_under_the_key_is_no_error(cache: ResponseCache, client: redis.Redis) -> None:
    client.delete(KEY)
    client.hset(KEY, "a", "b")
    assert cache.get(KEY) is None
    assert not cache.is_degraded


@pytest.mark.servers
def test_an_answer_of_more_than_a_mebibyte_is_not_kept(cache: ResponseCache, client: redis.Redis) -> None:
    overhead = len(packed(KEY, Kept(200, "text/csv", (), b"")))
    most = Kept(200, "text/csv", (), b"x" * (MAX_VALUE_BYTES - overhead))
    client.delete(KEY)
    assert not cache.put(KEY, Kept(200, "text/csv", (), most.body + b"x"))
    assert not cache.put(KEY, Kept(200, "text/csv", (), b"x" * (MAX_VALUE_BYTES + 1)))
    assert client.exists(KEY) == 0
    assert cache.put(KEY, most)
    assert cache.get(KEY) == most


# Without Redis


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1:1/0"])
def test_without_redis_everything_is_a_miss(url: str) -> None:
    cache = ResponseCache(url)
    assert not cache.put(KEY, ANSWER)
    assert cache.get(KEY) is None
    assert cache.is_degraded


@pytest.mark.servers
def test_a_redis_that_stops_is_a_miss_and_one_that_comes_back_is_used(own_redis: OwnRedis) -> None:
    cache = ResponseCache(own_redis.url, timeout_s=PATIENT_S)
    assert cache.put(KEY, ANSWER)
    own_redis.stop()
    assert cache.get(KEY) is None
    assert cache.is_degraded
    own_redis.start()
    cache._store._try_again_at = 0.0  # the second has passed
    assert cache.put(KEY, ANSWER)
    assert cache.get(KEY) == ANSWER
    assert not cache.is_degraded


@pytest.mark.servers
def test_limiter_and_cache_find_out_together_that_redis_hangs(own_redis: OwnRedis) -> None:
    cache, limiter = ResponseCache(own_redis.url), Limiter(own_redis.url, {})
    own_redis.freeze()
    assert cache.get(KEY) is None
    client = limiter._store._client
    assert client is not None
    client.execute_command = lambda *_: pytest.fail("Redis was asked though it is known to hang")  # type: ignore[method-assign]
    assert limiter.hit(LAKESIDE, "ada", "read").is_allowed
    assert limiter.is_degraded


@pytest.mark.servers
def test_a_full_redis_keeps_nothing_and_still_answers(own_redis: OwnRedis) -> None:
    cache = ResponseCache(own_redis.url, timeout_s=PATIENT_S)
    cache.put(KEY, ANSWER)
    with own_redis.client() as client:
        client.config_set("maxmemory", 1)
    assert not cache.put(KEY, ANSWER)
    assert cache.get(KEY) == ANSWER
