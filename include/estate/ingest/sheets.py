"""XLSX and Parquet, read as text."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from estate.errors import LandingRefused
from estate.ingest.archives import UNPACKED_LIMIT, check_zip
from estate.ingest.cells import Cells, as_text, check_header
from estate.ingest.declaration import Source


def read_xlsx(data: bytes, source: Source) -> Cells:
    """The cells of the source's sheet below its header line, each in canonical text: whole numbers without .0, dates in ISO form.

    Rows without any value are no rows. Raises LandingRefused when the workbook or the sheet cannot be read.
    """
    check_zip(data, "XLSX workbook")
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        lines = workbook.get_sheet_by_name(_sheet(workbook.sheet_names, source)).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise LandingRefused(f"the file is not a readable XLSX workbook ({error})", remedy="Save it again as .xlsx.") from None
    if len(lines) < source.header_row:
        raise LandingRefused(
            f"the sheet ends before line {source.header_row}, where the header is declared", remedy="Send the whole sheet."
        )
    header = [_cell_text(cell).strip() for cell in lines[source.header_row - 1]]
    while header and not header[-1]:
        header.pop()
    check_header(tuple(header))
    rows = [row[: len(header)] for row in lines[source.header_row :] if any(cell != "" for cell in row)]
    for number, line in enumerate((row for row in lines[source.header_row :] if any(cell != "" for cell in row)), start=1):
        if any(cell != "" for cell in line[len(header) :]):
            raise LandingRefused(
                "the row holds a value beyond the last named column", row=number, remedy="Name the column or clear the cell."
            )
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    return Cells(tuple(header), [pa.chunked_array([pa.array([_cell_text(cell) for cell in cells], pa.string())]) for cells in columns])


def read_parquet(data: bytes, _source: Source) -> Cells:
    """The cells of a Parquet file, each in canonical text. Raises LandingRefused when it cannot be read."""
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        if size > UNPACKED_LIMIT:
            raise LandingRefused(f"the file unpacks to more than {UNPACKED_LIMIT:,} bytes", remedy="Split it by county or year.")
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise LandingRefused(f"the file is not readable Parquet ({error})", remedy="Write it again and send it whole.") from None
    header = tuple(name.strip() for name in table.column_names)
    check_header(header)
    return Cells(header, [as_text(column, name) for name, column in zip(header, table.columns, strict=True)])


def _sheet(names: list[str], source: Source) -> str:
    if source.sheet:
        if source.sheet not in names:
            raise LandingRefused(
                f"the workbook has no sheet {source.sheet!r}; it has {', '.join(map(repr, names))}", remedy="Send the workbook that has it."
            )
        return source.sheet
    if len(names) != 1:
        raise LandingRefused(
            f"the workbook has {len(names)} sheets ({', '.join(names)}) and the source names none",
            remedy="Send one sheet, or declare which it is.",
        )
    return names[0]


def _cell_text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time.min else cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, dt.date | dt.time) else str(cell)
