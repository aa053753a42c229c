"""Every feature once: its view, type, unit, sources, time to live, owner and meaning; and the services in which they are asked for.

Types, units, meanings and sources are those of the contracts (estate.contracts.features); a feature that no source here speaks of says why.
Two clocks hold everywhere. *Event time* (`event_at`) is when the platform came to know a row: joins in the past go by it, so nothing is
seen that was published later. *Observed time* (`observed_at`) is the oldest day for which one of its sources stands: age counts from it, so
an old file that was loaded today is old.

A newer file that repeats what a source said makes no new version of a property, but it confirms it (provenance.trust): the views made from
properties give a new row then, with a new event time and the day of the confirmation for the records of that source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from estate.contracts import CONTRACTS, contract
from estate.contracts.features import MARKET_FEATURES
from estate.contracts.model import Column, Contract

if TYPE_CHECKING:
    from estate.settings import Tenant

PAGE = "features/index.html"
"""Where a tenant's features are shown to people, below its Data Docs."""

_BOUNDS = frozenset({"event_at", "until_at", "observed_at"})
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A group of features of one kind of entity that live equally long and come from one query.

    `ttl` is how long a value may be taken for the present one, counted from `observed_at`. `absent` gives, for each feature that no source
    speaks of, the reason.
    """

    name: str
    ttl: timedelta
    owner: str
    about: str
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def contract(self) -> Contract:
        """The promise of its rows."""
        return contract(f"features.{self.name}")

    @property
    def query(self) -> str:
        """The named query that computes its rows, one a version, for the current tenant."""
        return f"features_{self.name}"

    @property
    def entity(self) -> str:
        """The column that names the entity within the tenant: property_id or county_fips."""
        return self.contract.row_key[0]

    @property
    def features(self) -> tuple[Column, ...]:
        """Its features, in order."""
        return tuple(c for c in self.contract.columns if c.role == "value" and c.name not in _BOUNDS)

    @property
    def tables(self) -> tuple[str, ...]:
        """The published tables that its values are made from."""
        named = (source.rpartition(".")[0] for c in self.contract.columns if c.role == "value" for source in c.made_from)
        return tuple(table for table in dict.fromkeys(named) if CONTRACTS[table].kind == "published")

    @property
    def ttl_days(self) -> float:
        """Its time to live in days."""
        return self.ttl / _DAY

    @property
    def ttl_words(self) -> str:
        """Its time to live as people write it."""
        return f"{self.ttl_days:g} day{'' if self.ttl_days == 1 else 's'}"

    def services_of(self, name: str) -> tuple[str, ...]:
        """The names of the services that give its feature `name` out."""
        return tuple(service.name for service in SERVICES.values() if name in service.features.get(self.name, ()))

    def is_stale(self, observed_at: datetime | None, at: datetime) -> bool:
        """Whether a value observed then is too old at `at` to be taken for the present one; a value of unknown age is."""
        return observed_at is None or at - observed_at > self.ttl


_NO_RECORD = "no landed source declares it; a column of ingest.record would bring it"
_NO_PLACE = "no layer of places is landed that would tell it"
_NO_MODEL = "no model here estimates it"

VIEWS: dict[str, FeatureView] = {
    view.name: view
    for view in (
        FeatureView(
            "property_physical",
            timedelta(days=30),
            "property data",
            "the building and its lot",
            {"has_pool": _NO_RECORD, "has_fireplace": _NO_RECORD},
        ),
        FeatureView("property_character", timedelta(days=30), "property data", "kind, quality and surroundings, as models ask for them"),
        FeatureView(
            "property_financial",
            timedelta(days=1),
            "market data",
            "what is asked, assessed and paid",
            {
                "annual_tax_usd": _NO_RECORD, "hoa_monthly_usd": _NO_RECORD, "arv_estimate_usd": _NO_MODEL,
                "projected_rent_usd": _NO_MODEL, "cap_rate_estimate": _NO_MODEL,
            },
        ),
        FeatureView(
            "property_location",
            timedelta(days=90),
            "property data",
            "where it stands",
            dict.fromkeys(
                ("distance_to_cbd_m", "distance_to_transit_m", "distance_to_school_m", "school_rating", "walk_score", "crime_index",
                 "noise_level_db", "tract_median_income_usd", "population_density"),
                _NO_PLACE,
            ),
        ),
        FeatureView(
            "property_hazard",
            timedelta(days=180),
            "hazard data",
            "the hazards of its ground",
            {"elevation_ft": "no elevation layer is landed; a base flood elevation is the water's, not the ground's"},
        ),
        FeatureView(
            "market_current",
            timedelta(days=7),
            "market data",
            "the newest month known of the market of a county",
            {
                "vacancy_rate": "no landed series tells it",
                "median_cap_rate": "needs rents and expenses of single properties, which no source brings",
            },
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FeatureService:
    """Features asked for together, by view; the name carries the generation, `version` what exactly it stands for."""

    name: str
    about: str
    features: Mapping[str, tuple[str, ...]]

    @property
    def columns(self) -> tuple[tuple[FeatureView, Column], ...]:
        """Every feature with its view, in order."""
        return tuple((VIEWS[view], VIEWS[view].contract.column(name)) for view, names in self.features.items() for name in names)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(column.name for _, column in self.columns)

    @property
    def version(self) -> str:
        """The first 12 digits of the SHA-256 of its definition: names, types, units, sources, times to live, and the queries of its views.

        Queries count as they are written, so that a comment in one makes another version too.
        """
        from estate.features.rows import rows_of  # imported here, because it brings the database's library with it

        said = [
            [view.name, view.ttl.total_seconds(), c.name, c.sql_type, c.unit, list(c.made_from)] for view, c in self.columns
        ]  # fmt: skip
        computed = [rows_of(VIEWS[view]).as_string(None) for view in self.features]
        return hashlib.sha256(json.dumps([self.name, said, computed]).encode()).hexdigest()[:12]


def _all(*views: str) -> dict[str, tuple[str, ...]]:
    return {view: tuple(c.name for c in VIEWS[view].features) for view in views}


_BUILDING = (
    "living_area_sqft", "lot_area_sqft", "year_built", "bedroom_count", "bathroom_count", "story_count", "garage_space_count",
    "condition_code",
)  # fmt: skip
_PLACE = ("latitude", "longitude")

SERVICES: dict[str, FeatureService] = {
    service.name: service
    for service in (
        FeatureService(
            "property_v1",
            "the 41 features of a property",
            _all("property_physical", "property_financial", "property_location", "property_hazard"),
        ),
        FeatureService("market_v1", "the 12 features of a market", {"market_current": tuple(c.name for c in MARKET_FEATURES)}),
        FeatureService(
            "valuation_v1",
            "what the valuation model is trained on; never what is asked, which would tell it the price",
            {
                "property_character": ("property_type", "county_fips", "situs_zip", "basement_area_sqft", "year_renovated", "quality_code",
                                       "has_waterfront", "view_code"),
                "property_physical": _BUILDING,
                "property_location": _PLACE,
            },
        ),
        FeatureService("risk_v1", "what the risk of a property is read from", _all("property_hazard") | {"property_location": _PLACE}),
        FeatureService(
            "twins_v1",
            "what properties are compared by to find twins",
            {
                "property_character": ("property_type", "quality_code"),
                "property_physical": _BUILDING,
                "property_location": _PLACE,
            },
        ),
    )
}  # fmt: skip


def project_of(tenant: Tenant) -> str:
    """The tenant's own Feast project."""
    return f"estate_{tenant.slug.replace('-', '_')}"
