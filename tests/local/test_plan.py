"""The demonstration's plan names what there is, and its summary adds up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from estate.ingest.declaration import sources
from local.demo import _stages
from local.environment import environment
from local.layout import ANY_PORTS, ROOT, layout
from local.plan import Run, offer, steps
from local.summary import _explained, _short, _values
from local.summary import _stages as _stage_table
from local.tenants import docs_password, tenants


@pytest.mark.parametrize("data", [None, Path("data")])
def test_every_run_names_a_dag_and_every_run_over_a_file_a_tenant_and_a_declared_source(data: Path | None) -> None:
    runs = [run for step in steps(data) for run in step.runs]
    assert all((ROOT / "dags" / f"{run.dag}.py").exists() for run in runs)
    over_files = [run for run in runs if run.source and run.file]
    assert len(over_files) >= 7
    for run in over_files:
        source = sources()[run.source or ""]
        assert source.kind == (run.dag if run.dag in {"hazard_layer", "market_series"} else "record")
        assert run.tenant in tenants() if source.kind == "record" else run.tenant is None
        assert Path(Path(run.file or "").name).match(source.file_glob)


@pytest.mark.parametrize("data", [None, Path("data")])
def test_a_demonstration_ends_with_features_online_and_compared(data: Path | None) -> None:
    *_, market, materialized, audited = [run for step in steps(data) for run in step.runs]
    assert [run.dag for run in (market, materialized, audited)] == ["features_market", "features_materialize", "features_audit"]
    assert [run.awaited for run in (market, materialized, audited)] == [True, True, False]
    assert audited.conf == {}


def test_an_awaited_run_takes_tenant_and_batch_from_the_run_that_starts_it() -> None:
    pipeline = Run(dag="property_pipeline", tenant="lakeside", source="ames_sales", file="ames_sales.parquet")
    follower = Run(dag="features_market", awaited=True).after(pipeline)
    assert (follower.tenant, follower.title) == ("lakeside", "lakeside: features_market after ames_sales")
    with pytest.raises(ValueError, match="takes tenant and batch from the run that starts it"):
        Run(dag="features_market", tenant="lakeside", awaited=True)
    with pytest.raises(ValueError, match="source and file go together"):
        Run(dag="property_pipeline", tenant="lakeside", source="ames_sales")


def test_the_demo_runs_both_tenants_and_expects_exactly_one_refusal() -> None:
    runs = [run for step in steps(None) for run in step.runs]
    assert {run.tenant for run in runs} == {None, *tenants()}
    assert [run.tenant for run in runs if run.expect == "refused"] == ["harborview"]


def test_a_file_that_is_not_there_is_skipped_and_named(tmp_path: Path) -> None:
    machine = layout(tmp_path / "machine", ANY_PORTS)
    (tmp_path / "data" / "sales").mkdir(parents=True)
    (tmp_path / "data" / "sales" / "king_county_2014_2015.csv.gz").write_bytes(b"")
    kept, missing = offer(machine, steps(tmp_path / "data"), tmp_path / "data")
    assert [run.source or run.dag for step in kept for run in step.runs] == [
        "king_county_sales_2014", "features_market", "features_materialize", "features_audit",
    ]  # fmt: skip
    assert "sales/nyc_rolling_sales_2023_2024_statenisland.xlsx" in missing
    landing = Path(environment(machine.folder)["ESTATE_LANDING_DIR"])
    assert [path.name for path in (landing / "lakeside").iterdir()] == ["king_county_2014_2015.csv.gz"]


def test_a_stage_is_done_when_each_of_its_tasks_is() -> None:
    assert _stages({"land": "success", "ingest.build": "success", "ingest.gate": "failed", "score.build": ""}) == ["land"]
    assert _stages({"ingest.build": "success", "ingest.gate": "success"}) == ["ingest"]


@pytest.mark.parametrize(("value", "text"), [(0.058292, "0.0583"), (2944.0, "2,944"), (3.0, "3"), (1977, 1977), ("AE", "AE")])
def test_numbers_are_shown_as_people_write_them(value: object, text: object) -> None:
    assert _short(value) == text


def test_each_tenant_has_a_password_of_its_own_that_stays(tmp_path: Path) -> None:
    machine = layout(tmp_path, ANY_PORTS)
    passwords = [docs_password(machine, slug) for slug in tenants()]
    assert len(set(passwords)) == len(tenants())
    assert passwords == [docs_password(layout(tmp_path), slug) for slug in tenants()]


def test_make_help_lists_every_command() -> None:
    text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "up", "down", "status", "clean", "check", "test", "bench", "docs", "token", "help"):
        assert f"make {target} " in text


def test_a_value_is_told_with_its_heaviest_comparables_its_largest_contributions_and_what_changes_would_come_to() -> None:
    comparable = {"sale_age_days": 40, "distance_m": 1310.2, "sale_price_usd": 180000, "adjusted_price_usd": 184200.4, "weight": 0.214}
    parts = [{"name": f"part_{usd}", "contribution_usd": usd} for usd in (10, -7000.4, 20, 3000, 30, 500, 400)]
    value = {
        "estimated_value_usd": 182300.4, "valuation_date": "2010-07-31", "interval_level": 0.8, "value_low_usd": 160000,
        "value_high_usd": 205000, "value_low_95_usd": 140000, "value_high_95_usd": 240000, "confidence_band": "high", "fsd": 0.114,
        "comparable_count": 4,
    }  # fmt: skip
    lines = _explained({
        "value": value, "comparables": [{**comparable, "comparable_rank": rank} for rank in (1, 2, 3, 4)],
        "contributions": {"base_usd": 185340.8, "parts": parts},
        "counterfactuals": [
            {"change_name": "renovated", "field_name": "year_renovated", "field_value_from": None, "field_value_to": 2010.0,
             "changed_value_usd": 190000, "value_change_usd": 7699.6, "assumption": "All else stays."},
        ],
    })  # fmt: skip
    largest = "part -7000.4 -$7,000, part 3000 +$3,000, part 500 +$500, part 400 +$400, part 30 +$30"
    assert lines == [
        ("value", "$182,300 on 2010-07-31, 80 % interval $160,000 to $205,000, 95 % interval $140,000 to $240,000"),
        ("confidence", "high, an error of 11 % is to be expected"),
        *(
            (f"comparable {rank} of 4", "sold 40 days before, 1,310 m away, for $180,000; adjusted $184,200, weight 0.21")
            for rank in (1, 2, 3)
        ),
        ("made of", f"$185,341 for the typical sale; {largest} and 2 smaller parts"),
        ("if renovated", "year_renovated none → 2010: $190,000, +$7,700. All else stays."),
    ]
    assert _explained({"value": None}) == _explained({"value": {"estimated_value_usd": None}}) == []


def test_values_and_refusals_are_counted_with_their_reasons() -> None:
    rows = [
        {"refusal_reason": None, "property_count": 2871},
        {"refusal_reason": "no sale like it", "property_count": 40},
        {"refusal_reason": "no living area", "property_count": 19},
    ]
    assert _values(rows) == [
        "values     2,871 given, 59 refused",
        "           40 refused: no sale like it",
        "           19 refused: no living area",
    ]
    assert _values(rows[1:])[0] == "values     0 given, 59 refused"


def test_the_table_of_stages_leaves_out_what_is_judged_and_never_published() -> None:
    judged = {"is_passed": True, "rows_in": 5, "rows_quarantined": 0, "rows_published": None, "rows_unchanged": None}
    table = _stage_table([{**judged, "table_name": name} for name in ("features.property_physical", "features.market", "ingest.record")])
    assert list(table.columns[1].cells) == ["ingest.record", "features.market"]
