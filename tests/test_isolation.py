"""Two tenants in one database: what each role can reach, by any statement and in any state of its connection."""

import contextlib
import threading
import uuid
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from estate.contracts import CONTRACTS, TABLES
from estate.warehouse import Warehouse
from tests.frames import batch, checksum, frame, insert, some_tenant

pytestmark = pytest.mark.servers

ROLES = ["estate_pipeline", "estate_api"]
OF_TENANTS = [name for name, promise in TABLES.items() if promise.kind != "reference"]
REFERENCE = [name for name, promise in CONTRACTS.items() if promise.kind == "reference"]
# Only the owner reads keys; the audit is the API's.
CLOSED = {("estate_pipeline", "platform.api_key"), ("estate_api", "platform.api_key"), ("estate_pipeline", "platform.audit")}
READABLE = [(role, name) for role in ROLES for name in OF_TENANTS if (role, name) not in CLOSED]
PUBLISHED = [name for name, promise in CONTRACTS.items() if promise.kind == "published"]
REFUSALS = "permission denied|row-level security|COPY FROM not supported"


def table(name):
    return sql.Identifier(*name.split("."))


@pytest.fixture(scope="module")
def pair(database):
    """Two tenants with rows in every table; the second's are those the first must never reach."""
    own, foreign = some_tenant("own"), some_tenant("foreign")
    for tenant in (own, foreign):
        work = batch(tenant)
        # One transaction: a row enters only with the ledger row of its own.
        with as_tenant(database.superuser_url, tenant) as connection, connection.transaction():
            for number, name in enumerate(OF_TENANTS, start=1):
                row = sample(name, tenant)
                if name in PUBLISHED:
                    judged = {"table_name": name, "batch_id": work.batch_id, "verdict_id": uuid.uuid4()}
                    passed = {"is_passed": True, "judged_sha256": "x"}
                    insert(connection, "provenance.verdict", sample("provenance.verdict", tenant) | judged | passed)
                    entry = judged | {"publication_id": number, "input_sha256": "x"}
                    insert(connection, "provenance.publication", sample("provenance.publication", tenant) | entry)
                    row |= {"publication_id": number, "published_at": "2026-01-01T00:00:00Z"}
                insert(connection, name, row | ({"publication_id": 99} if name == "provenance.publication" else {}))
    return SimpleNamespace(own=own, foreign=foreign)


def sample(name, tenant):
    """A whole row of the table; its texts carry the tenant's name, and its keys are its own."""
    (row,) = frame(name, tenant, [{}]).to_dict("records")
    texts = {c.name: f"of {tenant.slug}" for c in CONTRACTS[name].columns if c.sql_type == "text"}
    keys = {c.name: str(uuid.uuid4()) for c in CONTRACTS[name].columns if c.sql_type == "uuid" and c.name != "tenant_id"}
    return row | texts | keys


def as_tenant(url, tenant):
    """A connection with the tenant set for the session."""
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("SELECT set_config('app.tenant_id', %s, false)", (str(tenant.tenant_id),))
    return connection


def url_of(database, role):
    return getattr(database, role.replace("estate_", "") + "_url")


# Every table, every statement


@pytest.mark.parametrize(("role", "name"), sorted(CLOSED))
def test_a_closed_table_gives_no_row_at_all(database, pair, role, name):
    with as_tenant(url_of(database, role), pair.own) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(sql.SQL("SELECT 1 FROM {}").format(table(name)))


@pytest.mark.parametrize(("role", "name"), READABLE)
def test_select_and_copy_see_the_tenant_s_own_rows_only(database, pair, role, name):
    with as_tenant(url_of(database, role), pair.own) as connection:
        found = connection.execute(sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(table(name))).fetchall()
        assert found == [(pair.own.tenant_id,)]
        for text in ("COPY (SELECT * FROM {}) TO STDOUT", "COPY {} TO STDOUT"):
            with connection.cursor().copy(sql.SQL(text).format(table(name))) as copy:
                copied = b"".join(copy).decode()
            assert str(pair.own.tenant_id) in copied
            assert str(pair.foreign.tenant_id) not in copied
            assert "of foreign" not in copied


def writes(name, tenant):
    """Each way of writing a row of `tenant`."""
    row = sample(name, tenant) | ({"publication_id": 1, "published_at": "2026-01-01T00:00:00Z"} if name in PUBLISHED else {})
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    values = sql.SQL(", ").join(map(sql.Placeholder, row))
    key = sql.SQL(", ").join(map(sql.Identifier, (*CONTRACTS[name].key, *(["superseded_at"] if name in PUBLISHED else []))))
    into = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(table(name), columns, values)
    merge = "MERGE INTO {} AS t USING (SELECT 1) AS s ON false WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})"
    yield "INSERT", into, row
    yield "ON CONFLICT DO NOTHING", into + sql.SQL(" ON CONFLICT DO NOTHING"), row
    yield "ON CONFLICT DO UPDATE", into + sql.SQL(" ON CONFLICT ({}) DO UPDATE SET tenant_id = excluded.tenant_id").format(key), row
    yield "MERGE", sql.SQL(merge).format(table(name), columns, values), row
    yield "COPY", sql.SQL("COPY {} ({}) FROM STDIN").format(table(name), columns), row


def write(connection, how, statement, row):
    if how != "COPY":
        connection.execute(statement, row)
        return
    with connection.cursor().copy(statement) as copy:
        copy.write_row(list(row.values()))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", OF_TENANTS)
def test_no_way_of_inserting_brings_a_row_to_another_tenant(database, pair, role, name):
    before = checksum(database.superuser_url, name)
    for way in writes(name, pair.foreign):
        with as_tenant(url_of(database, role), pair.own) as connection, pytest.raises(psycopg.Error, match=REFUSALS):
            write(connection, *way)
    assert checksum(database.superuser_url, name) == before


@pytest.mark.parametrize("role", [*ROLES, "estate_owner"])
@pytest.mark.parametrize("name", OF_TENANTS)
def test_update_delete_and_merge_never_touch_another_tenant_s_rows(database, pair, role, name):
    """The owner may do all of it, and row-level security, being forced, holds it too."""
    before = checksum(database.superuser_url, name)
    aimed = {"target": table(name), "column": sql.Identifier(CONTRACTS[name].columns[-1].name)}
    source = "(SELECT %(foreign)s::uuid AS id) AS s ON t.tenant_id = s.id"
    for text in (
        "UPDATE {target} SET {column} = {column} WHERE tenant_id = %(foreign)s",
        "DELETE FROM {target} WHERE tenant_id = %(foreign)s",
        f"MERGE INTO {{target}} AS t USING {source} WHEN MATCHED THEN DELETE",
        f"MERGE INTO {{target}} AS t USING {source} WHEN MATCHED THEN UPDATE SET {{column}} = t.{{column}}",
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
def test_not_even_the_owner_can_give_a_row_to_another_tenant(database, pair, name):
    with as_tenant(database.owner_url, pair.own) as connection, pytest.raises(psycopg.Error, match="row-level security"):
        connection.execute(sql.SQL("UPDATE {} SET tenant_id = %s").format(table(name)), (pair.foreign.tenant_id,))


def test_the_same_identifier_under_two_tenants_is_two_rows(database, pair):
    """No error, and no silence, tells that another tenant's row exists."""
    with as_tenant(database.superuser_url, pair.foreign) as connection:
        asked = "SELECT quarantine_id FROM provenance.quarantine WHERE tenant_id = %s"
        (taken,) = connection.execute(asked, (pair.foreign.tenant_id,)).fetchone()
    with as_tenant(database.pipeline_url, pair.own) as connection, connection.transaction(force_rollback=True):
        insert(connection, "provenance.quarantine", sample("provenance.quarantine", pair.own) | {"quarantine_id": taken})


@pytest.mark.parametrize("name", REFERENCE)
def test_the_api_reads_reference_tables_and_writes_none(database, pair, name):
    with as_tenant(database.api_url, pair.own) as connection:
        connection.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(table(name)))
        column = sql.Identifier(CONTRACTS[name].key[0])
        for text in ("INSERT INTO {t} DEFAULT VALUES", "UPDATE {t} SET {c} = {c}", "DELETE FROM {t}", "TRUNCATE {t}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL(text).format(t=table(name), c=column))


@pytest.mark.parametrize("name", PUBLISHED)
def test_of_a_published_row_the_pipeline_can_change_only_its_end(database, pair, name):
    before = checksum(database.superuser_url, name)
    with as_tenant(database.pipeline_url, pair.own) as connection:
        for column in (*CONTRACTS[name].column_names, "publication_id", "published_at"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("UPDATE {t} SET {c} = {c}").format(t=table(name), c=sql.Identifier(column)))
        with connection.transaction(force_rollback=True):
            assert connection.execute(sql.SQL("UPDATE {} SET superseded_at = now()").format(table(name))).rowcount == 1
    assert checksum(database.superuser_url, name) == before


# What the setting may be


def seen(connection):
    return connection.execute("SELECT count(*) FROM hazard.exposure").fetchone()[0]


@pytest.mark.parametrize("role", ROLES)
def test_without_a_tenant_nothing_is_seen(database, pair, role):
    with psycopg.connect(url_of(database, role), autocommit=True) as connection:
        assert seen(connection) == 0
        connection.execute("SELECT set_config('app.tenant_id', '', false)")
        assert seen(connection) == 0
        # Outside a transaction there is nothing to be local to: a warning, and no tenant.
        connection.execute(sql.SQL("SET LOCAL app.tenant_id = {}").format(sql.Literal(str(pair.own.tenant_id))))
        assert seen(connection) == 0


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("garbage", ["x", "' OR true --", "00000000", "*", " "])
def test_garbage_for_a_tenant_is_an_error(database, pair, role, garbage):
    with psycopg.connect(url_of(database, role), autocommit=True) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, false)", (garbage,))
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            seen(connection)


def test_the_tenant_ends_with_its_transaction_however_it_ends(database, pair):
    with Warehouse(pair.own, database.pipeline_url) as warehouse:
        with warehouse.transaction() as connection:
            assert seen(connection) == 1
        assert seen(connection) == 0
        with pytest.raises(ZeroDivisionError), warehouse.transaction():
            raise ZeroDivisionError
        assert seen(connection) == 0
        with warehouse.transaction(), connection.transaction(force_rollback=True):
            connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(pair.foreign.tenant_id),))
        assert seen(connection) == 0
        with pytest.raises(psycopg.errors.DivisionByZero), warehouse.transaction():
            connection.execute("SELECT 1 / 0")
        assert seen(connection) == 0


def test_threads_of_two_tenants_on_one_pool_see_their_own_tenant_only(database, pair):
    """Two hundred threads on four connections; every third ends in an error."""
    wrong, done = [], []

    def work(tenant, number):
        with contextlib.suppress(ZeroDivisionError), pool.connection(timeout=60) as connection:
            if seen(connection) != 0:
                wrong.append("seen before the transaction")
            with connection.transaction():
                connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant.tenant_id),))
                found = connection.execute("SELECT DISTINCT tenant_id FROM hazard.exposure, pg_sleep(0.001)").fetchall()
                wrong.extend(row for row in found if row != (tenant.tenant_id,))
                done.append(len(found))
                if number % 3 == 0:
                    raise ZeroDivisionError

    with ConnectionPool(database.api_url, min_size=4, max_size=4, kwargs={"autocommit": True}) as pool:
        threads = [threading.Thread(target=work, args=((pair.own, pair.foreign)[n % 2], n)) for n in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert done == [1] * 200


# What errors and statistics could tell


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "condition",
    [
        "1 / (CASE WHEN tenant_id <> %(own)s THEN 0 ELSE 1 END) = 1",
        "1 / (CASE WHEN flood_zone = 'of foreign' THEN 0 ELSE 1 END) = 1",
        "CASE WHEN flood_zone = 'of foreign' THEN flood_zone::int ELSE 1 END = 1",
    ],
)
def test_a_condition_that_raises_does_not_raise_on_another_tenant_s_rows(database, pair, role, condition):
    with as_tenant(url_of(database, role), pair.own) as connection:
        statement = sql.SQL("SELECT count(*) FROM hazard.exposure WHERE " + condition)
        assert connection.execute(statement, {"own": pair.own.tenant_id}).fetchone() == (1,)


@pytest.mark.parametrize("role", ROLES)
def test_statistics_show_nothing_of_the_rows(database, pair, role):
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    schemas = sorted({name.split(".")[0] for name in OF_TENANTS})
    with as_tenant(url_of(database, role), pair.own) as connection:
        assert connection.execute("SELECT tablename FROM pg_stats WHERE schemaname = ANY(%s)", (schemas,)).fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM pg_statistic")


def test_the_api_cannot_read_what_the_pipeline_is_asking(database, pair):
    with as_tenant(database.pipeline_url, pair.foreign) as other, as_tenant(database.api_url, pair.own) as connection:
        other.execute("SELECT 'of foreign'")
        asked = connection.execute("SELECT query FROM pg_stat_activity WHERE usename = 'estate_pipeline'").fetchall()
        assert asked
        assert not any("of foreign" in query for (query,) in asked)


@pytest.mark.parametrize("table", ["public.spatial_ref_sys", "platform.tenant", "score.absent", "score.risk; DROP TABLE score.risk", ""])
def test_the_function_that_runs_as_its_owner_touches_published_tables_only(database, table):
    with psycopg.connect(database.pipeline_url) as connection, pytest.raises(psycopg.errors.RaiseException, match="no table of a stage"):
        connection.execute("SELECT platform.refresh_statistics(%s)", (table,))
