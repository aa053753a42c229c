"""The models of provenance: the cells of a landed row, a layer, a model, a publication with its verdict, and what speaks for a field."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field, create_model

from api.hazards import HazardLayerRead
from api.links import link
from api.quality import GateFailure
from api.schemas import columns, part
from api.subject import OfProperty

_CELLS = {
    **columns("ingest.snapshot", ("source_name", "file_name")),
    "snapshot_sha256": (str, Field(description="SHA-256 of the file's bytes")),
    **columns("ingest.snapshot", ("snapshot_id",)),
    "row_number": (int, Field(description="row of that file (the first data row is 1)")),
    "columns": (list[str], Field(description="columns of that file that say it")),
    "raw_values": (
        dict[str, str | None],
        Field(
            description="the cells of those columns exactly as the file wrote them; a geometry is no cell, and personal cells are left out"
        ),
    ),
    **columns("ingest.snapshot", ("vintage_date", "landed_at", "batch_id")),
}
SourceCells = part("SourceCells", "Cells of a row of a landed file.", _CELLS)
FieldCells = part(
    "FieldCells",
    "Cells of a row of a landed file, and what was made of them.",
    _CELLS,
    rules=(list[str] | None, Field(description="rules applied to them, in order; `name!` is a rule that flagged the value")),
    made=(str | None, Field(description="copied, parsed, inferred or modelled")),
    agreement=(str | None, Field(description="whether other sources say the same: sole, agree or differ")),
)
InputValue = part("InputValue", "A value that this one is made of.", value=(Any, Field(description="the value")))
InputTrust = part("InputTrust", "A trust that this one is made of.", trust_pct=(int | None, Field(description="the trust (0-100)")))

_VERDICT = ("verdict_id", "is_passed", "judged_at", "expectation_count", "rows_in", "rows_quarantined", "suite_sha256")
PublicationVerdict = part(
    "PublicationVerdict",
    "What the gate said of the batch.",
    columns("provenance.verdict", _VERDICT),
    failures=(list[GateFailure], Field(description="every expectation that did not hold, in the order of the suite")),  # type: ignore[valid-type]
    data_docs=link("the verdict's page for people"),
)
ProvenancePublication = part(
    "ProvenancePublication",
    "The publication that put the value there.",
    publication_id=(str, Field(description="its number, as text: larger than a double holds exactly")),
    **columns("provenance.publication", ("published_at", "batch_id", "vintage_date", "run_id", "code_version", "input_sha256")),
    verdict=(PublicationVerdict | None, Field(description="the verdict that let it through")),
)
LosingValue = part(
    "LosingValue",
    "A value that another source's, or another row's, was preferred to.",
    columns("normalize.conflict", ("losing_value", "source_name", "winning_value", "winning_source_name", "rule")),
    source=(SourceCells | None, Field(description="the row that said it")),
)
ProvenanceModel = part(
    "ProvenanceModel",
    "The model that gave a value, and what it was trained on.",
    columns(
        "score.model",
        (
            "model_id", "county_fips", "as_of_date", "trained_at", "sale_count", "window_from_date", "window_to_date", "snapshot_ids",
            "code_version", "artefact_sha256",
        ),
    ),
    data_docs=link("the model's page for people"),
)  # fmt: skip
ProvenanceComparable = part(
    "ProvenanceComparable",
    "A sale that carries the value.",
    columns("score.comparable", ("comparable_rank", "sale_id", "weight", "sale_price_usd", "adjusted_price_usd")),
    source=(SourceCells | None, Field(description="the row that tells of the sale")),
)

_FIELD: dict[str, Any] = {
    "field": (str, Field(description="name of the field")),
    "table": (str, Field(description="table that holds it")),
    "meaning": (str, Field(description="what it says")),
    "unit": (str | None, Field(description="its unit")),
    "value": (Any, Field(description="its value; null where it is unknown")),
    "made": (str, Field(description="how the value was made: assigned, copied, parsed, inferred or modelled")),
    "made_from": (list[str], Field(description="what such values are made from, as schema.table.column")),
    "source": (FieldCells | None, Field(description="the row that gave it; null for what the platform made itself")),
    "inputs": (
        dict[str, FieldCells | InputValue | InputTrust],  # type: ignore[valid-type]
        Field(description="what it was made from, by field: the rows that gave those, or their values, or their trust"),
    ),
    "layers": (
        dict[str, HazardLayerRead | None],  # type: ignore[valid-type]
        Field(description="hazard layers behind it, by hazard; null where none speaks of the place"),
    ),
    "method": (str | None, Field(description="of a value: the method and its version")),
    "model": (ProvenanceModel | None, Field(description="of a value: the model that gave it")),
    "valuation_date": columns("score.valuation", ("valuation_date",))["valuation_date"],
    "comparables": (list[ProvenanceComparable], Field(description="of a value: the sales that carry it, each with its own row")),  # type: ignore[valid-type]
    "trust_pct": (int | None, Field(description="how far it can be relied upon, 0 to 100; null where there is nothing to trust")),
    "conflicts": (list[LosingValue], Field(description="what others said of it")),  # type: ignore[valid-type]
    "publication": (ProvenancePublication | None, Field(description="the publication that put it there")),
}
_FIELD["valuation_date"] = (_FIELD["valuation_date"][0] | None, Field(description="of a value: the day it stands for"))
# What speaks for no value has these empty.
NOTHING: dict[str, Any] = {
    "source": None, "inputs": {}, "layers": {}, "method": None, "model": None, "valuation_date": None, "comparables": [],
}  # fmt: skip

FieldProvenance = part("FieldProvenance", "A field, and everything that speaks for it.", _FIELD)
SaleProvenance = part(
    "SaleProvenance",
    "A sale, and the row that tells of it.",
    sale_id=(UUID, Field(description="the sale")),
    source=(SourceCells | None, Field(description="the row that tells of it")),
    publication=(ProvenancePublication | None, Field(description="the publication that put it there")),
)
FieldProvenanceAnswer = create_model(
    "FieldProvenanceAnswer", __base__=OfProperty, __doc__="One field of one property, and everything that speaks for it.", **_FIELD
)


class ProvenanceAnswer(OfProperty):
    """Every field of one property, each with everything that speaks for it, and its sales likewise."""

    fields_: dict[str, FieldProvenance] = Field(alias="fields", description="by name")  # type: ignore[valid-type]
    sales: list[SaleProvenance] = Field(description="the newest first")  # type: ignore[valid-type]
