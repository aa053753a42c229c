"""The precedence as data: complete, reasoned, and consistent with the contract."""

from __future__ import annotations

import pytest

from estate.contracts import contract
from estate.normalize.derivation import SITUS_FIELDS
from estate.normalize.survivorship import MERGED_FIELDS, precedence, read_precedence

MINIMAL = """
[[role]]
name = "other"
has = []
reason = "."
[rule.first]
steps = ["authority_weight"]
reason = "."
[default]
rule = "first"
reason = "."
[field]
[sale]
rule = "first"
reason = "."
"""


def test_every_value_of_the_property_is_merged_parsed_or_computed():
    promised = {column.name for column in contract("normalize.property").columns if column.role == "value"}
    assert promised == {*MERGED_FIELDS, *SITUS_FIELDS, "cell", "property_key"}


def test_every_field_has_a_rule_and_every_rule_a_reason():
    stated = precedence()
    assert {entry.field for entry in stated.fields} == set(MERGED_FIELDS)
    assert all(len(entry.reason) > 10 for entry in stated.fields)
    assert all(len(rule.reason) > 10 for rule in stated.rules.values())


def test_outlines_come_from_the_parcels_layer_first():
    stated = precedence()
    rule = next(stated.rules[entry.rule] for entry in stated.fields if entry.field == "parcel_geom")
    assert rule.roles[0] == "parcel_layer"


def test_a_source_is_what_it_declares(sources):
    roles = {name: precedence().role(declared) for name, declared in sources.items()}
    assert roles == {"roll": "assessor_roll", "register": "sale_register", "broker": "listing", "outlines": "parcel_layer"}
    assert precedence().role(None) == "other"


def test_a_field_that_is_not_named_takes_the_default():
    stated = read_precedence(MINIMAL, ("year_built",))
    assert stated.fields[0].rule == "first"


@pytest.mark.parametrize(
    ("added", "complaint"),
    [
        ('[field.colour]\nrule = "first"\nreason = "."', "does not merge: colour"),
        ('[field.year_built]\nrule = "second"\nreason = "."', "year_built refers to second"),
        ('[field.year_built]\nrule = "first"\nreason = "."\nfollows = "colour"', "colour, which is not there"),
    ],
)
def test_a_precedence_that_refers_to_nothing_is_refused(added: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        read_precedence(MINIMAL.replace("[field]", added), ("year_built",))


def test_a_rule_with_an_unknown_role_is_refused():
    with pytest.raises(ValueError, match="roles that are not there: king"):
        read_precedence(MINIMAL.replace('["authority_weight"]', '["role"]\nroles = ["king"]'), ("year_built",))
