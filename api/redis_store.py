"""Redis as the limiter and the response cache share it: asked with short patience, and left alone for a second after it failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.05  # for connecting, and for each wait for an answer
COOLDOWN_S = 1.0  # between attempts while it does not answer


class StoreAway(Exception):
    """Redis did not do what it was asked: away, too slow, loading, read-only, full, or holding something else under that name."""


class RedisStore:
    """A Redis server behind a circuit breaker.

    Nothing is opened before the first use, and redis-py's pool opens anew after a fork. While the server does not answer, one request
    a second pays the timeout to try it, and all others are told at once that it is away.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S, clock: Callable[[], float] = time.monotonic) -> None:
        """`url` as redis-py reads it (redis://, rediss://, unix://); empty for no server at all. `clock` counts seconds."""
        # The client's own retries would multiply what a hanging server costs.
        chosen: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "retry": Retry(NoBackoff(), 0)}
        if not url.startswith("unix:"):
            # A firewall that forgets idle connections would cost a timeout for each. A socket file knows no such thing, nor the option.
            chosen["socket_keepalive"] = True
        self._client = redis.Redis.from_url(url, **chosen) if url else None
        self._clock = clock
        self._lock = threading.Lock()
        self._is_open = False
        self._try_again_at = 0.0

    @property
    def is_away(self) -> bool:
        """Whether there is no server, or it failed when last asked."""
        return self._is_open or self._client is None

    def script(self, source: str) -> Callable[[list[str], list[Any]], Any]:
        """A Lua script as a function of its keys and arguments, sent by its digest. Raises StoreAway when called, where `ask` does."""
        if self._client is None:
            return lambda _keys, _arguments: self.ask("EVALSHA")
        registered = self._client.register_script(source)
        return lambda keys, arguments: self._guarded(lambda: registered(keys, arguments))

    def ask(self, *command: Any) -> Any:
        """Send one command and return the answer. Raises StoreAway."""
        return self._guarded(lambda: self._client.execute_command(*command) if self._client else None)

    def close(self) -> None:
        """Give the connections back; the next use opens new ones."""
        if self._client is not None:
            self._client.close()

    def _guarded(self, act: Callable[[], Any]) -> Any:
        if self._client is None or (self._is_open and not self._may_try()):
            raise StoreAway("no answer expected")
        try:
            answer = act()
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            # Refused, hanging, loading its data, or not accepting the password.
            self._fail()
            raise StoreAway(type(error).__name__) from error
        except redis.ReadOnlyError as error:
            # The server became a replica: its name may lead to the new primary, so the connections to this one are given up.
            self._client.connection_pool.disconnect()
            self._fail()
            raise StoreAway(type(error).__name__) from error
        except redis.RedisError as error:
            # It answers, and refuses this one thing (WRONGTYPE, OOM, no permission): others may still succeed.
            raise StoreAway(type(error).__name__) from error
        self._is_open = False
        return answer

    def _may_try(self) -> bool:
        """Whether it is this request's turn to find out if the server is back."""
        with self._lock:
            if self._clock() < self._try_again_at:
                return False
            self._try_again_at = self._clock() + COOLDOWN_S
            return True

    def _fail(self) -> None:
        with self._lock:
            self._is_open = True
            self._try_again_at = self._clock() + COOLDOWN_S


@cache
def redis_store(url: str, timeout_s: float = TIMEOUT_S) -> RedisStore:
    """The store at `url`, one a process: whoever finds out that it is away finds it out for all."""
    return RedisStore(url, timeout_s)
