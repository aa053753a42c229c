"""The commands of one machine: python -m local up | down | status | token | run | demo | clean."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import click
from rich.table import Table

from estate.api_key import ROLES
from estate.features.repository import tenant_variables
from estate.settings import Tenant
from local import issuer, servers, supervision
from local.environment import environment, process_environment
from local.layout import layout
from local.postgres import PostgresMissing
from local.progress import Progress
from local.tenants import tenants


@click.group()
def main() -> None:
    """Run the servers of one machine, without Docker."""


@main.command()
def up() -> None:
    """Start the servers, migrate, start Airflow and the API."""
    progress = Progress()
    with progress.live():
        servers.up(layout(), progress)
    progress.line("all is up; `make status` says where")


@main.command()
def down() -> None:
    """Stop every process that up or demo started."""
    servers.down(layout(), Progress())


@main.command()
def clean() -> None:
    """Stop everything and remove data, ports, secrets and logs."""
    servers.clean(layout(), Progress())


@main.command()
def status() -> None:
    """Show what runs, where, since when."""
    machine, progress = layout(), Progress()
    table = Table("program", "state", "pid", "since", "address", "log", box=None)
    for name, state in sorted(supervision.states(machine).items()):
        since = str(timedelta(seconds=state["now"] - state["start"])) if state["statename"] == "RUNNING" else ""
        address = f"127.0.0.1:{machine.ports[name]}" if name in machine.ports else ""
        log = os.path.relpath(state["stdout_logfile"])
        table.add_row(name, state["statename"].lower(), str(state["pid"] or ""), since, address, log)
    progress.console.print(table)


@main.command()
@click.argument("tenant")
@click.argument("role", type=click.Choice(ROLES), default="viewer")
def token(tenant: str, role: str) -> None:
    """Print an access token of the API for TENANT, as ROLE."""
    click.echo(issuer.token(layout(), _known(tenant).tenant_id, subject=f"local:{tenant}", roles=(role,)))


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--tenant", help="whose features `feast` works with in feature_repo/; without it the first tenant's")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(tenant: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with the environment of every process, and of `feast` for one tenant."""
    variables = environment()
    feast = tenant_variables(_known(tenant or next(iter(tenants()))), variables["ESTATE_FEATURES_REDIS_URL"])
    found_first = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}  # `feast` and `airflow` are this project's
    os.execvpe(command[0], command, process_environment(variables | feast | found_first))


def _known(slug: str) -> Tenant:
    known = tenants()
    if slug not in known:
        raise click.BadParameter(f"no tenant {slug}; there are {', '.join(known)}")
    return known[slug]


@main.command()
@click.option("--data", type=click.Path(path_type=Path), help="folder of the larger real sets")
def demo(data: Path | None) -> None:
    """Start everything, run the stages for two tenants through Airflow's scheduler, and show the result."""
    from local.demo import demonstrate

    sys.exit(demonstrate(layout(), data))


if __name__ == "__main__":
    try:
        main()
    except (supervision.NotRunning, supervision.StartFailed, PostgresMissing, RuntimeError) as error:
        click.echo(f"local: {error}", err=True)
        sys.exit(1)
