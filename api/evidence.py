"""Everything that speaks for one property at one moment, read once: records, raw rows, layers, sales, publications, verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any
from uuid import UUID

from api.database import Reading
from api.hazards import HAZARD_FIELDS, layers
from api.links import data_docs
from api.personal import PERSONAL, personal_columns
from api.property_sales import sales
from api.quality import failures
from api.representations import picked
from api.valuation import model
from estate.contracts import CONTRACTS, Contract
from estate.ingest.declaration import sources
from estate.provenance.trust import TRACED_FIELDS, reading_trust, source_trust

Row = dict[str, Any]
_QUERIES = {
    "hazard.exposure": "api_exposure",
    "score.valuation": "api_valuation",
    "score.risk": "api_risk",
    "provenance.trust": "api_trust",
}
TABLES: tuple[Contract, ...] = tuple(CONTRACTS[name] for name in ("normalize.property", *_QUERIES))


@dataclass(frozen=True)
class Evidence:
    """What was read. `rows` holds one row per table, or None where the table says nothing of the property."""

    rows: dict[str, Row | None]
    derivation: Row
    conflicts: list[Row]
    comparables: list[Row]
    model: Row | None
    sales: list[Row]
    sale_origins: dict[UUID, Row]
    layers: dict[str, Row | None]
    raw: dict[tuple[int, int], Row]
    publications: dict[int, Row]

    def row(self, promise: Contract) -> Row | None:
        """The row of this table."""
        return self.rows[promise.name]

    @cached_property
    def trust_pct(self) -> dict[str, int | None]:
        """Trust of each traced field in percent; empty before the provenance stage has run."""
        trust = self.rows["provenance.trust"]
        return {} if trust is None else field_trust(trust)

    def trusts(self, fields: Iterable[str]) -> list[float]:
        """The trusts, 0 to 1, of those of the traced `fields` that have one."""
        return [percent / 100 for percent in map(self.trust_pct.get, fields) if percent is not None]

    def layer_trusts(self, hazards: Iterable[str]) -> list[float]:
        """How far what each of these hazards' layers says of the place can be relied upon, 0 to 1; only of layers that speak of it."""
        exposure = self.rows["hazard.exposure"]
        published = self.publications.get(exposure["publication_id"]) if exposure else None
        location = self.trusts(("latitude", "longitude", "parcel_geom"))
        found = []
        for layer in filter(None, (self.layers[hazard] for hazard in hazards)):
            declared = sources().get(layer["source_name"])
            spoken = source_trust(
                declared.authority_weight if declared else None,
                (published["vintage_date"] - layer["vintage_date"]).days if published else math.nan,
                declared.refresh_days if declared else None,
                gate_passed=published["is_passed"] if published else None,
                is_synthetic=layer["is_synthetic"],
            )
            found.append(reading_trust(spoken, location))
        return found

    def sale_trusts(self) -> list[float]:
        """The trust, 0 to 1, of each source of a comparable sale. A sale that happened does not age; what is published passed its gate."""
        known = sources()
        declared = [known.get(name) for name in {origin["source_name"] for origin in self.sale_origins.values()}]
        return [
            source_trust(one.authority_weight, 0, one.refresh_days, gate_passed=True, is_synthetic=one.is_synthetic)
            if one
            else source_trust(None, 0, None, gate_passed=True, is_synthetic=False)
            for one in declared
        ]

    def field_source(self, field: str) -> Row | None:
        """The file, row and raw cells that gave `field`, with the rules applied; None when no record did."""
        step = self.derivation["fields"].get(field)
        subject = self.rows["normalize.property"]
        if step is None or subject is None:
            return None
        at = step["record"]
        found = self._cells(subject["snapshot_ids"][at], subject["row_numbers"][at], step["columns"])
        if found is None:
            return None
        if ("normalize.property", field) not in PERSONAL:
            found["raw_values"] = {name: cell for name, cell in found["raw_values"].items() if name not in self._personal_columns}
        return {**found, **{name: step.get(name) for name in ("rules", "made", "agreement")}}

    @cached_property
    def _personal_columns(self) -> frozenset[str]:
        """Columns of the files that say whose the property is; where another field is made from one too, the cell is not shown for it."""
        steps = (self.derivation["fields"].get(field) for field in personal_columns("normalize.property"))
        return frozenset(column for step in steps if step is not None for column in step["columns"])

    def sale_source(self, sale: Row | None) -> Row | None:
        """The file, row and raw cells that gave a sale its price and its day."""
        if sale is None:
            return None
        declared = sources().get(sale["source_name"])
        mappings = [declared.columns[name] for name in ("sale_price_usd", "sale_date") if name in declared.columns] if declared else []
        return self._cells(sale["snapshot_id"], sale["row_number"], [name for mapping in mappings for name in mapping.raw])

    def conflict(self, conflict: Row) -> Row:
        """A value that lost, with the file and row that said it."""
        names = ("losing_value", "source_name", "winning_value", "winning_source_name", "rule")
        return picked(conflict, *names) | {"source": self._cells(conflict["snapshot_id"], conflict["row_number"], [])}

    def publication(self, row: Row) -> Row | None:
        """The publication of a row, with the verdict of its gate."""
        found = self.publications.get(row["publication_id"])
        if found is None:
            return None
        verdict = None
        if found["verdict_id"] is not None:
            names = ("verdict_id", "is_passed", "judged_at", "expectation_count", "rows_in", "rows_quarantined", "suite_sha256")
            verdict = picked(found, *names) | {"failures": failures(found["failures"]), "data_docs": data_docs(found["docs_key"])}
        # The number is larger than a double holds exactly, so it travels as text.
        return {
            "publication_id": str(found["publication_id"]),
            **picked(found, "published_at", "batch_id", "vintage_date", "run_id", "code_version", "input_sha256"),
            "verdict": verdict,
        }

    def trained_model(self) -> Row | None:
        """The model behind the value, with what it was trained on and its page; None where none gave it."""
        if self.model is None:
            return None
        names = ("model_id", "county_fips", "as_of_date", "trained_at", "sale_count", "window_from_date", "window_to_date", "snapshot_ids")
        return picked(self.model, *names, "code_version", "artefact_sha256", "data_docs")

    def _cells(self, snapshot_id: int, row_number: int, columns: list[str]) -> Row | None:
        found = self.raw.get((snapshot_id, row_number))
        if found is None:
            return None
        return {
            **picked(found, "source_name", "file_name"),
            "snapshot_sha256": found["snapshot_sha256"],
            **picked(found, "snapshot_id", "row_number"),
            "columns": columns,
            "raw_values": _named(found, columns),
            **picked(found, "vintage_date", "landed_at", "batch_id"),
        }


def field_trust(trust: Row) -> dict[str, int | None]:
    """The trust of each traced field in percent, by name, from a row of provenance.trust; null for a field that came after it."""
    return dict(zip_longest(TRACED_FIELDS, trust["field_trust_pct"]))


def _named(found: Row, columns: list[str]) -> dict[str, str]:
    """The raw cells of the named columns; a column that the file calls otherwise is found by its declared other name."""
    declared = sources().get(found["source_name"])
    renames = declared.renames if declared else {}
    cells = dict(zip((renames.get(name, name) for name in found["header"]), found["raw_row"] or (), strict=False))
    cells |= dict(zip(found["header"], found["raw_row"] or (), strict=False))
    # A geometry is no cell of the file's table: it stands among the columns and has no raw value here.
    return {name: cells[name] for name in columns if name in cells}


def gather(reading: Reading, asked: Row) -> Evidence | None:
    """Read everything about `asked` (property_id, as_of); None when there is no such property."""
    subject = reading.row("api_property", asked)
    if subject is None:
        return None
    rows: dict[str, Row | None] = {"normalize.property": subject}
    rows.update({table: reading.row(name, asked) for table, name in _QUERIES.items()})
    exposure = rows["hazard.exposure"]
    conflicts, comparables, sold = reading.rows("api_conflicts", asked), reading.rows("api_comparables", asked), sales(reading, asked)
    compared = [row["sale_id"] for row in comparables]
    origins: list[Row] = reading.rows("api_sale_origins", {"sale_ids": compared, "as_of": asked["as_of"]}) if compared else []
    wanted = set(zip(subject["snapshot_ids"], subject["row_numbers"], strict=True))
    wanted |= {(row["snapshot_id"], row["row_number"]) for row in [*conflicts, *sold, *origins]}
    snapshot_ids, row_numbers = zip(*sorted(wanted), strict=True) if wanted else ((), ())
    raw = reading.rows("api_raw_rows", {"snapshot_ids": list(snapshot_ids), "row_numbers": list(row_numbers)})
    publication_ids = {row["publication_id"] for row in [*rows.values(), *sold] if row is not None}
    published = reading.rows("api_publications", {"publication_ids": list(publication_ids)})
    unread: dict[str, Row | None] = dict.fromkeys(HAZARD_FIELDS)
    return Evidence(
        rows=rows,
        derivation=reading.row("api_derivation", {"derivation_id": subject["derivation_id"]}) or {"source_names": [], "fields": {}},
        conflicts=conflicts,
        comparables=comparables,
        model=model(reading, rows["score.valuation"]),
        sales=sold,
        sale_origins={row["sale_id"]: row for row in origins},
        layers=layers(reading, exposure) if exposure else unread,
        raw={(row["snapshot_id"], row["row_number"]): row for row in raw},
        publications={row["publication_id"]: row for row in published},
    )
