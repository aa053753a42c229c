"""Drift: published and hand-worked values of both measures, and bins that can be compared honestly."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from estate.features import drift
from estate.gate import SUITES


def test_psi_of_a_half_that_becomes_a_quarter_is_a_quarter_of_ln_3():
    assert drift.psi([50, 50], [25, 75]) == pytest.approx(0.25 * np.log(3))


def test_psi_of_the_worked_example_of_three_income_groups():
    # geeksforgeeks.org, "Population Stability Index (PSI)": low, middle and high income in 2020 and 2021; its three terms added up.
    terms = [-0.05 * np.log(0.35 / 0.4), -0.05 * np.log(0.25 / 0.3), 0.1 * np.log(0.4 / 0.3)]
    assert drift.psi([40, 30, 30], [35, 25, 40]) == pytest.approx(sum(terms))
    assert drift.psi([40, 30, 30], [35, 25, 40]) == pytest.approx(0.04456, abs=5e-6)


def test_psi_is_the_same_in_both_directions_and_for_any_size_of_the_windows():
    assert drift.psi([400, 300, 300], [35, 25, 40]) == pytest.approx(drift.psi([35, 25, 40], [40, 30, 30]))
    assert drift.psi([7, 5, 3], [70, 50, 30]) == 0


def test_an_empty_bin_counts_as_one_in_ten_thousand():
    assert drift.psi([1, 0], [1, 1]) == pytest.approx(0.5 * np.log(2) + 0.4999 * np.log(0.5 / 0.0001))


def test_js_divergence_is_the_square_of_the_published_distances():
    # scipy's documentation of jensenshannon: 0.46450140402245893 to base e, and 1.0 to base 2 of two disjoint windows.
    assert drift.js_divergence([1, 0], [1, 1]) == pytest.approx(0.46450140402245893**2 / np.log(2))
    assert drift.js_divergence([1, 0, 0], [0, 1, 0]) == 1
    # J. McCaffrey, "Jensen-Shannon Distance Example" (2021): 0.050803 to base e.
    assert drift.js_divergence([36, 48, 16], [30, 50, 20]) == pytest.approx(0.050803**2 / np.log(2), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_js_divergence_is_scipy_s(seed):
    p, q = np.random.default_rng(seed).integers(0, 50, (2, 10))
    assert drift.js_divergence(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_js_divergence_of_nearly_equal_windows_is_not_below_zero():
    assert 0 <= drift.js_divergence([10**9, 3 * 10**9], [10**9 + 1, 3 * 10**9]) < 1e-15


@pytest.mark.parametrize("measure", [drift.psi, drift.js_divergence])
@pytest.mark.parametrize(("before", "now"), [([1, 2], [1, 2, 3]), ([0, 0], [1, 2]), ([1, 2], [0, 0])])
def test_windows_that_cannot_be_compared_are_an_error(measure, before, now):
    with pytest.raises(ValueError, match="same bins"):
        measure(before, now)


def test_deciles_are_values_and_hold_a_tenth_each():
    values = np.arange(1, 101, dtype=float)
    bins = drift.number_bins(values)
    assert bins.edges == (10, 20, 30, 40, 50, 60, 70, 80, 90)
    assert bins.counted(values) == [10] * 10


def test_deciles_that_coincide_are_taken_once():
    bins = drift.number_bins(np.array([0.0] * 60 + [1.0] * 25 + [2.0] * 15))
    assert bins.edges == (0, 1)
    assert bins.counted(np.array([-1.0, 0, 0.5, 1, 1.5, 2, 99])) == [2, 2, 3]


def test_bins_are_open_at_both_ends():
    assert drift.number_bins(np.arange(100.0)).counted(np.array([-1e9, 1e9])) == [1, *[0] * 8, 1]


@pytest.mark.parametrize("values", [[7.0] * 300, [7.0] * 290 + [1.0] * 10])
def test_a_constant_that_changes_is_seen_to_change(values):
    bins = drift.number_bins(np.array(values))
    before = bins.counted(np.array(values))
    assert len(before) == 3
    assert drift.psi(before, bins.counted(np.array([8.0] * 300))) > drift.PSI_REFUSED
    assert drift.psi(before, bins.counted(np.array([6.0] * 300))) > drift.PSI_REFUSED


def test_another_unit_exceeds_what_is_refused_and_a_tenth_more_of_everything_does_not():
    values = np.random.default_rng(7).lognormal(7.5, 0.4, 5_000)
    bins = drift.number_bins(values)
    before = bins.counted(values)
    assert drift.psi(before, bins.counted(values * 0.0929)) > drift.PSI_REFUSED
    assert drift.PSI_NOTICED > drift.psi(before, bins.counted(values * 1.1)) > 0


def test_a_half_that_is_new_stays_below_what_is_refused():
    bins = drift.number_bins(np.arange(1000.0))
    assert drift.psi([100] * 10, bins.counted(np.concatenate([np.arange(1000.0), np.full(1000, 5e6)]))) == pytest.approx(1.08, abs=0.01)
    words = drift.word_bins({"a": 1000})
    assert drift.psi([1000, 0], words.counted({"a": 1000, "b": 1000})) == pytest.approx(4.605, abs=0.001)


def test_without_values_there_are_no_deciles():
    with pytest.raises(ValueError, match="no values"):
        drift.number_bins(np.array([]))


def test_rare_words_fall_together_with_those_that_are_new():
    counts = {"x": 900, "b": 50, "a": 50, "rare": 9}
    bins = drift.word_bins(counts)
    assert bins.words == ("x", "a", "b")
    assert bins.counted(counts) == [900, 50, 50, 9]
    assert bins.counted({"new": 3, "a": 1}) == [0, 1, 0, 3]


def test_a_word_needs_one_in_a_hundred_values_and_ten_of_them():
    assert drift.word_bins({"x": 9_900, "y": 99}).words == ("x",)
    assert drift.word_bins({"x": 9_900, "y": 100}).words == ("x", "y")
    assert drift.word_bins({"x": 9}).words == ()


@pytest.mark.parametrize(
    "bins", [drift.NumberBins((0.1, np.nextafter(7.0, -np.inf), 1e300)), drift.WordBins(("AE", "X")), drift.WordBins(())]
)
def test_bins_survive_their_way_through_json(bins):
    assert drift.read_bins(json.loads(json.dumps(bins.said()))) == bins


def test_no_values_left_no_bins_to_read():
    assert drift.read_bins({}) is None


def test_the_bounds_of_the_suite_are_those_of_the_code():
    suite = json.loads((SUITES / "features" / "profile.json").read_text())
    asked = {(e["kwargs"].get("column"), e["severity"], e["kwargs"].get("max_value")) for e in suite["expectations"]}
    assert {
        ("psi", "critical", drift.PSI_REFUSED),
        ("psi", "warning", drift.PSI_NOTICED),
        ("js_divergence", "warning", drift.JS_NOTICED),
    } <= asked
    (refusing,) = (e["kwargs"] for e in suite["expectations"] if e["kwargs"].get("max_value") == drift.PSI_REFUSED)
    bounds = {(c["column"]["name"], c["parameter"]) for c in refusing["row_condition"]["conditions"]}
    assert {("median_factor", drift.FACTOR_REFUSED), ("previous_bin_count", drift.LEAST_REFUSED_BINS)} <= bounds


def test_a_bin_of_less_than_one_in_a_hundred_is_not_populated():
    assert drift.populated([98, 1, 0, 1]) == 3
    assert drift.populated([991, 9, 0]) == 1


def test_the_factor_of_two_medians_is_the_same_in_both_directions():
    assert drift.factor(10, 32) == drift.factor(32, 10) == drift.factor(-10, -32) == pytest.approx(3.2)
    assert drift.factor(0, 10) is drift.factor(-1, 10) is None
