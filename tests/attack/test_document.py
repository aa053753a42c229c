"""docs/security.md lists every attack that there is, each with an outcome, and nothing else."""

from __future__ import annotations

import pytest

from tests.attack.report import DOCUMENT, documented, rendered, whole

LEAST = 200


@pytest.fixture(autouse=True)
def _is_compared(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("write_report", default=False):
        pytest.skip("this run writes the document")


def test_the_document_is_what_a_run_writes() -> None:
    assert set(whole()) == set(documented()), "python -m pytest tests/attack --write-report"
    outcomes = {name: outcome.replace("\\|", "|") for name, (_, _, outcome) in documented().items() if outcome != "NOT HELD"}
    assert rendered(outcomes) == DOCUMENT.read_text(encoding="utf-8"), "python -m pytest tests/attack --write-report"


def test_there_are_at_least_so_many_distinct_attacks_and_all_of_them_held() -> None:
    found = whole()
    assert len(found) >= LEAST
    assert len({(one.attack, one.layer) for one in found.values()}) == len(found)
    assert "NOT HELD" not in DOCUMENT.read_text(encoding="utf-8")
