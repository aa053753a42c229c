"""The version of each tenant's data, kept in memory: PostgreSQL tells when it moves, and nothing is claimed while it cannot.

A version is a digest of what is committed, so all processes of the API give the same one for the same data. It must be asked for
*before* the data are read: an answer is then at least as new as the version it is kept under, never older.

Why no notice is missed. A version is read only after LISTEN has committed and a notice to ourselves has come back. Take any transaction
that moves the tenant's data: either it was committed before the snapshot of that reading, and the reading saw it; or it commits
after, so after LISTEN, and its notice comes (PostgreSQL delivers notices in the order of commits, none before its commit). A notice that
comes while a version is being read moves the epoch, and what was read is used for that one request and not kept. When the connection
is lost, everything is forgotten, because nobody knows what was told meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import socket
import threading
import time
from typing import Any
from uuid import UUID

import psycopg
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event

from estate.sql import query

HEARTBEAT_S = 2.0
ALIVE_S = 10.0  # a listener that has not heard itself for this long may have missed something
READ_WAIT_S = 1.0  # for whoever else is reading a version
READ_TIMEOUT = "1s"
READ_COOLDOWN_S = 1.0  # after a reading that failed
MAX_RECONNECT_WAIT_S = 5.0
_HEARTBEAT = "heartbeat "
# A peer that vanished without a word is noticed within seconds: idle by keepalives, while something is under way by the user timeout.
_CONNECTING: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8000,
}
_ENTER = "SELECT set_config('app.tenant_id', %s, true), set_config('statement_timeout', %s, true)"

log = logging.getLogger("api.versions")


class Versions:
    """The versions of the tenants' data, as this process knows them. Listening begins with the first question, after any fork."""

    def __init__(self, database_url: str, code_version: str = "") -> None:
        """`database_url` as the API role. `code_version` is part of each version: other code may say the same data differently."""
        self._url = database_url
        self._code_version = code_version
        self._lock = threading.Lock()
        self._listener: _Listener | None = None
        self._left_behind: list[_Listener] = []
        self._is_closed = False

    def current(self, tenant_id: UUID) -> str | None:
        """The version of the tenant's data; None while it cannot be known for certain. Never raises."""
        listener = self._listener
        if listener is None or listener.pid != os.getpid():
            return self._begin(tenant_id)
        return listener.current(tenant_id)

    def await_change(self, tenant_id: UUID, version: str | None, timeout_s: float) -> str:
        """The first version that is known and not `version`. Raises TimeoutError when there is none within `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while (found := self.current(tenant_id)) is None or found == version:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the version is still {found} after {timeout_s} s")
            time.sleep(0.01)
        return found

    @property
    def is_listening(self) -> bool:
        """Whether versions are known at present."""
        listener = self._listener
        return listener is not None and listener.pid == os.getpid() and listener.is_alive()

    @property
    def notice_count(self) -> int:
        """Notices heard by this process, heartbeats left out."""
        return self._listener.notice_count if self._listener else 0

    @property
    def connect_count(self) -> int:
        """How often the listener connected; 1 in an untroubled life."""
        return self._listener.connect_count if self._listener else 0

    def close(self) -> None:
        """Stop listening; `current` gives None from now on."""
        with self._lock:
            self._is_closed = True
            listener, self._listener = self._listener, None
        if listener is not None and listener.pid == os.getpid():
            listener.close()

    def _begin(self, tenant_id: UUID) -> str | None:
        with self._lock:
            if self._is_closed:
                return None
            if self._listener is None or self._listener.pid != os.getpid():
                if self._listener is not None:
                    # Of the process that forked this one. It is kept, untouched: to end it here would speak over the other's sockets.
                    self._left_behind.append(self._listener)
                self._listener = _Listener(self._url, self._code_version)
                self._listener.start()
            return self._listener.current(tenant_id)


class _Listener:
    """One process's listening thread, what it has heard, and the connection that reads versions."""

    def __init__(self, url: str, code_version: str) -> None:
        self.pid = os.getpid()
        self.notice_count = 0
        self.connect_count = 0
        self._url = url
        self._code_version = code_version
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="versions", daemon=True)
        self._socket: socket.socket | None = None
        # Guards the next three.
        self._lock = threading.Lock()
        self._versions: dict[UUID, str] = {}
        self._epoch = 0
        self._heard_at = float("-inf")
        # Held while a version is read: one reading serves all who wait for it.
        self._reading = threading.Lock()
        self._reader: psycopg.Connection[Any] | None = None
        self._read_again_at = float("-inf")

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether whatever was told until a few seconds ago has been heard."""
        return time.monotonic() - self._heard_at <= ALIVE_S

    def current(self, tenant_id: UUID) -> str | None:
        """The tenant's version, read if it is not known; None while not listening, or when the reading fails."""
        if not self.is_alive():
            return None
        return self._versions.get(tenant_id) or self._read(tenant_id)

    def close(self) -> None:
        """End the thread and both connections."""
        self._stop.set()
        if (connected := self._socket) is not None:
            # The thread may be waiting for a server that does not answer; it alone may touch the connection itself.
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)
        with self._reading:
            self._drop_reader()

    # The thread

    def _run(self) -> None:
        connecting = Retrying(
            retry=retry_if_exception_type(psycopg.Error),
            wait=wait_random_exponential(multiplier=0.1, max=MAX_RECONNECT_WAIT_S),
            sleep=sleep_using_event(self._stop),
            stop=stop_when_event_set(self._stop),
        )
        while not self._stop.is_set():
            try:
                with connecting(self._connected) as connection:
                    self._hear(connection)
            except RetryError:
                return  # asked to stop while there was no connection
            except (psycopg.Error, OSError) as error:
                if not self._stop.is_set():
                    log.warning("versions are unknown: the listener lost its connection", extra={"fields": {"error": type(error).__name__}})
            finally:
                self._forget_all()
            self._stop.wait(0.1)  # a server that lets in and throws out at once

    def _connected(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self._url, application_name="estate-api-listener", **_CONNECTING)
        try:
            connection.execute(query("version_listen"))
        except psycopg.Error:
            connection.close()
            raise
        self.connect_count += 1
        return connection

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        """Hear notices until asked to stop. Raises psycopg.Error when the connection is lost."""
        # A descriptor of its own, which stays valid until it is closed here, whatever becomes of the connection.
        with socket.socket(fileno=os.dup(connection.fileno())) as connected:
            self._socket = connected
            try:
                while not self._stop.is_set():
                    told_at, mark = time.monotonic(), _HEARTBEAT + secrets.token_hex(8)
                    connection.execute(query("version_heartbeat"), {"payload": mark})
                    for notice in connection.notifies(timeout=HEARTBEAT_S):
                        if notice.payload == mark:
                            # All that was told before has been heard before. A pooler that swallows notices never gets here.
                            self._heard_at = told_at
                        elif not notice.payload.startswith(_HEARTBEAT):
                            self._forget(notice.payload)
            finally:
                self._socket = None

    def _forget(self, payload: str) -> None:
        with self._lock:
            self._epoch += 1
            self.notice_count += 1
            try:
                self._versions.pop(UUID(payload), None)
            except ValueError:  # "*", or something that a later version of us would understand
                self._versions.clear()

    def _forget_all(self) -> None:
        with self._lock:
            self._heard_at = float("-inf")
            self._epoch += 1
            self._versions.clear()

    # The reading

    def _read(self, tenant_id: UUID) -> str | None:
        if not self._reading.acquire(timeout=READ_WAIT_S):
            return None
        try:
            with self._lock:
                known, epoch = self._versions.get(tenant_id), self._epoch
            if known is not None or time.monotonic() < self._read_again_at:
                return known
            try:
                version = self._digest(tenant_id)
            except psycopg.Error as error:
                self._read_again_at = time.monotonic() + READ_COOLDOWN_S
                log.warning("the version of a tenant cannot be read", extra={"fields": {"error": type(error).__name__}})
                return None
            with self._lock:
                # Told of something meanwhile, perhaps of what this reading did not see: right when it was read, not to be kept.
                if epoch == self._epoch:
                    self._versions[tenant_id] = version
            return version
        finally:
            self._reading.release()

    def _digest(self, tenant_id: UUID) -> str:
        """The version, from the database. Raises psycopg.Error."""
        is_new = self._reader is None
        try:
            state = self._state(tenant_id)
        except psycopg.OperationalError:
            self._drop_reader()
            if is_new:
                raise
            state = self._state(tenant_id)  # the connection may have been lost long ago, unnoticed
        return hashlib.sha256(f"{self._code_version}\n{state}".encode()).hexdigest()[:20]

    def _state(self, tenant_id: UUID) -> str:
        if self._reader is None:
            self._reader = psycopg.connect(
                self._url, application_name="estate-api-versions", options="-c default_transaction_read_only=on", **_CONNECTING
            )
        with self._reader.transaction():
            self._reader.execute(_ENTER, (str(tenant_id), READ_TIMEOUT))
            row = self._reader.execute(query("version_state")).fetchone()
        assert row is not None, "a SELECT without FROM gives one row"  # noqa: S101 - for the type checker
        return str(row[0])

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
