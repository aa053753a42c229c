"""What has not changed is not read again: ETags made of the tenant's data version, and dear answers kept until the next publication.

The version is known in this process, so an unchanged answer costs no database at all. While it is not known, nothing is promised.
"""

from __future__ import annotations

import hashlib
import json

from flask import Response, g, request

from api import metrics
from api.auth import Caller
from api.cache import Kept, key_of
from api.resource import Route
from api.services import Services

_KEPT_HEADERS = ("Link", "Content-Disposition")
_METHODS = frozenset({"GET", "HEAD"})


def known_answer(platform: Services, caller: Caller, route: Route) -> Response | None:
    """The answer, if the caller has it already (304) or it is kept; else None, and the request is marked with what it may be kept as."""
    if not route.is_versioned or request.method not in _METHODS:
        return None
    version = platform.versions.current(caller.tenant_id)
    if version is None:
        return None
    g.etag = _etag(caller, version)
    if request.if_none_match and _is_named(g.etag):
        return Response(status=304)
    if not route.is_cached:
        return None
    key = key_of(
        caller.tenant_id,
        version,
        path=request.path,
        query=request.args.items(),
        roles=caller.roles,
        representation=request.headers.get("Accept", ""),
    )
    kept = platform.cache.get(key)
    metrics.count("cache", outcome="hit" if kept is not None else "error" if platform.cache.is_degraded else "miss")
    if kept is None:
        g.keep_as = key
        return None
    return Response(kept.body, kept.status, dict(kept.headers), content_type=kept.content_type)


def mark(platform: Services, response: Response) -> None:
    """Give an answer that may be asked for again its ETag, and keep it where that was agreed."""
    etag = g.get("etag")
    # Personal data are recorded each time they are read, so no copy of them may answer in our place.
    if etag is None or g.get("is_personal") or response.status_code not in {200, 304}:
        return
    response.headers["ETag"] = f'W/"{etag}"'
    response.headers["Cache-Control"] = "private, no-cache"
    key = g.get("keep_as")
    if key is not None and response.status_code == 200 and not response.is_streamed and request.method == "GET":
        headers = tuple((name, response.headers[name]) for name in _KEPT_HEADERS if name in response.headers)
        platform.cache.put(key, Kept(200, response.content_type or "", headers, response.get_data()))


def _etag(caller: Caller, version: str) -> str:
    """Of the tenant, the roles, the version and all that was asked: no two tenants' or roles' answers share one."""
    asked = [
        str(caller.tenant_id),
        version,
        sorted(caller.roles),
        request.path,
        sorted(request.args.items()),
        request.headers.get("Accept", ""),
    ]
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=12).hexdigest()


def _is_named(etag: str) -> bool:
    """Whether If-None-Match names `etag`; compression appends its name to the tags that it sends."""
    named = request.if_none_match
    # An asterisk stands for whatever there is, and here nobody has looked whether there is anything: it is answered in full.
    # Werkzeug reads a tag that is not closed as None.
    return any(tag is not None and tag.partition(":")[0] == etag for tag in named.as_set(include_weak=True))
