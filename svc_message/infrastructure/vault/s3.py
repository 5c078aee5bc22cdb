"""`svc_message.domain.media.ports.Vault` in a bucket of S3, or of what speaks its protocol.

Clients put parts and get bytes at addresses that are signed here for one key, method, length and a few minutes; what
this process reads itself is what it has to look into. Keys are `<media>/<name>`.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from mesh import errors
from mesh.settings import Secret, SettingError
from svc_message.domain.media import rules as media_rules
from svc_message.domain.media.file import UPLOAD, Media
from svc_message.domain.media.ports import Attachment, Part, Target
from svc_message.domain.reasons import Reason

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

PUT_S: Final = 300
"""Seconds that the address of a part works."""

PIECE: Final = 64 * 1024
BLOCK: Final = 1024 * 1024
GONE: Final = frozenset({"NoSuchKey", "NoSuchUpload", "NoSuchBucket", "404", "NotFound"})
OPTIONS: Final = frozenset({"endpoint", "region", "public"})


@asynccontextmanager
async def opened(url: str, access_key: Secret, secret_key: Secret) -> AsyncIterator["S3Vault"]:
    """Use a bucket, `s3://<bucket>?endpoint=<url>&region=<name>&public=<url>`; the last is where clients reach it, if
    that is elsewhere. Nothing is asked of it yet. Raises SettingError.
    """
    bucket, options = _parsed(url)
    if not access_key or not secret_key:
        raise SettingError("MEDIA_ACCESS_KEY and MEDIA_SECRET_KEY: required for s3")
    async with AsyncExitStack() as stack:
        inside = await stack.enter_async_context(_client(options, options["endpoint"], access_key, secret_key))
        public = options.get("public") or options["endpoint"]
        outside = await stack.enter_async_context(_client(options, public, access_key, secret_key))
        yield S3Vault(inside, outside, bucket)


def _parsed(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoints = [options.get("endpoint", ""), options.get("public", "http://")]
    named = all(one.startswith(("http://", "https://")) and "@" not in one for one in endpoints)
    if not parts.netloc or not named or set(options) - OPTIONS or "@" in parts.netloc:
        raise SettingError("MEDIA_URL: must be s3://<bucket>?endpoint=<url>[&region=<name>][&public=<url>]")
    return parts.netloc, options


def _client(options: dict[str, str], endpoint: str, access_key: Secret, secret_key: Secret) -> Any:
    config = AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=3,
        read_timeout=20,
        retries={"max_attempts": 2},
    )
    return get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=options.get("region", "us-east-1"),
        aws_access_key_id=access_key.reveal(),
        aws_secret_access_key=secret_key.reveal(),
        config=config,
    )


class S3Vault:
    """Objects of one bucket. `outside` signs what clients use, for the address at which they reach the store."""

    addressed = True

    def __init__(self, inside: "S3Client", outside: "S3Client", bucket: str) -> None:
        self._s3 = inside
        self._outside = outside
        self._bucket = bucket

    async def begin(self, media_id: str) -> str:
        """See the port. A bucket that is not there is made, which nobody but we may read."""
        try:
            return await self._begin(media_id)
        except _GoneError:
            with _asking():
                await self._s3.create_bucket(Bucket=self._bucket)
            return await self._begin(media_id)

    async def parts(self, media: Media) -> list[Part]:
        """See the port."""
        return [Part(one.number, one.size_bytes, one.arrived_at_ms) for one, _ in await self._parts(media)]

    async def put(self, media: Media, number: int, offset: int, data: bytes) -> int:  # noqa: ARG002 - none is taken
        """See the port: parts are put at their addresses."""
        raise media_rules.part_conflict("put the part at its address: PartTarget.url of GetUpload")

    async def targets(self, media: Media, numbers: Sequence[int], now_ms: int) -> list[Target]:
        """See the port. The length is signed with the rest."""
        return [Target(number, await self._signed(media, number), {}, now_ms + PUT_S * 1_000) for number in numbers]

    async def join(self, media: Media) -> None:
        """See the port."""
        found = await self._parts(media)
        wanted = [(number, media.part_size(number)) for number in range(1, media.part_count + 1)]
        if [(part.number, part.size_bytes) for part, _ in found] != wanted:
            await self._check_joined(media)
            return
        parts: list[CompletedPartTypeDef] = [{"PartNumber": part.number, "ETag": tag} for part, tag in found]
        try:
            with _asking():
                await self._s3.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=_key(media.media_id, UPLOAD),
                    UploadId=media.handle,
                    MultipartUpload={"Parts": parts},
                )
        except _GoneError:  # joined by another node at the same moment, or dropped
            await self._check_joined(media)

    @asynccontextmanager
    async def at_hand(self, media_id: str, name: str) -> AsyncIterator[Path]:
        """See the port: a copy."""
        with tempfile.NamedTemporaryFile(prefix="parley-media-") as copy:
            async for block in self._blocks(media_id, name, BLOCK):
                await asyncio.to_thread(copy.write, block)
            await asyncio.to_thread(copy.flush)
            yield Path(copy.name)

    async def keep(self, media_id: str, name: str, file: Path) -> None:
        """See the port."""
        with file.open("rb") as body, _asking():
            await self._s3.put_object(Bucket=self._bucket, Key=_key(media_id, name), Body=body)

    async def read(self, media_id: str, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """See the port."""
        if length > 0:
            async for block in self._blocks(media_id, name, PIECE, f"bytes={offset}-{offset + length - 1}"):
                yield block

    async def address(self, media_id: str, name: str, served: Attachment) -> str:
        """See the port. It is saved and not shown, whatever a browser thinks that it is."""
        shown = quote(served.file_name, safe="")
        wanted = {
            "Bucket": self._bucket,
            "Key": _key(media_id, name),
            "ResponseContentType": served.content_type,
            "ResponseContentDisposition": f"attachment; filename*=UTF-8''{shown}" if shown else "attachment",
        }
        return await self._outside.generate_presigned_url("get_object", Params=wanted, ExpiresIn=served.seconds)

    async def drop(self, media_id: str, *names: str) -> None:
        """See the port."""
        for key in [_key(media_id, name) for name in names] or await self._keys(media_id):
            with suppress(_GoneError), _asking():
                await self._s3.delete_object(Bucket=self._bucket, Key=key)
        if not names:
            await self._abort(media_id)

    async def _begin(self, media_id: str) -> str:
        with _asking():
            begun = await self._s3.create_multipart_upload(Bucket=self._bucket, Key=_key(media_id, UPLOAD))
        return begun["UploadId"]

    async def _keys(self, media_id: str) -> list[str]:
        with _asking():
            found = await self._s3.list_objects_v2(Bucket=self._bucket, Prefix=f"{media_id}/")
        return [one["Key"] for one in found.get("Contents", ())]

    async def _abort(self, media_id: str) -> None:
        """All uploads of the key, also one whose name was never kept because a node died."""
        with _asking():
            found = await self._s3.list_multipart_uploads(Bucket=self._bucket, Prefix=f"{media_id}/")
        for one in found.get("Uploads", ()):
            with suppress(_GoneError), _asking():
                await self._s3.abort_multipart_upload(Bucket=self._bucket, Key=one["Key"], UploadId=one["UploadId"])

    async def _signed(self, media: Media, number: int) -> str:
        wanted = {
            "Bucket": self._bucket,
            "Key": _key(media.media_id, UPLOAD),
            "UploadId": media.handle,
            "PartNumber": number,
            "ContentLength": media.part_size(number),
        }
        return await self._outside.generate_presigned_url("upload_part", Params=wanted, ExpiresIn=PUT_S)

    async def _parts(self, media: Media) -> list[tuple[Part, str]]:
        """The parts with their tags; none when the upload has been joined, or dropped."""
        found: list[tuple[Part, str]] = []
        after = 0
        while media.handle:
            try:
                with _asking():
                    page = await self._s3.list_parts(
                        Bucket=self._bucket,
                        Key=_key(media.media_id, UPLOAD),
                        UploadId=media.handle,
                        PartNumberMarker=after,
                    )
            except _GoneError:
                return []
            for one in page.get("Parts", ()):
                arrived = int(one["LastModified"].timestamp() * 1_000)
                found.append((Part(one["PartNumber"], one["Size"], arrived), one["ETag"]))
            if not page.get("IsTruncated"):
                break
            after = found[-1][0].number
        return found

    async def _check_joined(self, media: Media) -> None:
        """Look for the upload after its parts, which go in the moment when it comes."""
        try:
            with _asking():
                await self._s3.head_object(Bucket=self._bucket, Key=_key(media.media_id, UPLOAD))
        except _GoneError:
            raise media_rules.incomplete() from None

    async def _blocks(self, media_id: str, name: str, size: int, span: str = "") -> AsyncIterator[bytes]:
        wanted: dict[str, Any] = {"Range": span} if span else {}
        try:
            with _asking():
                found = await self._s3.get_object(Bucket=self._bucket, Key=_key(media_id, name), **wanted)
                async with found["Body"] as body:
                    while block := await body.read(size):
                        yield block
        except _GoneError:
            raise media_rules.unknown_media() from None


class _GoneError(Exception):
    """There is no such object, upload or bucket."""


@contextmanager
def _asking() -> Iterator[None]:
    """Turn what the driver raises into UNAVAILABLE: its text may hold a key or an address."""
    try:
        yield
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code")) in GONE:
            raise _GoneError from None
        raise _unavailable() from error
    except (BotoCoreError, OSError, TimeoutError) as error:
        raise _unavailable() from error


def _unavailable() -> errors.MeshError:
    message = "the media cannot be read or kept now; try again"
    return errors.unavailable(Reason.STORE_UNAVAILABLE, message, retry_after=1.0)


def _key(media_id: str, name: str) -> str:
    return f"{media_id}/{name}"
