"""The version of the code that answers: what the installation says of itself, or else what its files are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import estate
from estate.settings import Settings
from estate.sql import QUERIES

_UNTOLD = Settings.model_fields["code_version"].default
_PACKAGE = "real-estate-os"
# What decides how data are told: this package, the queries, and the contracts with whose words an answer describes its fields.
_FOLDERS = (Path(__file__).parent, Path(estate.__file__).parent, QUERIES)
_ENDINGS = {".py", ".sql", ".toml", ".html"}


def code_version(told: str, folders: Iterable[Path] = _FOLDERS) -> str:
    """The version under which answers are kept, and from which their ETags are made: other code has another one.

    It is the setting code_version where that was `told`. Where it was not, it is the installed version of the package (0 where the code
    runs without being installed) and a digest of the files below `folders`: an upgrade that forgets to say so serves no answer of before.
    """
    if told != _UNTOLD:
        return told
    try:
        installed = metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError:
        installed = "0"
    found = hashlib.sha256()
    for place, folder in enumerate(folders):
        for path in sorted(path for path in folder.rglob("*") if path.suffix in _ENDINGS):
            body = path.read_bytes()
            found.update(f"{place}\0{path.relative_to(folder).as_posix()}\0{len(body)}\0".encode() + body)
    return f"{installed}+{found.hexdigest()[:16]}"
