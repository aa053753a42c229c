"""Ports and secrets of one machine: chosen once, kept, and moved only when somebody else sits on a port."""

from __future__ import annotations

import socket
from pathlib import Path

from local.layout import ANY_PORTS, PREFERRED_PORTS, layout, settle_ports


def test_ports_and_secrets_are_chosen_once(tmp_path: Path) -> None:
    first, second = layout(tmp_path, ANY_PORTS), layout(tmp_path)
    assert (first.ports, first.secrets) == (second.ports, second.secrets)
    assert len(set(first.ports.values())) == len(PREFERRED_PORTS)
    assert len(set(first.secrets.values())) == len(first.secrets)


def test_a_secret_that_a_newer_release_brings_is_added_and_the_others_stay(tmp_path: Path) -> None:
    before = layout(tmp_path, ANY_PORTS).secrets
    brought = {"registry_password", "api_redis_password", "features_redis_password"}
    older = {name: value for name, value in before.items() if name not in brought}
    (tmp_path / "secrets.env").write_text("".join(f"{name}={value}\n" for name, value in older.items()))
    after = layout(tmp_path).secrets
    assert {name: after[name] for name in older} == older
    assert set(after) == set(before)
    assert after == layout(tmp_path).secrets
    assert len(set(after.values())) == len(after)
    assert (tmp_path / "secrets.env").stat().st_mode & 0o077 == 0


def test_when_one_port_is_taken_all_move_on_together(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        ports = layout(tmp_path, {"api": taken, "airflow": taken + 80 if taken < 60000 else taken - 80}).ports
    assert ports["api"] > taken
    assert abs(ports["airflow"] - ports["api"]) == 80


def test_ports_that_are_still_free_stay_where_they_are(tmp_path: Path) -> None:
    machine = layout(tmp_path, ANY_PORTS)
    assert settle_ports(machine).ports == machine.ports


def test_a_port_that_somebody_took_meanwhile_is_left_to_him(tmp_path: Path) -> None:
    machine = layout(tmp_path, ANY_PORTS)
    with socket.socket() as other:
        other.bind(("127.0.0.1", machine.ports["redis"]))
        other.listen()
        assert machine.ports["redis"] not in settle_ports(machine).ports.values()


def test_a_folder_that_is_only_prepared_by_the_bootstrap_gets_its_ports(tmp_path: Path) -> None:
    (tmp_path / "uv").mkdir()
    assert set(layout(tmp_path, ANY_PORTS).ports) == set(PREFERRED_PORTS)


def test_the_manager_socket_fits_the_kernel_however_deep_the_folder_lies(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20) / ("deeper" * 20)
    assert len(str(layout(deep, ANY_PORTS).socket)) < 100
    assert layout(deep).socket != layout(tmp_path, ANY_PORTS).socket
