"""Drift of the columns is reported, and refused before anything is built."""

from __future__ import annotations

import pytest

from estate.errors import LandingRefused
from estate.ingest.drift import compare_columns
from estate.ingest.readers import read_raw

ROW = "1,1 Oak St,3,250000,2024-05-01\n"


def test_a_declared_rename_is_read_and_reported(declare):
    source = declare(renames={"sale amount": "price"})
    raw = read_raw(("apn,address,beds,sale amount,sold\n" + ROW).encode(), source, "f.csv")
    assert raw.drift.renamed == {"sale amount": "price"}
    assert raw.drift.column_jaccard == 1.0
    assert raw.column("price").tolist() == ["250000"]
    assert raw.header[3] == "sale amount"


def test_a_column_under_both_its_names_is_refused(declare):
    source = declare(renames={"amount": "price"})
    with pytest.raises(LandingRefused, match="twice"):
        compare_columns(("apn", "address", "beds", "price", "amount", "sold"), source)


def test_jaccard_is_the_shared_share_of_all_columns(declare):
    drift = compare_columns(("apn", "address", "beds", "sold", "colour"), declare())
    assert drift.column_jaccard == pytest.approx(4 / 6)
    assert (drift.missing, drift.added) == (("price",), ("colour",))
    assert drift.as_dict() == {"missing": ["price"], "added": ["colour"], "renamed": {}, "changed": {}}


def test_an_unknown_column_too_many_is_refused(declare):
    with pytest.raises(LandingRefused, match=r"83% of the columns .* added: colour"):
        read_raw(("apn,address,beds,price,sold,colour\n" + ROW.replace("\n", ",red\n")).encode(), declare(), "f.csv")


def test_an_unused_column_may_go_as_long_as_the_rest_is_known(declare):
    ignored = [f"extra{i}" for i in range(20)]
    header = ["apn", "address", "beds", "price", "sold", *ignored[1:]]
    data = ",".join(header) + "\n" + ROW.strip() + "," * 19 + "\n"
    raw = read_raw(data.encode(), declare(ignored=ignored), "f.csv")
    assert raw.drift.missing == ("extra0",)
    assert raw.drift.column_jaccard == pytest.approx(24 / 25)


@pytest.mark.parametrize(
    ("cells", "field", "complaint"),
    [
        ("1,1 Oak St,3,unknown,2024-05-01", "price", "not a number in 100% of 3 cells"),
        ("1,1 Oak St,3,250000,01.05.2024", "sold", "not a date written %Y-%m-%d"),
    ],
)
def test_a_column_that_changed_its_type_is_refused_with_an_example(declare, cells, field, complaint):
    with pytest.raises(LandingRefused, match=complaint) as caught:
        read_raw(("apn,address,beds,price,sold\n" + f"{cells}\n" * 3).encode(), declare(), "f.csv")
    assert caught.value.field == field


def test_a_few_unreadable_cells_are_no_drift(declare):
    data = "apn,address,beds,price,sold\n" + ROW * 3 + "2,2 Oak St,3,call agent,2024-05-01\n"
    assert read_raw(data.encode(), declare(), "f.csv").drift.changed == {}
