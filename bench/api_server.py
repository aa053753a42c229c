"""The API of a measurement: the real server over a database full of properties, its tenants, and their tokens."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import requests

from local import issuer
from local.environment import process_environment
from local.layout import Layout
from local.programs import services
from local.tenants import write_docs_passwords

WORLD = Path(__file__).with_name("api_world.sql")
# Nobody's limit may decide what is measured.
_LIMITS = "\n".join(f"{name} = 100000000" for name in ("read", "search", "compute", "export", "subject", "tenant"))


def tenant_id(number: int) -> uuid.UUID:
    """The identifier of the tenant of this number."""
    return uuid.UUID(f"00000000-0000-4000-a000-{number:012x}")


def property_id(tenant: int, number: int) -> uuid.UUID:
    """The identifier of a tenant's property of this number."""
    return uuid.UUID(f"00000000-0000-4000-8{tenant:03x}-{number:012x}")


def fill(superuser_url: str, tenants: int, properties: int, exported: int) -> None:
    """Write the world (api_world.sql)."""
    with psycopg.connect(superuser_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(WORLD.read_text(), {"tenants": tenants, "properties": properties, "exported": exported})
        # Or the server does both on its own while something else is measured.
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def write_tenants(path: Path, tenants: int) -> None:
    """The tenants file of the world, its last tenant included."""
    rows = [
        f'[[tenant]]\ntenant_id = "{tenant_id(n)}"\nslug = "bench-{n}"\nname = "Bench {n}"\n[tenant.limits]\n{_LIMITS}\n'
        for n in range(tenants)
    ]
    path.write_text("\n".join(rows))


@dataclass(frozen=True)
class Server:
    """A running API."""

    url: str
    process: subprocess.Popen[bytes]
    machine: Layout

    def bearer(self, tenant: int, role: str = "analyst") -> str:
        """The Authorization header of somebody of this tenant."""
        return "Bearer " + issuer.token(self.machine, tenant_id(tenant), "bench", (role,))

    def peak_mib(self) -> float:
        """The largest peak of resident memory of its worker processes, MiB."""
        peaks = [Path(f"/proc/{child.pid}/status").read_text() for child in psutil.Process(self.process.pid).children()]
        return max(int(next(line for line in peak.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024 for peak in peaks)


@contextmanager
def running(machine: Layout, folder: Path, workers: int = 2) -> Iterator[Server]:
    """The API under gunicorn as `local` starts it, on a port of its own; the environment holds the settings."""
    issuer.ensure_key(machine)
    write_docs_passwords(machine)
    command = next(program.command for program in services(machine) if program.name == "api")
    # The API's own role and nobody else's, as in production.
    told = {"ESTATE_DATABASE_URL": os.environ["ESTATE_API_DATABASE_URL"], "WEB_CONCURRENCY": str(workers)}
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(command, env=process_environment(dict(os.environ) | told), stdout=log, stderr=log)
    try:
        server = Server(machine.url("api"), process, machine)
        _await(server, folder / "api.log")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await(server: Server, log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if requests.get(server.url + "/health/ready", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        if time.monotonic() > deadline or server.process.poll() is not None:
            raise RuntimeError("the API does not come up:\n" + "\n".join(log.read_text().splitlines()[-20:]))
        time.sleep(0.2)
