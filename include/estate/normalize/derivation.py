"""How the fields of properties were made, each way once: shared by all properties made alike, built set by set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estate.ingest.declaration import Source

Codes = NDArray[np.int64]

# Rules of the ingest stage that only read what is written; every other one reads something out of it.
_COPYING = frozenset({"text", "number", "integer", "date", "zip5", "yes_no", "pad", "null_if", "null_if_equal", "first_of", "outline"})
# Rules that say more than the row does: a point inside an outline, one value for a whole source.
_INFERRING = frozenset({"point_latitude", "point_longitude", "constant", "month_end"})

SITUS_FIELDS = ("situs_address", "situs_number", "situs_street", "situs_unit", "situs_confidence", "situs_flags")
AGREEMENT = ("sole", "agree", "differ")


@dataclass(frozen=True, slots=True)
class Making:
    """What decides how one field was made, for every property at once.

    `ordinal`: which of the property's records gave it, -1 for none. `agreement`: index into AGREEMENT. `variant`: 1 where
    this stage made the value out of another column (a point out of an outline) or mended it, else 0.
    """

    ordinal: Codes
    agreement: Codes
    variant: Codes | None = None


def step(field: str, declared: Source | None, variant: int = 0) -> dict[str, Any]:
    """Source columns, rules and manner in which `field` is made from a record of the source `declared`.

    >>> step("living_area_sqft", None)
    {'columns': [], 'rules': [], 'made': 'copied'}
    """
    if field in SITUS_FIELDS:
        return _further(step("situs_raw", declared), "situs:publication_28", "parsed")
    if field == "cell":
        point = [step(name, declared, variant) for name in ("latitude", "longitude")]
        both = {**point[0], "columns": list(dict.fromkeys(point[0]["columns"] + point[1]["columns"]))}
        return _further(both, "cell:0.01_degrees", "inferred")
    if variant and field in {"latitude", "longitude"}:
        return _further(step("parcel_geom", declared), "point_on_surface", "inferred")
    if variant and field == "parcel_geom":
        return _further(step(field, declared), "make_valid", "inferred")
    mapping = declared.columns.get(field) if declared else None
    if mapping:
        return {"columns": list(mapping.raw), "rules": list(mapping.rules), "made": _made(mapping.rules)}
    return _made_by_ingest(field, declared)


def _further(before: dict[str, Any], rule: str, made: str) -> dict[str, Any]:
    return {"columns": before["columns"], "rules": [*before["rules"], rule], "made": made}


def _made_by_ingest(field: str, declared: Source | None) -> dict[str, Any]:
    """Fields that ingest makes without a mapping of their own: the formatted parcel number, the source's one county."""
    if declared and field == "apn" and "apn_raw" in declared.columns:
        return _further(step("apn_raw", declared), "apn:county_form", "parsed")
    if declared and field == "county_fips" and declared.county_fips:
        return {"columns": [], "rules": [f"constant:{declared.county_fips}"], "made": "inferred"}
    return {"columns": [], "rules": [], "made": "copied"}


def _made(rules: tuple[str, ...]) -> str:
    names = {rule.partition(":")[0] for rule in rules}
    if names & _INFERRING:
        return "inferred"
    return "copied" if names <= _COPYING else "parsed"


def derive(
    source_sequence: Codes, sequences: list[tuple[str, ...]], makings: Mapping[str, Making], sources: Mapping[str, Source]
) -> tuple[NDArray[Any], dict[str, dict[str, Any]]]:
    """The digest of each property's derivation, and every derivation by its digest.

    `source_sequence` indexes `sequences`, the source names of each property's records in their order. Cost is linear in
    properties with a small factor: columns of codes are folded into one, and only distinct ways are written out.
    """
    count = len(source_sequence)
    code = source_sequence
    for making in makings.values():
        for column in (making.ordinal, making.agreement, making.variant):
            code = _folded(code, column)
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    digests: list[str] = []
    derivations: dict[str, dict[str, Any]] = {}
    for example in first if count else []:
        names = sequences[source_sequence[example]]
        derivation = {"source_names": list(names), "fields": _fields(names, makings, int(example), sources)}
        digest = hashlib.sha256(json.dumps(derivation, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        derivations[digest] = derivation
        digests.append(digest)
    return np.array(digests, dtype=object)[inverse] if count else np.array([], dtype=object), derivations


def _folded(code: Codes, column: Codes | None) -> Codes:
    """One code for each distinct pair; a column that says the same everywhere costs one look."""
    if column is None or not len(column):
        return code
    low, high = int(column.min()), int(column.max())
    if low == high:
        return code
    # The product cannot overflow: codes are renumbered to at most the number of properties at every step.
    return np.unique(code * (high - low + 1) + (column - low), return_inverse=True)[1].astype(np.int64)


def _fields(
    names: tuple[str, ...], makings: Mapping[str, Making], example: int, sources: Mapping[str, Source]
) -> dict[str, dict[str, Any]]:
    fields = {}
    for field, making in makings.items():
        ordinal = int(making.ordinal[example])
        if ordinal < 0:
            continue
        variant = int(making.variant[example]) if making.variant is not None else 0
        fields[field] = {
            "record": ordinal,
            **step(field, sources.get(names[ordinal]), variant),
            "agreement": AGREEMENT[int(making.agreement[example])],
        }
    return fields
