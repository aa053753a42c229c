"""Bring a machine up, as far as wanted, and take it down again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version

from local import issuer, postgres, redis_server, supervision
from local.environment import AIRFLOW_USERS, S3_BUCKET, airflow_variables, platform_variables, process_environment
from local.layout import ROOT, Layout, settle_ports, write_private
from local.programs import Program, services, stores
from local.progress import Progress
from local.tenants import write_docs_passwords


def up(machine: Layout, progress: Progress, postgres_settings: Mapping[str, str] | None = None) -> Layout:
    """Start everything and wait until all of it serves; what runs already is left alone. Returns the layout with the final ports."""
    machine = _launch(machine, postgres_settings or {}, services)
    issuer.ensure_key(machine)
    write_docs_passwords(machine)
    write_private(machine["airflow"] / "passwords.json", json.dumps({user: machine.secrets[f"{user}_password"] for user in AIRFLOW_USERS}))
    _start_stores(machine, postgres_settings, progress)
    (machine["s3"] / S3_BUCKET).mkdir(exist_ok=True)
    postgres.bootstrap(machine)
    api = [program for program in services(machine) if program.name == "api"]
    airflow = [program for program in services(machine) if program.name != "api"]

    def platform_part() -> None:
        with progress.step("platform database migrated"):
            migrate(machine)
        _start(machine, api, progress)

    def airflow_part() -> None:
        _migrate_airflow(machine, progress)
        _start(machine, airflow, progress)

    # Each imports for seconds before it serves: side by side, the longest decides.
    together([platform_part, airflow_part])
    return machine


def start_stores(machine: Layout, progress: Progress, postgres_settings: Mapping[str, str] | None = None) -> Layout:
    """Start PostgreSQL, Redis and S3 only: what tests and measurements need. Returns the layout with the final ports."""
    machine = _launch(machine, postgres_settings or {}, lambda _: [])
    _start_stores(machine, postgres_settings, progress)
    return machine


def down(machine: Layout, progress: Progress) -> None:
    """Stop everything, and say how many processes there were."""
    with progress.live():
        progress.waiting_for("stopping")
        count = supervision.halt(machine)
    progress.line(f"{count} processes stopped, none left" if count else "nothing was running")


def clean(machine: Layout, progress: Progress) -> None:
    """Stop everything and remove its data, ports, secrets and logs."""
    down(machine, progress)
    postgres.remove(machine)
    shutil.rmtree(machine.folder)
    progress.line(f"removed {machine.folder}")


def migrate(machine: Layout, database: str = "estate") -> None:
    """Bring the platform's tables in `database` to the newest migration."""
    _run("estate.migrate", variables=platform_variables(machine, database))


def together(actions: Sequence[Callable[[], None]]) -> None:
    """Run all at once and wait for all; the first error is raised when the others have ended."""
    with ThreadPoolExecutor(len(actions)) as pool:
        for done in as_completed([pool.submit(action) for action in actions]):
            done.result()


def _launch(machine: Layout, postgres_settings: Mapping[str, str], others: Callable[[Layout], list[Program]]) -> Layout:
    """Start the process manager unless it runs. Ports may move while nothing listens on them, so programs are made after that."""
    if supervision.is_running(machine):
        return machine
    supervision.halt(machine)
    machine = settle_ports(machine)
    postgres.create(machine)
    supervision.launch(machine, [*stores(machine, postgres_settings), *others(machine)])
    return machine


def _start_stores(machine: Layout, postgres_settings: Mapping[str, str] | None, progress: Progress) -> None:
    _start(machine, stores(machine, postgres_settings), progress)
    redis_server.adapt(machine)


def _start(machine: Layout, programs: Sequence[Program], progress: Progress) -> None:
    def starter(program: Program) -> Callable[[], None]:
        def start() -> None:
            with progress.step(program.title + (f" on port {machine.ports[program.server]}" if program.server else "")):
                supervision.start(machine, program)

        return start

    together([starter(program) for program in programs])


def _migrate_airflow(machine: Layout, progress: Progress) -> None:
    """Airflow's own tables; skipped when this release has migrated this database before, for the check alone takes seconds."""
    stamp, release = machine["airflow"] / "migrated", version("apache-airflow-core")
    if stamp.exists() and stamp.read_text() == release:
        return
    with progress.step(f"Airflow {release} database migrated"):
        _run("airflow", "db", "migrate", variables=airflow_variables(machine))
    stamp.write_text(release)


def _run(*command: str, variables: dict[str, str]) -> None:
    """Run a module to its end; raises RuntimeError with the end of what it said."""
    environment = process_environment(variables)
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = (done.stdout + done.stderr).splitlines()[-30:]
        raise RuntimeError("\n".join([f"python -m {' '.join(command)} failed:", *tail]))
