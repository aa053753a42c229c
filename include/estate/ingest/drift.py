"""Schema drift: what the columns of a file have become, judged before anything is built from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pandas import DataFrame

from estate.errors import LandingRefused
from estate.ingest.declaration import GEOMETRY, Source
from estate.ingest.rules import apply_rules, present

JACCARD_FLOOR = 0.95
# A column of which more than half the sampled cells cannot be read holds something else than it did.
CHANGED_SHARE = 0.5
_SAMPLE_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Drift:
    """How the columns of a file differ from the declared ones.

    `column_jaccard` is the size of the intersection over the size of the union, 0 to 1, after declared renames. `renamed` maps the file's
    name to the declared one; `changed` maps a column to what its cells no longer are.
    """

    column_jaccard: float
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The differences as plain values, for the outcome row."""
        return {"missing": list(self.missing), "added": list(self.added), "renamed": self.renamed, "changed": self.changed}


def compare_columns(header: tuple[str, ...], source: Source) -> Drift:
    """The drift of the column names alone. Raises LandingRefused when a column stands there under its old and its new name."""
    renamed = {name: source.renames[name] for name in header if name in source.renames and name not in source.declared}
    names = [renamed.get(name, name) for name in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LandingRefused(
            "the column stands there twice, under its declared name and another one", field=twice[0], remedy="Drop one of them."
        )
    found, declared = set(names), source.declared
    both = found | declared
    return Drift(
        column_jaccard=len(found & declared) / len(both) if both else 1.0,
        missing=tuple(sorted(declared - found)),
        added=tuple(sorted(found - declared)),
        renamed=renamed,
    )


def check_columns(drift: Drift, source: Source) -> None:
    """Raise LandingRefused when a column that is read is missing, or when too few columns are the declared ones."""
    needed = [name for name in source.used if name in drift.missing]
    report = f"missing: {', '.join(drift.missing) or 'none'}; added: {', '.join(drift.added) or 'none'}"
    if needed:
        raise LandingRefused(
            f"the column {needed[0]!r} is missing ({report})",
            field=needed[0],
            remedy="Send the column, or declare its new name in the source's renames.",
            drift=drift,
        )
    if drift.column_jaccard < JACCARD_FLOOR:
        raise LandingRefused(
            f"only {drift.column_jaccard:.0%} of the columns are the declared ones, {JACCARD_FLOOR:.0%} are needed ({report})",
            remedy="Compare the file with the source's declaration; declare renames and ignored columns if the change is wanted.",
            drift=drift,
        )


def changed_types(rows: DataFrame, source: Source) -> dict[str, str]:
    """The columns whose cells are mostly no longer what the declaration reads, judged on the first rows.

    `rows` are raw texts under their declared names. Gives the raw column and what its cells are not, such as
    ``is not a number in 100% of 200 cells``.
    """
    sample = rows.head(_SAMPLE_ROWS)
    changed = {}
    for mapping in source.columns.values():
        if not mapping.raw or GEOMETRY in mapping.raw:
            continue
        parts = [present(sample[name]) for name in mapping.raw]
        filled = int(parts[0].notna().sum())
        _, faults = apply_rules(parts, mapping.rules, source.lookups)
        for fault in faults:
            share = float(fault.mask.sum()) / max(filled, 1)
            if share > CHANGED_SHARE:
                changed[mapping.raw[0]] = f"{fault.reason} in {min(share, 1.0):.0%} of {filled} cells"
    return changed


def check_types(drift: Drift, rows: DataFrame) -> None:
    """Raise LandingRefused when a column has changed its type."""
    for name, complaint in drift.changed.items():
        example = next((text for text in rows[name] if text.strip()), "")[:40]
        raise LandingRefused(
            f"the column {name!r} has changed: it {complaint} (such as {example!r})",
            field=name,
            remedy="Send it in the declared form, or change the rule in the source's declaration.",
            drift=drift,
        )
