"""The audit: every read of personal data, written down before it is answered, and every request that was refused.

A refusal never waits for the database: it is queued, and a thread of this process writes what has come together each second. Refusals
of callers who proved a tenant come first, a row each. Those of callers who proved none are counted and written as one row for each
kind, so that no flood of them hides or delays what a tenant wants to know.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from flask import g, request
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from api import metrics
from api.auth import Caller
from api.wire import Statement, Wire, ask, statement
from estate.contracts.platform import NO_TENANT
from estate.sql import query

log = logging.getLogger("api.audit")

# A read of personal data waits no longer than these two together for its row, and is a 503 without it.
POOL_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 0.5
BATCH_TIMEOUT_S = 3.0
FLUSH_S = 1.0
BATCH_ROWS = 200  # a process writes no more than this each second: a flood of refusals fills neither the disk nor the database
QUEUE_ROWS = 10_000
REPORT_S = 60.0
CLOSE_S = 5.0
MAX_TEXT_CHARS = 500

_TENANT = "SELECT set_config('app.tenant_id', %(tenant_id)s, true)"
_CONNECTING: dict[str, Any] = {
    "row_factory": dict_row,
    "autocommit": True,  # what is asked together is one transaction
    "application_name": "estate-api-audit",
    "connect_timeout": 2,
    # The server gives up before the client does; a row that it writes all the same tells of a read that was not answered.
    "options": "-c TimeZone=UTC -c statement_timeout=350ms",
}

Row = Mapping[str, Any]


class Audit:
    """Writes the audit of one process. Connections and the thread begin with the first row, after any fork."""

    def __init__(self, url: str, *, queue_rows: int = QUEUE_ROWS) -> None:
        """Remember where the database is (as the API role), and how many refusals may wait; nothing is opened yet."""
        self.lost = 0  # refusals that no row tells of: the queue was full, or the database did not take them
        self._url = url
        self._queue_rows = queue_rows
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Wire] | None = None
        self._writer: _Writer | None = None
        self._pid = os.getpid()

    def personal_read(self, caller: Caller, what: str) -> None:
        """Write down that `caller` reads the personal data called `what`, before the answer leaves.

        Raises psycopg.OperationalError when it cannot be written within a second and a half, whatever the reason (the database is away,
        is a standby, refuses the row): the read must not be answered then, and may be tried again.
        """
        row = _row(caller, "personal_read", what, None)
        try:
            with self._opened().connection() as connection:
                tenant = statement("tenant", _TENANT), {"tenant_id": str(caller.tenant_id)}
                ask(connection, tenant, (statement("audit_insert", query("audit_insert")), row), timeout_s=READ_TIMEOUT_S)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            log.error("audit row refused by the database", extra={"fields": {"error": type(error).__name__, "rows": 1}})
            raise psycopg.OperationalError("the audit cannot be written") from error

    def refused(self, caller: Caller | None, status: int, reason: str) -> None:
        """Have it written down that this request was refused, `caller` being None for one who proved nothing. Never waits, never raises."""
        row = _row(caller, "refused", reason, status)
        try:
            self._started().add(row)
        except (queue.Full, RuntimeError):  # RuntimeError: no thread to be had
            self.lose(1)

    def close(self) -> None:
        """Write what waits, and give the connections back; within a few seconds, whatever the database does."""
        atexit.unregister(self.close)
        with self._lock:
            self._after_fork()
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.finish()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def lose(self, count: int) -> None:
        """Count refusals that no row will tell of."""
        if count:
            metrics.count("audit_lost", count)
            with self._lock:
                self.lost += count

    def write(self, rows: Sequence[Row]) -> None:
        """Write `rows`, all or none. Raises psycopg.Error."""
        with self._opened().connection() as connection:
            ask(connection, *_statements(rows), timeout_s=BATCH_TIMEOUT_S)

    def _opened(self) -> ConnectionPool[Wire]:
        with self._lock:
            self._after_fork()
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._url,
                    connection_class=Wire,
                    kwargs=_CONNECTING,
                    min_size=0,
                    max_size=4,
                    timeout=POOL_TIMEOUT_S,
                    reconnect_timeout=2,
                    configure=Wire.prepare,
                    check=_check,
                    open=True,
                    name="estate-api-audit",
                )
            return self._pool

    def _started(self) -> _Writer:
        with self._lock:
            self._after_fork()
            if self._writer is None:
                writer = _Writer(self, self._queue_rows)
                writer.thread.start()
                # Daemon threads are stopped without a word when the process ends.
                atexit.register(self.close)
                self._writer = writer
            return self._writer

    def _after_fork(self) -> None:
        """What the parent opened is the parent's."""
        if self._pid != os.getpid():
            self._pool, self._writer, self._pid = None, None, os.getpid()


class _Writer:
    """The rows that wait, in two queues, and the thread that writes them."""

    def __init__(self, audit: Audit, queue_rows: int) -> None:
        self._of_tenants: queue.Queue[Row] = queue.Queue(queue_rows)
        # By kind, in the order in which the kinds came: the first of its rows, and how many there were.
        self._of_nobody: dict[tuple[Any, ...], tuple[Row, int]] = {}
        self._max_kinds = queue_rows
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._audit = audit
        self._stopping = threading.Event()
        self._waiting: list[tuple[Row, int]] = []  # of how many refusals each row tells
        self._reported = 0
        self._reported_at = float("-inf")

    def add(self, row: Row) -> None:
        """Have `row` written. Raises queue.Full when too many wait."""
        if row["tenant_id"] != NO_TENANT:
            self._of_tenants.put_nowait(row)
            return
        # A method is the caller's own word, and could make a kind of every request.
        row = {**row, "method": row["method"] if row["method"] in metrics.METHODS else "other"}
        kind = row["route"], row["method"], row["status"], row["what"]
        with self._lock:
            if kind not in self._of_nobody and len(self._of_nobody) >= self._max_kinds:
                raise queue.Full
            first, count = self._of_nobody.get(kind, (row, 0))
            self._of_nobody[kind] = first, count + 1

    def finish(self) -> None:
        """Write what waits, if the database takes it, and end."""
        self._stopping.set()
        self.thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._stopping.wait(FLUSH_S):
            self._write()
            self._report()
        while self._write():
            pass
        # What is left could not be written, and this was the last attempt.
        self._audit.lose(self._of_tenants.qsize() + sum(count for _, count in (*self._waiting, *self._of_nobody.values())))
        self._reported_at = float("-inf")
        self._report()

    def _write(self) -> bool:
        """Write one batch; False when there was none or the database is away, so that it waits."""
        while len(self._waiting) < BATCH_ROWS and not self._of_tenants.empty():
            self._waiting.append((self._of_tenants.get_nowait(), 1))
        with self._lock:
            kinds = list(self._of_nobody)[: BATCH_ROWS - len(self._waiting)]
            gathered = [self._of_nobody.pop(kind) for kind in kinds]
        self._waiting += [(row if count == 1 else {**row, "what": f"{row['what']} ({count} times)"}, count) for row, count in gathered]
        if not self._waiting:
            return False
        try:
            self._audit.write([row for row, _ in self._waiting])
        except psycopg.OperationalError:
            return False
        except (psycopg.Error, ValueError) as error:
            # Not a fault that passes: these rows would stand in the way of all others.
            log.error("audit rows refused by the database", extra={"fields": {"error": type(error).__name__, "rows": len(self._waiting)}})
            self._audit.lose(sum(count for _, count in self._waiting))
        self._waiting = []
        return True

    def _report(self) -> None:
        """Say how many rows were lost, at most once a minute."""
        now = time.monotonic()
        if self._audit.lost > self._reported and now - self._reported_at >= REPORT_S:
            log.warning("audit rows lost", extra={"fields": {"lost": self._audit.lost}})
            self._reported, self._reported_at = self._audit.lost, now


def _check(connection: Wire) -> None:
    if not connection.is_alive():
        raise psycopg.OperationalError("the connection was lost")


def _statements(rows: Sequence[Row]) -> Iterator[tuple[Statement, Row]]:
    """The rows of each tenant after that tenant's setting; nameless, because a name can be prepared only once in one go."""
    by_tenant = sorted(rows, key=lambda row: row["tenant_id"])
    for tenant_id, own in itertools.groupby(by_tenant, key=lambda row: row["tenant_id"]):
        yield statement("", _TENANT), {"tenant_id": str(tenant_id)}
        for row in own:
            yield statement("", query("audit_insert")), row


def _row(caller: Caller | None, action: str, what: str, status: int | None) -> Row:
    return {
        "tenant_id": caller.tenant_id if caller else NO_TENANT,
        "audit_id": uuid.uuid4(),
        "occurred_at": datetime.now(UTC),
        "action": action,
        "what": _text(what),
        "subject": _text(caller.subject) if caller else None,
        "credential": caller.credential if caller else None,
        "route": request.url_rule.rule if request.url_rule else None,
        "method": _text(request.method),
        "status": status,
        "request_id": _text(g.request_id),
    }


def _text(value: str) -> str:
    """`value` as PostgreSQL can keep it: one row with a NUL would take its whole batch with it."""
    return value[:MAX_TEXT_CHARS].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
