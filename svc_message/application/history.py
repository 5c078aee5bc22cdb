"""Read history, and list the conversations of a user with what is unread in each."""

from dataclasses import dataclass
from typing import Final

from mesh import errors
from svc_message.application.sync import MAX_BYTES, within
from svc_message.domain import rules
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId, kind_of
from svc_message.domain.entry import Stored
from svc_message.domain.ports import Log, Members, Unread, UnreadAsk
from svc_message.domain.reasons import Reason

DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 200
MAX_AMENDMENTS: Final = 500
COUNT_LIMIT: Final = 1_000
"""Unread is counted up to here: nobody reads the difference between 1,000 and more, and the count stays cheap."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a log that was asked for; 0 leaves an end open."""

    conversation_id: ConversationId
    from_seq: int
    to_seq: int
    limit: int
    descending: bool


@dataclass(frozen=True, slots=True)
class History:
    """A piece of a log, and the later entries that change what it shows."""

    entries: list[Stored]
    amendments: list[Stored]
    more: bool
    head_seq: Seq


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in the list of a user."""

    conversation_id: ConversationId
    place: Membership
    head_seq: Seq
    peer: Membership | None
    unread: Unread
    last: Stored | None


class Histories:
    """Reads the logs as one user may see them."""

    def __init__(self, log: Log, members: Members) -> None:
        self._log = log
        self._members = members

    async def read(self, user_id: UserId, stretch: Stretch) -> History:
        """Read a stretch, narrowed to what the user may see. CONVERSATION_NOT_FOUND, RANGE_INVALID."""
        if stretch.to_seq and stretch.from_seq > stretch.to_seq:
            raise errors.invalid(Reason.RANGE_INVALID, "from_seq must not be larger than to_seq")
        place = await self._place(user_id, stretch.conversation_id)
        head = await self._visible_head(place, stretch.conversation_id)
        if stretch.from_seq > head:
            return History([], [], more=False, head_seq=head)
        first = max(stretch.from_seq, place.first_seq)
        last = min(stretch.to_seq or head, head)
        size = page_size(stretch.limit)
        found = await self._log.read(stretch.conversation_id, first, last, size + 1, descending=stretch.descending)
        page = within(found[:size], MAX_BYTES)
        return History(page, await self._amendments(stretch.conversation_id, page, head), len(found) > len(page), head)

    async def one(self, user_id: UserId, conversation_id: ConversationId) -> Summary:
        """One conversation of the user, or CONVERSATION_NOT_FOUND."""
        place = await self._place(user_id, conversation_id)
        return (await self._summarise(user_id, {conversation_id: place}))[0]

    async def summaries(
        self, user_id: UserId, after: tuple[int, str] | None, size: int
    ) -> tuple[list[Summary], tuple[int, str] | None]:
        """Conversations of the user, the newest first, after the given sort key; and the key of the next page."""
        places = await self._members.of_user(user_id)
        places.pop(ConversationId(user_id), None)
        summaries = sorted(await self._summarise(user_id, places), key=_sort_key)
        if after is not None:
            summaries = [summary for summary in summaries if _sort_key(summary) > after]
        page = summaries[:size]
        return page, _sort_key(page[-1]) if len(summaries) > size else None

    async def _place(self, user_id: UserId, conversation_id: ConversationId) -> Membership:
        place = await self._members.one(conversation_id, user_id) if kind_of(conversation_id) else None
        if place is None:
            raise rules.unknown_conversation()
        return place

    async def _visible_head(self, place: Membership, conversation_id: ConversationId) -> Seq:
        heads = await self._log.heads((conversation_id,))
        return place.last_visible(heads[conversation_id])

    async def _amendments(self, conversation_id: ConversationId, page: list[Stored], head: Seq) -> list[Stored]:
        if not page:
            return []
        seqs = (page[0].seq, page[-1].seq)
        found = await self._log.amendments(conversation_id, min(seqs), max(seqs), MAX_AMENDMENTS)
        return [stored for stored in found if stored.seq <= head]

    async def _summarise(self, user_id: UserId, places: dict[ConversationId, Membership]) -> list[Summary]:
        heads = await self._log.heads(places.keys())
        ends = {id_: place.last_visible(heads[id_]) for id_, place in places.items()}
        peers = await self._members.peers(user_id)
        last = await self._log.last(ends)
        asks = [UnreadAsk(id_, max(place.read_seq, place.first_seq - 1), ends[id_]) for id_, place in places.items()]
        counts = await self._members.unread(user_id, asks, COUNT_LIMIT)
        return [
            Summary(id_, place, ends[id_], peers.get(id_), count, last.get(id_))
            for (id_, place), count in zip(places.items(), counts, strict=True)
        ]


def page_size(asked: int) -> int:
    """Size of a page: 50 when nothing is asked for, 200 at most."""
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


def _sort_key(summary: Summary) -> tuple[int, str]:
    return (-(summary.last.sent_at_ms if summary.last else 0), summary.conversation_id)
