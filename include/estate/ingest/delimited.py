"""CSV, read strictly: what is not exactly a table of text is refused, naming the row and the field."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import NoReturn

import pyarrow as pa
import pyarrow.csv as pacsv

from estate.errors import LandingRefused
from estate.ingest.archives import ZIP_MAGIC
from estate.ingest.cells import LONGEST_CELL, Cells, check_header, overlong
from estate.ingest.declaration import Source

_BLOCK_ROWS = 50_000
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_csv(data: bytes, source: Source) -> Cells:
    """The cells of a CSV file in the source's encoding, delimiter and header line, exactly as written.

    A byte order mark is stripped and blank lines are no rows. Raises LandingRefused for anything else that is not a
    regular table.
    """
    _check_bytes(data, source)
    try:
        header, header_end = _header(data, source)
        check_header(header)
        # Without quotation marks there is only one way to read a table, and Arrow's parser reads it several times faster.
        if b'"' not in data and (columns := _read_unquoted(data, source, header, header_end)) is not None:
            return Cells(header, columns)
        return Cells(header, _read_quoted(data, source, header))
    except UnicodeDecodeError as error:
        _refuse_encoding(data, source, error)
    except csv.Error as error:
        _refuse_syntax(data, source, str(error))


def _encoding(source: Source) -> str:
    # utf-8-sig reads UTF-8 with and without a byte order mark.
    return "utf-8-sig" if codecs.lookup(source.encoding).name == "utf-8" else source.encoding


def _lines(data: bytes, source: Source, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding=_encoding(source), errors=errors, newline="")


def _rows(lines: Iterator[str] | io.TextIOWrapper, source: Source) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=source.delimiter, strict=True)


def _check_bytes(data: bytes, source: Source) -> None:
    if not data.strip():
        raise LandingRefused("the file is empty", remedy="Send the file with its header and rows.")
    if data.startswith(ZIP_MAGIC):
        raise LandingRefused(
            "the file is a ZIP archive or an XLSX workbook, not CSV", remedy="Send the CSV itself, plain or compressed with gzip."
        )
    sample = data[:4096]
    looks_wide = len(sample) > 3 and max(sample[0::2].count(0), sample[1::2].count(0)) > len(sample) // 4
    if "utf-16" in codecs.lookup(source.encoding).name:
        return
    if data.startswith(_UTF16_MARKS) or looks_wide:
        raise LandingRefused(f"the file is written in UTF-16, the source is declared as {source.encoding}", remedy="Save it as UTF-8.")
    if (position := data.find(b"\0")) >= 0:
        row, field = _place(data[:position], source)
        raise LandingRefused("the file holds a NUL byte", row=row, field=field, remedy="Export it again as text; the file is damaged.")


def _header(data: bytes, source: Source) -> tuple[tuple[str, ...], int]:
    """The column names, and the number of lines up to the end of the header."""
    reader = csv.reader(_lines(data, source), delimiter=source.delimiter, strict=True)
    found = next(islice(reader, source.header_row - 1, None), None)
    if not found:
        raise LandingRefused(f"line {source.header_row}, where the header is declared, is empty", remedy="Send the file with its header.")
    header = tuple(name.strip() for name in found)
    line = source.delimiter.join(found)
    other = max((mark for mark in _DELIMITERS if mark != source.delimiter), key=line.count)
    if len(header) == 1 and len(source.used) > 1 and other in line:
        raise LandingRefused(
            f"the columns are divided by a {_DELIMITERS[other]}, the source is declared with a "
            f"{_DELIMITERS.get(source.delimiter, source.delimiter)}",
            remedy="Save it with the declared delimiter, or change the source's declaration.",
        )
    return header, reader.line_num


def _read_unquoted(data: bytes, source: Source, header: tuple[str, ...], header_end: int) -> list[pa.ChunkedArray] | None:
    """The columns of a file without quotation marks; None when it is not regular, so that the exact reader says why."""
    plain = data if _encoding(source) in ("utf-8-sig", "ascii") else data.decode(source.encoding).encode()
    try:
        table = pacsv.read_csv(
            pa.BufferReader(plain),
            read_options=pacsv.ReadOptions(column_names=list(header), skip_rows=header_end, block_size=8 << 20),
            parse_options=pacsv.ParseOptions(delimiter=source.delimiter, quote_char=False),
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None
    return table.columns


def _read_quoted(data: bytes, source: Source, header: tuple[str, ...]) -> list[pa.ChunkedArray]:
    rows = _rows(_lines(data, source), source)
    next(islice(rows, source.header_row - 1, None))
    records = filter(None, rows)  # a blank line is no row
    chunks: list[list[pa.Array]] = [[] for _ in header]
    count = 0
    while block := list(islice(records, _BLOCK_ROWS)):
        if set(map(len, block)) != {len(header)}:
            position = next(i for i, row in enumerate(block) if len(row) != len(header))
            raise _ragged(count + position + 1, len(block[position]), header)
        for chunk, values in zip(chunks, zip(*block, strict=True), strict=True):
            chunk.append(pa.array(values, pa.string()))
        count += len(block)
    return [pa.chunked_array(chunk, type=pa.string()) for chunk in chunks]


def _ragged(row: int, width: int, header: tuple[str, ...]) -> LandingRefused:
    field = header[width] if width < len(header) else None
    return LandingRefused(
        f"the row has {width} cells, the header {len(header)}",
        row=row,
        field=field,
        remedy="A delimiter is missing or stands unquoted in a text: correct the row.",
    )


def _place(before: bytes, source: Source) -> tuple[int | None, str | None]:
    """Data row and field in which the bytes `before` end; None for the preamble and the header."""
    rows = list(filter(None, csv.reader(_lines(before + b"x", source, errors="replace"), delimiter=source.delimiter)))
    row = len(rows) - source.header_row
    header = rows[source.header_row - 1] if len(rows) >= source.header_row else []
    column = len(rows[-1]) - 1
    return (row, header[column].strip() if column < len(header) else None) if row > 0 else (None, None)


def _refuse_encoding(data: bytes, source: Source, _error: UnicodeDecodeError) -> NoReturn:
    try:
        data.decode(_encoding(source))
    except UnicodeDecodeError as error:
        offset = error.start
    row, field = _place(data[:offset], source)
    raise LandingRefused(
        f"byte 0x{data[offset]:02X} at offset {offset:,} is not {source.encoding.upper()}",
        row=row,
        field=field,
        remedy="The file is probably in Latin-1 or Windows-1252: save it as UTF-8, or declare its encoding.",
    ) from None


def _refuse_syntax(data: bytes, source: Source, message: str) -> NoReturn:
    """Read again, one row at a time, to say where it went wrong."""
    taken: list[str] = []

    def recorded() -> Iterator[str]:
        for line in _lines(data, source):
            taken.append(line)
            yield line

    rows = _rows(recorded(), source)
    header: list[str] = []
    count = -source.header_row
    try:
        for row in rows:
            count += 1 if row or count < 0 else 0
            header = [name.strip() for name in row] if count == 0 else header
            taken.clear()
    except csv.Error:
        pass
    row_number = count + 1 if count + 1 > 0 else None
    if "field limit" in message:
        raise overlong(row_number or 0, _overlong_field("".join(taken), source, header)) from None
    remedy = "A quotation mark is missing or not doubled: correct the row."
    raise LandingRefused(f"the file is not CSV: {message}", row=row_number, remedy=remedy) from None


def _overlong_field(record: str, source: Source, header: list[str]) -> str | None:
    mark = re.escape(source.delimiter)
    for position, cell in enumerate(re.finditer(rf'(?:^|{mark})("[^"]*(?:""[^"]*)*"?|[^{mark}]*)', record)):
        if len(cell[1]) > LONGEST_CELL:
            return header[position] if position < len(header) else None
    return None
