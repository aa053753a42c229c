"""A CSV file is read strictly, and what is wrong with it is said with row and field."""

from __future__ import annotations

import gzip

import pytest

from estate.errors import LandingRefused
from estate.ingest.readers import read_raw

HEADER = b"apn,address,beds,price,sold\n"
ROW = b"1,1 Oak St,3,250000,2024-05-01\n"
GOOD = HEADER + ROW + b'2,"2 Oak St, Unit ""B""",2,199000.50,2024-05-02\n'


def refusal(declare, data: bytes, **changes) -> LandingRefused:
    with pytest.raises(LandingRefused) as caught:
        read_raw(data, declare(**changes), "little_town.csv")
    return caught.value


def test_cells_are_kept_exactly_as_written(declare):
    raw = read_raw(HEADER + b'1," 1  Oak St ",3,"$250,000",2024-05-01\n', declare(), "f.csv")
    assert raw.rows.loc[1].tolist() == ["1", " 1  Oak St ", "3", "$250,000", "2024-05-01"]
    assert raw.header == ("apn", "address", "beds", "price", "sold")


def test_rows_are_numbered_from_the_first_data_row(declare):
    raw = read_raw(b"made by the town\n\n" + GOOD, declare(header_row=3), "f.csv")
    assert raw.rows.index.tolist() == [1, 2]
    assert raw.rows.index.name == "row_number"
    assert raw.rows.loc[2, "address"] == '2 Oak St, Unit "B"'


@pytest.mark.parametrize("body", [GOOD, GOOD.replace(b'"', b"").replace(b"St, Unit", b"St Unit")], ids=["quoted", "unquoted"])
def test_blank_lines_are_no_rows(declare, body):
    assert len(read_raw(body.replace(b"\n2,", b"\n\n\n2,") + b"\n\n", declare(), "f.csv").rows) == 2


def test_both_parsers_read_the_same_table(declare):
    quoted = HEADER + ROW + b'2,"2 Oak St",,,2024-05-02\r\n'
    plain = read_raw(quoted.replace(b'"', b""), declare(), "f.csv").rows
    assert read_raw(quoted, declare(), "f.csv").rows.equals(plain)


def test_gzip_is_recognised_by_its_content(declare):
    assert len(read_raw(gzip.compress(GOOD), declare(), "little_town.csv").rows) == 2


def test_a_byte_order_mark_is_stripped(declare):
    assert read_raw(b"\xef\xbb\xbf" + GOOD, declare(), "f.csv").header[0] == "apn"


@pytest.mark.parametrize("data", [b"", b"\n \n", gzip.compress(b"")], ids=["no bytes", "white space", "gzip of nothing"])
def test_an_empty_file_is_refused(declare, data):
    assert "empty" in refusal(declare, data).reason


def test_a_header_without_rows_is_refused(declare):
    assert "no data rows" in refusal(declare, HEADER).reason


@pytest.mark.parametrize(("mark", "name"), [(b";", "semicolon"), (b"\t", "tab"), (b"|", "bar")])
def test_a_wrong_delimiter_is_named(declare, mark, name):
    found = refusal(declare, (HEADER + ROW).replace(b",", mark))
    assert f"divided by a {name}, the source is declared with a comma" in found.reason


@pytest.mark.parametrize("quote", [b"", b'"'], ids=["unquoted", "quoted"])
def test_a_short_row_names_the_row_and_its_first_missing_field(declare, quote):
    found = refusal(declare, HEADER + ROW + b"2," + quote + b"2 Oak St" + quote + b",2\n")
    assert (found.row, found.field) == (2, "price")
    assert "the row has 3 cells, the header 5" in found.reason


def test_a_long_row_names_the_row(declare):
    assert refusal(declare, HEADER + b"1,1 Oak St, Unit 2,3,250000,2024-05-01\n").row == 1


def test_duplicate_headers_are_refused(declare):
    assert refusal(declare, b"apn,price,address,price,beds,sold\n").field == "price"


def test_a_column_without_a_name_is_refused(declare):
    assert "column 1 of the header has no name" in refusal(declare, b"," + HEADER + b"0," + ROW).reason


def test_a_missing_column_is_named(declare):
    found = refusal(declare, b"apn,address,beds,sold\n1,1 Oak St,3,2024-05-01\n")
    assert found.field == "price"
    assert "renames" in found.remedy


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_by_name(declare, encoding):
    assert "UTF-16" in refusal(declare, GOOD.decode().encode(encoding)).reason


def test_utf_16_is_read_where_it_is_declared(declare):
    assert len(read_raw(GOOD.decode().encode("utf-16"), declare(encoding="utf-16"), "f.csv").rows) == 2


def test_latin_1_declared_as_utf_8_names_byte_row_and_field(declare):
    found = refusal(declare, GOOD + "3,3 Peña St,1,1,2024-05-03\n".encode("latin-1"))
    assert (found.row, found.field) == (3, "address")
    assert "byte 0xF1 at offset" in found.reason


def test_latin_1_is_read_where_it_is_declared(declare):
    data = HEADER + "3,3 Peña St,1,1,2024-05-03\n".encode("latin-1")
    assert read_raw(data, declare(encoding="latin-1"), "f.csv").rows.loc[1, "address"] == "3 Peña St"


def test_a_nul_byte_names_row_and_field(declare):
    found = refusal(declare, GOOD + b"3,3 Oak\0St,1,1,2024-05-03\n")
    assert (found.row, found.field) == (3, "address")


@pytest.mark.parametrize(
    "quoted", [b'3,"3 Oak St,1,1,2024-05-03\n', b'3,"3 Oak" St,1,1,2024-05-03\n'], ids=["unclosed", "text after quote"]
)
def test_a_stray_quotation_mark_names_the_row(declare, quoted):
    found = refusal(declare, GOOD + quoted)
    assert found.row == 3
    assert "not CSV" in found.reason


def test_a_truncated_gzip_is_refused(declare):
    packed = gzip.compress(GOOD * 200)
    assert "before its end mark" in refusal(declare, packed[:-9]).reason


def test_a_damaged_gzip_is_refused(declare):
    packed = bytearray(gzip.compress(GOOD))
    packed[-6] ^= 0xFF
    assert "damaged" in refusal(declare, bytes(packed)).reason


def test_a_decompression_bomb_is_refused(declare):
    assert "unpacks to more than" in refusal(declare, gzip.compress(b"0" * (65 << 20), 9)).reason


@pytest.mark.parametrize("quote", [b"", b'"'], ids=["unquoted", "quoted"])
def test_a_cell_of_five_million_characters_names_row_and_field(declare, quote):
    found = refusal(declare, HEADER + ROW + b"2," + quote + b"x" * 5_000_000 + quote + b",1,1,2024-05-02\n")
    assert (found.row, found.field) == (2, "address")


def test_a_workbook_sent_as_csv_is_said_to_be_one(declare):
    assert "XLSX workbook" in refusal(declare, b"PK\x03\x04" + b"\0" * 30).reason
