"""Who is told what: each process gets the settings it needs, and no password beyond them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click
import pytest
from supervisor.options import ServerOptions

from estate.settings import Settings
from local import __main__ as commands
from local.environment import environment, process_environment
from local.layout import ANY_PORTS, Layout, layout
from local.programs import Program, inherited_variables, services, stores
from local.supervisord import MARK, configuration
from local.tenants import tenants


@pytest.fixture
def machine(tmp_path: Path) -> Layout:
    return layout(tmp_path, ANY_PORTS)


def test_every_platform_variable_is_a_setting(machine: Layout) -> None:
    given = {name.removeprefix("ESTATE_").lower() for name in environment(machine.folder) if name.startswith("ESTATE_")}
    assert given <= set(Settings.model_fields)
    assert set(Settings.model_fields) - given == {"nfhl_url"}  # a public service: its default is the same everywhere


def test_no_service_knows_the_owner_and_the_api_knows_only_its_own_role(machine: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESTATE_MARQUEZ_URL", raising=False)
    for program in services(machine):
        text = json.dumps(program.variables)
        assert machine.secrets["owner_password"] not in text, program.name
        assert machine.secrets["postgres_password"] not in text, program.name
        assert (machine.secrets["pipeline_password"] in text) == (program.name != "api"), program.name
        assert (machine.secrets["api_password"] in text) == (program.name == "api"), program.name
        assert (machine.secrets["airflow_database_password"] in text) == (program.name != "api"), program.name
        assert machine.secrets["redis_password"] not in text, program.name
        assert (machine.secrets["api_redis_password"] in text) == (program.name == "api"), program.name


def test_the_api_reads_features_without_feast_and_knows_neither_its_redis_nor_its_registry(machine: Layout) -> None:
    (api,) = [program for program in services(machine) if program.name == "api"]
    assert not {"ESTATE_FEATURES_REDIS_URL", "ESTATE_FEATURES_REGISTRY_URL"} & set(api.variables)
    text = json.dumps(api.variables)
    assert not [name for name in ("features_redis_password", "registry_password") if machine.secrets[name] in text]
    (scheduler,) = [program for program in services(machine) if program.name == "scheduler"]
    assert all(machine.secrets[name] in json.dumps(scheduler.variables) for name in ("features_redis_password", "registry_password"))


@pytest.mark.parametrize(("options", "slug"), [([], "lakeside"), (["--tenant", "harborview"], "harborview")])
def test_feast_in_a_shell_works_for_one_tenant(machine: Layout, monkeypatch: pytest.MonkeyPatch, options: list[str], slug: str) -> None:
    ran: list[tuple[str, tuple[str, ...], dict[str, str]]] = []
    monkeypatch.setattr(commands, "environment", lambda: environment(machine.folder))
    monkeypatch.setattr("os.execvpe", lambda *call: ran.append(call))
    commands.main(["run", *options, "--", "feast", "-c", "x", "--tenant"], standalone_mode=False)
    ((program, words, variables),) = ran
    assert (program, words) == ("feast", ("feast", "-c", "x", "--tenant"))
    assert variables["FEAST_PROJECT"] == f"estate_{slug}"
    assert variables["FEAST_TENANT_ID"] == str(tenants()[slug].tenant_id)
    assert machine.secrets["features_redis_password"] in variables["FEAST_REDIS"]
    assert variables["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_feast_is_not_offered_for_a_tenant_that_there_is_not(machine: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "environment", lambda: environment(machine.folder))
    with pytest.raises(click.BadParameter, match="no tenant elsewhere; there are lakeside, harborview"):
        commands.main(["run", "--tenant", "elsewhere", "--", "feast"], standalone_mode=False)


def test_tasks_write_lineage_to_the_file_alone_and_a_forwarder_runs_where_there_is_a_marquez(
    machine: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ESTATE_MARQUEZ_URL", raising=False)
    assert "lineage-forwarder" not in {program.name for program in services(machine)}
    alone = environment(machine.folder)["AIRFLOW__OPENLINEAGE__TRANSPORT"]
    monkeypatch.setenv("ESTATE_MARQUEZ_URL", "http://127.0.0.1:5000")
    assert environment(machine.folder)["AIRFLOW__OPENLINEAGE__TRANSPORT"] == alone
    (file,) = json.loads(alone)["transports"].values()
    (forwarder,) = [program for program in services(machine) if program.name == "lineage-forwarder"]
    assert file == {"type": "file", "log_file_path": forwarder.variables["ESTATE_LINEAGE_FILE"], "append": True}
    assert forwarder.variables["ESTATE_MARQUEZ_URL"] == "http://127.0.0.1:5000"
    assert not [secret for secret in machine.secrets.values() if secret in json.dumps(forwarder.variables)]


def test_another_airflow_in_the_callers_environment_does_not_mix_into_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/elsewhere")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    ours = process_environment({"AIRFLOW_HOME": "/ours"})
    assert ours["AIRFLOW_HOME"] == "/ours"
    assert not {"AIRFLOW__CORE__DAGS_FOLDER", "PYTHONDONTWRITEBYTECODE"} & set(ours)


def read_back(text: str, folder: Path) -> dict[str, object]:
    """What supervisor itself makes of a configuration: its process configurations by name."""
    path = folder / "read-back.conf"
    path.write_text(text)
    options = ServerOptions()
    options.realize(["-c", str(path)])
    return {process.name: process for group in options.process_group_configs for process in group.process_configs}


def test_supervisor_reads_every_variable_and_word_as_it_was_meant(machine: Layout) -> None:
    programs = [*stores(machine), *services(machine)]
    read = read_back(configuration(machine, programs), machine.folder)
    assert set(read) == {program.name for program in programs}
    for program in programs:
        assert read[program.name].environment == {**program.variables, MARK: str(machine.folder)}  # type: ignore[attr-defined]


def test_percent_signs_and_spaces_survive_and_a_single_quote_is_refused(machine: Layout) -> None:
    odd = Program("odd", "Odd", "", ["echo", "50% of", 'a "word"'], lambda: True, {"SHARE": '100% {"a": 1}'})
    read = read_back(configuration(machine, [odd]), machine.folder)["odd"]
    assert read.environment["SHARE"] == '100% {"a": 1}'  # type: ignore[attr-defined]
    wrong = Program("wrong", "Wrong", "", ["true"], lambda: True, {"NAME": "it's"})
    with pytest.raises(ValueError, match="NAME"):
        configuration(machine, [wrong])


def test_object_store_keys_travel_as_rclone_wants_them(machine: Layout) -> None:
    assert inherited_variables(machine)["RCLONE_AUTH_KEY"] == f'"estate,{machine.secrets["s3_secret"]}"'
