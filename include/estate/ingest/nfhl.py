"""FEMA's National Flood Hazard Layer as a service (ArcGIS REST): all of an area or nothing, as GeoJSON bytes to be landed.

What the service does, and what is done about it: it pages and says so by ``exceededTransferLimit``; it answers errors with
status 200 and an ``error`` body; it throttles with 429 or 503 and Retry-After; under load it fails queries that succeed a
little later, or with fewer features a page. Requests go one after the other, and the whole read has a bound in time.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
import shapely
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from estate.errors import ServiceUnavailable

Feature = dict[str, Any]

FIELDS = (
    "OBJECTID",
    "DFIRM_ID",
    "VERSION_ID",
    "FLD_AR_ID",
    "FLD_ZONE",
    "ZONE_SUBTY",
    "SFHA_TF",
    "STATIC_BFE",
    "V_DATUM",
    "DEPTH",
    "SOURCE_CIT",
)
ATTEMPTS = 6
_PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_BLOCK_BYTES = 1 << 16
_BACKOFF = wait_exponential_jitter(initial=1, max=30)


class _Passing(Exception):
    """A failure that may pass: worth asking again, after `wait_seconds` where the service named them."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


@dataclass
class Reader:
    """One polite reader of one ArcGIS layer (`url` ends with the layer's number).

    total_seconds bounds everything together, waiting included; max_bytes one answer. `clock` and `sleep` are parameters so that
    tests need not wait.
    """

    url: str
    session: requests.Session = field(default_factory=requests.Session)
    page_size: int = 1000
    total_seconds: float = 300.0
    max_bytes: int = 64 << 20
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def read(self, bounds: tuple[float, float, float, float]) -> bytes:
        """Every flood zone that touches `bounds` (west, south, east, north; degrees), as one GeoJSON FeatureCollection.

        The same content always gives the same bytes (sorted by OBJECTID, keys sorted, no time of reading). Raises
        ServiceUnavailable when the area cannot be read completely; nothing of the attempt is returned.
        """
        deadline = self.clock() + self.total_seconds
        area = {
            "where": "1=1", "geometry": ",".join(map(str, bounds)), "geometryType": "esriGeometryEnvelope", "inSR": "4326",
            "spatialRel": "esriSpatialRelIntersects",
        }  # fmt: skip
        expected = self._ask(area | {"returnCountOnly": "true", "f": "json"}, deadline).get("count")
        if not isinstance(expected, int):
            raise ServiceUnavailable(f"{self.url}: said no count of features")
        found: dict[int, Feature] = {}
        offset = 0
        is_more = expected > 0
        while is_more:
            page = self._page(area, offset, deadline)
            before = len(found)
            try:
                features = [_feature(raw) for raw in page.get("features", [])]
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise ServiceUnavailable(f"{self.url}: a feature that is neither GeoJSON nor Esri's JSON after {offset}") from error
            found |= {feature["properties"]["OBJECTID"]: feature for feature in features}
            offset += len(features)
            is_more = _is_cut(page) or (bool(features) and len(found) < expected)
            if is_more and len(found) == before:
                raise ServiceUnavailable(f"{self.url}: promises more than {before} features and sends none that is new")
        if len(found) != expected:
            raise ServiceUnavailable(f"{self.url}: {len(found)} of {expected} features arrived; the layer may have changed meanwhile")
        collection = {"type": "FeatureCollection", "features": [found[number] for number in sorted(found)]}
        return json.dumps(collection, sort_keys=True, separators=(",", ":")).encode()

    def _page(self, area: dict[str, str], offset: int, deadline: float) -> dict[str, Any]:
        wanted = area | {
            "outFields": ",".join(FIELDS),
            "outSR": "4326",
            "orderByFields": "OBJECTID",
            "resultOffset": str(offset),
            "f": "geojson",
        }
        return self._ask(wanted, deadline, paged=True)

    def _ask(self, parameters: dict[str, str], deadline: float, *, paged: bool = False) -> dict[str, Any]:
        size = self.page_size

        def once() -> dict[str, Any]:
            nonlocal size
            limit = {"resultRecordCount": str(size)} if paged else {}
            size = max(size // 2, 1)  # a query that was too heavy for the service is asked again for half as much
            return self._once(parameters | limit, deadline)

        def stop(state: RetryCallState) -> bool:
            return bool(stop_after_attempt(ATTEMPTS)(state)) or self.clock() + state.upcoming_sleep >= deadline

        retrying = Retrying(retry=retry_if_exception_type(_Passing), stop=stop, wait=_wait, sleep=self.sleep, reraise=True)
        try:
            return retrying(once)
        except _Passing as error:
            raise ServiceUnavailable(f"{self.url}: {error}; gave up after {retrying.statistics['attempt_number']} attempts") from error

    def _once(self, parameters: dict[str, str], deadline: float) -> dict[str, Any]:
        remaining = deadline - self.clock()
        if remaining <= 0:
            raise ServiceUnavailable(f"{self.url}: not read within {self.total_seconds:g} s")
        try:
            with self.session.get(
                f"{self.url}/query", params=parameters, timeout=(min(10.0, remaining), min(60.0, remaining)), stream=True,
                headers={"User-Agent": "real-estate-os", "Accept": "application/json"},
            ) as answer:  # fmt: skip
                if answer.status_code in _PASSING_STATUS:
                    raise _Passing(f"HTTP {answer.status_code}", _retry_after(answer.headers.get("Retry-After")))
                if not answer.ok:
                    raise ServiceUnavailable(f"{self.url}: HTTP {answer.status_code}")
                body = self._body(answer, deadline)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _Passing(type(error).__name__) from error
        try:
            page = json.loads(body)
        except ValueError as error:
            raise _Passing("the answer is not JSON") from error  # a page of maintenance, or an answer cut off
        if not isinstance(page, dict):
            raise ServiceUnavailable(f"{self.url}: the answer is not a JSON object")
        if "error" in page:
            self._refuse(page["error"])
        return page

    def _body(self, answer: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        for block in answer.iter_content(_BLOCK_BYTES):
            body += block
            if len(body) > self.max_bytes:
                raise ServiceUnavailable(f"{self.url}: an answer of more than {self.max_bytes} bytes")
            if self.clock() > deadline:
                raise ServiceUnavailable(f"{self.url}: not read within {self.total_seconds:g} s")
        return bytes(body)

    def _refuse(self, error: Any) -> None:
        code, message = (error.get("code"), error.get("message", "")) if isinstance(error, dict) else (None, str(error))
        reason = f"error {code} in a body of status 200: {message}"
        if code in _PASSING_STATUS:
            raise _Passing(reason)
        raise ServiceUnavailable(f"{self.url}: {reason}")


def _wait(state: RetryCallState) -> float:
    """What the service asked for, and never less than the backoff's own."""
    error = state.outcome.exception() if state.outcome else None
    return max(_BACKOFF(state), getattr(error, "wait_seconds", None) or 0.0)


def _retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or an HTTP date (RFC 9110, 10.2.3); None where it is neither."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max((moment - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)


def _is_cut(page: dict[str, Any]) -> bool:
    """Whether the page says that more follows: Esri's own form says it at the top, GeoJSON of newer servers under properties."""
    return bool(page.get("exceededTransferLimit") or (page.get("properties") or {}).get("exceededTransferLimit"))


def _feature(raw: Feature) -> Feature:
    """One feature as GeoJSON, whether the service wrote GeoJSON or, as older servers do whatever was asked, its own JSON."""
    if "properties" in raw:
        properties, geometry = raw["properties"], raw.get("geometry")
    else:
        properties, geometry = raw["attributes"], _from_rings((raw.get("geometry") or {}).get("rings"))
    return {"type": "Feature", "properties": {"OBJECTID": raw.get("id")} | properties, "geometry": geometry}


def _from_rings(rings: list[list[list[float]]] | None) -> dict[str, Any] | None:
    """Esri rings as a GeoJSON geometry: a ring inside another is its hole, one inside a hole is ground again."""
    if not rings:
        return None
    area = shapely.build_area(shapely.multilinestrings([shapely.linestrings([point[:2] for point in ring]) for ring in rings]))
    return dict(shapely.geometry.mapping(area))
