"""Bring a hazard layer in: from a file or a service, through its gate, into the store that all tenants share."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from estate import landing
from estate.arrow import frame_to_arrow
from estate.batch import content_sha256
from estate.contracts import contract
from estate.errors import LandingRefused
from estate.gate import judge
from estate.hazard.layer_store import LayerVersion, store
from estate.ingest import nfhl
from estate.ingest.declaration import Source, source
from estate.ingest.layers import to_features
from estate.ingest.readers import read_raw
from estate.ingest.stage import offered_file
from estate.settings import settings
from estate.sql import query

Area = tuple[float, float, float, float]  # west, south, east, north in degrees


def load(source_name: str, file_name: str | None, vintage_date: date | None, bounds: str | None, run_id: str) -> dict[str, int | str]:
    """Load one layer; every attempt leaves a row in reference.layer_landing. The same bytes again change nothing.

    Raises LandingRefused with reason and remedy, and ServiceUnavailable when a service could not be read completely.
    """
    attempt: dict[str, Any] = {"source_name": source_name, "file_name": file_name or "", "run_id": run_id}
    with psycopg.connect(settings().database_url, autocommit=True) as connection:
        try:
            outcome = _load(connection, attempt, vintage_date, bounds)
        except LandingRefused as refusal:
            _note(connection, attempt | {"outcome": "refused", "reason": refusal.reason, "remedy": refusal.remedy})
            raise
        except Exception as failure:  # whatever it was, the attempt leaves a row; the task then fails with it
            _note(connection, attempt | {"outcome": "failed", "reason": repr(failure), "remedy": "See the log of the run."})
            raise
        _note(connection, attempt | outcome)
    return {"layer": source_name, "outcome": outcome["outcome"], "pieces": outcome["piece_count"]}


def _load(connection: psycopg.Connection[Any], attempt: dict[str, Any], vintage_date: date | None, bounds: str | None) -> dict[str, Any]:
    declared = source(attempt["source_name"])
    if declared.kind != "hazard_layer":
        raise LandingRefused(f"{declared.name} is no hazard layer", remedy="Land it for a tenant with the DAG ingest.")
    area = _area(bounds) if bounds and declared.format == "arcgis" and not attempt["file_name"] else None
    name, payload = _offered(declared, attempt["file_name"] or None, area)
    attempt |= {"file_name": name, "snapshot_sha256": content_sha256(payload)}
    raw = read_raw(payload, declared, name)
    features = to_features(raw, declared)
    _judged(features, declared)
    _, key = landing.land(landing.REFERENCE, payload)
    version = LayerVersion(
        hazard=str(declared.hazard),
        source_name=declared.name,
        version=declared.version or attempt["snapshot_sha256"][:12],
        vintage_date=vintage_date or declared.vintage_date or datetime.now(UTC).date(),
        authority=declared.authority,
        is_synthetic=declared.is_synthetic,
        snapshot_sha256=attempt["snapshot_sha256"],
        object_key=key,
        file_name=name,
        feature_count=len(raw.rows),
        area=area,
    )
    stored = store(version, features, connection)
    return {"outcome": "loaded" if stored.is_new else "already_loaded", "layer_id": stored.layer_id, "piece_count": stored.piece_count}


def _offered(declared: Source, file_name: str | None, area: Area | None) -> tuple[str, bytes]:
    if declared.format != "arcgis" or file_name is not None:
        path = offered_file(landing.REFERENCE, declared, file_name)
        return path.name, path.read_bytes()
    if area is None:
        raise LandingRefused(f"{declared.name} is a service", remedy="Give bounds: west,south,east,north in degrees.")
    return f"{declared.name}.geojson", nfhl.Reader(settings().nfhl_url).read(area)


def _area(bounds: str) -> Area:
    west, south, east, north = (float(part) for part in bounds.split(","))
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise LandingRefused(
            f"bounds {bounds} are not west,south,east,north", remedy="Longitudes first, then latitudes: -88.0,42.9,-87.8,43.1."
        )
    return west, south, east, north


def _judged(features: Any, declared: Source) -> None:
    """Layers pass a gate like everything else; there is no quarantine for them, since a hole in a map would read as unmapped ground."""
    promise = contract("reference.hazard_feature")
    verdict = judge(promise, frame_to_arrow(features.assign(layer_id=0, piece=1), promise), declared.name)
    for name, body in verdict.docs.items():
        landing.put(f"{landing.REFERENCE}/data-docs/{name}", body, "text/html" if name.endswith(".html") else "application/octet-stream")
    failed = [failure for failure in verdict.failures if failure.outcome != "warned"]
    if failed:
        named = "; ".join(f"{failure} ({failure.reason})" for failure in failed)
        raise LandingRefused(f"{declared.name} refused by {named}", remedy="Correct the layer, or its declaration, and load it again.")


def _note(connection: psycopg.Connection[Any], row: dict[str, Any]) -> None:
    empty = dict.fromkeys(("snapshot_sha256", "reason", "remedy", "layer_id", "piece_count"))
    connection.execute(query("layer_landing_insert"), empty | row | {"landing_id": uuid.uuid4()})
