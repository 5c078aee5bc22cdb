from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from parley.media.v1 import media_pb2, media_service_pb2, media_service_pb2_grpc
from parley.message.v1 import entry_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.facades.landing import Landing
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.facades.sending import Sending, patiently
from parley_sdk.facades.source import Source
from parley_sdk.ids import new_request_id
from parley_sdk.infrastructure import addresses
from parley_sdk.infrastructure.calls import Calls

OnProgress = Callable[[int, int], None]
"""Told the bytes that are there, and how many there are in all."""

_READY_SECONDS: Final = 120.0
_TRIES: Final = 5


class Media:
    """Files: uploaded in parts, fetched by the message that shows them, whichever way the installation moves bytes."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def upload(
        self,
        source: Path | bytes,
        *,
        name: str = "",
        content_type: str = "",
        purpose: media_pb2.Purpose.ValueType = media_pb2.PURPOSE_MESSAGE,
        duration_ms: int = 0,
        waveform: bytes = b"",
        on_progress: OnProgress | None = None,
    ) -> media_pb2.Media:
        """Upload a file and return it READY. Called again with the same after a break, it goes on where it broke off.

        What this user has uploaded before is not uploaded again. Reasons: MEDIA_TOO_LARGE, MEDIA_TYPE_REFUSED,
        MEDIA_TOO_MANY_PIXELS, QUOTA_EXCEEDED, TOO_MANY_UPLOADS. Raises OSError for a file that cannot be read.
        """
        given = await Source.of(source, name, content_type)
        request = media_service_pb2.CreateUploadRequest(
            purpose=purpose,
            size_bytes=given.size,
            sha256=given.sha256,
            content_type=given.content_type,
            file_name=given.name,
            duration_ms=duration_ms,
            waveform=waveform,
        )
        begun = await self._begin(request)
        if begun.HasField("media"):
            return await self._ready(begun.media)
        await Sending(self._calls, given, on_progress).send(begun.upload)
        complete = media_service_pb2.CompleteUploadRequest(media_id=begun.upload.media_id)
        done = await patiently(lambda: self._calls.unary(self._stub().CompleteUpload, complete, seconds=30.0))
        return await self._ready(done.media)

    async def download(
        self,
        media_id: str,
        to: Path,
        *,
        entry: entry_pb2.Entry | None = None,
        on_progress: OnProgress | None = None,
    ) -> media_pb2.Media:
        """Fetch a file into `to`, which is there only when it is whole; what broke off goes on from `<to>.part`.

        `entry` is the one that shows it; one's own files and avatars need none. Reasons: MEDIA_NOT_FOUND,
        MEDIA_NOT_READY. Raises OSError when the file cannot be written.
        """
        landing, tries, before = Landing(to), 0, 0
        while tries < _TRIES:
            found = await self._where(media_id, entry, media_pb2.THUMBNAIL_SIZE_UNSPECIFIED)
            there = await self._land(landing, found, entry, on_progress)
            if there == found.media.size_bytes:
                await landing.finish(found.media.sha256)
                return found.media
            await asyncio.sleep(0.1 * 2**tries)
            tries, before = 0 if there > before else tries + 1, there
        raise ParleyError(Code.UNAVAILABLE, "", "the file does not come; try again later")

    async def fetch(
        self,
        media_id: str,
        *,
        entry: entry_pb2.Entry | None = None,
        size: media_pb2.ThumbnailSize.ValueType = media_pb2.THUMBNAIL_SIZE_UNSPECIFIED,
    ) -> bytes:
        """Return the bytes of a media or thumbnail; for what is small. Reasons: MEDIA_NOT_FOUND, MEDIA_NOT_READY."""
        found = await self._where(media_id, entry, size)
        return b"".join([piece async for piece in self._bytes(found, entry, size, 0)])

    async def get(self, media_id: str, *, entry: entry_pb2.Entry | None = None) -> media_pb2.Media:
        """Return what is known of a media. Reasons: MEDIA_NOT_FOUND."""
        request = media_service_pb2.GetMediaRequest(media_id=media_id, reference=_reference(entry))
        return (await self._calls.unary(self._stub().GetMedia, request)).media

    async def list(
        self, *, kinds: Iterable[media_pb2.MediaKind.ValueType] = (), limit: int = PAGE
    ) -> list[media_pb2.Media]:
        """Return one's own media of these kinds, or of all, the newest first."""
        wanted = tuple(kinds)

        async def page(token: str) -> tuple[Sequence[media_pb2.Media], str]:
            request = media_service_pb2.ListMediaRequest(kinds=wanted, page_size=min(limit, PAGE), page_token=token)
            response = await self._calls.unary(self._stub().ListMedia, request)
            return response.media, response.next_page_token

        return await gather(page, limit)

    async def delete(self, media_id: str) -> None:
        """Delete a file of one's own: nobody fetches it any more, and its room is free. Reasons: MEDIA_NOT_FOUND.

        Messages that show it stay; whoever fetches by them gets MEDIA_NOT_READY, and by `get` the state EXPIRED.
        """
        request = media_service_pb2.DeleteMediaRequest(media_id=media_id)
        await self._calls.unary(self._stub().DeleteMedia, request)

    async def quota(self) -> media_service_pb2.GetQuotaResponse:
        """Return how much room there is, and what uses it."""
        return await self._calls.unary(self._stub().GetQuota, media_service_pb2.GetQuotaRequest())

    async def preview(self, url: str, *, locale: str = "") -> media_service_pb2.PreviewLinkResponse:
        """Return what a web page says about itself. Reasons: LINK_REFUSED, LINK_UNREACHABLE."""
        request = media_service_pb2.PreviewLinkRequest(url=url, locale=locale)
        return await self._calls.unary(self._stub().PreviewLink, request, seconds=20.0, again=False)

    async def _begin(self, request: media_service_pb2.CreateUploadRequest) -> media_service_pb2.CreateUploadResponse:
        """The request id follows from the file, so that a client that died finds its upload; one that ended is left."""
        request.request_id = hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()
        try:
            return await patiently(lambda: self._calls.unary(self._stub().CreateUpload, request))
        except ParleyError as error:
            if error.reason != "UPLOAD_NOT_FOUND":
                raise
        request.request_id = new_request_id()
        return await patiently(lambda: self._calls.unary(self._stub().CreateUpload, request))

    async def _ready(self, media: media_pb2.Media) -> media_pb2.Media:
        """Wait until it can be sent. Raises ParleyError when it was rejected after all."""
        async with asyncio.timeout(_READY_SECONDS):
            while media.state == media_pb2.MEDIA_STATE_PROCESSING:
                await asyncio.sleep(0.3)
                media = await self.get(media.media_id)
        if media.state != media_pb2.MEDIA_STATE_READY:
            raise ParleyError(Code.INVALID_ARGUMENT, "MEDIA_TYPE_REFUSED", "the file is damaged or harmful")
        return media

    async def _where(
        self, media_id: str, entry: entry_pb2.Entry | None, size: media_pb2.ThumbnailSize.ValueType
    ) -> media_service_pb2.GetDownloadResponse:
        request = media_service_pb2.GetDownloadRequest(media_id=media_id, reference=_reference(entry), size=size)
        return await self._calls.unary(self._stub().GetDownload, request)

    async def _land(
        self,
        landing: Landing,
        found: media_service_pb2.GetDownloadResponse,
        entry: entry_pb2.Entry | None,
        on_progress: OnProgress | None,
    ) -> int:
        """Fetch what is not there yet; how much is there then. Whoever is told to come again waits for that."""
        total, there = found.media.size_bytes, await landing.there(found.media.size_bytes)
        try:
            if there < total:
                async for piece in self._bytes(found, entry, media_pb2.THUMBNAIL_SIZE_UNSPECIFIED, there):
                    there = await landing.add(piece)
                    if on_progress is not None:
                        on_progress(there, total)
        except ParleyError as error:
            if not error.transient:
                raise
            await asyncio.sleep(error.retry_after or 0)
        return there

    async def _bytes(
        self,
        found: media_service_pb2.GetDownloadResponse,
        entry: entry_pb2.Entry | None,
        size: media_pb2.ThumbnailSize.ValueType,
        offset: int,
    ) -> AsyncIterator[bytes]:
        """From the store of files where there is one, else from the mesh."""
        if found.url:
            async for piece in addresses.get(found.url, offset):
                yield piece
            return
        request = media_service_pb2.ReadMediaRequest(
            media_id=found.media.media_id, reference=_reference(entry), size=size, offset=offset
        )
        async for answer in self._calls.answers(self._stub().ReadMedia, request):
            yield answer.data

    def _stub(self) -> media_service_pb2_grpc.MediaServiceStub:
        return self._calls.stub(media_service_pb2_grpc.MediaServiceStub)


def _reference(entry: entry_pb2.Entry | None) -> media_service_pb2.MediaReference | None:
    if entry is None:
        return None
    return media_service_pb2.MediaReference(conversation_id=entry.conversation_id, seq=entry.seq)
