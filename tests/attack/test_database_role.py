"""The role of the API in the database: what somebody could do who had taken over the process."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from issuer import HARBORVIEW, LAKESIDE
from psycopg import sql

from estate.contracts import CONTRACTS, TABLES
from estate.contracts.platform import NO_TENANT
from tests.attack.ground import CANARY, TENANT_TABLES, Ground, table
from tests.attack.report import Attack, Held, attacks, one
from tests.frames import checksum

pytestmark = pytest.mark.servers


def connected(ground: Ground, tenant_id: uuid.UUID | None = HARBORVIEW) -> psycopg.Connection[Any]:
    """A connection as the API's role, with a tenant set."""
    connection = psycopg.connect(ground.database.api_url, autocommit=True)
    connection.execute("SELECT set_config('app.tenant_id', %s, false)", (str(tenant_id) if tenant_id else "",))
    return connection


def execute(connection: psycopg.Connection[Any], statement: sql.Composed) -> None:
    if b"STDIN" not in statement.as_bytes(connection):
        connection.execute(statement)
        return
    with connection.cursor().copy(statement):
        pass


def first(name: str) -> sql.Identifier:
    return sql.Identifier(CONTRACTS[name].columns[-1].name)


WRITES = {
    "update": ("UPDATE of every row of every table", "UPDATE {t} SET {c} = {c}"),
    "delete": ("DELETE of every row of every table", "DELETE FROM {t}"),
    "truncate": ("TRUNCATE of every table", "TRUNCATE {t} CASCADE"),
    "insert": ("INSERT into every table but the audit", "INSERT INTO {t} SELECT * FROM {t}"),
    "upsert": ("INSERT … ON CONFLICT DO UPDATE of every table", "INSERT INTO {t} SELECT * FROM {t} ON CONFLICT DO NOTHING"),
    "copy": ("COPY into every table", "COPY {t} FROM STDIN"),
    "merge": ("MERGE that deletes, on every table", "MERGE INTO {t} USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE"),
    "lock": ("LOCK of every table against everybody", "LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE"),
    "select-for-update": ("SELECT … FOR UPDATE, which holds up the pipeline", "SELECT 1 FROM {t} FOR UPDATE"),
    "alter": ("row-level security taken off every table", "ALTER TABLE {t} DISABLE ROW LEVEL SECURITY"),
    "policy": ("a policy that lets everything through, on every table", "CREATE POLICY open ON {t} USING (true)"),
    "trigger": ("a trigger on every table", "CREATE TRIGGER x BEFORE INSERT ON {t} EXECUTE FUNCTION public.x()"),
    "grant": ("GRANT of every table to everybody", "GRANT ALL ON {t} TO PUBLIC"),
    "drop": ("DROP of every table", "DROP TABLE {t} CASCADE"),
    "rename": ("another owner for every table", "ALTER TABLE {t} OWNER TO estate_api"),
    "rule": ("a rule that writes elsewhere, on every table", "CREATE RULE x AS ON SELECT TO {t} DO INSTEAD SELECT 1"),
    "statistics": ("statistics of every table, which show values", "CREATE STATISTICS x ON tableoid, ctid FROM {t}"),
}  # fmt: skip


@attacks(
    "D",
    *(Attack(f"d-{name}", f"as the API's role: {said}", "refused, and no table differs", text) for name, (said, text) in WRITES.items()),
)
def test_the_api_s_role_changes_no_table(ground: Ground, attack: Attack, held: Held) -> None:
    ground.refusals()
    granted = "SELECT oid::regclass::text, relacl::text FROM pg_class WHERE relkind = 'r' ORDER BY 1"
    before = {name: checksum(ground.database.superuser_url, name) for name in TABLES}, ground.rows(granted)
    with connected(ground) as connection:
        for name in TABLES:
            if name == "platform.audit" and attack.name in {"d-insert", "d-upsert", "d-copy"}:
                continue  # the one place into which it may write; see below
            statement = sql.SQL(attack.payload).format(t=table(name), c=first(name))
            if attack.name == "d-grant":
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)  # PostgreSQL only warns that nothing was granted where something may be read
                continue
            with pytest.raises(psycopg.Error) as refused, connection.transaction():
                execute(connection, statement)
            assert isinstance(refused.value, psycopg.errors.InsufficientPrivilege | psycopg.errors.FeatureNotSupported), (
                name,
                refused.value,
            )
    assert ({name: checksum(ground.database.superuser_url, name) for name in TABLES}, ground.rows(granted)) == before
    held("refused")


SESSIONS: dict[str, tuple[str, str]] = {
    "set-role": ("SET ROLE to the owner", "SET ROLE estate_owner"),
    "session-authorization": ("another session authorization", "SET SESSION AUTHORIZATION postgres"),
    "replica": ("triggers and rules off by session_replication_role", "SET session_replication_role = replica"),
    "row-security": ("row-level security off by row_security", "SET row_security = off; SELECT count(*) FROM score.risk"),
    "read-file": ("a file of the server", "SELECT pg_read_file('/etc/passwd')"),
    "ls": ("a folder of the server", "SELECT pg_ls_dir('/')"),
    "program": ("a program on the server", "COPY (SELECT 1) TO PROGRAM 'id'"),
    "write-file": ("a file written on the server", "COPY (SELECT 1) TO '/tmp/x'"),
    "large-object": ("a file taken in as a large object", "SELECT lo_import('/etc/passwd')"),
    "language": ("a language that runs anything", "CREATE LANGUAGE plpython3u"),
    "extension": ("an extension that reaches other servers", "CREATE EXTENSION dblink"),
    "foreign": ("a way to other servers", "CREATE FOREIGN DATA WRAPPER x"),
    "function": ("a function that hides another", "CREATE FUNCTION public.upper(uuid) RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    "schema": ("a schema of its own", "CREATE SCHEMA evil"),
    "temporary": ("a temporary table that hides a real one", "CREATE TEMPORARY TABLE risk (x int)"),
    "terminate": ("the pipeline's connections ended", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'"),
    "reload": ("the server's settings", "ALTER SYSTEM SET log_statement = 'all'"),
    "logs": ("the server's log", "SELECT pg_current_logfile(), pg_read_binary_file('postgresql.conf')"),
    "password": ("its own role with more rights", "ALTER ROLE estate_api SUPERUSER"),
    "hash": ("the passwords of the roles", "SELECT rolpassword FROM pg_authid"),
    "keys": ("all API keys", "SELECT * FROM platform.api_key"),
    "histogram": ("the histograms of the planner", "SELECT * FROM pg_statistic"),
    "expire": ("the audit's retention, to make traces go", "SELECT platform.expire_audit()"),
    "subscribe": ("a replication slot, which sees all", "SELECT pg_create_logical_replication_slot('x', 'pgoutput')"),
}  # fmt: skip


@attacks("D", *(Attack(f"d-{name}", f"as the API's role: {said}", "refused", text) for name, (said, text) in SESSIONS.items()))
def test_the_api_s_role_reaches_nothing_else(ground: Ground, attack: Attack, held: Held) -> None:
    with connected(ground) as connection:
        *before, last = attack.payload.split("; ")
        for text in before:
            connection.execute(sql.SQL(text))
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(sql.SQL(last))
    denied = psycopg.errors.InsufficientPrivilege | psycopg.errors.UndefinedFile | psycopg.errors.FeatureNotSupported
    assert isinstance(refused.value, denied), refused.value
    held("refused")


def readings() -> Iterator[tuple[str, str]]:
    """Ways of reading a table."""
    yield "SELECT", "SELECT t::text FROM {t} AS t"
    yield "join on another's identifier", "SELECT t::text FROM {t} AS t WHERE tenant_id = %(foreign)s OR true"
    yield "sub-select", "SELECT (SELECT string_agg(t::text, '') FROM {t} AS t)"
    yield "window", "SELECT first_value(t::text) OVER () FROM {t} AS t"
    yield "sample", "SELECT t::text FROM {t} AS t TABLESAMPLE BERNOULLI (100)"


@one("D", "d-foreign-rows", "every table read in five ways, with one's own tenant set", "own rows only")
def test_reading_finds_own_rows_only(ground: Ground, attack: Attack, held: Held) -> None:
    with connected(ground) as connection:
        for name in TENANT_TABLES:
            if name == "platform.api_key":
                continue
            for how, text in readings():
                rows = connection.execute(sql.SQL(text).format(t=table(name)), {"foreign": LAKESIDE}).fetchall()
                told = "".join(str(value) for (value,) in rows)
                assert CANARY[LAKESIDE] not in told, (name, how)
                assert str(LAKESIDE) not in told, (name, how)
    held("own rows only")


@one(
    "D",
    "d-no-tenant",
    "every table read with no tenant, with an empty one, and with the nil UUID",
    "no row; of the audit, refusals of nobody",
)
def test_without_a_tenant_there_is_nothing(ground: Ground, attack: Attack, held: Held) -> None:
    for tenant_id in (None, NO_TENANT):
        with connected(ground, tenant_id) as connection:
            for name in set(TENANT_TABLES) - {"platform.api_key", "platform.audit"}:
                assert connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table(name))).fetchone() == (0,), name
    held("no row")


@attacks(
    "D",
    Attack("d-audit-foreign", "a row of the audit in the other tenant's name", "refused", LAKESIDE),
    Attack("d-audit-made-up", "a row of the audit in the name of a tenant that is not", "refused", uuid.UUID(int=7)),
)
def test_the_audit_takes_rows_of_the_own_tenant_or_of_nobody(ground: Ground, attack: Attack, held: Held) -> None:
    text = (
        "INSERT INTO platform.audit (tenant_id, audit_id, occurred_at, action, what, method, request_id)"
        " VALUES (%s, gen_random_uuid(), now(), 'refused', 'attack', 'GET', 'attack')"
    )
    with connected(ground) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(text, (attack.payload,))
        with connection.transaction(force_rollback=True):
            connection.execute(text, (HARBORVIEW,))
    with connected(ground, NO_TENANT) as connection, connection.transaction(force_rollback=True):
        connection.execute(text, (NO_TENANT,))
    held("refused")
