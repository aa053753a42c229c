"""Contracts of sales as evidence: what the platform finds of each, and what a person decided instead."""

from estate.contracts.model import TENANT, Column, Contract, key

_DECISION = ("score.sale_decision.is_arms_length", "score.sale_decision.decision_id")
_FOUND_FROM = (
    "normalize.sale.exclusion_reasons", "normalize.sale.sale_price_usd", "normalize.sale.sale_date", "normalize.sale.document_number",
    "ingest.record.seller_name", "ingest.record.owner_name", "ingest.record.sale_qualification", "normalize.property.property_type",
    "normalize.property.county_fips", "normalize.property.situs_zip", "normalize.property.latitude", "normalize.property.longitude",
    "normalize.property.living_area_sqft", "normalize.property.bedroom_count", "normalize.property.bathroom_count",
    "normalize.property.year_built", "normalize.property.has_waterfront", *_DECISION,
)  # fmt: skip

SALE_VALIDATION = Contract(
    name="score.sale_validation",
    kind="published",
    may_be_empty=True,
    grain="what is found of one sale as evidence of market value, over the whole market",
    key=("tenant_id", "sale_id"),
    parent=("property_id", "normalize.property"),
    index=(("tenant_id", "property_id"),),
    columns=(
        TENANT,
        key("sale_id", "uuid", "sale", ("normalize.sale.sale_id",)),
        Column("property_id", "uuid", "property sold", nullable=False, made="assigned", made_from=("normalize.sale.property_id",)),
        Column("sale_date", "date", "closing", made_from=("normalize.sale.sale_date",)),
        Column("is_arms_length", "boolean", "evidence of market value", nullable=False, made="inferred", made_from=_FOUND_FROM),
        Column(
            "exclusion_reasons",
            "text[]",
            "why it is not, at most three, in the order of sale_validation.toml; empty for evidence",
            nullable=False,
            made="inferred",
            made_from=_FOUND_FROM,
        ),
        Column("decided_by", "text", "rules, or the decision that overruled them", nullable=False, made="assigned", made_from=_DECISION),
    ),
)

SALE_DECISION = Contract(
    name="score.sale_decision",
    kind="record",
    grain="one decision of a person about one sale; the latest counts",
    key=("tenant_id", "decision_id"),
    index=(("tenant_id", "sale_id"),),
    columns=(
        TENANT,
        key("decision_id", "uuid", "derived from run and sale"),
        Column("sale_id", "uuid", "sale decided about", nullable=False, made="assigned", made_from=("normalize.sale.sale_id",)),
        Column("is_arms_length", "boolean", "evidence of market value", nullable=False, made="assigned"),
        Column("reason", "text", "why, in the words of who decided", nullable=False, made="assigned"),
        Column("decided_by", "text", "who decided", nullable=False, made="assigned"),
        Column("run_id", "text", "Airflow DAG and run", nullable=False, made="assigned"),
        Column("decided_at", "timestamptz", "when", nullable=False, made="assigned"),
    ),
)

CONTRACTS = (SALE_VALIDATION, SALE_DECISION)
