"""Stores for the bytes of media, of each kind that there is.

PARLEY_TEST_S3 names a server of S3, `http://<host>:<port>`, PARLEY_TEST_S3_KEYS its keys, `<access>:<secret>`.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest
from aiobotocore.session import get_session

from mesh.settings import Secret

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

SERVER: Final = os.environ.get("PARLEY_TEST_S3", "").rstrip("/")
ACCESS_KEY, _, SECRET_KEY = os.environ.get("PARLEY_TEST_S3_KEYS", "parley:parley-secret").partition(":")

KINDS: Final = ["disk", *([pytest.param("s3", marks=pytest.mark.real)] if SERVER else [])]
"""Parameters of a fixture that makes a store of each kind that there is."""

KEYS: Final = (Secret(ACCESS_KEY), Secret(SECRET_KEY))


async def keys(url: str) -> list[str]:
    """All that is in a bucket."""
    async with _client() as client:
        found = await client.list_objects_v2(Bucket=urlsplit(url).netloc)
    return [one["Key"] for one in found.get("Contents", ())]


@asynccontextmanager
async def url_of(kind: str, folder: Path) -> AsyncIterator[str]:
    """The URL of an empty store; a bucket is not there any more afterwards."""
    if kind == "disk":
        yield f"disk:{folder}"
        return
    bucket = f"parley-test-{secrets.token_hex(6)}"
    async with _client() as client:
        await client.create_bucket(Bucket=bucket)
        try:
            yield f"s3://{bucket}?endpoint={SERVER}&region=us-east-1"
        finally:
            for one in (await client.list_objects_v2(Bucket=bucket)).get("Contents", ()):
                await client.delete_object(Bucket=bucket, Key=one["Key"])
            for left in (await client.list_multipart_uploads(Bucket=bucket)).get("Uploads", ()):
                await client.abort_multipart_upload(Bucket=bucket, Key=left["Key"], UploadId=left["UploadId"])
            await client.delete_bucket(Bucket=bucket)


def _client() -> AbstractAsyncContextManager["S3Client"]:
    return get_session().create_client(
        "s3",
        endpoint_url=SERVER,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
