"""The features as they are declared: as many as the field's list has, each once, each with its sources or the reason why there are none."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from estate.contracts import CONTRACTS
from estate.features import rows
from estate.features.definitions import SERVICES, VIEWS, FeatureView, project_of
from estate.settings import ROOT, tenants

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_property_has_41_features_and_a_market_12():
    assert [len(VIEWS[f"property_{name}"].features) for name in ("physical", "financial", "location", "hazard")] == [11, 11, 11, 8]
    assert len(SERVICES["property_v1"].names) == 41
    assert len(SERVICES["market_v1"].names) == len(VIEWS["market_current"].features) == 12


@pytest.mark.parametrize(
    ("view", "days"),
    [("property_physical", 30), ("property_financial", 1), ("property_location", 90), ("property_hazard", 180), ("market_current", 7)],
)
def test_values_live_as_long_as_their_kind(view, days):
    assert VIEWS[view].ttl == timedelta(days=days)


def test_every_feature_is_declared_once():
    counts = Counter(column.name for view in VIEWS.values() for column in view.features)
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", VIEWS)
def test_a_feature_has_sources_or_a_reason_and_never_both(name):
    view = VIEWS[name]
    assert {column.name for column in view.features if not column.made_from} == set(view.absent)
    assert {column.name for column in view.features if column.made == "assigned"} == set(view.absent)
    assert all(reason.strip() for reason in view.absent.values())
    assert view.owner
    assert view.about
    assert all(column.meaning for column in view.features)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_names_features_that_there_are_and_each_once(name):
    service = SERVICES[name]
    assert len(service.names) == len(set(service.names)) > 0
    assert len({view.entity for view, _ in service.columns}) == 1


def test_the_version_of_a_service_changes_with_what_it_stands_for():
    versions = [service.version for service in SERVICES.values()]
    assert len(set(versions)) == len(versions)
    service = SERVICES["risk_v1"]
    fewer = type(service)(service.name, service.about, {name: names[:-1] for name, names in service.features.items()})
    assert fewer.version != service.version
    assert type(service)(service.name, "said otherwise", service.features).version == service.version


def test_another_computation_of_a_view_is_another_version_of_the_services_that_use_it_and_of_no_other(monkeypatch):
    before = {service.name: service.version for service in SERVICES.values()}
    read = rows.query
    monkeypatch.setattr(rows, "query", lambda name: read(name).replace("'VE'", "'AE'").replace("THEN true", "THEN false"))
    hazards = {name for name, service in SERVICES.items() if "property_hazard" in service.features}
    assert {name for name, service in SERVICES.items() if service.version != before[name]} == hazards == {"property_v1", "risk_v1"}


def test_a_part_of_the_computation_that_views_share_counts_too(monkeypatch):
    before = SERVICES["valuation_v1"].version
    read = rows.query
    monkeypatch.setattr(rows, "query", lambda name: read(name) + ("-- otherwise" if name == "features_version" else ""))
    assert SERVICES["valuation_v1"].version != before


def test_a_value_is_stale_once_its_time_to_live_is_over_and_when_its_age_is_unknown():
    view = FeatureView("property_physical", timedelta(days=30), "owner", "about")
    assert not view.is_stale(NOW - timedelta(days=30), NOW)
    assert view.is_stale(NOW - timedelta(days=30, microseconds=1), NOW)
    assert view.is_stale(None, NOW)


def test_a_view_says_which_published_tables_its_values_come_from():
    assert (VIEWS["property_hazard"].tables, VIEWS["market_current"].tables) == (("hazard.exposure",), ("features.market",))
    assert "normalize.property" in VIEWS["property_physical"].tables
    assert {CONTRACTS[table].kind for view in VIEWS.values() for table in view.tables} == {"published"}


@pytest.mark.parametrize(("name", "days", "words"), [("property_financial", 1.0, "1 day"), ("property_physical", 30.0, "30 days")])
def test_a_time_to_live_is_told_in_days(name, days, words):
    assert (VIEWS[name].ttl_days, VIEWS[name].ttl_words) == (days, words)


def test_a_feature_names_the_services_that_give_it_out():
    for view in VIEWS.values():
        for column in view.features:
            assert view.services_of(column.name) == tuple(s.name for s in SERVICES.values() if (view, column) in s.columns)
    assert VIEWS["property_hazard"].services_of("living_area_sqft") == ()


def test_every_tenant_has_a_project_of_its_own(monkeypatch):
    monkeypatch.setenv("ESTATE_DATABASE_URL", "postgresql://nowhere.invalid/x")
    projects = [project_of(tenant) for tenant in tenants().values()]
    assert len(set(projects)) == len(projects)


def test_definitions_are_read_without_any_heavy_library():
    program = (
        "import sys, estate.features.definitions; print(sorted({'pandas', 'feast', 'pyarrow', 'psycopg', 'redis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
