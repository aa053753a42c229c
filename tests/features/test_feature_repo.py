"""feature_repo/ as its users know such folders: Feast's own commands work in it, with the configuration that the platform uses itself."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import features_world as world
import pytest
from feast.infra.online_stores.redis import RedisOnlineStore

from estate.errors import SettingError
from estate.features import repository, store
from estate.features.definitions import SERVICES, VIEWS
from estate.settings import Settings, settings

HALF_A_YEAR = timedelta(days=180)


def feast(tenant, *words):
    """What a command of Feast's prints, run in feature_repo/ as in `make shell`. Raises with what it said when it fails."""
    variables = repository.tenant_variables(tenant, settings().features_redis_url)
    command = [str(Path(sys.executable).with_name("feast")), *words]
    done = subprocess.run(
        command, cwd=repository.FOLDER, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=120
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.servers
def test_apply_brings_what_the_code_says(settings_env):
    tenant = world.some_tenant()
    feast(tenant, "apply")
    opened = store.feature_store(tenant)
    wanted = store._contents(opened.project)
    assert {view.name: view for view in opened.list_feature_views()} == {view.name: view for view in wanted.feature_views}
    assert {one.name: one for one in opened.list_feature_services()} == {one.name: one for one in wanted.feature_services}
    assert {one.name for one in wanted.feature_services} == set(SERVICES)
    store.close(opened)


@pytest.mark.servers
def test_materialize_incremental_brings_what_was_published_lately_online(settings_env):
    tenant = world.some_tenant()
    world.write_books(tenant)
    now = datetime.now(UTC)
    world.publish(tenant, world.PROPERTY, [world.home(tenant, 1)], now - timedelta(hours=1))
    store.register(tenant)
    feast(tenant, "materialize-incremental", "--views", "property_physical", now.isoformat())
    opened = store.feature_store(tenant)
    key = {"tenant_id": str(tenant.tenant_id), "property_id": world.property_id(tenant, 1)}
    assert opened.get_online_features(["property_physical:living_area_sqft"], [key]).to_dict()["living_area_sqft"] == [1_100]
    store.close(opened)


def test_the_configuration_takes_settings_and_the_tenant_s_three_values_and_nothing_else():
    named = set(re.findall(r"\$\{(\w+)\}", (repository.FOLDER / "feature_store.yaml").read_text()))
    known = {f"ESTATE_{name.upper()}" for name in Settings.model_fields}
    assert named - known == set(repository.tenant_variables(world.some_tenant(), ""))


def test_what_is_online_lives_as_long_as_the_view_that_lives_longest(settings_env):
    online = repository.configuration(world.some_tenant())["online_store"]
    assert timedelta(seconds=online["key_ttl_seconds"]) == max(view.ttl for view in VIEWS.values()) == HALF_A_YEAR


@pytest.mark.parametrize(
    ("url", "nodes", "parameters"),
    [
        ("redis://cache", {"host": "cache", "port": "6379"}, {"db": 0}),
        ("redis://features:p%40ss=1@10.0.0.1:7000/33", {"host": "10.0.0.1", "port": "7000"},
         {"db": 33, "username": "features", "password": "p@ss=1"}),
        ("rediss://:123@cache:6380/1", {"host": "cache", "port": "6380"}, {"db": 1, "password": "123", "ssl": True}),
    ],
)  # fmt: skip
def test_feast_reads_a_redis_address_as_it_was_meant(url, nodes, parameters):
    assert RedisOnlineStore._parse_connection_string(repository.redis_connection(url)) == ([nodes], parameters)


@pytest.mark.parametrize("url", ["redis://features:a%2Cb@cache/1", "redis://features:a%22b@cache/1", "http://cache", "cache:6379"])
def test_a_redis_address_that_feast_cannot_carry_is_refused(url):
    with pytest.raises(SettingError, match="ESTATE_FEATURES_REDIS_URL"):
        repository.redis_connection(url)


@pytest.mark.parametrize("name", ["ESTATE_FEATURES_REDIS_URL", "ESTATE_FEATURES_REGISTRY_URL"])
def test_a_missing_setting_is_named(settings_env, monkeypatch, name):
    monkeypatch.setenv(name, "")
    settings.cache_clear()
    with pytest.raises(SettingError, match=name):
        store.feature_store(world.some_tenant())
