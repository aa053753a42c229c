"""The object store: immutable snapshots addressed by content, and the frames that travel between tasks.

Every key starts with the tenant's identifier and is built from identifiers and digests, never from names that a file
brought along.
"""

from __future__ import annotations

import io
import re
from functools import cache
from typing import TYPE_CHECKING

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import ClientError

from estate.batch import Batch, content_sha256
from estate.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REFERENCE = "reference"  # prefix of public data, which belongs to no tenant
_SAFE = re.compile(r"[a-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")


@cache
def client() -> S3Client:
    """The S3 client of this process. Retries are botocore's own, for throttling and passing faults."""
    chosen = settings()
    return boto3.client(
        "s3",
        endpoint_url=chosen.s3_endpoint_url or None,
        aws_access_key_id=chosen.s3_access_key_id or None,
        aws_secret_access_key=chosen.s3_secret_access_key or None,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 4, "mode": "standard"}, connect_timeout=5, read_timeout=60, s3={"addressing_style": "path"}),
    )


def put(key: str, body: bytes, content_type: str = "application/octet-stream") -> str:
    """Store `body` under `key` and return its ``s3://`` address. Raises ValueError for a key that leaves its prefix."""
    _check(key)
    client().put_object(Bucket=settings().s3_bucket, Key=key, Body=body, ContentType=content_type)
    return address(key)


def get(key: str) -> bytes:
    """The bytes under `key`. Raises FileNotFoundError naming the address when there are none."""
    _check(key)
    try:
        return client().get_object(Bucket=settings().s3_bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            raise FileNotFoundError(f"{address(key)} does not exist") from None
        raise


def exists(key: str) -> bool:
    """Whether something lies under `key`."""
    try:
        client().head_object(Bucket=settings().s3_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return False
        raise
    return True


def address(key: str) -> str:
    """The ``s3://`` address of `key`."""
    return f"s3://{settings().s3_bucket}/{key}"


def land(owner: str, payload: bytes) -> tuple[str, str]:
    """Keep `payload` as an immutable snapshot of `owner` (a tenant's identifier, or REFERENCE); returns (sha256, key).

    Landing the same bytes again writes nothing. A snapshot whose stored bytes do not match its name is rewritten: a
    write that was cut off must not stand.
    """
    digest = content_sha256(payload)
    key = f"{owner}/snapshots/{digest}"
    if not exists(key) or content_sha256(get(key)) != digest:
        put(key, payload)
    return digest, key


def staged_key(batch: Batch, table: str, state: str) -> str:
    """Where a stage's frame lies between tasks; `state` is ``built`` or ``judged``."""
    return f"{batch.tenant.tenant_id}/staged/{batch.batch_id}/{table}.{state}.parquet"


def put_frame(key: str, frame: pa.Table) -> str:
    """Store an Arrow table as Parquet; returns the SHA-256 of its bytes, which the same rows always give again."""
    sink = io.BytesIO()
    pq.write_table(frame, sink, compression="zstd", compression_level=1)
    body = sink.getvalue()
    put(key, body)
    return content_sha256(body)


def get_frame(key: str) -> pa.Table:
    """The Arrow table under `key`."""
    return pq.read_table(io.BytesIO(get(key)))


def _check(key: str) -> None:
    if not _SAFE.fullmatch(key) or ".." in key.split("/"):
        raise ValueError(f"{key!r} is not a key of ours")
