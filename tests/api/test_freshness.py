"""What has not changed is not read again, and no answer reaches anybody it was not made for."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import world
from flask import Flask
from issuer import HARBORVIEW, LAKESIDE, bearer

from api import metrics
from estate.settings import Settings
from tests.servers import Database, Servers

KEPT = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
PATH = "/api/v1/properties"


@pytest.fixture
def app(make_app: Callable[..., Flask], settings_env: Settings, properties_of: Any) -> Flask:
    made = make_app(**{name: getattr(settings_env, name) for name in KEPT})
    versions = made.extensions["real-estate-os"].versions
    for tenant_id in (LAKESIDE, HARBORVIEW):
        versions.await_change(tenant_id, None, 10)
    return made


@pytest.fixture
def asking(app: Flask, make_token: Callable[..., str]) -> Callable[..., Any]:
    client = app.test_client()

    def ask(path: str = PATH, tenant: uuid.UUID = LAKESIDE, *, roles: Any = None, **headers: str) -> Any:
        token = make_token(tenant, **({"roles": roles} if roles else {}))
        return client.get(path, headers={**bearer(token), **{name.replace("_", "-"): text for name, text in headers.items()}})

    return ask


def publish(database: Database, tenant_id: uuid.UUID) -> None:
    """One more entry in the tenant's ledger, as a publication leaves it."""
    with psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
        found = connection.execute("SELECT max(publication_id) FROM provenance.publication").fetchone()
        assert found is not None
        world.put(
            connection, "provenance.publication", tenant_id=tenant_id, publication_id=found[0] + 1, table_name="normalize.property",
            partition_name="roll", batch_id="roll-2", input_sha256="a" * 64, vintage_date=world.SECOND.date(),
            verdict_id=world.named(tenant_id, "verdict of normalize.property"), run_id="normalize/manual__2", code_version="0.1.0",
            rows_in=0,
            rows_published=0, rows_closed=0, rows_unchanged=0, rows_quarantined=0, read_at=world.SECOND, published_at=world.SECOND,
        )  # fmt: skip


def test_an_unchanged_answer_is_a_304_without_a_body(asking: Callable[..., Any]) -> None:
    first = asking()
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    again = asking(If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert asking(If_None_Match='W/"other"').status_code == 200


def test_an_unchanged_answer_needs_no_database(app: Flask, asking: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    etag = asking().headers["ETag"]
    database = app.extensions["real-estate-os"].database
    monkeypatch.setattr(database, "_opened", lambda: 1 / 0)
    assert asking(If_None_Match=etag).status_code == 304


def test_what_is_published_makes_the_tenant_s_tags_stale_and_nobody_else_s(
    app: Flask, asking: Callable[..., Any], database: Database
) -> None:
    mine, theirs = asking().headers["ETag"], asking(tenant=HARBORVIEW).headers["ETag"]
    versions = app.extensions["real-estate-os"].versions
    before = versions.current(LAKESIDE)
    publish(database, LAKESIDE)
    versions.await_change(LAKESIDE, before, 10)
    assert asking(If_None_Match=mine).status_code == 200
    assert asking(tenant=HARBORVIEW, If_None_Match=theirs).status_code == 304


@pytest.mark.parametrize(
    "change", [{"tenant": HARBORVIEW}, {"roles": ["analyst"]}, {"path": f"{PATH}?limit=1"}, {"Accept": "application/geo+json"}]
)
def test_a_tag_is_of_one_tenant_role_address_and_representation(asking: Callable[..., Any], change: dict[str, Any]) -> None:
    etag = asking().headers["ETag"]
    assert asking(**change, If_None_Match=etag).status_code != 304


def test_errors_and_open_pages_have_no_tag(asking: Callable[..., Any]) -> None:
    for path in (f"{PATH}/{uuid.UUID(int=5)}", f"{PATH}?limit=0", "/health/live"):
        answer = asking(path)
        assert "ETag" not in answer.headers
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_nothing_is_promised_while_the_version_is_not_known(app: Flask, asking: Callable[..., Any]) -> None:
    etag = asking().headers["ETag"]
    app.extensions["real-estate-os"].versions.close()
    answer = asking(If_None_Match=etag)
    assert (answer.status_code, "ETag" in answer.headers) == (200, False)


def test_a_dear_answer_is_kept_for_its_tenant_until_the_next_publication(
    app: Flask, asking: Callable[..., Any], database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    def found() -> float:
        return metrics.REGISTRY.get_sample_value("estate_cache_total", {"outcome": "hit"}) or 0

    versions = app.extensions["real-estate-os"].versions
    path = f"{PATH}/{properties_of[LAKESIDE][0]}/twins"
    first = asking(path)
    hits = found()
    again = asking(path)
    assert (again.data, again.headers["ETag"], again.content_type) == (first.data, first.headers["ETag"], first.content_type)
    assert found() == hits + 1
    # The same address asked by somebody else is looked for under another key, and answered as if it were absent.
    assert asking(path, tenant=HARBORVIEW).status_code == 404
    before = versions.current(LAKESIDE)
    publish(database, LAKESIDE)
    versions.await_change(LAKESIDE, before, 10)
    asking(path)
    assert found() == hits + 1


def test_keys_of_kept_answers_begin_with_their_tenant(
    asking: Callable[..., Any], servers: Servers, settings_env: Settings, properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    asking(f"{PATH}/{properties_of[LAKESIDE][1]}/twins")
    with servers.redis_client(settings_env.redis_url) as store:
        found = [key.decode() for key in store.scan_iter("estate:cache:*")]
        assert found
        assert all(key.startswith(f"estate:cache:v1:{LAKESIDE}:") or str(LAKESIDE) not in key for key in found)
        assert all(store.ttl(key) > 0 for key in found)


def test_a_compressed_answer_says_the_same_and_its_tag_is_known_again(asking: Callable[..., Any]) -> None:
    plain, packed = asking(f"{PATH}?limit=3"), asking(f"{PATH}?limit=3", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.data)) == plain.json
    assert asking(f"{PATH}?limit=3", Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"]).status_code == 304


def test_what_is_left_of_the_limit_is_said_and_beyond_it_is_a_429(
    app: Flask, make_token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = app.extensions["real-estate-os"].limiter
    monkeypatch.setitem(limiter._limits, LAKESIDE, {**limiter._default, "read": 2, "search": 2})
    client, who = app.test_client(), bearer(make_token(sub=str(uuid.uuid4())))
    answers = [client.get(f"{PATH}/{uuid.UUID(int=5)}", headers=who) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert (answers[2].headers["X-RateLimit-Limit"], answers[2].json["type"]) == ("2", "/problems/rate-limited")
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 120
    assert client.get("/health/live", headers=who).status_code == 200
