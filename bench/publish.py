"""Publishing rows with versions, ledger, gate check and row-level security, against the server's own COPY of the same rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql
from rich.console import Console

from bench import machine
from bench.figures import Figure, medians, seconds
from estate import ddl
from estate.arrow import frame_to_arrow
from estate.batch import Batch
from estate.contracts.model import TENANT, Column, Contract, key
from estate.publish import Judged, Published, publish
from estate.settings import Tenant, tenants
from estate.warehouse import Warehouse, frame_sha256

ROWS = 500_000
ROUNDS = 3
_TYPES = ("text", "double precision", "double precision", "integer", "smallint", "date", "boolean", "numeric(14,2)", "text")
# Twenty columns, as measured elsewhere: the tenant, the key, and two of each kind of value.
CONTRACT = Contract(
    name="score.bench",
    kind="published",
    grain="one row of a measurement",
    key=("tenant_id", "row_id"),
    index=(("tenant_id", "text_0"),),
    columns=(
        TENANT,
        key("row_id", "uuid", "row"),
        *(Column(f"{sql_type.split()[0].split('(')[0]}_{number}", sql_type, "value") for number, sql_type in enumerate(_TYPES * 2)),
    ),
)


@dataclass(frozen=True)
class Bench:
    """The empty table of `CONTRACT`, one tenant, and a connection that may do everything."""

    tenant: Tenant
    superuser: psycopg.Connection[object]
    file: Path


def measure(rows: int, console: Console) -> list[Figure]:
    """Interleave publishing and the server's COPY `ROUNDS` times, and compare the medians."""
    with machine.stores(console) as servers, machine.database(servers, "publish") as superuser_url:
        frame = synthetic(rows, tenants()["lakeside"])
        with psycopg.connect(superuser_url, autocommit=True) as superuser:
            bench = Bench(tenants()["lakeside"], superuser, machine.server_folder(servers) / "rows.csv")
            create(superuser, CONTRACT)
            _prepare(bench, frame_to_arrow(frame, CONTRACT))
            took = medians([_round(bench, frame) for _ in range(ROUNDS)])
    return _figures(took, rows)


def _figures(took: dict[str, float], rows: int) -> list[Figure]:
    copy = took.pop("copy")
    against = f"the server's COPY FROM of the same {rows:,} rows x {len(CONTRACT.columns)} columns (a csv file) into the same indexed table"
    bounds = {
        "publish": ("publish into an empty table", 2.5),
        "replay": ("republish the same batch", 0.8),
        "reordered": ("republish unchanged rows in another order (another digest)", 0.8),
        "changed": ("republish with 5 % of the rows changed", None),
    }
    figures = [Figure(title, took[name] / copy, "x", bound, against=against) for name, (title, bound) in bounds.items()]
    return [*figures, Figure("server's COPY", copy, "s"), *(Figure(title, took[name], "s") for name, (title, _) in bounds.items())]


def synthetic(rows: int, tenant: Tenant) -> pd.DataFrame:
    """`rows` rows of `CONTRACT`, the same on every call; keys are as random as derived UUIDs are."""
    random = np.random.default_rng(500)
    made: dict[str, Callable[[], object]] = {
        "text": lambda: np.char.add("value ", random.integers(0, 99_999, rows).astype(str)).astype(object),
        "double precision": lambda: random.random(rows) * 1e5,
        "integer": lambda: random.integers(0, 1_000_000, rows),
        "smallint": lambda: random.integers(0, 9_999, rows),
        "date": lambda: pd.Timestamp("2015-01-01") + pd.to_timedelta(random.integers(0, 999, rows), "D"),
        "boolean": lambda: random.random(rows) > 0.5,
        "numeric(14,2)": lambda: random.integers(1, 10**8, rows) / 100,
        "uuid": lambda: [str(uuid.UUID(bytes=part.tobytes())) for part in random.integers(0, 256, (rows, 16), dtype=np.uint8)],
    }
    values = {column.name: made[column.sql_type]() for column in CONTRACT.columns if column is not TENANT}
    return pd.DataFrame({"tenant_id": str(tenant.tenant_id), **values})


def create(superuser: psycopg.Connection[object], contract: Contract) -> None:
    """The table of `contract` as a migration would make it: keys, policy, grants, and the trigger that asks for a passed gate."""
    superuser.execute(ddl.draft(contract).encode())
    superuser.execute(
        sql.SQL(
            "CREATE TRIGGER require_passed_gate AFTER INSERT ON {} REFERENCING NEW TABLE AS added"
            " FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate()"
        ).format(sql.Identifier(*contract.name.split(".")))
    )


def passed(warehouse: Warehouse, contract: Contract, rows: pa.Table, batch: Batch) -> Judged:
    """`rows` with a verdict that lets them through, as the gate would have written it."""
    verdict = {
        "tenant_id": str(batch.tenant.tenant_id),
        "verdict_id": str(uuid.uuid4()),
        "batch_id": batch.batch_id,
        "table_name": contract.name,
        "is_passed": True,
        "rows_in": rows.num_rows,
        "rows_quarantined": 0,
        "expectation_count": 1,
        "failures": "[]",
        "suite_sha256": "",
        "judged_sha256": frame_sha256(rows),
        "docs_key": None,
        "run_id": batch.run_id,
        "judged_at": datetime.now(UTC),
    }
    with warehouse.transaction() as connection:
        warehouse.insert("provenance.verdict", pd.DataFrame([verdict]), connection)
    return Judged(contract, rows, uuid.UUID(str(verdict["verdict_id"])), rows.num_rows, 0, datetime.now(UTC))


def _prepare(bench: Bench, rows: pa.Table) -> None:
    """Publish once, so that everything is warm, and let the server write the rows as they then lie in the table."""
    _publish(bench, rows)
    bench.superuser.execute("CREATE TABLE score.bench_peer (LIKE score.bench INCLUDING ALL)")
    bench.superuser.execute(sql.SQL("COPY score.bench TO {} (FORMAT csv)").format(sql.Literal(str(bench.file))))


def _round(bench: Bench, frame: pd.DataFrame) -> dict[str, float]:
    rows = frame_to_arrow(frame, CONTRACT)
    changed = frame.copy()
    changed.loc[::20, "integer_3"] += 1
    bench.superuser.execute("TRUNCATE score.bench_peer, score.bench")
    bench.superuser.execute("DELETE FROM provenance.publication WHERE table_name = 'score.bench'")
    bench.superuser.execute("CHECKPOINT")
    command = sql.SQL("COPY score.bench_peer FROM {} (FORMAT csv)").format(sql.Literal(str(bench.file)))
    took = {"copy": seconds(lambda: bench.superuser.execute(command))}
    bench.superuser.execute("CHECKPOINT")
    took["publish"], done = _publish(bench, rows)
    assert (done.rows_published, done.rows_unchanged) == (len(frame), 0), done
    took["replay"], done = _publish(bench, rows)
    assert (done.rows_published, done.rows_unchanged) == (0, len(frame)), done
    took["reordered"], done = _publish(bench, rows.take(pa.array(np.arange(len(frame))[::-1])))
    assert (done.rows_published, done.rows_unchanged) == (0, len(frame)), done
    took["changed"], done = _publish(bench, frame_to_arrow(changed, CONTRACT))
    assert done.rows_published == done.rows_closed == -(-len(frame) // 20), done
    return took


def _publish(bench: Bench, rows: pa.Table) -> tuple[float, Published]:
    batch = Batch(bench.tenant, "bench", "bench", date(2015, 1, 1), "bench")
    done: list[Published] = []
    with Warehouse(bench.tenant) as warehouse:
        judged = passed(warehouse, CONTRACT, rows, batch)

        def act() -> None:
            with warehouse.transaction() as connection:
                done.extend(publish(connection, batch, [judged]))

        took = seconds(act)
    return took, done[0]
