"""The features that hold now, in Redis, where Feast finds them too (estate.features.layout).

One hash holds all views of one entity of one tenant; the tenant is part of its key, so that no reader of another tenant can name it.
Writing takes whole columns and sends commands ready packed: 41 features of an entity are one HSET, where Feast's own path goes row by row
and view by view. Nothing here looks for keys: what is not named is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from estate.arrow import arrow_type
from estate.errors import OnlineUnavailable, SettingError
from estate.features.definitions import VIEWS, FeatureService, FeatureView, project_of
from estate.features.layout import (
    KEY_TTL_SECONDS,
    MARK_TTL_SECONDS,
    OBSERVED_AT,
    READ,
    KeyLayout,
    event_time,
    feature_field,
    time_field,
    times_written,
    values_written,
)
from estate.settings import Tenant, settings

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0  # for each wait, not for the whole
AT_ONCE = 2_000  # entities a round trip: a few megabytes on their way, whatever the size of the batch
_HEAL = "run features_backfill, which writes what holds now"


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """What is online of one entity.

    `values`: every feature asked for; null where the view's row has none, where the view was never written, and for a feature younger than
    the last write. `event_at`, `observed_at`: by view, of those views only that were written. Whether a value is stale is for the caller
    to judge (FeatureView.is_stale): like Feast, this store gives what it has.
    """

    values: dict[str, Any]
    event_at: dict[str, datetime]
    observed_at: dict[str, datetime | None]


class OnlineStore:
    """The online features of one tenant: read, written and deleted by entity.

    All stores of a process share one pool of connections an address. Nothing is tried twice here: a task that met OnlineUnavailable is
    retried by its scheduler, and every write may be repeated. `entity` is always property_id or county_fips, `ids` the entities so named.
    """

    def __init__(self, tenant: Tenant, url: str | None = None) -> None:
        """`url` as redis-py reads it; the setting when None. Raises SettingError where there is none."""
        self._tenant = tenant
        self._client = _client(settings().features_redis_url if url is None else url)

    def read(self, service: FeatureService, entities: Sequence[str]) -> list[OnlineRow | None]:
        """What is online of each of `entities`, in their order; None for one of which no view of the service is.

        Raises KeyError for a view or feature that is not defined, ValueError naming key and field for bytes that are no such value, and
        OnlineUnavailable.
        """
        asked = _asked(tuple((view, tuple(names)) for view, names in service.features.items()))
        rows: list[OnlineRow | None] = []
        for one, reply in self._each("read", asked.entity, entities, "HMGET", *asked.fields):
            try:
                rows.append(asked.row(reply))
            except ValueError as error:
                raise ValueError(f"{self._said(asked.entity, one)}: {error}; {_HEAL}") from None
        return rows

    def write(self, entity: str, tables: Mapping[str, pa.Table]) -> int:
        """Put rows online; returns how many entities were written, each by one HSET of all its rows and with a new time to live.

        tables: by view, with the columns of its contract but tenant_id and until_at, one row an entity. Views and entities that are not
        given stay as they are. A row older by event time than what is online is written all the same, where Feast would pass over it: the
        caller brings the rows that hold now, and after a publication was taken back, or a clock set back, these are the older ones.

        Raises KeyError for a view that is not defined and ValueError for a table that is not of its view's shape, both before anything is
        sent; ValueError naming the key where something else lies there; OnlineUnavailable.
        """
        parts = [_Part(_view(name, entity), table) for name, table in tables.items()]
        ids = pc.unique(pa.chunked_array([part.ids for part in parts], type=pa.string()))
        for part in parts:
            part.align(ids)
        keys = self._keys(entity)
        done = 0
        with self._reaching(lambda: f"at least {done} of {len(ids)} entities were written"), self._connection() as connection:
            sent: list[str] = []
            for start in range(0, len(ids), AT_ONCE):
                chosen = ids.slice(start, AT_ONCE).to_pylist()
                # Packed while Redis still works on those sent before.
                packed = _packed([keys.key(one) for one in chosen], [part.fields(start) for part in parts])
                done += self._confirmed(connection, entity, sent)
                connection.send_packed_command([packed])
                sent = chosen
            done += self._confirmed(connection, entity, sent)
        return done

    def delete(self, entity: str, ids: Sequence[str], views: Sequence[str] | None = None) -> int:
        """Take entities offline, or only `views` of them; returns of how many something was taken.

        An entity that keeps no view is gone. Raises KeyError for a view that is not defined and OnlineUnavailable.
        """
        if views is None:
            return sum(map(bool, (reply for _, reply in self._each("deleted", entity, ids, "DEL"))))
        fields = [field for name in views for field in _fields(_view(name, entity))]
        return sum(map(bool, (reply for _, reply in self._each("deleted", entity, ids if fields else [], "HDEL", *fields))))

    def memory_bytes(self, entity: str, ids: Sequence[str]) -> list[int]:
        """What each entity takes of Redis's memory, its key included; 0 for one that is not online. Raises OnlineUnavailable."""
        return [reply or 0 for _, reply in self._each("measured", entity, ids, "MEMORY USAGE")]

    def marker(self) -> str | None:
        """What `mark` wrote down last; None where nothing stands, because nothing was written, it has expired, or Redis was emptied."""
        with self._reaching(lambda: "what stands online was not read"):
            said = self._client.execute_command("GET", self._mark_key)
        return None if said is None else said.decode()

    def mark(self, said: str, *, is_renewed: bool) -> None:
        """Write down what stands online: `is_renewed` when all of it was written just now, else only in the place of what was said before.

        A mark goes MARK_TTL_SECONDS after it was renewed, before the first of the entities written until then. Raises OnlineUnavailable.
        """
        how = ("EX", MARK_TTL_SECONDS) if is_renewed else ("XX", "KEEPTTL")
        with self._reaching(lambda: "what stands online was not written down, and the next run writes all of it"):
            self._client.execute_command("SET", self._mark_key, said, *how)

    @property
    def _mark_key(self) -> bytes:
        return self._keys("mark").key("features")

    def _keys(self, entity: str) -> KeyLayout:
        return KeyLayout(project_of(self._tenant), entity, str(self._tenant.tenant_id))

    def _each(self, done: str, entity: str, ids: Sequence[str], verb: str, *arguments: bytes) -> Iterator[tuple[str, Any]]:
        """One command for each entity's key, and what Redis answers; AT_ONCE a round trip."""
        keys = self._keys(entity)
        for start in range(0, len(ids), AT_ONCE):
            chosen = ids[start : start + AT_ONCE]
            with self._reaching(lambda: f"at least {start} of {len(ids)} entities were {done}"):  # noqa: B023 - called within the turn
                with self._client.pipeline(transaction=False) as pipe:
                    for one in chosen:
                        pipe.execute_command(verb, keys.key(one), *arguments)
                    replies = pipe.execute(raise_on_error=False)
                for one, reply in zip(chosen, replies, strict=True):
                    if isinstance(reply, Exception):
                        raise self._refused(reply, entity, one)
            yield from zip(chosen, replies, strict=True)

    def _confirmed(self, connection: redis.Connection, entity: str, ids: Sequence[str]) -> int:
        """Read the answers to what was sent for `ids`, a HSET and an EXPIRE each; how many these are."""
        for one in ids:
            try:
                connection.read_response()
                connection.read_response()
            except redis.ResponseError as error:
                raise self._refused(error, entity, one) from None
        return len(ids)

    def _refused(self, error: Exception, entity: str, one: str) -> Exception:
        """Redis answers, and refuses: something else lies under the key, or it is full, a replica, not permitted."""
        if not str(error).startswith("WRONGTYPE"):
            return error
        shown = repr(self._keys(entity).key(one))[2:-1]  # redis-cli reads the same escapes
        return ValueError(f'{self._said(entity, one)}: no hash lies there. DEL "{shown}" in redis-cli, then {_HEAL}')

    def _said(self, entity: str, one: str) -> str:
        return f"online features of {self._tenant.slug}, {entity} {one}"

    @contextmanager
    def _connection(self) -> Iterator[redis.Connection]:
        pool = self._client.connection_pool
        connection = pool.get_connection()
        try:
            yield connection
        except BaseException:
            connection.disconnect()  # answers may be on their way that nobody will read
            raise
        finally:
            pool.release(connection)

    @contextmanager
    def _reaching(self, progress: Callable[[], str]) -> Iterator[None]:
        """What Redis, or the lack of it, raises within becomes OnlineUnavailable."""
        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise OnlineUnavailable(
                f"online features of {self._tenant.slug}: Redis at {_place(self._client)} failed ({type(error).__name__}: {error}); "
                f"{progress()}. What is online stays. See that Redis runs (ESTATE_FEATURES_REDIS_URL) and start the run again; "
                f"where it came back empty, {_HEAL}"
            ) from error


@cache
def _client(url: str) -> redis.Redis:
    """One client, and so one pool of connections, a process and address; redis-py opens new ones after a fork."""
    wrong = "the address of a Redis for online features (redis://…); see the settings in README.md"
    if not url:
        raise SettingError(f"ESTATE_FEATURES_REDIS_URL is missing: {wrong}")
    try:
        return redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_TIMEOUT_S, socket_timeout=ANSWER_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
    except ValueError as error:
        raise SettingError(f"ESTATE_FEATURES_REDIS_URL is not {wrong}: {error}") from None


def _place(client: redis.Redis) -> str:
    """Where it is, without the password."""
    given = client.connection_pool.connection_kwargs
    return str(given["path"]) if "path" in given else f"{given.get('host', 'localhost')}:{given.get('port', 6379)}/{given.get('db', 0)}"


def _view(name: str, entity: str) -> FeatureView:
    """The view of that name. Raises KeyError naming those that there are, and ValueError for one of other entities."""
    if name not in VIEWS:
        raise KeyError(f"{name} is no feature view; {', '.join(VIEWS)} are")
    if VIEWS[name].entity != entity:
        raise ValueError(f"{name} is a view of {VIEWS[name].entity}, not of {entity}")
    return VIEWS[name]


def _fields(view: FeatureView) -> list[bytes]:
    """All fields of a view, its time first."""
    return [time_field(view.name), *(feature_field(view.name, name) for name in (OBSERVED_AT, *(c.name for c in view.features)))]


class _Asked:
    """Features asked for together: which fields to read of an entity's hash, and what they say."""

    def __init__(self, features: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        if not features:
            raise KeyError(f"no feature view is asked for; there are {', '.join(VIEWS)}")
        self.entity = VIEWS[features[0][0]].entity if features[0][0] in VIEWS else ""
        self.fields: list[bytes] = []
        # By view: its name, where its values start, and the names of its features with what reads them.
        self._views: list[tuple[str, int, tuple[str, ...], tuple[Callable[[bytes], Any], ...]]] = []
        for name, names in features:
            view = _view(name, self.entity)
            known = {column.name: column for column in view.features}
            if unknown := [one for one in names if one not in known]:
                raise KeyError(f"{', '.join(unknown)}: no feature of {name}; {', '.join(known)} are")
            self._views.append((name, len(self.fields), names, tuple(READ[known[one].sql_type] for one in names)))
            self.fields += [time_field(name), feature_field(name, OBSERVED_AT), *(feature_field(name, one) for one in names)]

    def row(self, values: Sequence[bytes | None]) -> OnlineRow | None:
        """What these values of `fields` say; None where no view was written. Raises ValueError naming the field that says nothing."""
        row = OnlineRow({}, {}, {})
        for view, start, names, readers in self._views:
            at, observed, *found = values[start : start + 2 + len(names)]
            if at is None:
                if observed is not None or any(value is not None for value in found):
                    raise ValueError(f"{view} has values and no event time")
                row.values.update(dict.fromkeys(names))
                continue
            field, value = f"_ts:{view}", values[start]
            try:
                row.event_at[view] = event_time(at)
                field, value = OBSERVED_AT, observed
                row.observed_at[view] = READ["timestamptz"](value) if value else None
                for field, read, value in zip(names, readers, found, strict=True):
                    row.values[field] = read(value) if value else None
            except ValueError as error:
                raise ValueError(f"{view}: field {field} holds {(value or b'')[:40]!r}: {error}") from None
        return row if row.event_at else None


@cache
def _asked(features: tuple[tuple[str, tuple[str, ...]], ...]) -> _Asked:
    return _Asked(features)


class _Part:
    """The rows of one view on their way to Redis."""

    def __init__(self, view: FeatureView, table: pa.Table) -> None:
        """Raises ValueError naming view and column unless the table is exactly of the view's shape, with one row an entity."""
        kinds = {c.name: c.sql_type for c in view.contract.columns if c.name not in {"tenant_id", "until_at"}}
        if set(table.column_names) != set(kinds) or len(table.column_names) != len(kinds):
            missing, unknown = set(kinds) - set(table.column_names), set(table.column_names) - set(kinds)
            raise ValueError(f"{view.name}: missing {sorted(missing)}, unknown {sorted(unknown)}; its columns are {', '.join(kinds)}")
        columns = {}
        for name, sql_type in kinds.items():
            column, kind = table.column(name), arrow_type(sql_type)
            if column.type not in {kind, pa.null()}:
                raise ValueError(f"{view.name}.{name} is {column.type}, not {kind}")
            columns[name] = column.cast(kind).combine_chunks()
        self.ids = columns.pop(view.entity)
        if self.ids.null_count or columns["event_at"].null_count:
            raise ValueError(f"{view.name}: a row without {view.entity} or event_at")
        if pc.count_distinct(self.ids).as_py() != len(self.ids):
            raise ValueError(f"{view.name}: several rows of one {view.entity}")
        self._times = columns.pop("event_at")
        names = [OBSERVED_AT, *(c.name for c in view.features)]
        self._columns = [(feature_field(view.name, name), kinds[name], columns[name]) for name in names]
        self._time_field = time_field(view.name)
        self._places: pa.Array | None = None

    @property
    def field_count(self) -> int:
        """Fields that a row of it has."""
        return 1 + len(self._columns)

    def align(self, ids: pa.Array) -> None:
        """From now on its rows are those of `ids`, in their order; none for an entity that it does not have."""
        self._places = None if ids.equals(self.ids) else pc.index_in(ids, value_set=self.ids)

    def fields(self, start: int) -> tuple[int, list[bytes | None]]:
        """How many fields a row has, and those of each of the AT_ONCE rows from `start`, as arguments of HSET; None for no row."""
        places = None if self._places is None else self._places.slice(start, AT_ONCE)

        def of(column: pa.Array) -> pa.Array:
            return column.slice(start, AT_ONCE) if places is None else column.take(places)

        pieces: list[pa.Array | pa.Scalar] = []
        said = b""  # what is the same in all rows, up to here
        for field, values in (
            (self._time_field, times_written(of(self._times))),
            *((f, values_written(of(v), t)) for f, t, v in self._columns),
        ):
            said += b"$%d\r\n%b\r\n$" % (len(field), field)
            sizes = pc.binary_length(values)
            if not pc.max(sizes).as_py():
                said += b"0\r\n\r\n"  # null in all of them
                continue
            pieces += [pa.scalar(said, pa.binary()), sizes.cast(pa.string()).cast(pa.binary()), _LINE_END, values]
            said = b"\r\n"
        if pieces:
            rows = pc.binary_join_element_wise(*pieces, pa.scalar(said, pa.binary()), pa.scalar(b"", pa.binary())).to_pylist()
        else:
            rows = [said] * len(of(self._times))
        if places is None:
            return self.field_count, rows
        return self.field_count, [row if is_there else None for row, is_there in zip(rows, places.is_valid().to_pylist(), strict=True)]


_LINE_END = pa.scalar(b"\r\n", pa.binary())
_EXPIRY = b"$%d\r\n%d\r\n" % (len(str(KEY_TTL_SECONDS)), KEY_TTL_SECONDS)


def _packed(keys: Sequence[bytes], parts: Sequence[tuple[int, Sequence[bytes | None]]]) -> bytes:
    """For each key a HSET of its rows and an EXPIRE, in Redis's protocol (RESP: *arguments, then each as $length and bytes).

    redis-py would spend more on packing a hundred arguments an entity than Redis on storing them.
    """
    counts = [count for count, _ in parts]
    pieces: list[bytes] = []
    for key, rows in zip(keys, zip(*(rows for _, rows in parts), strict=True), strict=True):
        named = b"$%d\r\n%b\r\n" % (len(key), key)
        given = sum(count for count, row in zip(counts, rows, strict=True) if row is not None)
        pieces += (b"*%d\r\n$4\r\nHSET\r\n" % (2 + 2 * given), named, *filter(None, rows), b"*3\r\n$6\r\nEXPIRE\r\n", named, _EXPIRY)
    return b"".join(pieces)
