"""XLSX and Parquet become the same raw text as a CSV would hold."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estate.errors import LandingRefused
from estate.ingest.readers import read_raw

HEADER = ["apn", "address", "beds", "price", "sold"]
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def _cell(value: object) -> str:
    if isinstance(value, dt.date):
        return f'<c s="1"><v>{(value - dt.date(1899, 12, 30)).days}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def workbook(rows: list[list[object]], sheets: tuple[str, ...] = ("Sales",), extra: dict[str, str] | None = None) -> bytes:
    """The least XLSX that a reader accepts; every sheet holds the same rows."""
    body = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
    listed = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(sheets, 1))
    related = "".join(
        f'<Relationship Id="r{i}" Type="{_RELATION}/worksheet" Target="worksheets/s{i}.xml"/>' for i, _ in enumerate(sheets, 1)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{related}'
        f'<Relationship Id="st" Type="{_RELATION}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
        **{
            f"xl/worksheets/s{i}.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
            for i, _ in enumerate(sheets, 1)
        },
        **(extra or {}),
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return target.getvalue()


def refusal(declare, data: bytes, **changes) -> LandingRefused:
    with pytest.raises(LandingRefused) as caught:
        read_raw(data, declare(**{"format": "xlsx"} | changes), "little_town.xlsx")
    return caught.value


def test_whole_numbers_lose_their_point_and_dates_are_iso(declare):
    rows = [["notes of the town"], HEADER, ["0042", "1 Oak St", 3.0, 250000.5, dt.date(2024, 5, 1)]]
    raw = read_raw(workbook(rows), declare(format="xlsx", header_row=2), "f.xlsx")
    assert raw.rows.loc[1].tolist() == ["0042", "1 Oak St", "3", "250000.5", "2024-05-01"]


def test_rows_without_any_value_are_no_rows(declare):
    rows = [HEADER, ["1", "1 Oak St", 3, 1, "2024-05-01"], [], ["2", "2 Oak St", 3, 1, "2024-05-02"], []]
    assert len(read_raw(workbook(rows), declare(format="xlsx"), "f.xlsx").rows) == 2


def test_a_workbook_without_the_declared_sheet_is_refused(declare):
    found = refusal(declare, workbook([HEADER]), sheet="Bronx")
    assert "no sheet 'Bronx'; it has 'Sales'" in found.reason


def test_several_sheets_need_a_declared_one(declare):
    assert "2 sheets" in refusal(declare, workbook([HEADER], sheets=("One", "Two"))).reason


def test_a_sheet_that_ends_before_its_header_is_refused(declare):
    assert "ends before line 5" in refusal(declare, workbook([HEADER]), header_row=5).reason


def test_a_value_beyond_the_named_columns_names_the_row(declare):
    found = refusal(declare, workbook([HEADER, ["1", "1 Oak St", 3, 1, "2024-05-01", "stray"]]))
    assert found.row == 1


@pytest.mark.parametrize("data", [b"apn,address\n1,2\n", b"PK\x03\x04 cut off"], ids=["csv", "damaged"])
def test_what_is_no_workbook_is_refused(declare, data):
    assert "not a readable XLSX workbook" in refusal(declare, data).reason


def test_a_workbook_that_unpacks_to_a_bomb_is_refused(declare):
    assert "unpacks to more than" in refusal(declare, workbook([HEADER], extra={"xl/media/x": "0" * (65 << 20)})).reason


def test_parquet_values_become_canonical_text(declare):
    table = pa.table(
        {
            "apn": pa.array([7, None]),
            "address": pa.array(["1 Oak St", None]).dictionary_encode(),
            "beds": [3.0, float("nan")],
            "price": [0.1, 1e21],
            "sold": pa.array([dt.date(2024, 5, 1), None]),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    raw = read_raw(sink.getvalue(), declare(format="parquet"), "f.parquet")
    assert raw.rows.loc[1].tolist() == ["7", "1 Oak St", "3", "0.1", "2024-05-01"]
    assert raw.rows.loc[2].tolist() == ["", "", "", "1e+21", ""]


def test_parquet_timestamps_at_midnight_are_dates(declare):
    columns = {name: ["1", "2"] for name in HEADER} | {"sold": pd.to_datetime(["2024-05-01 00:00", "2024-05-01 10:30"])}
    columns["price"] = ["1", "2"]
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    source = declare(format="parquet", columns={"situs_raw": {"from": ["address"]}}, natural_key=["apn"], ignored=["beds", "price", "sold"])
    assert read_raw(sink.getvalue(), source, "f.parquet").rows["sold"].tolist() == ["2024-05-01", "2024-05-01 10:30:00"]


def test_nested_parquet_columns_are_refused(declare):
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [["a"]] if name == "beds" else ["1"] for name in HEADER}), sink)
    found = refusal(declare, sink.getvalue(), format="parquet")
    assert found.field == "beds"


def test_what_is_no_parquet_is_refused(declare):
    assert "not readable Parquet" in refusal(declare, b"apn,address\n", format="parquet").reason
