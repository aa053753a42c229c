"""What the routes need from outside, made once by create_app from checked settings."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask
from werkzeug.security import generate_password_hash

from api.api_keys import ApiKeys
from api.audit import Audit
from api.auth import Verifier
from api.cache import ResponseCache
from api.code_version import code_version
from api.cors import Cors, origins_of
from api.cursors import Cursors
from api.database import Database
from api.keys import KeySet, fetch_jwks
from api.limits import Limiter
from api.versions import Versions
from estate.errors import SettingError
from estate.settings import Settings, Tenant

_EXTENSION = "real-estate-os"
_HASH = re.compile(r"(scrypt|pbkdf2):[^$]+\$[^$]+\$[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Services:
    """What one application reads from and writes to. Nothing is opened before the first request."""

    settings: Settings
    tenants: dict[str, Tenant]
    database: Database
    verifier: Verifier
    cursors: Cursors
    limiter: Limiter
    cache: ResponseCache
    versions: Versions
    audit: Audit
    cors: Cors
    docs_passwords: dict[str, str]
    absent_password: str

    def close(self) -> None:
        """Write what waits to be written, and give back what was opened."""
        self.audit.close()
        self.versions.close()
        self.database.close()
        self.limiter.close()
        self.cache.close()

    def tenant(self, tenant_id: UUID) -> Tenant | None:
        """The tenant that is called so; None for one that is not listed."""
        return next((tenant for tenant in self.tenants.values() if tenant.tenant_id == tenant_id), None)

    def docs_url(self, tenant_id: UUID) -> str | None:
        """Where the tenant's Data Docs begin; None for a tenant that is not listed."""
        tenant = self.tenant(tenant_id)
        return f"{self.settings.docs_base_url.rstrip('/')}/{tenant.slug}" if tenant else None


def services(app: Flask) -> Services:
    """The services of `app`."""
    found: Services = app.extensions[_EXTENSION]
    return found


def install(app: Flask, settings: Settings, tenants: dict[str, Tenant]) -> None:
    """Check the settings that the API needs and make what they describe. Raises SettingError with the setting's name."""
    _check(settings)
    keys = KeySet(lambda: fetch_jwks(settings.jwks_url))
    database = Database(settings.api_database_url)
    tenant_ids = frozenset(tenant.tenant_id for tenant in tenants.values())
    app.extensions[_EXTENSION] = Services(
        settings=settings,
        tenants=tenants,
        database=database,
        verifier=Verifier(
            settings.jwt_issuer, settings.jwt_audience, keys, ApiKeys(database, tenant_ids=tenant_ids), tenant_ids=tenant_ids
        ),
        cursors=Cursors(settings.cursor_secret),
        limiter=Limiter(settings.redis_url, {tenant.tenant_id: tenant.limits for tenant in tenants.values()}),
        cache=ResponseCache(settings.redis_url),
        versions=Versions(settings.api_database_url, code_version(settings.code_version)),
        audit=Audit(settings.api_database_url),
        cors=Cors(origins_of(settings.cors_origins)),
        docs_passwords=_passwords(settings, tenants),
        # Checked for users who do not exist, so that they take as long to refuse as those who do.
        absent_password=generate_password_hash(settings.cursor_secret),
    )


def _check(settings: Settings) -> None:
    if urlsplit(settings.api_database_url).scheme not in {"postgresql", "postgres"}:
        raise SettingError("ESTATE_API_DATABASE_URL: must be postgresql://… as the API role")
    if not settings.jwt_issuer:
        raise SettingError("ESTATE_JWT_ISSUER: must be the issuer that access tokens name")
    if not settings.jwt_audience:
        raise SettingError("ESTATE_JWT_AUDIENCE: must be the audience that access tokens name")
    jwks = urlsplit(settings.jwks_url)
    if not ((jwks.scheme == "https" and jwks.hostname) or (jwks.scheme == "file" and not jwks.netloc and jwks.path)):
        raise SettingError("ESTATE_JWKS_URL: must be https://… or file:///…")
    if len(settings.cursor_secret) < 32:
        raise SettingError("ESTATE_CURSOR_SECRET: must have at least 32 characters, the same for every process of the API")
    if settings.redis_url and urlsplit(settings.redis_url).scheme not in {"redis", "rediss", "unix"}:
        raise SettingError("ESTATE_REDIS_URL: must be redis://…, rediss://… or unix://…")
    if settings.s3_endpoint_url and urlsplit(settings.s3_endpoint_url).scheme not in {"http", "https"}:
        raise SettingError("ESTATE_S3_ENDPOINT_URL: must be http://… or https://…")


def _passwords(settings: Settings, tenants: dict[str, Tenant]) -> dict[str, str]:
    path = settings.docs_passwords_file
    if path is None:
        return {}
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"ESTATE_DOCS_PASSWORDS_FILE: {path} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) and _HASH.fullmatch(value) for value in found.values()):
        raise SettingError(f"ESTATE_DOCS_PASSWORDS_FILE: {path} must map tenant slugs to werkzeug password hashes")
    if unknown := sorted(set(found) - set(tenants)):
        raise SettingError(f"ESTATE_DOCS_PASSWORDS_FILE: {path} names tenants that do not exist: {', '.join(unknown)}")
    return found
