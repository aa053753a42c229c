"""How far the values of a feature moved between two windows: population stability index and Jensen-Shannon divergence over shared bins.

The bins are made from the window before. Numbers fall into its deciles, open at both ends; where values repeat so often that several
deciles coincide, there are fewer. Text and truth values fall on its words; words that too few values carry are taken together with all
words that it did not know. Each window keeps its own bins with their counts, so that the next one needs nothing else of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import rel_entr

BINS = 10
LEAST_VALUES = 200  # in each window: below, ten bins differ by chance as far as the noticed bound (see psi)
LEAST_WORD_SHARE = 0.01
LEAST_WORD_COUNT = 10  # as many as a decile holds of a hundred values
SHARE_FLOOR = 0.0001  # what an empty bin counts as: its logarithm would be infinite
PSI_NOTICED = 0.25  # the field's customary bound of a major shift
PSI_REFUSED = 5.0  # what the suite refuses, together with the two below; its notes give the reason
FACTOR_REFUSED = 3.0  # metres for feet are 3.28
LEAST_REFUSED_BINS = 5  # of fewer different values each holds so much that one that changes is the whole index
JS_NOTICED = 0.1


@dataclass(frozen=True, slots=True)
class NumberBins:
    """Half-open bins of numbers: up to and including the first edge, ..., beyond the last."""

    edges: tuple[float, ...]

    def counted(self, values: np.ndarray) -> list[int]:
        """How many of the finite `values` fall into each bin, one more than there are edges."""
        places = np.searchsorted(np.array(self.edges, dtype=float), values, side="left")
        return [int(count) for count in np.bincount(places, minlength=len(self.edges) + 1)]

    def said(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {"edges": list(self.edges)}


@dataclass(frozen=True, slots=True)
class WordBins:
    """One bin a word, and a last one for every other word."""

    words: tuple[str, ...]

    def counted(self, counts: Mapping[str, int]) -> list[int]:
        """How many values carry each word, one more than there are words: the last for the rest."""
        named = [int(counts.get(word, 0)) for word in self.words]
        return [*named, sum(counts.values()) - sum(named)]

    def said(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {"words": list(self.words)}


def number_bins(values: np.ndarray) -> NumberBins:
    """The deciles of finite `values`, at least one; each edge is one of the values, and those that coincide are taken once.

    Where nine tenths are the greatest value, it has a bin of its own between what is less and what is more, so that a constant that changes
    is seen to change. Raises ValueError without values.
    """
    if not len(values):
        raise ValueError("no values, no deciles")
    most = float(values.max())
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    inner = tuple(float(edge) for edge in edges if edge < most)
    return NumberBins(inner or (float(np.nextafter(most, -np.inf)), most))


def word_bins(counts: Mapping[str, int]) -> WordBins:
    """The words that at least 1 % of the values carry, and at least ten of them, most frequent first and then by the alphabet."""
    least = max(LEAST_WORD_COUNT, LEAST_WORD_SHARE * sum(counts.values()))
    return WordBins(tuple(sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))))


def read_bins(said: Mapping[str, Any]) -> NumberBins | WordBins | None:
    """The bins that a profile kept; none where it had no values."""
    if said.get("edges"):
        return NumberBins(tuple(float(edge) for edge in said["edges"]))
    return WordBins(tuple(said["words"])) if "words" in said else None


def psi(before: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index of two windows counted on the same bins: sum of (p - q) ln(p / q) over their shares; 0 and up.

    A share below SHARE_FLOOR counts as that much. Two samples of one population give (bins - 1)(1/n + 1/m) on average by chance alone
    (Yurdakul, Statistical Properties of Population Stability Index, 2018): 0.09 for ten bins of 200 values each.

    >>> round(psi([50, 50], [25, 75]), 4)  # a quarter of ln 3
    0.2747
    """
    p, q = (np.maximum(share, SHARE_FLOOR) for share in _shares(before, now))
    return float(((p - q) * np.log(p / q)).sum())


def populated(counts: Sequence[int]) -> int:
    """How many bins hold at least LEAST_WORD_SHARE of the values."""
    least = LEAST_WORD_SHARE * sum(counts)
    return sum(count > 0 and count >= least for count in counts)


def factor(before: float, now: float) -> float | None:
    """By what the medians of two windows differ, in either direction, 1 and up; None where one is zero or their signs differ.

    >>> factor(10, 2.5)
    4.0
    """
    if before * now <= 0:
        return None
    return max(before / now, now / before)


def js_divergence(before: Sequence[int], now: Sequence[int]) -> float:
    """Jensen-Shannon divergence of two windows counted on the same bins, in bits: 0 for equal shares, 1 for none in common (Lin 1991).

    >>> round(js_divergence([1, 0], [1, 1]), 4)
    0.3113
    """
    p, q = _shares(before, now)
    middle = (p + q) / 2
    bits = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / (2 * np.log(2))
    # Of nearly equal shares the sum is a difference of rounding errors, which may fall below zero.
    return float(np.clip(bits, 0, 1))


def _shares(before: Sequence[int], now: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Raises ValueError where the windows were not counted on the same bins, or one of them has no values."""
    p, q = np.array(before, dtype=float), np.array(now, dtype=float)
    if p.shape != q.shape or not p.sum() or not q.sum():
        raise ValueError(
            f"two windows of values on the same bins are needed, not {len(p)} and {len(q)} bins of {p.sum():g} and {q.sum():g}"
        )
    return p / p.sum(), q / q.sum()
