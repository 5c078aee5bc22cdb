"""Look through a log for posts of one user or of some kinds: so far in one call, and no further."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from svc_message.application.bots.sights import Sights
from svc_message.domain.conversation import ConversationId, Membership
from svc_message.domain.entry import Stored
from svc_message.domain.posts.changes import Changes, PostSpan
from svc_message.domain.said import Reading

MAX_SCANNED: Final = 2_000
"""Places of a log that one call looks at."""

PIECE: Final = 500
"""Posts that are read at a time to be looked at."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Posts within first..last: of this user unless it is empty, with one of these traits unless there are none."""

    conversation_id: ConversationId
    first: int
    last: int
    sender_id: str
    traits: frozenset[str]
    descending: bool


@dataclass(frozen=True, slots=True)
class Scanned:
    """What was found, and where to go on; 0: all was looked at."""

    posts: list[Stored]
    next_seq: int


class Scanner:
    """Looks through logs."""

    def __init__(self, changes: Changes, reading: Reading, sights: Sights) -> None:
        self._changes = changes
        self._reading = reading
        self._sights = sights

    async def scan(self, wanted: Wanted, place: Membership, size: int) -> Scanned:
        """The first `size` posts that are wanted, and that the member is shown, among the next `MAX_SCANNED` places."""
        found: list[Stored] = []
        first, last = _window(wanted)
        while first <= last and len(found) < size:
            piece = await self._read(wanted, first, last, PIECE if wanted.traits else size)
            found += await self._sights.seen(place, [one for one in piece if self._fits(wanted, one)])
            first, last = _behind(piece, first, last, descending=wanted.descending)
        return Scanned(found[:size], _next(wanted, found, size))

    async def _read(self, wanted: Wanted, first: int, last: int, limit: int) -> list[Stored]:
        span = PostSpan(wanted.conversation_id, first, last, wanted.sender_id)
        return await self._changes.posts(span, limit, descending=wanted.descending)

    def _fits(self, wanted: Wanted, one: Stored) -> bool:
        return not wanted.traits or bool(wanted.traits & self._reading.said(one.entry).traits)


def _window(wanted: Wanted) -> tuple[int, int]:
    """The places that this call looks at."""
    if wanted.descending:
        return max(wanted.first, wanted.last - MAX_SCANNED + 1), wanted.last
    return wanted.first, min(wanted.last, wanted.first + MAX_SCANNED - 1)


def _behind(piece: Sequence[Stored], first: int, last: int, *, descending: bool) -> tuple[int, int]:
    """What of first..last is left after this piece; nothing when there was none."""
    if not piece:
        return 1, 0
    return (first, piece[-1].seq - 1) if descending else (piece[-1].seq + 1, last)


def _next(wanted: Wanted, found: Sequence[Stored], size: int) -> int:
    """Behind the last one when the page is full, else behind the window; 0 when that is beyond what was asked for."""
    first, last = _window(wanted)
    if wanted.descending:
        following = found[size - 1].seq - 1 if len(found) >= size else first - 1
        return following if following >= wanted.first else 0
    following = found[size - 1].seq + 1 if len(found) >= size else last + 1
    return following if following <= wanted.last else 0
