"""Me: who you are to this API, what you may do, how much of it, and how fresh the data are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import jwt
from flask import Response, current_app, request
from pydantic import Field

from api.edge import caller
from api.limits import COST_CLASSES, DEFAULT_LIMITS, WINDOW_S
from api.parameters import Query
from api.representations import json_response
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.api_key import ROLES, Role

me = Resource("me", __name__, "/api/v1/me", "Who you are to this API.")

_CLASSES = {
    "read": "lookups and plain pages",
    "search": "filtered lists and searches",
    "compute": "computations that take a body",
    "export": "exports",
}

MeTenant = part("MeTenant", "Whose data you read.", columns("platform.tenant", ["tenant_id"]),
                slug=(str | None, Field(description="short name, used in paths; null for a tenant that is not listed")),
                name=(str | None, Field(description="name for people; null for a tenant that is not listed")))  # fmt: skip
MeLimits = part(
    "MeLimits",
    "Requests a minute that are let through; `X-RateLimit-*` of every answer say what is left.",
    **{name: (int, Field(description=f"your {_CLASSES[name]}")) for name in COST_CLASSES},
    subject=(int, Field(description="everything you ask")),
    tenant=(int, Field(description="everything that all subjects of your tenant ask")),
)


class MeAnswer(Answer):
    """The caller, as the verified credential says."""

    subject: str = Field(description="who: the token's subject, or key/<key id>/<key name>")
    tenant: MeTenant = Field(description="whose data you read")  # type: ignore[valid-type]
    roles: list[Role] = Field(description="what you may do, the least first; each may do what the ones before it may")
    credential: Literal["token", "key"] = Field(description="an access token or an API key")
    expires_at: datetime | None = Field(description="when the token expires; null for an API key")
    limits: MeLimits = Field(description="requests a minute")  # type: ignore[valid-type]
    limit_window_s: int = Field(description="over how many seconds requests are counted")
    data_version: str | None = Field(
        description="version of your tenant's data, which moves with whatever is published; null while unknown"
    )
    data_published_at: datetime | None = Field(description="when data of your tenant were last published; null before any")


@me.read("", answer=MeAnswer, is_versioned=False, summary="Who you are, and what you may do")
def whoami(query: Query) -> Response:  # noqa: ARG001 - none is known here
    """Who you are, for which tenant you read, what you may do and how often, and how fresh the data are."""
    who, platform = caller(), services(current_app)
    # Asked before the data are read: what is read is then at least as new as it says.
    version = platform.versions.current(who.tenant_id)
    with platform.database.reading(who.tenant_id) as reading:
        published = reading.row("api_last_publication", {})
    tenant = platform.tenant(who.tenant_id)
    limits: dict[str, int] = {**DEFAULT_LIMITS}
    if tenant is not None:
        limits.update({str(name): limit for name, limit in tenant.limits.items()})
    body = {
        "subject": who.subject,
        "tenant": {"tenant_id": who.tenant_id, "slug": tenant and tenant.slug, "name": tenant and tenant.name},
        "roles": [role for role in ROLES if role in who.roles],
        "credential": who.credential,
        "expires_at": _expires_at() if who.credential == "token" else None,
        "limits": {name: limits[name] for name in (*COST_CLASSES, "subject", "tenant")},
        "limit_window_s": WINDOW_S,
        "data_version": version,
        "data_published_at": published and published["published_at"],
    }
    return json_response(body)


def _expires_at() -> datetime | None:
    """When the token of this request expires. The edge has verified it; here it is read only."""
    claims: dict[str, Any] = jwt.decode(request.headers["Authorization"].partition(" ")[2], options={"verify_signature": False})
    try:
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (OverflowError, ValueError, OSError):  # after the year 9999
        return None
