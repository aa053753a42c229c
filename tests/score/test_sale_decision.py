"""Decisions about sales against a real database: kept once, for one's own sales only; and what the stage reads of sales and decisions."""

import uuid
from datetime import date

import pandas as pd
import psycopg
import pytest

from estate.arrow import frame_to_arrow
from estate.contracts import contract
from estate.gate import judge
from estate.score.sale_decision import decide
from estate.score.sale_validation import validate
from estate.warehouse import Warehouse
from tests import frames
from tests.frames import some_tenant, thing_id

pytestmark = pytest.mark.servers
RUN = "sale_decision/manual__1"


@pytest.fixture(autouse=True)
def _platform(settings_env):
    """Every test runs against this module's database."""


@pytest.fixture
def tenant():
    """A tenant with one property sold twice, by what its file says."""
    tenant = some_tenant()
    told = {"county_fips": "33009", "source_name": "lebanon_nh_roll", "property_key": "33009/1"}
    deals = [(1, date(2015, 3, 1), 300_000.0, "SMITH, JOHN", "DOE, MARY"), (2, date(2020, 3, 1), 400_000.0, "DOE, MARY", "DOE, PETER")]
    records = [
        told | {
            "record_key": str(n), "row_number": n, "sale_date": day, "sale_price_usd": price, "seller_name": seller, "owner_name": owner,
            "sale_qualification": "U", "has_waterfront": n == 1, "view_code": n,
        }
        for n, day, price, seller, owner in deals
    ]  # fmt: skip
    work = frames.batch(tenant, "lebanon_nh_roll")
    frames.publish_frame(work, frames.frame("ingest.record", tenant, records), table="ingest.record")
    home = {
        "property_id": thing_id("home"),
        "property_key": "33009/1",
        "property_type": "single_family",
        "has_waterfront": True,
        "view_code": 4,
    }
    home |= {"county_fips": "33009", "snapshot_ids": [1], "row_numbers": [1], "situs_zip": "03766", "living_area_sqft": 1_500.0}
    frames.publish_frame(work, frames.frame("normalize.property", tenant, [home]), table="normalize.property")
    sold = [
        {
            "sale_id": thing_id(f"sale {n}"), "property_id": thing_id("home"), "source_name": "lebanon_nh_roll", "sale_price_usd": price,
            "sale_date": day, "is_arms_length": False, "exclusion_reasons": ["source_says_unqualified"],
        }
        for n, day, price, _, _ in deals
    ]  # fmt: skip
    frames.publish_frame(work, frames.frame("normalize.sale", tenant, sold), table="normalize.sale")
    return tenant


def said(tenant):
    with Warehouse(tenant) as warehouse:
        return warehouse.frame("sale_decisions")


def sales_of(tenant, day=date(2030, 1, 1)):
    with Warehouse(tenant) as warehouse:
        return warehouse.frame("score_sales", valuation_date=day)


# Deciding


def test_a_decision_is_kept_with_who_and_why(tenant):
    number = decide(tenant, thing_id("sale 1"), is_arms_length=True, reason=" they never met ", decided_by="the assessor", run_id=RUN)
    (kept,) = said(tenant).to_dict("records")
    assert kept["decision_id"] == str(number)
    assert (kept["sale_id"], kept["is_arms_length"]) == (thing_id("sale 1"), True)
    assert (kept["reason"], kept["decided_by"]) == ("they never met", "the assessor")


def test_the_same_run_again_adds_nothing_and_another_run_does(tenant):
    words = {"is_arms_length": True, "reason": "why", "decided_by": "me"}
    first = decide(tenant, thing_id("sale 1"), **words, run_id=RUN)
    assert decide(tenant, thing_id("sale 1"), **words | {"is_arms_length": False}, run_id=RUN) == first
    assert said(tenant)["is_arms_length"].tolist() == [True]
    assert decide(tenant, thing_id("sale 1"), **words | {"is_arms_length": False}, run_id="sale_decision/manual__2") != first
    assert said(tenant)["is_arms_length"].tolist() == [False], "the latest of a sale counts"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"sale_id": thing_id("no such sale")}, "has no sale"),
        ({"sale_id": "17"}, "no sale_id"),
        ({"sale_id": ""}, "no sale_id"),
        ({"reason": "  "}, "say why"),
        ({"decided_by": ""}, "who decides"),
    ],
)
def test_a_decision_about_nothing_or_by_nobody_is_refused_and_not_kept(tenant, words, complaint):
    stated = {"sale_id": thing_id("sale 1"), "reason": "why", "decided_by": "me"} | words
    with pytest.raises(ValueError, match=complaint):
        decide(tenant, is_arms_length=True, run_id=RUN, **stated)
    assert said(tenant).empty


def test_another_tenant_s_sale_is_none_of_ours(tenant):
    other = some_tenant("other")
    with pytest.raises(ValueError, match="other has no sale"):
        decide(other, thing_id("sale 1"), is_arms_length=True, reason="why", decided_by="me", run_id=RUN)
    decide(tenant, thing_id("sale 1"), is_arms_length=True, reason="why", decided_by="me", run_id=RUN)
    assert said(other).empty


def test_a_decision_is_never_rewritten(tenant):
    decide(tenant, thing_id("sale 1"), is_arms_length=True, reason="why", decided_by="me", run_id=RUN)
    with Warehouse(tenant) as warehouse, pytest.raises(psycopg.errors.InsufficientPrivilege), warehouse.transaction() as connection:
        connection.execute("UPDATE score.sale_decision SET is_arms_length = false")


# Reading


def test_sales_are_read_with_what_was_sold_and_what_is_known_of_the_deal(tenant):
    found = sales_of(tenant).set_index("sale_id")
    assert found["recorded_reasons"].tolist() == [["source_says_unqualified"]] * 2
    assert found["seller_name"].tolist() == ["SMITH, JOHN", "DOE, MARY"]
    assert found["sale_qualification"].tolist() == ["U", "U"]
    assert found["has_waterfront"].tolist() == [True, True]
    assert found["view_code"].tolist() == [4, 4]
    assert found["sale_price_usd"].tolist() == [300_000.0, 400_000.0]


def test_the_owner_is_the_buyer_of_the_last_sale_only(tenant):
    assert sales_of(tenant)["buyer"].tolist() == [None, "DOE, PETER"]


def test_sales_of_the_day_and_later_are_not_read(tenant):
    assert sales_of(tenant, date(2020, 3, 1))["sale_date"].tolist() == [pd.Timestamp("2015-03-01")]
    assert sales_of(tenant, date(2020, 3, 1))["buyer"].tolist() == [None], "who owns it now bought it later"


def test_a_sale_whose_property_is_not_known_is_read_all_the_same():
    tenant = some_tenant()
    alone = {"sale_id": thing_id("lone"), "property_id": thing_id("nowhere"), "sale_price_usd": 5e5, "sale_date": date(2020, 1, 1)}
    work = frames.batch(tenant)
    frames.publish_frame(work, frames.frame("normalize.sale", tenant, [alone | {"is_arms_length": True}]), table="normalize.sale")
    found = sales_of(tenant)
    assert found["property_type"].isna().tolist() == [True]
    assert validate(found, said(tenant))["is_arms_length"].tolist() == [True]


# Publishing


def test_findings_pass_their_gate_and_are_published(tenant):
    number = decide(tenant, thing_id("sale 2"), is_arms_length=True, reason="why", decided_by="me", run_id=RUN)
    findings = validate(sales_of(tenant), said(tenant)).assign(tenant_id=str(tenant.tenant_id))
    promise = contract("score.sale_validation")
    verdict = judge(promise, frame_to_arrow(findings, promise), "test", None)
    assert verdict.is_passed, verdict.failures
    assert frames.publish_frame(frames.batch(tenant), findings, table=promise.name).rows_published == 2
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        rows = connection.execute(
            "SELECT sale_id, is_arms_length, exclusion_reasons, decided_by FROM score.sale_validation ORDER BY sale_date"
        )
        assert rows.fetchall() == [
            (uuid.UUID(thing_id("sale 1")), False, ["source_says_unqualified"], "rules"),
            (uuid.UUID(thing_id("sale 2")), True, [], str(number)),
        ]


@pytest.mark.parametrize(
    ("damage", "expectation"),
    [
        ({"decided_by": "somebody"}, "expect_column_values_to_match_regex"),
        ({"sale_id": thing_id("sale 1")}, "expect_column_values_to_be_unique"),
    ],
)
def test_findings_that_nobody_stands_for_are_refused(tenant, damage, expectation):
    promise = contract("score.sale_validation")
    findings = validate(sales_of(tenant)).assign(tenant_id=str(tenant.tenant_id), **damage)
    verdict = judge(promise, frame_to_arrow(findings, promise), "test", None)
    assert not verdict.is_passed
    assert expectation in {failure.expectation for failure in verdict.failures}
