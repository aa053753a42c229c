"""One round trip to PostgreSQL: several statements in one pipeline, the last one's answer as bytes (libpq, by psycopg's own wrapper).

Psycopg's own cursors cost six times as much of the client's time: 120 µs of processor a read of one row against 20 µs, on loopback. This
module knows no tenant and no pool.
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import DictRow

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|(%)|)")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL as PostgreSQL numbers its parameters. `name` prepares it once a connection; empty plans it anew each time."""

    name: bytes
    sql: bytes
    parameters: tuple[str, ...] = ()


class Wire(Connection[DictRow]):
    """A connection that remembers what it has prepared and how to wait for its socket."""

    prepared: set[bytes]
    poll: select.poll

    def prepare(self) -> None:
        """Make it fit for `ask`; once, after connecting."""
        self.prepared = set()
        self.poll = select.poll()
        self.poll.register(self.pgconn.socket, select.POLLIN)

    def is_alive(self) -> bool:
        """Whether the server has not hung up. Costs no round trip: nobody sends to an idle connection but to end it."""
        if self.closed:
            return False
        if not self.poll.poll(0):
            return True
        try:
            self.execute("")  # it may have told of something else, such as a changed setting
        except OperationalError:
            return False
        return not self.closed


@lru_cache(maxsize=512)
def statement(name: str, text: str) -> Statement:
    """`text` with its %(name)s numbered; the same name has the same number. Raises ValueError for a lone %."""
    places: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        if found[2]:
            return "%"
        if not found[1]:
            raise ValueError(f"{name or 'the query'}: a % that is not a parameter is written %%")
        return f"${places.setdefault(found[1], len(places) + 1)}"

    sql = _PLACEHOLDER.sub(numbered, text)
    return Statement(name.encode(), sql.encode(), tuple(places))


def ask(connection: Wire, *asked: tuple[Statement, Mapping[str, Any]], timeout_s: float) -> PGresult:
    """Send all statements at once and return the last one's result. Without BEGIN among them they are one transaction of their own.

    Raises psycopg's error of the first that failed; those after it were not run. OperationalError when the connection breaks, or
    when the answer takes longer than `timeout_s` seconds; the connection is closed then.
    """
    wire = connection.pgconn
    try:
        values = [_values(connection, what, given) for what, given in asked]
        wire.enter_pipeline_mode()
        for (what, _), bound in zip(asked, values, strict=True):
            if not what.name:
                wire.send_query_params(what.sql, bound)
                continue
            if what.name not in connection.prepared:
                wire.send_prepare(what.name, what.sql)
            wire.send_query_prepared(what.name, bound)
        wire.pipeline_sync()
        results = _answers(connection, time.monotonic() + timeout_s)
        wire.exit_pipeline_mode()
    except BaseException:
        # Nobody knows what else would arrive on it.
        connection.close()
        raise
    return _judged(connection, [what for what, _ in asked], results)


def _values(connection: Wire, what: Statement, given: Mapping[str, Any]) -> list[Any]:
    values = [given[name] for name in what.parameters]
    return list(Transformer(connection).dump_sequence(values, [PyFormat.TEXT] * len(values))) if values else values


def _answers(connection: Wire, deadline: float) -> list[PGresult]:
    """Every result up to the end of the pipeline."""
    wire, poll = connection.pgconn, connection.poll
    results: list[PGresult] = []
    if wire.flush():  # parameters larger than the socket's buffer: the rest goes as the server reads
        poll.modify(wire.socket, select.POLLIN | select.POLLOUT)
        try:
            while wire.flush():
                _wait(poll, deadline)
                wire.consume_input()
        finally:
            poll.modify(wire.socket, select.POLLIN)
    while True:
        while wire.is_busy():
            _wait(poll, deadline)
            wire.consume_input()
        result = wire.get_result()
        if result is None:
            # Between two statements there is one None; a connection that broke has nothing else to say.
            if wire.status == ConnStatus.BAD:
                raise OperationalError("the connection broke")
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)


def _wait(poll: select.poll, deadline: float) -> None:
    left_s = deadline - time.monotonic()
    if left_s <= 0 or not poll.poll(left_s * 1000):
        raise OperationalError("the database did not answer in time")


def _judged(connection: Wire, asked: list[Statement], results: list[PGresult]) -> PGresult:
    """The last result; on the way, remember what was prepared and raise what failed."""
    found = iter(results)
    for what in asked:
        if what.name and what.name not in connection.prepared:
            _raise_failure(connection, next(found))
            connection.prepared.add(what.name)
        result = next(found)
        _raise_failure(connection, result)
    return result


def _raise_failure(connection: Wire, result: PGresult) -> None:
    if result.status not in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
        raise error_from_result(result, connection.info.encoding)
