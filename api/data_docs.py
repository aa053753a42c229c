"""A tenant's Data Docs, read out of the object store for a browser: HTTP Basic, one tenant a user, nothing from the internet."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import re
import secrets
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests
from werkzeug.security import check_password_hash
from werkzeug.wrappers import Response as BaseResponse

from api.attempts import Attempts
from api.docs_pages import ASSETS, offline, policy
from api.edge import unauthorized
from api.problems import not_found
from api.services import services
from api.storage import MAX_OBJECT_BYTES, ObjectTooLarge, read
from estate.features.definitions import PAGE

data_docs = Blueprint("data_docs", __name__, url_prefix="/data-docs")
log = logging.getLogger("api.data_docs")

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "png": "image/png", "svg": "image/svg+xml",
    "gif": "image/gif", "ico": "image/vnd.microsoft.icon", "otf": "font/otf", "woff2": "font/woff2",
}  # fmt: skip  # no scripts: those come from the assets alone
MAX_PATH_CHARS = 1024
INDEX_ROWS = 200
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+=@ -]*")
_ASSETS = Path(__file__).parent / "data_docs_assets"

# A password hash costs tens of milliseconds on purpose, and a page brings a dozen files. What was proven against a hash is
# remembered under a key that lives only in this process; only right passwords are, so the set stays as small as the tenants.
# Wrong ones are hashed each time, so there is a bucket of attempts for each tenant's user, and one for all who do not exist.
WRONG_BURST = 10
WRONG_PER_S = 0.5
_process_key = secrets.token_bytes(32)
_proven: set[bytes] = set()


@data_docs.before_request
def authenticate() -> None:
    """Let in the user who is called like the tenant, with the tenant's password; everybody else is refused alike.

    After some wrong passwords nothing is compared for a while, and the answer is 429; one that was proven before still opens.
    """
    tenant_slug = (request.view_args or {}).get("tenant_slug", "")
    given = request.authorization
    user, password = (given.username or "", given.password or "") if given is not None and given.type == "basic" else ("", "")
    if not (_is_password(user, password) and user == tenant_slug):
        raise unauthorized("User and password of the tenant are needed.", scheme="basic", realm="data-docs", charset="UTF-8")


@data_docs.get("/<tenant_slug>")
def index(tenant_slug: str) -> BaseResponse:
    """Lead to the index page."""
    return redirect(url_for("data_docs.page", tenant_slug=tenant_slug, path=""), 302)


@data_docs.get("/<tenant_slug>/", defaults={"path": ""})
@data_docs.get("/<tenant_slug>/<path:path>")
def page(tenant_slug: str, path: str) -> Response:
    """One file of the tenant's Data Docs; without a path, the index of verdicts, models and features."""
    if path in {"", "index.html"}:  # the second is what the pages themselves link to
        return _index(tenant_slug)
    platform = services(current_app)
    name = checked_path(path)
    try:
        body = read(platform.settings, f"{platform.tenants[tenant_slug].tenant_id}/data-docs/{name}")
    except (BotoCoreError, ClientError):
        raise ServiceUnavailable("The object store does not answer. Try again shortly.", retry_after=2) from None
    except ObjectTooLarge as large:
        # The page is there, so 404 would deny it; without Retry-After, because it will be as large next time.
        log.warning("page too large", extra={"fields": {"tenant_slug": tenant_slug, "reason": str(large)}})
        raise ServiceUnavailable(_too_large(name, large)) from None
    if body is None:
        raise not_found()
    return _file(name, body, f"{request.script_root}/data-docs/{tenant_slug}/")


@data_docs.get("/<tenant_slug>/_assets/<path:name>")
def asset(tenant_slug: str, name: str) -> Response:  # noqa: ARG001 - the tenant is checked before
    """A script, style or font that the pages use, served from here instead of from the internet."""
    if name not in ASSETS:
        raise not_found()
    kind = name.rpartition(".")[2]
    content_type = "text/javascript; charset=utf-8" if kind == "js" else CONTENT_TYPES[kind]
    response = Response((_ASSETS / name).read_bytes(), content_type=content_type)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _index(tenant_slug: str) -> Response:
    """What the gates said and the models there are, newest first, from the books themselves: Great Expectations indexes one run only."""
    platform = services(current_app)
    tenant = platform.tenants[tenant_slug]
    with platform.database.reading(tenant.tenant_id) as reading:
        verdicts = reading.rows("api_verdicts", {"row_limit": INDEX_ROWS})
        models = reading.rows("api_models", {"row_limit": INDEX_ROWS})
        profiled = reading.row("api_feature_page", {})
    base = f"{request.script_root}/data-docs/{tenant_slug}/"
    response = Response(
        render_template(
            "data_docs_index.html", tenant=tenant, verdicts=verdicts, models=models, profiled=profiled, features_page=PAGE, base=base
        )
    )
    response.headers["Content-Security-Policy"] = policy()
    return response


def checked_path(path: str) -> str:
    """`path` as part of an object key. Anything that could leave the tenant's folder, or is no kind of file we serve, is not found."""
    segments = path.split("/")
    if len(path) > MAX_PATH_CHARS or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise not_found()
    if segments[-1].rpartition(".")[2].lower() not in CONTENT_TYPES:
        raise not_found()
    return path


def _too_large(name: str, large: ObjectTooLarge) -> str:
    size, served = (f"{count / 1024**2:.0f} MiB" for count in (large.byte_count, MAX_OBJECT_BYTES))
    return (
        f"The page {name} has {size}; no more than {served} are served here, and trying again will not help. Whoever may read the object"
        " store finds it there below the tenant's data-docs/; /api/v1/quality says what the verdict is."
    )


def _file(name: str, body: bytes, base: str) -> Response:
    kind = name.rpartition(".")[2].lower()
    if kind != "html":
        return Response(body, content_type=CONTENT_TYPES[kind])
    text = offline(body.decode("utf-8", errors="replace"), base)
    response = Response(text, content_type=CONTENT_TYPES[kind])
    response.headers["Content-Security-Policy"] = policy()
    return response


def _is_password(user: str, password: str) -> bool:
    platform = services(current_app)
    stored = platform.docs_passwords.get(user)
    key = hmac.digest(_process_key, f"{stored}\0{user}\0{password}".encode(errors="replace"), hashlib.sha256)
    if key in _proven:
        return True
    attempts, name = _attempts(), user if stored else None
    wait_s = attempts.take(name)
    if wait_s > 0:
        raise TooManyRequests("Too many wrong passwords. Try again shortly.", retry_after=math.ceil(wait_s))
    is_right = check_password_hash(stored or platform.absent_password, password) and stored is not None
    if is_right:
        _proven.add(key)
        attempts.give_back(name)
    return is_right


def _attempts() -> Attempts:
    made: Attempts = current_app.extensions.setdefault("data-docs-attempts", Attempts(WRONG_BURST, WRONG_PER_S))
    return made
