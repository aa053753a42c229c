"""Small records by hand: one line a record, everything that is not named is unknown."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from estate.contracts import contract
from estate.ingest.declaration import Source

TENANT = "6f1f7f0e-0000-4000-8000-000000000001"

_DECLARED = {
    # name: authority weight, columns declared beside apn_raw
    "roll": (0.9, ("assessed_value_usd", "year_built", "living_area_sqft", "situs_raw", "owner_name", "latitude", "longitude")),
    "register": (0.8, ("sale_price_usd", "sale_date", "year_built", "living_area_sqft", "latitude", "longitude")),
    "broker": (0.5, ("list_price_usd", "list_date", "year_built", "living_area_sqft", "situs_raw")),
    "outlines": (0.95, ("parcel_geom",)),
}


def _source(name: str, weight: float, columns: tuple[str, ...]) -> Source:
    mapping = {column: {"from": [f"{column} of {name}"], "rules": ["text"]} for column in ("apn_raw", *columns)}
    stated = {"title": name, "authority": name, "licence": "none", "file_glob": "*", "natural_key": ["id"]}
    kind = {"kind": "record", "format": "csv", "county_fips": "53033", "refresh_days": 365}
    return Source.model_validate({"name": name, "authority_weight": weight, "columns": mapping, **stated, **kind})


@pytest.fixture(scope="session")
def sources() -> dict[str, Source]:
    """Four sources: an assessor's roll, a register of sales, a broker and a layer of outlines."""
    return {name: _source(name, weight, columns) for name, (weight, columns) in _DECLARED.items()}


@pytest.fixture(scope="session")
def records_of() -> Callable[..., pd.DataFrame]:
    """Make records: each a dict of what it states; the snapshot is numbered by source, the row by position."""

    def make(*rows: dict[str, object]) -> pd.DataFrame:
        snapshots = {name: number for number, name in enumerate(_DECLARED, start=1)}
        empty = dict.fromkeys(contract("ingest.record").column_names)
        made = [
            {
                **empty, "tenant_id": TENANT, "property_key": "53033:1", "record_key": str(position), "row_number": position,
                "snapshot_id": snapshots[str(row["source_name"])], "vintage_date": "2025-01-01", **row,
            }
            for position, row in enumerate(rows, start=1)
        ]  # fmt: skip
        frame = pd.DataFrame(made, columns=list(empty))
        for name in ("vintage_date", "sale_date", "list_date", "recording_date"):
            frame[name] = pd.to_datetime(frame[name])
        return frame

    return make
