"""Redis gone, hanging, full, or holding what nobody of us wrote: said in words, and never a wrong value."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from online_rows import redis_url, service, table

from estate.errors import OnlineUnavailable
from estate.features import online
from estate.features.layout import feature_field, time_field
from estate.features.online import OnlineStore
from tests import frames
from tests.api.own_redis import OwnRedis

PHYSICAL = "property_physical"
ASKED = service(property_physical=("year_built", "living_area_sqft"))
HEAL = "run features_backfill"


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    server = OwnRedis()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def store(own_redis):
    return OnlineStore(frames.some_tenant(), own_redis.url)


def homes(count=1):
    return {PHYSICAL: table(PHYSICAL, {str(number): {"year_built": 1900 + number % 100} for number in range(count)})}


ACTS = {
    "read": lambda store: store.read(ASKED, ["0"]),
    "write": lambda store: store.write("property_id", homes()),
    "delete": lambda store: store.delete("property_id", ["0"]),
    "measure": lambda store: store.memory_bytes("property_id", ["0"]),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_redis_that_is_gone_is_said_with_where_it_was_and_what_to_do(own_redis, store, act):
    store.write("property_id", homes())
    own_redis.stop()
    with pytest.raises(OnlineUnavailable, match=f"sometenant: Redis at .*{urlsplit(own_redis.url).path}.*at least 0 of 1 entities.*{HEAL}"):
        act(store)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_redis_that_hangs_is_not_waited_for_for_ever(own_redis, monkeypatch, act):
    monkeypatch.setattr(online, "ANSWER_TIMEOUT_S", 0.2)
    store = OnlineStore(frames.some_tenant(), own_redis.url)
    own_redis.freeze()
    try:
        with pytest.raises(OnlineUnavailable, match=r"Timeout"):
            act(store)
    finally:
        own_redis.thaw()


def test_a_redis_that_comes_back_is_used_again_by_the_same_store(own_redis, store):
    store.write("property_id", homes())
    own_redis.stop()
    with pytest.raises(OnlineUnavailable):
        store.read(ASKED, ["0"])
    own_redis.start()
    assert store.read(ASKED, ["0"]) == [None]
    assert store.write("property_id", homes()) == 1
    assert store.read(ASKED, ["0"])[0].values["year_built"] == 1900


class CutWire:
    """Between a client and Redis; after so many bytes to Redis the wire is cut, for this connection and all later ones."""

    def __init__(self, host: str, port: int, after_bytes: int) -> None:
        self._to, self._left = (host, port), after_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        self._listener.close()
        with client, socket.create_connection(self._to) as server:
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            while self._left and (data := client.recv(min(65536, self._left))):
                server.sendall(data)
                self._left -= len(data)
            server.shutdown(socket.SHUT_RDWR)
            client.shutdown(socket.SHUT_RDWR)
            back.join(10)

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return

    def join(self) -> None:
        self._thread.join(10)


def test_a_wire_cut_in_the_middle_says_how_many_were_written_and_the_next_run_heals(servers):
    address = urlsplit(redis_url(servers))
    wire = CutWire(str(address.hostname), int(address.port or 0), 2_000_000)
    tenant = frames.some_tenant()
    store = OnlineStore(tenant, redis_url(servers).replace(f":{address.port}/", f":{wire.port}/"))
    count = 4 * online.AT_ONCE
    with pytest.raises(
        OnlineUnavailable, match=rf"127\.0\.0\.1:{wire.port}/\d+ failed .*at least \d+ of {count} entities were written"
    ) as caught:
        store.write("property_id", homes(count))
    wire.join()
    assert str(address.password) not in str(caught.value)
    healthy = OnlineStore(tenant, redis_url(servers))
    before = healthy.read(ASKED, [str(number) for number in range(count)])
    there = [row for row in before if row is not None]
    # What had arrived is whole: an entity is one command.
    assert 0 < len(there) < count
    assert all(row is None or row.values["year_built"] == 1900 + number % 100 for number, row in enumerate(before))
    assert healthy.write("property_id", homes(count)) == count
    assert None not in healthy.read(ASKED, [str(number) for number in range(count)])


def test_a_full_redis_refuses_and_keeps_what_it_had(own_redis, store):
    store.write("property_id", homes())
    with own_redis.client() as client:
        client.config_set("maxmemory", 1)
    with pytest.raises(OnlineUnavailable, match=r"OutOfMemory.*at least 0 of 3 entities were written"):
        store.write("property_id", homes(3))
    assert store.read(ASKED, ["0"])[0].values["year_built"] == 1900


def test_after_a_refusal_the_next_answers_are_its_own(own_redis, store):
    with own_redis.client() as client:
        client.set(store._keys("property_id").key("0"), "not a hash")
    with pytest.raises(ValueError, match="no hash lies there"):
        store.write("property_id", homes(3))
    assert store.delete("property_id", ["0", "1", "2"]) == 3
    assert store.write("property_id", homes(3)) == 3
    assert [row.values["year_built"] for row in store.read(ASKED, ["0", "1", "2"])] == [1900, 1901, 1902]


@pytest.mark.parametrize("act", [ACTS["read"], ACTS["write"], lambda store: store.delete("property_id", ["0"], views=[PHYSICAL])])
def test_what_is_no_hash_is_named_with_the_command_that_removes_it(own_redis, store, act):
    key = store._keys("property_id").key("0")
    with own_redis.client() as client:
        client.set(key, "not a hash")
        with pytest.raises(
            ValueError, match=rf'sometenant, property_id 0: no hash lies there. DEL ".*estate_sometenant" .*{HEAL}'
        ) as caught:
            act(store)
        shown = str(caught.value).split('"')[1]
        assert shown.encode().decode("unicode_escape").encode("latin-1") == key


@pytest.mark.parametrize(("field", "value", "named"), [
    (feature_field(PHYSICAL, "year_built"), b"garbage", "year_built"),
    (feature_field(PHYSICAL, "year_built"), b"\x29" + b"\x00" * 8, "year_built"),
    (feature_field(PHYSICAL, "living_area_sqft"), b"\x29\x00", "living_area_sqft"),
    (feature_field(PHYSICAL, "observed_at"), b"\x12\x01x", "observed_at"),
    (time_field(PHYSICAL), b"yesterday", "_ts:property_physical"),
])  # fmt: skip
def test_garbage_in_a_field_is_named_and_never_read_and_writing_heals_it(own_redis, store, field, value, named):
    store.write("property_id", homes(2))
    with own_redis.client() as client:
        client.hset(store._keys("property_id").key("0"), field, value)
    with pytest.raises(ValueError, match=f"sometenant, property_id 0: property_physical: field {named} holds .*{HEAL}"):
        store.read(ASKED, ["1", "0"])
    assert store.write("property_id", homes()) == 1
    assert store.read(ASKED, ["0"])[0].values == {"year_built": 1900, "living_area_sqft": None}


def test_values_without_an_event_time_are_refused_and_never_read(own_redis, store):
    store.write("property_id", homes())
    with own_redis.client() as client:
        client.hdel(store._keys("property_id").key("0"), time_field(PHYSICAL))
    with pytest.raises(ValueError, match=f"property_id 0: property_physical has values and no event time; {HEAL}"):
        store.read(ASKED, ["0"])


def test_a_feature_younger_than_the_last_write_is_null_as_in_feast(own_redis, store):
    store.write("property_id", homes())
    with own_redis.client() as client:
        client.hdel(store._keys("property_id").key("0"), feature_field(PHYSICAL, "year_built"))
    assert store.read(ASKED, ["0"])[0].values["year_built"] is None
