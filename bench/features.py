"""Features online and in the past: reading, writing and joining, against raw Redis and against Feast's own ways in the same run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import redis
from rich.console import Console

from bench import machine
from bench.feature_peers import Feast, RawRedis, differing
from bench.figures import Figure, medians, seconds
from estate.features import materialize, offline
from estate.features.definitions import SERVICES, VIEWS
from estate.features.online import OnlineStore
from estate.settings import Tenant, settings, tenants
from estate.warehouse import Warehouse
from local.environment import redis_url

ROWS = 100_000
ROUNDS = 3
NOTES = (
    (
        "Everything in process, over the same servers, in turn. The raw peer reads and writes the same bytes of the same hashes with"
        " redis-py: one HMGET of the fields that the service needs, and one HSET an entity, a thousand in a pipeline, packed by redis-py;"
        " it knows neither types nor dates. What is written are the four views of `property_v1`; building, judging and pushing take the"
        " fifth (`property_character`) with them. Feast works on a second tenant with a tenth of the properties, since its own joins and"
        " its own materialize take long; its figures are scaled by entity where they stand beside ours."
    ),
)
WORLD = Path(__file__).with_name("features_world.sql")
SERVICE = SERVICES["property_v1"]
_READS, _FEAST_READS, _MANY = 2_000, 400, 100
_SAMPLED, _FEAST_JOINED = 500, 5_000
_DAY_SECONDS = 24 * 3600
_FIRST, _SECOND = (int(pd.Timestamp(at).timestamp()) for at in ("2026-01-02 06:00Z", "2026-03-02 06:00Z"))  # when the world was published
_RAW = "redis-py reading the same fields of the same hashes by HMGET"
_WRITTEN = "redis-py writing the same bytes by HSET, a thousand in a pipeline"


def measure(rows: int, console: Console) -> list[Figure]:
    """Fill a world of `rows` properties, then write, read and join its features."""
    with machine.stores(console) as servers, machine.database(servers, "features") as superuser_url:
        whole, tenth = tenants()["lakeside"], tenants()["harborview"]
        console.print(f"writing {rows:,} properties in two versions")
        fill(superuser_url, whole, tenth, rows)
        number = int(redis.ConnectionPool.from_url(settings().features_redis_url).connection_kwargs["db"])
        raw = RawRedis(redis.Redis.from_url(redis_url(servers, number)))
        with Warehouse(whole) as large, Warehouse(tenth) as small, Feast(whole) as feast, Feast(tenth) as small_feast:
            work = Work(large, small, raw, feast, small_feast, console)
            found = work.written() + work.joined() + work.read()
    return sorted(found, key=lambda figure: figure.bound is None)


def fill(superuser_url: str, whole: Tenant, tenth: Tenant, properties: int) -> None:
    """Write the world (features_world.sql)."""
    with psycopg.connect(superuser_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(WORLD.read_text(), {"whole": whole.tenant_id, "tenth": tenth.tenant_id, "properties": properties})
        # Or the server does both on its own while something else is measured.
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


class Work:
    """The measurements, over one tenant with all properties and one with a tenth of them."""

    def __init__(self, large: Warehouse, small: Warehouse, raw: RawRedis, feast: Feast, small_feast: Feast, console: Console) -> None:
        """Both warehouses are filled, and each has its Feast; Redis is emptied by what is measured."""
        self.large, self.small, self.raw, self.console = large, small, raw, console
        self.feast, self.small_feast = feast, small_feast
        self.store = OnlineStore(large.tenant)
        self.tables = {name: pa.concat_tables(offline.current(large, VIEWS[name])).combine_chunks() for name in SERVICE.features}
        self.ids: list[str] = self.tables["property_physical"]["property_id"].to_pylist()
        self.few: list[str] = pa.concat_tables(offline.current(small, VIEWS["property_physical"]))["property_id"].to_pylist()

    def written(self) -> list[Figure]:
        """Put all entities online, in turn with the raw write and with Feast's own materialize; at the end by the three steps."""
        rounds = []
        for _ in range(ROUNDS):
            self.raw.client.flushdb()
            ours = seconds(self._write)
            raw = self.raw.rewrite(self.raw.keys())
            self.raw.client.flushdb()
            theirs = seconds(lambda: self.small_feast.materialize(tuple(SERVICE.features)))
            self._check_feast_wrote()
            rounds.append({"ours": ours / len(self.ids), "raw": raw / len(self.ids), "feast": theirs / len(self.few)})
            self.console.print({name: f"{1 / each:,.0f} entities/s" for name, each in rounds[-1].items()})
        took = medians(rounds)
        self.raw.client.flushdb()
        steps = self._three_steps()
        count = f"{len(self.ids):,} entities x {len(SERVICE.names)} features"
        return [
            Figure(f"putting {count} online", 1 / took["ours"], "entities/s", 10_000, "higher", digits=0),
            Figure("the same against raw Redis, by speed", took["raw"] / took["ours"], "x", 0.33, "higher", _WRITTEN),
            Figure("Feast's materialize against raw Redis, by speed", took["raw"] / took["feast"], "x", against=_WRITTEN),
            Figure("putting online against Feast's materialize, by speed", took["feast"] / took["ours"], "x",
                   against=f"Feast's materialize of {len(self.few):,} entities, scaled"),
            Figure("raw Redis", 1 / took["raw"], "entities/s", digits=0),
            Figure("Feast's materialize", 1 / took["feast"], "entities/s", digits=0),
            *(Figure(f"features_materialize of {len(self.ids):,} entities: {name}", value, "s", digits=1) for name, value in steps.items()),
        ]  # fmt: skip

    def read(self) -> list[Figure]:
        """Read one entity and a hundred, each in turn with the raw read and with Feast; and what they take of Redis."""
        figures = []
        for count, bound in ((1, 1.5), (_MANY, 20)):
            reads = max(_READS // count, 100)
            took = self._latencies({
                "ours": partial(self.store.read, SERVICE),
                "raw": self.raw.reader(SERVICE, self.large.tenant),
                "feast": self.feast.read,
            }, count, {"ours": reads, "raw": reads, "feast": min(reads, _FEAST_READS)})  # fmt: skip
            title = f"{'one entity' if count == 1 else f'{count} entities'} x {len(SERVICE.names)} features"
            (p50, p95), raw, theirs = took["ours"], took["raw"], took["feast"]
            figures += [
                Figure(f"{title}, 95th percentile", p95, "ms", bound, digits=3),
                Figure(f"{title}, 95th percentile, against raw Redis", p95 / raw[1], "x", 12 if count == 1 else None, against=_RAW),
                Figure(f"{title}, median", p50, "ms", digits=3),
                Figure(f"{title}, raw Redis, median", raw[0], "ms", digits=3),
                Figure(f"{title}, raw Redis, 95th percentile", raw[1], "ms", digits=3),
                Figure(f"{title}, Feast's get_online_features, median", theirs[0], "ms", digits=3),
                Figure(f"{title}, Feast's get_online_features, 95th percentile", theirs[1], "ms", digits=3),
            ]
        keys = self.raw.keys()
        sample = random.Random(5).sample(keys, min(1000, len(keys)))
        return [
            *figures,
            Figure("keys in Redis that never expire", self.raw.without_expiry(keys), "keys", 0, digits=0),
            Figure("Redis's memory an entity, all five views", self.raw.mean_bytes(sample), "bytes", digits=0),
        ]

    def joined(self) -> list[Figure]:
        """Join entities with the past, equal to Feast on a sample; and both on fewer rows of the small tenant."""
        asked = moments(self.ids, len(self.ids))
        ours = medians([{"s": seconds(lambda: offline.as_of(self.large, SERVICE, asked))} for _ in range(ROUNDS)])["s"]
        sample = moments(self.ids, _SAMPLED, seed=7)
        theirs = self.feast.join(sample)
        known = offline.as_of(self.large, SERVICE, sample)
        assert all(known[f"{view}__event_at"].notna().mean() > 0.2 for view in SERVICE.features), (
            "there is something to compare of each view"
        )
        mistaken = differing(known, theirs, SERVICE.names)
        few = moments(self.few, min(_FEAST_JOINED, len(self.few)))
        feast = self.small_feast
        took = medians([
            {"ours": seconds(lambda: offline.as_of(self.small, SERVICE, few)), "hash": seconds(lambda: feast.join(few))}
            for _ in range(ROUNDS)
        ])  # fmt: skip
        nested = seconds(lambda: feast.join(few, has_nested_loops=True))
        title = f"Feast's join of {len(few):,} rows over {len(self.few):,} properties"
        return [
            Figure(f"joining {len(asked):,} rows x {len(SERVICE.names)} features with the past", ours, "s", 30),
            Figure(f"values that differ from Feast's on a sample of {len(sample)} rows", mistaken, "values", 0, digits=0),
            Figure(f"{title}, with nested loops, which Feast leaves on", nested, "s"),
            Figure(f"{title}, nested loops off, as it is set up here", took["hash"], "s"),
            Figure("our join of the same", took["ours"], "s"),
            Figure("Feast's join, nested loops off, by time", took["hash"] / took["ours"], "x", against="our join of the same rows"),
        ]

    def _write(self) -> None:
        done = self.store.write("property_id", self.tables)
        assert done == len(self.ids), done

    def _check_feast_wrote(self) -> None:
        """Feast's materialize has put everything of the small tenant online, as our reader finds."""
        rows = OnlineStore(self.small.tenant).read(SERVICE, self.few)
        assert all(row is not None and set(row.event_at) == set(SERVICE.features) for row in rows)

    def _three_steps(self) -> dict[str, float]:
        """The tasks of features_materialize, in one process; the first import of the judges is not counted."""
        __import__("great_expectations")
        steps: dict[str, float] = {}
        made: list[materialize.Batch] = []
        steps["build"] = seconds(lambda: made.append(materialize.build(self.large.tenant, "features_materialize/bench")))
        steps["gate"] = seconds(lambda: materialize.gate(made[0]))
        steps["push"] = seconds(lambda: materialize.push(made[0]))
        found = self.store.read(SERVICE, self.ids[:: max(1, len(self.ids) // 100)])
        assert None not in found
        return steps

    def _latencies(
        self, readers: dict[str, Callable[[list[str]], object]], count: int, reads: dict[str, int]
    ) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile of each reader, ms; in turn, over random entities, after a warm-up."""
        chosen = random.Random(count)
        took: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(20):
            for read in readers.values():
                read(chosen.sample(self.ids, count))
        for turn in range(max(reads.values())):
            for name, read in readers.items():
                if turn < reads[name]:
                    ids = chosen.sample(self.ids, count)
                    began = time.perf_counter()
                    read(ids)
                    took[name].append(1000 * (time.perf_counter() - began))
        return {name: (float(np.percentile(each, 50)), float(np.percentile(each, 95))) for name, each in took.items()}


def moments(ids: list[str], count: int, seed: int = 3) -> pd.DataFrame:
    """`count` of the properties with a moment each, the same on every call: half within the day after a publication, half at any time."""
    chosen = np.random.default_rng(seed)
    published = np.where(chosen.random(count) < 0.5, _FIRST, _SECOND)
    near = published + chosen.integers(60, _DAY_SECONDS, count)
    anywhere = _FIRST - _DAY_SECONDS + chosen.integers(0, 150 * _DAY_SECONDS, count)
    at = np.where(chosen.random(count) < 0.5, near, anywhere)
    return pd.DataFrame(
        {"property_id": np.asarray(ids)[chosen.integers(0, len(ids), count)], "event_at": pd.to_datetime(at, unit="s", utc=True)}
    )
