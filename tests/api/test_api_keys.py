"""API keys: one tenant, one role, until a day; and whatever is wrong with one, the same refusal."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from issuer import HARBORVIEW, LAKESIDE, bearer
from test_keys import Clock

from api.api_keys import ABSENT_S, LOOKUP_BURST, LOOKUPS_PER_S, REMEMBERED_KEYS, REMEMBERED_S, ApiKeys
from api.attempts import Attempts
from api.auth import TokenRefused
from api.database import Database as ApiDatabase
from estate import access
from estate.api_key import ApiKey, new_key
from estate.settings import Settings, tenants
from tests.servers import Database

pytestmark = pytest.mark.servers


class Counted(ApiDatabase):
    """The API's database, counting the transactions."""

    asked = 0

    def reading(self, tenant_id: uuid.UUID, *more: Any, **most: Any) -> Any:
        self.asked += 1
        return super().reading(tenant_id, *more, **most)


class Today:
    """A time that passes when told to."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def counted(database: Database) -> Iterator[Counted]:
    made = Counted(database.api_url)
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def today() -> Today:
    return Today()


@pytest.fixture
def keys(counted: Counted, clock: Clock, today: Today) -> ApiKeys:
    return ApiKeys(counted, tenant_ids={LAKESIDE, HARBORVIEW}, clock=clock, now=today)


@pytest.fixture
def issue(settings_env: Settings) -> Callable[..., ApiKey]:
    """A new key of Lakeside, or of the tenant named."""
    return lambda tenant="lakeside", name="export", role="analyst", days=30: access.issue(tenants()[tenant], name, role, days)[0]


def refusal(keys: ApiKeys, text: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        keys.caller(text)
    return str(refused.value)


def test_a_key_names_its_tenant_its_role_and_itself(keys: ApiKeys, issue: Callable[..., ApiKey]) -> None:
    for tenant, tenant_id in (("lakeside", LAKESIDE), ("harborview", HARBORVIEW)):
        key = issue(tenant, "night run")
        caller = keys.caller(str(key))
        assert (caller.tenant_id, caller.roles, caller.credential) == (tenant_id, frozenset({"analyst"}), "key")
        assert caller.subject == f"key/{key.key_id}/night run"


def test_whatever_is_wrong_the_refusal_is_the_same(keys: ApiKeys, issue: Callable[..., ApiKey], today: Today) -> None:
    sound, revoked, short = issue(), issue(), issue(days=1)
    access.revoke(revoked.key_id)
    today.at += timedelta(days=2)
    said = {
        refusal(keys, text)
        for text in (
            str(new_key(LAKESIDE)),
            str(ApiKey(sound.key_id, new_key(LAKESIDE).secret)),
            str(ApiKey(sound.key_id, "A" * 43)),
            str(ApiKey(HARBORVIEW.hex + sound.key_id[32:], sound.secret)),
            str(ApiKey("0" * 48, sound.secret)),
            str(revoked),
            str(short),
            "reo_",
            f"reo_{sound.key_id}_",
            f"reo_{sound.key_id}_{sound.secret}=",
            f"reo_{sound.key_id}_{sound.secret}\n",
            f"reo_{sound.key_id.upper()}_{sound.secret}",
            f"reo_{sound.key_id[:-1]}'_{sound.secret}",
            f"reo_{sound.key_id}_{sound.secret_sha256[:43]}",
            f"{sound},{sound}",
        )
    }
    assert said == {"the API key is not valid"}
    assert keys.caller(str(sound)).tenant_id == LAKESIDE


def test_a_key_opens_until_the_moment_it_expires(keys: ApiKeys, issue: Callable[..., ApiKey], today: Today) -> None:
    key = issue(days=1)
    expires_at = next(row["expires_at"] for row in access.keys_of(tenants()["lakeside"]) if row["key_id"] == key.key_id)
    today.at = expires_at - timedelta(microseconds=1)
    assert keys.caller(str(key))
    today.at = expires_at
    refusal(keys, str(key))


def test_a_key_is_asked_for_once_in_half_a_minute_and_then_a_revocation_is_seen(
    keys: ApiKeys, issue: Callable[..., ApiKey], counted: Counted, clock: Clock
) -> None:
    key = issue()
    for _ in range(5):
        keys.caller(str(key))
        refusal(keys, str(ApiKey(key.key_id, "A" * 43)))
    assert counted.asked == 1, "guessing secrets of a key costs the database nothing"
    access.revoke(key.key_id)
    clock.now += REMEMBERED_S - 1
    assert keys.caller(str(key))
    clock.now += 1
    refusal(keys, str(key))
    assert counted.asked == 2


def test_a_key_id_that_is_unknown_is_remembered_for_a_while_and_within_bounds(keys: ApiKeys, counted: Counted, clock: Clock) -> None:
    absent = new_key(LAKESIDE)
    for _ in range(5):
        refusal(keys, str(absent))
    assert counted.asked == 1
    clock.now += ABSENT_S
    refusal(keys, str(absent))
    assert counted.asked == 2
    for number in range(REMEMBERED_KEYS + 10):
        keys._absent[f"made up {number}"] = True
    assert len(keys._absent) == REMEMBERED_KEYS


def test_a_key_id_of_a_tenant_that_is_not_listed_is_not_looked_up(keys: ApiKeys, counted: Counted) -> None:
    for _ in range(5):
        assert refusal(keys, str(new_key(uuid.uuid4()))) == "the API key is not valid"
    assert counted.asked == 0


def test_made_up_key_ids_are_looked_up_a_few_times_and_refused_alike_beyond(
    keys: ApiKeys, issue: Callable[..., ApiKey], counted: Counted, clock: Clock
) -> None:
    known, fresh, foreign = issue(), issue(), issue("harborview")
    keys.caller(str(known))
    clock.now += REMEMBERED_S
    counted.asked = 0
    assert {refusal(keys, str(new_key(LAKESIDE))) for _ in range(LOOKUP_BURST + 20)} == {"the API key is not valid"}
    assert counted.asked == LOOKUP_BURST
    assert keys.caller(str(known)), "a key that has opened before"
    assert keys.caller(str(foreign)), "a key of another tenant"
    refusal(keys, str(fresh))
    clock.now += 1 / LOOKUPS_PER_S
    assert keys.caller(str(fresh))


def test_keys_that_are_right_use_up_no_look_ups(keys: ApiKeys, issue: Callable[..., ApiKey], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_lookups", Attempts(1, 1e-9))
    for key in [issue() for _ in range(3)]:
        assert keys.caller(str(key))


def test_a_role_that_is_not_ours_opens_nothing(keys: ApiKeys, issue: Callable[..., ApiKey], database: Database) -> None:
    key = issue()
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("UPDATE platform.api_key SET role_name = 'owner' WHERE key_id = %s", (key.key_id,))
    refusal(keys, str(key))


def test_nothing_of_the_secret_is_stored_or_shown(issue: Callable[..., ApiKey], database: Database) -> None:
    key = issue()
    with psycopg.connect(database.superuser_url) as connection:
        (row,) = connection.execute("SELECT k::text FROM platform.api_key AS k WHERE key_id = %s", (key.key_id,)).fetchall()
    assert key.secret_sha256 in row[0]
    assert key.secret not in row[0]
    assert key.secret not in repr(key)


def test_secrets_have_256_bits_and_no_two_keys_are_alike() -> None:
    made = [new_key(LAKESIDE) for _ in range(200)]
    assert {len(key.secret) for key in made} == {43}  # 32 bytes, six bits a character
    assert len({key.secret for key in made}) == len({key.key_id for key in made}) == 200


def test_without_the_database_a_key_is_neither_right_nor_wrong() -> None:
    away = ApiDatabase("postgresql://estate_api@127.0.0.1:1/absent", timeout_s=0.1)
    with pytest.raises(psycopg.OperationalError):
        ApiKeys(away).caller(str(new_key(LAKESIDE)))
    away.close()


# What the API's role can do beside asking for one key


@pytest.fixture
def as_api(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.api_url, autocommit=True) as connection:
        yield connection


def test_the_lookup_gives_one_row_to_the_api_whatever_tenant_is_set_and_leaves_that_tenant_set(
    issue: Callable[..., ApiKey], as_api: psycopg.Connection[Any]
) -> None:
    key, _, _ = issue(), issue(), issue("harborview")
    for tenant in ("", str(LAKESIDE), str(HARBORVIEW)):
        with as_api.transaction():
            as_api.execute("SELECT set_config('app.tenant_id', %s, true)", (tenant,))
            rows = as_api.execute("SELECT tenant_id, secret_sha256 FROM platform.api_key_named(%s)", (key.key_id,)).fetchall()
            assert rows == [(LAKESIDE, key.secret_sha256)]
            assert as_api.execute("SELECT current_setting('app.tenant_id')").fetchone() == (tenant,)


@pytest.mark.parametrize("name", ["", "%", "_" * 48, "' OR true --", None, "0" * 48, "F" * 48, LAKESIDE.hex, f"{LAKESIDE.hex}%"])
def test_the_lookup_takes_a_whole_key_id_and_nothing_like_it(
    issue: Callable[..., ApiKey], as_api: psycopg.Connection[Any], name: str | None
) -> None:
    issue()
    assert as_api.execute("SELECT * FROM platform.api_key_named(%s)", (name,)).fetchall() == []


@pytest.mark.parametrize("role", ["api", "pipeline"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM platform.api_key",
        "INSERT INTO platform.api_key VALUES (%(tenant)s, 'x', 'x', 'admin', 'x', now(), now())",
        "UPDATE platform.api_key SET expires_at = now()",
        "DELETE FROM platform.api_key",
        "TRUNCATE platform.api_key",
    ],
)
def test_neither_the_api_nor_the_pipeline_can_list_or_change_keys(database: Database, role: str, statement: str) -> None:
    with psycopg.connect(getattr(database, f"{role}_url")) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(LAKESIDE),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement, {"tenant": LAKESIDE})


def test_the_pipeline_cannot_even_ask_for_one(database: Database) -> None:
    with psycopg.connect(database.pipeline_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM platform.api_key_named(%s)", ("0" * 48,))


def test_no_key_outlives_366_days_even_if_the_owner_says_so(issue: Callable[..., ApiKey], database: Database) -> None:
    key = issue(days=366)
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(LAKESIDE),))
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE platform.api_key SET expires_at = expires_at + interval '1 s' WHERE key_id = %s", (key.key_id,))


# Through the whole application


def test_a_key_reads_its_own_tenant_s_properties_and_is_a_401_when_wrong(
    make_app: Callable[..., Flask],
    settings_env: Settings,
    properties_of: dict[uuid.UUID, list[uuid.UUID]],
    issue: Callable[..., ApiKey],
    capfd: pytest.CaptureFixture[str],
) -> None:
    client = make_app(api_database_url=settings_env.api_database_url, redis_url=settings_env.redis_url).test_client()
    key = issue("harborview", role="viewer")
    found = client.get("/api/v1/properties", headers=bearer(str(key)))
    assert found.status_code == 200
    assert found.json is not None
    assert {row["property_id"] for row in found.json["properties"]} == {str(one) for one in properties_of[HARBORVIEW]}
    refused = client.get("/api/v1/properties", headers=bearer(str(ApiKey(key.key_id, "A" * 43))))
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert key.secret not in capfd.readouterr().out
