"""How often somebody may try what costs much and proves nothing: a bucket of attempts a name, in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from cachetools import LRUCache

MAX_NAMES = 1024


class Attempts:
    """Buckets that hold `burst` attempts and fill by `per_s` each second, one for each name. Safe to share between threads.

    For callers who have proved nothing, whom the rate limiter cannot count. Names must be few and not the caller's to choose, such as
    tenants: of more than MAX_NAMES, the one not used for longest is full again.
    """

    def __init__(self, burst: int, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._left: LRUCache[Hashable, tuple[float, float]] = LRUCache(MAX_NAMES)  # attempts, and when they were so many

    def take(self, name: Hashable) -> float:
        """Take an attempt: 0 when there was one, else the seconds until there is, and nothing is taken."""
        with self._lock:
            left = self._now_left(name)
            if left < 1:
                return (1 - left) / self._per_s
            self._left[name] = (left - 1, self._clock())
            return 0.0

    def give_back(self, name: Hashable) -> None:
        """Undo a `take` of what turned out to be right."""
        with self._lock:
            self._left[name] = (min(self._now_left(name) + 1, self._burst), self._clock())

    def _now_left(self, name: Hashable) -> float:
        left, at = self._left.get(name, (float(self._burst), self._clock()))
        return min(left + max(self._clock() - at, 0.0) * self._per_s, self._burst)
