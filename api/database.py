"""PostgreSQL as the API sees it: read-only, one transaction a request, the tenant set inside it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection, IsolationLevel
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from estate.sql import query

# The caller gets a 503 within two seconds: this wait, and half a second for the rest.
POOL_TIMEOUT_S = 1.5
STATEMENT_TIMEOUT = "5s"
MAX_CONNECTIONS = 10

_ENTER = "SELECT set_config('app.tenant_id', %s, true), set_config('statement_timeout', %s, true)"


class Reading:
    """The database inside one transaction of one tenant."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        """Wrap a connection whose transaction has begun and whose tenant is set."""
        self._connection = connection

    def rows(self, name: str, parameters: Mapping[str, Any]) -> list[DictRow]:
        """The rows of the named query, each a dict."""
        return self._connection.execute(query(name), parameters).fetchall()

    def row(self, name: str, parameters: Mapping[str, Any]) -> DictRow | None:
        """The only row of the named query, or None when there is none."""
        return self._connection.execute(query(name), parameters).fetchone()


def _prepare(connection: Connection[DictRow]) -> None:
    # Every BEGIN then says READ ONLY; one snapshot serves all queries of a request.
    connection.read_only = True
    connection.isolation_level = IsolationLevel.REPEATABLE_READ


class Database:
    """A pool that opens in the process that uses it: one made before a fork would share its sockets with the children."""

    def __init__(self, url: str, timeout_s: float = POOL_TIMEOUT_S) -> None:
        """Remember where the database is; nothing is opened yet."""
        self._url = url
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Connection[DictRow]] | None = None
        self._pid = 0

    def _opened(self) -> ConnectionPool[Connection[DictRow]]:
        if self._pool is None or self._pid != os.getpid():
            with self._lock:
                if self._pool is None or self._pid != os.getpid():
                    self._pool = ConnectionPool(
                        self._url,
                        connection_class=Connection[DictRow],
                        kwargs={
                            "row_factory": dict_row,
                            "application_name": "estate-api",
                            "connect_timeout": 2,
                            "options": "-c TimeZone=UTC -c idle_in_transaction_session_timeout=30s",
                        },
                        min_size=1,
                        max_size=MAX_CONNECTIONS,
                        timeout=self._timeout_s,
                        configure=_prepare,
                        # A server that restarted leaves dead connections behind; each is checked before it is handed out.
                        check=ConnectionPool.check_connection,
                        open=True,
                        name="estate-api",
                    )
                    self._pid = os.getpid()
        return self._pool

    @contextmanager
    def reading(self, tenant_id: UUID) -> Iterator[Reading]:
        """One read-only transaction in which row-level security lets through `tenant_id` and no other.

        Raises psycopg.OperationalError (of which PoolTimeout is one) when the database is away.
        """
        with self._opened().connection() as connection, connection.transaction():
            connection.execute(_ENTER, (str(tenant_id), STATEMENT_TIMEOUT))
            yield Reading(connection)

    def ping(self) -> None:
        """Raise psycopg.OperationalError unless the database answers. No tenant is set, so no row could be read."""
        with self._opened().connection() as connection, connection.transaction():
            connection.execute("SELECT 1")

    def close(self) -> None:
        """Give every connection back."""
        if self._pool is not None and self._pid == os.getpid():
            self._pool.close()
            self._pool = None
