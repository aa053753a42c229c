"""Me: who one is to the API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, NEWCOMER, bearer

from api.limits import DEFAULT_LIMITS
from api.me import MeAnswer
from estate import access
from estate.settings import Settings, tenants

pytestmark = pytest.mark.servers
PATH = "/api/v1/me"


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET as a tenant, in a role."""
    return lambda path="", tenant=LAKESIDE, role="viewer", **query: client.get(
        f"{PATH}{path}", headers=bearer(make_token(tenant, roles=[role])), query_string=query
    )


def test_a_caller_learns_who_he_is_and_for_whom_he_reads(client: FlaskClient, make_token: Callable[..., str]) -> None:
    answer = client.get(PATH, headers=bearer(make_token(sub="grace", roles=["admin", "viewer", "other"], exp=4102444800)))
    assert MeAnswer.model_validate_json(answer.data)
    body = answer.json
    assert body["subject"] == "grace"
    assert body["tenant"] == {"tenant_id": str(LAKESIDE), "slug": "lakeside", "name": "Lakeside Lending"}
    assert (body["roles"], body["credential"], body["expires_at"]) == (["viewer", "admin"], "token", "2100-01-01T00:00:00Z")
    assert (body["limits"], body["limit_window_s"]) == (DEFAULT_LIMITS, 60)
    assert body["data_published_at"] == "2026-03-10T00:00:00Z"


def test_a_service_learns_what_its_key_may(client: FlaskClient, settings_env: Settings) -> None:
    key, _ = access.issue(tenants()["harborview"], "night run", "analyst", 30)
    answer = client.get(PATH, headers=bearer(str(key)))
    assert MeAnswer.model_validate_json(answer.data)
    said: Any = answer.json
    assert (said["subject"], said["tenant"]["slug"]) == (f"key/{key.key_id}/night run", "harborview")
    assert (said["roles"], said["credential"], said["expires_at"]) == (["analyst"], "key", None)


def test_a_token_that_expires_after_all_calendars_has_no_time(client: FlaskClient, make_token: Callable[..., str]) -> None:
    assert client.get(PATH, headers=bearer(make_token(exp=10**15))).json["expires_at"] is None


def test_the_version_is_that_of_the_tenant_s_data(client: FlaskClient, get: Callable[..., Any]) -> None:
    versions = client.application.extensions["real-estate-os"].versions
    mine, theirs = (versions.await_change(tenant_id, None, 10) for tenant_id in (LAKESIDE, HARBORVIEW))
    assert get().json["data_version"] == mine
    assert get(tenant=HARBORVIEW).json["data_version"] == theirs


def test_a_tenant_that_is_not_listed_is_nobody(get: Callable[..., Any]) -> None:
    answer = get(tenant=uuid.uuid4())
    assert (answer.status_code, answer.json["detail"]) == (401, "The token is not valid here.")


def test_a_tenant_without_data_is_told_so(get: Callable[..., Any]) -> None:
    answer = get(tenant=NEWCOMER)
    assert MeAnswer.model_validate_json(answer.data)
    assert answer.json["tenant"] == {"tenant_id": str(NEWCOMER), "slug": "newcomer", "name": "Newcomer Homes"}
    assert answer.json["data_published_at"] is None


def test_a_tenant_of_limits_of_its_own_is_told_them(
    make_app: Callable[..., Any], settings_env: Any, make_token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(api_database_url=settings_env.api_database_url)
    platform = app.extensions["real-estate-os"]
    own = {name: tenant.model_copy(update={"limits": {"compute": 7}}) for name, tenant in platform.tenants.items()}
    monkeypatch.setitem(platform.tenants, "lakeside", own["lakeside"])
    told = {tenant: app.test_client().get(PATH, headers=bearer(make_token(tenant))).json["limits"] for tenant in (LAKESIDE, HARBORVIEW)}
    assert told == {LAKESIDE: DEFAULT_LIMITS | {"compute": 7}, HARBORVIEW: DEFAULT_LIMITS}


def test_who_one_is_comes_from_the_token_alone(client: FlaskClient, make_token: Callable[..., str]) -> None:
    sent = {**bearer(make_token()), "X-Tenant-ID": str(HARBORVIEW), "Cookie": f"tenant_id={HARBORVIEW}"}
    assert client.get(PATH, headers=sent).json["tenant"]["tenant_id"] == str(LAKESIDE)
    refused = client.get(f"{PATH}?tenant_id={HARBORVIEW}", headers=bearer(make_token()))
    assert (refused.status_code, json.loads(refused.data)["parameter"]) == (400, "tenant_id")
    assert str(HARBORVIEW) not in refused.text
