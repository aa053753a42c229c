"""PostgreSQL as the API sees it: read-only, one transaction a request, the tenant set inside it."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, Literal, TypeVar
from uuid import UUID

from psycopg import Error, OperationalError, sql
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from api import metrics, tracing
from api.wire import Statement, Wire, ask, statement
from estate.sql import query

# The caller gets a 503 within two seconds: this wait, and half a second for the rest.
POOL_TIMEOUT_S = 1.5
STATEMENT_TIMEOUT_S = 5
# The server ends a statement by itself; a server that is frozen does not.
ANSWER_TIMEOUT_S = STATEMENT_TIMEOUT_S + 1.0
EXPORT_TIMEOUT_S = 600
MAX_EXPORTS = 4
MAX_TENANT_EXPORTS = 2  # one tenant leaves places, threads and connections to the others
# More than gunicorn's threads, so that a thread waits for a connection only while the database is away.
MAX_CONNECTIONS = 10
_BLOCK_BYTES = 64 * 1024
_SHOWN_EVERY_S = 1.0

Query = str | sql.Composed
Form = Literal["csv", "ndjson"]
T = TypeVar("T")

# What every transaction is, is said once a connection: a statement that says it each time would be a round trip or a parse.
_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "TimeZone": "UTC",
        "default_transaction_read_only": "on",
        "default_transaction_isolation": r"repeatable\ read",
        "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "30s",
        # A server that computes for a client who has gone finds out.
        "client_connection_check_interval": "2s",
        # Compiling a plan costs more than any of these queries.
        "jit": "off",
    }.items()
)
_TENANT = statement("tenant", "SELECT set_config('app.tenant_id', %(tenant_id)s, true)")
_BEGIN = Statement(b"begin", b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
_COMMIT = Statement(b"commit", b"COMMIT")
_ROLLBACK = Statement(b"rollback", b"ROLLBACK")
_EXPORT_TIMEOUT = Statement(b"", b"SELECT set_config('statement_timeout', '%ds', true)" % EXPORT_TIMEOUT_S)
_COPY = {
    "csv": sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)"),
    # One column of JSON a row. JSON text holds no control characters, so with these marks nothing is ever quoted or escaped.
    "ndjson": sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')"),
}


class TooManyExports(Exception):
    """As many exports are being streamed as one process allows, in all or for one tenant; `retry_after_s` says when to ask again."""

    retry_after_s = 30


@cache
def _known(name: str) -> Statement:
    return statement(name, query(name))


def _named(asked: Query | Statement) -> tuple[str, Statement]:
    """What a query is called in metrics, and its statement."""
    if isinstance(asked, Statement):
        return asked.name.decode(), asked
    if isinstance(asked, str):
        return asked, _known(asked)
    # Composed at run time: planned for the filters that it has, and not kept.
    return "composed", statement("", asked.as_string(None))


def _value(result: Any) -> bytes | None:
    return bytes(result.get_value(0, 0)) if result.ntuples and result.get_value(0, 0) is not None else None


@contextmanager
def _measured(name: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        with tracing.query(name):
            yield
    except Error as error:
        metrics.count("database_error", error=type(error).__name__)
        raise
    finally:
        metrics.observe_query(name, time.perf_counter() - started)


class Reading:
    """The database inside one transaction of one tenant: every query sees the same moment."""

    def __init__(self, connection: Wire) -> None:
        """Wrap a connection whose transaction has begun and whose tenant is set."""
        self._connection = connection

    def rows(self, asked: Query, parameters: Mapping[str, Any]) -> list[DictRow]:
        """The rows of a query, each a dict: the name of a file in sql/queries, or a psycopg.sql.Composed with the same placeholders.

        Raises psycopg.OperationalError when the database is away or the statement takes longer than STATEMENT_TIMEOUT_S seconds.
        """
        return self._executed(asked, parameters).fetchall()

    def row(self, asked: Query, parameters: Mapping[str, Any]) -> DictRow | None:
        """The only row of a query, or None when there is none. Raises what `rows` does."""
        return self._executed(asked, parameters).fetchone()

    def text(self, asked: Query, parameters: Mapping[str, Any]) -> bytes | None:
        """The first column of the only row as PostgreSQL writes it (UTF-8), for JSON that it built; None without a row, or for NULL.

        Raises psycopg.OperationalError as `rows` does, and closes the connection when the answer takes longer than ANSWER_TIMEOUT_S.
        """
        name, what = _named(asked)
        with _measured(name):
            return _value(ask(self._connection, (what, parameters), timeout_s=ANSWER_TIMEOUT_S))

    def _executed(self, asked: Query, parameters: Mapping[str, Any]) -> Any:
        is_named = isinstance(asked, str)
        with _measured(str(asked) if is_named else "composed"):
            text: Any = query(asked) if isinstance(asked, str) else asked
            return self._connection.execute(text, parameters, prepare=is_named)


class Export:
    """Blocks of bytes of a running export. Whoever holds it closes it, also when the reader has gone; Flask and gunicorn do."""

    def __init__(self, resources: ExitStack, blocks: Iterator[Any]) -> None:
        """`resources` are let go at the end, at `close`, or at the first block that is asked for after EXPORT_TIMEOUT_S seconds."""
        self._resources = resources
        self._blocks = blocks
        self._ends_at = time.monotonic() + EXPORT_TIMEOUT_S

    def __iter__(self) -> Iterator[bytes]:
        """The export itself."""
        return self

    def __next__(self) -> bytes:
        """The next block, some 64 KiB. Raises psycopg.OperationalError when the export has taken too long."""
        block = bytearray()
        try:
            # The statement's own timeout does not end a query that waits until its rows are read.
            if time.monotonic() > self._ends_at:
                raise OperationalError("the export has taken too long")
            for row in self._blocks:
                block += row
                if len(block) >= _BLOCK_BYTES:
                    break
        except BaseException as error:
            self._resources.__exit__(type(error), error, error.__traceback__)
            raise
        if not block:
            self._resources.close()
            raise StopIteration
        return bytes(block)

    def close(self) -> None:
        """Stop the query if it still runs, and give the connection back. May be called twice."""
        # An exception makes psycopg cancel the copy; without one it would be left running.
        gone = GeneratorExit()
        self._resources.__exit__(GeneratorExit, gone, None)

    def __del__(self) -> None:
        self.close()


class Database:
    """A pool that opens in the process that uses it: one made before a fork would share its sockets with the children."""

    def __init__(self, url: str, timeout_s: float = POOL_TIMEOUT_S) -> None:
        """Remember where the database is (`url`, postgresql://… as the API role); nothing is opened yet.

        `timeout_s`: how many seconds a caller waits for a connection, those included that are lost or replaced meanwhile.
        """
        self._url = url
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Wire] | None = None
        self._pid = 0
        self._exports: Counter[UUID] = Counter()
        self._shown_at = float("-inf")

    def _opened(self) -> ConnectionPool[Wire]:
        pool = self._pool
        if pool is None or self._pid != os.getpid():
            with self._lock:
                pool = self._pool
                if pool is None or self._pid != os.getpid():
                    pool = self._pool = self._made()
                    self._pid = os.getpid()
        return pool

    def _made(self) -> ConnectionPool[Wire]:
        return ConnectionPool(
            self._url,
            connection_class=Wire,
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,  # transactions begin and end in `ask`, where they cost no round trip of their own
                "application_name": "estate-api",
                "connect_timeout": 2,
                "tcp_user_timeout": 5000,
                "options": _OPTIONS,
            },
            min_size=1,
            max_size=MAX_CONNECTIONS,
            timeout=self._timeout_s,
            # An attempt that gives up soon is made anew by the next request; one that does not would wait longer and longer.
            reconnect_timeout=2,
            configure=Wire.prepare,
            open=True,
            name="estate-api",
        )

    def _taken(self, deadline: float) -> Wire:
        """A connection that lives. The pool's own check would cost a round trip, and sleep between two dead ones."""
        pool = self._opened()
        while True:
            try:
                connection = pool.getconn(deadline - time.monotonic())
            except PoolTimeout:
                metrics.count("pool_timeout")
                raise
            if connection.is_alive():
                return connection
            metrics.count("connection_lost")
            connection.close()
            self._given_back(connection)

    def _given_back(self, connection: Wire) -> None:
        pool = self._opened()
        pool.putconn(connection)
        if time.monotonic() - self._shown_at > _SHOWN_EVERY_S:
            self.show()

    def _begun(self, first: Callable[[Wire], T]) -> tuple[Wire, T]:
        """A connection and what `first` found with it. One that breaks before it has answered is replaced once."""
        deadline = time.monotonic() + self._timeout_s
        for is_last in (False, True):
            connection = self._taken(deadline)
            try:
                return connection, first(connection)
            except BaseException as error:
                is_over = isinstance(error, OperationalError) and connection.closed and time.monotonic() < deadline
                # A migration may have changed what a prepared statement returns; a fresh connection prepares it anew.
                is_stale = isinstance(error, FeatureNotSupported | InvalidSqlStatementName)
                if is_stale:
                    connection.close()
                self._given_back(connection)
                if is_last or not (is_over or is_stale):
                    raise
                metrics.count("connection_lost")
        raise AssertionError  # the last turn has returned or raised

    def read_one(self, tenant_id: UUID, asked: Query | Statement, parameters: Mapping[str, Any]) -> bytes | None:
        """The first column of the only row of one query, as PostgreSQL writes it; None without a row. One round trip.

        The tenant's setting and the query travel together and are one transaction, which ends with them. A named Statement that was
        composed once for good is prepared once a connection, as the named queries are. Raises
        psycopg.OperationalError (of which PoolTimeout is one) when the database is away.
        """
        name, what = _named(asked)
        tenant = {"tenant_id": str(tenant_id)}
        with _measured(name):
            connection, result = self._begun(lambda taken: ask(taken, (_TENANT, tenant), (what, parameters), timeout_s=ANSWER_TIMEOUT_S))
            self._given_back(connection)
            return _value(result)

    @contextmanager
    def _transaction(self, tenant_id: UUID, *more: Statement) -> Iterator[Wire]:
        begin = ((_BEGIN, {}), (_TENANT, {"tenant_id": str(tenant_id)}), *((what, {}) for what in more))
        connection, _ = self._begun(lambda taken: ask(taken, *begin, timeout_s=ANSWER_TIMEOUT_S))
        try:
            yield connection
        except BaseException:
            self._ended(connection, _ROLLBACK)
            raise
        self._ended(connection, _COMMIT)

    def _ended(self, connection: Wire, how: Statement) -> None:
        try:
            if not connection.closed:
                ask(connection, (how, {}), timeout_s=ANSWER_TIMEOUT_S)
        except Error:
            connection.close()  # everything has been read; how a read-only transaction ends changes nothing
        finally:
            self._given_back(connection)

    @contextmanager
    def reading(self, tenant_id: UUID) -> Iterator[Reading]:
        """One read-only transaction in which row-level security lets through `tenant_id` and no other.

        For several queries that must see the same moment. Raises psycopg.OperationalError (of which PoolTimeout is one) when the
        database is away.
        """
        with self._transaction(tenant_id) as connection:
            yield Reading(connection)

    def stream(self, tenant_id: UUID, asked: Query, parameters: Mapping[str, Any], form: Form = "csv") -> Export:
        """The rows of a query as CSV with a header, or its one JSON column as a line each, in blocks; memory stays constant.

        The query has begun when this returns, so its errors are raised here. Raises TooManyExports, and OperationalError when the
        database is away. No block comes after EXPORT_TIMEOUT_S seconds. A reader who takes no block at all is not noticed here: the
        server's timeout of sending (api/gunicorn_conf.py) cuts him off, and closing the answer closes the stream.
        """
        text = sql.SQL(query(asked)) if isinstance(asked, str) else asked
        with ExitStack() as resources, _measured(asked if isinstance(asked, str) else "composed"):
            resources.enter_context(self._export_slot(tenant_id))
            connection = resources.enter_context(self._transaction(tenant_id, _EXPORT_TIMEOUT))
            copy = resources.enter_context(connection.cursor().copy(_COPY[form].format(text), parameters))
            return Export(resources.pop_all(), iter(copy))

    @contextmanager
    def _export_slot(self, tenant_id: UUID) -> Iterator[None]:
        with self._lock:
            if self._exports.total() >= MAX_EXPORTS or self._exports[tenant_id] >= MAX_TENANT_EXPORTS:
                metrics.count("export_refused")
                raise TooManyExports
            self._exports[tenant_id] += 1
            metrics.show_exports(self._exports.total())
        try:
            yield
        finally:
            with self._lock:
                self._exports[tenant_id] -= 1
                metrics.show_exports(self._exports.total())

    def ping(self) -> None:
        """Raise psycopg.OperationalError unless the database answers. No tenant is set, so no row could be read."""
        connection, _ = self._begun(lambda taken: ask(taken, (Statement(b"", b"SELECT 1"), {}), timeout_s=self._timeout_s))
        self._given_back(connection)

    def show(self) -> None:
        """Bring the gauges of the pool up to date, if there is one."""
        self._shown_at = time.monotonic()
        if self._pool is not None and self._pid == os.getpid():
            stats = self._pool.get_stats()
            metrics.show_pool(stats["pool_size"], stats["pool_available"], stats["requests_waiting"])

    def close(self) -> None:
        """Give every connection back."""
        if self._pool is not None and self._pid == os.getpid():
            self._pool.close()
            self._pool = None
