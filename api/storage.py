"""The object store as the API sees it: read-only, and quick to give up."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from estate.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_OBJECT_BYTES = 20 * 1024 * 1024


@cache
def _client(endpoint_url: str, access_key_id: str, secret_access_key: str) -> S3Client:
    # The pipeline's client waits and retries for minutes; a reader with a browser does not.
    quick = Config(connect_timeout=1, read_timeout=3, retries={"max_attempts": 1, "mode": "standard"}, s3={"addressing_style": "path"})
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url or None,
        aws_access_key_id=access_key_id or None,
        aws_secret_access_key=secret_access_key or None,
        region_name="us-east-1",
        config=quick,
    )


def client(settings: Settings) -> S3Client:
    """The S3 client of this process for these settings."""
    return _client(settings.s3_endpoint_url, settings.s3_access_key_id, settings.s3_secret_access_key)


def bucket_exists(settings: Settings) -> None:
    """Raise a botocore error unless the bucket answers."""
    client(settings).head_bucket(Bucket=settings.s3_bucket)


def read(settings: Settings, key: str) -> bytes | None:
    """The bytes under `key`, or None when there are none. Raises botocore's errors when the store is away, ValueError when too large."""
    try:
        found = client(settings).get_object(Bucket=settings.s3_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise
    if found["ContentLength"] > MAX_OBJECT_BYTES:
        raise ValueError(f"{key} has {found['ContentLength']} bytes")
    return found["Body"].read()
