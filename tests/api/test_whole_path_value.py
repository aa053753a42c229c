"""The whole path of a value: real sales, a model trained on them, and answers that add up and lead back to the sales."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import pytest
import whole_path
from flask.testing import FlaskClient
from issuer import DOCS_PASSWORDS, bearer
from whole_path import every_property

from estate.batch import Batch
from estate.contracts.score import ADJUSTMENTS
from estate.contracts.score_explanation import CONTRIBUTIONS
from estate.settings import Settings
from estate.warehouse import Warehouse

pytestmark = pytest.mark.servers
LOOKED_AT = 80  # properties; each answer is of one kind, and all are published by one statement


@pytest.fixture
def sold(settings_env: Settings) -> Batch:
    """The sales of Ames, with the model trained on them, taken through all five stages once a module."""
    return whole_path.land_sales(settings_env)


@pytest.fixture
def reader(make_app: Callable[..., Any], settings_env: Settings, sold: Batch) -> FlaskClient:
    """A client of an application that reads what `sold` published."""
    kept = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
    client: FlaskClient = make_app(**{name: getattr(settings_env, name) for name in kept}).test_client()
    return client


@pytest.fixture
def get(reader: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET below /api/v1/properties."""
    return lambda path, **query: reader.get(f"/api/v1/properties{path}", headers=bearer(make_token(roles=["analyst"])), query_string=query)


@pytest.fixture
def values(get: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """The values of some properties, each with all that explains it, by property."""
    homes = islice(every_property(get), LOOKED_AT)
    return {home["property_id"]: valued(get(f"/{home['property_id']}/valuation").json) for home in homes}


def valued(body: dict[str, Any]) -> dict[str, Any]:
    """A value beside what explains it."""
    return {**body["value"], **{name: body[name] for name in ("comparables", "contributions", "counterfactuals")}}


def given(values: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are values and no refusals; nearly all are."""
    found = [value for value in values.values() if value["refusal_reason"] is None]
    assert len(found) > 0.8 * LOOKED_AT
    return found


def cents(usd: float) -> int:
    return round(100 * usd)


def test_the_narrow_interval_lies_within_the_wide_one_and_the_value_within_both(values: dict[str, dict[str, Any]]) -> None:
    ends = ("value_low_95_usd", "value_low_usd", "estimated_value_usd", "value_high_usd", "value_high_95_usd")
    for value in given(values):
        told = [value[name] for name in ends]
        assert told == sorted(told)
        assert told[0] < told[1] < told[3] < told[4]
        assert value["confidence_band"] in {"high", "moderate", "low"}


def test_every_waterfall_and_all_contributions_sum_to_the_cent(values: dict[str, dict[str, Any]]) -> None:
    compared = 0
    for value in given(values):
        told = value["contributions"]
        assert [part["name"] for part in told["parts"]] == list(CONTRIBUTIONS)
        parts = sum(cents(part["contribution_usd"]) for part in told["parts"])
        assert cents(told["base_usd"]) + parts == cents(value["estimated_value_usd"])
        for comparable in value["comparables"]:
            assert list(comparable["adjustments"]) == [f"{name}_adjustment_usd" for name in ADJUSTMENTS]
            steps = sum(map(cents, comparable["adjustments"].values()))
            assert cents(comparable["sale_price_usd"]) + steps == cents(comparable["adjusted_price_usd"])
            compared += 1
        if value["comparables"]:
            assert sum(comparable["weight"] for comparable in value["comparables"]) == pytest.approx(1)
    assert compared > LOOKED_AT


def test_a_change_is_told_from_the_value_as_it_stands_and_with_what_it_assumes(values: dict[str, dict[str, Any]]) -> None:
    told = [(value, change) for value in given(values) for change in value["counterfactuals"]]
    assert told
    for value, change in told:
        assert cents(change["changed_value_usd"]) - cents(change["value_change_usd"]) == cents(value["estimated_value_usd"])
        assert change["field_name"] in {"condition_code", "year_renovated", "bathroom_count"}
        assert change["assumption"]


def test_a_refusal_carries_no_number_and_no_explanation(get: Callable[..., Any], sold: Batch) -> None:
    with Warehouse(sold.tenant) as warehouse, warehouse.transaction() as connection:
        refused = connection.execute(
            "SELECT property_id FROM score.valuation WHERE refusal_reason IS NOT NULL AND superseded_at = 'infinity' LIMIT 5"
        ).fetchall()
    assert refused
    for (property_id,) in refused:
        value = valued(get(f"/{property_id}/valuation").json)
        assert value["refusal_reason"]
        assert [value[name] for name in ("estimated_value_usd", "value_low_usd", "value_high_95_usd", "confidence_band")] == [None] * 4
        assert (value["comparables"], value["contributions"], value["counterfactuals"]) == ([], None, [])


def test_a_value_leads_to_its_model_the_models_page_and_the_sales_behind_both(
    reader: FlaskClient, get: Callable[..., Any], values: dict[str, dict[str, Any]]
) -> None:
    property_id, value = next((name, value) for name, value in values.items() if value["comparables"] and value["contributions"])
    trained = get(f"/{property_id}/provenance/estimated_value_usd").json["model"]
    assert (trained["model_id"], trained["data_docs"]) == (value["model"]["model_id"], value["model"]["data_docs"])
    said = get(f"/{property_id}/provenance/value_high_95_usd").json
    landed = {comparable["source"]["snapshot_id"] for comparable in said["comparables"]}
    assert landed == set(trained["snapshot_ids"])
    page = reader.get(urlsplit(value["model"]["data_docs"]).path, auth=("lakeside", DOCS_PASSWORDS["lakeside"]))
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert trained["model_id"] in page.text
    assert value["model"]["data_docs"].endswith(f"/data-docs/lakeside/models/{trained['model_id']}.html")


def test_every_sale_says_who_found_it_to_be_evidence_or_not(get: Callable[..., Any], values: dict[str, dict[str, Any]]) -> None:
    for property_id in values:
        for sale in get(f"/{property_id}").json["sales"]:
            assert sale["decided_by"] == "rules"
            assert sale["is_arms_length"] == (not sale["exclusion_reasons"])
