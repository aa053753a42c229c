"""Contracts of public market series: stored once for all tenants, each landed file a version, revisions kept.

Areas and values are appended, never changed: a version adds what it says differently from the versions before it, so that what any
version said, and when the platform came to know it, can be told again.
"""

from estate.contracts.model import Column, Contract, key

SERIES = Contract(
    name="reference.market_series",
    kind="reference",
    grain="one landed version of one public market series",
    key=("series_id",),
    columns=(
        key("series_id", "integer", "number of the version; a later one of the same source holds before it"),
        Column("source_name", "text", "declared source", nullable=False),
        Column("measure", "text", "what its values say, such as home_value, rent or inventory", nullable=False),
        Column("vintage_date", "date", "the day the file stands for", nullable=False),
        Column("authority", "text", "who publishes it", nullable=False),
        Column("snapshot_sha256", "text", "SHA-256 of the landed file", nullable=False),
        Column("object_key", "text", "where the file lies in the object store", nullable=False),
        Column("file_name", "text", "name of the file as offered", nullable=False),
        Column("value_count", "integer", "values in the file", "values", nullable=False),
        Column("changed_count", "integer", "values that are new, revised or withdrawn", "values", nullable=False),
        Column("run_id", "text", "Airflow DAG and run", nullable=False),
        Column("loaded_at", "timestamptz", "when", nullable=False),
    ),
)

SERIES_LANDING = Contract(
    name="reference.series_landing",
    kind="reference",
    grain="one attempt to load a market series, good or bad",
    key=("landing_id",),
    columns=(
        key("landing_id", "uuid", "this attempt"),
        Column("source_name", "text", "declared source the file was offered as", nullable=False),
        Column("file_name", "text", "name of the file as offered", nullable=False),
        Column("snapshot_sha256", "text", "SHA-256 of the bytes; null when there were none to read"),
        Column("outcome", "text", "loaded, already_loaded, refused or failed", nullable=False),
        Column("reason", "text", "why it was refused"),
        Column("remedy", "text", "what to do about it"),
        Column("series_id", "integer", "version it made or repeats"),
        Column("value_count", "integer", "values in the file", "values"),
        Column("changed_count", "integer", "values that are new, revised or withdrawn", "values"),
        Column("run_id", "text", "Airflow run that tried", nullable=False),
        Column("landed_at", "timestamptz", "when", nullable=False),
    ),
)

AREA = Contract(
    name="reference.market_area",
    kind="reference",
    grain="one area of one series as one version first named it; the newest version that speaks of it holds",
    key=("source_name", "area_code", "series_id"),
    columns=(
        key("source_name", "text", "declared source"),
        key("area_code", "text", "the area as its publisher identifies it"),
        key("series_id", "integer", "version that first said so"),
        Column("area_kind", "text", "county, metro, state or nation", nullable=False),
        Column("area_name", "text", "its name as published", nullable=False),
        Column("county_fips", "text", "county, 5 digits; null for larger areas"),
        Column("metro_code", "text", "first city and state of the metropolitan area it is or belongs to, as seattle-wa; null where none "
               "is named, or another area of the source has the same"),
    ),
)  # fmt: skip

VALUE = Contract(
    name="reference.market_value",
    kind="reference",
    grain="one value of one area and period as one version first said it; the newest version that speaks of it holds",
    key=("source_name", "area_code", "period_date", "series_id"),
    columns=(
        key("source_name", "text", "declared source"),
        key("area_code", "text", "area, as in reference.market_area"),
        key("period_date", "date", "last day of the period"),
        key("series_id", "integer", "version that first said so"),
        Column("value", "double precision", "the value, in the unit of the source's declaration; null where the version withdrew it"),
    ),
)

CONTRACTS = (SERIES, SERIES_LANDING, AREA, VALUE)
