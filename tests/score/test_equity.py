"""Vertical equity: unfair estimates are spread by the least that makes them fair, fair ones not at all."""

import numpy as np
import pytest

from estate.score import equity, ratio_study
from estate.score import parameters as p


def prices(count=2000):
    return np.random.default_rng(6).normal(13, 0.5, count)


def noise(count=2000):
    """Errors of a tenth, symmetric, with no relation to the price."""
    return np.random.default_rng(7).normal(0, 0.05, count)


def drawn_to_the_middle(share):
    """Estimates that give the dear too little and the cheap too much, by `share` of their distance from the middle."""
    return np.median(prices()) + (prices() - np.median(prices())) * (1 - share) + noise()


def test_fair_estimates_are_left_as_they_are():
    spread, frontier = equity.choose(prices() + noise(), prices())
    assert spread.share == 0
    assert (spread.apply(prices()) == spread.middle + (prices() - spread.middle)).all()
    assert frontier["is_chosen"].tolist() == [True] + [False] * (len(p.EQUITY_STEPS) - 1)


def test_unfair_estimates_are_spread_by_the_least_that_brings_them_within_the_bounds():
    spread, frontier = equity.choose(drawn_to_the_middle(0.06), prices())
    fair = (
        (frontier["prb"].abs() <= p.EQUITY_PRB) & (frontier["vei"].abs() <= p.EQUITY_VEI_PCT) & (frontier["prd"] <= p.EQUITY_PRD)
    ).to_numpy()  # fmt: skip
    assert 0 < spread.share < p.EQUITY_STEPS[-1]
    assert spread.share == frontier["spread_share"][fair.argmax()]
    assert not fair[0]


def test_what_cannot_be_made_fair_is_brought_as_near_as_the_steps_reach():
    spread, frontier = equity.choose(drawn_to_the_middle(0.5), prices())
    assert spread.share == p.EQUITY_STEPS[-1]
    assert frontier["is_chosen"].tolist() == [False] * (len(p.EQUITY_STEPS) - 1) + [True]


def test_the_frontier_has_the_figures_of_each_spread_and_one_chosen_row():
    estimate = drawn_to_the_middle(0.06)
    spread, frontier = equity.choose(estimate, prices())
    assert frontier["spread_share"].tolist() == list(p.EQUITY_STEPS)
    assert frontier["is_chosen"].sum() == 1
    row = frontier[frontier["is_chosen"]].iloc[0]
    found = ratio_study.study(np.exp(spread.apply(estimate)), np.exp(prices()))
    assert (row["prb"], row["prd"], row["vei"], row["cod"]) == (found.prb, found.prd, found.vei, found.cod)


def test_spreading_keeps_the_order_of_houses_and_the_middle():
    spread = equity.Spread(13.0, 0.1)
    assert spread.apply(np.array([12.0, 13.0, 14.0])) == pytest.approx([11.9, 13.0, 14.1])


def test_too_few_sales_for_a_vertical_equity_indicator_spread_nothing():
    spread, frontier = equity.choose(np.linspace(12, 13, 19), np.linspace(11, 14, 19))
    assert spread.share == 0
    assert frontier.empty
