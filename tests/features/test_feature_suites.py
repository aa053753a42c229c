"""The suites of the views: no row stops a tenant's features that its own stage would not have kept back."""

import json

import pytest

from estate.contracts import CONTRACTS
from estate.features.definitions import VIEWS
from estate.gate import suite_path

ROW_BOUNDS = {
    "expect_column_values_to_be_between", "expect_column_values_to_match_regex", "expect_column_values_to_be_in_set",
    "expect_column_values_to_be_null",
}  # fmt: skip
CRITICAL = [
    pytest.param(view, e, id=f"{name}-{e['kwargs']['column']}")
    for name, view in VIEWS.items()
    for e in json.loads(suite_path(view.contract).read_text())["expectations"]
    if e["type"] in ROW_BOUNDS and e["severity"] == "critical" and "mostly" not in e["kwargs"]
]


def is_implied(asked, given):
    """Whether every value that `given` lets through is one that `asked` lets through."""
    if asked["type"] != given["type"] or given["severity"] != "critical" or "row_condition" in given["kwargs"]:
        return False
    wanted, said = asked["kwargs"], given["kwargs"]
    if asked["type"] == "expect_column_values_to_match_regex":
        return wanted["regex"] == said["regex"]
    if asked["type"] == "expect_column_values_to_be_in_set":
        return set(said["value_set"]) <= set(wanted["value_set"])
    low, least = wanted.get("min_value"), said.get("min_value")
    high, most = wanted.get("max_value"), said.get("max_value")
    is_above = low is None or (least is not None and (least > low or (least == low and not wanted.get("strict_min"))))
    return is_above and (high is None or (most is not None and most <= high))


def test_there_are_bounds_to_look_at():
    assert len(CRITICAL) > 20


@pytest.mark.parametrize(("view", "expectation"), CRITICAL)
def test_every_critical_bound_of_a_view_is_one_of_the_table_that_the_feature_is_copied_from(view, expectation):
    (made_from,) = view.contract.column(expectation["kwargs"]["column"]).made_from
    table, _, column = made_from.rpartition(".")
    theirs = json.loads(suite_path(CONTRACTS[table]).read_text())["expectations"]
    assert any(e["kwargs"].get("column") == column and is_implied(expectation, e) for e in theirs)
