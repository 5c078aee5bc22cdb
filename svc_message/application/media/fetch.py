"""Give a media out: what is known of it, its bytes, or an address for them. And its owner's say over it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.seats import Seats
from svc_message.application.media.rights import MediaRights
from svc_message.domain.conversation import UserId
from svc_message.domain.media import rules as media_rules
from svc_message.domain.media.file import ENDED, Media, MediaState, Reference, ThumbnailSize
from svc_message.domain.media.ports import Attachment, MediaRecords, Vault
from svc_message.domain.reasons import Reason

ADDRESS_S: Final = 300
"""How long an address works, seconds: who is removed, or reads a recalled message, has it no longer than that."""

READERS: Final = 64
"""Media that are read by way of this node at a time; for more, the slowest readers make room."""

ATTEMPTS: Final = 5
"""How often a media is deleted anew because a node that looks at it was faster."""

OF_ONE: Final = 8
"""Of these, how many one user may read."""

STALL_S: Final = 20.0
"""Seconds that a reader may not take anything."""


@dataclass(frozen=True, slots=True)
class Download:
    """Where a media can be fetched until when, Unix milliseconds; empty and 0 where it is read instead."""

    media: Media
    url: str
    expires_at_ms: int


class Fetching:
    """Media as users may see them."""

    def __init__(self, records: MediaRecords, vault: Vault, rights: MediaRights, clock: Clock) -> None:
        self._records = records
        self._vault = vault
        self._rights = rights
        self._clock = clock
        self.seats = Seats(READERS, OF_ONE, of="media", stall_seconds=STALL_S)
        """Media are read in one of these."""

    async def known(self, user_id: UserId, media_id: str, reference: Reference | None) -> Media:
        """What is known of a media. Raises MEDIA_NOT_FOUND."""
        return await self._rights.fetched(user_id, media_id, reference)

    async def address(
        self, user_id: UserId, media_id: str, reference: Reference | None, size: ThumbnailSize
    ) -> Download:
        """Where a media, or its thumbnail, can be fetched. Raises MEDIA_NOT_FOUND, MEDIA_NOT_READY."""
        media = await self._ready(user_id, media_id, reference)
        name, content_type, _ = _variant(media, size)
        served = Attachment(content_type, media.file_name, ADDRESS_S)
        expires = self._clock.now_ms() + ADDRESS_S * 1_000
        url = await self._vault.address(media_id, name, served)
        return Download(media, url, expires if url else 0)

    async def read(
        self, user_id: UserId, media_id: str, reference: Reference | None, size: ThumbnailSize, span: tuple[int, int]
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """The bytes of a media or thumbnail with where each piece starts; `span` is first byte and how many, 0: all.

        Raises MEDIA_NOT_FOUND, MEDIA_NOT_READY, RANGE_INVALID.
        """
        media = await self._ready(user_id, media_id, reference)
        name, _, size_bytes = _variant(media, size)
        offset, length = _range(span, size_bytes)
        async for piece in self._vault.read(media_id, name, offset, length):
            yield offset, piece
            offset += len(piece)

    async def delete(self, user_id: UserId, media_id: str) -> None:
        """Delete one's own media. Raises MEDIA_NOT_FOUND."""
        for _ in range(ATTEMPTS):
            media = await self._records.find(media_id)
            if media is None or media.owner_id != user_id or not media.complete:
                raise media_rules.unknown_media()
            if media.state in ENDED:
                return
            gone = replace(media, state=MediaState.EXPIRED, due_at_ms=self._clock.now_ms())
            if await self._records.change(gone) is not None:
                return
        message = "somebody else is at this media; try again"
        raise errors.unavailable(Reason.STORE_UNAVAILABLE, message, retry_after=0.2)

    async def _ready(self, user_id: UserId, media_id: str, reference: Reference | None) -> Media:
        media = await self._rights.fetched(user_id, media_id, reference)
        if media.state is not MediaState.READY:
            raise media_rules.not_ready(media)
        return media


def _variant(media: Media, size: ThumbnailSize) -> tuple[str, str, int]:
    """Name, type and size of the bytes to give."""
    thumbnail, findings = media_rules.thumbnail_for(media, size), media.findings
    if thumbnail is not None:
        return thumbnail.name, thumbnail.content_type, thumbnail.size_bytes
    if findings is None:
        raise media_rules.unknown_media()
    return findings.content, findings.content_type, findings.size_bytes


def _range(span: tuple[int, int], size_bytes: int) -> tuple[int, int]:
    offset, length = span
    if length < 0 or not 0 <= offset < size_bytes:
        raise _no_range(size_bytes)
    return offset, min(length or size_bytes, size_bytes - offset)


def _no_range(size_bytes: int) -> MeshError:
    message = f"there are {size_bytes} bytes: the first wanted is from 0 on and below that, the length 0 or more"
    return errors.out_of_range(Reason.RANGE_INVALID, message, size_bytes=str(size_bytes))
