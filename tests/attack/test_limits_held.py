"""The limits, through the whole application: exact for many at once, the same by every road, and there while Redis is not."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from issuer import HARBORVIEW, LAKESIDE, bearer
from own_redis import OwnRedis

from api import create_app
from api.limits import DEFAULT_LIMITS, Limiter, keys_of
from api.resource import ROUTES
from estate.settings import Settings
from tests.attack.ground import NAMES, TENANTS, UNLIMITED, Ground, a_key
from tests.attack.report import Attack, Held, attacks, one
from tests.attack.routes import NEEDED, UNGUARDED, operations, own

pytestmark = pytest.mark.servers
PATH = "/api/v1/hazard-layers"  # a plain read
PATIENT_S = 5.0


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    server = OwnRedis()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def limited(ground: Ground, api_settings: Callable[..., Settings]) -> Iterator[Callable[..., Flask]]:
    """An application with limits that can be reached, counted in the Redis at `url`."""
    made: list[Flask] = []

    def make(url: str, timeout_s: float = PATIENT_S, **limits: int) -> Flask:
        kept = ("api_database_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
        app = create_app(api_settings(redis_url=url, **{name: getattr(ground.settings, name) for name in kept}), TENANTS)
        few = {tenant_id: {**UNLIMITED, **limits} for tenant_id in NAMES}
        platform = app.extensions["real-estate-os"]
        app.extensions["real-estate-os"] = replace(platform, limiter=Limiter(url, few, timeout_s))
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["real-estate-os"].close()


def get(app: Flask, headers: dict[str, str], path: str = PATH, **how: Any) -> int:
    return app.test_client().get(path, headers=headers, **how).status_code


def let_through(app: Flask, requests: list[dict[str, str]], path: str = PATH) -> tuple[int, set[int]]:
    """How many of these requests were let through, and every status."""
    found = [get(app, headers, path) for headers in requests]
    return found.count(200), set(found)


# Exactness


@one("P4", "p4-concurrent", "sixty requests of one subject at once, of which twenty may pass", "exactly twenty, the others 429")
def test_many_at_once_get_exactly_the_limit(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    app = limited(own_redis.url, read=20)
    who = ground.who(sub="at once")
    get(app, ground.who(sub="first"))
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: get(app, who), range(60)))
    assert (found.count(200), found.count(429)) == (20, 40)
    held("20 let through, 40 times 429")


@one("P4", "p4-two-processes", "two applications that share a Redis, asked in turn", "one limit for both")
def test_two_applications_share_the_limit(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    first, second = limited(own_redis.url, read=10), limited(own_redis.url, read=10)
    who = ground.who(sub="twice")
    found = [get((first, second)[number % 2], who) for number in range(16)]
    assert (found.count(200), found.count(429)) == (10, 6)
    held("10 let through, 6 times 429")


# Ways to a new budget


def disguises(name: str, ground: Ground) -> list[dict[str, str]]:  # noqa: C901, PLR0911 - one a kind
    """Thirty requests of one tenant that try to look like others."""
    me = ground.who(sub="me")
    if name == "forwarded":
        headers = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "X-Cluster-Client-IP")
        return [{**me, headers[number % 7]: f"10.0.0.{number}"} for number in range(30)]
    if name == "agent":
        return [
            {**me, "User-Agent": f"agent {number}", "Cookie": f"session={number}", "X-Request-ID": f"r{number}"} for number in range(30)
        ]
    if name == "reissued":
        return [ground.who(sub="me", jti=str(uuid.uuid4()), sid=str(number), azp=f"client-{number}") for number in range(30)]
    if name == "roles":
        return [ground.who(LAKESIDE, ("viewer", "analyst", "admin")[number % 3], sub="me") for number in range(30)]
    if name == "algorithm":
        return [ground.who(sub="me", aud=["real-estate-os", f"other-{number}"]) for number in range(30)]
    if name == "tenant-header":
        return [{**me, "X-Tenant-ID": str(uuid.uuid4())} for _ in range(30)]
    if name == "subjects":
        return [ground.who(sub=f"me {number}") for number in range(30)]
    if name == "subject-case":
        return [ground.who(sub="".join(part) + " " * (number // 8)) for number, part in enumerate(["me", "ME", "Me", "mE"] * 8)][:30]
    if name == "subject-braces":
        return [ground.who(sub=f"}}:{{{HARBORVIEW}}}:window:{number}") for number in range(30)]
    if name == "keys":
        return [bearer(str(a_key(ground, LAKESIDE, "viewer"))) for _ in range(30)]
    mixed = [ground.who(sub=f"token {number}") for number in range(15)]
    return [*mixed, *(bearer(str(a_key(ground, LAKESIDE, "viewer"))) for _ in range(15))]


@attacks(
    "P4",
    Attack("p4-forwarded", "a forged client address in seven headers with each request", "no new budget", ("forwarded", "read")),
    Attack("p4-agent", "another user agent, cookie and request id with each request", "no new budget", ("agent", "read")),
    Attack("p4-reissued", "a new token of the same subject, session and client with each request", "no new budget", ("reissued", "read")),
    Attack("p4-roles", "tokens of the same subject in three roles in turn", "no new budget", ("roles", "read")),
    Attack("p4-audiences", "tokens of the same subject for other audiences beside ours", "no new budget", ("algorithm", "read")),
    Attack("p4-tenant-header", "a header that names another tenant with each request", "no new budget", ("tenant-header", "read")),
    Attack("p4-subjects", "another subject with each request", "the tenant's limit holds over all", ("subjects", "tenant")),
    Attack("p4-subject-case", "a subject in other cases and with blanks", "the tenant's limit holds over all", ("subject-case", "tenant")),
    Attack(
        "p4-subject-braces",
        "a subject that would name another tenant's key",
        "the tenant's limit holds over all",
        ("subject-braces", "tenant"),
    ),
    Attack("p4-keys", "a new API key with each request", "the tenant's limit holds over all", ("keys", "tenant")),
    Attack("p4-tokens-and-keys", "tokens and API keys of one tenant in turn", "they share the tenant's limit", ("mixed", "tenant")),
)
def test_no_disguise_brings_a_new_budget(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    name, limit = attack.payload
    app = limited(own_redis.url, **{limit: 12})
    count, statuses = let_through(app, disguises(name, ground))
    assert (count, statuses) == (12, {200, 429})
    assert get(app, ground.who(HARBORVIEW)) == 200, "the other tenant is not touched"
    held("12 of 30 let through, then 429; the other tenant's own is whole")


@one("P4", "p4-other-tenant-spends", "one tenant spends all it has, to shut the other out", "the other's budget is whole")
def test_a_tenant_cannot_spend_the_other_s_budget(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    app = limited(own_redis.url, tenant=15)
    let_through(app, [ground.who(HARBORVIEW, sub="same") for _ in range(40)])
    assert let_through(app, [ground.who(LAKESIDE, sub="same") for _ in range(16)]) == (15, {200, 429})
    held("whole")


WASTED: dict[str, tuple[str, dict[str, Any]]] = {
    "absent": ("addresses that do not exist below a real one", {"path": f"/api/v1/properties/{uuid.UUID(int=9)}"}),
    "refused": ("parameters that are refused", {"path": f"{PATH}?unknown=1"}),
    "forbidden": ("routes for which the role is too small", {"path": "/api/v1/audit", "role": "viewer"}),
    "head": ("HEAD in the place of GET", {"method": "HEAD"}),
    "method": ("methods that are not known", {"method": "DELETE"}),
    "unmatched": ("addresses that no route answers", {"path": "/api/v1/absent"}),
    "unchanged": ("answers that are known already (304)", {"match": "*"}),
}


@attacks(
    "P4",
    *(Attack(f"p4-uncounted-{name}", f"requests that might not count: {said}", "each counts", how) for name, (said, how) in WASTED.items()),
)
def test_whatever_is_answered_counts(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    app = limited(own_redis.url, tenant=10)
    how = attack.payload
    who = ground.who(LAKESIDE, how.get("role", "admin"), sub="me") | ({"If-None-Match": how["match"]} if "match" in how else {})
    found = [app.test_client().open(how.get("path", PATH), method=how.get("method", "GET"), headers=who).status_code for _ in range(14)]
    assert found[10:] == [429] * 4
    assert 429 not in found[:10]
    held("each counts; the eleventh is 429")


@one("P4", "p4-strangers", "a thousand requests without a sound credential", "401, and no key of theirs in Redis")
def test_strangers_fill_no_redis(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    app = limited(own_redis.url)
    assert {get(app, bearer(f"x{number}.y.z")) for number in range(1000)} == {401}
    with own_redis.client() as store:
        assert store.dbsize() == 0
    held("401, no key")


@one("P4", "p4-health", "the open routes after all limits are spent, and five hundred times", "never 429")
def test_health_is_exempt(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    app = limited(own_redis.url, tenant=1)
    who = ground.who(sub="me")
    assert let_through(app, [who] * 3)[0] == 1
    assert {get(app, who, path) for path in UNGUARDED.values() if "docs" not in path} == {200}
    assert {get(app, {}, "/health/live") for _ in range(500)} == {200}
    held("never 429")


@one("P4", "p4-classes", "every route, asked with its class spent", "429 with Retry-After and the class's limit, as a problem")
def test_every_route_is_counted_in_its_class(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    for cost in ("read", "search", "compute", "export"):
        app = limited(own_redis.url, **{cost: 1})
        for operation in operations(ground.app):
            if ROUTES[operation.endpoint].cost != cost:
                continue
            who = ground.who(sub=f"{cost} {operation.endpoint}")
            body: dict[str, Any] = {"json": operation.body()} if operation.has_body else {}
            asked = {"method": operation.method, "headers": who, "query_string": NEEDED.get(operation.endpoint), **body}
            first, second = (app.test_client().open(operation.path(own(ground)), buffered=True, **asked) for _ in range(2))
            assert (first.status_code, second.status_code) == (200, 429), operation.endpoint
            assert (second.json["type"], second.headers["X-RateLimit-Limit"]) == ("/problems/rate-limited", "1")
            assert 1 <= int(second.headers["Retry-After"]) <= 120
    assert DEFAULT_LIMITS["compute"] == 60
    held("429 on each")


# While Redis is not there


def trouble(name: str, server: OwnRedis) -> str:
    """Bring Redis into this state; the address at which it is."""
    if name == "absent":
        return "redis://127.0.0.1:1/0"
    if name == "hangs":
        server.freeze()
        return server.url
    with server.client() as store:
        for key in keys_of(LAKESIDE, "me"):
            if name == "wrong-type":
                store.hset(key, "a", "b")
            elif name == "garbage":
                store.set(key, b"\xff" * 44)
        if name == "full":
            store.config_set("maxmemory", 1)
        elif name == "password":
            store.config_set("requirepass", "secret")
        elif name == "replica":
            store.execute_command("REPLICAOF", "127.0.0.1", "1")
    return server.url


@attacks(
    "P4",
    Attack("p4-redis-absent", "nothing listens where Redis should be", "the limit holds in this process, never 5xx", "absent"),
    Attack("p4-redis-hangs", "Redis takes connections and says nothing", "the limit holds in this process, never 5xx", "hangs"),
    Attack("p4-redis-wrong-type", "a hash under the limiter's keys", "the limit holds in this process, never 5xx", "wrong-type"),
    Attack("p4-redis-full", "Redis has no memory left", "the limit holds in this process, never 5xx", "full"),
    Attack("p4-redis-password", "Redis asks for a password that nobody gave", "the limit holds in this process, never 5xx", "password"),
    Attack("p4-redis-replica", "Redis became a replica that takes no writes", "the limit holds in this process, never 5xx", "replica"),
)
def test_the_limit_holds_while_redis_does_not(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    app = limited(trouble(attack.payload, own_redis), timeout_s=0.05, read=7)
    try:
        assert let_through(app, [ground.who(sub="me")] * 12) == (7, {200, 429})
        assert app.extensions["real-estate-os"].limiter.is_degraded
    finally:
        own_redis.thaw()
    held("7 of 12 let through, then 429")


@one(
    "P4",
    "p4-redis-garbage",
    "counters of another form under the limiter's keys, all bits set",
    "begun anew or full: never 5xx, never without end",
)
def test_garbage_in_a_counter_is_no_way_out(ground: Ground, own_redis: OwnRedis, limited: Any, attack: Attack, held: Held) -> None:
    app = limited(trouble("garbage", own_redis), read=7)
    count, statuses = let_through(app, [ground.who(sub="me")] * 12)
    assert count <= 7
    assert statuses <= {200, 429}
    held("at most 7 of 12 let through")
