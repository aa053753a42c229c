"""Other ways to value the same held-out sales, from the deliberately bad to the libraries' defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.valuation_sales import Split
from bench.valuation_trial import accuracy
from estate.score import parameters as p
from estate.score.attributes import table
from estate.score.comparables import days
from estate.score.comparator import Comparator, Stock
from estate.score.model import day_number, prepared, with_area
from estate.score.price_index import estimate

Floats = NDArray[np.float64]


def peers(split: Split) -> dict[str, Any]:
    """Accuracy of each peer on the held-out sales, by its name.

    OLS and the defaults are told each sale's own day, as in the reference runs; comparables are read at the valuation day, as ours.
    """
    known, held = with_area(split.known), with_area(split.held)
    price = held["sale_price_usd"].to_numpy(dtype=float)
    ways: dict[str, Callable[[pd.DataFrame, pd.DataFrame], Floats]] = {
        "mean price per sqft": _per_sqft,
        "OLS with ZIP effects": _least_squares,
        "LightGBM, defaults": _lightgbm,
        "CatBoost, defaults": _catboost,
    }
    found: dict[str, Any] = {name: accuracy(way(known, held), price) for name, way in ways.items()}
    raw, adjusted, alone = _comparables(split, held, _per_sqft(known, held))
    found["comparables, raw"] = accuracy(raw, price)
    found["comparables, adjusted"] = accuracy(adjusted, price)
    return {"accuracy": found, "without_comparables": alone}


def _per_sqft(known: pd.DataFrame, held: pd.DataFrame) -> Floats:
    mean = (known["sale_price_usd"] / known["living_area_sqft"]).mean()
    return np.asarray(float(mean) * held["living_area_sqft"].to_numpy(dtype=float))


def _plain(frame: pd.DataFrame) -> Floats:
    """Attributes as logs, codes and counts, place and day; nothing that is made of other sales."""
    place = frame[["latitude", "longitude"]].to_numpy(dtype=float)
    return np.column_stack([table(frame), place, days(frame["sale_date"])])


def _log_price(frame: pd.DataFrame) -> Floats:
    return np.log(frame["sale_price_usd"].to_numpy(dtype=float))


def _least_squares(known: pd.DataFrame, held: pd.DataFrame) -> Floats:
    """Log price on attributes, day and a constant of each ZIP code; an unknown attribute is read as the median."""
    plain, asked = _plain(known), _plain(held)
    told = np.asarray(np.isfinite(plain).any(axis=0))
    told[-3:-1] = False  # the ZIP code stands for the place
    plain, asked = plain[:, told], asked[:, told]
    middle, spread = np.nanmedian(plain, axis=0), np.nanstd(plain, axis=0)
    area = pd.Index(known["market_area"].unique())

    def design(values: Floats, areas: pd.Series) -> Floats:
        scaled = (np.where(np.isfinite(values), values, middle) - middle) / np.where(spread > 0, spread, 1)
        return np.column_stack([scaled, areas.to_numpy()[:, None] == area.to_numpy()[None, :]]).astype(float)

    effect, *_ = np.linalg.lstsq(design(plain, known["market_area"]), _log_price(known), rcond=None)
    return np.exp(design(asked, held["market_area"]) @ effect)


def _lightgbm(known: pd.DataFrame, held: pd.DataFrame) -> Floats:
    from lightgbm import LGBMRegressor

    model = LGBMRegressor(n_jobs=p.THREADS, verbosity=-1).fit(_plain(known), _log_price(known))
    return np.exp(np.asarray(model.predict(_plain(held)), dtype=float))


def _catboost(known: pd.DataFrame, held: pd.DataFrame) -> Floats:
    from catboost import CatBoostRegressor

    model = CatBoostRegressor(thread_count=p.THREADS, verbose=0, allow_writing_files=False)
    return np.exp(np.asarray(model.fit(_plain(known), _log_price(known)).predict(_plain(held)), dtype=float))


def _comparables(split: Split, held: pd.DataFrame, without: Floats) -> tuple[Floats, Floats, int]:
    """Our comparables alone: their mean price as sold, the same adjusted; and how many houses have none, for which `without` stands."""
    day = day_number(split.as_of_date)
    known = prepared(split.known, day)
    compared = Comparator.learn(known, day, estimate(known, day)).compare(held, Stock(known), day)
    some = compared.count > 0
    raw = (compared.weight * compared.stock.price_usd[compared.sale]).sum(axis=1)
    return np.where(some, raw, without), np.where(some, np.exp(compared.estimate), without), int((~some).sum())
