"""Every byte that is laid out by hand is the byte that Feast lays out, and comes back as the same value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import yaml
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import _mmh3, _redis_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from feast.value_type import ValueType
from google.protobuf.timestamp_pb2 import Timestamp

from estate.arrow import arrow_type
from estate.features import layout
from estate.features.definitions import VIEWS
from estate.features.repository import FOLDER

KINDS = {
    "text": ValueType.STRING,
    "bigint": ValueType.INT64,
    "double precision": ValueType.DOUBLE,
    "boolean": ValueType.BOOL,
    "timestamptz": ValueType.UNIX_TIMESTAMP,
}
EXTREMES = {
    "text": ["", "X", "é", "日本", "\x00", "a" * 127, "a" * 128, "b" * 20_000],
    "bigint": [0, 1, -1, 127, 128, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)],
    "double precision": [0.0, -0.0, 1.5, -0.1, 1e308, 5e-324, float("inf"), float("-inf")],
    "boolean": [True, False],
    "timestamptz": [datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime(1950, 6, 1, tzinfo=UTC)],
}
CASES = [(kind, value) for kind, values in EXTREMES.items() for value in values]
TIMES = [
    datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC),
]  # fmt: skip


def written(kind, *values):
    return layout.values_written(pa.array(values, type=arrow_type(kind)), kind).to_pylist()


@pytest.mark.parametrize(("kind", "value"), CASES)
def test_a_value_is_written_as_feast_writes_it(kind, value):
    (theirs,) = python_values_to_proto_values([value], KINDS[kind])
    assert written(kind, value) == [theirs.SerializeToString()]


@pytest.mark.parametrize(("kind", "value"), CASES)
def test_a_value_that_feast_wrote_is_read_as_it_was(kind, value):
    (theirs,) = python_values_to_proto_values([value], KINDS[kind])
    found = layout.READ[kind](theirs.SerializeToString())
    assert (found, type(found), str(found)) == (value, type(value), str(value))


@pytest.mark.parametrize("kind", KINDS)
def test_null_is_no_bytes_as_feast_writes_it(kind):
    (theirs,) = python_values_to_proto_values([None], KINDS[kind])
    assert written(kind, None, EXTREMES[kind][1], None) == [theirs.SerializeToString(), written(kind, EXTREMES[kind][1])[0], b""]


def test_no_number_is_null():
    assert written("double precision", float("nan"), 1.0)[0] == b""


def test_a_slice_of_a_column_is_written_as_the_slice():
    column = pa.array([1.0, None, 3.0, 4.0])
    assert layout.values_written(column.slice(1, 2), "double precision").to_pylist() == [b"", *written("double precision", 3.0)]


@pytest.mark.parametrize("at", [datetime(2026, 3, 1, 12, 0, 0, 999999, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)])
def test_observed_time_is_cut_to_the_second_as_feast_does(at):
    (theirs,) = python_values_to_proto_values([at], ValueType.UNIX_TIMESTAMP)
    assert written("timestamptz", at) == [theirs.SerializeToString()]


def test_feast_s_number_for_no_time_is_null():
    assert layout.READ["timestamptz"](Value(unix_timestamp_val=-(2**63)).SerializeToString()) is None


@pytest.mark.parametrize("at", TIMES)
def test_an_event_time_is_written_as_feast_writes_it_and_read_to_the_microsecond(at):
    theirs = Timestamp()
    theirs.FromDatetime(at)
    (ours,) = layout.times_written(pa.array([at], type=pa.timestamp("us", tz="UTC"))).to_pylist()
    assert ours == theirs.SerializeToString()
    assert layout.event_time(ours) == at


@pytest.mark.parametrize("entity", sorted({view.entity for view in VIEWS.values()}))
@pytest.mark.parametrize("entity_id", ["53033", "0b6e4b0a-7f2f-5b0e-8b5e-7a9d8a3f1c00", "", "日本"])
def test_a_key_is_the_key_that_feast_makes(entity, entity_id):
    values = [Value(string_val="tenant"), Value(string_val=entity_id)]
    theirs = EntityKey(join_keys=["tenant_id", entity], entity_values=values)
    ours = layout.KeyLayout("estate_lakeside", entity, "tenant").key(entity_id)
    assert ours == _redis_key("estate_lakeside", theirs)
    assert ours.startswith(serialize_entity_key(theirs))


def test_no_two_owners_share_a_key():
    named = [("p", "t", "ab"), ("p", "ta", "b"), ("bp", "t", "a"), ("p", "tab", ""), ("tp", "", "ab")]
    keys = {layout.KeyLayout(project, "property_id", tenant).key(entity_id) for project, tenant, entity_id in named}
    assert len(keys) == len(named)


def test_a_field_is_named_by_the_hash_that_feast_takes():
    for view in VIEWS.values():
        for name in (layout.OBSERVED_AT, *(c.name for c in view.features)):
            assert layout.feature_field(view.name, name) == _mmh3(f"{view.name}:{name}")


@pytest.mark.parametrize("entity", sorted({view.entity for view in VIEWS.values()}))
def test_no_two_features_of_an_entity_share_a_field(entity):
    views = [view for view in VIEWS.values() if view.entity == entity]
    named = [(view.name, name) for view in views for name in (layout.OBSERVED_AT, *(c.name for c in view.features))]
    fields = {layout.feature_field(*names) for names in named} | {layout.time_field(view.name) for view in views}
    assert len(fields) == len(named) + len(views)


def test_every_feature_has_a_type_that_can_go_online():
    assert {column.sql_type for view in VIEWS.values() for column in view.features} <= layout.TYPES == set(layout.READ)
    with pytest.raises(ValueError, match="uuid is not a type of features; bigint, boolean"):
        layout.values_written(pa.array(["x"]), "uuid")


def test_keys_live_as_long_as_the_longest_view_and_as_feast_is_told():
    assert timedelta(seconds=layout.KEY_TTL_SECONDS) == max(view.ttl for view in VIEWS.values())
    store = yaml.safe_load((FOLDER / "feature_store.yaml").read_text())["online_store"]
    assert store["key_ttl_seconds"] == layout.KEY_TTL_SECONDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["cut", "longer", "of another type", "garbage", "without end"])
def test_bytes_that_are_no_such_value_are_never_read_as_one(kind, change):
    (whole,) = written(kind, EXTREMES[kind][1])
    changed = {
        "cut": whole[:-1], "longer": whole + b"\x00", "of another type": b"\x1d\x00\x00\x80\x3f", "garbage": b"\xff\x00garbage",
        "without end": whole[:1] + b"\xff" * 10,
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"."):
        layout.READ[kind](changed[change])


@pytest.mark.parametrize(
    "value", [b"\x08", b"\x10\x01\x08\x01", b"\x08\x01\x08\x02", b"\x1a\x00", b"\x10\x80\x94\xeb\xdc\x03", b"\x08" + b"\x7f" * 3]
)
def test_bytes_that_are_no_event_time_are_never_read_as_one(value):
    with pytest.raises(ValueError, match=r"."):
        layout.event_time(value)


def test_a_text_that_is_no_utf8_and_a_flag_that_is_neither_are_refused():
    with pytest.raises(ValueError, match="utf-8"):
        layout.READ["text"](b"\x12\x01\xff")
    with pytest.raises(ValueError, match="neither true nor false"):
        layout.READ["boolean"](b"\x38\x02")


def test_a_time_beyond_all_calendars_is_refused():
    with pytest.raises(ValueError, match="no time of any calendar"):
        layout.READ["timestamptz"](Value(unix_timestamp_val=2**62).SerializeToString())
