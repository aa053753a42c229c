"""The exposure of properties to every hazard: which feature decides, what it says, and what nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import shapely

from estate.contracts.hazard import EXPOSURE
from estate.hazard import flood, heat, overlay, seismic, wildfire
from estate.hazard.composite import composite

Assess = Callable[[pd.DataFrame], pd.DataFrame]
# Hazard -> (columns as the layer has them, reading). The order is that of every list of hazards shown.
READINGS: Mapping[str, tuple[tuple[str, ...], Assess]] = {
    "flood": (flood.COLUMNS, flood.assess),
    "wildfire": (wildfire.COLUMNS, wildfire.assess),
    "heat": (heat.COLUMNS, heat.assess),
    "seismic": (seismic.COLUMNS, seismic.assess),
}
_TEXTS = ["flood_zone", "flood_zone_subtype", "seismic_design_category"]
_WHOLE_NUMBERS = {"wildfire_hazard_class", *(f"{hazard}_{part}" for hazard in READINGS for part in ("layer_id", "feature_row"))}


def place_geometries(properties: pd.DataFrame) -> overlay.Geometries:
    """Where each property lies: its parcel if it has one, else its point, else None. Longitude and latitude in degrees, WGS 84."""
    places = np.full(len(properties), None, dtype=object)
    longitude, latitude = (properties[name].to_numpy(dtype=float, na_value=np.nan) for name in ("longitude", "latitude"))
    has_point = np.isfinite(longitude) & np.isfinite(latitude)
    places[has_point] = shapely.points(longitude[has_point], latitude[has_point])
    has_parcel = properties["parcel_geom"].notna().to_numpy()
    places[has_parcel] = shapely.from_wkb(properties["parcel_geom"].to_numpy(dtype=object)[has_parcel])
    return places


def exposure(properties: pd.DataFrame, pieces: pd.DataFrame) -> pd.DataFrame:
    """The exposure of each property, in the columns of ``hazard.exposure`` and in the order of `properties`.

    `properties`: property_id, latitude, longitude, parcel_geom (EWKB hex or null). `pieces`: the columns of
    ``reference.hazard_feature`` (geom as EWKB hex) with hazard, is_synthetic and vintage_date of their layer.
    """
    places = place_geometries(properties)
    parts = [_one_hazard(hazard, places, pieces[pieces["hazard"] == hazard]) for hazard in READINGS]
    frame = pd.concat([properties[["property_id"]].reset_index(drop=True), *parts], axis=1)
    scores = frame[[f"{hazard}_score" for hazard in READINGS]].set_axis(list(READINGS), axis=1)
    frame = frame.join(composite(scores))
    unknown = scores.isna().to_numpy()
    names = np.array(list(READINGS), dtype=object)
    frame["unknown_hazards"] = [names[row].tolist() for row in unknown]
    frame["uses_synthetic_layer"] = frame[[f"{hazard}_is_synthetic" for hazard in READINGS]].any(axis=1)
    return frame[[name for name in EXPOSURE.column_names if name != "tenant_id"]]


def _one_hazard(hazard: str, places: overlay.Geometries, pieces: pd.DataFrame) -> pd.DataFrame:
    columns, assess = READINGS[hazard]
    # A feature that says nothing of its own hazard (a county without a measurement) leaves the place as unmapped as before.
    pieces = pieces.dropna(how="all", subset=list(columns)).reset_index(drop=True)
    read = assess(pieces)
    deciding = overlay.deciding_piece(places, _geometries(pieces), _precedence(pieces, read["rank"]))
    said = pd.concat(
        [pieces[[*columns, "layer_id", "feature_row", "is_synthetic"]].drop(columns=read.columns, errors="ignore"), read], axis=1
    )
    found = said.reindex(np.where(deciding >= 0, deciding, -1)).reset_index(drop=True)
    found["is_synthetic"] = found["is_synthetic"].astype("boolean").fillna(False).astype(bool)
    found = found.rename(
        columns={name: f"{hazard}_{name}" for name in ("probability_30y", "score", "layer_id", "feature_row", "is_synthetic")}
    )
    texts = found.columns.intersection(_TEXTS)
    found[texts] = found[texts].astype(object).where(found[texts].notna(), None)
    return found.drop(columns="rank").astype({name: "Int64" for name in found.columns if name in _WHOLE_NUMBERS})


def _geometries(pieces: pd.DataFrame) -> overlay.Geometries:
    return np.asarray(shapely.from_wkb(pieces["geom"].to_numpy(dtype=object)), dtype=object)


def _precedence(pieces: pd.DataFrame, rank: pd.Series) -> overlay.Positions:
    """What decides first: an observed layer before a synthetic one, then the worst, then the newest, then the lowest number."""
    keys = pd.DataFrame(
        {
            "is_synthetic": pieces["is_synthetic"].astype(bool),
            "rank": -rank,
            "vintage": -pd.to_datetime(pieces["vintage_date"]).astype("int64"),
            "layer_id": pieces["layer_id"],
            "feature_row": pieces["feature_row"],
        }
    )
    order = np.lexsort(tuple(keys[name].to_numpy() for name in reversed(keys.columns)))
    standing = np.empty(len(order), dtype=np.intp)
    standing[order] = np.arange(len(order))
    return standing
