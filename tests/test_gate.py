"""The gate's rules: what passes, what is kept back, what refuses a whole batch. One small suite a test."""

import json
import uuid

import pandas as pd
import pytest

from estate.arrow import frame_to_arrow
from estate.batch import content_sha256
from estate.contracts import contract
from estate.gate import UNREADABLE, judge
from tests.frames import EXPOSURE, exposures, frame, some_tenant, thing_id

TENANT = some_tenant()
PROMISE = contract(EXPOSURE)


def expect(kind, severity="critical", up_to=None, **kwargs):
    meta = {} if up_to is None else {"meta": {"quarantine_up_to": up_to}}
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "notes": f"Because {kind}."} | meta


def in_range(column="flood_score", **more):
    return expect("column_values_to_be_between", column=column, min_value=0, max_value=1, **more)


def not_null(column="flood_score", **more):
    return expect("column_values_to_not_be_null", column=column, **more)


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Judge scores, one row each, by a suite of the given expectations."""
    monkeypatch.setattr("estate.gate.SUITES", tmp_path)

    def run(scores, *expectations, defects=None, promise=PROMISE, rows=None, **meta):
        path = tmp_path / promise.schema / f"{promise.table}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"name": promise.name, "meta": meta, "expectations": expectations}))
        rows = frame_to_arrow(exposures(TENANT, dict(enumerate(scores))), PROMISE) if rows is None else rows
        return judge(promise, rows, "test", defects)

    return run


def outcomes(verdict):
    return [(failure.expectation.removeprefix("expect_"), failure.rows, failure.outcome) for failure in verdict.failures]


def unreadable(*positions):
    return pd.DataFrame({"position": positions, "field_name": "flood_score", "reason": "'n/a' is no number"})


# What passes and what refuses


def test_a_batch_passes_when_every_expectation_holds(judged):
    verdict = judged([0.1, 0.2], in_range(), not_null())
    assert verdict.is_passed
    assert (verdict.rows_in, verdict.expectation_count, verdict.failures, verdict.rejected) == (2, 2, [], [])


def test_an_empty_suite_refuses(judged):
    assert outcomes(judged([0.1])) == [("suite_is_not_empty", 1, "refused")]


def test_an_empty_batch_refuses(judged):
    verdict = judged([], not_null())
    assert not verdict.is_passed
    assert outcomes(verdict) == [("batch_has_rows", 0, "refused")]


def test_an_empty_batch_passes_where_the_contract_says_that_none_is_sound(judged):
    promise = contract("normalize.sale")
    rows = frame_to_arrow(frame(promise.name, TENANT, []), promise)
    assert judged([], not_null("sale_price_usd"), promise=promise, rows=rows).is_passed


def test_a_critical_failure_refuses_and_counts_its_rows(judged):
    verdict = judged([0.1, 1.5, None, 2.5], in_range())
    assert not verdict.is_passed
    (failure,) = verdict.failures
    assert (failure.rows, failure.severity, failure.reason) == (2, "critical", "Because column_values_to_be_between.")
    assert str(failure) == "expect_column_values_to_be_between(flood_score) in 2 rows"


def test_a_column_of_nulls_refuses_where_values_are_expected(judged):
    assert outcomes(judged([None, None], in_range(), not_null())) == [("column_values_to_not_be_null", 2, "refused")]


@pytest.mark.parametrize("severity", ["critical", "warning"])
@pytest.mark.parametrize("up_to", [None, 1.0])
def test_an_expectation_that_raised_refuses_whatever_its_weight(judged, severity, up_to):
    verdict = judged([0.1, 0.2], in_range(), not_null("no_such_column", severity=severity, up_to=up_to))
    assert not verdict.is_passed
    (failure,) = verdict.failures
    assert failure.outcome == "refused"
    assert "no_such_column" in failure.detail


def test_a_warning_is_reported_and_refuses_nothing(judged):
    verdict = judged([0.1, 1.5], in_range(severity="warning"))
    assert verdict.is_passed
    assert verdict.rejected == []
    assert outcomes(verdict) == [("column_values_to_be_between", 1, "warned")]


def test_an_expectation_about_the_whole_table_refuses_and_never_quarantines(judged):
    verdict = judged([0.1, 0.2], expect("table_row_count_to_be_between", min_value=3, up_to=1.0))
    assert not verdict.is_passed
    assert verdict.rejected == []


# Expectations about named rows


def on_rows(score, **more):
    condition = {"type": "comparison", "column": {"name": "flood_zone"}, "operator": "==", "parameter": score}
    return {"row_condition": condition} | more


def zoned(*rows):
    said = [{"property_id": thing_id(number), "flood_zone": zone, "flood_score": score} for number, (zone, score) in enumerate(rows)]
    return frame_to_arrow(frame(EXPOSURE, TENANT, said), PROMISE)


def test_an_expectation_about_named_rows_judges_these_alone_and_names_them_with_the_number_found(judged):
    rows = zoned(("AE", 1.5), ("X", 7.0), ("AE", 0.5))
    verdict = judged([], in_range(**on_rows("AE")), rows=rows)
    assert not verdict.is_passed
    (failure,) = verdict.failures
    assert (failure.rows, failure.detail) == (1, f"{thing_id(0)} 1.5, should be at least 0 and at most 1")


def test_no_more_than_three_rows_are_named(judged):
    verdict = judged([], in_range(**on_rows("AE", severity="warning")), rows=zoned(*[("AE", 2.0)] * 5))
    assert verdict.is_passed
    assert verdict.failures[0].detail.split(",")[0].count(";") == 2
    assert "2 and 2 more, should be" in verdict.failures[0].detail


def test_text_that_a_file_brought_along_is_never_named(judged):
    secret = expect("column_values_to_be_in_set", column="flood_zone", value_set=["X"], **on_rows("AE"))
    (failure,) = judged([], secret, rows=zoned(("AE", 0.1), ("X", 0.1))).failures
    assert failure.detail == thing_id(0)


def test_named_rows_that_are_missing_are_counted(judged):
    (failure,) = judged([], expect("table_row_count_to_equal", value=1, **on_rows("AE")), rows=zoned(("X", 0.1))).failures
    assert (failure.outcome, failure.detail) == ("refused", "flood_zone == AE: 0")


# Quarantine


def test_rows_below_the_share_are_kept_back_and_named(judged):
    verdict = judged([None, 1.5, 0.1, -2.0, None, 0.5, 0.5, 0.5], in_range(up_to=0.25), not_null("property_id"))
    assert verdict.is_passed
    assert verdict.rejected == [1, 3]
    assert verdict.quarantined.to_dict("records")[0] == {
        "position": 1, "expectation": "expect_column_values_to_be_between", "field_name": "flood_score",
        "reason": "Because column_values_to_be_between.",
    }  # fmt: skip
    assert outcomes(verdict) == [("column_values_to_be_between", 2, "quarantined")]


@pytest.mark.parametrize(("bad", "is_passed"), [(1, True), (2, True), (3, False)])
def test_exactly_the_share_passes_and_one_row_more_refuses(judged, bad, is_passed):
    verdict = judged([1.5] * bad + [0.5] * (10 - bad), in_range(up_to=0.2))
    assert verdict.is_passed is is_passed
    assert len(verdict.rejected) == (bad if is_passed else 0)


def test_pairs_and_compound_keys_name_the_rows_they_break(judged):
    rows = frame_to_arrow(
        frame(EXPOSURE, TENANT, [
            {"flood_score": None, "flood_zone": "A", "composite_low": 0.1, "composite_high": 0.2},
            {"flood_score": 0.3, "flood_zone": "A", "composite_low": 0.4, "composite_high": 0.2},
            {"flood_score": 0.3, "flood_zone": "A", "composite_low": 0.1, "composite_high": 0.2},
            {"flood_score": 0.4, "flood_zone": "X", "composite_low": 0.1, "composite_high": 0.2},
        ]), PROMISE)  # fmt: skip
    pair = expect(
        "column_pair_values_a_to_be_greater_than_b", column_A="composite_high", column_B="composite_low", or_equal=True, up_to=0.5
    )
    compound = expect("compound_columns_to_be_unique", column_list=["flood_score", "flood_zone"], up_to=0.5)
    verdict = judged([], pair, rows=rows)
    assert verdict.rejected == [1]
    assert verdict.quarantined["field_name"].tolist() == ["composite_high, composite_low"]
    assert judged([], compound, rows=rows).rejected == [1, 2]


def test_a_row_that_breaks_two_expectations_is_kept_back_once_with_both_reasons(judged):
    rows = exposures(TENANT, dict.fromkeys(range(4), 0.5)).assign(heat_score=[0.5, 3.0, 0.5, 0.5], flood_score=[0.5, 2.0, 0.5, 0.5])
    verdict = judged([], in_range(up_to=0.25), in_range("heat_score", up_to=0.25), rows=frame_to_arrow(rows, PROMISE))
    assert verdict.rejected == [1]
    assert sorted(verdict.quarantined["field_name"]) == ["flood_score", "heat_score"]


def test_quarantine_that_leaves_nothing_refuses(judged):
    verdict = judged([1.5, 2.5], in_range(up_to=1.0))
    assert not verdict.is_passed
    assert outcomes(verdict)[-1] == ("batch_has_rows", 2, "refused")


def test_what_still_fails_without_the_quarantined_rows_refuses(judged):
    # Ten rows lie in the range asked of the mean; without the one that lifted it, nine do not.
    verdict = judged(
        [0.2] * 9 + [9.0],
        in_range(up_to=0.1),
        expect("column_mean_to_be_between", column="flood_score", min_value=0.5, max_value=2),
    )
    assert not verdict.is_passed
    assert verdict.failures[-1].detail == "still fails without the quarantined rows"


# Cells that could not be read


def test_rows_with_unreadable_cells_are_kept_back_up_to_the_suite_s_share(judged):
    verdict = judged([0.1] * 10, not_null("property_id"), defects=unreadable(2, 2, 7), defects_up_to=0.2)
    assert verdict.is_passed
    assert verdict.rejected == [2, 7]
    assert set(verdict.quarantined["expectation"]) == {UNREADABLE}


@pytest.mark.parametrize("meta", [{"defects_up_to": 0.2}, {}])
def test_more_unreadable_rows_than_the_suite_allows_refuse(judged, meta):
    verdict = judged([0.1] * 10, not_null("property_id"), defects=unreadable(1, 2, 3), **meta)
    assert not verdict.is_passed
    assert outcomes(verdict) == [(UNREADABLE, 3, "refused")]
    assert verdict.rejected == []


# What the verdict carries


def test_the_verdict_carries_the_suite_s_digest_and_the_pages_good_or_bad(judged, tmp_path):
    for scores in ([0.5], [5.0]):
        verdict = judged(scores, in_range())
        assert verdict.suite_sha256 == content_sha256((tmp_path / "hazard" / "exposure.json").read_bytes())
        assert verdict.docs_page.startswith("validations/")
        assert b"flood_score" in verdict.docs[verdict.docs_page]
        assert isinstance(verdict.verdict_id, uuid.UUID)


def test_judging_does_not_change_the_rows(judged):
    rows = frame_to_arrow(exposures(TENANT, {1: 5.0, 2: 0.5}), PROMISE)
    before = rows.to_pydict()
    judged([], in_range(up_to=0.5), rows=rows)
    assert rows.to_pydict() == before


# Batches of many slices


@pytest.fixture
def small_slices(monkeypatch):
    """Three rows a slice."""
    monkeypatch.setattr("estate.gate.SLICE_ROWS", 3)
    monkeypatch.setattr("estate.staged.SLICE_ROWS", 3)


@pytest.mark.usefixtures("small_slices")
def test_rows_are_counted_and_named_over_all_slices(judged):
    verdict = judged([0.1, 0.2, 0.3, 4.0, 0.5, 0.6, 0.7, 8.0], in_range(up_to=0.25))
    assert verdict.rejected == [3, 7]
    assert outcomes(verdict) == [("column_values_to_be_between", 2, "quarantined")]
    assert outcomes(judged([0.1, 0.2, 0.3, 4.0, 0.5, 0.6, 0.7, 8.0], in_range(up_to=0.2))) == [
        ("column_values_to_be_between", 2, "refused")
    ]


@pytest.mark.usefixtures("small_slices")
def test_a_key_that_comes_twice_in_two_slices_refuses(judged):
    rows = exposures(TENANT, dict.fromkeys(range(7), 0.5))
    rows.loc[6, "property_id"] = rows.loc[0, "property_id"]
    verdict = judged([], expect("column_values_to_be_unique", column="property_id"), rows=frame_to_arrow(rows, PROMISE))
    assert not verdict.is_passed
    assert outcomes(verdict) == [("key_is_unique", 7, "refused")]


@pytest.mark.usefixtures("small_slices")
def test_the_page_named_is_one_that_shows_a_failure(judged):
    verdict = judged([0.1, 0.2, 0.3, 4.4321, 0.5, 0.6], in_range())
    assert b"4.4321" in verdict.docs[verdict.docs_page]


def test_a_row_kept_back_for_an_unreadable_cell_is_judged_no_further(judged):
    verdict = judged([0.5] * 39 + [None], not_null(), defects=unreadable(39), defects_up_to=0.05)
    assert verdict.is_passed
    assert verdict.rejected == [39]
    assert [failure.expectation for failure in verdict.failures] == [UNREADABLE]
