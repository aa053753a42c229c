"""Trained models and the markets they are asked in, kept in this process: read when first asked for, verified, a bounded number of each.

Keys begin with the tenant: nothing that one tenant's request loaded ever answers another's. The libraries of models are imported
inside functions, so that a process which serves reads only never loads them.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import orjson
from botocore.exceptions import BotoCoreError, ClientError
from cachetools import TTLCache, cached
from flask import Flask
from werkzeug.exceptions import ServiceUnavailable

from api.database import Reading
from api.links import data_docs
from api.services import services
from api.storage import ObjectTooLarge, read
from estate.errors import ModelRefused
from estate.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from estate.score.model import Model
    from estate.score.valuation import Asked

KEPT_MODELS = 4
KEPT_MARKETS = 8  # a model on a day: its comparables' trees and its price index
KEPT_SALES = 4  # counties
MAX_MODEL_BYTES = 256 * 1024 * 1024
FAILED_S = 5  # a model that could not be read is not fetched again by every request that waits for it
TURN_S = 4.0  # how long a request waits for its turn to compute
_EXTENSION = "real-estate-os-models"
_DATES = ("sale_date",)
_TEXTS = ("sale_id", "property_id", "situs_address", "situs_city", "situs_zip", "property_type", "county_fips")

log = logging.getLogger("api.models")
T = TypeVar("T")


class ModelAway(ServiceUnavailable):
    """A model that is registered and cannot be used now. Whatever the cause, no value is made without it."""

    def __init__(self, description: str) -> None:
        """Say which model; the caller may try again soon."""
        super().__init__(description, retry_after=FAILED_S)


@dataclass(frozen=True, slots=True)
class Registered:
    """A row of score.model, as far as it is needed to load the model and to name it."""

    tenant_id: UUID
    model_id: str
    county_fips: str
    as_of_date: date
    artefact_sha256: str
    object_key: str
    page_key: str

    def named(self) -> dict[str, Any]:
        """What an answer tells the caller of the model: model_id, as_of_date, and its page in Data Docs as data_docs."""
        return {"model_id": self.model_id, "as_of_date": self.as_of_date, "data_docs": data_docs(self.page_key)}


@dataclass(frozen=True, slots=True)
class CountySales:
    """The valid sales of one county as one data version knows them; columns as query api_market_sales names them, numbers as floats."""

    key: tuple[UUID, str, Hashable]
    frame: pd.DataFrame

    @property
    def newest_date(self) -> date | None:
        """The day of the last sale; None where there is none."""
        known = self.frame["sale_date"].dropna()
        return cast("date", known.max().date()) if len(known) else None


class ModelStore:
    """The models of one process."""

    def __init__(self, settings: Settings) -> None:
        """Remember where models lie; nothing is read yet."""
        self._settings = settings
        self._turn = threading.Lock()
        self._failed: TTLCache[str, str] = TTLCache(maxsize=64, ttl=FAILED_S)
        self._failing = threading.Lock()
        self._models = _Kept(KEPT_MODELS)
        self._sales = _Kept(KEPT_SALES)
        self._markets = _Kept(KEPT_MARKETS)

    def serving(
        self, reading: Reading, tenant_id: UUID, county_fips: str, *, day: date | None = None, as_of: datetime | None = None
    ) -> Registered | None:
        """The model that serves the county on `day` (the newest without), by what had been promoted at `as_of`; None where none does.

        `as_of` is a datetime with its zone, and now without one. Raises psycopg.OperationalError when the database is away.
        """
        found = reading.row("api_serving_model", {"county_fips": county_fips, "valuation_date": day, "as_of": as_of})
        return None if found is None else Registered(tenant_id=tenant_id, **found)

    def sales(self, reading: Reading, tenant_id: UUID, county_fips: str) -> CountySales:
        """The county's valid sales, read once while nothing is published that could change them; an empty frame where it has none.

        Raises psycopg.OperationalError when the database is away.
        """
        state = reading.row("api_market_state", {}) or {}
        key = (tenant_id, county_fips, tuple(state.values()))
        made: CountySales = self._sales(
            key, lambda: CountySales(key, _frame(reading.text("api_market_sales", {"county_fips": county_fips})))
        )
        return made

    def model(self, row: Registered) -> Model:
        """The model, loaded once. Raises ModelAway when its bytes cannot be read or are not those that were registered."""
        made: Model = self._models((row.tenant_id, row.model_id, row.artefact_sha256), lambda: self._loaded(row))
        return made

    def market(self, row: Registered, sales: CountySales, day: date) -> Asked:
        """The model with the market of `day`: the sales before it and their price index, made in its turn as all that is computed.

        Raises ModelAway as `model` does, and ServiceUnavailable as `computing` does.
        """
        key = (row.tenant_id, row.model_id, row.artefact_sha256, day, sales.key)
        kept = cast("Asked | None", self._markets.known(key))
        if kept is not None:
            return kept
        model = self.model(row)

        def made() -> Asked:
            from estate.score.model import day_number
            from estate.score.valuation import Asked

            return Asked.of(model, row.model_id, sales.frame, day_number(day))

        with self.computing():
            asked: Asked = self._markets(key, made)
            return asked

    @contextmanager
    def computing(self) -> Iterator[None]:
        """One computation at a time: a loaded CatBoost model and the trees of a market are not made to be asked by two threads at once.

        Raises ServiceUnavailable when others take too long.
        """
        if not self._turn.acquire(timeout=TURN_S):
            raise ServiceUnavailable("Other valuations are being computed. Try again shortly.", retry_after=2)
        try:
            with one_thread():
                yield
        finally:
            self._turn.release()

    def _loaded(self, row: Registered) -> Model:
        known = f"{row.tenant_id}/{row.artefact_sha256}"
        with self._failing:
            failed = self._failed.get(known)
        if failed is not None:
            raise ModelAway(failed)
        try:
            return self._unpacked(row, self._read(row))
        except ModelAway as failure:
            with self._failing:
                self._failed[known] = str(failure.description)
            raise

    def _read(self, row: Registered) -> bytes:
        """The registered bytes."""
        if not row.object_key.startswith(f"{row.tenant_id}/models/"):
            raise _refused(row, "is registered under another tenant's key")
        try:
            body = read(self._settings, row.object_key, MAX_MODEL_BYTES)
        except ObjectTooLarge as error:
            raise _refused(row, f"is too large: {error}") from None
        except (BotoCoreError, ClientError, OSError) as error:
            raise _away(row, error) from None
        if body is None:
            raise _refused(row, "is gone from the object store")
        if hashlib.sha256(body).hexdigest() != row.artefact_sha256:
            raise _refused(row, "has other bytes than were registered")
        return body

    def _unpacked(self, row: Registered, body: bytes) -> Model:
        from estate.score.model import Model

        try:
            return Model.from_bytes(body)
        except (ModelRefused, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
            raise _refused(row, f"cannot be read by this code: {error}") from None


def model_store(app: Flask) -> ModelStore:
    """The models of `app`, made when first asked for."""
    # setdefault decides which one stays when two requests come first together.
    found: ModelStore = app.extensions.setdefault(_EXTENSION, ModelStore(services(app).settings))
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Numerical libraries use one thread meanwhile: a server has a thread for each request already."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


class _Shared(OrderedDict[tuple[Any, ...], Any]):
    """At most `count` values, and of one tenant (the first of their keys) at most half, so that none drives all others out.

    What was asked for the longest ago goes first.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        found = super().__getitem__(key)
        self.move_to_end(key)
        return found

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        super().__setitem__(key, value)
        own = [known for known in self if known[0] == key[0]]
        if len(own) > self._count // 2:
            del self[own[0]]
        elif len(self) > self._count:
            del self[next(iter(self))]


class _Kept:
    """The last few of something dear: made once a key, whoever asks meanwhile waits for it; a failure is not kept."""

    def __init__(self, count: int) -> None:
        self._shared = _Shared(count)
        self._changing = threading.Condition()
        self._made = cached(self._shared, key=lambda key, _make: key, condition=self._changing)(lambda _key, make: make())

    def known(self, key: tuple[Any, ...]) -> Any:
        """What is kept of the key; None where nothing is."""
        with self._changing:
            try:
                return self._shared[key]
            except KeyError:
                return None

    def __call__(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        made: T = self._made(key, make)
        return made


def _away(row: Registered, error: Exception) -> ModelAway:
    log.warning("model unreadable", extra={"fields": {"tenant_id": row.tenant_id, "model_id": row.model_id, "error": type(error).__name__}})
    return ModelAway(f"The model {row.model_id} cannot be read: the object store does not answer. Try again shortly.")


def _refused(row: Registered, why: str) -> ModelAway:
    log.error("model refused", extra={"fields": {"tenant_id": row.tenant_id, "model_id": row.model_id, "reason": why}})
    return ModelAway(f"The model {row.model_id} is not intact, so it gives no value. Its owner restores it or trains the county again.")


def _frame(columns: bytes | None) -> pd.DataFrame:
    """The columns of api_market_sales as the models read them: floats, datetime64, and text or None."""
    import pandas as pd

    told = {name: values or [] for name, values in orjson.loads(columns or b"{}").items()}
    kinds = {name: object if name in _TEXTS else "datetime64[s]" if name in _DATES else float for name in told}
    return pd.DataFrame({name: pd.Series(values, dtype=kinds[name]) for name, values in told.items()})
