"""What a real scheduler makes of the DAGs: the chain by asset events, a refusal, a replay, and the lineage of all of it."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import requests
from psycopg import sql

from estate.contracts import CONTRACTS, STAGES, published_by
from estate.features.definitions import VIEWS
from local.airflow import Airflow, is_finished
from local.environment import database_url
from local.layout import ROOT, Layout
from local.tenants import docs_password, tenants
from tests.frames import checksum
from tests.servers import Platform
from tests.test_lineage import assert_valid, specification  # noqa: F401  # a fixture

pytestmark = [pytest.mark.servers, pytest.mark.scheduler]

TENANTS = ("harborview", "lakeside")
SOURCE, LAYER, SERIES = "harborview_portfolio", "synthetic_flood_ames", "synthetic_rent_ames"
GOOD, DAMAGED = "harborview_portfolio_of_the_scheduler.csv", "harborview_portfolio_of_the_scheduler_damaged.csv"
PUBLISHED = [name for name, promise in CONTRACTS.items() if promise.kind == "published"]
# What follows a landed batch, each DAG by the asset event of the one before it; the stages' tables and the market are published.
PUBLISHING = {**{stage: stage for stage in STAGES[1:]}, "features_market": "features"}
FOLLOWING = (*PUBLISHING, "features_materialize")
DOWNSTREAM = [f"{stage}.{step}" for stage in STAGES[1:] for step in ("build", "gate", "publish")]
FILLED = {"harborview": "skipped", "lakeside": "success"}
_PATIENCE_SECONDS = 180


class Watched(Airflow):
    """Airflow's REST interface with what only these tests ask."""

    def runs(self, dag: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get(f"dags/{dag}/dagRuns", limit="100", order_by="-run_after")["dag_runs"]
        return found

    def run(self, dag: str, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self._get(f"dags/{dag}/dagRuns/{quote(run)}")
        return found

    def tries(self, dag: str, run: str) -> dict[str, int]:
        found = self._get(f"dags/{dag}/dagRuns/{quote(run)}/taskInstances")["task_instances"]
        return {task["task_id"]: task["try_number"] for task in found}

    def events(self, dag: str, run: str) -> list[dict[str, Any]]:
        found = self._get("assets/events", source_dag_id=dag, source_run_id=run, limit="100")
        events: list[dict[str, Any]] = found["asset_events"]
        return events


@dataclass(frozen=True)
class Story:
    """What happened once for all tests of this module: runs as (dag, run), and digests of the published tables."""

    airflow: Watched
    machine: Layout
    layer: tuple[str, str]
    series: tuple[str, str]
    batch_id: str
    landed: dict[str, tuple[str, str]]
    followed: dict[tuple[str, str], list[dict[str, Any]]]
    audited: tuple[str, str]
    filled: tuple[str, str]
    refused: tuple[str, str]
    replayed: tuple[str, str]
    before: dict[str, str]
    after: dict[str, str]
    events: list[dict[str, Any]]

    @property
    def runs(self) -> list[tuple[str, str]]:
        """Every run that was part of it."""
        chain = [(run["dag_id"], run["dag_run_id"]) for runs in self.followed.values() for run in runs]
        return [self.layer, self.series, *self.landed.values(), *chain, self.audited, self.filled, self.refused, self.replayed]


def until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def offer(machine: Layout, owner: str, sample: str, name: str) -> None:
    """A written sample, less its last row or with an empty line more: its digest, and with it the batch, is nobody else's."""
    home = machine["landing"] / owner
    home.mkdir(exist_ok=True)
    lines = (ROOT / "local" / "samples" / sample).read_bytes().splitlines(keepends=True)
    (home / name).write_bytes(b"".join(lines[:-1] if sample.endswith(".csv") else [*lines, b"\n"]))


def digests(machine: Layout) -> dict[str, str]:
    address = database_url(machine, "postgres")
    return {table: checksum(address, table) for table in [*PUBLISHED, "provenance.publication", "provenance.quarantine"]}


def asked(machine: Layout, statement: str, *parts: sql.Composable) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url(machine, "postgres")) as connection:
        return connection.execute(sql.SQL(statement).format(*parts)).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def story(platform: Platform) -> Story:
    machine, airflow = platform.machine, Watched(platform.machine)
    airflow.wait_for({
        "ingest", *FOLLOWING, "property_pipeline", "hazard_layer", "market_series", "quarantine_replay", "features_audit",
        "features_backfill",
    })  # fmt: skip

    def finished(*runs: tuple[str, str]) -> None:
        until(lambda: all(is_finished(airflow.state(*run)) for run in runs), f"{runs} did not end")

    # Layer and series first: a replay of what was built without them would rightly publish something new.
    offer(machine, "reference", f"{LAYER}.geojson", f"{LAYER}_of_the_scheduler.geojson")
    offer(machine, "reference", f"{SERIES}.csv", f"{SERIES}_of_the_scheduler.csv")
    layer = ("hazard_layer", airflow.trigger("hazard_layer", {"source": LAYER, "file": f"{LAYER}_of_the_scheduler.geojson"}))
    series = ("market_series", airflow.trigger("market_series", {"source": SERIES, "file": f"{SERIES}_of_the_scheduler.csv"}))
    finished(layer, series)

    for tenant in TENANTS:
        offer(machine, tenant, "harborview_portfolio.csv", GOOD)
    landed = {t: ("ingest", airflow.trigger("ingest", {"tenant": t, "source": SOURCE, "file": GOOD})) for t in TENANTS}
    finished(*landed.values())
    ingested = sql.Literal("/".join(landed["harborview"]))
    ((batch_id,),) = asked(machine, "SELECT DISTINCT batch_id FROM provenance.verdict WHERE run_id = {}", ingested)

    def followed() -> dict[tuple[str, str], list[dict[str, Any]]]:
        runs = {dag: airflow.runs(dag) for dag in FOLLOWING}
        return {(dag, t): [r for r in runs[dag] if r["partition_key"] == f"{t}|{batch_id}"] for dag in FOLLOWING for t in TENANTS}

    until(lambda: all(any(is_finished(run["state"]) for run in followed()[FOLLOWING[-1], t]) for t in TENANTS), "the chain did not end")
    chain = followed()
    audited = ("features_audit", airflow.trigger("features_audit", {}))
    finished(audited)
    filled = ("features_backfill", airflow.trigger("features_backfill", {"tenant": "lakeside"}))
    finished(filled)

    before = digests(machine)
    offer(machine, "harborview", "harborview_portfolio_damaged.csv", DAMAGED)
    refused = ("property_pipeline", airflow.trigger("property_pipeline", {"tenant": "harborview", "source": SOURCE, "file": DAMAGED}))
    replayed = ("quarantine_replay", airflow.trigger("quarantine_replay", {"tenant": "harborview", "batch_id": batch_id}))
    finished(refused, replayed)
    file = Path(platform.variables["ESTATE_LINEAGE_FILE"])
    whole = Story(
        airflow, machine, layer, series, batch_id, landed, chain, audited, filled, refused, replayed, before, digests(machine), []
    )
    # A task's last event is written after Airflow knows its end.
    until(lambda: whole.events.clear() or whole.events.extend(events_of(file)) or not unsaid(whole), f"no event of {unsaid(whole)}")
    return whole


def events_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


def said(event: dict[str, Any]) -> tuple[str, str]:
    """Of which task, or of which DAG, of which run an event speaks."""
    facets = event["run"]["facets"]
    return event["job"]["name"], (facets.get("airflow") or facets["airflowDagRun"])["dagRun"]["run_id"]


def unsaid(story: Story) -> list[str]:
    """Events that must be there and are not: the start and the end of each run and of each task that ran."""
    heard = {(*said(event), event["eventType"]) for event in story.events}
    ends = {"success": "COMPLETE", "failed": "FAIL"}
    missing = []
    for dag, run in story.runs:
        states = {dag: story.airflow.state(dag, run)} | {
            f"{dag}.{task}": state for task, state in story.airflow.tasks(dag, run).items() if state in ends
        }
        missing += [f"{job} {kind}" for job, state in states.items() for kind in ("START", ends[state]) if (job, run, kind) not in heard]
    return missing


# The chain


def test_the_chain_runs_once_per_tenant_batch_and_stage_and_each_run_names_its_own(story: Story) -> None:
    assert all(story.airflow.state(*run) == "success" for run in story.landed.values())
    for (dag, tenant), runs in story.followed.items():
        assert [(run["state"], run["run_type"]) for run in runs] == [("success", "asset_triggered")], (dag, tenant)
        assert runs[0]["partition_key"] == f"{tenant}|{story.batch_id}"
        assert runs[0]["logical_date"] is None
    everything = [run for dag in FOLLOWING for run in story.airflow.runs(dag)]
    assert all((run["partition_key"] or "|").count("|") == 1 for run in everything), "a run of more than one tenant or batch"


def test_asset_events_are_of_the_tenants_own_tables_in_its_own_partition(story: Story) -> None:
    for tenant in TENANTS:
        runs = {"ingest": story.landed[tenant]}
        runs |= {stage: (dag, story.followed[dag, tenant][0]["dag_run_id"]) for dag, stage in PUBLISHING.items()}
        for stage, run in runs.items():
            told = [(event["name"], event["partition_key"]) for event in story.airflow.events(*run)]
            assert sorted(told) == sorted((f"{tenant}.{promise.name}", f"{tenant}|{story.batch_id}") for promise in published_by(stage))
    assert story.airflow.events(*story.refused) == []


@pytest.mark.parametrize("table", PUBLISHED)
def test_published_rows_are_the_tenants_own_by_its_own_runs(story: Story, table: str) -> None:
    runs = {tenant: {"/".join(story.landed[tenant])} for tenant in TENANTS}
    for (dag, tenant), (run, *_) in story.followed.items():
        runs[tenant].add(f"{dag}/{run['dag_run_id']}")
    slugs = {str(tenant.tenant_id): slug for slug, tenant in tenants().items()}
    found = asked(
        story.machine, "SELECT t.tenant_id::text, p.tenant_id::text, p.run_id, count(*) FROM {} t JOIN provenance.publication p "
        "USING (publication_id) WHERE p.batch_id = {} GROUP BY 1, 2, 3", sql.Identifier(*table.split(".")), sql.Literal(story.batch_id),
    )  # fmt: skip
    assert all(of == by and run in runs[slugs[of]] for of, by, run, _ in found)
    # Both landed the same bytes: the tenant is all that differs.
    counts = Counter({slugs[of]: count for of, _, _, count in found})
    assert counts["harborview"] == counts["lakeside"]
    assert counts["harborview"] >= 100 or CONTRACTS[table].may_be_empty


# The features


@pytest.mark.parametrize("tenant", TENANTS)
def test_features_are_online_as_they_are_offline_for_each_tenant(story: Story, tenant: str) -> None:
    assert story.airflow.state(*story.audited) == "success"
    compared = asked(
        story.machine, "SELECT view_name, count(*), min(compared_count), max(mismatch_count) FROM features.parity WHERE run_id = {}"
        " AND tenant_id = {} GROUP BY 1", sql.Literal("/".join(story.audited)), sql.Literal(str(tenants()[tenant].tenant_id)),
    )  # fmt: skip
    found = {view: (features, entities > 0, mismatches) for view, features, entities, mismatches in compared}
    assert found == {name: (len(view.features), True, 0) for name, view in VIEWS.items()}


def test_a_backfill_of_one_tenant_puts_its_features_online_and_passes_the_others_by(story: Story) -> None:
    assert story.airflow.state(*story.filled) == "success"
    wanted = {f"{tenant}.{step}": end for tenant, end in FILLED.items() for step in ("build", "gate", "push")}
    assert story.airflow.tasks(*story.filled) == wanted


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_market_has_its_rent_from_the_series_that_was_loaded_before(story: Story, tenant: str) -> None:
    assert story.airflow.state(*story.series) == "success"
    newest = asked(
        story.machine, "SELECT median_rent_usd, rent_growth_yoy_rate IS NOT NULL, {} = ANY (origins) FROM features.market"
        " WHERE tenant_id = {} AND county_fips = '19169' AND superseded_at = 'infinity' AND median_rent_usd IS NOT NULL"
        " ORDER BY month_date DESC LIMIT 1", sql.Literal(SERIES), sql.Literal(str(tenants()[tenant].tenant_id)),
    )  # fmt: skip
    assert newest == [(1258, True, True)]


# The refusal


def test_a_damaged_batch_is_refused_at_its_first_try_and_nothing_follows(story: Story) -> None:
    states, tries = story.airflow.tasks(*story.refused), story.airflow.tries(*story.refused)
    assert story.airflow.state(*story.refused) == "failed"
    assert {task: states[task] for task in ("land", "ingest.build", "ingest.gate")} == {
        "land": "success", "ingest.build": "success", "ingest.gate": "failed"
    }  # fmt: skip
    assert tries["ingest.gate"] == 1
    assert {states[task] for task in ["ingest.publish", *DOWNSTREAM]} == {"upstream_failed"}


def test_a_refused_batch_and_a_replay_without_a_change_leave_every_published_byte_as_it_was(story: Story) -> None:
    assert story.airflow.state(*story.replayed) == "success"
    assert set(story.airflow.tasks(*story.replayed).values()) == {"success"}
    assert story.before["ingest.record"] != "empty"
    assert story.after == story.before


def test_the_log_of_a_refusal_names_table_expectation_and_rows_and_leads_to_the_evidence(story: Story) -> None:
    words = story.airflow.failure(*story.refused, "ingest.gate")
    found = re.search(r"ingest\.record refused by .*(expect_\w+)\((\w+)\) in \d+ rows of 149\b.*see (http\S+\.html)", words)
    assert found, words
    column, page = found[2], found[3]
    assert "harborview: batch harborview_portfolio-" in words
    assert page.startswith(story.machine.url("api") + "/data-docs/harborview/validations/ingest/record/")
    assert requests.get(page, timeout=10).status_code == 401
    assert requests.get(page, auth=("lakeside", docs_password(story.machine, "lakeside")), timeout=10).status_code in {401, 403, 404}
    evidence = requests.get(page, auth=("harborview", docs_password(story.machine, "harborview")), timeout=10)
    assert evidence.status_code == 200
    assert column in evidence.text
    assert "Failed" in evidence.text


# The layer


def test_a_hazard_layer_loads_from_the_reference_landing_folder(story: Story) -> None:
    assert story.airflow.state(*story.layer) == "success"
    statement = "SELECT source_name, hazard, is_synthetic, is_current, feature_count > 0 FROM reference.hazard_layer WHERE file_name = {}"
    assert asked(story.machine, statement, sql.Literal(f"{LAYER}_of_the_scheduler.geojson")) == [(LAYER, "flood", True, True, True)]


# The lineage


@pytest.mark.data
def test_every_event_is_valid_openlineage(story: Story, specification: Any) -> None:  # noqa: F811
    assert len(story.events) > 100
    for event in story.events:
        assert_valid(specification, event)


def test_every_task_that_ran_says_when_it_started_and_how_it_ended(story: Story) -> None:
    assert unsaid(story) == []
    ours = {run for _, run in story.runs}
    failed = {said(event) for event in story.events if event["eventType"] == "FAIL" and said(event)[1] in ours}
    assert failed == {("property_pipeline", story.refused[1]), ("property_pipeline.ingest.gate", story.refused[1])}


@pytest.mark.parametrize("tenant", TENANTS)
def test_every_published_table_is_an_output_with_its_lineage_and_an_input_with_its_verdict(story: Story, tenant: str) -> None:
    runs = {story.landed[tenant][1], *(story.followed[dag, tenant][0]["dag_run_id"] for dag in PUBLISHING)}
    own = [event for event in story.events if said(event)[1] in runs]
    written = {d["name"]: d for event in own for d in event["outputs"]}
    judged = {d["name"]: d for event in own for d in event["inputs"] if "dataQualityAssertions" in d.get("inputFacets", {})}
    assert set(written) == set(judged) == set(PUBLISHED)
    for table, dataset in written.items():
        assert {field["name"] for field in dataset["facets"]["schema"]["fields"]} == set(CONTRACTS[table].column_names)
        assert dataset["facets"]["columnLineage"]["fields"]
        assert judged[table]["inputFacets"]["dataQualityAssertions"]["assertions"][0]["success"] is True
    assert {d["namespace"] for event in own for d in event["outputs"]} == {f"estate://{tenant}"}
    assert {d["namespace"] for event in own for d in event["inputs"]} <= {f"estate://{tenant}", "estate://reference"}


def test_the_refusal_is_in_the_lineage_too(story: Story) -> None:
    judged = [d for event in story.events if said(event)[1] == story.refused[1] for d in event["inputs"] if d.get("inputFacets")]
    whole, *failed = judged[0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (judged[0]["name"], whole["success"]) == ("ingest.record", False)
    assert any(assertion["severity"] == "error" for assertion in failed)
    assert not [event["outputs"] for event in story.events if said(event)[1] == story.refused[1] and event["outputs"]]
