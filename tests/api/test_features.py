"""What is known of a property as inputs of models: everything the models look at, since when, from where, and why not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api.features import FEATURES, FeaturesAnswer
from estate.contracts import CONTRACTS

pytestmark = pytest.mark.servers


@pytest.fixture
def ask(client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., Any]:
    """The features of the numbered property (the first is 1) of Lakeside, by their source."""

    def get(number: int, tenant: uuid.UUID = LAKESIDE, **query: Any) -> Any:
        path = f"/api/v1/properties/{properties_of[LAKESIDE][number - 1]}/features"
        answer = client.get(path, headers=bearer(make_token(tenant)), query_string=query)
        if answer.status_code != 200:
            return answer
        FeaturesAnswer.model_validate_json(answer.data)
        assert answer.json is not None
        return {feature["source"]: feature for feature in answer.json["features"]}

    return get


def test_a_feature_says_its_unit_since_when_it_is_known_and_where_it_stands(ask: Callable[..., Any]) -> None:
    assert ask(2)["normalize.property.year_built"] == {
        "name": "year_built", "value": 1961, "unit": "year", "meaning": "year of construction", "known_at": "2026-01-10T00:00:00Z",
        "source": "normalize.property.year_built", "used_by": ["score.valuation"], "unknown_reason": None,
    }  # fmt: skip


def test_what_is_unknown_is_null_and_says_why(ask: Callable[..., Any]) -> None:
    features = ask(3)
    unsaid, unmapped = features["normalize.property.living_area_sqft"], features["hazard.exposure.wildfire_score"]
    assert (unsaid["value"], unsaid["unknown_reason"]) == (None, "no source of normalize.property says it")
    assert (unmapped["value"], unmapped["unknown_reason"]) == (None, "no hazard layer speaks of this place")
    assert all((feature["value"] is None) == (feature["unknown_reason"] is not None) for feature in features.values())


def test_nothing_is_told_that_was_published_later(ask: Callable[..., Any]) -> None:
    then, now = ask(1, as_of="2026-02-01T00:00:00Z"), ask(1)
    name = "normalize.property.bedroom_count"
    assert (then[name]["value"], then[name]["known_at"]) == (9, "2026-01-10T00:00:00Z")
    assert (now[name]["value"], now[name]["known_at"]) == (2, "2026-03-10T00:00:00Z")


def test_every_field_that_a_value_or_a_risk_is_modelled_from_is_a_feature(ask: Callable[..., Any]) -> None:
    made_from = {
        name
        for table in ("score.valuation", "score.risk")
        for column in CONTRACTS[table].columns
        if column.made == "modelled"
        for name in column.made_from
    }
    one_a_property = {name for name in made_from if CONTRACTS[name.rpartition(".")[0]].row_key == ("property_id",)}
    assert made_from - one_a_property == {f"normalize.sale.{name}" for name in ("sale_price_usd", "sale_date", "is_arms_length")}
    assert set(ask(1)) == set(FEATURES) == one_a_property


def test_the_features_of_another_tenants_property_are_absent(ask: Callable[..., Any]) -> None:
    assert ask(1, HARBORVIEW).status_code == 404
