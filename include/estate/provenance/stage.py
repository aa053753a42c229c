"""The provenance stage: trust in the data of the properties of a batch, and the summary in which readers find them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from estate.ingest.declaration import sources
from estate.provenance.derived import source_vintages, trust_frame
from estate.provenance.summary import summary_frame

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.warehouse import Warehouse


def build(batch: Batch, warehouse: Warehouse) -> Iterator[dict[str, pd.DataFrame]]:
    """Build ``provenance.trust`` as of the batch's vintage date, so that the same batch gives the same trust on any day.

    ``provenance.summary`` is built beside it, from that trust and from what the stages before have published of the same properties.
    """
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
        summary = summary_frame(
            warehouse.frame("summary_of_properties", keys=keys),
            warehouse.frame("summary_of_exposures", keys=keys),
            warehouse.frame("summary_of_valuations", keys=keys),
            warehouse.frame("summary_of_risks", keys=keys),
            warehouse.frame("summary_of_sales", keys=keys),
            trust,
        )
        yield {"provenance.trust": trust, "provenance.summary": summary}
