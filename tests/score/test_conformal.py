"""Intervals hold the share that they state, whatever the errors look like, and what is not known widens them."""

import numpy as np
import pytest

from estate.score.attributes import ATTRIBUTES
from estate.score.conformal import Interval, width_model

NOTHING = np.zeros(len(ATTRIBUTES))


def interval(residuals):
    return Interval("", np.sort(np.asarray(residuals, dtype=float)), NOTHING)


def test_the_band_of_nineteen_errors_follows_the_finite_sample_rule():
    """Split conformal (Lei et al. 2018): the ceil(0.9 x 20) = 18th of 19 errors on either side holds 80 % of new ones."""
    assert interval(range(-9, 10)).band(0.80) == (-8.0, 8.0)


def test_a_band_that_the_errors_cannot_support_reaches_beyond_the_farthest():
    # 19 errors reach to the 95th percentile of a normal, 1.64485 deviations; a 95 % interval asks for 1.95996.
    assert interval(range(-9, 10)).band(0.95) == pytest.approx((-9 * 1.95996 / 1.64485, 9 * 1.95996 / 1.64485), rel=1e-4)


@pytest.mark.parametrize("count", [10, 18, 30])
def test_the_wider_band_of_a_small_trial_holds_nineteen_in_twenty_normal_errors(count):
    drawn = np.random.default_rng(7).standard_normal((4000, count + 1))
    ends = [interval(row[1:]).band(0.95) for row in drawn]
    inside = [low <= row[0] <= high for row, (low, high) in zip(drawn, ends, strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)


def test_the_tails_are_taken_apart_and_the_estimate_stays_inside():
    low, high = interval(np.concatenate([np.linspace(-1, 0, 50), np.linspace(0, 5, 49)])).band(0.80)
    assert high > 4 * -low
    assert interval(np.linspace(1, 2, 99)).band(0.80)[0] == 0.0
    assert interval(np.linspace(-2, -1, 99)).band(0.80)[1] == 0.0


@pytest.mark.parametrize("level", [0.6827, 0.80, 0.95])
@pytest.mark.parametrize("count", [39, 199])
def test_bands_cover_exchangeable_errors_within_the_bounds_of_chance(level, count):
    """The chance of cover is k / (count + 1) exactly: a beta of mean k / (n + 1), so 4,000 trials scatter by less than 0.01."""
    chance = np.random.default_rng(4)
    inside = []
    for _ in range(4000):
        drawn = chance.standard_t(3, count + 1)
        low, high = interval(drawn[1:]).band(level)
        inside.append(low <= drawn[0] <= high)
    rank = int(np.ceil((1 + level) / 2 * (count + 1)))
    expected = (2 * rank - count - 1) / (count + 1)
    assert level - 1e-9 <= expected < level + 2 / (count + 1)
    assert np.mean(inside) == pytest.approx(expected, abs=3.3 * np.sqrt(expected * (1 - expected) / 4000))


def test_wider_levels_hold_narrower_ones():
    ends = [interval(np.random.default_rng(1).normal(size=200)).band(level) for level in (0.6827, 0.80, 0.95)]
    assert [low for low, _ in ends] == sorted((low for low, _ in ends), reverse=True)
    assert [high for _, high in ends] == sorted(high for _, high in ends)


def test_an_uncertain_kind_of_house_gets_the_wider_size():
    chance = np.random.default_rng(2)
    seen = np.column_stack([np.arange(2000) % 2, chance.normal(size=2000)])
    error = chance.normal(0, np.where(seen[:, 0] == 1, 0.30, 0.10))
    scale = Interval(width_model(seen, error, 1), np.zeros(1), NOTHING).scale(seen, np.zeros((2000, len(ATTRIBUTES)), dtype=bool))
    assert np.median(scale[seen[:, 0] == 1]) == pytest.approx(0.30, rel=0.15)
    assert np.median(scale[seen[:, 0] == 0]) == pytest.approx(0.10, rel=0.15)


def test_not_knowing_adds_its_own_error_to_that_of_the_house():
    seen = np.zeros((3, 1))
    flat = width_model(np.zeros((200, 1)), np.full(200, 0.3), 1)
    known = np.zeros((3, len(ATTRIBUTES)), dtype=bool)
    known[1, 2] = known[2, 2] = known[2, 3] = True
    cost = NOTHING.copy()
    cost[[2, 3]] = 0.4, 1.2
    size = Interval(flat, np.zeros(1), NOTHING).scale(seen, known)
    assert size[0] == size[1] == size[2]
    assert Interval(flat, np.zeros(1), cost).scale(seen, known) == pytest.approx(np.hypot(size[0], [0, 0.4, np.hypot(0.4, 1.2)]))
