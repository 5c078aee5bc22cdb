"""Take in a file: begin, resume, put parts, complete, give up."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.ids import Ids
from svc_message.application.media.process import Processing
from svc_message.domain.conversation import UserId
from svc_message.domain.media import rules as media_rules
from svc_message.domain.media.file import (
    IDLE_MS,
    UPLOAD,
    Claim,
    Findings,
    Media,
    MediaLimits,
    MediaState,
    last_part,
    part_bytes_of,
)
from svc_message.domain.media.ports import Examiner, MediaRecords, Part, Target, Vault
from svc_message.domain.reasons import Reason

TARGETS: Final = 100
"""Addresses of one answer."""


@dataclass(frozen=True, slots=True)
class Progress:
    """An upload under way: what has come, where missing parts go, and when it is aborted if nothing comes."""

    media: Media
    received: tuple[int, ...]
    targets: tuple[Target, ...]
    expires_at_ms: int


class Uploads:
    """The uploads of all users."""

    def __init__(
        self,
        records: MediaRecords,
        vault: Vault,
        examiner: Examiner,
        processing: Processing,
        limits: MediaLimits,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._records = records
        self._vault = vault
        self._examiner = examiner
        self._processing = processing
        self._turns = processing.turns
        self._limits = limits
        self._clock = clock
        self._ids = ids

    async def begin(self, owner_id: UserId, request_id: str, claim: Claim) -> Progress | Media:
        """Begin an upload, go on with the one of this request, or answer the media that has these bytes already.

        Raises MEDIA_TOO_LARGE, MEDIA_TYPE_REFUSED, QUOTA_EXCEEDED, TOO_MANY_UPLOADS, REQUEST_ID_REUSED,
        UPLOAD_NOT_FOUND (what the request began has ended), and why it was rejected.
        """
        claim = replace(claim, file_name=last_part(claim.file_name))
        refusal = media_rules.refuse_claim(claim, self._limits)
        if refusal is not None:
            raise refusal
        there = await self._records.same(owner_id, claim)
        if there is not None:
            return _named(there, claim.file_name)
        media = await self._records.begin(self._new(owner_id, request_id, claim), self._limits)
        if media.claim != claim:
            raise errors.already_exists(Reason.REQUEST_ID_REUSED, "this request_id was used for another file")
        if media.state is MediaState.EXPIRED:
            raise media_rules.unknown_upload()  # deleted since: whoever uploads the file anew wants it back
        return _completed(media) if media.state is not MediaState.UPLOADING else await self._progress(media)

    async def find(self, owner_id: UserId, media_id: str) -> Progress:
        """An upload under way. Raises UPLOAD_NOT_FOUND."""
        return await self._progress(await self._uploading(owner_id, media_id))

    async def put(self, owner_id: UserId, media_id: str, number: int, offset: int, data: bytes) -> int:
        """Add a piece to a part; return how much of the part is there. UPLOAD_NOT_FOUND, UPLOAD_PART_CONFLICT."""
        media = await self._uploading(owner_id, media_id)
        if number > media.part_count:
            raise media_rules.part_conflict(f"this upload has {media.part_count} parts")
        return await self._vault.put(media, number, offset, data)

    async def complete(self, owner_id: UserId, media_id: str) -> Media:
        """Join the parts, see what they are, and have the rest made; PROCESSING or READY.

        Raises UPLOAD_NOT_FOUND, UPLOAD_INCOMPLETE, and why it is rejected, each time the same.
        """
        media = await self._owned(owner_id, media_id)
        if media.state is not MediaState.UPLOADING:
            return await self._processing.settled(_completed(media))
        try:
            await self._check_parts(media)
            await self._vault.join(media)
        except MeshError as error:  # its bytes are no parts any more where another node was faster
            return await self._otherwise(media, error)
        return await self._judge(media)

    async def bring_in(self, owner_id: UserId, request_id: str, claim: Claim, file: Path) -> Media:
        """Make a file that this service got itself a media of a user. Raises as `begin` and `complete` do."""
        begun = await self.begin(owner_id, request_id, claim)
        if isinstance(begun, Media):
            return begun
        await self._vault.keep(begun.media.media_id, UPLOAD, file)
        return await self._judge(begun.media)

    async def abort(self, owner_id: UserId, media_id: str) -> None:
        """Give an upload up. Of what has ended, or is not there, there is nothing to give up."""
        media = await self._records.find(media_id)
        if media is None or media.owner_id != owner_id or media.state is not MediaState.UPLOADING:
            return
        ended = await self._records.change(replace(media, state=MediaState.ABORTED, due_at_ms=self._clock.now_ms()))
        if ended is None:
            raise _changed()

    def _new(self, owner_id: UserId, request_id: str, claim: Claim) -> Media:
        now = self._clock.now_ms()
        part_bytes = part_bytes_of(claim.size_bytes)
        media_id = self._ids.new("m")
        return Media(
            media_id, owner_id, request_id, claim, MediaState.UPLOADING, now, now + IDLE_MS, part_bytes=part_bytes
        )

    async def _progress(self, media: Media) -> Progress:
        media = media if media.handle else await self._opened(media)
        parts = await self._vault.parts(media)
        received = tuple(part.number for part in parts if part.size_bytes == media.part_size(part.number))
        missing = [number for number in range(1, media.part_count + 1) if number not in received]
        targets = await self._vault.targets(media, missing[:TARGETS], self._clock.now_ms())
        return Progress(media, received, tuple(targets), idle_until(media, parts))

    async def _opened(self, media: Media) -> Media:
        """Have the store of bytes make ready. Whoever died before this was kept left nothing that stays."""
        handle = await self._vault.begin(media.media_id)
        opened = await self._records.change(replace(media, handle=handle))
        if opened is None:
            raise _changed()
        return opened

    async def _uploading(self, owner_id: UserId, media_id: str) -> Media:
        media = await self._owned(owner_id, media_id)
        if media.state is not MediaState.UPLOADING:
            raise media_rules.unknown_upload()
        return media

    async def _owned(self, owner_id: UserId, media_id: str) -> Media:
        media = await self._records.find(media_id)
        if media is None or media.owner_id != owner_id:
            raise media_rules.unknown_upload()
        return media

    async def _check_parts(self, media: Media) -> None:
        """What is joined already has no parts; `join` knows that."""
        parts = await self._vault.parts(media)
        if any(part.size_bytes > media.part_size(part.number) for part in parts):
            raise errors.precondition(Reason.MEDIA_SIZE_MISMATCH, "a part is longer than it may be; put it again")

    async def _judge(self, media: Media) -> Media:
        try:
            async with self._turns.of(media.owner_id), self._vault.at_hand(media.media_id, UPLOAD) as file:
                findings = await self._examiner.inspect(file, media.claim)
        except MeshError as error:
            return await self._rejected(media, error)
        return await self._accepted(media, findings)

    async def _accepted(self, media: Media, findings: Findings) -> Media:
        now = self._clock.now_ms()
        processing = replace(media, state=MediaState.PROCESSING, findings=findings, completed_at_ms=now, due_at_ms=now)
        kept = await self._records.change(processing)
        return await (self._processing.settled(kept) if kept else self._otherwise(media, _changed()))

    async def _rejected(self, media: Media, error: MeshError) -> Media:
        """Keep why a file was refused, and raise it; what says nothing of the file is only raised."""
        if error.reason in REJECTIONS:
            now = self._clock.now_ms()
            await self._records.change(replace(media, state=MediaState.REJECTED, failure=error.reason, due_at_ms=now))
        return await self._otherwise(media, error)

    async def _otherwise(self, media: Media, error: MeshError) -> Media:
        """What became of an upload that somebody completed or gave up at the same moment. Raises the error if none."""
        now = await self._owned(media.owner_id, media.media_id)
        if now.state is MediaState.UPLOADING:
            raise error
        return await self._processing.settled(_completed(now))


REJECTIONS: Final = frozenset(
    {
        Reason.MEDIA_SIZE_MISMATCH,
        Reason.MEDIA_HASH_MISMATCH,
        Reason.MEDIA_TYPE_REFUSED,
        Reason.MEDIA_TOO_MANY_PIXELS,
    }
)
"""Reasons that are of the file, and final."""


def idle_until(media: Media, parts: list[Part]) -> int:
    """When an upload is aborted if nothing comes, Unix milliseconds."""
    return max([media.begun_at_ms, *(part.arrived_at_ms for part in parts)]) + IDLE_MS


def _completed(media: Media) -> Media:
    """What became of an upload. Raises why it was rejected, and UPLOAD_NOT_FOUND for one that came to nothing."""
    if media.state is MediaState.REJECTED:
        raise media_rules.failure(media.failure)
    if not media.complete:
        raise media_rules.unknown_upload()
    return media


def _named(media: Media, file_name: str) -> Media:
    """The media under the name that the same bytes have this time, which is the one to show."""
    return replace(media, claim=replace(media.claim, file_name=file_name or media.claim.file_name))


def _changed() -> MeshError:
    return errors.unavailable(Reason.STORE_UNAVAILABLE, "somebody else is at this upload; try again", retry_after=0.1)
