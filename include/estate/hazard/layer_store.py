"""The store of the public layers, shared by all tenants: one version a file, one current version a source."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import psycopg

from estate.errors import LandingRefused
from estate.hazard.loading import FEATURE_COLUMNS, prepared
from estate.sql import query


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """What is known of one version of a layer before it is stored; the fields are columns of ``reference.hazard_layer``.

    `feature_count` counts the features of the file, with those that turn out to cover no ground or to repeat another.
    `area` (west, south, east, north; degrees) is given for a part of a source that was read by area, as a service is: it is
    then the ground the version can speak of, and the version replaces those whose ground it covers, not those elsewhere.
    """

    hazard: str
    source_name: str
    version: str
    vintage_date: dt.date
    authority: str
    is_synthetic: bool
    snapshot_sha256: str
    object_key: str
    file_name: str
    feature_count: int
    area: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """What became of a layer: its number, whether this call stored it, whether it is the current one, its stored pieces."""

    layer_id: int
    is_new: bool
    is_current: bool
    piece_count: int


def store(version: LayerVersion, features: pd.DataFrame, connection: psycopg.Connection[Any]) -> StoredLayer:
    """Store one version of a layer, cut into pieces, in one transaction of its own on `connection` (the pipeline's role).

    `features`: ``reference.hazard_feature`` without layer_id and piece, one row a feature of the file. The same bytes of the
    same source are stored once; a version older than the current one is kept, and does not become current; of two versions
    of one vintage the later to arrive is a correction and becomes current. Raises LandingRefused when no feature covers ground.
    """
    with connection.transaction():
        # One lock for all layers: they are few, and their numbers must not collide.
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('reference.hazard_layer', 0))")
        known = connection.execute(query("hazard_layer_known"), asdict(version)).fetchone()
        if known is not None:
            return StoredLayer(layer_id=known[0], is_new=False, is_current=known[1], piece_count=0)
        ground = prepared(features)
        if ground.empty:
            raise LandingRefused(f"{version.file_name}: no feature covers any ground", remedy="Offer a layer of polygons.")
        connection.execute(query("hazard_layer_staging"))
        _copy(ground, connection)
        west, south, east, north = version.area or (None, None, None, None)
        parameters = asdict(version) | {"is_part": version.area is not None, "west": west, "south": south, "east": east, "north": north}
        entered = connection.execute(query("hazard_layer_insert_version"), parameters).fetchone()
        assert entered is not None, "INSERT … SELECT of one row RETURNING always returns it"  # noqa: S101 - for the type checker
        layer_id: int = entered[0]
        parameters["layer_id"] = layer_id
        piece_count = connection.execute(query("hazard_layer_insert_piece"), parameters).rowcount
        connection.execute(query("hazard_layer_retire"), parameters)
        is_current = connection.execute(query("hazard_layer_promote"), parameters).rowcount == 1
    return StoredLayer(layer_id=layer_id, is_new=True, is_current=is_current, piece_count=piece_count)


def _copy(ground: pd.DataFrame, connection: psycopg.Connection[Any]) -> None:
    whole = {"wildfire_hazard_class": "Int64", "is_in_sfha": "boolean"}
    body = io.StringIO()
    ground.astype(whole).to_csv(body, index=False, header=False, columns=list(FEATURE_COLUMNS), na_rep="")
    with connection.cursor().copy("COPY layer_feature FROM STDIN (FORMAT csv)") as copy:
        copy.write(body.getvalue())
