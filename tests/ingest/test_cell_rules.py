"""Each rule reads what it promises; what it cannot read becomes null and a fault, never something else."""

from __future__ import annotations

import pandas as pd
import pytest

from estate.ingest.rules import RULES, TEXT, apply_rules, check_rule, present

LOOKUPS = {
    "type": {"1010": "single_family", "1020": "condo", "none": ""},
    "open": {"1010": "single_family", "*": "other"},
    "stories": {"1H": 1.5, "2": 2, "A": ""},
}


def read(rules: list[str], *columns: list[str]) -> tuple[list[object], list[int]]:
    """The values and the positions of the faults."""
    parts = [present(pd.Series(column, dtype=TEXT)) for column in columns]
    values, faults = apply_rules(parts, rules, LOOKUPS)
    return [None if pd.isna(value) else value for value in values.tolist()], sorted({i for f in faults for i in f.mask[f.mask].index})


@pytest.mark.parametrize(
    ("rules", "columns", "values", "faults"),
    [
        (["text"], [[" 12  Oak St ", "", "  ", "nan"]], ["12  Oak St", None, None, "nan"], []),
        (["number"], [["1,250,000", "$3.50", "1.225e+006", "-.5", "+7", "2332.0"]], [1_250_000, 3.5, 1_225_000, -0.5, 7, 2332], []),
        (["number"], [["NaN", "inf", "0x1F", "1_000", "12,34", "1e999", "-", "ten"]], [None] * 8, list(range(8))),
        (["number"], [["1e308", ""]], [1e308, None], []),
        (["integer"], [["3.0", "-3", "2.5", "3019"]], [3, -3, None, 3019], [2]),
        (["multiply:0.5"], [["3", "x"]], [1.5, None], [1]),
        (["acres_to_sqft"], [["0.25", "acre"]], [10_890, None], [1]),
        (["sum"], [["1", "", "x"], ["2", "", "1"]], [3, None, 1], [2]),
        (["half_baths"], [["2", "1", "", "1"], ["1", "", "1", "x"]], [2.5, 1, None, None], [3]),
        (["half_baths"], [["1"], ["1"], ["1"], ["1"]], [3], []),
        (
            ["month_end"],
            [["2008", "2010", "", "2010"], ["2", "7", "", "13"]],
            [pd.Timestamp("2008-02-29"), pd.Timestamp("2010-07-31"), None, None],
            [3],
        ),
        (["lookup:type"], [["1010", "9999", "", "none"]], ["single_family", None, None, None], [1]),
        (["lookup:open"], [["1010", "9999", ""]], ["single_family", "other", None], []),
        (["lookup:stories"], [["1H", "A", "2", "7"]], [1.5, None, 2, None], [3]),
        (["yes_no"], [["Y", "f", "1", "TRUE", "", "maybe"]], [True, False, True, True, None, None], [5]),
        (["zip5"], [["98178", "98178-0001", "981780001", "9817", "O8178"]], ["98178", "98178", "98178", None, None], [3, 4]),
        (["pad:10"], [["123456789", "7129300520", "71293005201", "12-3"]], ["0123456789", "7129300520", None, None], [2, 3]),
        (["concat:, "], [["12 Oak", "", "9 Elm"], ["Ames", "Ames", ""]], ["12 Oak, Ames", "Ames", "9 Elm"], []),
        (["first_of"], [["", "a"], ["b", "c"]], ["b", "a"], []),
        (["integer", "null_if:0"], [["0", "1991"]], [None, 1991], []),
        (["null_if:0/0|none"], [["0/0", "none", "1/2"]], [None, None, "1/2"], []),
        (["date:%Y-%m-%d", "null_if:1900-01-01"], [["1900-01-01", "2024-05-01"]], [None, pd.Timestamp("2024-05-01")], []),
        (["null_if_equal", "integer"], [["1960", "1998"], ["1960", "1960"]], [None, 1998], []),
        (["constant:WA"], [["", "x"]], ["WA", "WA"], []),
        (["unit_of_address"], [["1 Oak, 5B", "2 Oak", "3 Oak, 9"], ["", "", "7C"]], ["5B", None, "7C"], []),
    ],
    ids=lambda part: part[0] if isinstance(part, list) and part and isinstance(part[0], str) else "",
)
def test_a_rule_reads_what_it_promises(rules, columns, values, faults):
    assert read(rules, *columns) == (values, faults)


@pytest.mark.parametrize(
    ("form", "cell", "is_readable"),
    [
        ("%Y-%m-%d", "2024-02-29", True),
        ("%Y-%m-%d", "2023-02-29", False),
        ("%Y-%m-%d", "05/01/2024", False),
        ("%m/%d/%Y", "13/01/2024", False),
        ("%m/%d/%Y", "12/31/2024 10:00", False),
        ("%Y%m%dT000000", "20141013T000000", True),
        ("%Y-%m-%d 00:00:00", "2017-10-23 00:00:00", True),
    ],
)
def test_a_date_is_read_in_exactly_the_declared_order(form, cell, is_readable):
    values, faults = read([f"date:{form}"], [cell])
    assert (values != [None], faults) == (is_readable, [] if is_readable else [0])


def test_a_number_is_the_nearest_double():
    assert read(["number"], ["-122.354365", "0.3"]) == ([-122.354365, 0.3], [])


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("guess", "no rule is called guess"),
        ("pad", "takes an argument"),
        ("number:2", "takes no argument"),
        ("lookup:gone", "no lookup table"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused_when_it_is_declared(rule, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_rule(rule, LOOKUPS)


def test_every_rule_says_what_it_does():
    assert all(rule.meaning for rule in RULES.values())
