"""The parameters document: every constant and every rule of the score stage is in it, each with the reason that stands beside it."""

import importlib
import sys
import tomllib
from pathlib import Path

import orjson
import pytest

from estate.score import parameters, price_index, sale_validation, stated


def test_every_parameter_and_every_rule_has_its_reason():
    written = stated.stated()
    files = {name: tomllib.loads((Path(stated.__file__).parent / f"{name}.toml").read_text()) for name in stated.RULES}
    # Imported; its reason stands where it is made.
    own = {name for module in stated.CONSTANTS for name in vars(module) if name.isupper() and name[0] != "_"} - {"WEIGHTS"}
    assert set(written) == own | {f"{name}.{rule}" for name, rules in files.items() for rule in rules}
    assert {"METHOD", "KNOT_DAYS", "sale_validation.short_term_flip", "related_parties.organisation"} <= set(written)
    assert all(len(entry["reason"]) >= 5 for entry in written.values())
    assert written["MODEL_AGE_DAYS"]["value"] == 92


def test_the_document_holds_every_value_with_its_reason():
    held = orjson.loads(stated.document())
    assert held["KNOT_DAYS"]["value"] == price_index.KNOT_DAYS
    assert held["sale_validation.band"]["value"] == sale_validation.RULES["band"]
    assert list(held) == sorted(held)


def test_a_name_that_two_modules_have_is_told_apart(tmp_path, monkeypatch):
    (tmp_path / "later_module.py").write_text("METHOD = 1  # another\nALONE = 2  # one\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(stated, "CONSTANTS", (parameters, importlib.import_module("later_module")))
    written = stated.stated()
    assert (written["later_module.METHOD"]["value"], written["ALONE"]["value"]) == (1, 2)
    assert written["METHOD"]["value"] == parameters.METHOD


def constants_of(text, tmp_path, monkeypatch):
    (tmp_path / "some_constants.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_constants", raising=False)
    importlib.invalidate_caches()
    return stated.constants(importlib.import_module("some_constants"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A = 1  # why\n", "why"),
        ("# of all\n# of them\nA = 1\n", "of all of them"),
        ("# of all\nA = 1  # why\n", "why"),
        ("# of another\nA = (\n    1  # why\n)\n", "why"),
        ("# of another\nA = (\n    1,\n)  # why\n", "why"),
        ("# why\nA = (\n    1,\n)  # fmt: skip\n", "why"),
        ("A, B = 1, 2  # why\n", "why"),
        ("A: int = 1  # why\n", "why"),
    ],
)
def test_the_reason_is_the_comment_of_the_assignment_or_the_last_above_it(text, reason, tmp_path, monkeypatch):
    assert constants_of(text, tmp_path, monkeypatch)["A"]["reason"] == reason


def test_only_public_constants_of_the_module_itself_are_parameters(tmp_path, monkeypatch):
    text = "A = 1  # why\n_B = 2\nc = 3\nassert A == 1\n\n\ndef d():\n    # within\n    E = 4\n    return E\n"
    assert list(constants_of(text, tmp_path, monkeypatch)) == ["A"]


def test_a_parameter_without_a_reason_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"some_constants\.A has no reason beside it"):
        constants_of('"""Bare."""\n\nA = 1\n', tmp_path, monkeypatch)


def test_a_rule_s_reason_holds_the_comments_of_its_settings():
    settings = 'days = 3  # three # four\nword = "#no"\nsales = [\n  5,  # five\n]\n'
    text = f'# Of the file.\n\n# Of the rule.\n[rule]\n{settings}reason = "Because."\n'
    assert stated.rules(text, "file") == {
        "rule": {"value": {"days": 3, "word": "#no", "sales": [5]}, "reason": "Because. Of the rule. days: three # four; sales: five"}
    }


@pytest.mark.parametrize("text", ["# Of the file.\n\n[rule]\ndays = 3\n", "# Of the file.\n\nwords = []\n"])
def test_a_rule_without_a_reason_is_refused(text):
    with pytest.raises(ValueError, match=r"file\.\w+ has no reason beside it"):
        stated.rules(text, "file")
