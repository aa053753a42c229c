"""Contracts of the hazard stage: the public layers, stored once for all tenants, and each property's exposure."""

from estate.contracts.model import TENANT, Column, Contract, key

LAYER = Contract(
    name="reference.hazard_layer",
    kind="reference",
    grain="one version of one hazard layer",
    key=("layer_id",),
    columns=(
        key("layer_id", "integer", "number of the layer version"),
        Column("hazard", "text", "flood, wildfire, heat or seismic", nullable=False),
        Column("source_name", "text", "declared source", nullable=False),
        Column("version", "text", "version as its publisher names it", nullable=False),
        Column("vintage_date", "date", "the day the layer stands for", nullable=False),
        Column("authority", "text", "who publishes it", nullable=False),
        Column("is_synthetic", "boolean", "made for demonstration, not observed", nullable=False),
        Column("snapshot_sha256", "text", "SHA-256 of the landed file", nullable=False),
        Column("object_key", "text", "where the file lies in the object store", nullable=False),
        Column("file_name", "text", "name of the file as offered", nullable=False),
        Column("feature_count", "integer", "features in the file", nullable=False),
        Column("bounds", "geometry(Polygon,4326)", "bounding box of the layer: the ground it can speak of", nullable=False),
        Column("loaded_at", "timestamptz", "when", nullable=False),
        Column("is_current", "boolean", "the version that new batches are read against", nullable=False),
    ),
)

LAYER_LANDING = Contract(
    name="reference.layer_landing",
    kind="reference",
    grain="one attempt to load a hazard layer, good or bad",
    key=("landing_id",),
    columns=(
        key("landing_id", "uuid", "this attempt"),
        Column("source_name", "text", "declared source the file was offered as", nullable=False),
        Column("file_name", "text", "name of the file as offered", nullable=False),
        Column("snapshot_sha256", "text", "SHA-256 of the bytes; null when there were none to read"),
        Column("outcome", "text", "loaded, already_loaded, refused or failed", nullable=False),
        Column("reason", "text", "why it was refused"),
        Column("remedy", "text", "what to do about it"),
        Column("layer_id", "integer", "layer version it made or repeats"),
        Column("piece_count", "integer", "pieces stored", "pieces"),
        Column("run_id", "text", "Airflow run that tried", nullable=False),
        Column("landed_at", "timestamptz", "when", nullable=False),
    ),
)

FEATURE = Contract(
    name="reference.hazard_feature",
    kind="reference",
    grain="one piece of one feature, valid and of at most 128 vertices",
    key=("layer_id", "feature_row", "piece"),
    columns=(
        key("layer_id", "integer", "layer version"),
        key("feature_row", "integer", "position of the feature in the file (the first is 1)"),
        key("piece", "integer", "number of the piece"),
        Column("geom", "geometry(Polygon,4326)", "the piece", nullable=False),
        Column("flood_zone", "text", "FLD_ZONE"),
        Column("flood_zone_subtype", "text", "ZONE_SUBTY"),
        Column("is_in_sfha", "boolean", "SFHA_TF"),
        Column("base_flood_elevation_ft", "double precision", "STATIC_BFE; null where the layer says -9999", "ft"),
        Column("burn_probability", "double precision", "annual burn probability (BP)", "per year"),
        Column("wildfire_hazard_class", "smallint", "WHP class: 1 very low to 5 very high, 6 non-burnable, 7 water"),
        Column("heat_wave_rate", "double precision", "heat waves a year (HWAV_AFREQ)", "per year"),
        Column("warming_c", "double precision", "warming since 1895", "degrees C"),
        Column("peak_ground_acceleration_g", "double precision", "design peak ground acceleration (pgam)", "g"),
        Column("seismic_design_category", "text", "ASCE 7-22 seismic design category"),
    ),
)


def _of(*fields: str) -> tuple[str, ...]:
    located = ("normalize.property.latitude", "normalize.property.longitude", "normalize.property.parcel_geom")
    return tuple(f"reference.hazard_feature.{field}" for field in fields) + located


def _scored(hazard: str, *fields: str) -> tuple[Column, ...]:
    made_from = _of(*fields)
    return (
        Column(
            f"{hazard}_probability_30y",
            "double precision",
            f"chance of at least one damaging {hazard} event in 30 years; null = unknown",
            "0-1",
            made="modelled",
            made_from=made_from,
        ),
        Column(
            f"{hazard}_score",
            "double precision",
            "severity-weighted score; null = unknown, never zero for want of data",
            "0-1",
            made="modelled",
            made_from=made_from,
        ),
        Column(f"{hazard}_layer_id", "integer", "layer version read", made="assigned", made_from=("reference.hazard_layer.layer_id",)),
        Column(
            f"{hazard}_feature_row",
            "integer",
            "feature of that layer's file that decided",
            made="assigned",
            made_from=("reference.hazard_feature.feature_row",),
        ),
    )


def _read(name: str, sql_type: str, meaning: str, unit: str = "") -> Column:
    return Column(name, sql_type, meaning, unit, made="copied", made_from=_of(name))


EXPOSURE = Contract(
    name="hazard.exposure",
    kind="published",
    grain="the hazards of one property",
    key=("tenant_id", "property_id"),
    parent=("property_id", "normalize.property"),
    columns=(
        TENANT,
        key("property_id", "uuid", "property", ("normalize.property.property_id",)),
        _read("flood_zone", "text", "FEMA flood zone; null where no polygon maps the ground"),
        _read("flood_zone_subtype", "text", "FEMA zone subtype"),
        _read("is_in_sfha", "boolean", "inside the Special Flood Hazard Area; null = unmapped or undetermined"),
        _read("base_flood_elevation_ft", "double precision", "static base flood elevation", "ft"),
        *_scored("flood", "flood_zone", "flood_zone_subtype", "is_in_sfha"),
        _read("burn_probability", "double precision", "annual burn probability", "per year"),
        _read("wildfire_hazard_class", "smallint", "WHP class 1 to 7"),
        *_scored("wildfire", "burn_probability", "wildfire_hazard_class"),
        _read("heat_wave_rate", "double precision", "heat waves a year", "per year"),
        _read("warming_c", "double precision", "warming since 1895", "degrees C"),
        *_scored("heat", "heat_wave_rate", "warming_c"),
        _read("peak_ground_acceleration_g", "double precision", "design peak ground acceleration", "g"),
        _read("seismic_design_category", "text", "ASCE 7-22 seismic design category"),
        *_scored("seismic", "peak_ground_acceleration_g", "seismic_design_category"),
        Column(
            "composite_low",
            "double precision",
            "composite score with every unknown hazard taken as 0",
            "0-1",
            nullable=False,
            made="modelled",
            made_from=tuple(f"hazard.exposure.{h}_score" for h in ("flood", "wildfire", "heat", "seismic")),
        ),
        Column(
            "composite_high",
            "double precision",
            "composite score with every unknown hazard taken as 1",
            "0-1",
            nullable=False,
            made="modelled",
            made_from=tuple(f"hazard.exposure.{h}_score" for h in ("flood", "wildfire", "heat", "seismic")),
        ),
        Column(
            "unknown_hazards",
            "text[]",
            "hazards no layer speaks of at this place",
            nullable=False,
            made="inferred",
            made_from=("reference.hazard_layer.bounds",),
        ),
        Column(
            "uses_synthetic_layer",
            "boolean",
            "a layer made for demonstration took part",
            nullable=False,
            made="assigned",
            made_from=("reference.hazard_layer.is_synthetic",),
        ),
    ),
)

CONTRACTS = (LAYER, LAYER_LANDING, FEATURE, EXPOSURE)
