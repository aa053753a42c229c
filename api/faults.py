"""Errors of ours, sent to Sentry where ESTATE_SENTRY_DSN says so: what failed and where in the code, and nothing of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_FRAME = ("filename", "function", "module", "lineno", "in_app")
_KEPT = ("event_id", "timestamp", "platform", "level", "sdk", "environment", "release")
_OFF = {"mode": "off"}
# What integrations and stack traces may bring along.
_NOTHING: Any = {
    "user_info": False, "cookies": _OFF, "http_headers": {"request": _OFF}, "http_bodies": [], "url_query_params": _OFF,
    "database_query_data": False, "queues": False, "stack_frame_variables": False, "frame_context_lines": 0,
}  # fmt: skip
_is_on = False


def install(dsn: str, release: str) -> None:
    """Send errors to `dsn` from now on. Raises sentry_sdk.utils.BadDsn for one that is not."""
    import sentry_sdk

    global _is_on  # noqa: PLW0603 - sentry_sdk itself is one a process
    sentry_sdk.init(
        dsn,
        release=release,
        # No integration looks into requests, queries or logs; `report` is the only way out.
        default_integrations=False,
        auto_enabling_integrations=False,
        data_collection=_NOTHING,
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        server_name="api",
        before_send=stripped,
    )
    _is_on = True


def report(error: BaseException, **words: str | None) -> None:
    """Send `error` with `words` (route, method, request_id, tenant_id …), which must hold nothing personal. Does nothing when off."""
    if not _is_on:
        return
    import sentry_sdk

    with sentry_sdk.new_scope() as scope:
        for name, word in words.items():
            if word is not None:
                scope.set_tag(name, word)
        scope.capture_exception(error)


def stripped(event: Event, _hint: Hint) -> Event:
    """The event with its types of errors and places in the code. Made of what is known to be harmless, not freed of what is not."""
    found: Any = event
    exceptions = (found.get("exception") or {}).get("values") or []
    kept: Any = {name: found[name] for name in _KEPT if name in found}
    kept["tags"] = dict(found.get("tags") or {})
    # The message of an error may quote a row, an address or a token.
    kept["exception"] = {"values": [_exception(one) for one in exceptions]}
    return kept


def _exception(one: dict[str, Any]) -> dict[str, Any]:
    frames = (one.get("stacktrace") or {}).get("frames") or []
    places = [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]
    return {"type": one.get("type"), "module": one.get("module"), "stacktrace": {"frames": places}}
