"""Contracts of trained models: what was trained and how it did, who let it serve, and how its values fared against later sales."""

from estate.contracts.model import TENANT, Column, Contract, key

MODEL = Contract(
    name="score.model",
    kind="record",
    grain="one trained model of one county, kept whether it passed its ratio study or not",
    key=("tenant_id", "model_id"),
    index=(("tenant_id", "county_fips", "as_of_date"),),
    columns=(
        TENANT,
        key("model_id", "text", "county, as-of date and the first 12 digits of the artefact's SHA-256"),
        Column("county_fips", "text", "the market: county, 5 digits; 00000 where the county is unknown", nullable=False),
        Column("as_of_date", "date", "nothing sold on or after this day was used; serves valuation dates from this day on", nullable=False),
        Column("trained_at", "timestamptz", "when", nullable=False),
        Column("method", "text", "method and its version", nullable=False),
        Column("seed", "integer", "seed of everything random in the training", nullable=False),
        Column("sale_count", "integer", "sales trained on", "sales", nullable=False),
        Column("window_from_date", "date", "first of them", nullable=False),
        Column("window_to_date", "date", "last of them", nullable=False),
        Column("snapshot_ids", "integer[]", "snapshots that the sales and what was sold were read from", nullable=False),
        Column("code_version", "text", "version of the code that trained it", nullable=False),
        Column("parameters_sha256", "text", "SHA-256 of the parameters, which lie beside the artefact", nullable=False),
        Column("artefact_sha256", "text", "SHA-256 of the artefact; other bytes are never loaded", nullable=False),
        Column("object_key", "text", "object that holds the artefact; never overwritten", nullable=False),
        Column("card_key", "text", "object that holds the model card", nullable=False),
        Column("page_key", "text", "page for people, below the tenant's Data Docs", nullable=False),
        Column("metrics", "jsonb", "figures of the out-of-time test, and the digest of the sales", nullable=False),
        Column("verdict_id", "uuid", "gate verdict over its ratio study", nullable=False),
        Column("is_passed", "boolean", "whether its ratio study lies within the declared bounds", nullable=False),
        Column("refusal", "text", "why it may not serve; null where it may"),
        Column("run_id", "text", "Airflow DAG and run", nullable=False),
        Column("feature_service", "text", "feature service it was trained from, with its version, as valuation_v1@0123456789ab; null "
               "before there were any"),
    ),
)  # fmt: skip

PROMOTION = Contract(
    name="score.promotion",
    kind="record",
    grain="one decision that a model serves",
    key=("tenant_id", "promotion_id"),
    index=(("tenant_id", "county_fips", "promoted_at"),),
    columns=(
        TENANT,
        key("promotion_id", "uuid", "derived from model and run, so that a repeated run decides once"),
        Column("model_id", "text", "model promoted", nullable=False),
        Column("county_fips", "text", "its county", nullable=False),
        Column("is_rollback", "boolean", "whether it sets aside the models of a later day that were promoted before it", nullable=False),
        Column("promoted_at", "timestamptz", "when", nullable=False),
        Column("promoted_by", "text", "who decided: training, or a person", nullable=False),
        Column("reason", "text", "why", nullable=False),
        Column("run_id", "text", "Airflow DAG and run", nullable=False),
    ),
)


def _valued(name: str, meaning: str, nullable: bool = False) -> Column:
    source = f"score.valuation.{name}"
    return Column(name, "numeric(14,2)", meaning, "usd", nullable=nullable, made="copied", made_from=(source,))


_PRICE = "normalize.sale.sale_price_usd"
_ESTIMATE = "score.valuation.estimated_value_usd"

OUTCOME = Contract(
    name="score.outcome",
    kind="published",
    may_be_empty=True,
    grain="one sale against the last value that stood before the sale was known",
    key=("tenant_id", "sale_id"),
    parent=("property_id", "normalize.property"),
    index=(("tenant_id", "property_id"),),
    columns=(
        TENANT,
        key("sale_id", "uuid", "sale", ("normalize.sale.sale_id",)),
        Column("property_id", "uuid", "property sold", nullable=False, made="assigned", made_from=("normalize.sale.property_id",)),
        Column("sale_date", "date", "closing", nullable=False, made_from=("normalize.sale.sale_date",)),
        Column("sale_price_usd", "numeric(14,2)", "consideration", "usd", nullable=False, made_from=(_PRICE,)),
        Column("valuation_date", "date", "the day the value stood for; before the sale", nullable=False,
               made_from=("score.valuation.valuation_date",)),
        Column("valued_published_at", "timestamptz", "when the value was published; before the sale was", nullable=False, made="assigned"),
        Column("model_id", "text", "model that made the value; null before there were models", made="assigned"),
        _valued("estimated_value_usd", "the value as it was published"),
        _valued("value_low_usd", "lower end of its 80 % interval", nullable=True),
        _valued("value_high_usd", "upper end of its 80 % interval", nullable=True),
        _valued("value_low_95_usd", "lower end of its 95 % interval", nullable=True),
        _valued("value_high_95_usd", "upper end of its 95 % interval", nullable=True),
        Column("sale_ratio", "double precision", "value over price", "fraction", nullable=False, made="inferred",
               made_from=(_ESTIMATE, _PRICE)),
        Column("is_in_80", "boolean", "whether the price lies in the 80 % interval", made="inferred",
               made_from=("score.valuation.value_low_usd", "score.valuation.value_high_usd", _PRICE)),
        Column("is_in_95", "boolean", "whether the price lies in the 95 % interval", made="inferred",
               made_from=("score.valuation.value_low_95_usd", "score.valuation.value_high_95_usd", _PRICE)),
        Column("is_arms_length", "boolean", "whether the sale is evidence of market value", nullable=False, made="inferred",
               made_from=("normalize.sale.is_arms_length",)),
    ),
)  # fmt: skip


DRIFT = Contract(
    name="score.drift",
    kind="record",
    grain="what one run of the drift watch found of one model against the sales of one month, or of all months",
    key=("tenant_id", "run_id", "model_id", "month"),
    index=(("tenant_id", "model_id", "month", "measured_at"),),
    columns=(
        TENANT,
        key("run_id", "text", "Airflow DAG and run"),
        key("model_id", "text", "model that made the values; 'without a model' for values from before there were models"),
        key("month", "text", "month of the sales, as 2026-01; all for all months within reach"),
        Column("sale_count", "integer", "valid sales that had a value before them", "sales", nullable=False, made="inferred",
               made_from=("score.outcome.sale_id",)),
        Column("median_ratio", "double precision", "level: median of value over price", "ratio", nullable=False, made="inferred",
               made_from=("score.outcome.sale_ratio",)),
        Column("mape_rate", "double precision", "mean absolute error over price", "fraction", nullable=False, made="inferred",
               made_from=("score.outcome.estimated_value_usd", "score.outcome.sale_price_usd")),
        Column("bias_rate", "double precision", "sum of values over sum of prices, less 1", "fraction", nullable=False, made="inferred",
               made_from=("score.outcome.estimated_value_usd", "score.outcome.sale_price_usd")),
        Column("coverage_80_rate", "double precision", "sales whose price lay within the 80 % interval; null where none was given", "0-1",
               made="inferred", made_from=("score.outcome.is_in_80",)),
        Column("coverage_95_rate", "double precision", "sales whose price lay within the 95 % interval; null where none was given", "0-1",
               made="inferred", made_from=("score.outcome.is_in_95",)),
        Column("measured_at", "timestamptz", "when", nullable=False),
    ),
)  # fmt: skip

CONTRACTS = (MODEL, PROMOTION, OUTCOME, DRIFT)
