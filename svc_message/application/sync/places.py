"""Where users stand, in memory: the conversations of each user who was here lately, and how far those have come."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from svc_message.domain.conversation import (
    ConversationId,
    ConversationKind,
    Membership,
    Seq,
    UserId,
    addressed_before,
    direct_users,
    kind_of,
    peer_of,
)
from svc_message.domain.entry import Row
from svc_message.domain.own import OPEN, Veil
from svc_message.domain.ports import Mark, Standing

CAPACITY: Final = 400_000
"""Places kept, over all users: about 250 bytes each, so 100 MiB at most. Beyond it the users seen least lately go."""


class Veiled(NamedTuple):
    """A user has hidden something."""

    user_id: UserId
    conversation_id: ConversationId
    veil: Veil


class CutOff(NamedTuple):
    """The entries of a log before `seq` were removed."""

    conversation_id: ConversationId
    seq: Seq


Change = Row | Mark | Veiled | CutOff
"""What is durable, and changes where users stand."""


@dataclass(slots=True)
class Head:
    """How far a log has come, shared by the places in it, of which there are so many."""

    seq: Seq
    places: int = 0
    cut_seq: Seq = Seq(0)
    """Entries before this one are gone."""


@dataclass(slots=True)
class Place:
    """One user in one conversation."""

    head: Head
    changed_seq: Seq
    """The membership entry that was taken in last: an older one says nothing new."""
    first_seq: Seq
    left_seq: Seq
    read_seq: Seq
    peer_read_seq: Seq
    veil: Veil = OPEN
    addressed_before: Seq = Seq(0)
    """As in `Membership`."""

    @property
    def first_visible(self) -> Seq:
        """First seq that the user may see and has not cleared away."""
        return Seq(max(self.first_seq, self.veil.cleared_seq + 1, self.head.cut_seq))

    @property
    def last_visible(self) -> Seq:
        """Newest seq that the user may see."""
        return min(self.left_seq, self.head.seq) if self.left_seq else self.head.seq


PlacesOfUser = dict[ConversationId, Place]


class Places:
    """All that is remembered. Nothing is read here: what is not known is answered with None."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._users: OrderedDict[UserId, PlacesOfUser] = OrderedDict()
        self._heads: dict[ConversationId, Head] = {}
        self._count = 0

    def get(self, user_id: UserId) -> PlacesOfUser | None:
        """The places of a user, who counts as seen by that."""
        found = self._users.get(user_id)
        if found is not None:
            self._users.move_to_end(user_id)
        return found

    def put(self, user_id: UserId, standings: Iterable[Standing]) -> PlacesOfUser:
        """Take in what the store says of a user, instead of what was known."""
        self._drop(user_id)
        places = self._users[user_id] = {}
        self._count += 1
        for one in standings:
            head = self._head(one.conversation_id, one.head_seq)
            self._add(places, one.conversation_id, place_of(one, head))
        while self._count > self._capacity and len(self._users) > 1:
            self._drop(next(iter(self._users)))
        return places

    def forget(self) -> None:
        """Forget all."""
        self._users.clear()
        self._heads.clear()
        self._count = 0

    def take_in(self, change: "Change") -> None:
        """Take in something that is durable."""
        if isinstance(change, Row):
            self.appended(change)
        elif isinstance(change, Mark):
            self.advanced(change)
        elif isinstance(change, Veiled):
            self.veiled(change)
        else:
            self.cut(change)

    def appended(self, row: Row) -> None:
        """Take in an entry that is durable. Taking one in again, or late, changes nothing."""
        conversation_id = row.draft.conversation_id
        head = self._heads.get(conversation_id)
        if head is not None and row.seq > head.seq:
            head.seq = row.seq
        if row.draft.members is not None:
            self._change(row)
        elif row.seq == 1:
            self._begin(row)

    def advanced(self, mark: Mark) -> None:
        """Take in how far a user has read."""
        place = self._place(mark.user_id, mark.conversation_id)
        if place is not None:
            place.read_seq = max(place.read_seq, mark.read_seq)
        if kind_of(mark.conversation_id) is ConversationKind.DIRECT:
            self._tell_peer(mark)

    def veiled(self, change: Veiled) -> None:
        """Take in what a user has hidden: it only grows, so the order does not matter."""
        place = self._place(change.user_id, change.conversation_id)
        if place is not None:
            cleared = Seq(max(place.veil.cleared_seq, change.veil.cleared_seq))
            place.veil = Veil(cleared, place.veil.hidden | change.veil.hidden)

    def cut(self, change: CutOff) -> None:
        """Take in that the beginning of a log was removed."""
        head = self._heads.get(change.conversation_id)
        if head is not None:
            head.cut_seq = max(head.cut_seq, change.seq)

    def _tell_peer(self, mark: Mark) -> None:
        peer = peer_of(mark.conversation_id, mark.user_id)
        place = self._place(peer, mark.conversation_id)
        if place is not None and peer != mark.user_id:
            place.peer_read_seq = max(place.peer_read_seq, mark.read_seq)

    def _begin(self, row: Row) -> None:
        """The first entry of a direct chat or personal log makes its members."""
        conversation_id, kind = row.draft.conversation_id, kind_of(row.draft.conversation_id)
        if kind is ConversationKind.GROUP:
            return
        users = direct_users(conversation_id) if kind is ConversationKind.DIRECT else (UserId(conversation_id),)
        for user_id in users:
            places = self._users.get(user_id)
            if places is not None and conversation_id not in places:
                self._add(places, conversation_id, self._new(row, Seq(0), Seq(1)))

    def _change(self, row: Row) -> None:
        """Who came and who went, of those that are remembered."""
        delta = row.draft.members
        for member in delta.added if delta else ():
            self._come(row, member)
        for user_id in delta.removed if delta else ():
            place = self._place(user_id, row.draft.conversation_id)
            if place is not None and place.changed_seq < row.seq and not place.left_seq:
                place.left_seq = place.changed_seq = row.seq
        for member in delta.updated if delta else ():
            if member.addressed_before:
                self._show_bot(row, member)

    def _show_bot(self, row: Row, member: Membership) -> None:
        """What a bot is shown by its role. Changes come in their order: the last one that is taken in again holds."""
        place = self._place(member.user_id, row.draft.conversation_id)
        if place is not None and place.changed_seq < row.seq:
            place.addressed_before = addressed_before(place.addressed_before, member.role, row.seq)

    def _come(self, row: Row, member: Membership) -> None:
        places = self._users.get(member.user_id)
        if places is None:
            return
        place = places.get(row.draft.conversation_id)
        if place is None:
            place = self._new(row, row.seq, member.first_seq)
            place.addressed_before = member.addressed_before
            self._add(places, row.draft.conversation_id, place)
        elif place.changed_seq < row.seq:
            place.changed_seq, place.first_seq, place.left_seq = row.seq, member.first_seq, Seq(0)
            place.addressed_before = member.addressed_before

    def _new(self, row: Row, changed: Seq, first: Seq) -> Place:
        head = self._head(row.draft.conversation_id, row.seq)
        return Place(head, changed, first, Seq(0), Seq(0), Seq(0))

    def _head(self, conversation_id: ConversationId, seq: Seq) -> Head:
        head = self._heads.setdefault(conversation_id, Head(seq))
        head.seq = max(head.seq, seq)
        return head

    def _place(self, user_id: UserId, conversation_id: ConversationId) -> Place | None:
        places = self._users.get(user_id)
        return places.get(conversation_id) if places is not None else None

    def _add(self, places: PlacesOfUser, conversation_id: ConversationId, place: Place) -> None:
        places[conversation_id] = place
        place.head.places += 1
        self._count += 1

    def _drop(self, user_id: UserId) -> None:
        places = self._users.pop(user_id, None)
        if places is None:
            return
        self._count -= 1 + len(places)
        for conversation_id, place in places.items():
            place.head.places -= 1
            if not place.head.places:
                del self._heads[conversation_id]


def place_of(standing: Standing, head: Head) -> Place:
    """A place as the store has it."""
    changed = max(standing.join_seq, standing.left_seq)
    head.cut_seq = max(head.cut_seq, standing.cut_seq)
    seqs = (changed, standing.first_seq, standing.left_seq, standing.read_seq, standing.peer_read_seq)
    return Place(head, *seqs, standing.veil, standing.addressed_before)
