"""Where any field of any property comes from: file, row, raw value, rules, batch, run, code, verdict, trust - as of any moment."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from pydantic import Field

from api.database import Reading
from api.edge import caller
from api.evidence import TABLES, Evidence, gather
from api.hazards import HAZARD_FIELDS
from api.parameters import AsOfQuery, PropertyPath
from api.personal import PERSONAL, disclose
from api.problems import not_found
from api.provenance_parts import NOTHING, FieldProvenanceAnswer, ProvenanceAnswer
from api.representations import geometry, json_response, picked
from api.resource import Resource
from api.services import services
from estate.contracts import Contract
from estate.provenance.trust import derived_trust

provenance = Resource("provenance", __name__, "/api/v1/properties/<uuid:property_id>/provenance", "Where every value comes from.")

# Every value a property has, and the table that promises it.
FIELDS: dict[str, Contract] = {column.name: promise for promise in TABLES for column in promise.columns if column.role == "value"}
_HAZARD_OF = {field: hazard for hazard, fields in HAZARD_FIELDS.items() for field in fields} | {
    f"{hazard}_{suffix}": hazard for hazard in HAZARD_FIELDS for suffix in ("probability_30y", "score", "layer_id", "feature_row")
}


@provenance.read("", answer=ProvenanceAnswer, role="analyst")
def whole(path: PropertyPath, query: AsOfQuery) -> Response:
    """Every field of one property, each with where it comes from, and its sales likewise. It names the owner, so the read is audited."""
    asked = {"property_id": path.property_id, "as_of": query.as_of}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        evidence = _evidence(reading, asked)
    body = {
        "property_id": path.property_id,
        "as_of": asked["as_of"],
        "fields": {field: _answer(evidence, field) for field, promise in FIELDS.items() if evidence.row(promise) is not None},
        "sales": [
            {"sale_id": sale["sale_id"], "source": evidence.sale_source(sale), "publication": evidence.publication(sale)}
            for sale in evidence.sales
        ],
    }
    disclose("owner and mailing address in provenance")
    return json_response(body)


class FieldPath(PropertyPath):
    """Which field of which property."""

    field: str = Field(description="name of the field, such as bedroom_count", json_schema_extra={"example": "bedroom_count"})


@provenance.read("/<field>", answer=FieldProvenanceAnswer, role="analyst")
def one(path: FieldPath, query: AsOfQuery) -> Response:
    """One field of one property with the file, row and cells that say it, the rules applied, the batch, the gate's verdict and the trust.

    What the owner's fields say is personal data: the read is audited.
    """
    field = path.field
    if field not in FIELDS:
        raise not_found()
    asked = {"property_id": path.property_id, "as_of": query.as_of}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        evidence = _evidence(reading, asked)
    if evidence.row(FIELDS[field]) is None:
        raise not_found()
    if (FIELDS[field].name, field) in PERSONAL:
        disclose(f"{field} in provenance")
    return json_response({"property_id": path.property_id, "as_of": asked["as_of"], **_answer(evidence, field)})


def _evidence(reading: Reading, asked: dict[str, Any]) -> Evidence:
    evidence = gather(reading, asked)
    if evidence is None:
        raise not_found()
    return evidence


def _answer(evidence: Evidence, field: str) -> dict[str, Any]:
    promise = FIELDS[field]
    column = promise.column(field)
    row = evidence.row(promise)
    assert row is not None  # the callers have looked  # noqa: S101
    origin = _ORIGIN[promise.name](evidence, field)
    return {
        "field": field,
        "table": promise.name,
        "meaning": column.meaning,
        "unit": column.unit or None,
        "value": geometry(row[field]) if field == "parcel_geom" else row[field],
        # The same field may be copied from one source and parsed out of another: the record's own word goes first.
        "made": origin["source"]["made"] if origin["source"] else column.made,
        "made_from": column.made_from,
        **NOTHING,
        **origin,
        "trust_pct": _trust_pct(evidence, field),
        "conflicts": [evidence.conflict(conflict) for conflict in evidence.conflicts if conflict["field_name"] == field],
        "publication": evidence.publication(row),
    }


def _from_record(evidence: Evidence, field: str) -> dict[str, Any]:
    """The record that gave the field; for one that the platform made out of others, the records that gave those."""
    source = evidence.field_source(field)
    if source is not None:
        return {"source": source, "inputs": {}}
    made_from = [name.rsplit(".", 1)[1] for name in FIELDS[field].column(field).made_from]
    return {"source": None, "inputs": _sources(evidence, made_from)}


def _from_layer(evidence: Evidence, field: str) -> dict[str, Any]:
    """The hazard layer and its feature, and the records that say where the property is."""
    return {
        "source": None,
        "layers": {hazard: evidence.layers[hazard] for hazard in _hazards_of(field)},
        "inputs": _sources(evidence, ["latitude", "longitude", "parcel_geom"]),
    }


def _from_sales(evidence: Evidence, field: str) -> dict[str, Any]:
    """The method and the model, the records that describe the subject, and every comparable sale with its own file and row."""
    valuation = evidence.rows["score.valuation"]
    assert valuation is not None  # a field of this table is asked for only when it has a row  # noqa: S101
    return {
        "source": None,
        "method": valuation["method"],
        "model": evidence.trained_model(),
        "valuation_date": valuation["valuation_date"],
        "inputs": _sources(evidence, _subject_fields(field)),
        "comparables": [
            picked(row, "comparable_rank", "sale_id", "weight", "sale_price_usd", "adjusted_price_usd")
            | {"source": evidence.sale_source(evidence.sale_origins.get(row["sale_id"]))}
            for row in evidence.comparables
        ],
    }


def _from_hazards(evidence: Evidence, _field: str) -> dict[str, Any]:
    """The hazards' scores and the layers behind them."""
    exposure = evidence.rows["hazard.exposure"] or {}
    scores = ("composite_low", "composite_high", *(f"{hazard}_score" for hazard in HAZARD_FIELDS))
    return {"source": None, "layers": evidence.layers, "inputs": {name: {"value": exposure.get(name)} for name in scores}}


def _from_trust(evidence: Evidence, _field: str) -> dict[str, Any]:
    """The trust of every traced field."""
    return {"source": None, "inputs": {name: {"trust_pct": percent} for name, percent in evidence.trust_pct.items()}}


def _trust_pct(evidence: Evidence, field: str) -> int | None:
    """Trust of a field in percent: judged by the provenance stage, or derived from the trust of what it is made of (docs/trust.md)."""
    promise, made = FIELDS[field], FIELDS[field].column(field).made
    row = evidence.row(promise)
    if row is None or row[field] is None or not evidence.trust_pct:
        return None
    if promise.name in {"hazard.exposure", "score.risk"}:
        inputs = evidence.layer_trusts(_hazards_of(field))
    elif promise.name == "score.valuation" and made == "modelled":
        inputs = evidence.trusts(_subject_fields(field)) + evidence.sale_trusts()
    else:
        return evidence.trust_pct.get(field)
    return round(100 * derived_trust(inputs, made))


def _hazards_of(field: str) -> list[str]:
    """The hazard that a field speaks of, or all of them."""
    return [_HAZARD_OF[field]] if field in _HAZARD_OF else list(HAZARD_FIELDS)


def _subject_fields(field: str) -> list[str]:
    """The fields of the property that `field` is made of."""
    return [name.rsplit(".", 1)[1] for name in FIELDS[field].column(field).made_from if name.startswith("normalize.property.")]


def _sources(evidence: Evidence, fields: list[str]) -> dict[str, Any]:
    found = {field: evidence.field_source(field) for field in fields}
    return {field: source for field, source in found.items() if source is not None}


_ORIGIN = {
    "normalize.property": _from_record,
    "hazard.exposure": _from_layer,
    "score.valuation": _from_sales,
    "score.risk": _from_hazards,
    "provenance.trust": _from_trust,
}
