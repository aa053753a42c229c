"""Property rows with everything that answers "where does this field come from", against the same rows without."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from datetime import date

import numpy as np
import orjson
import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql
from rich.console import Console

from bench import machine
from bench.figures import Figure, medians, seconds
from bench.growth import sales
from bench.publish import create, passed
from estate.arrow import frame_to_arrow
from estate.batch import Batch
from estate.contracts import Contract, contract
from estate.provenance.trust import TRACED_FIELDS
from estate.publish import publish
from estate.settings import Tenant, tenants
from estate.warehouse import Warehouse

ROWS = 500_000
ROUNDS = 3
_NOTE = """Field provenance is what answers file, SHA-256, row, raw value, rules, batch, run, code version and verdict: the columns of
origin, the shared derivations and the raw rows. Trust comes on top: it is a published table with its own gate and versions, so that its
past can be asked for like any other; a row for each property with its index entry is what it costs. A row for each field would cost 28
times the load and 11 times the bytes."""
NOTES = (_NOTE,)
_LOAD_BOUND, _BYTES_BOUND = 2.0, 1.3
_CHUNK_ROWS = 200  # as estate.ingest.stage keeps raw rows
_PROPERTY, _TRUST = contract("normalize.property"), contract("provenance.trust")
# The property as it would be if nobody could ask where it comes from: the same table without the columns of origin.
_PLAIN = dataclasses.replace(
    _PROPERTY, name="normalize.plain", columns=tuple(column for column in _PROPERTY.columns if column.role != "origin")
)
_RAW = "ingest.raw_chunk"


def measure(rows: int, console: Console) -> list[Figure]:
    """Load both ways `ROUNDS` times in turn, through the project's own publishing, and compare times and bytes."""
    with machine.stores(console) as servers, machine.database(servers, "provenance") as superuser_url:
        tenant = tenants()["lakeside"]
        plain, with_origin, trust, raw = _frames(rows, tenant)
        with psycopg.connect(superuser_url, autocommit=True) as superuser:
            create(superuser, _PLAIN)
            rounds = []
            for _ in range(ROUNDS):
                superuser.execute(
                    "TRUNCATE normalize.plain, normalize.property, provenance.trust, ingest.raw_chunk, provenance.publication"
                )
                superuser.execute("CHECKPOINT")
                took = {"plain": _load(tenant, _PLAIN, plain)}
                superuser.execute("CHECKPOINT")
                took |= {
                    "property": _load(tenant, _PROPERTY, with_origin),
                    "trust": _load(tenant, _TRUST, trust),
                    "raw": _keep(tenant, raw),
                }
                rounds.append(took)
            names = {"plain": _PLAIN.name, "property": _PROPERTY.name, "trust": _TRUST.name, "raw": _RAW}
            size = {part: _bytes(superuser, name) for part, name in names.items()}
    return _figures(medians(rounds), size, rows)


def _figures(took: dict[str, float], size: dict[str, int], rows: int) -> list[Figure]:
    origin, parts = ("property", "raw"), ("property", "raw", "trust")
    titles = {
        "plain": "rows without",
        "property": "rows with snapshots, row numbers, derivation",
        "trust": "trust per field",
        "raw": "raw rows",
    }
    against = f"the same {rows:,} property rows without, loaded the same way"
    return [
        Figure("load time with field provenance", _ratio(took, origin), "x", _LOAD_BOUND, against=against),
        Figure("bytes with field provenance, indexes included", _ratio(size, origin), "x", _BYTES_BOUND, against=against),
        # Trust is a published, gated and versioned table of its own, with a row and an index entry for each property.
        Figure("load time with field provenance and the published trust", _ratio(took, parts), "x", _LOAD_BOUND, against=against),
        Figure("bytes with field provenance and the published trust", _ratio(size, parts), "x", _BYTES_BOUND, against=against),
        *(Figure(f"{titles[part]}: load", took[part], "s") for part in titles),
        *(Figure(f"{titles[part]}: bytes a property", size[part] / rows, "bytes") for part in titles),
    ]


def _ratio(measured: Mapping[str, float], parts: tuple[str, ...]) -> float:
    return sum(measured[part] for part in parts) / measured["plain"]


def _load(tenant: Tenant, promise: Contract, rows: pa.Table) -> float:
    batch = Batch(tenant, "bench", "bench", date(2015, 1, 1), "bench")
    with Warehouse(tenant) as warehouse:
        judged = passed(warehouse, promise, rows, batch)

        def act() -> None:
            with warehouse.transaction() as connection:
                publish(connection, batch, [judged])

        return seconds(act)


def _keep(tenant: Tenant, chunks: pd.DataFrame) -> float:
    with Warehouse(tenant) as warehouse:

        def act() -> None:
            with warehouse.transaction() as connection:
                warehouse.insert(_RAW, chunks, connection)

        return seconds(act)


def _bytes(superuser: psycopg.Connection[object], name: str) -> int:
    row = superuser.execute(sql.SQL("SELECT pg_total_relation_size({}::regclass)").format(sql.Literal(name))).fetchone()
    assert isinstance(row, tuple)
    return int(row[0])


def _frames(rows: int, tenant: Tenant) -> tuple[pa.Table, pa.Table, pa.Table, pd.DataFrame]:
    """Properties of an assessor's roll with address, owner and measures; plain, with origin, their trust, and their raw rows."""
    random = np.random.default_rng(11)
    raw = sales(rows)
    ids = [str(uuid.UUID(bytes=part.tobytes())) for part in random.integers(0, 256, (rows, 16), dtype=np.uint8)]
    number = random.integers(1, 29_999, rows).astype(str)
    street = np.array(["NE 145TH ST", "RAINIER AVE S", "SW ADMIRAL WAY", "MAPLE LN", "124TH AVE NE"], dtype=object)[
        random.integers(0, 5, rows)
    ]
    line = pd.Series(number, dtype=object) + " " + street
    owner = pd.Series(random.integers(0, rows, rows).astype(str), dtype=object).radd("OWNER NUMBER ")
    values: dict[str, object] = {
        "tenant_id": str(tenant.tenant_id),
        "property_id": ids,
        "snapshot_ids": [[1]] * rows,
        "row_numbers": [[n] for n in range(1, rows + 1)],
        "derivation_id": random.integers(1, 40, rows),
        "property_key": "53033:" + raw["id"].astype(object),
        "county_fips": "53033",
        "apn": raw["id"].str[:6] + "-" + raw["id"].str[6:],
        "apn_raw": raw["id"],
        "situs_raw": line.str.title(),
        "situs_address": line,
        "situs_number": number.astype(object),
        "situs_street": street,
        "situs_confidence": 0.95,
        "situs_flags": [[]] * rows,
        "situs_city": "SEATTLE",
        "situs_state": "WA",
        "situs_zip": raw["zipcode"].astype(object),
        "latitude": raw["lat"],
        "longitude": raw["long"],
        "cell": random.integers(0, 10**6, rows),
        "owner_name": owner,
        "mailing_address": line + ", SEATTLE WA " + raw["zipcode"].astype(object),
        "property_type": "single_family",
        "living_area_sqft": raw["sqft_living"].astype(float),
        "lot_area_sqft": raw["sqft_lot"].astype(float),
        "basement_area_sqft": raw["sqft_basement"].astype(float),
        "year_built": raw["yr_built"],
        "bedroom_count": raw["bedrooms"].astype(float),
        "bathroom_count": raw["bathrooms"],
        "story_count": raw["floors"],
        "condition_code": raw["condition"],
        "quality_code": raw["grade"],
        "assessed_value_usd": raw["price"].astype(float),
    }
    frame = pd.DataFrame({column.name: values.get(column.name) for column in _PROPERTY.columns}, index=range(rows))
    percent = random.integers(20, 96, (40, len(TRACED_FIELDS))).tolist()
    trust = pd.DataFrame({
        "tenant_id": str(tenant.tenant_id),
        "property_id": ids,
        "property_trust": random.random(rows),
        "field_trust_pct": [percent[n] for n in random.integers(0, 40, rows)],
        "confirmed_vintage_date": pd.Timestamp("2015-01-01"),
        "traced_field_count": 29,
        "untraced_field_count": 0,
        "untraced_fields": [[]] * rows,
    })  # fmt: skip
    texts = raw.astype(str).to_numpy(dtype=object)
    starts = range(0, rows, _CHUNK_ROWS)
    chunks = pd.DataFrame({
        "tenant_id": str(tenant.tenant_id),
        "snapshot_id": 1,
        "first_row": [start + 1 for start in starts],
        "rows": [orjson.dumps(texts[start : start + _CHUNK_ROWS].tolist()).decode() for start in starts],
    })  # fmt: skip
    return frame_to_arrow(frame, _PLAIN), frame_to_arrow(frame, _PROPERTY), frame_to_arrow(trust, _TRUST), chunks
