"""Contracts of the normalize stage: one property merged from its sources, its sales, and what lost."""

from estate.contracts.model import TENANT, Column, Contract, key, origin


def merged(name: str, sql_type: str, meaning: str, unit: str = "", *, is_personal: bool = False) -> Column:
    """A column taken from the winning source's record of the same name."""
    return Column(name, sql_type, meaning, unit, made="copied", made_from=(f"ingest.record.{name}",), is_personal=is_personal)


def from_situs(name: str, sql_type: str, meaning: str) -> Column:
    """A column parsed from the situs address as received."""
    return Column(name, sql_type, meaning, made="parsed", made_from=("ingest.record.situs_raw",))


PROPERTY = Contract(
    name="normalize.property",
    kind="published",
    grain="one property of one tenant",
    key=("tenant_id", "property_id"),
    index=(("tenant_id", "cell"), ("tenant_id", "situs_zip")),
    columns=(
        TENANT,
        key("property_id", "uuid", "derived from tenant and property key", ("ingest.record.property_key",)),
        origin("snapshot_ids", "integer[]", "snapshots that support the row"),
        origin("row_numbers", "integer[]", "row in each of those snapshots"),
        origin("derivation_id", "integer", "which record and which rules made each field (provenance.derivation)"),
        Column("property_key", "text", "natural key", nullable=False, made_from=("ingest.record.property_key",)),
        merged("county_fips", "text", "county, 5 digits"),
        Column("apn", "text", "assessor's parcel number", made="parsed", made_from=("ingest.record.apn_raw",)),
        merged("apn_raw", "text", "assessor's parcel number as received"),
        merged("situs_raw", "text", "situs address as received"),
        from_situs("situs_address", "text", "standardised delivery line (USPS Publication 28)"),
        from_situs("situs_number", "text", "primary address number"),
        from_situs("situs_street", "text", "street with directionals and suffix, standardised"),
        from_situs("situs_unit", "text", "secondary unit designator and number"),
        from_situs("situs_confidence", "double precision", "0 to 1: how sure the parse is"),
        from_situs("situs_flags", "text[]", "what a reviewer should look at; nothing flagged is rewritten"),
        merged("situs_city", "text", "city"),
        merged("situs_state", "text", "two letters"),
        merged("situs_zip", "text", "5-digit ZIP"),
        merged("latitude", "double precision", "WGS 84", "degrees"),
        merged("longitude", "double precision", "WGS 84", "degrees"),
        Column(
            "cell",
            "bigint",
            "grid cell of 0.01 degrees, the index that row-level security can use",
            made="inferred",
            made_from=("ingest.record.latitude", "ingest.record.longitude"),
        ),
        merged("parcel_geom", "geometry(MultiPolygon,4326)", "parcel outline, valid"),
        merged("owner_name", "text", "owner as received (personal data)", is_personal=True),
        merged("mailing_address", "text", "where the bill goes (personal data)", is_personal=True),
        merged("property_type", "text", "single_family, townhouse, condo, multi_family, mobile_home, land, commercial or other"),
        merged("living_area_sqft", "double precision", "living area", "sqft"),
        merged("lot_area_sqft", "double precision", "land area", "sqft"),
        merged("basement_area_sqft", "double precision", "basement area", "sqft"),
        merged("year_built", "smallint", "year of construction", "year"),
        merged("year_renovated", "smallint", "year of the last renovation", "year"),
        merged("bedroom_count", "double precision", "bedrooms", "rooms"),
        merged("bathroom_count", "double precision", "bathrooms; half baths count 0.5", "rooms"),
        merged("story_count", "double precision", "stories", "stories"),
        merged("garage_space_count", "double precision", "garage spaces", "cars"),
        merged("condition_code", "smallint", "condition, 1 poor to 5 excellent"),
        merged("quality_code", "smallint", "quality of construction, 1 low to 13 luxury"),
        merged("assessed_value_usd", "numeric(14,2)", "assessor's total value", "usd"),
        merged("list_price_usd", "numeric(14,2)", "asked", "usd"),
        merged("list_date", "date", "when it was listed"),
        # Last: the trust of fields is stored in the order of the columns, so a new one never stands between old ones.
        merged("has_waterfront", "boolean", "whether the land reaches the water; null where the source does not say"),
        merged("view_code", "smallint", "view, 0 none to 4 excellent"),
    ),
)

SALE = Contract(
    name="normalize.sale",
    kind="published",
    may_be_empty=True,
    grain="one sale of one property",
    key=("tenant_id", "sale_id"),
    parent=("property_id", "normalize.property"),
    index=(("tenant_id", "property_id"),),
    columns=(
        TENANT,
        key("sale_id", "uuid", "derived from property, date, price and instrument", ("ingest.record.sale_date",)),
        origin("snapshot_id", "integer", "snapshot the sale was read from"),
        origin("row_number", "integer", "row in that snapshot"),
        origin("source_name", "text", "declared source"),
        Column("property_id", "uuid", "property sold", nullable=False, made="assigned", made_from=("ingest.record.property_key",)),
        merged("sale_price_usd", "numeric(14,2)", "consideration", "usd"),
        merged("sale_date", "date", "closing"),
        merged("recording_date", "date", "recorded"),
        merged("document_number", "text", "recorded instrument"),
        Column(
            "is_arms_length",
            "boolean",
            "valid for a ratio study",
            nullable=False,
            made="inferred",
            made_from=("ingest.record.sale_price_usd", "ingest.record.sale_qualification"),
        ),
        Column(
            "exclusion_reasons",
            "text[]",
            "why it is not, at most three",
            nullable=False,
            made="inferred",
            made_from=("ingest.record.sale_price_usd", "ingest.record.sale_qualification"),
        ),
    ),
)

CONFLICT = Contract(
    name="normalize.conflict",
    kind="published",
    may_be_empty=True,
    grain="one value that lost to another source's or another row's",
    key=("tenant_id", "property_id", "field_name", "source_name", "record_key"),
    parent=("property_id", "normalize.property"),
    columns=(
        TENANT,
        key("property_id", "uuid", "property concerned"),
        key("field_name", "text", "field of normalize.property"),
        key("source_name", "text", "source whose value lost"),
        key("record_key", "text", "record that said it", ("ingest.record.record_key",)),
        origin("snapshot_id", "integer", "snapshot of the losing record"),
        origin("row_number", "integer", "row in that snapshot"),
        Column("losing_value", "text", "what it said", nullable=False, made="copied", made_from=("ingest.record.record_key",)),
        Column("winning_source_name", "text", "source that won", nullable=False, made="assigned"),
        Column("winning_value", "text", "what won", nullable=False, made="copied"),
        Column("rule", "text", "rule of precedence that decided", nullable=False, made="assigned"),
    ),
)

CONTRACTS = (PROPERTY, SALE, CONFLICT)
