"""Sales of properties: each real sale once, and whether it is evidence of market value."""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.contracts import contract
from estate.ingest.declaration import Source
from estate.ingest.declaration import sources as declared_sources
from estate.normalize.property import uuid5s
from estate.normalize.survivorship import Positions, Precedence, first_per_group, rank
from estate.normalize.survivorship import precedence as stated_precedence

CHECKS: dict[str, Any] = tomllib.loads(resources.files("estate.normalize").joinpath("sale.toml").read_text(encoding="utf-8"))
_MOST_REASONS = 3
_READ = (
    "source_name", "record_key", "snapshot_id", "row_number", "vintage_date", "property_key", "list_date", "sale_price_usd", "sale_date",
    "recording_date", "document_number", "sale_qualification", "seller_name",
)  # fmt: skip


def sales(
    records: pd.DataFrame,
    properties: pd.DataFrame,
    precedence: Precedence | None = None,
    sources: Mapping[str, Source] | None = None,
    deals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The frame of normalize.sale: every reported sale of `properties`, once.

    `records` has the columns of ingest.record, `properties` at least tenant_id, property_id and property_key. A record is
    a sale when it has a price and a date. Reports of one property with the same day and price are one sale unless they
    name different instruments; the kept row is chosen by the precedence's rule for sales, and lacking dates and
    instruments are taken from the other reports. `deals` (property_key, sale_date, sale_price_usd, document_number,
    seller_name) are the reports among which parcels sold together are looked for, `records` by default. `sale_id` is a
    UUID of property, day, price and instrument.
    """
    rule_book = precedence or stated_precedence()
    known = sources if sources is not None else declared_sources()
    owner = pd.Series(properties["property_id"].to_numpy(), index=properties["property_key"].to_numpy())
    is_sale = records["sale_price_usd"].notna() & records["sale_date"].notna() & records["property_key"].isin(owner.index)
    found = records.loc[is_sale, list(_READ)].reset_index(drop=True)
    found["property_id"] = owner.reindex(found["property_key"]).to_numpy()
    found["sale_date"] = pd.to_datetime(found["sale_date"]).astype("datetime64[s]")
    found["sale_price_usd"] = found["sale_price_usd"].astype(float).round(2)
    columns = list(contract("normalize.sale").column_names)
    if found.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    groups, count = _same_sale(found)
    order = rank(found, groups, rule_book.rules[rule_book.sale_rule], rule_book, known)
    kept = found.iloc[first_per_group(order, groups, count)].reset_index(drop=True)
    for name in ("recording_date", "document_number", "sale_qualification"):
        told = order[found[name].notna().to_numpy()[order]]
        giver = first_per_group(told, groups, count)
        kept[name] = found[name].iloc[np.maximum(giver, 0)].reset_index(drop=True).astype(object).where(giver >= 0, None)
    kept["tenant_id"] = str(properties["tenant_id"].iloc[0])
    kept["exclusion_reasons"] = exclusion_reasons(kept, found if deals is None else deals)
    kept["is_arms_length"] = kept["exclusion_reasons"].str.len() == 0
    kept["sale_id"] = _sale_ids(kept)
    kept["recording_date"] = pd.to_datetime(kept["recording_date"]).astype("datetime64[s]")
    return kept[columns].sort_values("sale_id", ignore_index=True)


def _same_sale(found: pd.DataFrame) -> tuple[Positions, int]:
    """The number of each record's sale: property, day and price, told apart by instrument where two are named.

    A report without an instrument joins the one instrument that others name, or stands for itself where they name several.
    """
    deal = found.groupby(["property_id", "sale_date", "sale_price_usd"], sort=False).ngroup().to_numpy()
    instrument = _instrument(found)
    names = pd.factorize(instrument)[0]  # -1: no instrument
    named = pd.DataFrame({"deal": deal, "name": names})[names >= 0].drop_duplicates()
    only = named.drop_duplicates("deal", keep=False).set_index("deal")["name"]
    joined = np.where(names >= 0, names, only.reindex(deal).fillna(-1).to_numpy())
    codes = pd.DataFrame({"deal": deal, "name": joined}).groupby(["deal", "name"], sort=False).ngroup().to_numpy()
    return codes.astype(np.int64), int(codes.max()) + 1


def _instrument(frame: pd.DataFrame) -> pd.Series:
    return frame["document_number"].where(frame["document_number"].notna(), None).astype(object)


def _sale_ids(kept: pd.DataFrame) -> list[str]:
    days = kept["sale_date"].dt.strftime("%Y-%m-%d")
    instruments = _instrument(kept).fillna("")
    namespace = uuid.uuid5(uuid.UUID(kept["tenant_id"].iloc[0]), "sale")
    names = zip(kept["property_id"], days, kept["sale_price_usd"], instruments, strict=True)
    return uuid5s(namespace, [f"{owner}|{day}|{price:.2f}|{instrument}" for owner, day, price, instrument in names])


def exclusion_reasons(kept: pd.DataFrame, deals: pd.DataFrame) -> list[list[str]]:
    """Why each sale is no evidence of market value: at most three names of sale.toml, in its order; empty for a valid sale.

    `kept` has property_key, sale_price_usd, sale_date, vintage_date, sale_qualification, document_number and seller_name;
    `deals` as in `sales`.
    """
    checks: dict[str, NDArray[np.bool_]] = {
        "nominal_price": (kept["sale_price_usd"] < CHECKS["nominal_price"]["below_usd"]).to_numpy(),
        "source_says_unqualified": _is_unqualified(kept["sale_qualification"]),
        "multi_parcel": _is_multi_parcel(kept, deals),
        "after_vintage": (
            (pd.to_datetime(kept["sale_date"]) - pd.to_datetime(kept["vintage_date"])).dt.days > CHECKS["after_vintage"]["days"]
        ).to_numpy(),
    }
    reasons: list[list[str]] = [[] for _ in range(len(kept))]
    for name in CHECKS:
        for position in np.flatnonzero(checks[name]):
            if len(reasons[position]) < _MOST_REASONS:
                reasons[position].append(name)
    return reasons


def _is_unqualified(sale_qualification: pd.Series) -> NDArray[np.bool_]:
    said = CHECKS["source_says_unqualified"]
    words = [*said["words"], *said["listed"]["words"]]
    return sale_qualification.astype("string").str.strip().str.lower().isin(words).to_numpy(dtype=bool, na_value=False)


def _is_multi_parcel(kept: pd.DataFrame, deals: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether one price was paid on one day for several properties: under one instrument, or by the same seller.

    Day and price alone are alike by chance too often (in King County, 2014-15, every round price on most days), so
    without an instrument the seller must be the same as well.
    """
    is_several = np.zeros(len(kept), dtype=bool)
    for told in ("document_number", "seller_name"):
        if not kept[told].notna().any():
            continue
        parcels = _deals(deals, told).drop_duplicates().groupby(["day", "cents", "told"])["property_key"].size()
        several = parcels[parcels >= CHECKS["multi_parcel"]["at_least"]]
        own = pd.MultiIndex.from_frame(_deals(kept, told)[["day", "cents", "told"]])
        is_several |= own.isin(several.index) & kept[told].notna().to_numpy()
    return is_several & (kept["sale_price_usd"] >= CHECKS["nominal_price"]["below_usd"]).to_numpy()


def _deals(reports: pd.DataFrame, told: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "day": pd.to_datetime(reports["sale_date"]).astype("datetime64[s]"),
            "cents": (reports["sale_price_usd"].astype(float) * 100).round().astype("Int64"),
            "told": reports[told].astype("string").str.strip().str.upper(),
            "property_key": reports["property_key"].astype(object),
        }
    )
