"""The demonstration: real files of two tenants through the five stages, by the running scheduler, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.live import Live
from rich.markup import escape
from rich.table import Table

from local import books, servers, summary
from local.airflow import Airflow, is_finished
from local.layout import Layout
from local.plan import Run, Step, offer, steps
from local.progress import Progress
from local.tenants import tenants

_STEP_SECONDS = 1800
_START_SECONDS = 60  # an asset event starts its run within seconds; where nothing else of a step is at work, nothing will


@dataclass
class Started:
    """A run that was triggered, or is awaited, and what is known of it by now.

    An awaited run has no `run_id` until it is there; `partition` and `since` tell which it will be.
    """

    plan: Run
    run_id: str
    ledger_before: int = 0
    partition: str = ""
    since: str = ""
    state: str = "queued"
    tasks: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How the platform's books call it."""
        return f"{self.plan.dag}/{self.run_id}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of it; an awaited run that nothing has started is `missing`."""
        return self.state == "missing" or is_finished(self.state)

    @property
    def is_at_work(self) -> bool:
        """Whether it is there and not over."""
        return bool(self.run_id) and not self.is_over


def demonstrate(machine: Layout, data: Path | None) -> int:
    """Run the demonstration with the samples, or the larger sets in `data`; returns the number of things that were not as expected."""
    progress = Progress()
    plan: list[Step] = []

    def prepare() -> None:
        kept, missing = offer(machine, steps(data), data)
        plan.extend(kept)
        progress.line("files offered in the landing folders")
        for name in missing:
            progress.line(f"[yellow]skipped[/yellow], not there: {name}")

    with progress.live():
        machine = _both(lambda: servers.up(machine, progress), prepare)
        airflow = Airflow(machine)
        airflow.wait_for({run.dag for step in plan for run in step.runs})
    progress.line("Airflow knows the DAGs")

    problems: list[str] = []
    done: list[Started] = []
    for step in plan:
        progress.console.rule(f"[bold]{step.title}", align="left", style="dim")
        runs = [started for run in step.runs for started in _start(machine, airflow, run, done)]
        _watch(airflow, runs, progress)
        problems += [problem for run in runs if (problem := _judge(machine, airflow, run, progress))]
        done += runs
    problems += summary.show(machine, progress, [run.name for run in done])
    for problem in problems:
        progress.line(f"[red]not as expected[/red]: {escape(problem)}")
    progress.line("[green]done, all as expected[/green]" if not problems else f"[red]{len(problems)} not as expected[/red]")
    return len(problems)


def _both(first: Callable[[], Layout], second: Callable[[], None]) -> Layout:
    """Run both at once; the result is the first's."""
    results: list[Layout] = []
    servers.together([lambda: results.append(first()), second])
    return results[0]


def _start(machine: Layout, airflow: Airflow, run: Run, done: list[Started]) -> list[Started]:
    """Trigger `run`; an awaited one stands for those that the batches published by `done` start by themselves."""
    if not run.awaited:
        before = books.ledger(machine, tenants()[run.tenant]) if run.tenant else 0
        return [Started(run, airflow.trigger(run.dag, run.conf), before)]
    awaited = []
    for former in (former for former in done if former.plan.tenant and former.plan.file and former.state == "success"):
        landed = airflow.result(former.plan.dag, former.run_id, "land")
        partition = f"{landed['tenant']}|{landed['batch_id']}"
        awaited.append(
            Started(run.after(former.plan), "", partition=partition, since=airflow.began(former.plan.dag, former.run_id), state="awaited")
        )
    return awaited


def _watch(airflow: Airflow, runs: list[Started], progress: Progress) -> None:
    """Follow `runs` until all have ended: a table on a terminal, and a line whenever a stage or a run is done."""
    deadline = time.monotonic() + _STEP_SECONDS
    at_work = time.monotonic()
    with Live(console=progress.console, refresh_per_second=5, transient=True) as live:
        while not all(run.is_over for run in runs):
            if time.monotonic() > deadline:
                raise RuntimeError(f"runs took longer than {_STEP_SECONDS} s: {', '.join(run.name for run in runs)}")
            if any(run.is_at_work for run in runs):
                at_work = time.monotonic()
            for run in (run for run in runs if not run.is_over):
                _look(airflow, run, progress)
                if not run.run_id and time.monotonic() - at_work > _START_SECONDS:
                    run.state = "missing"
            if progress.console.is_terminal:
                live.update(_table(runs, progress))
            time.sleep(0.3)


def _look(airflow: Airflow, run: Started, progress: Progress) -> None:
    """See how far a run is by now, and say which of its stages are done since."""
    if not run.run_id:
        run.run_id = airflow.started_by(run.plan.dag, run.partition, run.since) or ""
        if not run.run_id:
            return
    before = _stages(run.tasks)
    # The state first: a run that has ended by now has all its tasks' last states.
    run.state = airflow.state(run.plan.dag, run.run_id)
    run.tasks = airflow.tasks(run.plan.dag, run.run_id)
    for stage in _stages(run.tasks):
        if stage not in before:
            progress.line(f"{run.plan.title}: {stage} {'published' if '.' in _last(run.tasks, stage) else 'done'}")


def _stages(tasks: dict[str, str]) -> list[str]:
    """The task groups (and lone tasks) of which every task has succeeded."""
    groups = dict.fromkeys(task.split(".", 1)[0] for task in tasks)
    return [group for group in groups if all(state == "success" for task, state in tasks.items() if task.split(".", 1)[0] == group)]


def _last(tasks: dict[str, str], group: str) -> str:
    return [task for task in tasks if task.split(".", 1)[0] == group][-1]


def _table(runs: list[Started], progress: Progress) -> Table:
    table = Table("", "run", "tasks done", "now", box=None, header_style="dim")
    for run in runs:
        done = sum(state == "success" for state in run.tasks.values())
        now = ", ".join(task for task, state in run.tasks.items() if state in ("running", "queued", "failed", "up_for_retry"))
        table.add_row(f"{progress.seconds:6.1f} s", run.plan.title, f"{done} of {len(run.tasks)}", f"{now or run.state}")
    return table


def _judge(machine: Layout, airflow: Airflow, run: Started, progress: Progress) -> str:
    """Compare what came of a run with what was to come; returns what is wrong, empty if nothing is."""
    if run.state == "missing":
        return f"{run.plan.title}: nothing started it within {_START_SECONDS} s"
    failed = [task for task, state in run.tasks.items() if state == "failed"]
    for task in failed:
        reason = airflow.failure(run.plan.dag, run.run_id, task)
        progress.line(f"{run.plan.title}: {task} [red]failed[/red]: {escape(reason)}")
        progress.line(f"  in the browser: {airflow.page(run.plan.dag, run.run_id, task)}")
    if run.plan.expect == "published":
        return "" if run.state == "success" else f"{run.plan.title} ended {run.state}"
    if run.state != "failed":
        return f"{run.plan.title} was to be refused and ended {run.state}"
    tenant = tenants()[run.plan.tenant or ""]
    if not books.is_refused(machine, tenant, run.name):
        return f"{run.plan.title} failed, but no gate and no landing refused it"
    after = books.ledger(machine, tenant)
    if after != run.ledger_before:
        return f"{run.plan.title} was refused, yet publication {after} of {tenant.slug} is newer than it"
    progress.line(f"{run.plan.title}: [green]refused as expected[/green]; nothing of {tenant.slug} has changed")
    return ""
