"""Whether the service lives, and whether it can serve: each dependency with its latency. Open, and tells no secrets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
from botocore.exceptions import BotoCoreError, ClientError
from flask import Blueprint, Response, current_app
from psycopg import Error as DatabaseError

from api.keys import KeysUnavailable
from api.representations import json_response
from api.services import Services, services
from api.storage import check_bucket

health = Blueprint("health", __name__, url_prefix="/health")

# Without these no request can be answered; without the others some can.
REQUIRED = frozenset({"postgresql", "jwks"})
# Anybody may ask, so the answer is made at most this often.
KEPT_S = 1.0
_AWAY = (DatabaseError, KeysUnavailable, redis.RedisError, BotoCoreError, ClientError, OSError)
_lock = threading.Lock()


@health.get("/live")
def live() -> Response:
    """The process answers."""
    return json_response({"status": "alive"})


@health.get("/ready")
def ready() -> Response:
    """Every dependency with its latency; 503 when one that all requests need is away."""
    checks = _lately_checked()
    away = {name for name, check in checks.items() if check["status"] == "away"}
    status = "unavailable" if away & REQUIRED else "degraded" if away else "ready"
    response = json_response({"status": status, "checks": checks}, 503 if status == "unavailable" else 200)
    if status == "unavailable":
        response.headers["Retry-After"] = "2"
    return response


def _lately_checked() -> dict[str, dict[str, Any]]:
    """What the checks said last. One caller checks at a time, and the others are answered with what is known meanwhile."""
    kept = _kept()
    # Only where nothing is known yet is there a reason to wait for whoever is checking.
    if kept is not None and (_is_fresh(kept) or not _lock.acquire(blocking=False)):
        return kept[1]
    if kept is None:
        _lock.acquire()
    try:
        kept = _kept()
        if kept is None or not _is_fresh(kept):
            checks = _checked(services(current_app))
            # The age of what is known begins when it is known: checks that hang would otherwise be old already, and begin again.
            kept = current_app.extensions["readiness"] = (time.monotonic(), checks)
        return kept[1]
    finally:
        _lock.release()


def _kept() -> tuple[float, dict[str, dict[str, Any]]] | None:
    kept: tuple[float, dict[str, dict[str, Any]]] | None = current_app.extensions.get("readiness")
    return kept


def _is_fresh(kept: tuple[float, Any]) -> bool:
    return time.monotonic() - kept[0] <= KEPT_S


def _redis(url: str) -> None:
    with redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as client:
        client.ping()


def _checked(platform: Services) -> dict[str, dict[str, Any]]:
    chosen = platform.settings
    checks: dict[str, Callable[[], object]] = {"postgresql": platform.database.ping, "jwks": platform.verifier.require_keys}
    if chosen.redis_url:
        checks["redis"] = lambda: _redis(chosen.redis_url)
    checks["s3"] = lambda: check_bucket(chosen)
    with ThreadPoolExecutor(max_workers=len(checks), thread_name_prefix="ready") as workers:
        return dict(zip(checks, workers.map(_timed, checks.values()), strict=True))


def _timed(check: Callable[[], object]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        check()
        status = "up"
    except _AWAY:
        status = "away"
    return {"status": status, "latency_ms": round((time.perf_counter() - started) * 1000, 2)}
