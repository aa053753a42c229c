"""The normalize stage: reads every current record of the batch's properties, returns properties, sales and conflicts."""

from __future__ import annotations

import pandas as pd

from estate.batch import Batch
from estate.normalize.property import merge, property_id
from estate.normalize.sale import sales
from estate.warehouse import Warehouse


def build(batch: Batch, warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    """Build normalize.property, normalize.sale and normalize.conflict for the properties that the batch speaks of.

    These are the properties of its records, and those of which it closed a record; one that no source speaks of any more
    stands in ``scope`` without a row, and is closed.
    """
    staged = warehouse.staged(batch, "ingest.record")[["property_key"]]
    closed = warehouse.frame("normalize_closed_keys", source_name=batch.source_name, batch_id=batch.batch_id)
    keys = _together(staged, closed)
    # What was sold together is judged together, whichever of the parcels a batch brings.
    keys = _together(keys, warehouse.frame("normalize_deals", keys=keys))
    deals = warehouse.frame("normalize_deals", keys=keys)
    records = warehouse.frame("normalize_records", keys=keys)
    merged = merge(records)
    numbers = warehouse.derivation_ids(merged.derivations)
    properties = merged.property.assign(derivation_id=merged.property["derivation_sha256"].map(numbers))
    return {
        "normalize.property": properties.drop(columns="derivation_sha256"),
        "normalize.sale": sales(records, merged.property, deals=deals),
        "normalize.conflict": merged.conflicts,
        "scope": property_id(batch.tenant.tenant_id, keys["property_key"]).to_frame(),
    }


def _together(*keys: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame[["property_key"]].astype(object) for frame in keys]).drop_duplicates(ignore_index=True)
