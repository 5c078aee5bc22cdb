"""What a deleted user leaves behind in media: which of them others may still see, and what is erased."""

from dataclasses import dataclass, replace
from typing import Final, Protocol

from svc_message.domain.conversation import ConversationId, UserId
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.media.file import ENDED, Claim, Media, MediaState

SHOWING: Final = (EntryKind.POST, EntryKind.EDIT, EntryKind.GROUP)
"""Kinds of entry that may show a media of who wrote them: messages, and the picture of a group."""

AGAIN_MS: Final = 3_600_000
"""When an estate is looked at once more: a call that was under way when the account ended has ended by then, and the
token that let it in with it.
"""


@dataclass(frozen=True, slots=True)
class Estate:
    """The media of a deleted user, to be looked at when it is `due_at_ms`; the last time if `last`."""

    user_id: UserId
    due_at_ms: int
    last: bool = False


class Estates(Protocol):
    """Estates that are not settled yet. All raise UNAVAILABLE when the store is away."""

    async def put(self, estate: Estate) -> None:
        """Keep this as the estate of its user, durably, in place of what was there."""

    async def due(self, now_ms: int, limit: int) -> list[Estate]:
        """Those that are due by now, the ones that wait longest first."""

    async def close(self, estate: Estate) -> None:
        """Remove it if it is still the one that is kept. Twice is no error."""

    async def leavings(self, user_id: UserId, after: str, limit: int) -> list[Media]:
        """All that is known of media of this user, whatever became of them, in the order of their request ids, behind
        this one.
        """

    async def erase(self, media: Media) -> bool:
        """Keep this in place of a media of the same revision, with the next one, so that nothing of what was known of
        it before is in a file of the store once `scrub` has returned; whether it was still that one.
        """

    async def scrub(self) -> None:
        """Clear what the store keeps beside its data. UNAVAILABLE while that is in use."""


class Traces(Protocol):
    """What users left in the logs. All raise UNAVAILABLE when the store is away."""

    async def shared(self, conversation_id: ConversationId, user_id: UserId) -> bool:
        """Whether anybody but this user is in the conversation, or ever was."""

    async def written(self, conversation_id: ConversationId, user_id: UserId, first: int, last: int) -> list[Stored]:
        """What this user wrote of the kinds `SHOWING` with first <= seq <= last, and that still stands there."""


def erased(media: Media, now_ms: int) -> Media:
    """A media of which nothing is known any more but that it is gone; bytes that are left are due to go."""
    nothing = Claim(media.claim.purpose, 0, b"", "")
    blank = replace(media, request_id=_no_request(media), claim=nothing, findings=None, completed_at_ms=0, attempts=0)
    if media.state in ENDED:
        return blank
    state = MediaState.ABORTED if media.state is MediaState.UPLOADING else MediaState.EXPIRED
    return replace(blank, state=state, due_at_ms=now_ms)


def is_erased(media: Media) -> bool:
    """Whether nothing is known of it any more."""
    return media.request_id == _no_request(media)


def _no_request(media: Media) -> str:
    """In place of what a client made up: longer than what clients may, so that none can stand in its way."""
    return media.media_id.rjust(65)
