"""What media need from outside, as specifications that each adapter is held to."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import Claim, Findings, Media, MediaLimits, MediaUse, Room


class MediaRecords(Protocol):
    """What is known of media: one record each, which changes as a whole. All raise UNAVAILABLE when away."""

    async def begin(self, media: Media, limits: MediaLimits) -> Media:
        """Keep a new upload durably and return it; the one that this owner began with the same request id, if any.

        Raises QUOTA_EXCEEDED and TOO_MANY_UPLOADS, as `media_rules.refuse_room` says, and keeps nothing then. Never are
        there more than the limits, however many begin at once; those that begin at once at the limit may be refused.
        """

    async def find(self, media_id: str) -> Media | None:
        """What is known of a media."""

    async def same(self, owner_id: UserId, claim: Claim) -> Media | None:
        """A READY media that the owner uploaded for the same purpose with the same bytes, if there is one."""

    async def change(self, media: Media) -> Media | None:
        """Keep this in place of what is there, if that has the revision of `media`; return it with its new revision.

        None when somebody else has changed it meanwhile, or it is gone: read it again and decide again.
        """

    async def due(self, now_ms: int, limit: int) -> list[Media]:
        """Media at which somebody must look by now, those that wait longest first."""

    async def room(self, owner_id: UserId) -> Room:
        """What a user has."""

    async def forget(self, media: Media) -> None:
        """Remove the record, if it still has this revision."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has arrived, or as much of it as has: `size_bytes`, and when, Unix milliseconds."""

    number: int
    size_bytes: int
    arrived_at_ms: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where a part is put, and with which headers. The address is as good as a password until `expires_at_ms`."""

    number: int
    url: str
    headers: Mapping[str, str]
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """How bytes are served at an address: under which type and name, and for how long."""

    content_type: str
    file_name: str
    seconds: int


class Vault(Protocol):
    """Where the bytes of media are: for each media the parts of its upload, and then bytes under names.

    All raise UNAVAILABLE / STORE_UNAVAILABLE when the store is away or full. Names are those of `domain.media`.
    """

    addressed: bool
    """Whether parts are put and bytes fetched at addresses, and not by way of this process."""

    async def begin(self, media_id: str) -> str:
        """Make ready for parts; return what the store calls the upload, which is not empty."""

    async def parts(self, media: Media) -> list[Part]:
        """The parts that have arrived, rising. What is told here survives what `join` survives."""

    async def put(self, media: Media, number: int, offset: int, data: bytes) -> int:
        """Add a piece to a part and return how many bytes of the part are there.

        A piece that is there already changes nothing. Raises UPLOAD_PART_CONFLICT for one that begins elsewhere than
        where the part ends, that differs from what is there, or that is longer than the part may be; for every one
        where parts are put at addresses.
        """

    async def targets(self, media: Media, numbers: Sequence[int], now_ms: int) -> list[Target]:
        """An address for each of these parts, good for 5 minutes and for its one length; none without addresses."""

    async def join(self, media: Media) -> None:
        """Make the parts the bytes `upload`, durably; the parts are gone then. Doing it again is no error.

        Raises UPLOAD_INCOMPLETE when parts are missing and nothing was joined before.
        """

    def at_hand(self, media_id: str, name: str) -> AbstractAsyncContextManager[Path]:
        """The bytes as a file of this machine, for as long as the context lasts. Only to be read."""

    async def keep(self, media_id: str, name: str, file: Path) -> None:
        """Keep the content of a file as these bytes, durably, in place of what was there."""

    def read(self, media_id: str, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """The bytes from `offset` on, `length` of them, in pieces of at most 64 KiB. MEDIA_NOT_FOUND: they are gone."""

    async def address(self, media_id: str, name: str, served: Attachment) -> str:
        """Where the bytes can be fetched; empty without addresses."""

    async def drop(self, media_id: str, *names: str) -> None:
        """Remove bytes; without names all of the media, its parts included. What is not there is no error."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a media: what is known now, and the files to keep, by their names."""

    findings: Findings
    files: Mapping[str, Path]


class Examiner(Protocol):
    """Looks into files that may be hostile, where they can do no harm: bounded in time and memory, one of a few.

    Both raise OVERLOADED when too many wait.
    """

    async def inspect(self, file: Path, claim: Claim) -> Findings:
        """See whether a file is what its uploader says; return what is known of it at a first look.

        Raises MEDIA_SIZE_MISMATCH, MEDIA_HASH_MISMATCH, MEDIA_TYPE_REFUSED (also for what is damaged, and what the
        examiner does not survive) and MEDIA_TOO_MANY_PIXELS.
        """

    def make(self, file: Path, claim: Claim, findings: Findings) -> AbstractAsyncContextManager[Made]:
        """Draw pictures anew, make thumbnails, measure; the files are there as long as the context lasts.

        Raises MEDIA_TYPE_REFUSED for what turns out to be damaged or harmful.
        """


class MediaUses(Protocol):
    """Reads contents for what they say of media."""

    def of(self, entry: bytes) -> MediaUse:
        """What an encoded entry, or the encoded content of a draft, refers to: nothing, if it is no post,
        no edit, and no new picture of a group.
        """

    def ends_all(self, entry: bytes) -> bool:
        """Whether an encoded entry says that a group was dissolved."""
