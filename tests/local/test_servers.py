"""The servers of one machine: started, found ready, stopped without a trace."""

from __future__ import annotations

import os
import signal
import stat
import subprocess

import psycopg
import pytest
from rich.console import Console

from estate.settings import Settings
from local import servers as machines
from local import supervision
from local.environment import database_url
from local.layout import ANY_PORTS, Layout, layout
from local.programs import stores
from local.progress import Progress
from tests.servers import Database, Servers

pytestmark = pytest.mark.servers


@pytest.fixture
def quiet() -> Progress:
    return Progress(Console(quiet=True))


def test_no_role_but_the_superuser_passes_row_level_security(database: Database) -> None:
    with psycopg.connect(database.superuser_url) as connection:
        rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolsuper OR rolbypassrls").fetchall()
    assert rows == [("postgres",)]


def test_a_wrong_password_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database.pipeline_url.replace("estate_pipeline:", "estate_pipeline:x"))


def test_the_api_role_makes_no_temporary_table_and_sees_no_other_database(database: Database) -> None:
    with psycopg.connect(database.api_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TEMPORARY TABLE own (id integer)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(database.api_url.replace(database.name, "airflow"))


def test_the_migrated_database_knows_the_tenants(settings_env: Settings, database: Database) -> None:
    with psycopg.connect(settings_env.database_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', '6f1c1f0e-6c0f-5b57-9b7e-0d6d6c5a1a01', true)")
        assert connection.execute("SELECT tenant_slug FROM platform.tenant").fetchall() == [("lakeside",)]


def test_an_object_comes_back_as_it_was_put(servers: Servers, s3_bucket: str) -> None:
    client = servers.s3()
    client.put_object(Bucket=s3_bucket, Key="a/b.bin", Body=b"\x00\xff" * 1000)
    assert client.get_object(Bucket=s3_bucket, Key="a/b.bin")["Body"].read() == b"\x00\xff" * 1000
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket=s3_bucket)["Contents"]] == ["a/b.bin"]


def test_secrets_are_readable_by_their_owner_only(servers: Servers) -> None:
    for name in ("secrets.env", "supervisord.conf", "redis/redis.conf"):
        assert stat.S_IMODE((servers.machine.folder / name).stat().st_mode) == 0o600, name


def test_no_secret_stands_in_a_command_line(servers: Servers) -> None:
    lines = [" ".join(process.cmdline()) for process in supervision.processes(servers.machine)]
    assert len(lines) >= 4
    assert not [line for line in lines for secret in servers.machine.secrets.values() if secret in line]


def test_a_killed_process_manager_leaves_nothing_that_a_stop_does_not_find(
    tmp_path_factory: pytest.TempPathFactory, quiet: Progress
) -> None:
    machine = machines.start_stores(layout(tmp_path_factory.mktemp("machine"), ANY_PORTS), quiet)
    try:
        os.kill(int((machine.folder / "supervisord.pid").read_text()), signal.SIGKILL)
        left = supervision.processes(machine)
        assert {"postgres", "redis-server", "rclone"} <= {process.name() for process in left}
        supervision.halt(machine)
        assert not supervision.processes(machine)
        assert not any(supervision.is_alive(process) for process in left)
    finally:
        machines.clean(machine, quiet)


def test_what_was_written_is_there_after_a_stop_and_a_start(tmp_path_factory: pytest.TempPathFactory, quiet: Progress) -> None:
    machine = machines.start_stores(layout(tmp_path_factory.mktemp("machine"), ANY_PORTS), quiet)
    try:
        with psycopg.connect(database_url(machine, "postgres", "postgres")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        machines.down(machine, quiet)
        again = machines.start_stores(layout(machine.folder), quiet)
        assert (again.ports, again.secrets) == (machine.ports, machine.secrets)
        with psycopg.connect(database_url(again, "postgres", "postgres")) as connection:
            assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]
    finally:
        machines.clean(machine, quiet)
    assert not machine.folder.exists()


def test_the_server_does_not_run_as_root(servers: Servers) -> None:
    names = {process.username() for process in supervision.processes(servers.machine) if process.name() == "postgres"}
    assert names
    assert "root" not in names


def test_bootstrap_script_is_portable_shell() -> None:
    assert subprocess.run(["dash", "-n", "local/bootstrap.sh"], check=False).returncode == 0


def test_a_stranger_at_the_port_is_not_taken_for_our_server(
    tmp_path_factory: pytest.TempPathFactory, servers: Servers, quiet: Progress
) -> None:
    machine = layout(tmp_path_factory.mktemp("machine"), ANY_PORTS)
    beside = Layout(machine.folder, {**machine.ports, "s3": servers.machine.ports["s3"]}, machine.secrets)
    (theirs,) = [program for program in stores(beside) if program.name == "s3"]
    assert theirs.is_ready()
    supervision.launch(beside, [theirs])
    try:
        with pytest.raises(supervision.StartFailed, match="address already in use"):
            supervision.start(beside, theirs, seconds=30)
    finally:
        machines.clean(machine, quiet)
