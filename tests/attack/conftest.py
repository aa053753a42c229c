"""Two tenants with all that the API can show, a canary in everything that is theirs, and the API that must keep them apart."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The tests of the API are no package: what they share is imported by its bare name.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))

from tests.api.conftest import (  # noqa: F401 - fixtures
    api_settings,
    jwks_file,
    make_token,
    passwords_file,
    public_pem,
    signing_key,
)
from tests.attack import report
from tests.attack.ground import Ground, made
from tests.servers import Servers


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-report", action="store_true", help="write docs/security.md with the outcomes of this run")


def pytest_configure(config: pytest.Config) -> None:
    # With several processes, the one that gathers their reports writes.
    if config.getoption("write_report", default=False) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(report.Collector(config))


@pytest.fixture
def held(request: pytest.FixtureRequest) -> Iterator[report.Held]:
    """Tell it the outcome of the test's attack."""
    yield report.teller(request)
    told = dict(request.node.user_properties)
    assert "outcome" in told or getattr(request.node, "has_failed", False), "the attack's outcome was not told"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    found = yield
    if found.get_result().failed or found.get_result().skipped:
        item.has_failed = True  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def ground(
    servers: Servers,
    api_settings: Callable[..., Any],  # noqa: F811
    make_token: Callable[..., str],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ground]:
    """The two tenants and the API, once a process; nothing that a test does there may change it."""
    with made(servers, api_settings, make_token, tmp_path_factory.mktemp("attack")) as built:
        yield built
