"""The provenance stage: trust in the data of the properties of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from estate.ingest.declaration import sources
from estate.provenance.derived import source_vintages, trust_frame

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.warehouse import Warehouse


def build(batch: Batch, warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    """Build ``provenance.trust`` as of the batch's vintage date, so that the same batch gives the same trust on any day."""
    keys = warehouse.batch_properties(batch)
    verdict = warehouse.frame("trust_verdict", batch_id=batch.batch_id, table_name="normalize.property")
    return {
        "provenance.trust": trust_frame(
            warehouse.frame("trust_properties", keys=keys),
            warehouse.frame("trust_derivations", keys=keys),
            source_vintages(warehouse.frame("trust_snapshots")),
            sources(),
            batch_source=batch.source_name,
            evaluated_on=batch.vintage_date,
            gate_passed=None if verdict.empty else bool(verdict["is_passed"].iloc[0]),
        )
    }
