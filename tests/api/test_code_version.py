"""The version of the code: what the installation says, or else another one for other files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from issuer import LAKESIDE, bearer
from moving import PATIENCE_S

from api import services
from api.code_version import code_version
from estate.settings import ROOT, Settings

UNTOLD = "unknown"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the API's code."""
    return Path(shutil.copytree(ROOT / "api", tmp_path / "api", ignore=shutil.ignore_patterns("__pycache__")))


def test_what_the_installation_says_is_the_version() -> None:
    assert code_version("1.2.3") == "1.2.3"


def test_where_nothing_is_said_the_same_code_has_the_same_version_wherever_it_lies(copy: Path) -> None:
    assert code_version(UNTOLD, [copy]) == code_version(UNTOLD, [ROOT / "api"]) != UNTOLD
    assert code_version(UNTOLD) == code_version(UNTOLD)


@pytest.mark.parametrize("name", ["property.py", "templates/data_docs_index.html"])
def test_where_nothing_is_said_other_code_is_another_version(copy: Path, name: str) -> None:
    before = code_version(UNTOLD, [copy])
    with (copy / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    changed = code_version(UNTOLD, [copy])
    (copy / name).rename((copy / name).with_name(f"other_{Path(name).name}"))
    assert len({before, changed, code_version(UNTOLD, [copy])}) == 3


def test_what_is_compiled_meanwhile_is_no_other_code(copy: Path) -> None:
    before = code_version(UNTOLD, [copy])
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "property.cpython-312.pyc").write_bytes(b"x")
    assert code_version(UNTOLD, [copy]) == before


@pytest.mark.servers
def test_after_an_upgrade_that_says_no_version_nothing_of_before_is_confirmed(
    make_app: Callable[..., Flask], settings_env: Settings, make_token: Callable[..., str], copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def etag() -> str:
        app = make_app(api_database_url=settings_env.api_database_url, code_version=UNTOLD)
        app.extensions["real-estate-os"].versions.await_change(LAKESIDE, None, PATIENCE_S)
        return app.test_client().get("/api/v1/quality", headers=bearer(make_token())).headers["ETag"]

    before, again = etag(), etag()
    monkeypatch.setattr(services, "code_version", lambda told: code_version(told, [copy]))
    assert before == again != etag()
