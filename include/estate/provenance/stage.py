"""The provenance stage: trust in the data of the properties of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from estate.ingest.declaration import sources
from estate.provenance.derived import source_vintages, trust_frame

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.warehouse import Warehouse


def build(batch: Batch, warehouse: Warehouse) -> Iterator[dict[str, pd.DataFrame]]:
    """Build ``provenance.trust`` as of the batch's vintage date, so that the same batch gives the same trust on any day."""
    verdict = warehouse.frame("trust_verdict", batch_id=batch.batch_id, table_name="normalize.property")
    vintages = source_vintages(warehouse.frame("trust_snapshots"))
    for keys in warehouse.property_pieces(batch):
        trust = trust_frame(
            warehouse.frame("trust_properties", keys=keys),
            warehouse.frame("trust_derivations", keys=keys),
            vintages,
            sources(),
            batch_source=batch.source_name,
            evaluated_on=batch.vintage_date,
            gate_passed=None if verdict.empty else bool(verdict["is_passed"].iloc[0]),
        )
        yield {"provenance.trust": trust}
