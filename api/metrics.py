"""What the API counts, for Prometheus. Labels are words of this code: a route's template, never a path, a tenant or a subject."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REGISTRY = CollectorRegistry()
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_QUERY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
# A label that is not a word of ours would be data, and without end.
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")

_requests = Counter("estate_requests", "Requests answered", ["route", "method", "status"], registry=REGISTRY)
_request_seconds = Histogram(
    "estate_request_seconds", "Time from the first byte read to the answer", ["route"], buckets=_REQUEST_SECONDS, registry=REGISTRY
)
_query_seconds = Histogram(
    "estate_database_seconds", "Time of one named query, its connection included", ["query"], buckets=_QUERY_SECONDS, registry=REGISTRY
)
_pool = Gauge(
    "estate_pool_connections", "Connections of the pools: open, idle, and requests that wait for one", ["state"],
    multiprocess_mode="livesum", registry=REGISTRY,
)  # fmt: skip
_exports = Gauge("estate_exports_in_flight", "Exports that are being streamed", multiprocess_mode="livesum", registry=REGISTRY)
_listening = Gauge("estate_version_listener_up", "Processes that hear of new publications", multiprocess_mode="livesum", registry=REGISTRY)
_COUNTERS = {
    "cache": Counter("estate_cache", "Answers looked for in the response cache", ["outcome"], registry=REGISTRY),
    "limiter": Counter("estate_limiter", "Decisions of the rate limiter other than letting pass", ["outcome"], registry=REGISTRY),
    "auth": Counter("estate_auth", "Credentials judged", ["outcome"], registry=REGISTRY),
    "audit_lost": Counter("estate_audit_lost", "Audit rows of refusals that could not be written", registry=REGISTRY),
    "database_error": Counter("estate_database_errors", "Queries that failed", ["error"], registry=REGISTRY),
    "pool_timeout": Counter("estate_pool_timeouts", "Waits for a connection that ended without one", registry=REGISTRY),
    "connection_lost": Counter("estate_connections_lost", "Connections found dead and replaced", registry=REGISTRY),
    "export_refused": Counter("estate_exports_refused", "Exports refused because others were being streamed", registry=REGISTRY),
}


@cache
def _children(route: str, method: str, status: int) -> tuple[Any, Any]:
    return _requests.labels(route, method, str(status)), _request_seconds.labels(route)


def observe(route: str | None, method: str, status: int, seconds: float) -> None:
    """Count one request. `route` is the template of the rule that matched, None where none did."""
    counter, histogram = _children(route or "unmatched", method if method in METHODS else "other", status)
    counter.inc()
    histogram.observe(seconds)


@cache
def _query(name: str) -> Any:
    return _query_seconds.labels(name)


def observe_query(name: str, seconds: float) -> None:
    """Count one query by the name of its file; one composed at run time is called "composed"."""
    _query(name).observe(seconds)


@cache
def _counter(name: str, labels: tuple[tuple[str, str], ...]) -> Any:
    return _COUNTERS[name].labels(**dict(labels)) if labels else _COUNTERS[name]


def count(name: str, amount: int = 1, **labels: str) -> None:
    """Add to a counter: cache(outcome=hit|miss|error), limiter(outcome=refused|fallback), auth(outcome=…), audit_lost().

    A label is a word of letters and underscores; anything else is counted as "other". Raises KeyError for an unknown counter.
    """
    words = tuple((label, word if _WORD.fullmatch(word) else "other") for label, word in labels.items())
    _counter(name, words).inc(amount)


def show_pool(size: int, idle: int, waiting: int) -> None:
    """Show the pool of this process as it is now."""
    for state, value in (("open", size), ("idle", idle), ("waiting", waiting)):
        _pool.labels(state).set(value)


def show_exports(in_flight: int) -> None:
    """Show how many exports this process is streaming."""
    _exports.set(in_flight)


def show_listener(is_up: bool) -> None:
    """Show whether this process hears of new publications."""
    _listening.set(int(is_up))


def exposition() -> bytes:
    """All metrics in Prometheus' text format; those of every worker where gunicorn has set PROMETHEUS_MULTIPROC_DIR."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    # The collector reads the files of all processes at each scrape, so it is made anew and belongs to no lasting registry.
    of_all_workers = CollectorRegistry()
    MultiProcessCollector(of_all_workers)
    return generate_latest(of_all_workers)
