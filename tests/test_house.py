"""The architecture, asserted: what the house promises about contracts, suites, DAGs, imports, SQL and documents."""

import ast
import json
import os
import re
import subprocess
import sys

import pytest

from estate.contracts import CONTRACTS, STAGES, published_by
from estate.docs import documents
from estate.features.definitions import VIEWS
from estate.gate import SUITES, suite_path
from estate.ingest.declaration import declared_names, sources
from estate.settings import ROOT, Settings, tenants

CODE = sorted(
    path
    for folder in ("include/estate", "api", "dags", "local", "plugins", "bench", "feature_repo")
    for path in (ROOT / folder).rglob("*.py")
)
ALL_CODE = [*CODE, *sorted((ROOT / "tests").rglob("*.py"))]
QUERIES = sorted((ROOT / "sql" / "queries").glob("*.sql"))
MODEL_DAGS = {"model_training", "model_backtest", "model_promotion", "model_drift"}
FEATURE_DAGS = {"features_market", "features_materialize", "features_backfill", "features_audit"}
DAGS = {*STAGES, "audit_retention", "hazard_layer", "market_series", "property_pipeline", "quarantine_replay", "sale_decision",
        *MODEL_DAGS, *FEATURE_DAGS}  # fmt: skip
# Published tables and feature views; layers' pieces and the values of series, which pass a gate of their own when they are loaded; the
# ratio study of a model, which decides whether it is promoted, and the profile of the features, which decides whether they go online.
GATED = [name for name, promise in CONTRACTS.items() if promise.kind in {"published", "view"}] + [
    "reference.hazard_feature", "reference.market_value", "score.ratio_study", "features.profile",
]  # fmt: skip
HEAVY = ["pandas", "geopandas", "great_expectations", "feast", "splink", "shapely", "pyarrow", "psycopg", "boto3"]


def short(path):
    return path.relative_to(ROOT).as_posix()


def imported(path):
    """The modules that a file imports anywhere, those for type checking included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def roots(path):
    return {name.split(".")[0] for name in imported(path)}


# Contracts and suites


def test_every_gated_table_has_a_suite_and_every_suite_a_table():
    found = {f"{path.parent.name}.{path.stem}" for path in SUITES.rglob("*.json")}
    assert found == set(GATED)
    assert sum(len(json.loads(path.read_text())["expectations"]) for path in SUITES.rglob("*.json")) >= 35


@pytest.mark.parametrize("name", GATED)
def test_every_expectation_names_existing_columns_and_gives_its_reason_and_weight(name):
    suite = json.loads(suite_path(CONTRACTS[name]).read_text())
    assert suite["name"] == name
    assert suite["expectations"]
    for expectation in suite["expectations"]:
        assert set(expectation) <= {"type", "kwargs", "severity", "notes", "meta"}
        assert expectation["severity"] in {"critical", "warning"}
        assert expectation["notes"].endswith((".", "!", "?")), expectation
        assert set(expectation.get("meta", {})) <= {"quarantine_up_to"}
        assert 0 < expectation.get("meta", {}).get("quarantine_up_to", 1) <= 1
        kwargs = expectation["kwargs"]
        named = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs] + kwargs.get("column_list", [])
        assert set(named) <= set(CONTRACTS[name].column_names), expectation
    asked = [json.dumps([e["type"], e["kwargs"]], sort_keys=True) for e in suite["expectations"]]
    assert len(asked) == len(set(asked))


def test_every_suite_guards_the_key_of_its_table():
    for name in GATED:
        promise = CONTRACTS[name]
        unique = [
            tuple(e["kwargs"].get("column_list", [e["kwargs"].get("column")]))
            for e in json.loads(suite_path(promise).read_text())["expectations"]
            if e["type"].endswith("to_be_unique") and e["severity"] == "critical" and "meta" not in e
        ]
        # The pieces of a layer and the versions of a series are numbered by us when they are stored, after the gate; the run of a profile
        # is one.
        key = tuple(column for column in promise.row_key if column not in {"series_id", "run_id"})
        assert key in unique or name == "reference.hazard_feature", name


def test_every_stage_publishes_a_table_and_builds_it():
    for stage in STAGES:
        assert published_by(stage)
        tree = ast.parse((ROOT / "include" / "estate" / stage / "stage.py").read_text())
        assert "build" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, stage


def test_what_a_column_is_made_from_exists():
    for promise in CONTRACTS.values():
        for column in promise.columns:
            for made_from in column.made_from:
                table, _, name = made_from.rpartition(".")
                assert name in CONTRACTS[table].column_names, f"{promise.name}.{column.name} from {made_from}"


def test_names_of_columns_follow_the_house():
    for promise in CONTRACTS.values():
        for column in promise.columns:
            said = f"{promise.name}.{column.name}"
            assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name), said
            if column.sql_type == "boolean":
                assert column.name.startswith(("is_", "has_", "uses_")), said
            if column.sql_type == "date":
                assert column.name.endswith("_date"), said
            if column.sql_type == "timestamptz":
                assert column.name.endswith("_at"), said
            if column.sql_type.startswith("numeric"):
                assert column.name.endswith("_usd"), said
                assert column.unit == "usd", said


# DAGs

PARSE = """
import json, runpy, sys
from pathlib import Path
folder, heavy = Path(sys.argv[1]), sys.argv[2].split(",")
for path in sorted(folder.glob("*.py")):
    runpy.run_path(str(path))
loaded = sorted(set(heavy) & set(sys.modules))
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(str(folder))
said = {name: {
    "file": Path(dag.fileloc).name, "doc": dag.doc_md, "tags": sorted(dag.tags), "owners": sorted({task.owner for task in dag.tasks}),
    "tasks": [task.task_id for task in dag.tasks], "retries": sorted({task.retries for task in dag.tasks}), "catchup": dag.catchup,
    "params": {key: param.schema | {"described": bool(param.description)} for key, param in dag.params.items()},
} for name, dag in bag.dags.items()}
print(json.dumps({"loaded": loaded, "errors": bag.import_errors, "dags": said}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """What Airflow finds under dags/, and what parsing it loaded; in a process of its own, without any server."""
    home = tmp_path_factory.mktemp("airflow")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "ESTATE_"))}
    environment = kept | {
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "ESTATE_DATABASE_URL": "postgresql://nowhere.invalid/x", "PYTHONPATH": str(ROOT / "include"),
    }  # fmt: skip
    command = [sys.executable, "-c", PARSE, str(ROOT / "dags"), ",".join(HEAVY)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_dags_are_exactly_these(parsed):
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == DAGS
    assert {path.stem for path in (ROOT / "dags").glob("*.py")} == DAGS
    assert all(said["file"] == f"{name}.py" for name, said in parsed["dags"].items())


def test_parsing_a_dag_file_loads_nothing_heavy(parsed):
    assert parsed["loaded"] == []


@pytest.mark.parametrize("name", sorted(DAGS))
def test_a_dag_is_a_short_documented_table_of_contents(parsed, name):
    path = ROOT / "dags" / f"{name}.py"
    assert len(path.read_text().splitlines()) <= 40
    said = parsed["dags"][name]
    assert said["doc"].strip() == ast.get_docstring(ast.parse(path.read_text())).strip()
    assert "**writes**" in said["doc"] or "each stage" in said["doc"].lower() or "all stages" in said["doc"]
    assert said["tags"]
    assert said["owners"] == ["real-estate-os"]
    assert said["catchup"] is False
    assert said["retries"] == [2], "passing faults are tried again; refusals raise AirflowFailException"
    assert set(imported(path)) == {"airflow.sdk", "estate.orchestration"}


def steps_of(stage):
    """The tasks of a stage; score first sees that there is a model."""
    first = ["model"] if stage == "score" else []
    return [f"{stage}.{step}" for step in (*first, "build", "gate", "publish")]


def test_features_are_computed_and_go_online_behind_a_gate(parsed, monkeypatch):
    monkeypatch.setenv("ESTATE_DATABASE_URL", "postgresql://nowhere.invalid/x")
    assert parsed["dags"]["features_market"]["tasks"] == ["features.build", "features.gate", "features.publish"]
    assert parsed["dags"]["features_materialize"]["tasks"] == ["build", "gate", "push"]
    found = parsed["dags"]["features_backfill"]["tasks"]
    assert found == [f"{slug}.{step}" for slug in sorted(tenants()) for step in ("build", "gate", "push")]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_s_dag_builds_gates_and_publishes_in_that_order(parsed, name):
    steps = steps_of(name)
    assert parsed["dags"][name]["tasks"] == (["land", *steps] if name == "ingest" else steps)


def test_the_pipeline_lands_and_goes_through_every_stage_in_order(parsed):
    steps = [step for stage in STAGES for step in steps_of(stage)]
    assert parsed["dags"]["property_pipeline"]["tasks"] == ["land", *steps]
    assert parsed["dags"]["quarantine_replay"]["tasks"] == steps


def test_forms_offer_tenants_and_sources_to_choose_from(parsed, monkeypatch):
    monkeypatch.setenv("ESTATE_DATABASE_URL", "postgresql://nowhere.invalid/x")
    for name, said in parsed["dags"].items():
        params = said["params"]
        assert all(param["title"] and param["described"] for param in params.values()), name
        if name in {"model_drift", "features_audit"}:
            assert said["tasks"] == sorted(tenants()), "a daily run has no form; every tenant has its own task"
        elif name == "audit_retention":
            assert params == {}, "a daily run has no form; it works through every tenant"
        elif name == "features_backfill":
            assert params["tenant"]["enum"] == [None, *sorted(tenants())]
        elif name not in {"hazard_layer", "market_series"}:
            assert params["tenant"]["enum"] == sorted(tenants())
        if name in {"ingest", "property_pipeline"}:
            assert params["source"]["enum"] == declared_names("record")
            assert set(params) == {"tenant", "source", "file", "vintage_date"}
    assert parsed["dags"]["hazard_layer"]["params"]["source"]["enum"] == declared_names("hazard_layer")
    assert parsed["dags"]["market_series"]["params"]["source"]["enum"] == declared_names("market_series")
    assert sorted(name for kind in ("record", "hazard_layer", "market_series") for name in declared_names(kind)) == list(sources())


# Code


def test_only_orchestration_imports_airflow():
    found = {short(path) for path in CODE if path.parent.name != "plugins" and "airflow" in roots(path)}
    assert {name for name in found if not name.startswith("include/estate/orchestration/")} == {f"dags/{name}.py" for name in DAGS}
    assert found & {short(path) for path in CODE if path.parent.name == "orchestration"}


def test_the_api_and_the_platform_do_not_know_each_other_s_frameworks():
    for path in CODE:
        if short(path).startswith("include/estate/"):
            assert not roots(path) & {"flask", "werkzeug", "api", "local", "tests"}, short(path)
        if short(path).startswith("api/"):
            assert not roots(path) & {"airflow", "great_expectations", "local", "tests"}, short(path)


def test_great_expectations_is_known_to_the_gate_only():
    found = {short(path) for path in CODE if path.parent.name != "plugins" and "great_expectations" in roots(path)}
    assert found == {"include/estate/gate.py"}


EDGES = {"psycopg", "boto3", "redis", "requests", "httpx", "os", "time", "logging", "estate.settings", "estate.warehouse", "estate.landing"}
# Besides stage.py, which is the edge of its stage: where layers are fetched, stored and loaded, who knows the landed file, where models
# are trained, kept and watched, and where decisions about sales are kept; of the features, what reads the warehouse, Redis and Feast.
READ_AND_WRITE = {"hazard/layer_landing.py", "hazard/layer_store.py", "hazard/loading.py", "ingest/nfhl.py",
                  "score/registry.py", "score/training.py", "score/backtest.py", "score/ledger.py", "score/runs.py",
                  "score/sale_decision.py", "features/audit.py", "features/materialize.py", "features/offline.py", "features/online.py",
                  "features/page.py", "features/pending.py", "features/repository.py", "features/rows.py", "features/series_landing.py",
                  "features/store.py"}  # fmt: skip


def test_the_core_reads_no_clock_no_environment_and_no_server():
    packages = [ROOT / "include" / "estate" / name for name in (*STAGES, "features")]
    core = [path for package in packages for path in package.glob("*.py") if path.name != "stage.py"]
    assert core
    for path in core:
        if "/".join(path.parts[-2:]) in READ_AND_WRITE:
            continue
        text = path.read_text()
        at_run_time = re.sub(r"if TYPE_CHECKING:\n(?:    .*\n)+", "", text)
        names = set(re.findall(r"^\s*(?:from|import) ([\w.]+)", at_run_time, flags=re.MULTILINE))
        assert not names & EDGES, short(path)
        assert not re.search(r"datetime\.now\(|date\.today\(|Timestamp\.now\(|perf_counter\(", text), short(path)


@pytest.mark.parametrize("path", ALL_CODE, ids=short)
def test_no_file_is_longer_than_400_lines_or_named_for_nothing(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in {"utils", "util", "common", "helpers", "helper", "misc"}


def test_every_module_says_what_it_is_for():
    silent = [short(path) for path in CODE if not ast.get_docstring(ast.parse(path.read_text())) and path.read_text().strip()]
    assert silent == []


SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|MERGE\s+INTO|COPY\s+\(|CREATE\s+TABLE|SELECT\s+\*)", re.DOTALL
)


def built_sql(path):
    """Lines on which SQL is made by an f-string, by % or by format on a plain string."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
            text = node.left.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
            text = node.func.value.value if node.func.attr == "format" else ""
        else:
            continue
        if isinstance(text, str) and SQL.search(text):
            yield node.lineno


def test_no_sql_is_built_from_strings():
    # The draft of a migration is text for a person to read and edit, made from contracts and never run.
    found = [f"{short(path)}:{line}" for path in CODE if path.name != "ddl.py" for line in built_sql(path)]
    assert found == []


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_says_what_it_is_for_and_which_parameters_it_takes(path):
    text = path.read_text(encoding="utf-8")
    head = " ".join(re.match(r"(?:--.*\n)+", text)[0].replace("--", " ").split())
    body = re.sub(r"--.*", "", text)
    assert len(head) > 20
    wanted = set(re.findall(r"%\((\w+)\)s", body))
    assert not wanted or re.search(r"Parameters?:", head), "its parameters are not named"
    if "the columns of" not in head:
        assert {name for name in wanted if not re.search(rf"\b{name}\b", head)} == set()
    assert len([part for part in body.split(";") if part.strip()]) == 1, "one statement a file"


def test_every_query_is_used():
    code = "\n".join(path.read_text(encoding="utf-8") for path in CODE)
    of_views = {view.query for view in VIEWS.values()}
    assert of_views <= {path.stem for path in QUERIES}
    assert [path.stem for path in QUERIES if path.stem not in of_views and not re.search(rf"[\"']{path.stem}[\"']", code)] == []


# Documents


@pytest.mark.parametrize("name", ["docs/data_dictionary.md", "docs/sources.md", "docs/features.md", "README.md"])
def test_generated_documents_are_what_the_generator_writes(name):
    assert (ROOT / name).read_text(encoding="utf-8") == documents()[name], "run make docs"


def test_every_setting_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    assert re.findall(r"`(ESTATE_\w+)`", table) == [f"ESTATE_{name.upper()}" for name in Settings.model_fields]
    for path in (path for path in CODE if short(path).startswith(("include", "api", "dags", "plugins", "feature_repo"))):
        for name in re.findall(r"environ(?:\.get\(|\[)\"(ESTATE_\w+)\"", path.read_text()):
            assert f"`{name}`" in readme, f"{short(path)} reads {name}"


def test_migrations_are_numbered_without_gaps():
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "sql" / "migrations").glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_python_package_of_a_stage_is_a_stage():
    packages = {path.parent.name for path in (ROOT / "include" / "estate").glob("*/__init__.py")}
    assert packages == {*STAGES, "contracts", "features", "orchestration"}
