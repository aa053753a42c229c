"""Keys of services: looked up by their id, proven by their secret, remembered for half a minute.

Whoever makes up key ids is refused before the rate limiter, which counts proven callers only; so look-ups are few by themselves. One
for an id of a tenant that is not listed is never made, and of a listed one's only as many as `Attempts` lets through. The refusal is
the same 401 then: a 429 would tell a guesser which tenants there are, and he does not wait anyway. A key that has opened before is
always looked up.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cachetools import LRUCache, TTLCache

from api.attempts import Attempts
from api.auth import Caller, TokenRefused
from api.database import Database
from estate.api_key import ROLES, ApiKey, parse_key
from estate.contracts.platform import NO_TENANT

REMEMBERED_S = 30.0  # a revoked key stops working within this
ABSENT_S = 5.0  # a key that was just issued works within this
REMEMBERED_KEYS = 1024
# Look-ups of ids that this process has not seen open before, for one tenant: so many at once, and so many a second.
LOOKUP_BURST = 50
LOOKUPS_PER_S = 5.0

_REFUSED = "the API key is not valid"
# Compared where there is no key, so that refusing takes the same steps.
_NO_SECRET = "0" * 64


class ApiKeys:
    """The keys that the database knows. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        *,
        tenant_ids: Collection[UUID] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`tenant_ids`: the tenants that there are, None for any. `clock` counts seconds for what is remembered, `now` tells the time."""
        self._database = database
        self._now = now
        self._found: TTLCache[str, dict[str, Any]] = TTLCache(REMEMBERED_KEYS, REMEMBERED_S, clock)
        # Apart from the keys that exist: names that somebody makes up cannot push those out.
        self._absent: TTLCache[str, bool] = TTLCache(REMEMBERED_KEYS, ABSENT_S, clock)
        self._seen: LRUCache[str, bool] = LRUCache(REMEMBERED_KEYS)  # ids that exist, however long ago they were looked up
        self._tenant_ids = tenant_ids
        self._lookups = Attempts(LOOKUP_BURST, LOOKUPS_PER_S, clock)
        self._lock = threading.Lock()

    def caller(self, text: str) -> Caller:
        """The caller that the key `text` proves.

        Raises TokenRefused, with one text whether the key is unknown, wrong, expired or revoked; psycopg.OperationalError when the
        database is away.
        """
        key = parse_key(text)
        if key is None:
            raise TokenRefused(_REFUSED)
        row = self._row(key)
        is_proven = hmac.compare_digest(key.secret_sha256, row["secret_sha256"] if row else _NO_SECRET)
        if row is None or not is_proven or row["revoked_at"] is not None or row["expires_at"] <= self._now():
            raise TokenRefused(_REFUSED)
        # The database looks a key up under the tenant that its id names; a role that we do not know opens nothing.
        if row["tenant_id"] != key.tenant_id or row["role_name"] not in ROLES:
            raise TokenRefused(_REFUSED)
        return Caller(f"key/{key.key_id}/{row['key_name']}", row["tenant_id"], frozenset({row["role_name"]}), "key")

    def _row(self, key: ApiKey) -> dict[str, Any] | None:
        with self._lock:
            row = self._found.get(key.key_id)
            if row is not None or key.key_id in self._absent:
                return row
            is_seen = key.key_id in self._seen
        if key.tenant_id == NO_TENANT or (self._tenant_ids is not None and key.tenant_id not in self._tenant_ids):
            return None
        if not is_seen and self._lookups.take(key.tenant_id) > 0:
            return None
        with self._database.reading(NO_TENANT) as reading:
            row = reading.row("api_key_lookup", {"key_id": key.key_id})
        with self._lock:
            if row is None:
                self._absent[key.key_id] = True
            else:
                self._found[key.key_id] = row
                self._seen[key.key_id] = True
        if row is not None and not is_seen:
            self._lookups.give_back(key.tenant_id)
        return row
