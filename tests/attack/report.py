"""Every attack with its expectation and its outcome, and docs/security.md, which a run of the suite writes.

    python -m pytest tests/attack --write-report

An attack is declared once, beside the test that runs it. The test tells its outcome to `held`; without --write-report an outcome that
is not the one in the document fails, so the document says what every run finds.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"
LAYERS = {
    "P1": "Whose answer: every route, every credential",
    "P2": "Tokens",
    "P3": "Tenants, cursors, tags and caches",
    "P4": "Limits",
    "P5": "Payloads",
    "P6": "Connections",
    "R": "Traces: Redis, logs, metrics, audit",
    "D": "The database role",
}
_HEAD = """# What the API withstands

Two tenants share one API, one PostgreSQL, one Redis and one object store. This is the list of everything that the suite in
`tests/attack` tries against them, what must happen, and what happened. What is promised:

- **Nothing leaks.** No answer, header, log line, metric, cache entry or audit row of one tenant holds anything of another; what
  belongs to somebody else answers byte for byte as what does not exist.
- **Nothing is lost.** The API cannot change a row of any table but add to the audit; each refusal and each read of personal data is
  written down.
- **Nothing falls over.** Whatever is sent, no answer is a 5xx; 503 only while something that the answer needs is away on purpose.

The suite runs against a real PostgreSQL, Redis and S3 and, where bytes on the wire matter, a real gunicorn. Attacks on routes are made
from the route map: a route that is added later fails the suite until it is covered. The same payload sent to every route is one
attack, counted once. Written by `python -m pytest tests/attack --write-report`; each test compares its outcome with its row.
"""
_ROW = re.compile(r"\| `([a-z0-9-]+)` \| (.*) \| (.*) \| (.*) \|")


@dataclass(frozen=True)
class Attack:
    """One attack: its name, what is tried, what must happen; `payload` is the test's own."""

    name: str
    attack: str
    expectation: str
    payload: Any = None
    layer: str = field(default="", compare=False)


DECLARED: dict[str, Attack] = {}


def attacks(layer: str, *rows: Attack) -> pytest.MarkDecorator:
    """Run the test once for each of `rows`, as its parameter `attack`, and list them in the document under `layer`."""
    for row in rows:
        if row.name in DECLARED and DECLARED[row.name].attack != row.attack:
            raise ValueError(f"{row.name} names two attacks")
        object.__setattr__(row, "layer", layer)
        DECLARED[row.name] = row
    return pytest.mark.parametrize("attack", rows, ids=[row.name for row in rows])


def one(layer: str, name: str, attack: str, expectation: str) -> pytest.MarkDecorator:
    """Declare the test as a single attack."""
    return attacks(layer, Attack(name, attack, expectation))


def whole() -> dict[str, Attack]:
    """The attacks of all modules of the suite, also of those that this process has not run."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"tests.attack.{path.stem}")
    return DECLARED


@cache
def documented() -> dict[str, tuple[str, str, str]]:
    """Attack, expectation and outcome of each row of the document, by name."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines() if DOCUMENT.exists() else []
    return {found[1]: (found[2], found[3], found[4]) for line in lines if (found := _ROW.fullmatch(line))}


def cell(text: str) -> str:
    """`text` as a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def rendered(outcomes: dict[str, str]) -> str:
    """The document for these outcomes of the declared attacks, by name."""
    parts = [_HEAD, "| layer | attacks | held |\n|---|---|---|"]
    for layer, title in LAYERS.items():
        of_layer = [one.name for one in DECLARED.values() if one.layer == layer]
        parts.append(f"| {layer} {title} | {len(of_layer)} | {sum(name in outcomes for name in of_layer)} |")
    parts.append(f"| **all** | **{len(DECLARED)}** | **{sum(name in outcomes for name in DECLARED)}** |")
    for layer, title in LAYERS.items():
        parts.append(f"\n## {layer} {title}\n\n| name | attack | expectation | outcome |\n|---|---|---|---|")
        parts += [
            f"| `{one.name}` | {cell(one.attack)} | {cell(one.expectation)} | {cell(outcomes.get(one.name, 'NOT HELD'))} |"
            for one in sorted(DECLARED.values(), key=lambda one: one.name)
            if one.layer == layer
        ]
    return "\n".join(parts) + "\n"


def seen(statuses: Iterable[int]) -> str:
    """The statuses of many answers, as an outcome."""
    return " or ".join(str(status) for status in sorted(set(statuses)))


class Collector:
    """Gathers the outcomes of a whole run, also of one on several processes, and writes the document at its end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._outcomes: dict[str, str] = {}
        self._failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what a passed test told."""
        told = dict(report.user_properties)
        name = str(told.get("attack", ""))
        if not name:
            return
        if report.failed or report.skipped:
            self._failed.add(name)
        elif report.when == "teardown" and "outcome" in told:
            self._outcomes[name] = str(told["outcome"])

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write the document if every attack was run."""
        declared = whole()
        held = {name: outcome for name, outcome in self._outcomes.items() if name not in self._failed}
        if lacking := set(declared) - set(held) - self._failed:
            terminalreporter.write_line(f"docs/security.md is not written: {len(lacking)} attacks did not run", red=True)
            return
        DOCUMENT.write_text(rendered(held), encoding="utf-8")
        terminalreporter.write_line(f"docs/security.md: {len(declared)} attacks, {len(declared) - len(held)} not held")


Held = Callable[[str], None]


def teller(request: pytest.FixtureRequest) -> Held:
    """What the fixture `held` is: told the outcome once, it compares it with the document, or keeps it for the one to be written."""
    attack: Attack = request.node.callspec.params["attack"]
    request.node.user_properties.append(("attack", attack.name))

    def held(outcome: str) -> None:
        request.node.user_properties.append(("outcome", outcome))
        if not request.config.getoption("write_report", default=False):
            row = (cell(attack.attack), cell(attack.expectation), cell(outcome))
            assert documented().get(attack.name) == row, "python -m pytest tests/attack --write-report"

    return held
