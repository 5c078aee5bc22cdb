"""Read history, and list the conversations of a user with what is unread in each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mesh import errors
from svc_message.application.present import Present
from svc_message.application.scan import Scanned, Scanner, Wanted
from svc_message.application.shown import Shown
from svc_message.application.sync import MAX_BYTES, within
from svc_message.domain import rules
from svc_message.domain.changes import Changes
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId, kind_of
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.ports import Log, Members, Unread, UnreadAsk
from svc_message.domain.reactions import Reactions
from svc_message.domain.reasons import Reason
from svc_message.domain.said import Reading

DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 200
AMENDING: Final = (EntryKind.EDIT, EntryKind.RECALL, EntryKind.PIN)
"""Kinds of which the newest says how a post is shown."""

COUNT_LIMIT: Final = 1_000
"""Unread is counted up to here: nobody reads the difference between 1,000 and more, and the count stays cheap."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a log that was asked for; 0 leaves an end open."""

    conversation_id: ConversationId
    from_seq: int
    to_seq: int
    limit: int
    descending: bool = False
    from_ms: int = 0
    around_seq: int = 0
    sender_id: str = ""
    traits: frozenset[str] = frozenset()

    @property
    def filtered(self) -> bool:
        """Only some posts are wanted."""
        return bool(self.sender_id or self.traits)

    @property
    def bounded(self) -> bool:
        """Something is said besides where and how many."""
        return bool(self.from_seq or self.to_seq or self.from_ms or self.descending or self.filtered)


@dataclass(frozen=True, slots=True)
class History:
    """A piece of a log, and the later entries that change what it shows."""

    entries: list[Stored]
    amendments: list[Stored]
    head_seq: Seq
    next_seq: int = 0
    """Where to go on; 0: there is no more."""
    reactions: Mapping[Seq, Reactions] = field(default_factory=dict)


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

    def __init__(
        self, log: Log, members: Members, changes: Changes, present: Present, reading: Reading, shown: Shown
    ) -> None:
        self._shown = shown
        self._log = log
        self._members = members
        self._changes = changes
        self._present = present
        self._reading = reading
        self._scanner = Scanner(changes, reading)

    async def read(self, user_id: UserId, stretch: Stretch) -> History:
        """Read a stretch, narrowed to what the user may see. CONVERSATION_NOT_FOUND, RANGE_INVALID."""
        _check(stretch)
        place = await self.place(user_id, stretch.conversation_id)
        head = await self._visible_head(place, stretch.conversation_id)
        first, last = await self._bounds(stretch, place, head)
        if first > last:
            return History([], [], head)
        scanned = await self._page(stretch, first, last)
        page = within(scanned.posts, MAX_BYTES)
        cut = scanned.next_seq if len(page) == len(scanned.posts) else scanned.posts[len(page)].seq
        posts = [one.seq for one in page if one.kind is EntryKind.POST]
        reactions = await self._present.of_page(stretch.conversation_id, posts, up_to=place.left_seq)
        return History(page, await self._amendments(stretch.conversation_id, page, head), head, cut, reactions)

    async def one(self, user_id: UserId, conversation_id: ConversationId) -> Summary:
        """One conversation of the user, or CONVERSATION_NOT_FOUND."""
        place = await self.place(user_id, conversation_id)
        summaries = await self._summarise(user_id, {conversation_id: place})
        return (await self._without_hidden(user_id, summaries))[0]

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
        following = _sort_key(page[-1]) if len(summaries) > size else None
        return await self._without_hidden(user_id, page), following

    async def _without_hidden(self, user_id: UserId, page: list[Summary]) -> list[Summary]:
        """The same without the read positions that their owners hide."""
        peers = {one.peer.user_id for one in page if one.peer is not None and one.peer.read_seq}
        shown = await self._shown.surely(user_id, peers) if peers else set()
        return [
            replace(one, peer=replace(one.peer, read_seq=Seq(0))) if one.peer and one.peer.user_id not in shown else one
            for one in page
        ]

    async def place(self, user_id: UserId, conversation_id: ConversationId) -> Membership:
        place = await self._members.one(conversation_id, user_id) if kind_of(conversation_id) else None
        if place is None:
            raise rules.unknown_conversation()
        return place

    async def _bounds(self, stretch: Stretch, place: Membership, head: Seq) -> tuple[int, int]:
        """First and last seq that are asked for and that the user may see."""
        first, last = max(stretch.from_seq, place.first_seq), min(stretch.to_seq or head, head)
        if stretch.around_seq:
            size = page_size(stretch.limit)
            first = max(place.first_seq, min(stretch.around_seq, head) - size // 2)
            return first, min(head, first + size - 1)
        if stretch.from_ms and first <= last:
            first = await self._changes.first_since(stretch.conversation_id, stretch.from_ms, first, last)
        return first, last

    async def _page(self, stretch: Stretch, first: int, last: int) -> Scanned:
        size = page_size(stretch.limit)
        if stretch.filtered:
            looked = (stretch.sender_id, stretch.traits, stretch.descending)
            return await self._scanner.scan(Wanted(stretch.conversation_id, first, last, *looked), size)
        found = await self._log.read(stretch.conversation_id, first, last, size + 1, descending=stretch.descending)
        more = len(found) > size and not stretch.around_seq
        return Scanned(found[:size], found[size].seq if more else 0)

    async def _visible_head(self, place: Membership, conversation_id: ConversationId) -> Seq:
        heads = await self._log.heads((conversation_id,))
        return place.last_visible(heads[conversation_id])

    async def _amendments(self, conversation_id: ConversationId, page: list[Stored], head: Seq) -> list[Stored]:
        """The newest edit, recall and pin of each entry of the page, as far as they stand outside of it."""
        if not page:
            return []
        seqs = {one.seq for one in page}
        found = await self._changes.latest(conversation_id, min(seqs), max(seqs), AMENDING, up_to=head)
        return [one for one in found if one.seq not in seqs and self._reading.said(one.entry).target in seqs]

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


def _check(stretch: Stretch) -> None:
    if stretch.to_seq and stretch.from_seq > stretch.to_seq:
        raise errors.invalid(Reason.RANGE_INVALID, "from_seq must not be larger than to_seq")
    if stretch.around_seq and stretch.bounded:
        raise errors.invalid(Reason.RANGE_INVALID, "around_seq stands alone: give no other bound and no filter with it")


def page_size(asked: int) -> int:
    """Size of a page: 50 when nothing is asked for, 200 at most."""
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


def _sort_key(summary: Summary) -> tuple[int, str]:
    return (-(summary.last.sent_at_ms if summary.last else 0), summary.conversation_id)
