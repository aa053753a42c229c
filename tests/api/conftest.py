"""The issuer of the tests, its tokens, and the application under test."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import whole_path
import world
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from flask import Flask
from flask.testing import FlaskClient
from issuer import AUDIENCE, DOCS_PASSWORDS, HARBORVIEW, ISSUER, LAKESIDE, NEWCOMER, NOWHERE, bearer, jwks_of
from werkzeug.security import generate_password_hash

from api import create_app
from estate.batch import Batch
from estate.settings import ROOT, Settings, Tenant
from tests.servers import Database

TENANTS = {
    "lakeside": Tenant(tenant_id=LAKESIDE, slug="lakeside", name="Lakeside Lending"),
    "harborview": Tenant(tenant_id=HARBORVIEW, slug="harborview", name="Harborview Partners"),
    "newcomer": Tenant(tenant_id=NEWCOMER, slug="newcomer", name="Newcomer Homes"),
}


@pytest.fixture(scope="session")
def signing_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def public_pem(signing_key: RSAPrivateKey) -> bytes:
    return signing_key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="session")
def jwks_file(signing_key: RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("issuer") / "jwks.json"
    path.write_bytes(jwks_of(k1=signing_key))
    return path


@pytest.fixture(scope="session")
def make_token(signing_key: RSAPrivateKey) -> Callable[..., str]:
    """A token as the issuer would sign it; keywords replace claims, None leaves one out, a timedelta counts from now."""

    def make(tenant: Any = LAKESIDE, *, key: Any = None, headers: dict[str, Any] | None = None, alg: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        tenant_id = str(tenant) if isinstance(tenant, uuid.UUID) else tenant
        content = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300, "tenant_id": tenant_id, **claims}
        content = {
            name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
            for name, value in content.items()
            if value is not None
        }
        # PyJWT's own encode would refuse some of the claims that the tests send.
        return jwt.PyJWS().encode(json.dumps(content).encode(), key or signing_key, alg, {"kid": "k1", "typ": "at+jwt", **(headers or {})})

    return make


@pytest.fixture(scope="session")
def passwords_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("docs") / "passwords.json"
    path.write_text(json.dumps({slug: generate_password_hash(password, "pbkdf2:sha256:1000") for slug, password in DOCS_PASSWORDS.items()}))
    return path


@pytest.fixture(scope="session")
def api_settings(jwks_file: Path, passwords_file: Path) -> Callable[..., Settings]:
    """Settings of the API without servers; keywords replace any."""

    def make(**replaced: Any) -> Settings:
        chosen = {
            "database_url": NOWHERE,
            "api_database_url": NOWHERE,
            "jwt_issuer": ISSUER,
            "jwt_audience": AUDIENCE,
            "jwks_url": jwks_file.as_uri(),
            "cursor_secret": "x" * 32,
            "docs_passwords_file": passwords_file,
            "docs_base_url": "http://127.0.0.1:18000/data-docs",
            "tenants_file": ROOT / "local" / "tenants.toml",
        }
        return Settings(**{**chosen, **replaced})

    return make


@pytest.fixture
def more_tenants() -> tuple[uuid.UUID, ...]:
    """Tenants to be listed beside the usual ones; a module that writes for others says which."""
    return ()


@pytest.fixture
def make_app(api_settings: Callable[..., Settings], more_tenants: tuple[uuid.UUID, ...]) -> Iterator[Callable[..., Flask]]:
    """An application of its own with these settings; its connections are closed after the test."""
    listed = TENANTS | {f"t{one.int}": Tenant(tenant_id=one, slug=f"t{one.int}", name="one more") for one in more_tenants}
    made: list[Flask] = []

    def make(**replaced: Any) -> Flask:
        app = create_app(api_settings(**replaced), listed)
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["real-estate-os"].close()


@pytest.fixture
def detached(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client of an application whose database is away."""
    return make_app().test_client()


@pytest.fixture(scope="module")
def properties_of(database: Database) -> dict[uuid.UUID, list[uuid.UUID]]:
    """What each tenant has, written once a module."""
    world.write_layer(database.pipeline_url)
    return {tenant_id: world.write_tenant(database.pipeline_url, tenant_id) for tenant_id in (LAKESIDE, HARBORVIEW)}


@pytest.fixture
def client(make_app: Callable[..., Flask], settings_env: Settings, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> FlaskClient:
    """A client of an application that reads `properties_of`."""
    kept = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
    return make_app(**{name: getattr(settings_env, name) for name in kept}).test_client()


@pytest.fixture
def landed(settings_env: Settings) -> Batch:
    """The portfolio of Harborview with the synthetic layers, taken through all five stages once a module."""
    return whole_path.land_portfolio(settings_env)


@pytest.fixture
def get(make_app: Callable[..., Flask], settings_env: Settings, landed: Batch, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET below /api/v1/properties, of what `landed` published."""
    kept = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
    client = make_app(**{name: getattr(settings_env, name) for name in kept}).test_client()
    # An analyst, because provenance is read by analysts.
    return lambda path, tenant=HARBORVIEW, **query: client.get(
        f"/api/v1/properties{path}", headers=bearer(make_token(tenant, roles=["analyst"])), query_string=query
    )
