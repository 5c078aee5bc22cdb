"""Media: what an uploader says of a file, what is found in it, and where it stands."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from svc_message.domain.conversation import ConversationId, Seq, UserId

PART_BYTES: Final = 5 * 1024 * 1024
"""Size of a part: the smallest that S3 takes, so that little is sent again after a break."""

MAX_PARTS: Final = 10_000
IDLE_MS: Final = 3_600_000
"""An upload without a new part for so long is aborted."""

UPLOAD: Final = "upload"
"""Name of the bytes as they were uploaded. They are what is fetched, unless they were drawn anew as `CONTENT`."""

CONTENT: Final = "content"
"""Name of the bytes that were made from the uploaded ones."""


class Purpose(IntEnum):
    """What a media is uploaded for. Here and below, the numbers are those of the contract."""

    MESSAGE = 1
    AVATAR = 2


class MediaKind(IntEnum):
    """What a media is."""

    IMAGE = 1
    VIDEO = 2
    AUDIO = 3
    FILE = 4


class MediaState(IntEnum):
    """Where a media stands; the contract knows nothing of the last two, which are uploads."""

    PROCESSING = 1
    READY = 2
    REJECTED = 3
    EXPIRED = 4
    UPLOADING = 10
    ABORTED = 11


class ThumbnailSize(IntEnum):
    """Sizes of thumbnails, the smallest first; ORIGINAL is none."""

    ORIGINAL = 0
    SMALL = 1
    MEDIUM = 2
    LARGE = 3


LONGER_SIDE: Final = {ThumbnailSize.SMALL: 160, ThumbnailSize.MEDIUM: 480, ThumbnailSize.LARGE: 1280}
"""Pixels of the longer side."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A smaller picture; its bytes are kept under the name of its size."""

    size: ThumbnailSize
    width: int
    height: int
    size_bytes: int
    content_type: str

    @property
    def name(self) -> str:
        """Name of its bytes."""
        return self.size.name.lower()


@dataclass(frozen=True, slots=True)
class Claim:
    """What the uploader says of a file. `sha256` is 32 bytes, times are milliseconds."""

    purpose: Purpose
    size_bytes: int
    sha256: bytes
    content_type: str
    file_name: str = ""
    duration_ms: int = 0
    waveform: bytes = b""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of the bytes that are fetched, which are kept under the name `content`."""

    kind: MediaKind
    content_type: str
    size_bytes: int
    sha256: bytes
    content: str = UPLOAD
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    waveform: bytes = b""
    thumbnails: tuple[Thumbnail, ...] = ()
    blur_hash: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """A file on its way or here. `revision` counts its changes: who changes it must have seen the last one."""

    media_id: str
    owner_id: UserId
    request_id: str
    claim: Claim
    state: MediaState
    begun_at_ms: int
    due_at_ms: int
    """When somebody must look at it: an upload may be idle, work may have stopped, bytes may be left over. 0: never."""
    part_bytes: int = PART_BYTES
    handle: str = ""
    """What the store of bytes calls the upload; empty until it knows of it."""
    findings: Findings | None = None
    failure: str = ""
    """The reason why it was rejected."""
    completed_at_ms: int = 0
    attempts: int = 0
    """How often work on it began."""
    emptied: bool = False
    """Its bytes are gone."""
    revision: int = 0

    @property
    def part_count(self) -> int:
        """How many parts it has, at least 1."""
        return -(-self.claim.size_bytes // self.part_bytes)

    def part_size(self, number: int) -> int:
        """Bytes of a part, from 1; 0 for one that it does not have."""
        left = self.claim.size_bytes - (number - 1) * self.part_bytes
        return max(0, min(self.part_bytes, left))

    @property
    def charged(self) -> int:
        """Bytes that count against its owner's room."""
        if self.state is MediaState.UPLOADING:
            return self.claim.size_bytes
        if self.state in (MediaState.PROCESSING, MediaState.READY) and self.findings:
            return self.findings.size_bytes
        return 0

    @property
    def file_name(self) -> str:
        """Name for saving it: the uploader's, with another ending where it became a picture of another type."""
        name, dot, ending = self.claim.file_name.rpartition(".")
        drawn = REDRAWN.get(self.findings.content_type, "") if self.findings else ""
        return f"{name}.{drawn}" if dot and drawn and ending.lower() in ("heic", "heif") else self.claim.file_name

    @property
    def complete(self) -> bool:
        """Whether all of it came and was taken."""
        return self.findings is not None and self.state in COMPLETE


COMPLETE: Final = frozenset({MediaState.PROCESSING, MediaState.READY, MediaState.REJECTED, MediaState.EXPIRED})


ENDED: Final = frozenset({MediaState.ABORTED, MediaState.REJECTED, MediaState.EXPIRED})
"""What has no bytes, or is about to lose them."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An entry that refers to media."""

    conversation_id: ConversationId
    seq: Seq


@dataclass(frozen=True, slots=True)
class MediaUse:
    """The media that a content refers to, and the message that it is forwarded from, or that it edits."""

    media_ids: frozenset[str] = frozenset()
    forwarded_from: Reference | None = None


REDRAWN: Final = {"image/jpeg": "jpg", "image/png": "png"}
"""Endings of the names of what pictures are drawn as that few can show."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a user has: bytes and files, uploads under way included, and how many of them are under way or looked at."""

    used_bytes: int
    uploads: int
    files: int


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """How much a user may have. Bytes; `uploads` at a time, until they have been looked at, so that nobody fills the
    queue of what is looked at; `files` bound what very small ones cost besides.
    """

    message_bytes: int = 100 * 1024 * 1024
    avatar_bytes: int = 5 * 1024 * 1024
    quota_bytes: int = 5 * 1024 * 1024 * 1024
    uploads: int = 20
    files: int = 20_000

    def largest(self, purpose: Purpose) -> int:
        """The size cap of a purpose, bytes."""
        return self.avatar_bytes if purpose is Purpose.AVATAR else self.message_bytes


def part_bytes_of(size_bytes: int) -> int:
    """Size of the parts of an upload: at most `MAX_PARTS` of them."""
    return max(PART_BYTES, -(-size_bytes // MAX_PARTS))


def last_part(file_name: str) -> str:
    """The name without any path, of either kind of system. Names that are only dots name nothing."""
    name = file_name.replace("\\", "/").rpartition("/")[2].strip()
    return "" if not name.strip(".") else name
