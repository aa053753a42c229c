"""Named SQL: one statement a file under sql/queries/, its purpose and parameters in its first comment."""

from __future__ import annotations

import re
from functools import cache

from estate.settings import ROOT

QUERIES = ROOT / "sql" / "queries"


@cache
def query(name: str) -> str:
    """The text of sql/queries/<name>.sql. Raises ValueError for a name that is not one, FileNotFoundError for an absent one."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} is not the name of a query")
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
