"""What may be uploaded, sent and fetched. Each rule answers None or the error that says what to change."""

from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import UserId
from svc_message.domain.media import types as media_types
from svc_message.domain.media.file import Claim, Media, MediaLimits, MediaState, Purpose, Room, Thumbnail, ThumbnailSize
from svc_message.domain.reasons import Reason

NO_MEDIA: Final = "no such media, or you may not see it"


def unknown_media() -> MeshError:
    """The one answer for what is not there and for what the caller may not see, so that ids cannot be probed."""
    return errors.not_found(Reason.MEDIA_NOT_FOUND, NO_MEDIA)


def unknown_upload() -> MeshError:
    """The one answer for an upload that is not there, has ended, or is somebody else's."""
    return errors.not_found(Reason.UPLOAD_NOT_FOUND, "no such upload of yours; it may have ended")


def incomplete() -> MeshError:
    """The answer while parts are missing."""
    return errors.precondition(Reason.UPLOAD_INCOMPLETE, "parts are missing; GetUpload names those that are there")


def part_conflict(message: str) -> MeshError:
    """The answer to a piece that does not fit."""
    return errors.aborted(Reason.UPLOAD_PART_CONFLICT, message)


def type_refused(message: str) -> MeshError:
    """The answer to a file that is not taken, or not what it is said to be."""
    return errors.invalid(Reason.MEDIA_TYPE_REFUSED, message)


def refuse_claim(claim: Claim, limits: MediaLimits) -> MeshError | None:
    """The reason why such a file is not taken, before a byte of it has come."""
    largest = limits.largest(claim.purpose)
    if claim.size_bytes > largest:
        message = f"a file for this purpose may have {largest} bytes"
        return errors.exhausted(Reason.MEDIA_TOO_LARGE, message, max_bytes=str(largest))
    if not media_types.taken(claim.content_type, claim.purpose):
        return type_refused("files of this type are not taken for this purpose")
    return None


def refuse_room(room: Room, limits: MediaLimits) -> MeshError | None:
    """The reason why the newest upload, which `room` includes, is one too many."""
    if room.uploads > limits.uploads:
        message = f"{limits.uploads} uploads may be under way at a time; complete or abort one, or wait"
        return errors.exhausted(Reason.TOO_MANY_UPLOADS, message, retry_after=10.0)
    if room.files > limits.files:
        message = f"you have {limits.files} files, which is the most: delete media that you do not need"
        return errors.exhausted(Reason.QUOTA_EXCEEDED, message, max_files=str(limits.files))
    if room.used_bytes > limits.quota_bytes:
        return errors.exhausted(Reason.QUOTA_EXCEEDED, "your storage is full: delete media that you do not need")
    return None


def refuse_use(media: Media | None, user_id: UserId, *, shown: bool) -> MeshError | None:
    """The reason why a user may not refer to this media in a message; `shown`: they may see an entry that does."""
    if media is None or not media.complete or (media.owner_id != user_id and not shown):
        return unknown_media()
    if media.claim.purpose is not Purpose.MESSAGE:
        return errors.invalid(
            Reason.MEDIA_WRONG_PURPOSE, "this media was uploaded as an avatar; upload it for messages"
        )
    return None if media.state is MediaState.READY else not_ready(media)


def refuse_avatar(media: Media | None, user_id: UserId) -> MeshError | None:
    """The reason why a user may not take this media as the picture of a profile or group."""
    if media is None or not media.complete or media.owner_id != user_id:
        return unknown_media()
    if media.claim.purpose is not Purpose.AVATAR:
        return errors.invalid(
            Reason.MEDIA_WRONG_PURPOSE, "this media was uploaded for messages; upload it as an avatar"
        )
    return None if media.state is MediaState.READY else not_ready(media)


def not_ready(media: Media) -> MeshError:
    """The answer for a media whose bytes cannot be had, now or for ever."""
    if media.state is MediaState.PROCESSING:
        return errors.precondition(
            Reason.MEDIA_NOT_READY, "the media is still being looked at; ask again", state="processing"
        )
    state = media.state.name.lower()
    return errors.precondition(Reason.MEDIA_NOT_READY, f"the media is {state}; its bytes are gone", state=state)


def forgotten(media_id: str) -> Media:
    """A media that is gone so long that nothing is known of it but that a message shows it."""
    nothing = Claim(Purpose.MESSAGE, 0, b"", "")
    return Media(media_id, UserId(""), "", nothing, MediaState.EXPIRED, begun_at_ms=0, due_at_ms=0, emptied=True)


def failure(reason: str) -> MeshError:
    """The refusal of a media, said again."""
    message = "the file was refused: it is not what was declared, is damaged, or is of a kind that is not taken"
    if reason in (Reason.MEDIA_SIZE_MISMATCH, Reason.MEDIA_HASH_MISMATCH):
        return errors.precondition(reason, message)
    return errors.invalid(reason, message)


def thumbnail_for(media: Media, size: ThumbnailSize) -> Thumbnail | None:
    """The thumbnail to give for a size: that one, or the next larger that was made; None for the original."""
    made = media.findings.thumbnails if media.findings else ()
    return next((one for one in made if one.size >= size), None) if size else None
