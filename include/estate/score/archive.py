"""How a model is kept: a zip of JSON, NumPy arrays and its libraries' own files, the same bytes for the same model; no code in it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.errors import ModelRefused
from estate.score import parameters as p
from estate.score.attributes import ATTRIBUTES
from estate.score.boosting import Boosted
from estate.score.comparator import Comparator
from estate.score.conformal import Interval
from estate.score.design import COLUMNS
from estate.score.equity import Spread
from estate.score.model import Model
from estate.score.neighbourhood import Neighbourhood
from estate.score.support import Support

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can tell
_PLACES = ("place", "property_id", "attributes", "residual", "log_price_per_sqft")


def packed(model: Model) -> bytes:
    """The model as bytes."""
    plain = {
        "method": p.METHOD,
        "columns": list(COLUMNS),
        "attributes": list(ATTRIBUTES),
        "as_of_day": model.as_of_day,
        "seed": model.seed,
        "level": model.boosted.level,
        "comparables_weight": model.comparables_weight,
        "spread": {"middle": model.spread.middle, "share": model.spread.share},
        "residuals": model.interval.residuals.tolist(),
        "unknown_cost": model.interval.unknown_cost.tolist(),
        "support": {name: getattr(model.support, name) for name in Support.__slots__},
        "frontier": model.frontier.to_dict("list"),
        "importance": model.importance.to_dict("list"),
    }
    files: dict[str, bytes] = {"model.json": json.dumps(plain, sort_keys=True).encode(), "trees.cbm": model.boosted.trees}
    files |= {f"linear-{number}.txt": text.encode() for number, text in enumerate(model.boosted.linear)}
    files["width.txt"] = model.interval.width.encode()
    files |= {f"comparator/{name}": text.encode() for name, text in model.comparator.to_parts().items()}
    files |= {f"neighbourhood/{name}.npy": _array(getattr(model.neighbourhood, name)) for name in _PLACES}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED, 6)
    return sink.getvalue()


def unpacked(body: bytes) -> Model:
    """The model that `packed` wrote. ModelRefused when it was written by code that saw other columns than today's."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    plain: dict[str, Any] = json.loads(files["model.json"])
    if (plain["method"], tuple(plain["columns"]), tuple(plain["attributes"])) != (p.METHOD, COLUMNS, ATTRIBUTES):
        raise ModelRefused(
            f"this model is of method {plain['method']} or of other columns than the code's {p.METHOD}; train the county again"
        )
    linear = sorted(name for name in files if name.startswith("linear-"))
    arrays = {name: np.load(io.BytesIO(files[f"neighbourhood/{name}.npy"]), allow_pickle=False) for name in _PLACES}
    arrays["property_id"] = arrays["property_id"].astype(object)
    texts = {name.removeprefix("comparator/"): content.decode() for name, content in files.items() if name.startswith("comparator/")}
    support = plain["support"]
    return Model(
        as_of_day=plain["as_of_day"],
        seed=plain["seed"],
        neighbourhood=Neighbourhood(**arrays),
        boosted=Boosted(files["trees.cbm"], tuple(files[name].decode() for name in linear), plain["level"]),
        comparator=Comparator.from_parts(texts),
        comparables_weight=plain["comparables_weight"],
        spread=Spread(**plain["spread"]),
        interval=Interval(files["width.txt"].decode(), np.array(plain["residuals"]), np.array(plain["unknown_cost"])),
        support=Support(**support | {"property_types": tuple(support["property_types"])}),
        frontier=pd.DataFrame(plain["frontier"]),
        importance=pd.DataFrame(plain["importance"]),
    )


def _array(values: NDArray[Any]) -> bytes:
    """An array in NumPy's own format; identifiers as text, because objects would be pickled."""
    sink = io.BytesIO()
    np.save(sink, values.astype(str) if values.dtype == object else values, allow_pickle=False)
    return sink.getvalue()
