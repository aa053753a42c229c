"""A summary says of a property what the stages said, once, and nothing that they did not say."""

import numpy as np
import pandas as pd
import pytest

from estate.contracts.provenance import SUMMARY
from estate.provenance.summary import last_sales, summary_frame

COLUMNS = [name for name in SUMMARY.column_names if name != "tenant_id"]
SOLD = ["property_id", "sale_id", "sale_price_usd", "sale_date", "is_arms_length"]


def columns_from(table):
    """The columns that the contract copies from `table`."""
    return [column.name for column in SUMMARY.columns if column.made_from == (f"{table}.{column.name}",)]


def part(table, *rows):
    """Rows of `table` for the summary: what `rows` say, null elsewhere."""
    return pd.DataFrame(list(rows), columns=["property_id", *(name for name in columns_from(table) if name != "property_id")], dtype=object)


def sold(*sales):
    frame = pd.DataFrame(list(sales), columns=SOLD)
    return frame.assign(sale_date=pd.to_datetime(frame["sale_date"]))


def built(*, properties=({"property_id": "p"},), exposures=(), valuations=(), risks=(), sales=(), trust=()):
    return summary_frame(
        part("normalize.property", *properties), part("hazard.exposure", *exposures), part("score.valuation", *valuations),
        part("score.risk", *risks), sold(*sales), part("provenance.trust", *trust),
    )  # fmt: skip


def test_every_column_is_copied_from_one_table_but_the_last_sale():
    tables = ("normalize.property", "hazard.exposure", "score.valuation", "score.risk", "provenance.trust")
    assert sorted([name for table in tables for name in columns_from(table)] + ["last_sale_price_usd", "last_sale_date"]) == sorted(COLUMNS)


def test_a_property_has_what_each_table_says_of_it_and_of_no_other():
    frame = built(
        properties=({"property_id": "p", "situs_city": "Ames"}, {"property_id": "q", "situs_city": "Nevada"}),
        exposures=({"property_id": "q", "flood_zone": "X"}, {"property_id": "p", "flood_zone": "AE"}),
        valuations=({"property_id": "q", "estimated_value_usd": 2e5}, {"property_id": "p", "estimated_value_usd": 1e5}),
        risks=({"property_id": "p", "risk_class": "high"}, {"property_id": "q", "risk_class": "low"}),
        trust=({"property_id": "q", "property_trust": 0.4}, {"property_id": "p", "property_trust": 0.9}),
        sales=(("q", "s2", 2.0, "2024-01-02", True), ("p", "s1", 1.0, "2024-01-01", True)),
    )
    said = ["property_id", "situs_city", "flood_zone", "estimated_value_usd", "risk_class", "property_trust", "last_sale_price_usd"]
    assert frame[said].to_numpy().tolist() == [["p", "Ames", "AE", 1e5, "high", 0.9, 1.0], ["q", "Nevada", "X", 2e5, "low", 0.4, 2.0]]


def test_a_property_of_which_the_stages_say_nothing_is_found_nevertheless_and_nothing_is_made_up():
    others = {name: ({"property_id": "elsewhere"},) for name in ("exposures", "valuations", "risks", "trust")}
    (row,) = built(**others).to_dict("records")
    assert row.pop("property_id") == "p"
    assert all(pd.isna(value) for value in row.values())


def test_the_frame_has_the_columns_of_the_contract_also_when_it_is_empty():
    assert list(built().columns) == COLUMNS
    empty = built(properties=())
    assert (list(empty.columns), len(empty)) == (COLUMNS, 0)


@pytest.mark.parametrize("name", ["properties", "exposures", "valuations", "risks", "trust"])
def test_a_table_that_speaks_twice_of_a_property_is_refused(name):
    with pytest.raises(ValueError, match="duplicate labels"):
        built(**{name: ({"property_id": "p"}, {"property_id": "p"})})


def last(*sales):
    found = last_sales(sold(*sales))
    return dict(
        zip(found["property_id"], zip(found["last_sale_price_usd"], found["last_sale_date"].dt.strftime("%F"), strict=True), strict=True)
    )


def test_the_latest_arms_length_sale_wins_in_whatever_order_sales_come():
    sales = [("p", "s1", 1e5, "2020-05-01", True), ("p", "s2", 3e5, "2024-05-01", True), ("p", "s3", 2e5, "2022-05-01", True)]
    assert last(*sales) == last(*sales[::-1]) == {"p": (3e5, "2024-05-01")}


def test_an_excluded_sale_is_never_the_last_one():
    assert last(("p", "s1", 1e5, "2020-05-01", True), ("p", "s2", 1.0, "2024-05-01", False)) == {"p": (1e5, "2020-05-01")}
    assert last(("p", "s2", 1.0, "2024-05-01", False)) == {}


def test_of_two_sales_of_one_day_the_first_by_name_counts():
    assert last(("p", "s2", 2e5, "2024-05-01", True), ("p", "s1", 1e5, "2024-05-01", True)) == {"p": (1e5, "2024-05-01")}


def test_a_sale_without_its_price_or_its_day_is_never_the_last_one():
    known = ("p", "s1", 1e5, "2020-05-01", True)
    assert last(known, ("p", "s2", np.nan, "2024-05-01", True), ("p", "s3", 2e5, None, True)) == {"p": (1e5, "2020-05-01")}
