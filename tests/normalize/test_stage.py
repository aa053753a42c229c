"""The normalize stage against a real database: what it reads, and that a batch sees all it must decide about."""

from __future__ import annotations

import pandas as pd
import pytest

from estate.arrow import frame_to_arrow
from estate.contracts import contract
from estate.normalize import stage
from estate.warehouse import Warehouse
from tests.frames import batch, publish_frame, records, some_tenant

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

ROLL, REGISTER = "lebanon_nh_roll", "king_county_sales_2014"


@pytest.fixture
def tenant():
    return some_tenant()


def _record(tenant, source, **said):
    """One published record of `source`, and its batch."""
    rows = records(tenant, {"1": None}, source=source)
    rows = rows.assign(**{name: [value] for name, value in said.items()})
    work = batch(tenant, source=source)
    publish_frame(work, rows, table="ingest.record")
    return work, rows


def _built(work, staged, monkeypatch):
    monkeypatch.setattr(Warehouse, "staged", lambda *_: staged)
    with Warehouse(work.tenant) as warehouse:
        pieces = list(stage.build(work, warehouse))
    # An empty piece has no types of its own and says nothing.
    return {
        name: pd.concat([piece[name] for piece in pieces if len(piece[name])] or [pieces[0][name]], ignore_index=True) for name in pieces[0]
    }


def test_a_batch_is_merged_with_what_other_sources_say_of_its_properties(tenant, monkeypatch):
    _record(tenant, ROLL, property_key="53033:1", year_built=1962, snapshot_id=1)
    work, staged = _record(
        tenant, REGISTER, property_key="53033:1", year_built=1990, sale_price_usd=4e5, sale_date="2014-05-02", snapshot_id=2
    )
    built = _built(work, staged, monkeypatch)
    (home,) = built["normalize.property"].to_dict("records")
    assert (home["year_built"], home["snapshot_ids"]) == (1962, [1])
    assert built["normalize.conflict"]["losing_value"].tolist() == ["1990"]
    assert built["normalize.sale"]["property_id"].tolist() == [home["property_id"]]
    assert built["scope"]["property_id"].tolist() == [home["property_id"]]


def test_every_table_keeps_its_contract(tenant, monkeypatch):
    work, staged = _record(tenant, REGISTER, property_key="53033:1", situs_raw="1 OAK ST", sale_price_usd=4e5, sale_date="2014-05-02")
    built = _built(work, staged, monkeypatch)
    for name in ("normalize.property", "normalize.sale", "normalize.conflict"):
        frame_to_arrow(built[name], contract(name))


def test_pieces_give_what_the_whole_gives(tenant, monkeypatch):
    work = batch(tenant, source=REGISTER)
    rows = records(tenant, {str(number): None for number in range(7)}, source=REGISTER).assign(
        property_key=[f"53033:{n}" for n in range(7)]
    )
    publish_frame(work, rows, table="ingest.record")
    whole = _built(work, rows, monkeypatch)["normalize.property"]
    monkeypatch.setattr(stage, "_PROPERTIES_AT_A_TIME", 3)
    pieces = _built(work, rows, monkeypatch)["normalize.property"]
    pd.testing.assert_frame_equal(*(frame.sort_values("property_id", ignore_index=True) for frame in (whole, pieces)), check_dtype=False)


def test_a_parcel_sold_together_with_one_of_the_batch_is_built_with_it(tenant, monkeypatch):
    deal = {"sale_price_usd": 4e5, "sale_date": "2014-05-02", "document_number": "A1"}
    _record(tenant, ROLL, property_key="53033:1", **deal)
    work, staged = _record(tenant, REGISTER, property_key="53033:2", **deal)
    built = _built(work, staged, monkeypatch)
    assert built["normalize.sale"]["exclusion_reasons"].tolist() == [["multi_parcel"]] * 2
    assert len(built["normalize.property"]) == 2


def test_a_property_that_no_source_speaks_of_any_more_stands_in_scope_without_a_row(tenant, monkeypatch):
    first = records(tenant, {"gone": None, "stays": None}, source=REGISTER)
    publish_frame(batch(tenant, source=REGISTER), first, table="ingest.record")
    work, newer = batch(tenant, source=REGISTER), records(tenant, {"stays": None}, source=REGISTER)
    publish_frame(work, newer, table="ingest.record", scope=[REGISTER])
    built = _built(work, newer, monkeypatch)
    assert built["normalize.property"]["property_key"].tolist() == ["stays"]
    assert len(built["scope"]) == 2
