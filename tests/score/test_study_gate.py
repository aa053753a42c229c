"""The gate of a model: which studies let it be promoted, and what the refusal of an unfair one says."""

import json

import numpy as np
import pytest

from estate.arrow import frame_to_arrow
from estate.contracts import contract
from estate.gate import judge, suite_path
from estate.score.model_page import BOUNDS
from estate.score.ratio_strata import strata
from tests.frames import some_tenant
from tests.score.backtests import backtest

PROMISE = contract("score.ratio_study")
TENANT = some_tenant()


def judged(valued, **said):
    study = strata(valued)
    for name, value in said.items():
        study.loc[study["stratum_kind"] == "all", name] = value
    rows = study.assign(tenant_id=str(TENANT.tenant_id), model_id="a-model")
    return judge(PROMISE, frame_to_arrow(rows, PROMISE), "test")


def refusals(verdict):
    return {failure.field_name: failure.detail for failure in verdict.failures if failure.outcome == "refused"}


def test_an_honest_model_passes():
    verdict = judged(backtest(800))
    assert verdict.is_passed
    assert refusals(verdict) == {}


def test_an_unfair_model_is_refused_by_name_and_number():
    verdict = judged(backtest(800, bias=-0.2))
    assert not verdict.is_passed
    found = refusals(verdict)
    assert {"prd_low", "prb_high", "vei_high"} <= set(found)
    assert found["prd_low"].startswith("all 1.0")
    assert found["prd_low"].endswith("should be at most 1.03")
    assert found["vei_high"].endswith("should be at least -10")


@pytest.mark.parametrize(
    ("said", "field_name"),
    [
        ({"median_ratio": 1.11}, "median_ratio"), ({"median_ratio": 0.89}, "median_ratio"), ({"cod_low": 15.01}, "cod_low"),
        ({"prd_low": 1.031}, "prd_low"), ({"prd_high": 0.979}, "prd_high"), ({"prb_low": 0.101}, "prb_low"),
        ({"prb_high": -0.101}, "prb_high"), ({"vei_low": 10.1}, "vei_low"), ({"vei_high": -10.1}, "vei_high"),
        ({"coverage_80_rate": 0.69}, "coverage_80_rate"), ({"coverage_80_rate": 0.91}, "coverage_80_rate"),
        ({"coverage_95_rate": 0.89}, "coverage_95_rate"), ({"refused_rate": 0.51}, "refused_rate"),
        ({"trimmed_rate": 0.11}, "trimmed_rate"), ({"prb": np.nan}, "prb"), ({"stratum_kind": "whole"}, None),
    ],
)  # fmt: skip
def test_each_bound_refuses_by_itself(said, field_name):
    assert field_name in refusals(judged(backtest(300), **said))


@pytest.mark.parametrize("said", [{"prd": 1.04}, {"prb": -0.07}, {"vei": -11}, {"cod": 4.9}, {"cod": 15.2}])
def test_a_statistic_beyond_its_bound_whose_interval_reaches_it_is_only_warned_of(said):
    verdict = judged(backtest(300), **said)
    assert verdict.is_passed
    assert next(iter(said)) in {failure.field_name for failure in verdict.failures if failure.outcome == "warned"}


@pytest.mark.parametrize("count", [0, 3, 19])
def test_a_market_with_too_few_sales_is_refused_and_the_number_is_said(count):
    found = refusals(judged(backtest(count)))
    assert found["sale_count"] == f"all {count}, should be at least 20".removeprefix("all " if not count else "")
    assert "vei" in found


def test_an_area_out_of_level_is_warned_of_by_name():
    valued = backtest(800, spread=0.05)
    area = valued["market_area"].mode()[0]
    valued.loc[valued["market_area"] == area, ["estimated_value_usd"]] *= 1.12
    valued.loc[valued["market_area"] == area, ["value_low_usd", "value_high_usd", "value_low_95_usd", "value_high_95_usd"]] *= 1.12
    warned = {failure.field_name: failure for failure in judged(valued).failures if failure.outcome == "warned"}
    assert f"market_area {area} 0." in warned["level_difference_low_rate"].detail


def test_the_bounds_on_the_page_are_those_of_the_gate():
    held = {}
    for expectation in json.loads(suite_path(PROMISE).read_text())["expectations"]:
        kwargs = expectation["kwargs"]
        if expectation["severity"] == "critical" and expectation["type"] == "expect_column_values_to_be_between":
            held.setdefault(kwargs["column"], {}).update(
                {end: kwargs[f"{end}_value"] for end in ("min", "max") if f"{end}_value" in kwargs}
            )
    for bound in BOUNDS:
        ends = (f"{bound.name}_high", f"{bound.name}_low") if bound.by == "interval" else (bound.name, bound.name)
        assert (held.get(ends[0], {}).get("min"), held.get(ends[1], {}).get("max")) == (bound.low, bound.high), bound.name
