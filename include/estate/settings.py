"""Settings, read once from the environment and frozen. Every one of them stands in the README (a test compares)."""

from __future__ import annotations

import tomllib
import uuid
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from estate.errors import SettingError

ROOT = Path(__file__).resolve().parents[2]

# What the API counts by the minute: requests of one class by one subject, all requests of one subject, all of a tenant's subjects.
CostClass = Literal["read", "search", "compute", "export"]
LimitName = Literal[CostClass, "subject", "tenant"]


class Tenant(BaseModel):
    """One tenant: its identifier, its short name (used in paths and run names) and its name for people."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tenant_id: uuid.UUID
    slug: str = Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")
    name: str
    limits: dict[LimitName, Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]] = Field(
        default_factory=dict, description="requests a minute that the API lets through; the defaults hold for those not named"
    )

    def __hash__(self) -> int:
        """Of what identifies it: a dict has no hash."""
        return hash(self.tenant_id)


class Settings(BaseSettings):
    """Everything that differs between two installations. Defaults never change results."""

    model_config = SettingsConfigDict(env_prefix="ESTATE_", frozen=True, extra="ignore")

    database_url: str = Field(description="PostgreSQL as the pipeline role (postgresql://…)")
    owner_database_url: str = Field(default="", description="PostgreSQL as the owner of the tables; needed to migrate only")
    api_database_url: str = Field(default="", description="PostgreSQL as the API role; needed by the API only")
    redis_url: str = Field(
        default="", description="Redis (redis://…) for the API; without it each process counts limits for itself, and no answer is kept"
    )
    features_redis_url: str = Field(
        default="",
        description="Redis (redis://…) that holds the features online; needed by what writes and reads them there, not by the API",
    )
    features_registry_url: str = Field(
        default="",
        description="PostgreSQL of Feast's registry for SQLAlchemy (postgresql+psycopg://…?options=-csearch_path%3Dregistry) as the role "
        "that owns its schema; needed to register features only",
    )
    s3_endpoint_url: str = Field(default="", description="S3 endpoint; empty for the provider's own")
    s3_bucket: str = Field(default="estate", description="bucket that holds snapshots, staged frames and Data Docs")
    s3_access_key_id: str = Field(default="", description="access key; empty for the ambient credentials")
    s3_secret_access_key: str = Field(default="", description="secret of the access key")
    tenants_file: Path = Field(default=ROOT / "local" / "tenants.toml", description="TOML file that lists the tenants")
    landing_dir: Path = Field(default=ROOT / ".estate" / "landing", description="folder in which offered files are looked for")
    code_version: str = Field(default="unknown", description="version of the code, written beside every number")
    marquez_url: str = Field(default="", description="Marquez; empty to keep lineage in the file only")
    lineage_file: Path = Field(default=ROOT / ".estate" / "lineage" / "events.jsonl", description="file that keeps every lineage event")
    docs_base_url: str = Field(default="http://127.0.0.1:18000/data-docs", description="address under which Data Docs are served")
    airflow_base_url: str = Field(default="http://127.0.0.1:18080", description="address under which people find Airflow")
    jwt_issuer: str = Field(default="", description="issuer that access tokens must name; needed by the API only")
    jwt_audience: str = Field(default="real-estate-os", description="audience that access tokens must name")
    jwks_url: str = Field(default="", description="JWKS of the issuer: https://… or file://…; needed by the API only")
    cors_origins: str = Field(
        default="",
        description="other origins whose pages may call the API from a browser, comma-separated (https://app.example.com); empty for none",
    )
    cursor_secret: str = Field(default="", description="secret of at least 32 characters that signs page cursors; needed by the API only")
    docs_passwords_file: Path | None = Field(
        default=None, description="JSON file, tenant slug -> werkzeug password hash, for reading Data Docs; without it nobody reads them"
    )
    nfhl_url: str = Field(
        default="https://hazards.fema.gov/arcgis/rest/services/public/NFHL/MapServer/28",
        description="FEMA National Flood Hazard Layer, flood zones",
    )
    otlp_endpoint: str = Field(
        default="", description="OpenTelemetry collector (http://… or https://…) for the API's spans; empty for none"
    )
    sentry_dsn: str = Field(default="", description="Sentry project that the API's errors are sent to; empty for none")


@cache
def settings() -> Settings:
    """The settings of this process. Raises SettingError naming the variable that is missing or wrong."""
    try:
        return Settings()  # type: ignore[call-arg]  # read from the environment
    except ValidationError as error:
        first = error.errors()[0]
        name = "ESTATE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingError(f"{name}: {first['msg']}; see the settings in README.md") from None


@cache
def tenants() -> dict[str, Tenant]:
    """The tenants by slug, from the tenants file. Raises SettingError when the file is missing or wrong."""
    path = settings().tenants_file
    try:
        rows = tomllib.loads(path.read_text())["tenant"]
        found = [Tenant.model_validate(row) for row in rows]
    except FileNotFoundError:
        raise SettingError(f"ESTATE_TENANTS_FILE: {path} does not exist; copy local/tenants.toml") from None
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise SettingError(f"ESTATE_TENANTS_FILE: {path} is not a list of [[tenant]] tables: {error}") from None
    if any(not tenant.tenant_id.int for tenant in found):
        raise SettingError(f"ESTATE_TENANTS_FILE: {path} lists the nil UUID, which stands for no tenant; choose a random one")
    return {tenant.slug: tenant for tenant in found}
