"""The object store: immutable snapshots addressed by content, and the frames that travel between tasks.

Every key starts with the tenant's identifier and is built from identifiers and digests, never from names that a file
brought along.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import boto3
import pyarrow as pa
from botocore.config import Config
from botocore.exceptions import ClientError

from estate.batch import Batch, content_sha256
from estate.settings import settings
from estate.staged import Spool, StagedRows

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


def put_rows(key: str, slices: Iterable[pa.Table]) -> int:
    """Store the slices of one table as Parquet under `key`, a slice in memory at a time; returns how many rows there were."""
    with Spool() as spool:
        for rows in slices:
            spool.write(rows)
        put_spool(key, spool)
        return spool.num_rows


def put_spool(key: str, spool: Spool) -> None:
    """Store what a spool collected under `key`."""
    _check(key)
    client().upload_file(spool.finish().name, settings().s3_bucket, key)


def get_rows(key: str) -> StagedRows:
    """The rows stored under `key`, held on local disk. Raises FileNotFoundError naming the address when there are none."""
    _check(key)
    spool = tempfile.NamedTemporaryFile(prefix="estate-staged-", suffix=".parquet")  # noqa: SIM115 - StagedRows holds it
    try:
        client().download_fileobj(settings().s3_bucket, key, spool)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            raise FileNotFoundError(f"{address(key)} does not exist") from None
        raise
    spool.flush()
    return StagedRows(spool)


def _check(key: str) -> None:
    if not _SAFE.fullmatch(key) or ".." in key.split("/"):
        raise ValueError(f"{key!r} is not a key of ours")
