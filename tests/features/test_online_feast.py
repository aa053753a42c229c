"""What the online store writes, Feast reads; what Feast writes, the online store reads: the same Redis, the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
from feast import FeatureStore, FileSource, RepoConfig
from online_rows import AT, OBSERVED, own_url, redis_url, service, table
from redis_watch import keys, verbs, watched

from estate.features.definitions import SERVICES, VIEWS, project_of
from estate.features.layout import KEY_TTL_SECONDS
from estate.features.online import OnlineStore
from estate.features.repository import redis_connection
from estate.features.store import feast_entities, feast_views
from tests import frames

PROPERTIES = [name for name, view in VIEWS.items() if view.entity == "property_id"]
SAMPLES = {
    "double precision": [1500.25, -0.0, 5e-324, 1e308, None],
    "bigint": [1959, -1, 2**53, -(2**63), None],
    "boolean": [True, False, True, False, None],
    "text": ["AE", "", "Año 日本", "x" * 300, None],
}
ENTITIES = [f"entity {number}" for number in range(5)]


def samples(view):
    """Five rows of `view`: extremes of each type and, in the last, null in every feature; a feature without a source is always null."""
    known = [c for c in VIEWS[view].features if c.name not in VIEWS[view].absent]
    return {entity: {c.name: SAMPLES[c.sql_type][place] for c in known} for place, entity in enumerate(ENTITIES)}


@pytest.fixture(scope="module")
def url(servers):
    return redis_url(servers)


@pytest.fixture(scope="module")
def tenant():
    return frames.some_tenant("feastandus")


@pytest.fixture(scope="module")
def feast(tenant, url, tmp_path_factory):
    """Feast's store of the tenant with the definitions' views, over Parquet files, a registry file and the session's Redis."""
    folder = tmp_path_factory.mktemp("feast")
    store = FeatureStore(config=RepoConfig(
        project=project_of(tenant), provider="local", registry=str(folder / "registry.db"), entity_key_serialization_version=3,
        offline_store={"type": "file"},
        online_store={"type": "redis", "connection_string": redis_connection(url), "key_ttl_seconds": KEY_TTL_SECONDS},
    ))  # fmt: skip
    sources = {}
    for name in VIEWS:
        path = folder / f"{name}.parquet"
        offline = table(name, {f"materialized {entity}": row for entity, row in samples(name).items()})
        pq.write_table(offline.append_column("tenant_id", pa.array([str(tenant.tenant_id)] * len(offline))), path)
        sources[name] = FileSource(name=f"{name}_source", path=str(path), timestamp_field="event_at")
    entities = feast_entities()
    store.apply([*entities.values(), *feast_views(entities, sources).values()])
    return store


def names_of(view):
    return [c.name for c in VIEWS[view].features]


def feast_reads(feast, tenant, view, entities):
    """Of each entity what Feast says of each feature of `view` and of observed_at, and the event time."""
    names = [*names_of(view), "observed_at"]
    rows = [{"tenant_id": str(tenant.tenant_id), VIEWS[view].entity: entity} for entity in entities]
    answer = feast.get_online_features(features=[f"{view}:{name}" for name in names], entity_rows=rows)
    said = answer.to_dict()
    places = list(answer.proto.metadata.feature_names.val)
    times = answer.proto.results[places.index(names[0])].event_timestamps
    return [({name: said[name][at] for name in names}, times[at].ToDatetime(tzinfo=UTC)) for at in range(len(rows))]


def feast_writes(feast, tenant, view, rows):
    """Push `rows` through Feast, which takes a frame."""
    frame = table(view, rows).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get)
    feast.write_to_online_store(view, frame.assign(tenant_id=str(tenant.tenant_id)))


@pytest.mark.parametrize("view", VIEWS)
def test_feast_reads_every_feature_that_we_wrote(feast, tenant, url, view):
    rows = samples(view)
    assert OnlineStore(tenant, url).write(VIEWS[view].entity, {view: table(view, rows)}) == len(rows)
    for entity, (said, at) in zip(rows, feast_reads(feast, tenant, view, rows), strict=True):
        wanted = dict.fromkeys(names_of(view)) | rows[entity]
        assert repr({name: said[name] for name in wanted}) == repr(wanted)
        assert said["observed_at"] == OBSERVED
        assert at == AT


def test_a_number_that_no_double_can_hold_arrives_whole(feast, tenant, url):
    """Feast itself rounds such a number on its way through a frame with nulls."""
    rows = {"great": {"year_built": 2**53 + 1, "condition_code": 2**63 - 1}, "unknown": {}}
    OnlineStore(tenant, url).write("property_id", {"property_physical": table("property_physical", rows)})
    ((said, _), _) = feast_reads(feast, tenant, "property_physical", rows)
    assert (said["year_built"], said["condition_code"]) == (2**53 + 1, 2**63 - 1)


@pytest.mark.parametrize("view", VIEWS)
def test_every_feature_that_feast_wrote_is_read(feast, tenant, url, view):
    rows = {f"pushed {entity}": row for entity, row in samples(view).items()}
    feast_writes(feast, tenant, view, rows)
    for entity, row in zip(rows, OnlineStore(tenant, url).read(service(**{view: tuple(names_of(view))}), list(rows)), strict=True):
        assert repr(row.values) == repr(dict.fromkeys(names_of(view)) | rows[entity])
        assert (row.event_at, row.observed_at) == ({view: AT}, {view: OBSERVED})


def test_what_feast_materialized_is_read(feast, tenant, url):
    feast.materialize(AT - timedelta(days=1), AT + timedelta(days=1), feature_views=["property_physical", "market_current"])
    rows = {f"materialized {entity}": row for entity, row in samples("property_physical").items()}
    asked = service(property_physical=("living_area_sqft", "year_built", "has_pool"))
    for entity, row in zip(rows, OnlineStore(tenant, url).read(asked, list(rows)), strict=True):
        assert repr(row.values) == repr(dict.fromkeys(asked.names) | {n: v for n, v in rows[entity].items() if n in asked.names})
        assert (row.event_at, row.observed_at) == ({"property_physical": AT}, {"property_physical": OBSERVED})


@pytest.mark.parametrize("view", VIEWS)
def test_both_write_the_same_fields_with_the_same_bytes(feast, tenant, url, view):
    rows = {f"{view} theirs {entity}": row for entity, row in samples(view).items()}
    ours = {f"{view} ours {entity}": row for entity, row in samples(view).items()}
    feast_writes(feast, tenant, view, rows)
    store = OnlineStore(tenant, url)
    store.write(VIEWS[view].entity, {view: table(view, ours)})
    keys = store._keys(VIEWS[view].entity)
    with redis.Redis.from_url(url) as client:
        for one, other in zip(rows, ours, strict=True):
            assert client.hgetall(keys.key(one)) == client.hgetall(keys.key(other)) != {}
            assert client.ttl(keys.key(one)) == pytest.approx(client.ttl(keys.key(other)), abs=60)


def test_no_observed_time_is_null_on_both_sides(feast, tenant, url):
    store = OnlineStore(tenant, url)
    store.write("property_id", {"property_physical": table("property_physical", {"unobserved": {}}, observed_at=None)})
    ((said, _),) = feast_reads(feast, tenant, "property_physical", ["unobserved"])
    assert said["observed_at"] is None
    frame = table("property_physical", {"pushed unobserved": {}, "pushed observed": {}}).to_pandas()
    frame.loc[0, "observed_at"] = pd.NaT
    feast.write_to_online_store("property_physical", frame.assign(tenant_id=str(tenant.tenant_id)))
    rows = store.read(service(property_physical=()), ["pushed unobserved", "pushed observed"])
    assert [row.observed_at for row in rows] == [{"property_physical": None}, {"property_physical": OBSERVED}]


def test_views_written_by_both_stand_side_by_side_in_one_entity(feast, tenant, url):
    store = OnlineStore(tenant, url)
    store.write("property_id", {"property_hazard": table("property_hazard", {"shared": {"flood_zone": "VE"}})})
    feast_writes(feast, tenant, "property_physical", {"shared": {"year_built": 1959}})
    (row,) = store.read(SERVICES["property_v1"], ["shared"])
    assert {name: value for name, value in row.values.items() if value is not None} == {"year_built": 1959, "flood_zone": "VE"}
    assert set(row.event_at) == {"property_physical", "property_hazard"}


def test_what_we_deleted_is_not_found_by_feast(feast, tenant, url):
    store = OnlineStore(tenant, url)
    tables = {view: table(view, {"leaving": {}}) for view in PROPERTIES}
    store.write("property_id", tables)
    store.delete("property_id", ["leaving"])
    for view in PROPERTIES:
        ((said, at),) = feast_reads(feast, tenant, view, ["leaving"])
        assert set(said.values()) == {None}
        assert at == datetime(1970, 1, 1, tzinfo=UTC)


def test_feast_takes_a_later_row_over_ours_and_we_take_an_earlier_over_its(feast, tenant, url):
    store = OnlineStore(tenant, url)
    asked = service(property_physical=("year_built",))
    store.write("property_id", {"property_physical": table("property_physical", {"moving": {"year_built": 1}})})
    later = table("property_physical", {"moving": {"year_built": 2}}, event_at=AT + timedelta(hours=1)).to_pandas()
    feast.write_to_online_store("property_physical", later.assign(tenant_id=str(tenant.tenant_id)))
    assert store.read(asked, ["moving"])[0].values == {"year_built": 2}
    store.write("property_id", {"property_physical": table("property_physical", {"moving": {"year_built": 1}})})
    assert store.read(asked, ["moving"])[0].values == {"year_built": 1}


def test_feast_too_names_no_key_but_the_tenant_s(feast, tenant, servers, url):
    database = int(url.rsplit("/", 1)[1])
    with watched(own_url(servers), database) as commands:
        feast_writes(feast, tenant, "property_physical", {"watched": {"year_built": 1}})
        feast_reads(feast, tenant, "property_physical", ["watched", "not there"])
    assert verbs(commands) == {"HMGET", "HSET", "EXPIRE"}
    assert all(key.endswith(str(tenant.tenant_id).encode() + project_of(tenant).encode()) for key in keys(commands))


def test_feast_finds_nothing_of_a_tenant_in_another_s_project(feast, tenant, url):
    other = frames.some_tenant("feastsneighbour")
    OnlineStore(tenant, url).write("property_id", {"property_physical": table("property_physical", {"mine": {"year_built": 1}})})
    assert feast_reads(feast, tenant, "property_physical", ["mine"])[0][0]["year_built"] == 1
    assert feast_reads(feast, other, "property_physical", ["mine"])[0][0]["year_built"] is None
