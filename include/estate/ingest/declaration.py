"""Sources as declarations: what a file looks like and what its columns mean, read from ``declared/<name>.toml``."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from estate.contracts import contract
from estate.errors import LandingRefused, SettingError

DECLARED = Path(__file__).parent / "declared"
GEOMETRY = "geometry"  # stands for the file's geometry wherever a mapping names raw columns

Hazard = Literal["flood", "wildfire", "heat", "seismic"]
Format = Literal["csv", "xlsx", "parquet", "geojson", "gpkg", "shapefile", "arcgis"]
AreaKind = Literal["county", "metro", "state", "nation"]
Frequency = Literal["week", "month", "quarter"]
Measure = Literal["home_value", "price_index", "rent", "inventory", "new_listings", "sold_above_list_rate"]


class Mapping(BaseModel):
    """How one canonical column is made: the raw columns it reads, the rules applied in order, the unit the source writes.

    A rule is a name or ``name:argument``; what each does stands in `estate.ingest.rules.RULES`. No rule means ``text``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    raw: tuple[str, ...] = Field(default=(), alias="from")
    rules: tuple[str, ...] = ("text",)
    unit: str = ""


class MarketSeries(BaseModel):
    """How the file of a market series is laid out and what its values say; names are those of raw columns.

    layout ``long``: a row is one area and period. ``periods_across``: a row is an area, and every column whose name is a date in
    `period_format` a period. ``areas_across``: a row is a period, and the columns of `areas` are areas, each with its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    measure: Measure
    unit: str
    frequency: Frequency
    layout: Literal["long", "periods_across", "areas_across"]
    value_range: tuple[float, float] = Field(description="least and greatest value that can be; anything else is a fault of the file")
    area_kind: AreaKind | None = Field(default=None, description="of all areas; None when kind_column says it")
    kind_column: str = ""
    kinds: dict[str, AreaKind] = Field(default_factory=dict, description="what a cell of kind_column stands for")
    area_code: str = ""
    area_name: str = ""
    areas: dict[str, str] = Field(default_factory=dict, description="raw column -> name of its area")
    metro: tuple[str, ...] = Field(default=(), description="name of the metropolitan area, and its state where the name does not say it")
    county_fips: tuple[str, ...] = Field(default=(), description="codes of state and county")
    period: tuple[str, ...] = Field(default=(), description="the day of a period, or its year and quarter")
    period_format: str = Field(default="%Y-%m-%d", description="strptime; of no use for year and quarter")
    value: str = ""
    missing: tuple[str, ...] = Field(default=(), description="texts that stand for no value")

    @property
    def used(self) -> tuple[str, ...]:
        """The raw columns that the layout names, periods across excepted."""
        named = (self.kind_column, self.area_code, self.area_name, *self.areas, *self.metro, *self.county_fips, *self.period, self.value)
        return tuple(dict.fromkeys(name for name in named if name))

    @model_validator(mode="after")
    def _consistent(self) -> MarketSeries:
        if (self.area_kind is None) != bool(self.kind_column and self.kinds):
            raise ValueError("either area_kind says what the areas are, or kind_column with kinds")
        by_row = bool(self.area_code and self.area_name)
        if by_row == bool(self.areas) or (self.layout == "areas_across") != bool(self.areas):
            raise ValueError("areas belong to the layout areas_across, area_code and area_name to the others")
        if (self.layout == "periods_across") == bool(self.period) or (self.layout == "long") != bool(self.value):
            raise ValueError("periods_across names no period, the others do; long names its value, the others do not")
        return self


class Source(BaseModel):
    """One declared source of records, one declared hazard layer or one declared market series."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{2,60}$")
    title: str
    kind: Literal["record", "hazard_layer", "market_series"]
    hazard: Hazard | None = None
    series: MarketSeries | None = None
    format: Format
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    sheet: str = Field(default="", description="XLSX sheet or GeoPackage layer; empty for the only one there is")
    header_row: int = Field(default=1, ge=1, description="1-based line of the header; the lines before it are preamble")
    crs: str = Field(default="", description="such as EPSG:4326; empty to take what the file says")
    bounds: tuple[float, float, float, float] | None = Field(
        default=None, description="west, south, east, north in degrees: coordinates outside are read as a fault"
    )
    natural_key: tuple[str, ...] = ()
    property_key: tuple[str, ...] = Field(default=(), description="raw columns; empty when county and parcel number serve")
    unit_number: Mapping | None = Field(default=None, description="tells apart the units that share one parcel number")
    county_fips: str = Field(default="", description="the one county of the source; empty when a column says it", pattern=r"^(\d{5})?$")
    columns: dict[str, Mapping] = Field(default_factory=dict, description="of records and layers; a series has its layout instead")
    lookups: dict[str, dict[str, str | int | float]] = Field(default_factory=dict, description="tables of the rule lookup:<table>")
    renames: dict[str, str] = Field(default_factory=dict, description="other name of a raw column -> its declared name")
    ignored: tuple[str, ...] = Field(default=(), description="raw columns known and not used")
    authority: str
    authority_weight: float = Field(ge=0, le=1)
    refresh_days: int = Field(ge=1)
    licence: str
    is_complete: bool = Field(default=False, description="each file holds the whole source, so rows missing from a newer one are closed")
    is_synthetic: bool = False
    vintage_date: dt.date | None = None
    file_glob: str
    version: str = ""

    @property
    def used(self) -> tuple[str, ...]:
        """The raw columns that the declaration reads; a file without one of them cannot be landed."""
        mappings = [*self.columns.values(), *([self.unit_number] if self.unit_number else [])]
        names = [name for mapping in mappings for name in mapping.raw] + [*self.natural_key, *self.property_key]
        names += self.series.used if self.series else ()
        return tuple(dict.fromkeys(name for name in names if name != GEOMETRY))

    @property
    def declared(self) -> frozenset[str]:
        """Every raw column that the source is known to have."""
        return frozenset(self.used) | frozenset(self.ignored)

    @model_validator(mode="after")
    def _has_columns_or_layout(self) -> Source:
        if (self.kind == "market_series") != (self.series is not None):
            raise ValueError("a market series has a layout, nothing else has one")
        if (self.kind == "market_series") == bool(self.columns):
            raise ValueError("columns: a source of records or a layer names what is read, a market series has its layout instead")
        if self.series and self.format != "csv":
            raise ValueError("format: market series are read from csv only")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        from estate.ingest.rules import check_rule

        target = contract("ingest.record" if self.kind == "record" else "reference.hazard_feature")
        unknown = sorted(set(self.columns) - set(target.column_names))
        if unknown:
            raise ValueError(f"{target.name} has no column {', '.join(unknown)}")
        for name, mapping in [*self.columns.items(), *([("unit_number", self.unit_number)] if self.unit_number else [])]:
            for rule in mapping.rules:
                try:
                    check_rule(rule, self.lookups)
                except ValueError as error:
                    raise ValueError(f"columns.{name}: {error}") from None
        if self.kind == "record" and not self.natural_key:
            raise ValueError("a source of records names its natural_key")
        if (self.kind == "hazard_layer") != (self.hazard is not None):
            raise ValueError("a hazard layer names its hazard, a source of records none")
        clash = sorted(set(self.used) & set(self.ignored))
        if clash:
            raise ValueError(f"used and ignored at once: {', '.join(clash)}")
        return self


def read_declaration(text: str, file_name: str) -> Source:
    """The source that the TOML `text` declares. Raises SettingError naming the file and the field that is wrong."""
    try:
        found = Source.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{file_name}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingError(f"{file_name}: {place + ': ' if place else ''}{first['msg']}") from None
    if found.name != Path(file_name).stem:
        raise SettingError(f"{file_name}: declares the source {found.name}; the file must be called {found.name}.toml")
    return found


@cache
def _declared() -> tuple[Source, ...]:
    return tuple(read_declaration(path.read_text(encoding="utf-8"), path.name) for path in sorted(DECLARED.glob("*.toml")))


def sources() -> dict[str, Source]:
    """Every declared source by name, in alphabetical order. Raises SettingError when a declaration is wrong."""
    return {found.name: found for found in _declared()}


def declared_names(kind: str) -> list[str]:
    """The names of the sources of a kind, in alphabetical order, unchecked: a DAG's form lists them without loading pandas."""
    return [path.stem for path in sorted(DECLARED.glob("*.toml")) if tomllib.loads(path.read_text(encoding="utf-8")).get("kind") == kind]


def source(name: str) -> Source:
    """The source called `name`. Raises LandingRefused listing the declared ones where there is none."""
    known = sources()
    if name not in known:
        raise LandingRefused(
            f"no source is called {name!r}",
            remedy=f"Use one of {', '.join(known)}, or declare it in include/estate/ingest/declared/{name}.toml.",
        )
    return known[name]
