"""The features stage: the market of every county of the tenant by month."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from estate.features.listings import as_days
from estate.features.market import areas_of, features, windows
from estate.ingest.declaration import sources

if TYPE_CHECKING:
    from estate.batch import Batch
    from estate.warehouse import Warehouse


def build(batch: Batch, warehouse: Warehouse) -> Iterator[dict[str, pd.DataFrame]]:  # noqa: ARG001 - a market is the whole tenant's
    """Build ``features.market`` for all counties and months of the tenant, whichever batch asks; the same data give the same frame.

    What was published of months before a county's window, which moves on with its newest record, is brought again as it stands. So
    the scope beside it is every month there is: what is published and not brought is withdrawn, whichever county's it is.
    """
    declared = sources()
    listed = [name for name, found in declared.items() if "list_date" in found.columns]
    sales = warehouse.frame("features_market_sales")
    listings = warehouse.frame("features_market_listings", source_names=listed)
    counties = pd.concat([sales["county_fips"], listings["county_fips"]])
    areas = areas_of(counties, warehouse.frame("series_areas"))
    values = warehouse.frame("series_values", keys=areas[["source_name", "area_code"]].drop_duplicates())
    layouts = {name: found.series for name, found in declared.items() if found.series}
    market = features(sales, listings, areas, values, layouts)
    opens = windows(sales, listings)["opens_date"].dt.date.reset_index()
    before = warehouse.frame("features_market_before", keys=opens)
    if len(before):
        before["month_date"] = as_days(before["month_date"])
        before["observed_at"] = pd.to_datetime(before["observed_at"], utc=True, format="ISO8601")
        market = pd.concat([before, market]).sort_values(["county_fips", "month_date"], ignore_index=True) if len(market) else before
    published = as_days(warehouse.frame("features_market_months")["month_date"])
    months = pd.concat([as_days(market["month_date"]), published]).drop_duplicates().sort_values()
    yield {"features.market": market, "scope": pd.DataFrame({"month_date": months.dt.date})}
