"""Limits: what is counted, over which minute, and exactly so for all processes that share a Redis."""

from __future__ import annotations

import multiprocessing
import random
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from asking import FEW, PATIENT_S, Clock, spend
from issuer import HARBORVIEW, LAKESIDE
from pydantic import ValidationError

from api.limits import COST_CLASSES, DEFAULT_LIMITS, Limiter, judged, keys_of
from estate.settings import Settings, Tenant
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


# What is counted; the same with Redis and without


@pytest.fixture(params=["local", pytest.param("shared", marks=pytest.mark.servers)])
def limiter(request: pytest.FixtureRequest) -> Limiter:
    found: Limiter = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("cost", COST_CLASSES)
def test_a_class_is_limited_to_its_own_number(limiter: Limiter, cost: str) -> None:
    limit = FEW[LAKESIDE][cost]
    found = spend(limiter, limit + 1, cost)
    assert [one.is_allowed for one in found] == [True] * limit + [False]
    assert [one.remaining for one in found] == [*range(limit - 1, -1, -1), 0]
    assert {one.limit for one in found} == {limit}


def test_a_refusal_says_when_to_come_back_and_a_permission_does_not(limiter: Limiter) -> None:
    allowed, refused = spend(limiter, 2, "export")
    assert (allowed.is_allowed, allowed.retry_after_s) == (True, 0)
    assert (refused.is_allowed, refused.remaining) == (False, 0)
    # The only request of this window leaves the sight of a sliding minute at the end of the next one.
    assert 60 <= refused.retry_after_s <= 120
    assert 60 <= refused.reset_s <= 120


def test_a_subject_s_total_holds_over_its_classes(limiter: Limiter) -> None:
    assert all(one.is_allowed for one in spend(limiter, 20, "read") + spend(limiter, 4, "search"))
    last = limiter.hit(LAKESIDE, "ada", "compute")
    assert (last.limit, last.remaining, last.is_allowed) == (25, 0, True)
    refused = limiter.hit(LAKESIDE, "ada", "compute")
    assert (refused.limit, refused.is_allowed) == (25, False)


def test_a_tenant_s_total_holds_over_its_subjects_and_touches_no_other_tenant(limiter: Limiter) -> None:
    found = [one.is_allowed for subject in ("ada", "bob", "cem") for one in spend(limiter, 20, "read", subject)]
    assert found == [True] * 40 + [False] * 20
    assert limiter.hit(LAKESIDE, "dan", "read").limit == 40
    other = limiter.hit(HARBORVIEW, "ada", "read")
    assert (other.limit, other.remaining) == (DEFAULT_LIMITS["read"], DEFAULT_LIMITS["read"] - 1)


def test_what_is_refused_counts_for_nothing(limiter: Limiter) -> None:
    assert [one.is_allowed for one in spend(limiter, 10, "export")] == [True] + [False] * 9
    # One is counted: 24 are left of the subject's 25.
    assert [one.is_allowed for one in spend(limiter, 20, "read") + spend(limiter, 5, "search")] == [True] * 24 + [False]


def test_the_answer_describes_the_tightest_limit(limiter: Limiter) -> None:
    assert [one.limit for one in spend(limiter, 18, "read")] == [20] * 18
    # 5 are left of searches, 7 of the subject's.
    assert [(one.limit, one.remaining) for one in spend(limiter, 1, "search")] == [(5, 4)]
    # 2 are left of reads, 6 of the subject's, 2 of computations.
    assert [(one.limit, one.remaining) for one in spend(limiter, 1, "compute")] == [(2, 1)]


def test_a_class_that_is_none_is_an_error_of_ours(limiter: Limiter) -> None:
    with pytest.raises(ValueError, match="'open'"):
        limiter.hit(LAKESIDE, "ada", "open")


@pytest.mark.parametrize("subject", ["", "a" * 5000, "ünï©ode 家", "half of a pair \ud800", "line\nbreak {x}", "\0"])
def test_any_subject_is_counted(limiter: Limiter, subject: str) -> None:
    assert [one.is_allowed for one in spend(limiter, 2, "export", subject)] == [True, False]
    assert limiter.hit(LAKESIDE, "somebody else", "export").is_allowed


def test_a_limit_that_does_not_exist_cannot_be_set() -> None:
    with pytest.raises(ValueError, match="upload"):
        Limiter("", {LAKESIDE: {"upload": 5}})


# Time


def test_the_present_window_counts_in_full_and_the_one_before_by_what_the_minute_still_covers(local: Limiter, clock: Clock) -> None:
    began = int(clock.now_s)
    spend(local, 20, "read")
    clock.now_s = began + 60 + 30
    found = spend(local, 11, "read")
    assert [one.is_allowed for one in found] == [True] * 10 + [False]
    assert found[0].remaining == 9
    # Half of the twenty fade over the next 30 seconds: one in three.
    assert found[-1].retry_after_s == 3


@pytest.mark.parametrize("asked_at_s", [0, 1, 17.5, 59.9, 60, 75, 119.5])
@pytest.mark.parametrize("cost", COST_CLASSES)
def test_whoever_waits_as_told_is_let_through_and_whoever_comes_a_second_early_is_not(
    local: Limiter, clock: Clock, cost: str, asked_at_s: float
) -> None:
    spend(local, 40, cost)
    clock.now_s += asked_at_s
    spend(local, 40, cost)
    refused = local.hit(LAKESIDE, "ada", cost)
    assert not refused.is_allowed
    asked_s = clock.now_s
    clock.now_s = asked_s + refused.retry_after_s - 1.01
    if clock.now_s > asked_s:
        assert not local.hit(LAKESIDE, "ada", cost).is_allowed
    clock.now_s = asked_s + refused.retry_after_s
    assert local.hit(LAKESIDE, "ada", cost).is_allowed


def test_after_the_reset_the_whole_limit_is_there(local: Limiter, clock: Clock) -> None:
    last = spend(local, 21, "read")[-1]
    clock.now_s += last.reset_s
    assert [one.is_allowed for one in spend(local, 21, "read")] == [True] * 20 + [False]


def test_in_no_minute_is_more_let_through_than_the_limit_and_what_fades(local: Limiter, clock: Clock) -> None:
    """Two buckets are an approximation: after a burst at the end of a window, at most as much again trickles in over the next minute."""
    chance = random.Random(7)
    let_through: list[float] = []
    for _ in range(4000):
        clock.now_s += chance.choice((0, 0, 0.01, 0.1, 1, 5))
        if local.hit(LAKESIDE, "ada", "read").is_allowed:
            let_through.append(clock.now_s)
    span_s = let_through[-1] - let_through[0]
    assert len(let_through) <= 20 * (span_s / 60 + 2)
    assert max(sum(1 for one in let_through if start <= one < start + 60) for start in let_through) < 40


@pytest.mark.parametrize("jump_s", [-1, -59, -3600, -1e9])
def test_a_clock_that_is_set_back_forgets_nothing_and_locks_nobody_out(local: Limiter, clock: Clock, jump_s: float) -> None:
    spend(local, 20, "read")
    clock.now_s += jump_s
    refused = local.hit(LAKESIDE, "ada", "read")
    assert not refused.is_allowed
    assert 1 <= refused.retry_after_s <= 120
    clock.now_s += refused.retry_after_s
    assert local.hit(LAKESIDE, "ada", "read").is_allowed


@pytest.mark.parametrize("jump_s", [120, 3600, 1e9])
def test_a_clock_that_jumps_ahead_begins_anew_and_is_limited_again(local: Limiter, clock: Clock, jump_s: float) -> None:
    spend(local, 20, "read")
    clock.now_s += jump_s
    assert [one.is_allowed for one in spend(local, 21, "read")] == [True] * 20 + [False]


# Redis


@pytest.mark.servers
def test_the_script_and_the_local_windows_say_the_same_of_any_window(client: redis.Redis, shared: Limiter) -> None:
    chance = random.Random(11)
    tenant_key, subject_key = keys_of(LAKESIDE, "ada")
    limits = {name: FEW[LAKESIDE][name] for name in ("tenant", "subject")}
    outcomes = set()
    for _ in range(300):
        now_s = redis_time(client)
        tenant = [int(now_s) - chance.randrange(-70, 200), chance.randrange(45), chance.randrange(41)]
        counts = [number for most in (25, 20, 5, 2, 1) for number in (chance.randrange(most + 2), chance.randrange(most + 1))]
        subject = [int(now_s) - chance.randrange(-70, 200), *counts]
        client.set(tenant_key, struct.pack("<3I", *tenant))
        client.set(subject_key, struct.pack("<11I", *subject))
        place = chance.randrange(4) + 1
        cost = COST_CLASSES[place - 1]
        before_s = redis_time(client)
        said = shared.hit(LAKESIDE, "ada", cost)
        after_s = redis_time(client)
        chosen = (limits["tenant"], limits["subject"], FEW[LAKESIDE][cost])
        # The script read its clock between these two moments.
        assert said in [judged(list(tenant), list(subject), place, chosen, moment) for moment in (before_s, after_s)]
        outcomes.add((said.is_allowed, said.limit))
    assert outcomes >= {(True, 20), (False, 20), (False, 25), (False, 40), (False, 5), (False, 2), (False, 1)}


def redis_time(client: redis.Redis) -> float:
    seconds, micros = client.time()  # type: ignore[misc]
    return float(seconds + micros / 1e6)


def _hammer(url: str, start: Any, answers: Any) -> None:
    limiter = Limiter(url, {LAKESIDE: {"search": 300}}, timeout_s=PATIENT_S)
    allowed: list[bool] = []

    def ask() -> None:
        start.wait()
        allowed.extend(limiter.hit(LAKESIDE, "ada", "search").is_allowed for _ in range(6))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put((sum(allowed), len(allowed), limiter.fallback_count))


@pytest.mark.servers
def test_fifty_threads_of_two_processes_get_exactly_the_limit(client: redis.Redis, settings_env: Settings) -> None:
    client.flushdb()
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(100), context.Queue()
    processes = [context.Process(target=_hammer, args=(settings_env.redis_url, start, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert [(asked, fallen_back) for _, asked, fallen_back in found] == [(300, 0)] * 2
    assert sum(allowed for allowed, _, _ in found) == 300


@pytest.mark.servers
def test_keys_name_tenant_and_strategy_hold_no_name_of_a_person_and_expire(client: redis.Redis, shared: Limiter) -> None:
    client.flushdb()
    for cost in COST_CLASSES:
        shared.hit(LAKESIDE, "ada@example.com", cost)
    keys = sorted(client.keys())  # type: ignore[type-var, arg-type]
    assert len(keys) == 2, "one for the tenant, one for the subject with all its classes"
    for key in keys:
        assert key.startswith(f"estate:limit:v1:{{{LAKESIDE}}}:window".encode())
        assert b"ada" not in key
        assert 0 < client.pttl(key) <= 120_000  # type: ignore[operator]
        assert client.memory_usage(key) <= 250  # type: ignore[operator]


@pytest.mark.servers
def test_the_script_is_sent_anew_to_a_server_that_does_not_know_it(client: redis.Redis, shared: Limiter) -> None:
    client.script_flush()
    assert shared.hit(LAKESIDE, "ada", "read").is_allowed
    assert (shared.fallback_count, shared.is_degraded) == (0, False)


@pytest.mark.servers
def test_a_value_of_another_length_is_begun_anew(client: redis.Redis, shared: Limiter) -> None:
    for key in keys_of(LAKESIDE, "ada"):
        client.set(key, b"foreign")
    assert shared.hit(LAKESIDE, "ada", "export").is_allowed
    assert not shared.hit(LAKESIDE, "ada", "export").is_allowed
    assert shared.fallback_count == 0


# Settings


def test_a_tenant_s_own_limits_replace_the_defaults_that_they_name() -> None:
    limiter = Limiter("", {HARBORVIEW: {"export": 2}})
    assert [one.is_allowed for one in spend(limiter, 3, "export", tenant_id=HARBORVIEW)] == [True, True, False]
    assert limiter.hit(HARBORVIEW, "bob", "read").limit == DEFAULT_LIMITS["read"]


@pytest.mark.parametrize(
    "limits", [{"upload": 5}, {"read": 0}, {"read": -1}, {"read": True}, {"read": "5"}, {"read": 1.5}, {"read": 10**10}]
)
def test_limits_of_a_tenant_have_known_names_and_positive_whole_numbers(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Tenant(tenant_id=LAKESIDE, slug="lakeside", name="Lakeside", limits=limits)


def test_every_limit_can_be_set_for_a_tenant() -> None:
    tenant = Tenant(tenant_id=LAKESIDE, slug="lakeside", name="Lakeside", limits=DEFAULT_LIMITS)
    assert tenant.limits == DEFAULT_LIMITS
    assert hash(tenant) == hash(Tenant(tenant_id=LAKESIDE, slug="lakeside", name="Lakeside"))
