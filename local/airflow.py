"""Airflow's REST interface, as far as the demonstration needs it: trigger a run, watch it, read why it failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import requests

from local.layout import Layout

_FINISHED = ("success", "failed")


class Airflow:
    """A session with this machine's Airflow as its administrator."""

    def __init__(self, machine: Layout) -> None:
        self._url = machine.url("airflow")
        self._session = requests.Session()
        credentials = {"username": "admin", "password": machine.secrets["admin_password"]}
        answer = self._session.post(f"{self._url}/auth/token", json=credentials, timeout=30)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def wait_for(self, dags: Iterable[str], seconds: float = 60) -> None:
        """Wait until every one of `dags` is parsed. Raises RuntimeError with the import errors when one is not in time."""
        deadline = time.monotonic() + seconds
        missing = set(dags)
        while missing := {dag for dag in missing if self._session.get(self._address(dag), timeout=30).status_code != 200}:
            if time.monotonic() > deadline:
                errors = [error["stack_trace"] for error in self._get("importErrors")["import_errors"]]
                raise RuntimeError("\n".join([f"Airflow knows no DAG {', '.join(sorted(missing))}", *errors]))
            time.sleep(0.3)

    def trigger(self, dag: str, conf: Mapping[str, Any]) -> str:
        """Start a run of `dag` with the form's values `conf`; returns its id. Raises RuntimeError with Airflow's own words."""
        answer = self._session.post(self._address(dag) + "/dagRuns", json={"logical_date": None, "conf": conf}, timeout=30)
        if not answer.ok:
            raise RuntimeError(f"Airflow did not start {dag}: {answer.text}")
        return str(answer.json()["dag_run_id"])

    def started_by(self, dag: str, partition: str, since: str) -> str | None:
        """The run of `dag` that an asset event in `partition` has started; None before there is one.

        A partition is <tenant>|<batch>, and comes again when the same file does: only runs from `since` on count, as Airflow writes a time.
        """
        asked = {"run_type": "asset_triggered", "run_after_gte": since, "partition_key_prefix_pattern": partition, "order_by": "run_after"}
        found = self._get(f"dags/{dag}/dagRuns", **asked)["dag_runs"]
        return next((str(run["dag_run_id"]) for run in found if run["partition_key"] == partition), None)

    def began(self, dag: str, run: str) -> str:
        """When a run began, as Airflow writes it; empty before it has."""
        return self._get(f"dags/{dag}/dagRuns/{quote(run)}")["start_date"] or ""

    def result(self, dag: str, run: str, task: str) -> Any:
        """What a task of a run returned. Raises requests.HTTPError when it returned nothing."""
        return self._get(f"dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/xcomEntries/return_value", stringify="false")["value"]

    def state(self, dag: str, run: str) -> str:
        """The state of a run: queued, running, success or failed."""
        return str(self._get(f"dags/{dag}/dagRuns/{quote(run)}")["state"])

    def tasks(self, dag: str, run: str) -> dict[str, str]:
        """The state of each task of a run, in the order in which they started; empty text for one that waits."""
        found = self._get(f"dags/{dag}/dagRuns/{quote(run)}/taskInstances")["task_instances"]
        found.sort(key=lambda task: (task["start_date"] is None, task["start_date"] or ""))
        return {task["task_id"]: task["state"] or "" for task in found}

    def failure(self, dag: str, run: str, task: str) -> str:
        """What the last try of a failed task raised, in its own words; empty when its log does not say."""
        instance = f"dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}"
        tries = self._get(instance)["try_number"]
        log = self._get(f"{instance}/logs/{tries}", full_content="true")["content"]
        raised = [error["exc_value"] for line in log if isinstance(line, dict) for error in line.get("error_detail") or []]
        return str(raised[0]) if raised else ""

    def page(self, dag: str, run: str, task: str = "") -> str:
        """The address of a run, or of one of its tasks, in the browser."""
        return f"{self._url}/dags/{dag}/runs/{quote(run)}" + (f"/tasks/{task}" if task else "")

    def _address(self, dag: str) -> str:
        return f"{self._url}/api/v2/dags/{dag}"

    def _get(self, path: str, **parameters: str) -> Any:
        answer = self._session.get(f"{self._url}/api/v2/{path}", params=parameters, headers={"Accept": "application/json"}, timeout=30)
        answer.raise_for_status()
        return answer.json()


def is_finished(state: str) -> bool:
    """Whether a run in `state` does nothing more."""
    return state in _FINISHED
