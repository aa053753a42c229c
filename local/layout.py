"""Where everything of one machine lies: one ignored folder, its ports and its secrets, each chosen once and kept."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import socket
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".estate"

PREFERRED_PORTS = {"api": 18000, "airflow": 18080, "postgres": 15432, "redis": 16379, "s3": 19000}
ANY_PORTS = dict.fromkeys(PREFERRED_PORTS, 0)

_SECRETS = (
    "postgres_password", "owner_password", "pipeline_password", "api_password", "registry_password", "airflow_database_password",
    "redis_password", "api_redis_password", "features_redis_password", "s3_secret", "admin_password", "viewer_password", "jwt_secret",
    "session_secret", "fernet_key", "cursor_secret", "docs_secret",
)  # fmt: skip
_LONGEST_SOCKET_PATH = 100  # the kernel takes 107 bytes, and supervisor binds a longer temporary name first


@dataclass(frozen=True)
class Layout:
    """One machine's folder with its ports (by server) and secrets (by name)."""

    folder: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str]

    def __getitem__(self, name: str) -> Path:
        """The sub-folder `name`, made on first use."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def url(self, server: str) -> str:
        """The HTTP address of `server`."""
        return f"http://127.0.0.1:{self.ports[server]}"

    @property
    def nickname(self) -> str:
        """Eight letters that tell this folder from another; for what must lie outside of it."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]

    @property
    def socket(self) -> Path:
        """The socket of the process manager; in the folder for temporary files where the folder's own path is too long."""
        path = self.folder / "supervisor.sock"
        outside = Path(tempfile.gettempdir()) / f"estate-{self.nickname}.sock"
        return path if len(str(path)) < _LONGEST_SOCKET_PATH - len(".12345678") else outside


def layout(folder: Path = FOLDER, preferred: Mapping[str, int] = PREFERRED_PORTS) -> Layout:
    """The layout in `folder`, made on first use: `preferred` ports or the next free ones (0: any free one), and fresh secrets."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ports.toml").exists():
        _write_ports(folder, _free_ports(preferred))
    kept = _secrets_in(folder)
    if lacking := [name for name in _SECRETS if name not in kept]:  # all of them at first; later, those that a newer release brings
        _write_secrets(folder, kept | {name: _secret(name) for name in lacking})
    ports = tomllib.loads((folder / "ports.toml").read_text())
    return Layout(folder, ports, _secrets_in(folder))


def settle_ports(machine: Layout) -> Layout:
    """Move on to the next free ports when somebody else has taken one meanwhile. Call while nothing of ours runs."""
    _write_ports(machine.folder, _free_ports(machine.ports))
    return layout(machine.folder)


def write_private(path: Path, text: str) -> None:
    """Write `text` so that nobody but this user reads it, and so that a reader sees the old file or the new one, never half."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _secrets_in(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / "secrets.env").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines)


def _write_secrets(folder: Path, made: Mapping[str, str]) -> None:
    write_private(folder / "secrets.env", "".join(f"{name}={value}\n" for name, value in made.items()))


def _secret(name: str) -> str:
    if name in {"admin_password", "viewer_password"}:  # typed by people
        return secrets.token_hex(6)
    if name == "fernet_key":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(24)


def _write_ports(folder: Path, ports: Mapping[str, int]) -> None:
    (folder / "ports.toml").write_text("".join(f"{name} = {port}\n" for name, port in ports.items()))


def _free_ports(preferred: Mapping[str, int]) -> dict[str, int]:
    """`preferred`, all moved on by the same step until every one is free: a machine that is just starting has not taken all of its own."""
    for step in range(1000):
        ports = {name: _bound(first + step if first else 0) for name, first in preferred.items()}
        if len(set(ports.values()) - {0}) == len(ports):
            return ports
    raise RuntimeError(f"no free ports from {preferred}")


def _bound(port: int) -> int:
    """`port` if it is free, any free one for 0; 0 if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])
