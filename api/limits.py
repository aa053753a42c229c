"""How much one may ask: sliding windows of a minute for a tenant, a subject, and a subject's requests of one class.

Counted in Redis for all processes at once; while Redis is away, in this process, with the same limits. Never an error, never unlimited.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from uuid import UUID

from cachetools import LRUCache

from api.redis_store import TIMEOUT_S, StoreAway, redis_store
from estate.settings import CostClass, LimitName

WINDOW_S = 60
COST_CLASSES: tuple[CostClass, ...] = get_args(CostClass)
_PLACES: dict[str, int] = {name: place for place, name in enumerate(COST_CLASSES, start=1)}
# Requests a minute. `subject` is one subject's total, `tenant` that of all its subjects; a tenant's own are in the tenants file.
DEFAULT_LIMITS: dict[str, int] = {"read": 1200, "search": 300, "compute": 60, "export": 6, "subject": 1500, "tenant": 6000}
# A key names how it counts and in which form: another strategy or form must take another name, or the old keys of a running
# system would answer WRONGTYPE, or be read as what they are not.
_PREFIX = "estate:limit:v1:"
_STRATEGY = "window"
LOCAL_KEYS = 10_000
_TOLERANCE = 1e-6

log = logging.getLogger("api.limits")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of the tightest limit after one request; of a refused request, the limit that keeps it waiting longest.

    limit: requests a minute. remaining: whole requests that would be let through now. reset_s: seconds until the limit is whole again
    if nothing more is asked (1 to 120: what was asked counts in full for its window and fades over the next). retry_after_s: seconds
    after which the refused request would be let through; 0 for one that was.
    """

    limit: int
    remaining: int
    reset_s: int
    is_allowed: bool
    retry_after_s: int


class LocalWindows:
    """The windows of this process: what api/sliding_window.lua counts, counted here, for at most `LOCAL_KEYS` keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds; it may jump either way."""
        self._clock = clock
        self._lock = threading.Lock()
        # The least recently asked are forgotten first; a tenant that asks keeps its total.
        self._windows: LRUCache[str, list[int]] = LRUCache(maxsize=LOCAL_KEYS)

    def __len__(self) -> int:
        """How many keys are kept."""
        return len(self._windows)

    def count(self, tenant_key: str, subject_key: str, place: int, limits: tuple[int, int, int]) -> Allowance:
        """Count one request of the class at `place` (from 1). `limits`: of tenant, subject and class."""
        with self._lock:
            return judged(self._opened(tenant_key, 1), self._opened(subject_key, 1 + len(COST_CLASSES)), place, limits, self._clock())

    def _opened(self, key: str, meters: int) -> list[int]:
        window = self._windows.get(key)
        if window is None:
            window = [math.floor(self._clock())] + [0] * (2 * meters)
            self._windows[key] = window
        return window


def judged(tenant: list[int], subject: list[int], place: int, limits: tuple[int, int, int], now_s: float) -> Allowance:
    """Count one request in the windows of a tenant and a subject if they have room for it; both lists are brought up to `now_s`.

    A window is a list: the second at which it began, then for each meter the counts of the window before and of this one.
    """
    for window in (tenant, subject):
        _bring_up(window, now_s)
    of_tenant, of_subject, of_class = limits
    # The class first: of equals, it is named.
    meters = ((subject, 1 + 2 * place, of_class), (subject, 1, of_subject), (tenant, 1, of_tenant))
    waits = [(_wait_s(window, at, limit, now_s), window, at, limit) for window, at, limit in meters]
    retry_after_s, window, at, limit = max(waits, key=lambda wait: wait[0])
    if retry_after_s:
        return Allowance(limit, 0, _reset_s(window, at, now_s), False, retry_after_s)
    for window, at, _ in meters:
        window[at + 1] += 1
    left = [(_left(window, at, limit, now_s), window, at, limit) for window, at, limit in meters]
    remaining, window, at, limit = min(left, key=lambda rest: rest[0])
    return Allowance(limit, math.floor(remaining + _TOLERANCE), _reset_s(window, at, now_s), True, 0)


def _bring_up(window: list[int], now_s: float) -> None:
    passed = math.floor((now_s - window[0]) / WINDOW_S)
    if passed > 1:
        window[:] = [math.floor(now_s)] + [0] * (len(window) - 1)
    elif passed == 1:
        window[0] += WINDOW_S
        window[1::2] = window[2::2]
        window[2::2] = [0] * len(window[2::2])
    elif passed < 0:
        # The clock was set back: what was counted stays counted, and the window begins now.
        window[0] = math.floor(now_s)


def _left(window: list[int], at: int, limit: int, now_s: float) -> float:
    """How much of `limit` the meter at `at` leaves: the window before weighs as much as of it lies within the last minute."""
    return limit - window[at] * (WINDOW_S - (now_s - window[0])) / WINDOW_S - window[at + 1]


def _wait_s(window: list[int], at: int, limit: int, now_s: float) -> int:
    """Whole seconds until the meter has room for one request; 0 when it has."""
    if _left(window, at, limit, now_s) >= 1 - _TOLERANCE:
        return 0
    elapsed_s, before, present = now_s - window[0], window[at], window[at + 1]
    if present < limit:
        seconds = WINDOW_S * (1 - (limit - present - 1) / before) - elapsed_s
    else:
        # Not before this window is over and has faded far enough.
        seconds = WINDOW_S - elapsed_s + WINDOW_S * (1 - (limit - 1) / present)
    return max(1, math.ceil(seconds - _TOLERANCE))


def _reset_s(window: list[int], at: int, now_s: float) -> int:
    return math.ceil(window[0] + (2 if window[at + 1] else 1) * WINDOW_S - now_s)


class Limiter:
    """Counts requests. `fallback_count`, of those counted in this process, grows for as long as it lives."""

    def __init__(
        self,
        redis_url: str,
        limits: Mapping[UUID, Mapping[LimitName, int]],
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limits`: each tenant's own, by the names of DEFAULT_LIMITS. Without `redis_url` each process counts for itself.

        `timeout_s`: how long Redis may take. `clock` counts seconds for the windows of this process; Redis has its own.
        """
        self._store = redis_store(redis_url, timeout_s)
        self._count = self._store.script(Path(__file__).with_name("sliding_window.lua").read_text(encoding="utf-8"))
        self._limits = {
            tenant_id: _checked(DEFAULT_LIMITS | {str(name): limit for name, limit in own.items()}) for tenant_id, own in limits.items()
        }
        self._default = _checked(DEFAULT_LIMITS)
        self._local = LocalWindows(clock)
        self._lock = threading.Lock()
        self.fallback_count = 0
        self.is_degraded = False

    def hit(self, tenant_id: UUID, subject: str, cost: CostClass) -> Allowance:
        """Count one request of class `cost`, unless it is refused. Raises ValueError for what is no class of COST_CLASSES."""
        place = _PLACES.get(cost)
        if place is None:
            raise ValueError(f"{cost!r} is not a class of requests")
        limits = self._limits.get(tenant_id, self._default)
        chosen = (limits["tenant"], limits["subject"], limits[cost])
        tenant_key, subject_key = keys_of(tenant_id, subject)
        try:
            said: bytes = self._count([tenant_key, subject_key], [f"{place} {len(COST_CLASSES)} {chosen[0]} {chosen[1]} {chosen[2]}"])
            is_allowed, limit, remaining, reset_s, retry_after_s = map(int, said.split())
            allowance = Allowance(limit, remaining, reset_s, is_allowed == 1, retry_after_s)
        except StoreAway as reason:
            allowance = self._local.count(tenant_key, subject_key, place, chosen)
            self._note_fallback(reason)
        else:
            if self.is_degraded:
                self.is_degraded = False
                log.info("limits are counted in Redis again")
        return allowance

    def close(self) -> None:
        """Give the connections to Redis back; the next request opens new ones."""
        self._store.close()

    def _note_fallback(self, reason: StoreAway) -> None:
        with self._lock:
            self.fallback_count += 1
            is_new, self.is_degraded = not self.is_degraded, True
        if is_new:
            log.warning("limits are counted in this process", extra={"fields": {"reason": str(reason)}})


def keys_of(tenant_id: UUID, subject: str) -> tuple[str, str]:
    """The keys of a tenant and of a subject: in one slot of a cluster, and without the subject's name, which may be a person's."""
    tenant_key = f"{_PREFIX}{{{tenant_id}}}:{_STRATEGY}"
    # A subject may hold half of a surrogate pair, which has no bytes of its own.
    digest = hashlib.blake2b(subject.encode(errors="surrogatepass"), digest_size=12).hexdigest()
    return tenant_key, f"{tenant_key}:{digest}"


def _checked(limits: dict[str, int]) -> dict[str, int]:
    if unknown := sorted(set(limits) - set(DEFAULT_LIMITS)):
        raise ValueError(f"there is no limit called {', '.join(unknown)}")
    return limits
