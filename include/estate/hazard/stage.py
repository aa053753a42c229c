"""The hazard stage: the properties of a batch against the current layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from estate.hazard import overlay
from estate.hazard.exposure import exposure, place_geometries

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.warehouse import Warehouse


def build(batch: Batch, warehouse: Warehouse) -> Iterator[dict[str, pd.DataFrame]]:
    """Build ``hazard.exposure`` for the properties of `batch`; reads only the pieces of layers that lie near them."""
    for keys in warehouse.property_pieces(batch):
        properties = warehouse.frame("hazard_properties", keys=keys)
        boxes = overlay.envelopes(place_geometries(properties))
        yield {"hazard.exposure": exposure(properties, warehouse.frame("hazard_pieces", keys=boxes))}
