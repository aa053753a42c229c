"""What the catalogue promises about isolation: row-level security, keys, grants, roles; and that it is what the contracts say."""

import re

import psycopg
import pytest

from estate.contracts import CONTRACTS, TABLES
from estate.ddl import columns_of

pytestmark = pytest.mark.servers

ROLES = ["estate_pipeline", "estate_api"]
OF_TENANTS = [name for name in TABLES if CONTRACTS[name].kind != "reference"]
REFERENCE = [name for name, promise in CONTRACTS.items() if promise.kind == "reference"]
PUBLISHED = [name for name, promise in CONTRACTS.items() if promise.kind == "published"]
# Whatever else: the pipeline reads and appends, the API reads.
GRANTS = {
    ("estate_pipeline", "platform.tenant"): {"SELECT"},
    # Keys are the owner's; the API asks a function for one. Of the audit the pipeline can only have a function delete what is old.
    ("estate_pipeline", "platform.api_key"): set(),
    ("estate_api", "platform.api_key"): set(),
    ("estate_pipeline", "platform.audit"): set(),
    ("estate_api", "platform.audit"): {"SELECT", "INSERT"},
}
SCHEMAS = sorted({name.split(".")[0] for name in CONTRACTS})


@pytest.fixture
def ask(database):
    """Ask the catalogue, as a superuser."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        yield lambda statement, *parameters: connection.execute(statement, parameters).fetchall()


# The catalogue


def test_the_tables_are_those_of_the_contracts(ask):
    found = ask(
        "SELECT schemaname || '.' || tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'public', 'registry') ORDER BY 1"
    )
    assert [name for (name,) in found] == sorted(TABLES)
    assert ask("SELECT viewname FROM pg_views WHERE schemaname = ANY(%s)", SCHEMAS) == []
    assert ask("SELECT matviewname FROM pg_matviews") == []


@pytest.mark.parametrize("name", TABLES)
def test_columns_types_nulls_and_comments_are_those_of_the_contract(ask, name):
    found = ask(
        "SELECT attname, replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz'), NOT attnotnull,"
        " col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        name,
    )
    said = [(c.name, c.sql_type, c.nullable, f"{c.meaning} [{c.unit}]" if c.unit else c.meaning) for c in columns_of(CONTRACTS[name])]
    # A column that was added later stands behind those of the warehouse: their order means nothing, every statement names its columns.
    assert sorted(found) == sorted(said)
    assert ask("SELECT obj_description(%s::regclass)", name) == [(CONTRACTS[name].grain,)]


@pytest.mark.parametrize("name", OF_TENANTS)
def test_a_tenant_s_table_forces_row_level_security_with_one_policy_for_all(ask, name):
    assert ask("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", name) == [(True, True)]
    ((command, permissive, roles, using, check),) = ask(
        "SELECT cmd, permissive, roles::text, qual, with_check FROM pg_policies WHERE schemaname || '.' || tablename = %s", name
    )
    assert (command, permissive, roles) == ("ALL", "PERMISSIVE", "{public}")
    assert using == check
    # A scalar sub-select is evaluated once a query; a bare call would be evaluated once a row.
    assert re.fullmatch(
        r"""\(tenant_id = \( SELECT \(NULLIF\(current_setting\('app\.tenant_id'.*, true\), ''.*\)\)::uuid AS "?\w+"?\)\)""", using
    )
    assert ask("SELECT attnotnull FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'tenant_id'", name) == [(True,)]


@pytest.mark.parametrize("name", OF_TENANTS)
def test_every_key_and_index_of_a_tenant_s_table_leads_with_the_tenant(ask, name):
    found = ask(
        "SELECT indexrelid::regclass::text, attname, indisprimary FROM pg_index"
        " JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE indrelid = %s::regclass",
        name,
    )
    assert any(is_primary for _, _, is_primary in found)
    assert {first for _, first, _ in found} == {"tenant_id"}
    # Foreign keys look past row-level security, and would tell whether another tenant's row exists.
    assert ask("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'", name) == []


def test_reference_tables_hold_no_tenant(ask):
    assert {"reference"} == {name.split(".")[0] for name in REFERENCE}
    assert ask("SELECT 1 FROM pg_attribute WHERE attname = 'tenant_id' AND attrelid = ANY(%s::regclass[])", REFERENCE) == []


def test_every_published_table_has_the_gate_s_trigger(ask):
    found = ask(
        "SELECT nspname || '.' || relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE tgname = 'require_passed_gate' AND tgenabled = 'O' ORDER BY 1"
    )
    assert [name for (name,) in found] == sorted(PUBLISHED)


# Roles


@pytest.mark.parametrize("role", [*ROLES, "estate_owner", "estate_registry", "airflow"])
def test_no_role_of_ours_is_above_row_level_security(ask, role):
    assert ask("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = %s", role) == [
        (False, False, False, False, False)
    ]
    assert ask("SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole", role) == []


@pytest.mark.parametrize("role", ROLES)
def test_pipeline_and_api_own_nothing_and_create_nothing(ask, role):
    assert ask("SELECT oid::regclass FROM pg_class WHERE relowner = %s::regrole AND relpersistence <> 't'", role) == []
    assert ask("SELECT oid::regproc FROM pg_proc WHERE proowner = %s::regrole", role) == []
    schemas = [*SCHEMAS, "public"]
    assert ask("SELECT s FROM unnest(%s::text[]) s WHERE has_schema_privilege(%s, s, 'CREATE')", schemas, role) == []
    assert ask("SELECT has_database_privilege(%s, current_database(), 'CREATE')", role) == [(False,)]
    assert ask("SELECT has_database_privilege(%s, current_database(), 'TEMPORARY')", role) == [(role == "estate_pipeline",)]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", TABLES)
def test_grants_are_the_least_that_work(ask, role, name):
    granted = {
        privilege
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
        if ask("SELECT has_table_privilege(%s, %s, %s)", role, name, privilege) == [(True,)]
    }
    assert granted == GRANTS.get((role, name), {"SELECT", "INSERT"} if role == "estate_pipeline" else {"SELECT"})
    columns = ask(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND has_column_privilege(%s, attrelid, attnum, 'UPDATE')",
        name,
        role,
    )
    updatable = {column for (column,) in columns}
    allowed = {name: {"superseded_at"} for name in PUBLISHED} | {
        "provenance.quarantine": {"resolved_at"},
        "provenance.publication": {"rows_published", "rows_closed", "rows_unchanged"},
        "reference.hazard_layer": {"is_current"},
    }
    assert updatable == (allowed.get(name, set()) if role == "estate_pipeline" else set())


def test_three_functions_run_as_their_owner_each_for_one_role(ask):
    found = ask(
        "SELECT p.oid::regprocedure::text, has_function_privilege('estate_pipeline', p.oid, 'EXECUTE'),"
        " has_function_privilege('estate_api', p.oid, 'EXECUTE'), p.proacl::text LIKE '%%{=X%%'"
        " FROM pg_proc p LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'"
        " WHERE prosecdef AND d.objid IS NULL AND pronamespace <> 'pg_catalog'::regnamespace"
        " ORDER BY 1"
    )
    assert found == [
        ("platform.api_key_named(text)", False, True, False),
        ("platform.expire_audit()", True, False, False),
        ("platform.refresh_statistics(text)", True, False, False),
    ]
    definers = ask(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace <> 'pg_catalog'::regnamespace"
        " AND has_function_privilege('estate_api', oid, 'EXECUTE') ORDER BY 1"
    )
    # PostGIS brings one, which estimates the extent of a column and reads statistics only of tables that its caller may read.
    assert {name for (name,) in definers} <= {"api_key_named", "st_estimatedextent"}


def test_our_functions_fix_their_search_path(ask):
    found = ask("SELECT proname, proconfig FROM pg_proc WHERE pronamespace = ANY(%s::regnamespace[])", SCHEMAS)
    assert {name for name, _ in found} == {
        "require_passed_gate",
        "refresh_statistics",
        "api_key_named",
        "expire_audit",
        "tell_version",
    }
    assert all(any(setting.startswith("search_path=") for setting in config or []) for _, config in found)
