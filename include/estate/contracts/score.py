"""Contracts of the score stage: value with interval or refusal, the comparables that carry it, and risk."""

from estate.contracts.model import TENANT, Column, Contract, key

# The steps of a comparable's waterfall, in the order in which they are taken.
ADJUSTMENTS = (
    "market_time", "living_area", "lot_area", "year_built", "bedroom", "bathroom", "condition", "quality", "basement", "waterfront", "view",
)  # fmt: skip
_SUBJECT = tuple(
    f"normalize.property.{name}"
    for name in (
        "living_area_sqft", "basement_area_sqft", "lot_area_sqft", "year_built", "year_renovated", "bedroom_count", "bathroom_count",
        "story_count", "garage_space_count", "condition_code", "quality_code", "has_waterfront", "view_code", "property_type",
        "county_fips", "situs_zip", "latitude", "longitude",
    )
)  # fmt: skip
_SALES = ("normalize.sale.sale_price_usd", "normalize.sale.sale_date", "normalize.sale.is_arms_length")
VALUE_MADE_FROM = _SUBJECT + _SALES


def _modelled(name: str, sql_type: str, meaning: str, unit: str = "", nullable: bool = True) -> Column:
    return Column(name, sql_type, meaning, unit, nullable=nullable, made="modelled", made_from=VALUE_MADE_FROM)


VALUATION = Contract(
    name="score.valuation",
    kind="published",
    grain="the value of one property at one valuation date",
    key=("tenant_id", "property_id"),
    parent=("property_id", "normalize.property"),
    columns=(
        TENANT,
        key("property_id", "uuid", "property", ("normalize.property.property_id",)),
        Column("valuation_date", "date", "the day the value stands for", nullable=False, made="assigned"),
        _modelled("estimated_value_usd", "numeric(14,2)", "value; null when refused", "usd"),
        _modelled("value_low_usd", "numeric(14,2)", "lower end of the interval of interval_level", "usd"),
        _modelled("value_high_usd", "numeric(14,2)", "upper end of the interval of interval_level", "usd"),
        _modelled("value_low_95_usd", "numeric(14,2)", "lower end of the 95 % interval", "usd"),
        _modelled("value_high_95_usd", "numeric(14,2)", "upper end of the 95 % interval", "usd"),
        Column(
            "interval_level",
            "double precision",
            "share of sales that such intervals are meant to hold",
            "0-1",
            nullable=False,
            made="assigned",
        ),
        _modelled("fsd", "double precision", "forecast standard deviation: expected error as a fraction of the value", "fraction"),
        _modelled("confidence", "double precision", "0 to 1; below the stated floor the value is refused", "0-1"),
        _modelled("confidence_band", "text", "high, moderate or low; null when refused"),
        _modelled("comparable_count", "smallint", "comparables that carry the value", "sales", nullable=False),
        _modelled("refusal_reason", "text", "why no value is given"),
        Column("method", "text", "method and its version", nullable=False, made="assigned"),
        Column("model_id", "text", "model that gave the value (score.model); null where none was promoted", made="assigned"),
    ),
)

COMPARABLE = Contract(
    name="score.comparable",
    kind="published",
    may_be_empty=True,
    grain="one comparable sale of one valued property",
    key=("tenant_id", "property_id", "comparable_rank"),
    parent=("property_id", "normalize.property"),
    columns=(
        TENANT,
        key("property_id", "uuid", "property valued", ("normalize.property.property_id",)),
        key("comparable_rank", "smallint", "1 is the heaviest"),
        Column("sale_id", "uuid", "sale compared with", nullable=False, made="assigned", made_from=("normalize.sale.sale_id",)),
        Column(
            "weight",
            "double precision",
            "share in the value; weights of a property sum to 1",
            "0-1",
            nullable=False,
            made="modelled",
            made_from=VALUE_MADE_FROM,
        ),
        Column(
            "distance_m",
            "double precision",
            "distance to the subject",
            "m",
            nullable=False,
            made="inferred",
            made_from=("normalize.property.latitude", "normalize.property.longitude"),
        ),
        Column(
            "sale_age_days",
            "integer",
            "days from sale to valuation date",
            "days",
            nullable=False,
            made="inferred",
            made_from=("normalize.sale.sale_date",),
        ),
        Column(
            "sale_price_usd",
            "numeric(14,2)",
            "price before adjustment",
            "usd",
            nullable=False,
            made_from=("normalize.sale.sale_price_usd",),
        ),
        *(
            Column(
                f"{name}_adjustment_usd",
                "numeric(14,2)",
                "step of the waterfall",
                "usd",
                nullable=False,
                made="modelled",
                made_from=VALUE_MADE_FROM,
            )
            for name in ADJUSTMENTS
        ),
        Column(
            "adjusted_price_usd",
            "numeric(14,2)",
            "price plus every step, to the cent",
            "usd",
            nullable=False,
            made="modelled",
            made_from=VALUE_MADE_FROM,
        ),
    ),
)

_EXPOSURE = tuple(
    f"hazard.exposure.{name}"
    for name in ("composite_low", "composite_high", "flood_score", "wildfire_score", "heat_score", "seismic_score")
)

RISK = Contract(
    name="score.risk",
    kind="published",
    grain="the hazard risk of one property",
    key=("tenant_id", "property_id"),
    parent=("property_id", "normalize.property"),
    columns=(
        TENANT,
        key("property_id", "uuid", "property", ("normalize.property.property_id",)),
        Column(
            "risk_score_low",
            "double precision",
            "risk with unknown hazards taken as absent",
            "0-100",
            nullable=False,
            made="modelled",
            made_from=_EXPOSURE,
        ),
        Column(
            "risk_score_high",
            "double precision",
            "risk with unknown hazards taken as certain",
            "0-100",
            nullable=False,
            made="modelled",
            made_from=_EXPOSURE,
        ),
        Column(
            "risk_class",
            "text",
            "low, moderate, high, very_high; undetermined where the interval spans more than one",
            nullable=False,
            made="modelled",
            made_from=_EXPOSURE,
        ),
        Column("dominant_hazard", "text", "known hazard with the largest weighted score", made="modelled", made_from=_EXPOSURE),
        Column(
            "unknown_hazard_count",
            "smallint",
            "hazards not known here",
            "hazards",
            nullable=False,
            made="inferred",
            made_from=("hazard.exposure.unknown_hazards",),
        ),
    ),
)

CONTRACTS = (VALUATION, COMPARABLE, RISK)
