"""The summary: one row per property with all that a search filters, sorts or shows, put together from what the stages published."""

from __future__ import annotations

import pandas as pd

from estate.contracts.provenance import SUMMARY

_KEY = "property_id"


def summary_frame(
    properties: pd.DataFrame,
    exposures: pd.DataFrame,
    valuations: pd.DataFrame,
    risks: pd.DataFrame,
    sales: pd.DataFrame,
    trust: pd.DataFrame,
) -> pd.DataFrame:
    """Frame of provenance.summary (without tenant_id): one row for each row of `properties`, in their order.

    Each frame has property_id and the columns that the contract says the summary takes from its table; of `trust` the others are
    left aside. `sales` is as `last_sales` wants it. What a frame has no row for stays null. Raises ValueError where one of them has two
    rows of one property: a property that was summed up twice would be found twice.
    """
    by_property = pd.Index(properties[_KEY])
    if by_property.has_duplicates:
        raise ValueError("duplicate labels: two rows of one property")
    parts: list[pd.DataFrame] = [properties, exposures, valuations, risks, trust[[_KEY, "property_trust"]], last_sales(sales)]
    # Each part is aligned once and all are joined once: merging one after the other would copy the growing row five times.
    aligned = [part.set_index(_KEY).reindex(by_property) for part in parts]
    return pd.concat(aligned, axis=1).reset_index()[[name for name in SUMMARY.column_names if name != "tenant_id"]]


def last_sales(sales: pd.DataFrame) -> pd.DataFrame:
    """The latest arm's-length sale of each property that has one: property_id, last_sale_price_usd, last_sale_date.

    `sales`: property_id, sale_id, sale_price_usd, sale_date, is_arms_length. A sale without a date or a price is never the last one.
    Of several on one day the first by sale_id counts, as in the list of a property's sales.
    """
    valid = sales[sales["is_arms_length"].astype(bool) & sales["sale_date"].notna() & sales["sale_price_usd"].notna()]
    latest = valid.sort_values(["sale_date", "sale_id"], ascending=[False, True]).drop_duplicates(_KEY)
    named = latest.rename(columns={"sale_price_usd": "last_sale_price_usd", "sale_date": "last_sale_date"})
    return named[[_KEY, "last_sale_price_usd", "last_sale_date"]]
