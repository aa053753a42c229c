"""Everything that a Redis is sent meanwhile, as Redis itself tells it (MONITOR)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis

_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_END = [b"ECHO", b"the watch is over"]


@contextmanager
def watched(url: str, database: int = 0) -> Iterator[list[list[bytes]]]:
    """The commands sent to that database from whatever client, word by word; complete when the block is left.

    `url`: the server, as a user that may watch it. Commands name their keys raw, whatever bytes these hold.
    """
    seen: list[list[bytes]] = []
    with redis.Redis.from_url(url) as watcher, redis.Redis.from_url(url) as marker:
        connection = watcher.connection_pool.get_connection()
        connection.send_command("MONITOR")
        assert connection.read_response() == b"OK"
        try:
            yield seen
            marker.execute_command(*_END)
            while (said := _words(line := connection.read_response())) != _END:
                # 1770000000.123456 [3 127.0.0.1:50000] "HSET" "…"
                if int(line.split(b"[", 1)[1].split(b" ", 1)[0]) == database:
                    seen.append(said)
        finally:
            connection.disconnect()


def _words(line: bytes) -> list[bytes]:
    return [word.decode("unicode_escape").encode("latin-1") for word in _WORD.findall(line)]


def verbs(commands: list[list[bytes]]) -> set[str]:
    """Which commands were sent, without those by which redis-py introduces itself."""
    return {command[0].decode().upper() for command in commands} - {"AUTH", "CLIENT", "HELLO", "PING", "SELECT"}


def keys(commands: list[list[bytes]]) -> list[bytes]:
    """The key that each of these commands names."""
    return [command[2 if command[0].upper() == b"MEMORY" else 1] for command in commands if verbs([command])]
