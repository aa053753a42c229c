"""Contracts of the provenance stage: trust, the summary that readers search, and the platform's own books."""

from dataclasses import replace

from estate.contracts.hazard import EXPOSURE
from estate.contracts.model import TENANT, Column, Contract, key
from estate.contracts.normalize import PROPERTY
from estate.contracts.score import RISK, VALUATION

TRUST = Contract(
    name="provenance.trust",
    kind="published",
    grain="the trust in one property's data, field by field",
    key=("tenant_id", "property_id"),
    parent=("property_id", "normalize.property"),
    columns=(
        TENANT,
        key("property_id", "uuid", "property", ("normalize.property.property_id",)),
        Column(
            "property_trust",
            "double precision",
            "weakest-link-aware mean over the fields",
            "0-1",
            nullable=False,
            made="inferred",
            made_from=("normalize.property.derivation_id", "ingest.snapshot.vintage_date", "normalize.conflict.losing_value"),
        ),
        Column(
            "field_trust_pct",
            "smallint[]",
            "trust of each traced field, in the order of provenance.trust.TRACED_FIELDS; null where the field is null",
            "0-100",
            nullable=False,
            made="inferred",
            made_from=("normalize.property.derivation_id", "ingest.snapshot.vintage_date"),
        ),
        Column(
            "confirmed_vintage_date",
            "date",
            "newest vintage of a source that still says so",
            nullable=False,
            made="inferred",
            made_from=("ingest.snapshot.vintage_date",),
        ),
        Column(
            "traced_field_count",
            "smallint",
            "fields with a value and a source row",
            "fields",
            nullable=False,
            made="inferred",
            made_from=("normalize.property.derivation_id",),
        ),
        Column(
            "untraced_field_count",
            "smallint",
            "fields with a value and no source row; the gate refuses any",
            "fields",
            nullable=False,
            made="inferred",
            made_from=("normalize.property.derivation_id",),
        ),
        Column(
            "untraced_fields", "text[]", "their names", nullable=False, made="inferred", made_from=("normalize.property.derivation_id",)
        ),
    ),
)


def _copied(source: Contract, *names: str) -> tuple[Column, ...]:
    """Columns of `source` as they stand there, with money as the summary keeps it."""
    found = []
    for name in names:
        column = source.column(name)
        kind = "double precision" if column.unit == "usd" else column.sql_type
        made_from = (f"{source.name}.{name}",)
        found.append(replace(column, sql_type=kind, nullable=True, made="copied", made_from=made_from, role="value"))
    return tuple(found)


_LAST_SALE = (
    "normalize.sale.sale_date", "normalize.sale.is_arms_length", "score.sale_validation.is_arms_length",
)  # fmt: skip

# Everything that a search filters, sorts or shows, in one row, so that a page of a list is one walk along one index. Whatever it takes
# from an earlier stage has there its explanation; a column that the property has no row for is null.
#
# Money is double precision here, and numeric(14,2) where it comes from: the comparisons of numeric are not leakproof, so under
# row-level security no index on it would serve a filter or a sort. Nothing is lost: 14 digits are fewer than the 15 that a double
# keeps, and readers cast back to numeric(14,2), which gives the same cents.
SUMMARY = Contract(
    name="provenance.summary",
    kind="published",
    grain="one property as searches find it: what is known, found and thought of it, in one row",
    key=("tenant_id", "property_id"),
    parent=("property_id", "normalize.property"),
    index=(
        ("tenant_id", "property_id"),
        ("tenant_id", "cell"),
        ("tenant_id", "situs_zip", "property_id"),
        ("tenant_id", "estimated_value_usd", "property_id"),
        ("tenant_id", "last_sale_date", "property_id"),
        ("tenant_id", "last_sale_price_usd", "property_id"),
        ("tenant_id", "living_area_sqft", "property_id"),
        ("tenant_id", "year_built", "property_id"),
        ("tenant_id", "property_trust", "property_id"),
        ("tenant_id", "risk_score_high", "property_id"),
        ("tenant_id", "county_fips", "living_area_sqft"),
    ),
    columns=(
        TENANT,
        key("property_id", "uuid", "property", ("normalize.property.property_id",)),
        *_copied(
            PROPERTY, "county_fips", "apn", "situs_address", "situs_city", "situs_state", "situs_zip", "latitude", "longitude", "cell",
            "property_type", "living_area_sqft", "lot_area_sqft", "year_built", "bedroom_count", "bathroom_count", "condition_code",
            "quality_code", "has_waterfront", "owner_name", "assessed_value_usd", "list_price_usd",
        ),
        Column(
            "last_sale_price_usd",
            "double precision",
            "price of the latest arm's-length sale",
            "usd",
            made="inferred",
            made_from=("normalize.sale.sale_price_usd", *_LAST_SALE),
        ),
        Column("last_sale_date", "date", "closing of the latest arm's-length sale", made="inferred", made_from=_LAST_SALE),
        *_copied(
            VALUATION, "valuation_date", "estimated_value_usd", "value_low_usd", "value_high_usd", "confidence", "confidence_band",
            "refusal_reason",
        ),
        *_copied(
            EXPOSURE, "flood_zone", "is_in_sfha", "flood_score", "wildfire_score", "heat_score", "seismic_score", "composite_low",
            "composite_high",
        ),
        *_copied(RISK, "unknown_hazard_count", "risk_class", "risk_score_low", "risk_score_high"),
        *_copied(TRUST, "property_trust"),
    ),
)  # fmt: skip

PUBLICATION = Contract(
    name="provenance.publication",
    kind="record",
    grain="one publication of one partition of one table: the ledger",
    key=("tenant_id", "publication_id"),
    index=(("tenant_id", "table_name", "partition_name", "publication_id"), ("tenant_id", "batch_id")),
    columns=(
        TENANT,
        key("publication_id", "bigint", "number of the publication within the tenant"),
        Column("table_name", "text", "table published", nullable=False),
        Column("partition_name", "text", "partition of the table", nullable=False),
        Column("batch_id", "text", "batch", nullable=False),
        Column("input_sha256", "text", "SHA-256 of the judged frame", nullable=False),
        Column("vintage_date", "date", "the day the batch stands for", nullable=False),
        Column("verdict_id", "uuid", "gate verdict that let it through", nullable=False),
        Column("run_id", "text", "Airflow DAG and run", nullable=False),
        Column("code_version", "text", "version of the code that built it", nullable=False),
        Column("rows_in", "integer", "rows that entered the stage", "rows", nullable=False),
        Column("rows_published", "integer", "new versions", "rows", nullable=False),
        Column("rows_closed", "integer", "versions closed", "rows", nullable=False),
        Column("rows_unchanged", "integer", "rows that said nothing new", "rows", nullable=False),
        Column("rows_quarantined", "integer", "rows kept back", "rows", nullable=False),
        Column("read_at", "timestamptz", "when the build read its inputs; of two builds of one row the later reader wins", nullable=False),
        Column("published_at", "timestamptz", "when", nullable=False),
    ),
)

VERDICT = Contract(
    name="provenance.verdict",
    kind="record",
    grain="one judgement of one staged table of one batch",
    key=("tenant_id", "verdict_id"),
    index=(("tenant_id", "batch_id"), ("tenant_id", "table_name", "judged_at")),
    columns=(
        TENANT,
        key("verdict_id", "uuid", "verdict"),
        Column("batch_id", "text", "batch", nullable=False),
        Column("table_name", "text", "table judged", nullable=False),
        Column("is_passed", "boolean", "whether it may be published", nullable=False),
        Column("rows_in", "integer", "rows judged", "rows", nullable=False),
        Column("rows_quarantined", "integer", "rows kept back", "rows", nullable=False),
        Column("expectation_count", "integer", "expectations run", nullable=False),
        Column("failures", "jsonb", "each failed expectation with column, rows, severity and reason", nullable=False),
        Column("suite_sha256", "text", "SHA-256 of the suite", nullable=False),
        Column("judged_sha256", "text", "SHA-256 of the rows let through; only exactly these may be published"),
        Column("docs_key", "text", "page of the Data Docs"),
        Column("run_id", "text", "Airflow DAG and run", nullable=False),
        Column("judged_at", "timestamptz", "when", nullable=False),
    ),
)

QUARANTINE = Contract(
    name="provenance.quarantine",
    kind="record",
    grain="one row kept back by one expectation",
    key=("tenant_id", "quarantine_id"),
    index=(("tenant_id", "batch_id"),),
    columns=(
        TENANT,
        key("quarantine_id", "uuid", "derived from batch, table, row and expectation"),
        Column("batch_id", "text", "batch", nullable=False),
        Column("table_name", "text", "table the row was meant for", nullable=False),
        Column("row_key", "text", "key of the row", nullable=False),
        Column("row_number", "integer", "row of the source file, where one row made it"),
        Column("raw_row", "jsonb", "the row as it came", nullable=False, is_personal=True),
        Column("expectation", "text", "expectation it broke", nullable=False),
        Column("field_name", "text", "column concerned"),
        Column("reason", "text", "why the expectation stands", nullable=False),
        Column("run_id", "text", "Airflow DAG and run", nullable=False),
        Column("quarantined_at", "timestamptz", "when", nullable=False),
        Column("resolved_at", "timestamptz", "when a replay published the row; null while it waits"),
    ),
)

DERIVATION = Contract(
    name="provenance.derivation",
    kind="record",
    grain="one way in which the fields of a property were made; shared by all properties made alike",
    key=("tenant_id", "derivation_id"),
    columns=(
        TENANT,
        key("derivation_id", "integer", "number of the derivation within the tenant"),
        Column("derivation_sha256", "text", "SHA-256 of the steps", nullable=False),
        Column("source_names", "text[]", "sources, in the order of the property's snapshot_ids", nullable=False),
        Column(
            "fields",
            "jsonb",
            "per field: ordinal of the record, source columns, rules, how it was made, whether sources agree",
            nullable=False,
        ),
    ),
)

CONTRACTS = (TRUST, SUMMARY, PUBLICATION, VERDICT, QUARANTINE, DERIVATION)
