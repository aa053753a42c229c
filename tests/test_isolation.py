"""Two tenants in one database: what the catalogue promises, and what each role can reach, by any statement."""

import re
import threading
import uuid
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from estate.contracts import CONTRACTS
from estate.ddl import columns_of
from estate.settings import tenants
from tests.frames import EXPOSURE, batch, checksum, exposures, frame, insert, publish_frame, some_tenant, verdict

pytestmark = pytest.mark.servers

ROLES = ["estate_pipeline", "estate_api"]
OF_TENANTS = [name for name, promise in CONTRACTS.items() if promise.kind != "reference"]
REFERENCE = [name for name, promise in CONTRACTS.items() if promise.kind == "reference"]
PUBLISHED = [name for name, promise in CONTRACTS.items() if promise.kind == "published"]
WRITTEN = [name for name in OF_TENANTS if name != "platform.tenant"]


def table(name):
    return sql.Identifier(*name.split("."))


@pytest.fixture
def ask(database):
    """Ask the catalogue, as a superuser."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        yield lambda statement, *parameters: connection.execute(statement, parameters).fetchall()


@pytest.fixture(scope="module")
def pair(database):
    """Two tenants, each with one row in every table; the second's rows are the first's to be kept from."""
    own, foreign = some_tenant("own"), some_tenant("foreign")
    for tenant in (own, foreign):
        work = batch(tenant)
        with as_tenant(database.superuser_url, tenant) as connection:
            for number, name in enumerate(OF_TENANTS, start=1):
                row = sample(name, tenant, number)
                if name in PUBLISHED:
                    judged = verdict(connection, work, name, SimpleNamespace(num_rows=1), judged_sha256="x")
                    entry = {
                        "publication_id": number,
                        "table_name": name,
                        "batch_id": work.batch_id,
                        "input_sha256": "x",
                        "verdict_id": judged,
                    }
                    insert(connection, "provenance.publication", sample("provenance.publication", tenant, number) | entry)
                    row |= {"publication_id": number, "published_at": "2026-01-01T00:00:00Z"}
                insert(connection, name, row if name != "provenance.publication" else row | {"publication_id": 999})
    return SimpleNamespace(own=own, foreign=foreign)


def sample(name, tenant, number):
    """A whole row of the table; its texts carry the tenant's name."""
    (row,) = frame(name, tenant, [{}]).to_dict("records")
    texts = {c.name: f"of {tenant.slug} {number}" for c in CONTRACTS[name].columns if c.sql_type == "text"}
    # Keys of our own, so that a duplicate key never stands in for a policy.
    keys = {c.name: uuid.uuid4() for c in CONTRACTS[name].columns if c.sql_type == "uuid" and c.name != "tenant_id"}
    return row | texts | keys


def as_tenant(url, tenant):
    """A connection with the tenant set for the session."""
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("SELECT set_config('app.tenant_id', %s, false)", (str(tenant.tenant_id),))
    return connection


def url_of(database, role):
    return {"estate_pipeline": database.pipeline_url, "estate_api": database.api_url, "estate_owner": database.owner_url}[role]


# The catalogue


def test_the_tables_are_those_of_the_contracts(ask):
    found = ask(
        "SELECT schemaname || '.' || tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'public') ORDER BY 1"
    )
    assert [name for (name,) in found] == sorted(CONTRACTS)
    assert ask("SELECT viewname FROM pg_views WHERE schemaname = ANY(%s)", sorted({name.split(".")[0] for name in CONTRACTS})) == []
    assert ask("SELECT matviewname FROM pg_matviews") == []


@pytest.mark.parametrize("name", CONTRACTS)
def test_columns_types_nulls_and_comments_are_those_of_the_contract(ask, name):
    found = ask(
        "SELECT attname, replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz'), NOT attnotnull,"
        " col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        name,
    )
    said = [(c.name, c.sql_type, c.nullable, f"{c.meaning} [{c.unit}]" if c.unit else c.meaning) for c in columns_of(CONTRACTS[name])]
    assert found == said
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
    assert re.fullmatch(r"\(tenant_id = \( SELECT \(NULLIF\(current_setting\('app\.tenant_id'.*, true\), ''.*\)\)::uuid AS \w+\)\)", using)
    assert ask("SELECT attnotnull FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'tenant_id'", name) == [(True,)]


@pytest.mark.parametrize("name", OF_TENANTS)
def test_every_key_and_index_of_a_tenant_s_table_leads_with_the_tenant(ask, name):
    found = ask(
        "SELECT indexrelid::regclass::text, (SELECT attname FROM pg_attribute WHERE attrelid = indrelid AND attnum = indkey[0]), indisprimary"
        " FROM pg_index WHERE indrelid = %s::regclass",
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
    found = ask("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'require_passed_gate' AND tgenabled = 'O' ORDER BY 1")
    assert [name for (name,) in found] == sorted(PUBLISHED)


# Roles


@pytest.mark.parametrize("role", [*ROLES, "estate_owner", "airflow"])
def test_no_role_of_ours_is_above_row_level_security(ask, role):
    assert ask("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = %s", role) == [
        (False, False, False, False, False)
    ]
    assert ask("SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole", role) == []


@pytest.mark.parametrize("role", ROLES)
def test_pipeline_and_api_own_nothing_and_create_nothing(ask, role):
    assert ask("SELECT oid::regclass FROM pg_class WHERE relowner = %s::regrole AND relpersistence <> 't'", role) == []
    assert ask("SELECT oid::regproc FROM pg_proc WHERE proowner = %s::regrole", role) == []
    schemas = [*sorted({name.split(".")[0] for name in CONTRACTS}), "public"]
    assert ask("SELECT s FROM unnest(%s::text[]) s WHERE has_schema_privilege(%s, s, 'CREATE')", schemas, role) == []
    assert ask("SELECT has_database_privilege(%s, current_database(), 'CREATE')", role) == [(False,)]
    assert ask("SELECT has_database_privilege(%s, current_database(), 'TEMPORARY')", role) == [(role == "estate_pipeline",)]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", CONTRACTS)
def test_grants_are_the_least_that_work(ask, role, name):
    granted = {
        privilege
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
        if ask("SELECT has_table_privilege(%s, %s, %s)", role, name, privilege) == [(True,)]
    }
    writes = role == "estate_pipeline" and name != "platform.tenant"
    assert granted == ({"SELECT", "INSERT"} if writes else {"SELECT"})
    updatable = {
        column for (column,) in ask(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND has_column_privilege(%s, attrelid, attnum, 'UPDATE')",
            name, role,
        )
    }  # fmt: skip
    allowed = {name: {"superseded_at"} for name in PUBLISHED} | {
        "provenance.quarantine": {"resolved_at"},
        "provenance.publication": {"rows_published", "rows_closed", "rows_unchanged"},
        "reference.hazard_layer": {"is_current"},
    }
    assert updatable == (allowed.get(name, set()) if role == "estate_pipeline" else set())


def test_nobody_is_served_by_a_function_that_runs_as_its_owner(ask):
    assert (
        ask(
            "SELECT p.oid::regprocedure FROM pg_proc p LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'"
            " WHERE prosecdef AND d.objid IS NULL AND pronamespace <> 'pg_catalog'::regnamespace"
        )
        == []
    )
    definers = ask(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace <> 'pg_catalog'::regnamespace"
        " AND has_function_privilege('estate_api', oid, 'EXECUTE') ORDER BY 1"
    )
    # PostGIS brings one, which estimates the extent of a column and reads statistics only of tables that its caller may read.
    assert {name for (name,) in definers} <= {"st_estimatedextent"}


def test_our_functions_fix_their_search_path(ask):
    found = ask(
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = ANY(%s::regnamespace[])", sorted({n.split(".")[0] for n in CONTRACTS})
    )
    assert [name for name, _ in found] == ["require_passed_gate"]
    assert all(any(setting.startswith("search_path=") for setting in config or []) for _, config in found)


# Two tenants, every table, every statement


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", OF_TENANTS)
def test_select_and_copy_see_the_tenant_s_own_rows_only(database, pair, role, name):
    with as_tenant(url_of(database, role), pair.own) as connection:
        statement = sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(table(name))
        assert connection.execute(statement).fetchall() == [(pair.own.tenant_id,)]
        with connection.cursor().copy(sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(table(name))) as copy:
            text = b"".join(copy).decode()
        with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(table(name))) as copy:
            assert b"".join(copy).decode() == text
        assert str(pair.own.tenant_id) in text
        assert str(pair.foreign.tenant_id) not in text
        assert "of foreign" not in text


def writes(name, tenant):
    """Each way of writing a row of `tenant`, or to its rows, with its parameters."""
    row = sample(name, tenant, 1)
    if name in PUBLISHED:
        row |= {"publication_id": 1, "published_at": "2026-01-01T00:00:00Z"}
    row = {column: (str(value) if isinstance(value, uuid.UUID) else value) for column, value in row.items()}
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    values = sql.SQL(", ").join(map(sql.Placeholder, row))
    into = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(table(name), columns, values)
    key = sql.SQL(", ").join(map(sql.Identifier, (*CONTRACTS[name].key, *(["superseded_at"] if name in PUBLISHED else []))))
    yield "INSERT", into, row
    yield "ON CONFLICT DO NOTHING", into + sql.SQL(" ON CONFLICT DO NOTHING"), row
    yield "ON CONFLICT UPDATE", into + sql.SQL(" ON CONFLICT ({}) DO UPDATE SET tenant_id = excluded.tenant_id").format(key), row
    yield (
        "MERGE",
        sql.SQL("MERGE INTO {} AS t USING (SELECT {}::uuid AS id) AS s ON false WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})").format(
            table(name), sql.Placeholder("tenant_id"), columns, values
        ),
        row,
    )
    yield "COPY", None, row


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", WRITTEN)
def test_no_way_of_inserting_brings_a_row_to_another_tenant(database, pair, role, name):
    before = checksum(database.superuser_url, name)
    for how, statement, row in writes(name, pair.foreign):
        with as_tenant(url_of(database, role), pair.own) as connection, pytest.raises(psycopg.Error) as error:
            if statement is None:
                with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table(name))) as copy:
                    copy.write_row(list(row.values()))
            else:
                connection.execute(statement, row)
        said = ("permission denied", "row-level security", "COPY FROM not supported")
        assert any(reason in str(error.value) for reason in said), (how, str(error.value))
    assert checksum(database.superuser_url, name) == before


@pytest.mark.parametrize("role", [*ROLES, "estate_owner"])
@pytest.mark.parametrize("name", OF_TENANTS)
def test_update_delete_and_merge_never_touch_another_tenant_s_rows(database, pair, role, name):
    """The owner may do all of it, and row-level security, being forced, holds it too."""
    before = checksum(database.superuser_url, name)
    first = CONTRACTS[name].columns[-1].name
    aimed = {"target": table(name), "column": sql.Identifier(first)}
    for text in (
        "UPDATE {target} SET {column} = {column} WHERE tenant_id = %(foreign)s",
        "DELETE FROM {target} WHERE tenant_id = %(foreign)s",
        "MERGE INTO {target} AS t USING (SELECT %(foreign)s::uuid AS id) AS s ON t.tenant_id = s.id WHEN MATCHED THEN DELETE",
        "MERGE INTO {target} AS t USING (SELECT %(foreign)s::uuid AS id) AS s ON t.tenant_id = s.id"
        " WHEN MATCHED THEN UPDATE SET {column} = t.{column}",
    ):
        with as_tenant(url_of(database, role), pair.own) as connection:
            try:
                touched = connection.execute(sql.SQL(text).format(**aimed), {"foreign": pair.foreign.tenant_id}).rowcount
            except psycopg.errors.InsufficientPrivilege:
                assert role != "estate_owner"
            else:
                assert touched == 0, text
    assert checksum(database.superuser_url, name) == before


@pytest.mark.parametrize("name", OF_TENANTS)
def test_a_row_cannot_be_given_to_another_tenant(database, pair, name):
    with (
        as_tenant(database.owner_url, pair.own) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
    ):
        connection.execute(sql.SQL("UPDATE {} SET tenant_id = %s").format(table(name)), (pair.foreign.tenant_id,))
