"""The valuation model is never told the price: no feature of its service is one of what is asked or paid, or is made from such."""

import pytest

from estate.contracts import CONTRACTS
from estate.features.definitions import SERVICES, VIEWS, FeatureService

TOLD_THE_PRICE = {"list_price_usd", "price_per_sqft_usd"}


def is_price(table, column):
    """Whether a column says what is asked or paid for a property, or what we make its value."""
    asked_or_paid = column in {"list_price_usd", "sale_price_usd"}
    ours = table.split(".")[0] == "score" or column.startswith("estimated_value")
    return asked_or_paid or ours


def origins(table, column):
    """A column and all that it is made from, by the contracts, however far back."""
    found, waiting = set(), [(table, column)]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            made_from = CONTRACTS[one[0]].column(one[1]).made_from
            waiting += [(name.rpartition(".")[0], name.rpartition(".")[2]) for name in made_from]
    return found


def leaks(service):
    """The features of `service` that tell the price."""
    return {
        column.name
        for view, column in service.columns
        if column.name in TOLD_THE_PRICE or any(is_price(*origin) for origin in origins(view.contract.name, column.name))
    }


def with_feature(view, name):
    """The valuation's service with one feature more."""
    valuation = SERVICES["valuation_v1"].features
    return FeatureService("valuation_v1", "with a leak", {**valuation, view: (*valuation.get(view, ()), name)})


def test_the_valuation_s_service_holds_no_leak():
    assert leaks(SERVICES["valuation_v1"]) == set()


@pytest.mark.parametrize(
    ("view", "name"),
    [
        ("property_financial", "list_price_usd"), ("property_financial", "price_per_sqft_usd"),
        ("property_financial", "price_reduction_count"), ("property_financial", "last_reduction_usd"),
        ("market_current", "median_list_price_usd"), ("market_current", "price_growth_yoy_rate"), ("market_current", "price_cut_rate"),
    ],
)  # fmt: skip
def test_a_leak_that_is_added_is_found(view, name):
    assert leaks(with_feature(view, name)) == {name}


def test_a_feature_made_from_our_own_values_is_found():
    assert any(is_price(*origin) for origin in origins("score.valuation", "estimated_value_usd"))
    assert any(is_price(*origin) for origin in origins("provenance.summary", "estimated_value_usd"))


@pytest.mark.parametrize(("view", "name"), [("property_hazard", "flood_score"), ("property_character", "view_code")])
def test_what_tells_no_price_is_no_leak(view, name):
    assert leaks(with_feature(view, name)) == set()


def test_every_feature_that_tells_a_price_is_known_by_its_sources():
    """The walk finds the features of prices among all there are, and no other."""
    everything = FeatureService("all", "", {name: tuple(c.name for c in view.features) for name, view in VIEWS.items()})
    assert leaks(everything) == {
        "list_price_usd", "price_per_sqft_usd", "price_reduction_count", "last_reduction_usd", "median_list_price_usd",
        "median_price_per_sqft_usd", "price_cut_rate", "price_growth_yoy_rate",
        "sold_30d_count",  # whether a sale is at arm's length is read from its price, too
    }  # fmt: skip
