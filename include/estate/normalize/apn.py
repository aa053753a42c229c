"""Assessor's Parcel Numbers in each county's own form.

The forms are data (apn.toml). A number that does not fit its county's form stays as received, so that nothing is
invented; digits are never dropped and never reordered, only leading zeros and separators are added.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

_SEPARATORS = re.compile(r"[\s\-./\\_]+")


@dataclass(frozen=True, slots=True)
class ApnForm:
    """How one county writes its parcel number; the fields are those of apn.toml."""

    fips: tuple[str, ...]
    name: str
    widths: tuple[int, ...]
    separator: str
    source: str
    optional: int = 0
    lost_zeros: int = 0

    def write(self, apn_raw: str) -> str | None:
        """The number in the county's form, or None where it does not fit.

        >>> apn_forms()["53033"].write("7129300520")
        '712930-0520'
        """
        text = apn_raw.strip().upper()
        given = [part for part in _SEPARATORS.split(text) if part]
        parts = self._padded(given) or self._sliced("".join(given), is_whole=len(given) == 1)
        return self.separator.join(parts) if parts else None

    def _padded(self, given: list[str]) -> list[str] | None:
        """Parts that were already apart, each brought to its width."""
        if not len(self.widths) - self.optional <= len(given) <= len(self.widths) or len(given) < 2:
            return None
        parts = []
        for part, width in zip(given, self.widths, strict=False):
            digits = part.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            if not (digits.isascii() and digits.isdigit()) or len(digits) > width:
                return None
            parts.append(digits.zfill(width) + part[len(digits) :])
        return parts + ["0" * width for width in self.widths[len(given) :]]

    def _sliced(self, joined: str, is_whole: bool) -> list[str] | None:
        """A number cut at the widths; only one that had no separators may have lost leading zeros."""
        if is_whole and joined.isascii() and joined.isdigit() and 0 < sum(self.widths) - len(joined) <= self.lost_zeros:
            joined = joined.zfill(sum(self.widths))
        match = re.fullmatch("".join(rf"(\d{{{width}}}[A-Z]?)" for width in self.widths), joined, re.ASCII)
        return list(match.groups()) if match else None


@cache
def apn_forms() -> dict[str, ApnForm]:
    """The forms by county FIPS code."""
    listed = tomllib.loads(resources.files("estate.normalize").joinpath("apn.toml").read_text(encoding="utf-8"))["county"]
    forms = [ApnForm(**{**row, "fips": tuple(row["fips"]), "widths": tuple(row["widths"])}) for row in listed]
    return {fips: form for form in forms for fips in form.fips}


def format_apn(apn_raw: pd.Series, county_fips: pd.Series) -> pd.Series:
    """Parcel numbers in their county's own form.

    `apn_raw` and `county_fips` are text of the same index; null or blank stays null. A county without a listed form, and
    a number that does not fit its form, give the text as received in upper case with single spaces. Each distinct pair is
    formatted once.
    """
    # Codes of both columns make one number per distinct pair: far cheaper than a group-by over two text columns.
    raw_codes, raw_values = pd.factorize(apn_raw)
    fips_codes, fips_values = pd.factorize(county_fips)
    pairs, inverse = _distinct(raw_codes, fips_codes, len(fips_values))
    forms = apn_forms()
    written: list[str | None] = []
    for raw_code, fips_code in pairs:
        text = None if raw_code < 0 else " ".join(str(raw_values[raw_code]).split()).upper() or None
        form = None if text is None or fips_code < 0 else forms.get(fips_values[fips_code])
        written.append((form.write(text) if form and text else None) or text)
    values = pd.Series(written, dtype=object).to_numpy()[inverse]
    return pd.Series(values, index=apn_raw.index, name="apn", dtype=object)


def _distinct(raw_codes: np.ndarray, fips_codes: np.ndarray, fips_count: int) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Distinct (raw, county) code pairs, and for each row the position of its pair."""
    inverse, combined = pd.factorize((raw_codes.astype("int64") + 1) * (fips_count + 1) + fips_codes + 1)
    return [(int(one) // (fips_count + 1) - 1, int(one) % (fips_count + 1) - 1) for one in combined], inverse
