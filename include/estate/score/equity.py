"""Vertical equity: how far estimates are spread about their middle, and what that costs in accuracy.

An estimate is an average over houses alike in what is known, so dear houses come out low and cheap ones high (regression to the mean).
For one house that is the best guess; for a roll it taxes the cheap for the dear. Spreading the log estimates by a few hundredths undoes
it. The share is chosen on out-of-fold predictions of past sales, the least that brings them within the stated bounds; the whole
frontier is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.score import parameters as p
from estate.score import ratio_study

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Log estimates become middle + (1 + share) x (estimate - middle); `frontier` has a row per share that was tried."""

    middle: float
    share: float

    def apply(self, log_estimate: Floats) -> Floats:
        """The spread log estimates; the order of houses stays."""
        return np.asarray(self.middle + (1 + self.share) * (log_estimate - self.middle))


def choose(log_estimate: Floats, log_price: Floats) -> tuple[Spread, pd.DataFrame]:
    """The least spread within bounds of PRD, PRB and VEI on past sales, or the one nearest to them; and the frontier.

    `frontier` has spread_share, mape_pct, cod, prd, prb, vei, is_chosen. With fewer sales than a VEI needs nothing is spread.
    """
    middle = float(np.median(log_estimate))
    if len(log_estimate) < ratio_study.VEI_GROUPS[-1][0]:
        return Spread(middle, 0.0), pd.DataFrame(columns=["spread_share", "mape_pct", "cod", "prd", "prb", "vei", "is_chosen"])
    price = np.exp(log_price)
    rows = []
    for share in p.EQUITY_STEPS:
        estimate = np.exp(Spread(middle, share).apply(log_estimate))
        found = ratio_study.study(estimate, price)
        mape = 100 * float(np.abs(estimate / price - 1).mean())
        rows.append({"spread_share": share, "mape_pct": mape, "cod": found.cod, "prd": found.prd, "prb": found.prb, "vei": found.vei})
    frontier = pd.DataFrame(rows)
    beyond = np.maximum.reduce([
        np.maximum(frontier["prb"].abs() / p.EQUITY_PRB - 1, 0),
        np.maximum(frontier["vei"].abs() / p.EQUITY_VEI_PCT - 1, 0),
        np.maximum((frontier["prd"] - 1) / (p.EQUITY_PRD - 1) - 1, 0),
    ])  # fmt: skip
    chosen = int(np.argmin(beyond))  # the first of equals is the least spread
    frontier["is_chosen"] = np.arange(len(frontier)) == chosen
    return Spread(middle, float(frontier["spread_share"].iloc[chosen])), frontier
