"""Contracts of the features: what models and readers are given of a property or a market, and the books over it.

Rows of a view are computed from versions of published tables by ``sql/queries/features_<view>.sql``. Each row stands for one version, or
for one confirmation of it: it holds from `event_at`, when that was published, until `until_at`; `observed_at` is the oldest day for which
one of the sources behind it is known to say so, and its age counts from there.
"""

from __future__ import annotations

from estate.contracts.model import TENANT, Column, Contract, key

_P = "normalize.property"
_H = "hazard.exposure"


def _taken(name: str, sql_type: str, meaning: str, unit: str = "", source: str | None = None) -> Column:
    """A feature that stands in one column as it is."""
    return Column(name, sql_type, meaning, unit, made="copied", made_from=(source or f"{_P}.{name}",))


def _made(name: str, sql_type: str, meaning: str, unit: str, *made_from: str) -> Column:
    """A feature computed from columns."""
    return Column(name, sql_type, meaning, unit, made="inferred", made_from=made_from)


def _absent(name: str, sql_type: str, meaning: str, unit: str = "") -> Column:
    """A feature that no source here speaks of: always null; the reason stands in estate.features.definitions."""
    return Column(name, sql_type, meaning, unit, made="assigned")


def _bounds(*observed: str) -> tuple[Column, ...]:
    return (
        Column("event_at", "timestamptz", "when its version, or a confirmation, was published", nullable=False, made="assigned"),
        Column("until_at", "timestamptz", "until when it held; infinity while current", nullable=False, made="assigned"),
        Column("observed_at", "timestamptz", "oldest day for which a source of it stands; its age counts from here", made="inferred",
               made_from=observed),
    )  # fmt: skip


def _property_view(name: str, about: str, observed: tuple[str, ...], *features: Column) -> Contract:
    return Contract(
        name=f"features.{name}",
        kind="view",
        grain=f"{about} of one property, from one version of it to the next",
        key=("tenant_id", "property_id"),
        columns=(TENANT, key("property_id", "uuid", "property", (f"{_P}.property_id",)), *_bounds(*observed), *features),
    )


_OF_RECORDS = (
    "ingest.snapshot.vintage_date", "provenance.trust.confirmed_vintage_date", "provenance.publication.vintage_date",
    "normalize.property.derivation_id",
)  # fmt: skip
_FLOAT, _INT, _BOOL, _TEXT = "double precision", "bigint", "boolean", "text"

PHYSICAL = _property_view(
    "property_physical",
    "the building and its lot",
    _OF_RECORDS,
    _taken("living_area_sqft", _FLOAT, "living area", "sqft"),
    _taken("lot_area_sqft", _FLOAT, "land area", "sqft"),
    _taken("year_built", _INT, "year of construction", "year"),
    _taken("bedroom_count", _FLOAT, "bedrooms", "rooms"),
    _taken("bathroom_count", _FLOAT, "bathrooms; half baths count 0.5", "rooms"),
    _taken("story_count", _FLOAT, "stories", "stories"),
    _taken("garage_space_count", _FLOAT, "garage spaces", "cars"),
    _absent("has_pool", _BOOL, "whether there is a pool"),
    _absent("has_fireplace", _BOOL, "whether there is a fireplace"),
    _taken("condition_code", _INT, "condition, 1 poor to 5 excellent"),
    _made("years_since_renovation", _INT, "years from the last renovation to the event; null where none is known", "years",
          f"{_P}.year_renovated"),
)  # fmt: skip

CHARACTER = _property_view(
    "property_character",
    "kind, quality and surroundings",
    _OF_RECORDS,
    _taken("property_type", _TEXT, "single_family, townhouse, condo, multi_family, mobile_home, land, commercial or other"),
    _taken("basement_area_sqft", _FLOAT, "basement area", "sqft"),
    _taken("year_renovated", _INT, "year of the last renovation", "year"),
    _taken("quality_code", _INT, "quality of construction, 1 low to 13 luxury"),
    _taken("has_waterfront", _BOOL, "whether the land reaches the water; null where the source does not say"),
    _taken("view_code", _INT, "view, 0 none to 4 excellent"),
    _taken("county_fips", _TEXT, "county, 5 digits"),
    _taken("situs_zip", _TEXT, "5-digit ZIP"),
)

_LISTED = (f"{_P}.list_price_usd", f"{_P}.list_date")

FINANCIAL = _property_view(
    "property_financial",
    "what is asked, assessed and paid",
    _OF_RECORDS,
    _taken("list_price_usd", _FLOAT, "asked", "usd"),
    _made("price_per_sqft_usd", _FLOAT, "asked over living area", "usd", f"{_P}.list_price_usd", f"{_P}.living_area_sqft"),
    _taken("assessed_value_usd", _FLOAT, "assessor's total value", "usd"),
    _absent("annual_tax_usd", _FLOAT, "property tax a year", "usd"),
    _absent("hoa_monthly_usd", _FLOAT, "dues of the owners' association a month", "usd"),
    _made("days_on_market", _INT, "days from the listing to the event; null where none is known", "days", f"{_P}.list_date"),
    _made("price_reduction_count", _INT, "times the asking price of this listing was seen to fall; null without a listing", "", *_LISTED),
    _made("last_reduction_usd", _FLOAT, "the last of these falls; null where there was none", "usd", *_LISTED),
    _absent("arv_estimate_usd", _FLOAT, "value after repair", "usd"),
    _absent("projected_rent_usd", _FLOAT, "rent a month that it could bring", "usd"),
    _absent("cap_rate_estimate", _FLOAT, "net operating income a year over price", "fraction"),
)

LOCATION = _property_view(
    "property_location",
    "where it stands",
    _OF_RECORDS,
    _taken("latitude", _FLOAT, "WGS 84", "degrees"),
    _taken("longitude", _FLOAT, "WGS 84", "degrees"),
    _absent("distance_to_cbd_m", _FLOAT, "distance to the central business district", "m"),
    _absent("distance_to_transit_m", _FLOAT, "distance to the nearest stop", "m"),
    _absent("distance_to_school_m", _FLOAT, "distance to the nearest school", "m"),
    _absent("school_rating", _FLOAT, "rating of its schools"),
    _absent("walk_score", _FLOAT, "walkability", "0-100"),
    _absent("crime_index", _FLOAT, "crime around it"),
    _absent("noise_level_db", _FLOAT, "noise around it", "dB"),
    _absent("tract_median_income_usd", _FLOAT, "median household income of its census tract", "usd"),
    _absent("population_density", _FLOAT, "people of its census tract", "per square km"),
)

_ZONE = (f"{_H}.is_in_sfha", f"{_H}.flood_zone", f"{_H}.flood_zone_subtype")

HAZARD = _property_view(
    "property_hazard",
    "the hazards",
    ("reference.hazard_layer.vintage_date",),
    _taken("flood_zone", _TEXT, "FEMA flood zone; null where no polygon maps the ground", "", f"{_H}.flood_zone"),
    _taken("flood_score", _FLOAT, "severity-weighted score; null = unknown", "0-1", f"{_H}.flood_score"),
    _taken("wildfire_score", _FLOAT, "severity-weighted score; null = unknown", "0-1", f"{_H}.wildfire_score"),
    _taken("heat_intensity", _FLOAT, "severity-weighted score of heat; null = unknown", "0-1", f"{_H}.heat_score"),
    _taken("seismic_zone", _TEXT, "ASCE 7-22 seismic design category; null = unknown", "", f"{_H}.seismic_design_category"),
    _made("is_in_100_year_floodplain", _BOOL, "inside the Special Flood Hazard Area; null = unmapped or undetermined", "", *_ZONE[:1]),
    _made("is_in_500_year_floodplain", _BOOL, "inside the area flooded by the 0.2 % event; null = unmapped or undetermined", "", *_ZONE),
    _absent("elevation_ft", _FLOAT, "height of the ground", "ft"),
)

_SALE = "normalize.sale"
_SERIES = ("reference.market_value.value",)
_AREA = "in the county or its metropolitan area as origins says"
_ASKED = (f"{_P}.list_price_usd", f"{_P}.list_date")
_SOLD = (f"{_SALE}.sale_date", f"{_SALE}.is_arms_length")

MARKET_FEATURES = (
    _made("median_list_price_usd", _FLOAT, "median asking price of what was on the market in the month", "usd", *_ASKED),
    _made("median_price_per_sqft_usd", _FLOAT, "median asking price over living area of the same", "usd", *_ASKED,
          f"{_P}.living_area_sqft"),
    _made("median_days_on_market", _FLOAT, "median days from the listing to the month's end of the same", "days", f"{_P}.list_date"),
    _made("active_inventory_count", _FLOAT, f"homes on the market at the month's end, {_AREA}", "homes", f"{_P}.list_date", *_SERIES),
    _made("new_listing_30d_count", _FLOAT, f"homes listed in the 30 days to the month's end, {_AREA}", "homes", f"{_P}.list_date",
          *_SERIES),
    _made("sold_30d_count", _FLOAT, "arm's-length sales in the 30 days to the month's end", "homes", *_SOLD),
    _made("price_cut_rate", _FLOAT, "share of what is on the market whose asking price was seen to fall", "0-1", *_ASKED),
    _made("median_rent_usd", _FLOAT, "typical rent a month", "usd", *_SERIES),
    _absent("vacancy_rate", _FLOAT, "share of homes that stand empty", "0-1"),
    _absent("median_cap_rate", _FLOAT, "median net operating income a year over price", "fraction"),
    _made("price_growth_yoy_rate", _FLOAT, "change of the price level over twelve months", "fraction", *_SOLD,
          f"{_SALE}.sale_price_usd", *_SERIES),
    _made("rent_growth_yoy_rate", _FLOAT, "change of the typical rent over twelve months", "fraction", *_SERIES),
)  # fmt: skip

MARKET = Contract(
    name="features.market",
    kind="published",
    may_be_empty=True,
    grain="the market of one county in one month, by what was told of it or up to three months before; a revised month is a new version",
    key=("tenant_id", "county_fips", "month_date"),
    columns=(
        TENANT,
        key("county_fips", "text", "county, 5 digits", (f"{_P}.county_fips",)),
        key("month_date", "date", "first day of the month"),
        *MARKET_FEATURES,
        Column("origins", "text[]", "where each feature comes from, in the order of the features: own_sales, own_listings or a declared "
               "series; empty where it is null", nullable=False, made="assigned", made_from=("reference.market_series.source_name",)),
        Column("observed_at", "timestamptz", "end of the oldest day for which one of its values stands", nullable=False, made="inferred",
               made_from=_SOLD[:1]),
    ),
)  # fmt: skip

MARKET_CURRENT = Contract(
    name="features.market_current",
    kind="view",
    grain="the newest month known of the market of one county, from one publication to the next",
    key=("tenant_id", "county_fips"),
    columns=(
        TENANT,
        key("county_fips", "text", "county, 5 digits", ("features.market.county_fips",)),
        *_bounds("features.market.observed_at"),
        *(
            _taken(c.name, c.sql_type, c.meaning, c.unit, f"features.market.{c.name}")
            if c.made_from
            else _absent(c.name, c.sql_type, c.meaning, c.unit)
            for c in MARKET_FEATURES
        ),
    ),
)

MATERIALIZATION = Contract(
    name="features.materialization",
    kind="record",
    grain="one publication that has gone online",
    key=("tenant_id", "publication_id"),
    index=(("tenant_id", "materialized_at"),),
    columns=(
        TENANT,
        key("publication_id", "bigint", "ledger row whose rows went online", ("provenance.publication.publication_id",)),
        Column("table_name", "text", "table published", nullable=False),
        Column("entity_count", "integer", "properties or markets that the run wrote", "entities", nullable=False),
        Column("run_id", "text", "Airflow DAG and run", nullable=False),
        Column("materialized_at", "timestamptz", "when they were online", nullable=False),
    ),
)

PROFILE = Contract(
    name="features.profile",
    kind="record",
    grain="one feature as one run found it over all entities of the tenant, against the run before",
    key=("tenant_id", "run_id", "view_name", "feature_name"),
    index=(("tenant_id", "view_name", "feature_name", "profiled_at"),),
    columns=(
        TENANT,
        key("run_id", "text", "Airflow DAG and run"),
        key("view_name", "text", "feature view"),
        key("feature_name", "text", "feature"),
        Column("entity_count", "integer", "entities looked at", "entities", nullable=False),
        Column("null_count", "integer", "of these without a value", "entities", nullable=False),
        Column("null_rate", "double precision", "their share", "0-1", nullable=False),
        Column("previous_null_rate", "double precision", "their share in the window before; null where there was none", "0-1"),
        Column(
            "expected_value_count",
            "double precision",
            "values in the window before, of as many entities where there are fewer now",
            "values",
        ),
        Column("value_ratio", "double precision", "values now over the expected ones", "fraction"),
        Column("stale_rate", "double precision", "share of the values that are older than their time to live", "0-1"),
        Column("oldest_observed_at", "timestamptz", "oldest day for which a value stands"),
        Column("newest_observed_at", "timestamptz", "newest day for which a value stands"),
        Column("low", "double precision", "least value; null for text"),
        Column("median", "double precision", "median value; null for text"),
        Column("high", "double precision", "greatest value; null for text"),
        Column("bins", "jsonb", "edges or words, and how many values fall on each, in this window", nullable=False),
        Column("psi", "double precision", "population stability index against the window before; null where too few values can say"),
        Column("js_divergence", "double precision", "Jensen-Shannon divergence (base 2) against the window before", "0-1"),
        Column("previous_bin_count", "integer", "bins of numbers that held at least 1 % of the values in the window before", "bins"),
        Column(
            "median_factor",
            "double precision",
            "the greater of the medians now and before over the lesser; null where one is 0 or the signs differ",
            "fraction",
        ),
        Column("previous_run_id", "text", "run that measured the window before"),
        Column("profiled_at", "timestamptz", "when", nullable=False),
    ),
)

PARITY = Contract(
    name="features.parity",
    kind="record",
    grain="one feature of a sample, compared by one audit between offline and online",
    key=("tenant_id", "run_id", "view_name", "feature_name"),
    index=(("tenant_id", "audited_at"),),
    columns=(
        TENANT,
        key("run_id", "text", "Airflow DAG and run; with #2, #3 and so on what a run that audits again found"),
        key("view_name", "text", "feature view"),
        key("feature_name", "text", "feature"),
        Column("compared_count", "integer", "entities compared", "entities", nullable=False),
        Column("mismatch_count", "integer", "of these with different values, event times or ages", "entities", nullable=False),
        Column("example", "text", "the first that differs: entity, offline, online; null where none does"),
        Column("as_of_at", "timestamptz", "moment for which offline was asked", nullable=False),
        Column("audited_at", "timestamptz", "when", nullable=False),
    ),
)

CONTRACTS = (PHYSICAL, CHARACTER, FINANCIAL, LOCATION, HAZARD, MARKET, MARKET_CURRENT, MATERIALIZATION, PROFILE, PARITY)
