"""What feature_repo/feature_store.yaml takes from outside: the platform's settings, and three values that tell one tenant from another.

The same file serves Feast's own commands, which take the values from the environment, and this code, which fills them in by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from estate.errors import SettingError
from estate.features.definitions import project_of
from estate.settings import ROOT, Tenant, settings

FOLDER = ROOT / "feature_repo"


def tenant_variables(tenant: Tenant, features_redis_url: str) -> dict[str, str]:
    """The variables of feature_store.yaml that are no settings: project, tenant, and Redis in the words that Feast reads."""
    return {
        "FEAST_PROJECT": project_of(tenant),
        "FEAST_TENANT_ID": str(tenant.tenant_id),
        "FEAST_REDIS": redis_connection(features_redis_url) if features_redis_url else "",
    }


def redis_connection(url: str) -> str:
    """A Redis address as Feast's connection string: ``host:port,db=…,username=…,password=…,ssl=…``.

    Feast splits it at commas and reads each value as JSON first, hence the quotes. Raises SettingError for what that cannot carry.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise SettingError("ESTATE_FEATURES_REDIS_URL: redis://… or rediss://… with a host is needed")
    named = {"username": parts.username, "password": parts.password}
    told = {name: unquote(value) for name, value in named.items() if value}
    if any(set(value) & set(",\"'\\") for value in told.values()):
        raise SettingError("ESTATE_FEATURES_REDIS_URL: Feast can carry no comma, quote or backslash in a user or a password")
    words = [f"{parts.hostname}:{parts.port or 6379}", f"db={parts.path.strip('/') or 0}"]
    words += [f'{name}="{value}"' for name, value in told.items()]
    return ",".join([*words, *(["ssl=true"] if parts.scheme == "rediss" else [])])


def configuration(tenant: Tenant) -> dict[str, Any]:
    """feature_store.yaml with the values of `tenant`. Raises SettingError naming a setting that is missing."""
    chosen = settings()
    if not chosen.features_redis_url:
        raise SettingError("ESTATE_FEATURES_REDIS_URL: needed for features; see the settings in README.md")
    if not chosen.features_registry_url:
        raise SettingError("ESTATE_FEATURES_REGISTRY_URL: needed to register features; see the settings in README.md")
    values = tenant_variables(tenant, chosen.features_redis_url) | {
        "ESTATE_DATABASE_URL": chosen.database_url,
        "ESTATE_FEATURES_REGISTRY_URL": chosen.features_registry_url,
    }
    return _filled((FOLDER / "feature_store.yaml").read_text(encoding="utf-8"), values)


def _filled(text: str, values: Mapping[str, str]) -> dict[str, Any]:
    filled: dict[str, Any] = yaml.safe_load(Template(text).substitute(values))
    return filled
