"""The market as it was known before a day: its valid sales, with what was sold."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from estate.score.sale_validation import arms_length, validate

if TYPE_CHECKING:
    from estate.warehouse import Warehouse

UNKNOWN_COUNTY = "00000"  # properties whose county no source names are a market of their own


def in_county(frame: pd.DataFrame) -> pd.Series:
    """County of each row, 5 digits."""
    return frame["county_fips"].astype(object).where(frame["county_fips"].notna(), UNKNOWN_COUNTY)


def sales_before(warehouse: Warehouse, day: date) -> pd.DataFrame:
    """The tenant's valid sales before `day`: the columns of query score_sales, without those that validation or a decision excludes.

    All sales before the day are read, because a finding rests on the sales around it; none of that day or later is.
    """
    sales = warehouse.frame("score_sales", valuation_date=day)
    return arms_length(sales, validate(sales, warehouse.frame("sale_decisions"))).reset_index(drop=True)
