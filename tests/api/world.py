"""Two tenants' rows for the API to read: every table, two versions, written as the pipeline writes."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from estate.contracts import CONTRACTS
from estate.contracts.features import MARKET_FEATURES
from estate.contracts.score import ADJUSTMENTS
from estate.contracts.score_explanation import CONTRIBUTIONS
from estate.gate import Failure
from estate.provenance.trust import TRACED_FIELDS

FIRST = datetime(2026, 1, 10, tzinfo=UTC)
SECOND = datetime(2026, 3, 10, tzinfo=UTC)
HEADER = ["PIN", "Beds", "YrBuilt", "Address", "Lat", "Lon", "Price", "Sold"]
RAW_ROWS = [
    ["0001", "2", "1950", "1 Main St", "42.01", "-93.61", "200000", "2025-11-02"],
    ["0002", "3", "1961", "2 Main St; DROP TABLE property--", "42.02", "-93.62", "250000.5", "2025-12-03"],
    ["0003", " 3 ", "", "<script>alert(1)</script>", "42.03", "-93.63", "", ""],
]
SHA256 = hashlib.sha256(b"roll").hexdigest()
FLOOD_LAYER = 1
MODEL = "19169-2026-01-01-abcdefabcdef"
TRAINED_FROM = "valuation_v1@0123456789ab"
PROFILED = "features_materialize/manual__"
TABLES = tuple(promise.name for promise in CONTRACTS.values() if promise.kind == "published")
EXPOSED = {"flood_zone": "AE", "is_in_sfha": True, "flood_score": 0.4, "composite_low": 0.2, "composite_high": 0.9}
AT_RISK = {"risk_score_low": 20, "risk_score_high": 90, "risk_class": "undetermined", "unknown_hazard_count": 3}
PROPERTY_TRUST = 0.71
VALUATION_DATE = date(2026, 1, 10)
FROM_COMPARABLES = {"estimated_value_usd": 1234567.5, "value_low_usd": 1200000, "value_high_usd": 1300000}
REFUSAL = "fewer than three comparables"
WARNED = Failure(
    expectation="expect_column_values_to_be_between", field_name="year_built", rows=1, severity="warning", outcome="warned",
    reason="Nothing older stands.",
)  # fmt: skip


def named(tenant_id: uuid.UUID, name: str) -> uuid.UUID:
    """An identifier that only this tenant uses."""
    return uuid.uuid5(tenant_id, name)


def put(connection: psycopg.Connection[Any], table: str, **values: Any) -> None:
    """Insert one row."""
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    connection.execute(statement, list(values.values()))


def write_layer(pipeline_url: str) -> None:
    """The flood layer, which belongs to nobody."""
    box = "SRID=4326;POLYGON((-94 42,-93 42,-93 43,-94 43,-94 42))"
    with psycopg.connect(pipeline_url) as connection:
        put(
            connection, "reference.hazard_layer", layer_id=FLOOD_LAYER, hazard="flood", source_name="demo_flood", version="v1",
            vintage_date=date(2026, 1, 1), authority="the project itself", is_synthetic=True, snapshot_sha256="f" * 64,
            object_key="reference/snapshots/f", file_name="flood.geojson", feature_count=9, bounds=box, loaded_at=FIRST, is_current=True,
        )  # fmt: skip


def write_tenant(pipeline_url: str, tenant_id: uuid.UUID, count: int = 3) -> list[uuid.UUID]:
    """Properties of one tenant, in the order of the raw rows; the first has two versions. Returns their identifiers."""
    with psycopg.connect(pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
        _books(connection, tenant_id)
        ids = [named(tenant_id, row[0]) for row in RAW_ROWS[:count]]
        for number, property_id in enumerate(ids, start=1):
            _property(connection, tenant_id, property_id, number)
    return ids


def _books(connection: psycopg.Connection[Any], tenant_id: uuid.UUID) -> None:
    put(
        connection, "ingest.snapshot", tenant_id=tenant_id, snapshot_id=1, source_name="roll", file_name="roll.csv", snapshot_sha256=SHA256,
        object_key=f"{tenant_id}/snapshots/{SHA256}", batch_id="roll-1", vintage_date=date(2026, 1, 1), header=HEADER,
        row_count=len(RAW_ROWS), landed_at=FIRST,
    )  # fmt: skip
    # Two chunks, so that a row's place within its chunk differs from its number.
    put(connection, "ingest.raw_chunk", tenant_id=tenant_id, snapshot_id=1, first_row=1, rows=Jsonb(RAW_ROWS[:1]))
    put(connection, "ingest.raw_chunk", tenant_id=tenant_id, snapshot_id=1, first_row=2, rows=Jsonb(RAW_ROWS[1:]))
    steps = {
        "bedroom_count": "Beds",
        "year_built": "YrBuilt",
        "situs_raw": "Address",
        "latitude": "Lat",
        "longitude": "Lon",
        "apn_raw": "PIN",
    }
    alike = {"record": 0, "rules": ["number"], "made": "copied", "agreement": "sole"}
    fields = {name: {**alike, "columns": [column]} for name, column in steps.items()}
    fields["parcel_geom"] = {**alike, "columns": ["geometry"], "rules": ["outline"], "made": "inferred"}
    put(
        connection, "provenance.derivation", tenant_id=tenant_id, derivation_id=1, derivation_sha256="d" * 64, source_names=["roll"],
        fields=Jsonb(fields),
    )  # fmt: skip
    _model(connection, tenant_id)
    for table in TABLES:
        _ledger(connection, tenant_id, table)
    _kept_back(connection, tenant_id)
    _features(connection, tenant_id)


def _ledger(connection: psycopg.Connection[Any], tenant_id: uuid.UUID, table: str) -> None:
    """A passed verdict for `table`, and the two publications that it let through: no row enters without."""
    verdict_id = named(tenant_id, f"verdict of {table}")
    failures = [asdict(WARNED)]
    put(
        connection, "provenance.verdict", tenant_id=tenant_id, verdict_id=verdict_id, batch_id="roll-1", table_name=table,
        is_passed=True, rows_in=3, rows_quarantined=0, expectation_count=12, failures=Jsonb(failures), suite_sha256="e" * 64,
        docs_key=f"{tenant_id}/data-docs/validations/{table.replace('.', '/')}/run.html", run_id="normalize/manual__1", judged_at=FIRST,
        judged_sha256="a" * 64,
    )  # fmt: skip
    for at in (FIRST, SECOND):
        put(
            connection, "provenance.publication", tenant_id=tenant_id, publication_id=publication(table, at), table_name=table,
            partition_name="roll", batch_id="roll-1", input_sha256="a" * 64, vintage_date=date(2026, 1, 1), verdict_id=verdict_id,
            run_id="normalize/manual__1", code_version="0.1.0", rows_in=3, rows_published=3, rows_closed=0, rows_unchanged=0,
            rows_quarantined=0, read_at=at, published_at=at,
        )  # fmt: skip


def _kept_back(connection: psycopg.Connection[Any], tenant_id: uuid.UUID) -> None:
    """A row of the file that the gate kept back, with its owner."""
    raw = {**dict(zip(HEADER, RAW_ROWS[2], strict=True)), "YrBuilt": "1066", "Owner": f"owner of {tenant_id}"}
    put(
        connection, "provenance.quarantine", tenant_id=tenant_id, quarantine_id=named(tenant_id, "kept back"), batch_id="roll-1",
        table_name="ingest.record", row_key="roll|0003", row_number=3, raw_row=Jsonb(raw),
        expectation="expect_column_values_to_be_between", field_name="year_built", reason="Nothing older stands.",
        run_id="ingest/manual__1", quarantined_at=FIRST,
    )  # fmt: skip


def _features(connection: psycopg.Connection[Any], tenant_id: uuid.UUID) -> None:
    """Two months of the market of the world's county, the first of them revised; and two runs' books over one feature."""
    market = {"tenant_id": tenant_id, "county_fips": "19169", "origins": [""] * len(MARKET_FEATURES)}
    december = {**market, "month_date": date(2025, 12, 1), "observed_at": datetime(2026, 1, 1, tzinfo=UTC)}
    january = {**market, "month_date": date(2026, 1, 1), "observed_at": datetime(2026, 2, 1, tzinfo=UTC), "median_rent_usd": 1210.5}
    january["origins"] = ["some_rents" if column.name == "median_rent_usd" else "" for column in MARKET_FEATURES]
    put(connection, "features.market", **december, **_version("features.market"), median_rent_usd=1190, superseded_at=SECOND)
    put(connection, "features.market", **december, **_version("features.market", SECOND), median_rent_usd=1200)
    put(connection, "features.market", **january, **_version("features.market", SECOND))
    always = {"tenant_id": tenant_id, "view_name": "property_physical", "feature_name": "year_built"}
    for run_id, at, nulls, before in (
        ("1", FIRST, 0, {}),
        ("2", SECOND, 1, {"previous_null_rate": 0.0, "previous_run_id": PROFILED + "1"}),
    ):
        put(
            connection, "features.profile", **always, run_id=PROFILED + run_id, entity_count=3, null_count=nulls, null_rate=nulls / 3,
            stale_rate=0.5, oldest_observed_at=FIRST, newest_observed_at=at, low=1950, median=1955.5, high=1961,
            bins=Jsonb({"edges": [1950, 1961], "counts": [3 - nulls]}), psi=0.125 * nulls, js_divergence=0.0625 * nulls,
            profiled_at=at, **before,
        )  # fmt: skip
        put(
            connection, "features.parity", **always, run_id=f"features_audit/manual__{run_id}", compared_count=3, mismatch_count=nulls,
            example=f"of {tenant_id}" if nulls else None, as_of_at=at, audited_at=at,
        )  # fmt: skip
        put(
            connection, "features.materialization", tenant_id=tenant_id, publication_id=publication("normalize.property", at),
            table_name="normalize.property", entity_count=3, run_id=PROFILED + run_id, materialized_at=at,
        )  # fmt: skip


def publication(table: str, at: datetime) -> int:
    """The number of the publication of `table` at that time; larger than a double holds exactly, as real ones are."""
    return (1 << 60) + 2 * TABLES.index(table) + (at == SECOND)


def _version(table: str, at: datetime = FIRST) -> dict[str, Any]:
    return {"publication_id": publication(table, at), "published_at": at}


def cell_of(latitude: float, longitude: float) -> int:
    """The grid cell in which the pipeline finds that place."""
    return int((latitude + 90) * 100) * 100_000 + int((longitude + 180) * 100)


def _property(connection: psycopg.Connection[Any], tenant_id: uuid.UUID, property_id: uuid.UUID, number: int) -> None:
    of = {"tenant_id": tenant_id, "property_id": property_id}
    raw = RAW_ROWS[number - 1]
    described = {
        **of, "snapshot_ids": [1], "row_numbers": [number], "derivation_id": 1, "property_key": f"19169/{raw[0]}", "county_fips": "19169",
        "apn": raw[0], "apn_raw": raw[0], "situs_raw": raw[3], "situs_city": "Ames", "situs_zip": "50010", "latitude": float(raw[4]),
        "longitude": float(raw[5]), "cell": cell_of(float(raw[4]), float(raw[5])),
        "bedroom_count": float(raw[1]), "year_built": int(raw[2]) if raw[2] else None,
        "assessed_value_usd": 199999.5, "owner_name": f"owner of {tenant_id}",
    }  # fmt: skip
    if number == 1:
        # The first version said nine bedrooms, until the second corrected it.
        put(
            connection, "normalize.property", **{**described, **_version("normalize.property"), "bedroom_count": 9, "superseded_at": SECOND}
        )
    at = SECOND if number == 1 else FIRST
    put(connection, "normalize.property", **described, **_version("normalize.property", at))
    if raw[6]:
        put(
            connection, "normalize.sale", **of, sale_id=named(tenant_id, f"sale {number}"), snapshot_id=1, row_number=number,
            source_name="roll", sale_price_usd=raw[6], sale_date=raw[7], is_arms_length=True, exclusion_reasons=[],
            **_version("normalize.sale", at),
        )  # fmt: skip
    if number == 2:
        # The record takes its sale for evidence; the rules did at first, and found later that it is none.
        sale = {**of, "sale_id": named(tenant_id, "sale 2"), "sale_date": raw[7], "decided_by": "rules"}
        found = {"is_arms_length": True, "exclusion_reasons": [], "superseded_at": SECOND}
        put(connection, "score.sale_validation", **sale, **found, **_version("score.sale_validation"))
        later = {"is_arms_length": False, "exclusion_reasons": ["short_term_flip", "high_price"]}
        put(connection, "score.sale_validation", **sale, **later, **_version("score.sale_validation", SECOND))
    _scored(connection, of, number)
    _summarised(connection, described, number)


def trust_pct(field: str) -> int:
    """How far the world trusts a field of a property: none like another, the first 5 %, and each one more than the one before."""
    return 5 + TRACED_FIELDS.index(field)


def _scored(connection: psycopg.Connection[Any], of: dict[str, Any], number: int) -> None:
    put(
            connection, "hazard.exposure", **of, **_version("hazard.exposure"),
            **EXPOSED, flood_probability_30y=0.26, flood_layer_id=FLOOD_LAYER, flood_feature_row=5,
        unknown_hazards=["wildfire", "heat", "seismic"], uses_synthetic_layer=True,
    )  # fmt: skip
    put(
            connection, "score.risk", **of, **_version("score.risk"),
            **AT_RISK, dominant_hazard="flood",
    )  # fmt: skip
    put(
            connection, "provenance.trust", **of, **_version("provenance.trust"),
            property_trust=PROPERTY_TRUST, field_trust_pct=[trust_pct(field) for field in TRACED_FIELDS],
        confirmed_vintage_date=date(2026, 1, 1), traced_field_count=6,
        untraced_field_count=0, untraced_fields=[],
    )  # fmt: skip
    put(
            connection, "normalize.conflict", **of, **_version("normalize.conflict"),
            field_name="year_built", source_name="listing", record_key="L1",
        snapshot_id=1, row_number=2, losing_value="1999", winning_source_name="roll", winning_value="1950", rule="authority",
    )  # fmt: skip
    put(
        connection, "normalize.conflict", **of, **_version("normalize.conflict"), field_name="owner_name", source_name="listing",
        record_key="L1", snapshot_id=1, row_number=2, losing_value=f"former owner of {of['tenant_id']}", winning_source_name="roll",
        winning_value=f"owner of {of['tenant_id']}", rule="authority",
    )  # fmt: skip
    if number == 1:
        _valued(connection, of, 1000000, FIRST, superseded_at=SECOND)
        _valued(connection, of, 1234567.5, SECOND)
    elif number == 2:
        # Valued before there were models, and not since.
        _value(connection, of, FIRST, method="comparables/1", **FROM_COMPARABLES)
    else:
        _value(connection, of, FIRST, method="comparables/1", comparable_count=0, refusal_reason=REFUSAL)


def _summarised(connection: psycopg.Connection[Any], described: dict[str, Any], number: int) -> None:
    """What the other tables say in one row: the first property was corrected, sold and valued anew, of the second the sale fell away."""
    names = CONTRACTS["provenance.summary"].column_names
    shown = {name: value for name, value in described.items() if name in names} | EXPOSED | AT_RISK
    shown |= {"property_trust": PROPERTY_TRUST, "valuation_date": VALUATION_DATE}
    sold = {"last_sale_price_usd": float(RAW_ROWS[number - 1][6] or 0), "last_sale_date": RAW_ROWS[number - 1][7]}
    versions: list[dict[str, Any]] = [{**shown, "refusal_reason": REFUSAL}]
    if number == 1:
        first, second = ({**_interval(usd), "confidence_band": "high"} for usd in (1000000, 1234567.5))
        versions = [{**shown, **first, "bedroom_count": 9}, {**shown, **second, **sold}]
    elif number == 2:
        versions = [{**shown, **FROM_COMPARABLES, **sold}, {**shown, **FROM_COMPARABLES}]
    for place, version in enumerate(versions):
        until = {"superseded_at": SECOND} if place + 1 < len(versions) else {}
        put(connection, "provenance.summary", **version, **_version("provenance.summary", (FIRST, SECOND)[place]), **until)


def _interval(usd: float) -> dict[str, float]:
    return {"estimated_value_usd": usd, "value_low_usd": usd - 34567.5, "value_high_usd": usd + 65432.5}


def _value(connection: psycopg.Connection[Any], of: dict[str, Any], at: datetime, **said: Any) -> None:
    always = {"valuation_date": VALUATION_DATE, "interval_level": 0.8, "comparable_count": 1}
    put(connection, "score.valuation", **of, **_version("score.valuation", at), **{**always, **said})


def _valued(connection: psycopg.Connection[Any], of: dict[str, Any], usd: float, at: datetime, **until: datetime) -> None:
    """A value of the model with all that explains it: no contribution like another, and two changes that an owner could make."""
    _value(
        connection, of, at, method="ensemble-1", model_id=MODEL, **_interval(usd), value_low_95_usd=usd - 134567.25,
        value_high_95_usd=usd + 165432.5, confidence_band="high", **until,
    )  # fmt: skip
    steps = dict.fromkeys((f"{name}_adjustment_usd" for name in ADJUSTMENTS), 0)
    put(
        connection, "score.comparable", **of, **_version("score.comparable", at), comparable_rank=1,
        sale_id=named(of["tenant_id"], "sale 2"), weight=1.0, distance_m=120.5, sale_age_days=38, sale_price_usd=250000.5,
        adjusted_price_usd=250100.25, **{**steps, "year_built_adjustment_usd": 90.25, "market_time_adjustment_usd": 9.5}, **until,
    )  # fmt: skip
    parts = {f"{name}_contribution_usd": place * 100 - 50.25 for place, name in enumerate(CONTRIBUTIONS)}
    put(
        connection, "score.contribution", **of, **_version("score.contribution", at), base_usd=usd - sum(parts.values()), **parts,
        estimated_value_usd=usd, **until,
    )  # fmt: skip
    for name, field, now, then, more in (
        ("condition_up", "condition_code", 3, 4, 4000.25),
        ("renovated", "year_renovated", None, 2026, 9000),
    ):
        put(
            connection, "score.counterfactual", **of, **_version("score.counterfactual", at), change_name=name, field_name=field,
            field_value_from=now, field_value_to=then, changed_value_usd=usd + more, value_change_usd=more, assumption="all else stays",
            **until,
        )  # fmt: skip


def _model(connection: psycopg.Connection[Any], tenant_id: uuid.UUID) -> None:
    put(
        connection, "score.model", tenant_id=tenant_id, model_id=MODEL, county_fips="19169", as_of_date=date(2026, 1, 1), trained_at=FIRST,
        method="ensemble-1", seed=1, sale_count=2930, window_from_date=date(2025, 1, 1), window_to_date=date(2025, 12, 31),
        snapshot_ids=[1], code_version="0.1.0", parameters_sha256="b" * 64, artefact_sha256="c" * 64, object_key="model.zip",
        card_key="card.json", page_key=f"models/{MODEL}.html", metrics=Jsonb({}),
        verdict_id=named(tenant_id, "verdict of the study"), is_passed=True, run_id="model_training/manual__1",
        feature_service=TRAINED_FROM,
    )  # fmt: skip
