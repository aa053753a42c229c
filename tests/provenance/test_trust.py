"""Trust is what is known about a value's origin, and never more."""

import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estate.contracts.normalize import PROPERTY
from estate.provenance import trust as t
from estate.provenance.derived import source_vintages, trust_frame

ROOT = Path(__file__).resolve().parents[2]


def one(*, authority=0.95, age=0, refresh=365, made="copied", agreement="sole", failures=False, gate=True, synthetic=False):
    return float(t.field_trust([authority], [age], [refresh], [made], [agreement], [failures], [gate], is_synthetic=[synthetic])[0])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, 0.95),
        ({"agreement": "agree"}, 0.975),
        ({"age": 3 * 365}, 0.2375),
        ({"made": "parsed", "failures": True}, 0.5415),
        ({"synthetic": True}, 0.20),
    ],
)
def test_the_examples_of_the_documentation_hold(facts, expected):
    assert one(**facts) == pytest.approx(expected)
    assert f"| {expected:.4f}".rstrip("0") in (ROOT / "docs" / "trust.md").read_text()


def test_the_documented_weights_are_the_weights_used():
    text = (ROOT / "docs" / "trust.md").read_text()
    documented = {name: float(value) for name, value in re.findall(r"`?(\w+)`? = (\d\.\d+)", text)}
    for name in (
        "AGREE_DOUBT",
        "DIFFER",
        "AUTHORITY_UNKNOWN",
        "FRESH_FLOOR",
        "MADE_UNKNOWN",
        "RULES_FAILED",
        "RULES_NONE",
        "GATE_NONE",
        "GATE_FAILED",
        "SYNTHETIC_CAP",
        "WEAKEST",
    ):
        assert documented[name] == getattr(t, name), name
    assert {name: documented[name] for name in t.MADE} == dict(t.MADE)


def test_no_rule_run_is_not_all_rules_passed():
    assert one(failures=True) < one(failures=None) < one(failures=False)


def test_no_verdict_is_not_a_passed_gate():
    assert one(gate=False) < one(gate=None) < one(gate=True)


def test_a_second_source_that_differs_costs_and_one_that_agrees_gains():
    assert one(agreement="differ") < one(agreement="sole") < one(agreement="agree")


def test_synthetic_data_is_never_trusted_like_an_observation():
    best = one(authority=1.0, agreement="agree", synthetic=True)
    assert best == t.SYNTHETIC_CAP < one(authority=0.5)


def test_age_counts_in_the_sources_own_cycles():
    assert one(age=20, refresh=1) < one(age=20, refresh=30) == one(age=0, refresh=30)
    assert one(age=-3) == one(age=0)
    assert one(age=float("nan")) == one(age=2 * 365)


def test_an_agreement_or_authority_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="agreement is sole, agree or differ"):
        one(agreement="maybe")
    with pytest.raises(ValueError, match="between 0 and 1"):
        one(authority=1.2)


def layer(location=(0.95, 0.9), *, authority=0.9, age=0, synthetic=False):
    return t.reading_trust(t.source_trust(authority, age, 365, gate_passed=True, is_synthetic=synthetic), location)


def test_what_a_layer_says_of_a_place_is_trusted_no_more_than_the_layer_or_the_place():
    assert layer() == pytest.approx(0.9)
    assert layer(location=(0.95, 0.4)) == 0.4
    assert layer(age=2 * 365) == pytest.approx(0.45)
    assert layer(authority=1.0, synthetic=True) == t.SYNTHETIC_CAP
    assert layer(location=()) == 0.0, "nobody knows where the place is"


def test_a_layer_whose_source_is_no_longer_declared_is_trusted_less_than_half():
    assert t.source_trust(None, 0, None, gate_passed=True, is_synthetic=False) == pytest.approx(0.50 * 0.5 * 0.9)


def test_what_is_made_of_others_has_the_trust_of_the_weakest_times_its_making():
    assert t.derived_trust([0.95, 0.5415, 0.9], "modelled") == pytest.approx(0.3249)
    assert "| 0.3249 |" in (ROOT / "docs" / "trust.md").read_text()
    assert t.derived_trust([0.95], "assigned") == 0.95
    assert t.derived_trust([0.95], "guessed") == pytest.approx(0.95 * t.MADE_UNKNOWN)
    assert t.derived_trust([], "modelled") == 0.0


answers = st.sampled_from([True, False, None])


@given(
    age=st.floats(0, 1e5),
    rest=st.fixed_dictionaries({
        "authority": st.floats(0, 1), "refresh": st.floats(0.5, 4000), "made": st.sampled_from([*t.MADE, "guessed", None]),
        "agreement": st.sampled_from(["sole", "agree", "differ"]), "failures": answers, "gate": answers, "synthetic": st.booleans(),
    }),
)  # fmt: skip
def test_trust_is_bounded_and_falls_with_age(age, rest):
    young, old = one(age=age, **rest), one(age=age + rest["refresh"], **rest)
    assert 0 <= old <= young <= 1


def test_a_property_feels_its_weakest_field_and_ignores_absent_ones():
    nan = np.nan
    whole = t.property_trust([[0.95, 0.95, 0.5415], [0.8, nan, nan], [nan, nan, nan], [0.9, 0.9, 0.0]])
    assert whole == pytest.approx([0.7458, 0.8, 0.0, 0.45], abs=5e-5)


def test_the_order_of_fields_makes_no_difference():
    assert t.property_trust([[0.2, 0.9, 0.5]]) == pytest.approx(t.property_trust([[0.5, 0.2, 0.9]]))


def test_every_value_column_of_a_property_is_traced_or_named_as_untraced():
    values = {column.name for column in PROPERTY.columns if column.role == "value"}
    assert set(t.TRACED_FIELDS) | t.UNTRACED == values
    assert not set(t.TRACED_FIELDS) & t.UNTRACED


def test_the_query_counts_the_bits_of_the_traced_fields_in_order():
    text = (ROOT / "sql" / "queries" / "trust_properties.sql").read_text()
    bits = re.findall(r"p\.(\w+) IS NULL THEN 0 ELSE 1::bigint << (\d+)", text)
    assert bits == [(name, str(place)) for place, name in enumerate(t.TRACED_FIELDS)]


ASSESSOR = SimpleNamespace(authority_weight=0.95, refresh_days=365, is_synthetic=False)
PORTAL = SimpleNamespace(authority_weight=0.6, refresh_days=30, is_synthetic=True)


def entry(record=0, made="copied", rules=("integer",), agreement="sole"):
    return {"record": record, "columns": ["x"], "rules": list(rules), "made": made, "agreement": agreement}


def bits(*fields):
    return sum(1 << t.TRACED_FIELDS.index(field) for field in fields)


def built(present, fields, *, flags=False, names=("assessor", "portal"), snapshots="1,2", gate=True, newest="2024-12-01"):
    properties = pd.DataFrame({
        "property_id": ["p1", "p2"], "derivation_id": [7, 7], "snapshot_list": [snapshots] * 2, "has_situs_flags": [flags] * 2,
        "present": [present] * 2, "newest_vintage_date": pd.to_datetime([newest, None]),
    })  # fmt: skip
    derivations = pd.DataFrame({"derivation_id": [7], "source_names": [list(names)], "fields": [fields]})
    vintages = source_vintages(pd.DataFrame({"snapshot_id": [1, 2], "vintage_date": pd.to_datetime(["2023-12-01", "2024-12-01"])}))
    sources = {"assessor": ASSESSOR, "portal": PORTAL}
    return trust_frame(properties, derivations, vintages, sources, batch_source="portal", evaluated_on=date(2024, 11, 30), gate_passed=gate)


def of(frame, field):
    return frame["field_trust_pct"].iloc[0][t.TRACED_FIELDS.index(field)]


def test_each_field_has_the_trust_of_the_record_that_gave_it():
    frame = built(bits("year_built", "list_price_usd"), {"year_built": entry(0), "list_price_usd": entry(1), "bedroom_count": entry(0)})
    assert of(frame, "year_built") == 95
    assert of(frame, "list_price_usd") == 20
    assert of(frame, "bedroom_count") is None, "a field without a value has no trust, though a derivation speaks of it"
    assert frame["traced_field_count"].tolist() == [2, 2]
    assert frame["untraced_fields"].tolist() == [[], []]


def test_a_value_without_a_source_row_is_named_and_pulls_the_property_down():
    frame = built(bits("year_built", "owner_name"), {"year_built": entry(0)})
    assert frame["untraced_fields"].iloc[0] == ["owner_name"]
    assert frame["untraced_field_count"].tolist() == [1, 1]
    assert of(frame, "owner_name") is None
    assert frame["property_trust"].iloc[0] == pytest.approx(0.75 * 0.95 / 2)


def test_a_flagged_address_is_trusted_less_and_its_raw_text_is_not():
    fields = {"situs_raw": entry(0), "situs_street": entry(0, made="parsed")}
    plain, flagged = (built(bits(*fields), fields, flags=flags) for flags in (False, True))
    assert of(flagged, "situs_street") < of(plain, "situs_street")
    assert of(flagged, "situs_raw") == of(plain, "situs_raw")


def test_the_newest_source_that_still_says_so_is_this_batch_or_a_later_one():
    confirmed = built(bits("year_built"), {"year_built": entry(0)})["confirmed_vintage_date"]
    assert confirmed.dt.date.tolist() == [date(2024, 12, 1), date(2024, 11, 30)]


def test_a_batch_confirms_what_its_own_source_says():
    old = built(bits("year_built"), {"year_built": entry(0)}, names=("assessor",), snapshots="1")
    assert of(old, "year_built") == 95
    late = trust_frame(
        pd.DataFrame({"property_id": ["p"], "derivation_id": [7], "snapshot_list": ["1"], "has_situs_flags": [False],
                      "present": [bits("year_built")], "newest_vintage_date": [pd.NaT]}),
        pd.DataFrame({"derivation_id": [7], "source_names": [["assessor"]], "fields": [{"year_built": entry(0)}]}),
        {1: date(2020, 1, 1)}, {"assessor": ASSESSOR}, batch_source="assessor", evaluated_on=date(2024, 1, 1), gate_passed=True,
    )  # fmt: skip
    assert of(late, "year_built") == 95


def test_no_properties_give_an_empty_frame_with_the_contracts_columns():
    from estate.contracts.provenance import TRUST

    empty = trust_frame(
        pd.DataFrame({"property_id": []}), pd.DataFrame(), {}, {}, batch_source="x", evaluated_on=date(2024, 1, 1), gate_passed=None
    )
    assert list(empty.columns) == [name for name in TRUST.column_names if name != "tenant_id"]
    assert list(built(0, {}).columns) == list(empty.columns)
