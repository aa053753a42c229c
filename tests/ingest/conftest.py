"""A small declared source that each test bends to its rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from estate.ingest.declaration import Source

BASE: dict[str, Any] = {
    "name": "little_town",
    "title": "Sales of a little town",
    "kind": "record",
    "format": "csv",
    "file_glob": "little_town*",
    "natural_key": ["apn", "sold"],
    "county_fips": "53033",
    "authority": "Little Town",
    "authority_weight": 0.5,
    "refresh_days": 30,
    "licence": "none",
    "columns": {
        "apn_raw": {"from": ["apn"]},
        "situs_raw": {"from": ["address"]},
        "bedroom_count": {"from": ["beds"], "rules": ["integer"]},
        "sale_price_usd": {"from": ["price"], "rules": ["number"]},
        "sale_date": {"from": ["sold"], "rules": ["date:%Y-%m-%d"]},
    },
}


@pytest.fixture
def declare() -> Callable[..., Source]:
    """Make the little source, with the given fields changed."""

    def make(**changes: Any) -> Source:
        return Source.model_validate(BASE | changes)

    return make
