"""The audit of the tenant: who read personal data, and what was refused. For admins; reading it is written down too."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response, current_app
from pydantic import Field

from api import paging
from api.edge import caller
from api.parameters import Moment, PageQuery
from api.personal import disclose
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services

audit_log = Resource("audit", __name__, "/api/v1/audit", "Who read personal data, and what was refused; kept 90 days.")

ROW = ("audit_id", "occurred_at", "action", "what", "subject", "credential", "route", "method", "status", "request_id")

AuditRow = part("AuditRow", "One read of personal data, or one refusal.", columns("platform.audit", ROW))


class AuditQuery(PageQuery):
    """Which rows."""

    action: Literal["personal_read", "refused"] | None = Field(
        None, description="reads of personal data only, or refusals only", json_schema_extra={"example": "personal_read"}
    )
    since: Moment | None = Field(
        None, description="from this moment on (RFC 3339, not in the future)", json_schema_extra={"example": "2026-01-01T00:00:00Z"}
    )


class AuditAnswer(Answer):
    """One page of the tenant's audit, the newest first."""

    audit: list[AuditRow] = Field(description="a refusal may take a second until it stands here")  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last")


@audit_log.read("", answer=AuditAnswer, role="admin", is_versioned=False, summary="Who read personal data, and what was refused")
def page(query: AuditQuery) -> Response:
    """The tenant's audit, the newest first. It names people: that you read it is written down as well, and stands on your next page."""
    asked = paging.asked("audit", query)
    filters = {"action": query.action, "since": query.since}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        rows = reading.rows("audit_page", {"page_size": asked.fetched, **filters, **asked.key("after_at", "after_id")})
    # After the page was read, and before it is answered: nobody finds the reading itself on it.
    disclose("audit")
    return paging.answer(asked, "audit", rows, _key)


def _key(row: dict[str, Any]) -> list[str]:
    return [row["occurred_at"].isoformat(), str(row["audit_id"])]
