"""The ground of the attacks: Lakeside is attacked, Harborview attacks; everything that is Lakeside's alone is marked and known."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import books
import market_world
import psycopg
import pytest
import redis
import world
from flask import Flask
from issuer import DOCS_PASSWORDS, HARBORVIEW, LAKESIDE, bearer
from psycopg import sql
from psycopg.types.json import Jsonb
from werkzeug.test import TestResponse

from api import create_app
from estate import access
from estate import settings as configuration
from estate.contracts import CONTRACTS, TABLES
from estate.settings import Settings, Tenant
from tests.score import market
from tests.servers import Database, Servers

NAMES = {LAKESIDE: "lakeside", HARBORVIEW: "harborview"}
UNLIMITED = dict.fromkeys(("read", "search", "compute", "export", "subject", "tenant"), 1_000_000_000)
TENANTS = {name: Tenant(tenant_id=tenant_id, slug=name, name=f"{name} firm", limits=UNLIMITED) for tenant_id, name in NAMES.items()}
# What stands in a text of a tenant, and in no other's; no form of an answer changes a letter of it.
CANARY = {tenant_id: f"zq{name}" for tenant_id, name in NAMES.items()}
ONLY_LAKESIDE_BATCH = "county_roll-5a5a5a5a5a5a"
ONLY_LAKESIDE_ZIP = "60606"
FOREIGN_PRICE = "777123.25"  # an assessed value of Lakeside's first property
ROLES = ("viewer", "analyst", "admin")
TENANT_TABLES = [name for name, promise in TABLES.items() if promise.kind != "reference"]
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Free texts of people and files; keys that join tables stay as they are.
_MARKED = {
    "normalize.property": ("owner_name", "mailing_address", "situs_raw", "apn_raw"),
    "normalize.conflict": ("losing_value", "record_key"),
    "provenance.summary": ("owner_name", "situs_address", "apn"),
    "provenance.quarantine": ("reason", "row_key"),
    "provenance.verdict": ("run_id",),
    "ingest.snapshot": ("file_name",),
    "ingest.landing": ("file_name",),
    "score.promotion": ("reason", "promoted_by"),
    "score.model": ("run_id",),
    "score.counterfactual": ("assumption",),
    "features.parity": ("example",),
}


@dataclass
class Ground:
    """The API under attack, who may ask it, and what is whose."""

    app: Flask
    database: Database
    settings: Settings
    make_token: Callable[..., str]
    store: redis.Redis
    servers: Servers
    secrets: dict[uuid.UUID, set[str]] = field(default_factory=dict)

    def who(self, tenant_id: uuid.UUID = LAKESIDE, role: str = "admin", **claims: Any) -> dict[str, str]:
        """The header of a sound token; keywords replace claims."""
        return bearer(self.make_token(tenant_id, roles=[role], **claims))

    def ask(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        query: Any = None,
        **how: Any,
    ) -> TestResponse:
        """One request with exactly these headers (of Lakeside's admin without any)."""
        chosen = self.who() if headers is None else dict(headers)
        return self.app.test_client().open(path, method=method, headers=chosen, query_string=query, buffered=True, **how)

    def foreign_to(self, tenant_id: uuid.UUID, text: str) -> set[str]:
        """What in `text` belongs to the other tenant: identifiers and marked words."""
        other = LAKESIDE if tenant_id == HARBORVIEW else HARBORVIEW
        found = set(_UUID.findall(text.lower())) & self.secrets[other]
        return found | {word for word in (CANARY[other],) if word in text}

    def rows(self, statement: Any, *parameters: Any) -> list[Any]:
        """Ask the database as a superuser, whom nothing holds."""
        with psycopg.connect(self.database.superuser_url, autocommit=True) as connection:
            return connection.execute(statement, parameters).fetchall()

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        parts = [sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(name), table(name)) for name in TABLES]
        return dict(self.rows(sql.SQL(" UNION ALL ").join(parts)))

    def refusals(self) -> int:
        """Write what waits, and count what the audit holds."""
        self.app.extensions["real-estate-os"].audit.close()
        return self.counts()["platform.audit"]


def table(name: str) -> sql.Identifier:
    """The table as SQL names it."""
    return sql.Identifier(*name.split("."))


@contextmanager
def made(servers: Servers, api_settings: Callable[..., Settings], make_token: Callable[..., str], folder: Path) -> Iterator[Ground]:
    """Both tenants' rows, Lakeside's served model, documents in the store, and an application without limits to speak of."""
    database = servers.create_database()
    bucket = f"attack-{uuid.uuid4().hex[:12]}"
    servers.s3().create_bucket(Bucket=bucket)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    # Databases 1 and up are those of other tests, which empty them.
    variables = servers.variables(database, bucket, redis_database=15 - worker) | {"ESTATE_LANDING_DIR": str(folder)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        _forget()
        _write(database, servers, bucket)
        settings = configuration.settings()
        kept = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
        app = create_app(api_settings(**{name: getattr(settings, name) for name in kept}), TENANTS)
        store = servers.redis_client(settings.redis_url)
        store.flushdb()
        ground = Ground(app, database, settings, make_token, store, servers)
        ground.secrets = _secrets(ground)
    _forget()
    for tenant_id in NAMES:
        app.extensions["real-estate-os"].versions.await_change(tenant_id, None, 20)
    try:
        yield ground
    finally:
        app.extensions["real-estate-os"].close()
        store.close()
        servers.drop_database(database)


@contextmanager
def owning(ground: Ground) -> Iterator[None]:
    """The environment of a person at the command line, for issuing and revoking keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESTATE_DATABASE_URL", ground.database.pipeline_url)
        patch.setenv("ESTATE_OWNER_DATABASE_URL", ground.database.owner_url)
        _forget()
        yield
    _forget()


def a_key(ground: Ground, tenant_id: uuid.UUID = LAKESIDE, role: str = "admin", days: int = 30) -> Any:
    """A new API key."""
    with owning(ground):
        return access.issue(TENANTS[NAMES[tenant_id]], "attack", role, days)[0]


def _forget() -> None:
    configuration.settings.cache_clear()
    configuration.tenants.cache_clear()


def _write(database: Database, servers: Servers, bucket: str) -> None:
    world.write_layer(database.pipeline_url)
    books.write_layers(database.pipeline_url)
    for tenant_id in NAMES:
        world.write_tenant(database.pipeline_url, tenant_id)
        books.write_books(database.pipeline_url, tenant_id)
        market_world.write(database.pipeline_url, tenant_id, factor=1.0 if tenant_id == LAKESIDE else 1.37)
        for key, body in (("data-docs/validations/run.html", f"<p>{CANARY[tenant_id]}</p>"), ("secret.html", CANARY[tenant_id])):
            servers.s3().put_object(Bucket=bucket, Key=f"{tenant_id}/{key}", Body=body.encode())
        _give_bytes(database, servers, bucket, tenant_id)
    market_world.serve(TENANTS["lakeside"])
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        for name, columns in _MARKED.items():
            for tenant_id in NAMES:
                _mark(connection, name, columns, tenant_id)
        of = {"tenant": LAKESIDE, "property": world.named(LAKESIDE, "0001"), "sold": world.named(LAKESIDE, "0002")}
        for statement in _ONLY_LAKESIDE:
            connection.execute(
                statement, {**of, "batch": ONLY_LAKESIDE_BATCH, "waiting": books.WAITING, "zip": ONLY_LAKESIDE_ZIP, "price": FOREIGN_PRICE}
            )
        for tenant_id in NAMES:
            raw = {"tenant": tenant_id, "raw": Jsonb({"Owner": f"{CANARY[tenant_id]} in the file"})}
            connection.execute("UPDATE provenance.quarantine SET raw_row = raw_row || %(raw)s WHERE tenant_id = %(tenant)s", raw)


def _give_bytes(database: Database, servers: Servers, bucket: str, tenant_id: uuid.UUID) -> None:
    """The model that the books promote can be loaded."""
    body, key = market.model().to_bytes(), f"{tenant_id}/models/{world.MODEL}/model.zip"
    servers.s3().put_object(Bucket=bucket, Key=key, Body=body)
    statement = "UPDATE score.model SET object_key = %s, artefact_sha256 = %s WHERE tenant_id = %s AND model_id = %s"
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute(statement, (key, hashlib.sha256(body).hexdigest(), tenant_id, world.MODEL))


_ONLY_LAKESIDE = (
    "UPDATE ingest.snapshot SET batch_id = %(batch)s WHERE tenant_id = %(tenant)s AND batch_id = %(waiting)s",
    "UPDATE normalize.property SET situs_zip = %(zip)s WHERE tenant_id = %(tenant)s AND property_id = %(sold)s",
    "UPDATE normalize.property SET assessed_value_usd = %(price)s WHERE tenant_id = %(tenant)s AND property_id = %(property)s",
    "UPDATE provenance.summary SET assessed_value_usd = %(price)s WHERE tenant_id = %(tenant)s AND property_id = %(property)s",
)


def _mark(connection: psycopg.Connection[Any], name: str, columns: tuple[str, ...], tenant_id: uuid.UUID) -> None:
    marks = sql.SQL(", ").join(
        sql.SQL("{0} = coalesce({0}, '') || ' ' || {1}").format(sql.Identifier(column), sql.Literal(CANARY[tenant_id]))
        for column in columns
    )
    connection.execute(sql.SQL("UPDATE {} SET {} WHERE tenant_id = {}").format(table(name), marks, sql.Literal(tenant_id)))


def _secrets(ground: Ground) -> dict[uuid.UUID, set[str]]:
    """Every identifier that only one tenant's rows hold."""
    found: dict[uuid.UUID, set[str]] = {}
    for tenant_id in NAMES:
        mine = {str(tenant_id)}
        for name in TENANT_TABLES:
            for column in (one.name for one in CONTRACTS[name].columns if one.sql_type == "uuid"):
                statement = sql.SQL("SELECT DISTINCT {}::text FROM {} WHERE tenant_id = {}")
                mine |= {
                    text for (text,) in ground.rows(statement.format(sql.Identifier(column), table(name), sql.Literal(tenant_id))) if text
                }
        found[tenant_id] = mine
    shared = found[LAKESIDE] & found[HARBORVIEW]
    return {tenant_id: mine - shared for tenant_id, mine in found.items()}


def basic(user: str, password: str | None = None) -> dict[str, str]:
    """HTTP Basic of a user, with the right password of Data Docs unless another is given."""
    import base64

    text = f"{user}:{DOCS_PASSWORDS.get(user, '') if password is None else password}"
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
