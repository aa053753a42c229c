"""The object store as the API sees it: read-only, and quick to give up."""

from __future__ import annotations

from contextlib import closing
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


def check_bucket(settings: Settings) -> None:
    """Raise a botocore error unless the bucket answers."""
    client(settings).head_bucket(Bucket=settings.s3_bucket)


class ObjectTooLarge(Exception):
    """An object with more bytes than its reader takes; `byte_count` says how many."""

    def __init__(self, key: str, byte_count: int, max_bytes: int) -> None:
        """Name the object beside the two numbers."""
        super().__init__(f"{key} has {byte_count:,} bytes, more than {max_bytes:,}")
        self.byte_count = byte_count


def read(settings: Settings, key: str, max_bytes: int = MAX_OBJECT_BYTES) -> bytes | None:
    """The bytes under `key`, or None when there are none.

    Raises ObjectTooLarge, before anything of it is read, when there are more than `max_bytes`, and botocore's errors or OSError when the
    store is away.
    """
    try:
        found = client(settings).get_object(Bucket=settings.s3_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise
    with closing(found["Body"]) as body:
        if found["ContentLength"] > max_bytes:
            raise ObjectTooLarge(key, found["ContentLength"], max_bytes)
        return body.read()
