"""Read history as a user may see it, without what they have hidden."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mesh import errors
from svc_message.application.bots.sights import Sights
from svc_message.application.reading.present import Present
from svc_message.application.reading.scan import Scanned, Scanner, Wanted
from svc_message.application.sync.catch_up import MAX_BYTES, within
from svc_message.domain import rules
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId, kind_of
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.own import Owns, Veil, hidden
from svc_message.domain.ports import Codec, Log, Members
from svc_message.domain.posts.changes import Changes
from svc_message.domain.posts.reactions import Reactions
from svc_message.domain.reasons import Reason
from svc_message.domain.said import Reading

DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 200
AMENDING: Final = (EntryKind.EDIT, EntryKind.RECALL, EntryKind.PIN)
"""Kinds of which the newest says how a post is shown."""


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


class Histories:
    """Reads the logs as one user may see them."""

    def __init__(
        self,
        log: Log,
        members: Members,
        changes: Changes,
        present: Present,
        reading: Reading,
        owns: Owns,
        codec: Codec,
        sights: Sights,
    ) -> None:
        self.sights = sights
        """What of a place's reach the member is shown: for whoever reads more of it."""
        self._owns = owns
        self._codec = codec
        self._log = log
        self._members = members
        self._changes = changes
        self._present = present
        self._reading = reading
        self._scanner = Scanner(changes, reading, sights)

    async def read(self, user_id: UserId, stretch: Stretch) -> History:
        """Read a stretch, narrowed to what the user may see. CONVERSATION_NOT_FOUND, RANGE_INVALID."""
        _check(stretch)
        place, veil = await self.seen(user_id, stretch.conversation_id)
        head = await self._visible_head(place, stretch.conversation_id)
        first, last = await self._bounds(stretch, place, head)
        if first > last:
            return History([], [], head)
        scanned = await self._page(stretch, place, first, last)
        page = self._veiled(veil, within(scanned.posts, MAX_BYTES))
        cut = scanned.next_seq if len(page) == len(scanned.posts) else scanned.posts[len(page)].seq
        posts = [one.seq for one in page if one.kind is EntryKind.POST]
        reactions = await self._present.of_page(stretch.conversation_id, posts, up_to=place.left_seq)
        amendments = await self._amendments(stretch.conversation_id, page, head, veil, place)
        shown = [one for one in page if one.kind is not EntryKind.HIDDEN] if stretch.filtered else page
        return History(shown, amendments, head, cut, reactions)

    async def place(self, user_id: UserId, conversation_id: ConversationId) -> Membership:
        """The user's place, which begins where they begin to see something. CONVERSATION_NOT_FOUND."""
        return (await self.seen(user_id, conversation_id))[0]

    async def seen(self, user_id: UserId, conversation_id: ConversationId) -> tuple[Membership, Veil]:
        """The same, and what the user has hidden of it."""
        place = await self._members.one(conversation_id, user_id) if kind_of(conversation_id) else None
        if place is None:
            raise rules.unknown_conversation()
        veil = (await self._owns.one(user_id, conversation_id)).veil
        return replace(place, first_seq=Seq(max(place.first_seq, veil.cleared_seq + 1))), veil

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

    async def _page(self, stretch: Stretch, place: Membership, first: int, last: int) -> Scanned:
        size = page_size(stretch.limit)
        if stretch.filtered:
            looked = (stretch.sender_id, stretch.traits, stretch.descending)
            return await self._scanner.scan(Wanted(stretch.conversation_id, first, last, *looked), place, size)
        found = await self._log.read(stretch.conversation_id, first, last, size + 1, descending=stretch.descending)
        more = len(found) > size and not stretch.around_seq
        return Scanned(await self.sights.page(place, found[:size]), found[size].seq if more else 0)

    async def _visible_head(self, place: Membership, conversation_id: ConversationId) -> Seq:
        heads = await self._log.heads((conversation_id,))
        return place.last_visible(heads[conversation_id])

    async def _amendments(
        self, conversation_id: ConversationId, page: list[Stored], head: Seq, veil: Veil, place: Membership
    ) -> list[Stored]:
        """The newest edit, recall and pin of each entry of the page, as far as they are shown and stand outside."""
        if not page:
            return []
        seqs = {one.seq for one in page}
        found = await self._changes.latest(conversation_id, min(seqs), max(seqs), AMENDING, up_to=head)
        targets = [(one, self._reading.said(one.entry).target) for one in found if one.seq not in seqs]
        shown = [one for one, target in targets if target in seqs and not hidden(veil, one.seq, target)]
        return await self.sights.seen(place, shown)

    def _veiled(self, veil: Veil, page: list[Stored]) -> list[Stored]:
        """The page with placeholders for what the user has hidden, so that places keep following each other."""
        return [self._placeholder(stored) if stored.seq in veil.hidden else stored for stored in page]

    def _placeholder(self, stored: Stored) -> Stored:
        entry = self._codec.hidden(stored.conversation_id, stored.seq)
        return replace(stored, kind=EntryKind.HIDDEN, entry=entry)


def _check(stretch: Stretch) -> None:
    if stretch.to_seq and stretch.from_seq > stretch.to_seq:
        raise errors.invalid(Reason.RANGE_INVALID, "from_seq must not be larger than to_seq")
    if stretch.around_seq and stretch.bounded:
        raise errors.invalid(Reason.RANGE_INVALID, "around_seq stands alone: give no other bound and no filter with it")


def page_size(asked: int) -> int:
    """Size of a page: 50 when nothing is asked for, 200 at most."""
    return min(asked or DEFAULT_PAGE, MAX_PAGE)
