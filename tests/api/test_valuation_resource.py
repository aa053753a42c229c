"""The value of one property: it adds up, says how sure it is, and leads back to the sales; or it is refused, with what would be needed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import world
from flask.testing import FlaskClient
from issuer import LAKESIDE, bearer

from api import valuation
from api.valuation import ValuationAnswer
from estate.contracts.score import ADJUSTMENTS
from estate.contracts.score_explanation import CONTRIBUTIONS
from estate.score import stage, support

pytestmark = pytest.mark.servers


@pytest.fixture
def ask(client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., Any]:
    """The valuation of the numbered property (the first is 1) of Lakeside, with every number as it is written."""

    def get(number: int, **query: str) -> Any:
        path = f"/api/v1/properties/{properties_of[LAKESIDE][number - 1]}/valuation"
        answer = client.get(path, headers=bearer(make_token()), query_string=query)
        ValuationAnswer.model_validate_json(answer.data)
        return json.loads(answer.data, parse_float=Decimal)

    return get


def test_a_waterfall_sums_to_the_cent(ask: Callable[..., Any]) -> None:
    (comparable,) = ask(1)["comparables"]
    assert list(comparable["adjustments"]) == [f"{name}_adjustment_usd" for name in ADJUSTMENTS]
    assert (
        comparable["sale_price_usd"] + sum(comparable["adjustments"].values()) == comparable["adjusted_price_usd"] == Decimal("250100.25")
    )


def test_a_comparable_leads_to_the_row_that_tells_of_its_sale(
    ask: Callable[..., Any], properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    (comparable,) = ask(1)["comparables"]
    assert comparable["sale_id"] == str(world.named(LAKESIDE, "sale 2"))
    assert comparable["source"] == {
        "source_name": "roll", "file_name": "roll.csv", "snapshot_sha256": world.SHA256, "snapshot_id": 1, "row_number": 2,
        "vintage_date": "2026-01-01", "batch_id": "roll-1",
    }  # fmt: skip
    sold = f"/api/v1/properties/{properties_of[LAKESIDE][1]}"
    assert comparable["links"] == {"property": sold, "sales": f"{sold}/sales", "provenance": f"{sold}/provenance"}


def test_contributions_are_told_in_one_order_and_sum_with_the_base_to_the_value(ask: Callable[..., Any]) -> None:
    body = ask(1)
    told = body["contributions"]
    assert [part["name"] for part in told["parts"]] == list(CONTRIBUTIONS)
    assert told["base_usd"] + sum(part["contribution_usd"] for part in told["parts"]) == body["value"]["estimated_value_usd"]
    assert (told["parts"][0]["contribution_usd"], told["parts"][1]["contribution_usd"]) == (Decimal("-50.25"), Decimal("49.75"))


def test_a_value_says_how_sure_it_is_and_which_model_gave_it(ask: Callable[..., Any]) -> None:
    body = ask(1)
    value = body["value"]
    assert [value[f"value_{end}_usd"] for end in ("low_95", "low", "high", "high_95")] == [
        Decimal("1100000.25"), Decimal("1200000.00"), Decimal("1300000.00"), Decimal("1400000.00")
    ]  # fmt: skip
    assert (value["interval_level"], value["confidence_band"]) == (Decimal("0.8"), "high")
    assert value["model"] == {
        "model_id": world.MODEL, "as_of_date": "2026-01-01",
        "data_docs": f"http://127.0.0.1:18000/data-docs/lakeside/models/{world.MODEL}.html",
    }  # fmt: skip
    assert (body["links"]["model"], body["refusal"]) == (f"/api/v1/models/{world.MODEL}", None)


def test_a_value_says_what_changes_would_come_to_and_what_that_assumes(ask: Callable[..., Any]) -> None:
    changes = ask(1)["counterfactuals"]
    assert [change["change_name"] for change in changes] == ["renovated", "condition_up"], "the largest first"
    assert changes[1] == {
        "change_name": "condition_up", "field_name": "condition_code", "field_value_from": 3, "field_value_to": 4,
        "changed_value_usd": Decimal("1238567.75"), "value_change_usd": Decimal("4000.25"), "assumption": "all else stays",
    }  # fmt: skip
    assert changes[0]["field_value_from"] is None


def test_a_value_from_before_there_were_models_has_no_model_and_no_explanation(ask: Callable[..., Any]) -> None:
    body = ask(2)
    assert body["value"]["estimated_value_usd"] == Decimal("1234567.50")
    assert (body["value"]["model"], body["contributions"], body["counterfactuals"], body["comparables"]) == (None, None, [], [])
    assert (body["links"]["model"], body["links"]["ratio_study"]) == (None, None)


@pytest.mark.parametrize(("query", "usd"), [({"as_of": "2026-02-01T00:00:00Z"}, Decimal("1000000.00")), ({}, Decimal("1234567.50"))])
def test_what_explains_a_value_is_read_as_of_the_same_moment(ask: Callable[..., Any], query: dict[str, str], usd: Decimal) -> None:
    body = ask(1, **query)
    told = body["contributions"]
    parts = sum(part["contribution_usd"] for part in told["parts"])
    assert told["base_usd"] + parts == body["value"]["estimated_value_usd"] == usd
    assert [change["changed_value_usd"] - change["value_change_usd"] for change in body["counterfactuals"]] == [usd, usd]
    assert len(body["comparables"]) == 1


def test_a_refusal_gives_its_reason_and_no_number(ask: Callable[..., Any]) -> None:
    body = ask(3)
    assert body["refusal"]["reason"] == body["value"]["refusal_reason"] == world.REFUSAL
    assert {body["value"][name] for name in ("estimated_value_usd", "value_low_usd", "value_high_95_usd", "confidence_band")} == {None}
    assert (body["comparables"], body["contributions"], body["counterfactuals"]) == ([], None, [])


REASONS = [
    *(words for name, words in vars(support).items() if name.isupper() and isinstance(words, str)), stage.TOO_FEW_SALES, stage.NO_MODEL
]  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_every_refusal_of_the_score_stage_says_what_would_be_needed(reason: str) -> None:
    assert len(REASONS) == 11
    told = valuation.refusal(reason)
    assert told is not None
    assert told["reason"] == reason
    assert told["needed"] != valuation.UNNAMED


def test_a_reason_that_nobody_foresaw_is_told_all_the_same() -> None:
    assert valuation.refusal("the moon") == {"reason": "the moon", "needed": valuation.UNNAMED}
    assert valuation.refusal(None) is None
