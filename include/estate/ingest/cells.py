"""What a reader found in a file: columns of raw text, and geometry where the format has any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estate.errors import LandingRefused

LONGEST_CELL = 131_072  # characters; the longest legal description we know of has a tenth


@dataclass(frozen=True, slots=True)
class Cells:
    """The columns of a file in order, each as Arrow text without nulls, and its geometry (shapely, EPSG:4326)."""

    header: tuple[str, ...]
    columns: list[pa.ChunkedArray]
    geometry: np.ndarray | None = None

    @property
    def row_count(self) -> int:
        """Data rows."""
        return len(self.columns[0]) if self.columns else 0


def as_text(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """A typed column as canonical text: whole numbers without ``.0``, dates in ISO form, empty for null.

    Raises LandingRefused when the column nests values.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise LandingRefused(f"the column holds {kind}, not single values", field=name, remedy="Send one value in each cell.")
    text = column if pa.types.is_string(kind) else column.cast(pa.string())
    if pa.types.is_timestamp(kind):
        text = pc.replace_substring_regex(text, r"(\.\d*?)0+(Z?)$", r"\1\2")
        text = pc.replace_substring_regex(text, r"( 00:00:00)?\.?(Z?)$", r"\2")
    if pa.types.is_floating(kind):
        text = pc.if_else(pc.is_nan(column), "", text)
    return pc.fill_null(text, "")


def check_header(header: tuple[str, ...]) -> None:
    """Raise LandingRefused when a column has no name, or two have the same one."""
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if not name:
            raise LandingRefused(f"column {position} of the header has no name", remedy="Name every column, or drop the empty one.")
        if name in seen:
            raise LandingRefused("two columns have the same name", field=name, remedy="Rename or drop one of them in the file.")
        seen.add(name)


def check_cells(cells: Cells) -> None:
    """Raise LandingRefused naming row and field when a cell is longer than any real one, or there is no row at all."""
    if cells.row_count == 0:
        raise LandingRefused(
            "the file holds a header and no data rows", remedy="Send the file with its rows; an empty delivery is not a batch."
        )
    for name, column in zip(cells.header, cells.columns, strict=True):
        lengths = pc.utf8_length(column)
        if pc.max(lengths).as_py() > LONGEST_CELL:
            row = pc.index(pc.greater(lengths, LONGEST_CELL), True).as_py() + 1
            raise overlong(row, name, lengths[row - 1].as_py())


def overlong(row: int, field: str | None, length: int | None = None) -> LandingRefused:
    """The refusal of a cell that is longer than any real one."""
    found = f"a cell of {length:,} characters" if length else "a cell"
    return LandingRefused(
        f"{found} is longer than {LONGEST_CELL:,} characters",
        row=row,
        field=field,
        remedy="A quotation mark is probably missing or a document was pasted into the cell: correct the row.",
    )
