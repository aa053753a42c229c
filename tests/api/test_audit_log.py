"""The audit as admins read it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import books
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api.audit_log import AuditAnswer
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/audit"
# Two rows of one time: the identifier decides between them.
MINUTES = (0, 1, 2, 2, 3)


@pytest.fixture(scope="module", autouse=True)
def written(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """Of each tenant five rows of 2025, the third and fourth at one time."""
    with books.psycopg.connect(database.api_url) as connection:
        for tenant_id in properties_of:
            connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
            for number in range(len(MINUTES)):
                is_read = number % 2 == 0
                world.put(
                    connection, "platform.audit", tenant_id=tenant_id, audit_id=uuid.UUID(int=number + 1),
                    occurred_at=f"2025-12-01T00:0{MINUTES[number]}:00Z", action="personal_read" if is_read else "refused",
                    what=f"row {number} of {tenant_id}", subject="ada", credential="token", route="/api/v1/properties", method="GET",
                    status=None if is_read else 403, request_id=f"r-{number}",
                )  # fmt: skip


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET as a tenant, in a role."""
    return lambda path="", tenant=LAKESIDE, role="viewer", **query: client.get(
        f"{PATH}{path}", headers=bearer(make_token(tenant, roles=[role])), query_string=query
    )


@pytest.fixture
def old(get: Callable[..., Any]) -> Callable[..., Any]:
    """The rows of 2025 that an admin gets, newest first: reading adds rows of today."""

    def ask(**query: Any) -> list[str]:
        answer = get(role="admin", **query)
        assert AuditAnswer.model_validate_json(answer.data)
        return [row["request_id"] for row in answer.json["audit"] if row["occurred_at"].startswith("2025")]

    return ask


def test_rows_come_the_newest_first(old: Callable[..., Any]) -> None:
    assert old() == ["r-4", "r-3", "r-2", "r-1", "r-0"]


def test_rows_are_found_by_what_happened_and_since_when(old: Callable[..., Any]) -> None:
    assert old(action="refused") == ["r-3", "r-1"]
    assert old(action="personal_read") == ["r-4", "r-2", "r-0"]
    assert old(since="2025-12-01T00:02:00Z") == ["r-4", "r-3", "r-2"]
    assert old(since="2026-01-01T00:00:00Z") == []


def test_pages_of_rows_follow_one_another_while_rows_are_added(get: Callable[..., Any]) -> None:
    found, cursor = [], None
    for _ in range(200):
        body = get(role="admin", limit=2, action="refused", **({"cursor": cursor} if cursor else {})).json
        found += [row["request_id"] for row in body["audit"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert found[-2:] == ["r-3", "r-1"]
    assert len(found) == len(set(found))


def test_a_row_says_who_what_where_and_how_it_ended(get: Callable[..., Any]) -> None:
    (row,) = [row for row in get(role="admin").json["audit"] if row["request_id"] == "r-3"]
    assert row == {
        "audit_id": str(uuid.UUID(int=4)), "occurred_at": "2025-12-01T00:02:00Z", "action": "refused", "what": f"row 3 of {LAKESIDE}",
        "subject": "ada", "credential": "token", "route": "/api/v1/properties", "method": "GET", "status": 403, "request_id": "r-3",
    }  # fmt: skip


def test_reading_the_audit_stands_in_the_audit(client: FlaskClient, make_token: Callable[..., str]) -> None:
    token = bearer(make_token(roles=["admin"], sub="eve"))
    first: Any = client.get(PATH, headers={**token, "X-Request-ID": "first-look"})
    second: Any = client.get(PATH, headers=token)
    assert "first-look" not in {row["request_id"] for row in first.json["audit"]}
    (seen,) = [row for row in second.json["audit"] if row["request_id"] == "first-look"]
    assert (seen["subject"], seen["action"], seen["what"], seen["route"]) == ("eve", "personal_read", "audit", PATH)
    assert "ETag" not in first.headers


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_nobody_but_an_admin_reads_it(get: Callable[..., Any], role: str) -> None:
    assert get(role=role).status_code == 403


def test_the_audit_of_another_tenant_is_not_there(get: Callable[..., Any]) -> None:
    assert f"of {HARBORVIEW}" in get(role="admin", tenant=HARBORVIEW).text
    assert str(HARBORVIEW) not in get(role="admin").text
    cursor = get(role="admin", limit=1).json["next_cursor"]
    assert get(role="admin", limit=1, tenant=HARBORVIEW, cursor=cursor).status_code == 400


@pytest.mark.parametrize("query", [{"action": "read"}, {"since": "2025-12-01"}, {"since": "2999-01-01T00:00:00Z"}, {"subject": "ada"}])
def test_what_cannot_be_asked_is_refused_by_name(get: Callable[..., Any], query: dict[str, str]) -> None:
    answer = get(role="admin", **query)
    assert (answer.status_code, json.loads(answer.data)["parameter"]) == (400, next(iter(query)))
