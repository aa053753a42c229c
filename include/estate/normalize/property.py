"""One property merged from the records of all its sources, with what lost and how every field was made."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from estate.contracts import contract
from estate.ingest.declaration import Source
from estate.ingest.declaration import sources as declared_sources
from estate.normalize import conflict
from estate.normalize.derivation import SITUS_FIELDS, Making, derive
from estate.normalize.outline import valid_outlines
from estate.normalize.situs import parse_situs
from estate.normalize.survivorship import MERGED_FIELDS, Positions, Precedence, Survivors, first_per_group, survive
from estate.normalize.survivorship import precedence as stated_precedence

_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_FOLLOWS_SITUS = dict.fromkeys(SITUS_FIELDS, "situs_raw")


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge gives.

    `property`: the columns of normalize.property with `derivation_sha256` (text) for `derivation_id`. `conflicts`: the
    columns of normalize.conflict. `derivations`: digest -> {"source_names", "fields"} as provenance.derivation keeps them.
    """

    property: pd.DataFrame
    conflicts: pd.DataFrame
    derivations: dict[str, dict[str, Any]]


def uuid5s(namespace: uuid.UUID, names: list[str]) -> list[str]:
    """UUIDs of version 5 as text, the same as `uuid.uuid5` at a third of the cost.

    >>> uuid5s(uuid.NAMESPACE_DNS, ["python.org"]) == [str(uuid.uuid5(uuid.NAMESPACE_DNS, "python.org"))]
    True
    """
    begun = hashlib.sha1(namespace.bytes, usedforsecurity=False)
    made = []
    for name in names:
        hashed = begun.copy()
        hashed.update(name.encode())
        text = hashed.hexdigest()
        made.append(f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}")
    return made


def property_id(tenant_id: str | uuid.UUID, property_key: pd.Series) -> pd.Series:
    """Property identifiers (text): UUID version 5 of the property key in the tenant's own namespace."""
    made = uuid5s(uuid.UUID(str(tenant_id)), property_key.astype(str).tolist())
    return pd.Series(made, index=property_key.index, name="property_id", dtype=object)


def cell(latitude: pd.Series, longitude: pd.Series) -> pd.Series:
    """Number of the 0.01-degree grid cell (nullable integer): floor((lat + 90) × 100) × 100000 + floor((lon + 180) × 100)."""
    row = np.floor((latitude.astype(float) + 90) * 100)
    column = np.floor((longitude.astype(float) + 180) * 100)
    return pd.Series(row * 100_000 + column, index=latitude.index, name="cell").astype("Int64")


def merge(records: pd.DataFrame, precedence: Precedence | None = None, sources: Mapping[str, Source] | None = None) -> Merged:
    """Merge all records of one tenant that share a property key into one property each.

    `records` has the columns of ingest.record (tenant_id, snapshot_id, row_number and vintage_date included) and must
    hold every current record of the keys in it. The outcome does not depend on the order of rows.
    """
    rule_book = precedence or stated_precedence()
    known = sources if sources is not None else declared_sources()
    records = records.reset_index(drop=True)
    codes, keys = pd.factorize(records["property_key"], sort=True)
    groups: Positions = codes.astype(np.int64)
    count = len(keys)
    situs = parse_situs(records["situs_raw"])
    address = situs["situs_address"].to_numpy()
    survivors = survive(records, groups, count, rule_book, known, address)
    supporting = _supporting(records, groups, survivors)
    tenant_id = str(records["tenant_id"].iloc[0]) if count else str(uuid.UUID(int=0))

    frame = pd.DataFrame(
        {"tenant_id": tenant_id, "property_id": property_id(tenant_id, pd.Series(keys)), "property_key": keys}, dtype=object
    )
    for field in MERGED_FIELDS:
        frame[field] = _taken(records[field], survivors.winner[field])
    for field in SITUS_FIELDS:
        frame[field] = _taken(situs[field], survivors.winner["situs_raw"])
    frame["parcel_geom"], is_mended = valid_outlines(frame["parcel_geom"])
    is_placed = _place(frame)
    frame["cell"] = cell(frame["latitude"], frame["longitude"])
    for listed, name in (("snapshot_ids", "snapshot_id"), ("row_numbers", "row_number")):
        frame[listed] = _listed(records[name], supporting, groups, count)

    makings = _makings(records, groups, count, survivors, supporting, known, is_placed, is_mended)
    sequence, sequences = _source_sequences(records, groups, count, supporting)
    frame["derivation_sha256"], derivations = derive(sequence, sequences, makings, known)
    conflicts = conflict.conflicts(records, groups, frame, survivors, rule_book)
    columns = [name if name != "derivation_id" else "derivation_sha256" for name in contract("normalize.property").column_names]
    return Merged(frame[columns], conflicts, derivations)


def _taken(values: pd.Series, winner: Positions) -> pd.Series:
    """The winning records' values, null where no record won; the type of the column is kept."""
    if not len(values):
        return values.iloc[:0]
    taken = values.iloc[np.maximum(winner, 0)].reset_index(drop=True)
    if (winner < 0).any():
        taken = taken.astype(object).where(winner >= 0, None) if taken.dtype == object else taken.where(winner >= 0)
    return taken


def _supporting(records: pd.DataFrame, groups: Positions, survivors: Survivors) -> Positions:
    """Records that state at least one surviving value, by group, then source, snapshot and row.

    A group whose records state nothing at all keeps its first record: even an empty property comes from somewhere.
    """
    is_supporting = np.zeros(len(records), dtype=bool)
    for field in MERGED_FIELDS:
        winner = survivors.winner[field]
        is_supporting[winner[winner >= 0]] = True
        is_supporting[survivors.agreeing[field]] = True
    names = pd.factorize(records["source_name"], sort=True)[0]
    order = np.lexsort((records["row_number"].to_numpy(), records["snapshot_id"].to_numpy(), names, groups))
    count = int(groups.max()) + 1 if len(groups) else 0
    silent = np.bincount(groups[is_supporting], minlength=count) == 0
    is_supporting[first_per_group(order, groups, count)[silent]] = True
    return order[is_supporting[order]]


def _listed(values: pd.Series, supporting: Positions, groups: Positions, count: int) -> list[list[int]]:
    """Values of the supporting records, one list for each group."""
    flat = values.to_numpy()[supporting].astype(int).tolist()
    ends = np.cumsum(np.bincount(groups[supporting], minlength=count)).tolist()
    return [flat[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)] if count else []


def _ordinals(supporting: Positions, groups: Positions, total: int) -> Positions:
    """For each record its place (from 0) among its group's supporting records; -1 for the others."""
    ordinal = np.full(total, -1, dtype=np.int64)
    if len(supporting):
        own = groups[supporting]
        starts = np.flatnonzero(np.r_[True, own[1:] != own[:-1]])
        ordinal[supporting] = np.arange(len(own)) - np.repeat(starts, np.diff(np.r_[starts, len(own)]))
    return ordinal


def _source_sequences(
    records: pd.DataFrame, groups: Positions, count: int, supporting: Positions
) -> tuple[Positions, list[tuple[str, ...]]]:
    """For each group the number of its sequence of source names, and the sequences."""
    names, values = pd.factorize(records["source_name"], sort=True)
    ordinal = _ordinals(supporting, groups, len(records))
    code = np.zeros(count, dtype=np.int64)
    sequences: list[tuple[str, ...]] = [()]
    for place in range(int(ordinal.max()) + 1 if len(ordinal) else 0):
        at = supporting[ordinal[supporting] == place]
        combined = np.full(count, -1, dtype=np.int64)
        combined[groups[at]] = code[groups[at]] * len(values) + names[at]
        grown, renumbered = np.unique(combined[groups[at]], return_inverse=True)
        sequences_grown = [(*sequences[int(one) // len(values)], str(values[int(one) % len(values)])) for one in grown]
        code[groups[at]] = len(sequences) + renumbered
        sequences = sequences + sequences_grown
    return code, sequences


def _makings(
    records: pd.DataFrame,
    groups: Positions,
    count: int,
    survivors: Survivors,
    supporting: Positions,
    sources: Mapping[str, Source],
    is_placed: NDArray[np.bool_],
    is_mended: NDArray[np.bool_],
) -> dict[str, Making]:
    """Per field who gave it and who agreed. A field that all are silent on is laid to the first record that could speak.

    That keeps the ways of making few: properties differ in which cells are empty far more than in where cells come from.
    """
    ordinal = _ordinals(supporting, groups, len(records))
    names, values = pd.factorize(records["source_name"], sort=True)
    declared = [sources.get(str(name)) for name in values]
    makings: dict[str, Making] = {}
    for field in MERGED_FIELDS:
        winner = survivors.winner[field]
        able = np.array([one is None or _declares(one, field) for one in declared], dtype=bool)
        fallback = first_per_group(supporting[able[names[supporting]]], groups, count)
        giver = np.where(winner >= 0, winner, fallback)
        makings[field] = Making(np.where(giver >= 0, ordinal[giver], -1), _agreement(names, groups, count, winner, survivors, field))
    outline = makings["parcel_geom"].ordinal
    for field in ("latitude", "longitude"):
        ordinal_found, agreement = makings[field].ordinal, makings[field].agreement
        makings[field] = Making(np.where(is_placed, outline, ordinal_found), np.where(is_placed, 0, agreement), is_placed.astype(np.int64))
    makings["parcel_geom"] = Making(outline, makings["parcel_geom"].agreement, is_mended.astype(np.int64))
    makings |= {field: makings[of] for field, of in _FOLLOWS_SITUS.items()}
    makings["cell"] = makings["latitude"]
    return makings


def _declares(declared: Source, field: str) -> bool:
    return (
        field in declared.columns
        or (field == "apn" and "apn_raw" in declared.columns)
        or (field == "county_fips" and bool(declared.county_fips))
    )


def _agreement(names: Positions, groups: Positions, count: int, winner: Positions, survivors: Survivors, field: str) -> Positions:
    """0 one voice, 1 another source says the same, 2 somebody says otherwise. A source's own repetition is no second voice."""
    agreement = np.zeros(count, dtype=np.int64)
    same = survivors.agreeing[field]
    agreement[groups[same[names[same] != names[winner[groups[same]]]]]] = 1
    agreement[groups[survivors.differing[field]]] = 2
    return agreement


def _place(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Give properties without a point one inside their outline; says which."""
    is_placed: NDArray[np.bool_] = (frame["latitude"].isna() & frame["parcel_geom"].notna()).to_numpy()
    for field in ("latitude", "longitude"):
        frame[field] = frame[field].astype(float)
    if is_placed.any():
        points = shapely.point_on_surface(shapely.from_wkb(frame.loc[is_placed, "parcel_geom"].to_numpy()))
        frame.loc[is_placed, "latitude"], frame.loc[is_placed, "longitude"] = shapely.get_y(points), shapely.get_x(points)
    return is_placed
