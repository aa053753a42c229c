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

from api.auth import KeysUnavailable
from api.representations import json_response
from api.services import Services, services
from api.storage import bucket_exists

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
    with _lock:
        kept = current_app.extensions.get("readiness")
        if kept is None or time.monotonic() - kept[0] > KEPT_S:
            kept = (time.monotonic(), _checked(services(current_app)))
            current_app.extensions["readiness"] = kept
    checks = kept[1]
    away = {name for name, check in checks.items() if check["status"] == "away"}
    status = "unavailable" if away & REQUIRED else "degraded" if away else "ready"
    response = json_response({"status": status, "checks": checks}, 503 if status == "unavailable" else 200)
    if status == "unavailable":
        response.headers["Retry-After"] = "2"
    return response


def _redis(url: str) -> None:
    with redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as client:
        client.ping()


def _checked(platform: Services) -> dict[str, dict[str, Any]]:
    chosen = platform.settings
    checks: dict[str, Callable[[], object]] = {"postgresql": platform.database.ping, "jwks": platform.verifier.ready}
    if chosen.redis_url:
        checks["redis"] = lambda: _redis(chosen.redis_url)
    checks["s3"] = lambda: bucket_exists(chosen)
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
