"""How Feast lays features out in Redis, byte for byte (feast 0.67: infra/online_stores/redis.py and infra/key_encoding_utils.py).

One hash holds all features of one entity. Its key is the serialized entity, then the name of the project. A feature lies in the field named
by the hash of "view:feature", as a serialized `feast.types.Value`; the event time of a view's row lies in the field "_ts:view", as a
serialized `google.protobuf.Timestamp`. The few bytes are written here by hand: importing feast takes seconds, and its objects a
millisecond for every value row; the tests hold these bytes against those that Feast writes and reads.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import mmh3
import numpy as np
import pyarrow as pa

KEY_TTL_SECONDS = 180 * 24 * 3600
"""What has not been written for so long is gone: the longest time to live of any view. Feast's `key_ttl_seconds` must say the same."""

MARK_TTL_SECONDS = KEY_TTL_SECONDS - 30 * 24 * 3600
"""How long a tenant's mark stands (estate.features.online): whatever runs in the 30 days that entities outlive it renews all of them."""

OBSERVED_AT = "observed_at"
"""The field in which each view carries the day that its row stands for, a feature of type UnixTimestamp to Feast: whole seconds."""

TENANT_KEY = "tenant_id"
"""The join key that stands beside the entity's own."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STRING = struct.pack("<I", 2)  # feast.types.ValueType.STRING, of which all join keys are
_U32 = struct.Struct("<I")
_DOUBLE = struct.Struct("<d")
# Feast writes NaT so, in a column of times that has others; alone in its column it is an empty Value like every null.
_NO_TIME = -(2**63)
# The first byte of a Value tells which of its fields is set, as (number << 3 | wire type): string_val 2, int64_val 4, double_val 5,
# bool_val 7, unix_timestamp_val 8. They are members of a oneof, so 0, False and "" are written as well; a Value of no bytes is null.
_TEXT_TAG, _INT_TAG, _DOUBLE_TAG, _BOOL_TAG, _TIME_TAG = 0x12, 0x20, 0x29, 0x38, 0x40
# A Timestamp is seconds (field 1) and nanos (field 2); zeros are left out.
_SECONDS_TAG, _NANOS_TAG = 0x08, 0x10


class KeyLayout:
    """The keys of one kind of entity of one tenant."""

    def __init__(self, project: str, entity: str, tenant_id: str) -> None:
        """`entity` is the join key beside tenant_id: property_id or county_fips."""
        names = sorted((entity, TENANT_KEY))  # Feast sorts the join keys; their values follow in that order
        head = _U32.pack(len(names)) + b"".join(_STRING + _sized(name.encode()) for name in names)
        tenant = _STRING + _sized(tenant_id.encode())
        self._head, self._tail = (head, tenant) if names[0] == entity else (head + tenant, b"")
        self._tail += project.encode()

    def key(self, entity_id: str) -> bytes:
        """The key of that entity; no two (tenant, project, entity, id) share one, since all but the project carry their length."""
        return self._head + _STRING + _sized(entity_id.encode()) + self._tail


def _sized(value: bytes) -> bytes:
    return _U32.pack(len(value)) + value


def feature_field(view: str, feature: str) -> bytes:
    """The field of a feature: MurmurHash3 (32 bits, seed 0) of "view:feature", the lowest byte first."""
    return _U32.pack(mmh3.hash(f"{view}:{feature}", signed=False))


def time_field(view: str) -> bytes:
    """The field of the event time of a view's row."""
    return f"_ts:{view}".encode()


# Writing


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its two's complement in 64 bits."""
    number &= 2**64 - 1
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return bytes((_TEXT_TAG,)) + _varint(len(encoded)) + encoded


_WRITE: dict[str, Callable[[Any], bytes]] = {
    "text": _text,
    "bigint": lambda value: bytes((_INT_TAG,)) + _varint(value),
    "double precision": lambda value: bytes((_DOUBLE_TAG,)) + _DOUBLE.pack(value) if value == value else b"",  # noqa: PLR0124 - NaN
    "boolean": lambda value: bytes((_BOOL_TAG, value)),
    "timestamptz": lambda micros: bytes((_TIME_TAG,)) + _varint(micros // 1_000_000),
}
TYPES = frozenset(_WRITE)
"""The contracts' SQL types that a feature may have."""


def _timestamp(micros: int) -> bytes:
    seconds, rest = divmod(micros, 1_000_000)
    return (bytes((_SECONDS_TAG,)) + _varint(seconds) if seconds else b"") + (bytes((_NANOS_TAG,)) + _varint(rest * 1000) if rest else b"")


def values_written(values: pa.Array, sql_type: str) -> pa.Array:
    """A column as serialized Values, an array of binary without nulls: null, and a NaN, is no bytes.

    `values` has the Arrow type of `sql_type` (estate.arrow). A time is cut to the second, as Feast does. Raises ValueError for a type that
    no feature has.
    """
    if sql_type not in TYPES:
        raise ValueError(f"{sql_type} is not a type of features; {', '.join(sorted(TYPES))} are")
    if sql_type == "double precision":
        return _doubles_written(values)
    return _each_once(values, _WRITE[sql_type])


def times_written(values: pa.Array) -> pa.Array:
    """Event times (timestamp[us, UTC], no null) as serialized Timestamps, to the microsecond."""
    return _each_once(values, _timestamp)


def _doubles_written(values: pa.Array) -> pa.Array:
    """Tag and eight bytes each, without a step of Python for each of them: coordinates and prices hardly ever repeat."""
    numbers = values.to_numpy(zero_copy_only=False)  # null as NaN
    is_known = ~np.isnan(numbers)
    records = np.empty(int(is_known.sum()), dtype=[("tag", "u1"), ("value", "<f8")])
    records["tag"] = _DOUBLE_TAG
    records["value"] = numbers[is_known]
    offsets = np.zeros(len(numbers) + 1, dtype=np.int32)
    np.cumsum(is_known * records.itemsize, out=offsets[1:])
    return pa.Array.from_buffers(pa.binary(), len(numbers), [None, pa.py_buffer(offsets), pa.py_buffer(records.tobytes())])


def _each_once(values: pa.Array, write: Callable[[Any], bytes]) -> pa.Array:
    """Every different value written once: codes, years, flags and times of publication repeat."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    coded = values.dictionary_encode(null_encoding="encode")
    written = [b"" if value is None else write(value) for value in coded.dictionary.to_pylist()]
    return pa.array(written, type=pa.binary()).take(coded.indices)


# Reading

# Codes, years and times repeat from entity to entity: to look one up costs a tenth of taking its bytes apart.
_REMEMBERED = 4096


def _read_varint(value: bytes, start: int) -> tuple[int, int]:
    """The number that starts there, as signed 64 bits, and where it ends. Raises ValueError where it does not end."""
    number = 0
    for place, byte in enumerate(value[start : start + 10]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if number >= 2**64:
                break
            return number - 2**64 if number >= 2**63 else number, start + place + 1
    raise ValueError("a number without an end")


def _read_double(value: bytes) -> float:
    if len(value) != 9 or value[0] != _DOUBLE_TAG:
        raise ValueError("not a double")
    number: float = _DOUBLE.unpack_from(value, 1)[0]
    return number


def _read_tagged_int(value: bytes, tag: int) -> int:
    if value[0] != tag:
        raise ValueError("of another type")
    number, end = _read_varint(value, 1)
    if end != len(value):
        raise ValueError("more than a number")
    return number


@lru_cache(_REMEMBERED)
def _read_int(value: bytes) -> int:
    return _read_tagged_int(value, _INT_TAG)


@lru_cache(_REMEMBERED)
def _read_bool(value: bytes) -> bool:
    number = _read_tagged_int(value, _BOOL_TAG)
    if number not in {0, 1}:
        raise ValueError("neither true nor false")
    return number == 1


@lru_cache(_REMEMBERED)
def _read_text(value: bytes) -> str:
    if value[0] != _TEXT_TAG:
        raise ValueError("not a text")
    size, start = _read_varint(value, 1)
    if start + size != len(value):
        raise ValueError("a text of another length")
    return value[start:].decode()


def _at(micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError("no time of any calendar") from None


@lru_cache(_REMEMBERED)
def _read_time(value: bytes) -> datetime | None:
    seconds = _read_tagged_int(value, _TIME_TAG)
    return None if seconds == _NO_TIME else _at(seconds * 1_000_000)


READ: dict[str, Callable[[bytes], Any]] = {
    "text": _read_text,
    "bigint": _read_int,
    "double precision": _read_double,
    "boolean": _read_bool,
    "timestamptz": _read_time,
}
"""By SQL type, what reads one serialized Value of at least one byte. Raises ValueError for any bytes but those of one such value."""


@lru_cache(_REMEMBERED)
def event_time(value: bytes) -> datetime:
    """The event time that a serialized Timestamp says, cut to the microsecond. Raises ValueError for any other bytes."""
    said = {_SECONDS_TAG: 0, _NANOS_TAG: 0}
    place, last = 0, 0
    while place < len(value):
        tag = value[place]
        if tag not in said or tag <= last:
            raise ValueError("not a time")
        said[tag], place = _read_varint(value, place + 1)
        last = tag
    if not 0 <= said[_NANOS_TAG] < 1_000_000_000:
        raise ValueError("not a time")
    return _at(said[_SECONDS_TAG] * 1_000_000 + said[_NANOS_TAG] // 1000)
