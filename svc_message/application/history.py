"""Read history as a user may see it, without what they have hidden."""

from dataclasses import dataclass, replace
from typing import Final

from mesh import errors
from svc_message.application.changes import changes_of
from svc_message.application.sync import MAX_BYTES, within
from svc_message.domain import rules
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId, kind_of
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.own import Owns, Veil
from svc_message.domain.ports import Codec, Log, Members
from svc_message.domain.reasons import Reason

DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 200
MAX_AMENDMENTS: Final = 500


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


class Histories:
    """Reads the logs as one user may see them."""

    def __init__(self, log: Log, members: Members, owns: Owns, codec: Codec) -> None:
        self._log = log
        self._members = members
        self._owns = owns
        self._codec = codec

    async def read(self, user_id: UserId, stretch: Stretch) -> History:
        """Read a stretch, narrowed to what the user may see. CONVERSATION_NOT_FOUND, RANGE_INVALID."""
        if stretch.to_seq and stretch.from_seq > stretch.to_seq:
            raise errors.invalid(Reason.RANGE_INVALID, "from_seq must not be larger than to_seq")
        place = await self._place(user_id, stretch.conversation_id)
        head = await self._visible_head(place, stretch.conversation_id)
        veil = (await self._owns.one(user_id, stretch.conversation_id)).veil
        if stretch.from_seq > head:
            return History([], [], more=False, head_seq=head)
        first = max(stretch.from_seq, place.first_seq, veil.cleared_seq + 1)
        last = min(stretch.to_seq or head, head)
        size = page_size(stretch.limit)
        found = await self._log.read(stretch.conversation_id, first, last, size + 1, descending=stretch.descending)
        page = within(found[:size], MAX_BYTES)
        amendments = await self._amendments(stretch.conversation_id, page, head, veil)
        return History(self._veiled(veil, page), amendments, len(found) > len(page), head)

    async def _place(self, user_id: UserId, conversation_id: ConversationId) -> Membership:
        place = await self._members.one(conversation_id, user_id) if kind_of(conversation_id) else None
        if place is None:
            raise rules.unknown_conversation()
        return place

    async def _visible_head(self, place: Membership, conversation_id: ConversationId) -> Seq:
        heads = await self._log.heads((conversation_id,))
        return place.last_visible(heads[conversation_id])

    async def _amendments(
        self, conversation_id: ConversationId, page: list[Stored], head: Seq, veil: Veil
    ) -> list[Stored]:
        if not page:
            return []
        seqs = [stored.seq for stored in page]
        found = await self._log.amendments(conversation_id, min(seqs), max(seqs), MAX_AMENDMENTS)
        without = await changes_of(self._log, conversation_id, veil.hidden.intersection(seqs))
        return [stored for stored in found if stored.seq <= head and stored.seq not in without | veil.hidden]

    def _veiled(self, veil: Veil, page: list[Stored]) -> list[Stored]:
        """The page with placeholders for what the user has hidden, so that places keep following each other."""
        return [self._placeholder(stored) if stored.seq in veil.hidden else stored for stored in page]

    def _placeholder(self, stored: Stored) -> Stored:
        entry = self._codec.hidden(stored.conversation_id, stored.seq)
        return replace(stored, kind=EntryKind.HIDDEN, entry=entry)


def page_size(asked: int) -> int:
    """Size of a page: 50 when nothing is asked for, 200 at most."""
    return min(asked or DEFAULT_PAGE, MAX_PAGE)
