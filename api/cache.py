"""Answers kept in Redis until the tenant's data move: the version is part of the key, so what is published makes old answers unreachable.

An answer that must be recorded each time it is read (personal data) does not belong here.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import orjson

from api.redis_store import TIMEOUT_S, StoreAway, redis_store

MAX_VALUE_BYTES = 1024 * 1024
DEFAULT_TTL_S = 3600
_PREFIX = "estate:cache:v1:"
# Form 1: these four bytes, CRC-32 of the rest and the key, length of the header; then the header as JSON, then the body.
_MAGIC = b"ecv1"
_HEAD = struct.Struct("<4sII")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it left: status, content type, further headers (Link, Vary …) and the body, neither compressed nor decoded."""

    status: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def key_of(tenant_id: UUID, version: str, *, path: str, query: Iterable[tuple[str, str]], roles: Iterable[str], representation: str) -> str:
    """The key of an answer: of one tenant and data version, and of all else that the answer depends on.

    path: as asked for, identifiers included. query: its parameters in any order. representation: what was negotiated (content type).
    """
    # JSON, so that no two lists of texts look alike; and that of the standard library, which takes half of a surrogate pair.
    asked = json.dumps([path, sorted(query), sorted(roles), representation])
    return f"{_PREFIX}{tenant_id}:{version}:{hashlib.blake2b(asked.encode(), digest_size=16).hexdigest()}"


def packed(key: str, answer: Kept) -> bytes:
    """`answer` as it is stored under `key`."""
    header = orjson.dumps([answer.status, answer.content_type, answer.headers])
    checksum = zlib.crc32(answer.body, zlib.crc32(header, zlib.crc32(key.encode())))
    return _HEAD.pack(_MAGIC, checksum, len(header)) + header + answer.body


def unpacked(key: str, value: bytes) -> Kept | None:
    """What `packed` was given, or None for anything that it did not make for this key: cut off, altered, moved, of another form."""
    if len(value) < _HEAD.size:
        return None
    magic, checksum, header_bytes = _HEAD.unpack_from(value)
    # A checksum is no signature: what it lets through is still read with care.
    if magic != _MAGIC or checksum != zlib.crc32(memoryview(value)[_HEAD.size :], zlib.crc32(key.encode())):
        return None
    at = _HEAD.size + header_bytes
    try:
        status, content_type, headers = orjson.loads(value[_HEAD.size : at])
        return Kept(int(status), str(content_type), tuple((str(name), str(text)) for name, text in headers), value[at:])
    except (ValueError, TypeError):
        return None


class ResponseCache:
    """Answers by key. While Redis is away everything is a miss."""

    def __init__(self, redis_url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Without `redis_url` nothing is kept. `timeout_s`: how long Redis may take."""
        self._store = redis_store(redis_url, timeout_s)

    @property
    def is_degraded(self) -> bool:
        """Whether nothing can be kept at present."""
        return self._store.is_away

    def get(self, key: str) -> Kept | None:
        """The answer kept under `key`, or None."""
        try:
            value = self._store.ask("GET", key)
        except StoreAway:
            return None
        return unpacked(key, value) if value is not None else None

    def put(self, key: str, answer: Kept, ttl_s: int = DEFAULT_TTL_S) -> bool:
        """Keep `answer` for `ttl_s` seconds; returns whether it is kept. One that takes more than 1 MiB as stored is not."""
        if len(answer.body) > MAX_VALUE_BYTES:
            return False
        value = packed(key, answer)
        if len(value) > MAX_VALUE_BYTES:
            return False
        try:
            self._store.ask("SET", key, value, "EX", ttl_s)
        except StoreAway:
            return False
        return True

    def close(self) -> None:
        """Give the connections to Redis back; the next use opens new ones."""
        self._store.close()
