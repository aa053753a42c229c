"""What features are measured against: raw Redis, and Feast's own online read, materialize and historical join."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import redis

from estate.features.definitions import SERVICES, FeatureService, project_of
from estate.features.layout import OBSERVED_AT, KeyLayout, feature_field, time_field
from estate.features.store import close, feature_store, register
from estate.settings import Tenant

_PIPELINE = 1_000
_SERVICE = SERVICES["property_v1"]


class RawRedis:
    """Redis without meaning: bytes of hashes, by redis-py. Holds the server's own user, who may list and empty a database."""

    def __init__(self, client: redis.Redis) -> None:
        """`client` asks for bytes (the default)."""
        self.client: Any = client  # redis-py's types know text only, and answer for its asynchronous client too

    def keys(self) -> list[bytes]:
        """All keys."""
        return list(self.client.scan_iter(count=10_000))

    def reader(self, service: FeatureService, tenant: Tenant) -> Callable[[Sequence[str]], object]:
        """What reads the fields of a service of some entities, all of which must be there: it raises RuntimeError for one that is not."""
        keys = KeyLayout(project_of(tenant), "property_id", str(tenant.tenant_id))
        # The fields of a hash that hold the service, as Feast names them, with each view's observed time.
        fields = [
            field
            for view, names in service.features.items()
            for field in (time_field(view), *(feature_field(view, name) for name in (OBSERVED_AT, *names)))
        ]

        def read(ids: Sequence[str]) -> list[list[bytes]]:
            if len(ids) == 1:
                found = [self.client.hmget(keys.key(ids[0]), fields)]
            else:
                pipeline = self.client.pipeline(transaction=False)
                for one in ids:
                    pipeline.hmget(keys.key(one), fields)
                found = pipeline.execute()
            if any(None in row for row in found):
                raise RuntimeError("a field that the service asks for is not online")
            return found

        return read

    def rewrite(self, keys: Sequence[bytes]) -> float:
        """Write the hashes of `keys` again, each with one HSET, after they were read and removed; seconds of the writing alone."""
        took = 0.0
        for start in range(0, len(keys), _PIPELINE):
            chosen = keys[start : start + _PIPELINE]
            reading = self.client.pipeline(transaction=False)
            for key in chosen:
                reading.hgetall(key)
            hashes = reading.execute()
            self.client.delete(*chosen)
            began = time.perf_counter()
            writing = self.client.pipeline(transaction=False)
            for key, content in zip(chosen, hashes, strict=True):
                writing.hset(key, mapping=content)
            writing.execute()
            took += time.perf_counter() - began
        return took

    def without_expiry(self, keys: Sequence[bytes]) -> int:
        """How many of `keys` would stay for ever."""
        asking = self.client.pipeline(transaction=False)
        for key in keys:
            asking.ttl(key)
        return sum(answer < 0 for answer in asking.execute())

    def mean_bytes(self, keys: Sequence[bytes]) -> float:
        """What one of `keys` takes of memory, with its key, in the mean."""
        asking = self.client.pipeline(transaction=False)
        for key in keys:
            asking.memory_usage(key, samples=0)
        return sum(asking.execute()) / len(keys)


class Feast:
    """Feast's own ways with one tenant's features, as its users go them."""

    def __init__(self, tenant: Tenant) -> None:
        """Register the definitions, and hold a store."""
        register(tenant)
        self._tenant_id = str(tenant.tenant_id)
        self._store = feature_store(tenant)
        self._service = self._store.get_feature_service(_SERVICE.name)

    def __enter__(self) -> Feast:
        """Use as a context manager, so that the registry's thread ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the registry back."""
        close(self._store)

    def read(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """get_online_features, as values."""
        rows = [{"tenant_id": self._tenant_id, "property_id": one} for one in ids]
        return self._store.get_online_features(features=self._service, entity_rows=rows).to_dict()

    def materialize(self, views: Sequence[str]) -> None:
        """Materialize `views` of everything published until now."""
        with _quietly():
            self._store.materialize(datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(minutes=1), feature_views=list(views))

    def join(self, asked: pd.DataFrame, *, has_nested_loops: bool = False) -> pd.DataFrame:
        """get_historical_features for rows of property_id and event_at; in their order, with the columns of the service."""
        entities = asked.rename(columns={"event_at": "event_timestamp"}).assign(tenant_id=self._tenant_id, place=range(len(asked)))
        with _quietly(), self._planned(has_nested_loops):
            found = self._store.get_historical_features(entity_df=entities, features=self._service).to_df()
        return found.sort_values("place", ignore_index=True)

    @contextlib.contextmanager
    def _planned(self, has_nested_loops: bool) -> Iterator[None]:
        """Sessions whose planner may take nested loops, which this platform's store turns off."""
        config: Any = self._store.config.offline_store
        before = config.db_schema
        allowed = before.replace("enable_nestloop=off", "enable_nestloop=on")
        if has_nested_loops and allowed == before:
            raise RuntimeError("the store no longer turns nested loops off where this measurement looks for it")
        config.db_schema = allowed if has_nested_loops else before
        try:
            yield
        finally:
            config.db_schema = before


def differing(ours: pd.DataFrame, theirs: pd.DataFrame, names: Sequence[str]) -> int:
    """How many values of `names` are not exactly the same in both, row by row; null equals null. Raises ValueError for other rows."""
    if ours["property_id"].tolist() != theirs["property_id"].tolist():
        raise ValueError("the rows are of other entities")
    return sum(_plain(left) != _plain(right) for name in names for left, right in zip(ours[name], theirs[name], strict=True))


def _plain(value: Any) -> Any:
    """A value without the kind of null and of number that the frame chose for its column."""
    return None if pd.isna(value) else value.item() if hasattr(value, "item") else value


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without Feast's bars of progress."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
