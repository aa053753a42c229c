"""What the tests of features share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from estate.batch import content_sha256
from estate.contracts import Contract
from estate.features import materialize
from estate.gate import Verdict, suite_path

# These ask what goes online and when. What the gate lets through is proven in test_materialize_gate and in the scheduler's story; judging
# six views took most of these modules' minutes.
UNJUDGED = {
    "test_materialize",
    "test_materialize_faults",
    "test_materialize_whole",
    "test_backfill",
    "test_parity_audit",
    "test_flows_isolation",
}


@pytest.fixture(autouse=True)
def _passed_unjudged(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the modules of UNJUDGED the gate passes without Great Expectations, but for tests marked `gated`."""
    if request.path.stem in UNJUDGED and request.node.get_closest_marker("gated") is None:
        monkeypatch.setattr(materialize, "judge", passed)


def passed(contract: Contract, rows: Any, *_: object, **__: object) -> Verdict:
    """The verdict of a suite that found nothing, as `estate.gate.judge` gives it."""
    suite = suite_path(contract).read_bytes()
    return Verdict(contract.name, content_sha256(suite), rows.num_rows, len(json.loads(suite)["expectations"]))
