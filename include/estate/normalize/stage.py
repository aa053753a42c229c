"""The normalize stage: reads every current record of the batch's properties, returns properties, sales and conflicts."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from estate.batch import Batch
from estate.normalize.property import merge, property_id
from estate.normalize.sale import sales
from estate.warehouse import Warehouse

# Properties merged at a time: keeps the memory of a build independent of the size of the batch, and its time linear.
_PROPERTIES_AT_A_TIME = 100_000


def build(batch: Batch, warehouse: Warehouse) -> Iterator[dict[str, pd.DataFrame]]:
    """Build normalize.property, normalize.sale and normalize.conflict for the properties that the batch speaks of.

    These are the properties of its records, those of which it closed a record, and those sold together with one of them.
    One that no source speaks of any more stands in ``scope`` without a row, and is closed.
    """
    staged = warehouse.staged(batch, "ingest.record", ["property_key"])
    closed = warehouse.frame("normalize_closed_keys", source_name=batch.source_name, batch_id=batch.batch_id)
    spoken_of = _together(staged, closed)
    keys = _together(spoken_of, warehouse.frame("normalize_deals", keys=spoken_of))
    for start in range(0, max(len(keys), 1), _PROPERTIES_AT_A_TIME):
        piece = keys.iloc[start : start + _PROPERTIES_AT_A_TIME]
        yield _build_piece(warehouse, piece) | {"scope": property_id(batch.tenant.tenant_id, piece["property_key"]).to_frame()}


def _build_piece(warehouse: Warehouse, keys: pd.DataFrame) -> dict[str, pd.DataFrame]:
    records = warehouse.frame("normalize_records", keys=keys)
    merged = merge(records)
    numbers = warehouse.derivation_ids(merged.derivations)
    properties = merged.property.assign(derivation_id=merged.property["derivation_sha256"].map(numbers))
    return {
        "normalize.property": properties.drop(columns="derivation_sha256"),
        "normalize.sale": sales(records, merged.property, deals=warehouse.frame("normalize_deals", keys=keys)),
        "normalize.conflict": merged.conflicts,
    }


def _together(*frames: pd.DataFrame) -> pd.DataFrame:
    """The distinct property keys of several frames."""
    return pd.concat([frame[["property_key"]].astype(object) for frame in frames]).drop_duplicates(ignore_index=True)
