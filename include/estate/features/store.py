"""Feast: the definitions as its objects, the store of one tenant, and the registry brought to what the code says.

Beside feature_repo/ the only module that imports Feast, whose import takes seconds. Feast sends no statistics of use in this release.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal, cast

import pandas as pd
import psycopg
import sqlalchemy.exc
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, Project, RepoConfig, ValueType
from feast.constants import PROTECTED_PROJECT_TAG
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres import (
    EntitySelectMode,
    PostgreSQLOfflineStore,
    PostgreSQLOfflineStoreConfig,
)
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.offline_stores.offline_utils import DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL
from feast.infra.registry.sql import SqlRegistry
from feast.repo_contents import RepoContents
from feast.repo_operations import extract_objects_for_apply_delete
from feast.types import Bool, Float64, Int64, PrimitiveFeastType, String, UnixTimestamp
from google.protobuf.json_format import MessageToDict
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import ConfigDict, model_validator

from estate.contracts.model import Column
from estate.errors import ServiceUnavailable, SettingError
from estate.features import definitions, repository
from estate.features.definitions import VIEWS, project_of
from estate.features.rows import rows_of
from estate.settings import Tenant, settings
from estate.sql import query

_TYPES: dict[str, PrimitiveFeastType] = {
    "double precision": Float64, "bigint": Int64, "boolean": Bool, "text": String, "timestamptz": UnixTimestamp,
}  # fmt: skip
_KINDS = {"property_id": ("property", "a property, by our UUID"), "county_fips": ("county", "a county, by its 5 digits")}
_DIGEST = "definitions_sha256"
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")
_CONNECT_S = 10

LOCK_WAIT = timedelta(seconds=60)
"""How long one registration waits for another, each of which takes seconds; who holds on for longer is stuck."""


class TenantPostgreSQLOfflineStoreConfig(PostgreSQLOfflineStoreConfig):
    """PostgreSQL as one tenant: the address as the settings have it, and the tenant, which every session of Feast's has from its start."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a message would show the password

    type: Literal["estate.features.store.TenantPostgreSQLOfflineStore"]  # type: ignore[assignment]  # Feast finds the class by it
    tenant_id: str
    entity_select_mode: EntitySelectMode = EntitySelectMode.embed_query

    @model_validator(mode="before")
    @classmethod
    def _sessions(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Feast's own fields from `url` and `tenant_id`. Raises ValueError for a tenant that is not a UUID.

        Feast opens a session wherever it needs one and none can be prepared, but it starts each with
        ``options=-c search_path={db_schema}``: what follows the schema there are options too, hence the strict tenant. Nested loops are
        off, since Feast joins what PostgreSQL has no statistics of and would look through all versions for each entity.
        """
        told = {name: value for name, value in values.items() if name != "url"}
        address = conninfo_to_dict(values["url"])
        options = {"app.tenant_id": uuid.UUID(values["tenant_id"]), "enable_nestloop": "off", "search_path": "public"}
        return told | {
            "host": address.get("host", ""),
            "port": int(address.get("port") or 5432),
            "database": address.get("dbname", ""),
            "user": address.get("user", ""),
            "password": address.get("password", ""),
            "sslmode": address.get("sslmode", "prefer"),  # libpq's own; Feast's would refuse a server without TLS
            "db_schema": " -c ".join(["public", *(f"{name}={value}" for name, value in options.items())]),
        }


class TenantPostgreSQLOfflineStore(PostgreSQLOfflineStore):
    """Feast's PostgreSQL store for a role that owns nothing and must leave nothing behind."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        *others: Any,
        **options: Any,
    ) -> RetrievalJob:
        """As Feast's, with the entities embedded in the statement.

        Feast itself would create a table of them, which the role may not, which no policy would keep from other tenants, and which would
        stay when the process is killed. The column of moments must be called ``event_timestamp``, as Feast prefers.
        """
        asked = _embedded(entity_df) if isinstance(entity_df, pd.DataFrame) else entity_df
        with warnings.catch_warnings():
            # Feast hands pandas a connection of psycopg, which works and which pandas has not tested.
            warnings.filterwarnings("ignore", message="pandas only supports SQLAlchemy connectable", category=UserWarning)
            return PostgreSQLOfflineStore.get_historical_features(config, feature_views, feature_refs, asked, *others, **options)


def _embedded(entities: pd.DataFrame) -> str:
    """A statement that gives `entities`, one array a column."""
    arrays, names = [], []
    for name, column in entities.items():
        kind = "timestamptz" if name == DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL else _array_kind(column)  # also as text
        values = [None if pd.isna(value) else str(value) if kind == "text" else value for value in column.astype(object)]
        arrays.append(sql.SQL("{}::{}[]").format(sql.Literal(values), sql.SQL(kind)))
        names.append(sql.Identifier(str(name)))
    statement = sql.SQL(query("features_feast_entities"))
    return statement.format(arrays=sql.SQL(", ").join(arrays), columns=sql.SQL(", ").join(names)).as_string(None)


def _array_kind(column: pd.Series) -> str:
    dtypes = pd.api.types
    if dtypes.is_bool_dtype(column):
        return "boolean"
    if dtypes.is_integer_dtype(column):
        return "bigint"
    if dtypes.is_float_dtype(column):
        return "double precision"
    return "timestamptz" if dtypes.is_datetime64_any_dtype(column) else "text"


def feast_project(name: str) -> Project:
    """The project of one tenant. It is protected: `feast teardown` would take the projects of all tenants out of the registry."""
    return Project(
        name=name, description="features of one tenant of Real Estate OS", tags={PROTECTED_PROJECT_TAG: "true"}, owner="platform"
    )


def feast_entities() -> dict[str, Entity]:
    """What features are of, by name: the tenant and, within it, a property or a county."""
    tenant = Entity(
        name="tenant", join_keys=["tenant_id"], value_type=ValueType.STRING, description="whose data it is, by UUID", owner="platform"
    )
    kinds = [
        Entity(name=_KINDS[key][0], join_keys=[key], value_type=ValueType.STRING, description=_KINDS[key][1], owner="platform")
        for key in dict.fromkeys(view.entity for view in VIEWS.values())
    ]
    return {entity.name: entity for entity in (tenant, *kinds)}


def feast_sources() -> dict[str, PostgreSQLSource]:
    """The past of each view, by its name: its own query, and what vanished (features_feast_source.sql)."""
    return {
        view.name: PostgreSQLSource(
            name=f"{view.name}_source",
            query=_source_query(view),
            timestamp_field="event_at",
            description=f"{view.contract.grain}; event_at is when it was published",
            owner=view.owner,
        )
        for view in VIEWS.values()
    }


def _source_query(view: definitions.FeatureView) -> str:
    names = [column.name for column in view.features]
    return (
        sql.SQL(query("features_feast_source"))
        .format(
            rows=rows_of(view),
            entity=sql.Identifier(view.entity),
            columns=sql.SQL(", ").join(sql.SQL("v.{}").format(sql.Identifier(name)) for name in names),
            nulls=sql.SQL(", ").join([sql.NULL] * len(names)),
        )
        .as_string(None)
    )


def feast_views(entities: Mapping[str, Entity], sources: Mapping[str, PostgreSQLSource]) -> dict[str, FeatureView]:
    """The views by name. Each carries `observed_at` beside its features: from there the age of its values counts."""
    views = {}
    for view in VIEWS.values():
        kind = _KINDS[view.entity][0]
        observed = view.contract.column("observed_at")
        views[view.name] = FeatureView(
            name=view.name,
            entities=[entities["tenant"], entities[kind]],
            ttl=view.ttl,
            schema=[
                Field(name="tenant_id", dtype=String),
                Field(name=view.entity, dtype=String),
                Field(name=observed.name, dtype=_TYPES[observed.sql_type], description=observed.meaning, tags=_tags(view, observed)),
                *(Field(name=c.name, dtype=_TYPES[c.sql_type], description=c.meaning, tags=_tags(view, c)) for c in view.features),
            ],
            source=sources[view.name],
            description=view.about,
            owner=view.owner,
            tags={"contract": view.contract.name, "grain": view.contract.grain, "age_counts_from": observed.name},
        )
    return views


def _tags(view: definitions.FeatureView, column: Column) -> dict[str, str]:
    told = {"unit": column.unit, "how": column.made, "sources": ", ".join(column.made_from), "absent": view.absent.get(column.name, "")}
    return {name: text for name, text in told.items() if text}


def feast_services(views: Mapping[str, FeatureView]) -> dict[str, FeatureService]:
    """The services by name, each tagged with the version that models record."""
    return {
        service.name: FeatureService(
            name=service.name,
            features=[views[view][list(names)] for view, names in service.features.items()],
            description=service.about,
            tags={"version": service.version},
            owner="platform",
        )
        for service in definitions.SERVICES.values()
    }


def feature_store(tenant: Tenant) -> FeatureStore:
    """Feast's store of `tenant`, configured by feature_repo/feature_store.yaml. Raises SettingError naming a setting that is missing."""
    config = RepoConfig(**repository.configuration(tenant))
    config.repo_path = repository.FOLDER
    return FeatureStore(config=config)


def register(tenant: Tenant) -> bool:
    """Bring the tenant's project in the registry to what the code says; True when it had to be changed.

    An older registry is changed, what the code no longer has is removed from it, and what is lacking from it comes back. Two at once
    wait for each other, up to LOCK_WAIT. Nothing is read or written beside the registry, except that features of a removed view go from
    Redis.

    Raises SettingError naming a setting that is missing or that nothing can connect by; ServiceUnavailable naming the registry when it
    cannot be reached, breaks off, or is held too long by another. What is online is written without the registry, so a caller may go on.
    """
    address = _registry_address()
    wanted = _contents(project_of(tenant))
    digest = definitions_sha256(wanted)
    try:
        with _one_at_a_time(address):
            return _applied(tenant, wanted, digest)
    except (psycopg.OperationalError, sqlalchemy.exc.OperationalError) as fault:
        raise ServiceUnavailable(
            f"{tenant.slug}: the registry of features ({_place(address)}, ESTATE_FEATURES_REGISTRY_URL) cannot be used: "
            f"{str(fault).strip().splitlines()[0]}. The definitions there stay as they were; the next run brings them up to date"
        ) from fault


def _applied(tenant: Tenant, wanted: RepoContents, digest: str) -> bool:
    store = feature_store(tenant)
    try:
        if _is_registered(store, wanted, digest):
            return False
        to_apply, to_delete, _, _ = extract_objects_for_apply_delete(store.project, store.registry, wanted)
        store.apply(to_apply, objects_to_delete=to_delete, partial=False)
        # Last, so that a registry that was left half-way is not taken for a whole one.
        (project,) = wanted.projects
        project.tags[_DIGEST] = digest
        store.registry.apply_project(project)
    finally:
        close(store)
    return True


def close(store: FeatureStore) -> None:
    """Stop the thread that refreshes the registry's copy, and give its connections back."""
    registry = cast(SqlRegistry, store.registry)
    registry.registry_refresh_thread.cancel()
    registry.write_engine.dispose()


def definitions_sha256(contents: RepoContents) -> str:
    """The SHA-256 of all definitions as Feast writes them down, without the project that holds them and without when they were made."""
    things: list[Any] = [*contents.entities, *contents.feature_views, *contents.feature_services]
    said = [_timeless(MessageToDict(thing.to_proto())) for thing in things]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _timeless(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: _timeless(value) for name, value in said.items() if name != "meta"}
    return [_timeless(value) for value in said] if isinstance(said, list) else said


def _contents(project: str) -> RepoContents:
    """What `feast apply` finds in feature_repo/."""
    entities, sources = feast_entities(), feast_sources()
    views = feast_views(entities, sources)
    return RepoContents(
        projects=[feast_project(project)],
        data_sources=list(sources.values()),
        entities=list(entities.values()),
        feature_views=list(views.values()),
        feature_services=list(feast_services(views).values()),
        on_demand_feature_views=[],
        stream_feature_views=[],
        label_views=[],
        permissions=[],
    )


def _is_registered(store: FeatureStore, wanted: RepoContents, digest: str) -> bool:
    """Whether the last that was applied is this, whole, and nobody has taken or added a view or a service by hand since."""
    known = {project.name: project for project in store.registry.list_projects(allow_cache=False)}
    if store.project not in known or known[store.project].tags.get(_DIGEST) != digest:
        return False
    return (
        _names(store.list_all_feature_views()) == _names(wanted.feature_views)
        and _names(store.list_feature_services()) == _names(wanted.feature_services)
        and _names(store.list_entities()) == _names(wanted.entities)
    )


def _names(things: Iterable[Any]) -> list[str]:
    return sorted(thing.name for thing in things)


def _registry_address() -> str:
    """The registry's address as libpq reads it; Feast's, which is SQLAlchemy's, may name a driver. Raises SettingError."""
    said = settings().features_registry_url
    if not said:
        raise SettingError("ESTATE_FEATURES_REGISTRY_URL: needed to register features; see the settings in README.md")
    address = _DRIVER.sub(r"\1://", said, count=1)
    try:
        conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        # Without what libpq says, which may repeat the password.
        raise SettingError("ESTATE_FEATURES_REGISTRY_URL: postgresql+psycopg://user@host:port/database is needed") from None
    return address


def _place(address: str) -> str:
    """Where the registry lies, without who enters it and how."""
    said = conninfo_to_dict(address)
    return f"{said.get('host', 'localhost')}:{said.get('port', 5432)}/{said.get('dbname', '')}"


@contextmanager
def _one_at_a_time(address: str) -> Iterator[None]:
    """Keep others, of whatever tenant, from changing the registry: its tables, too, are made by who comes first."""
    with psycopg.connect(address, autocommit=True, connect_timeout=_CONNECT_S, application_name="estate-features") as connection:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{round(LOCK_WAIT.total_seconds() * 1000)}ms",))
        connection.execute("SELECT pg_advisory_lock(hashtextextended('estate.features.register', 0))")
        yield
