"""The rows that the tests of the API read agree with each other."""

from __future__ import annotations

import uuid

import pandas as pd
import psycopg
import pytest
from issuer import LAKESIDE
from psycopg import sql

from estate.contracts import contract
from estate.provenance.summary import summary_frame
from estate.settings import Settings, tenants
from estate.warehouse import Warehouse

pytestmark = pytest.mark.servers

PARTS = ("properties", "exposures", "valuations", "risks", "sales")


def test_the_summary_of_every_property_is_what_the_provenance_stage_makes_of_the_other_tables(
    settings_env: Settings, properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    keys = pd.DataFrame({"property_id": [str(one) for one in properties_of[LAKESIDE]]})
    names = [name for name in contract("provenance.summary").column_names if name != "tenant_id"]
    with Warehouse(tenants()["lakeside"]) as warehouse:
        parts = [warehouse.frame(f"summary_of_{part}", keys=keys) for part in PARTS]
        with warehouse.transaction() as connection:
            trust = connection.execute("SELECT property_id::text, property_trust FROM provenance.trust").fetchall()
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            statement = sql.SQL("SELECT {} FROM provenance.summary WHERE superseded_at = 'infinity' ORDER BY property_id")
            written = cursor.execute(statement.format(sql.SQL(", ").join(map(sql.Identifier, names)))).fetchall()
    made = summary_frame(*parts, pd.DataFrame(trust, columns=["property_id", "property_trust"]))
    expected = made.astype(object).where(made.notna(), None).to_dict("records")
    as_read = [
        {
            **row,
            "property_id": str(row["property_id"]),
            **{name: row[name] and pd.Timestamp(row[name]) for name in names if "_date" in name},
        }
        for row in written
    ]
    assert as_read == expected
