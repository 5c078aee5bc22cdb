"""What the message service needs from outside, as specifications that each adapter is held to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from svc_message.domain.conversation import ConversationId, DeviceId, GroupRights, Membership, Seq, UserId
from svc_message.domain.entry import Row, Stored
from svc_message.domain.own import NO_SEQS, OPEN, Veil


class Clash(Exception):  # noqa: N818 - not a failure: the store keeps its promise and the caller decides
    """An append met a place or an idempotency key that is taken; the first `stored` rows are stored, no others."""

    def __init__(self, stored: int = 0) -> None:
        super().__init__(stored)
        self.stored = stored


class Log(Protocol):
    """The append-only logs."""

    async def append(self, rows: Sequence[Row]) -> None:
        """Store the rows in their order, durably, with what they change besides: members, cursors, tombstones.

        (conversation, seq) and (conversation, device, client message id) are unique. A row that breaks either raises
        Clash, which tells how many rows before it are stored. Raises UNAVAILABLE when the store cannot
        answer: nothing is known about the rows then.
        The members of direct chats and personal logs exist from the first row on.
        """

    async def heads(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """Newest seq of each conversation; 0 for those without entries."""

    async def find(
        self, keys: Collection[tuple[ConversationId, DeviceId, int]]
    ) -> dict[tuple[ConversationId, DeviceId, int], Stored]:
        """Entries with these idempotency keys; absent keys are left out."""

    async def read(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, descending: bool = False
    ) -> list[Stored]:
        """Entries with first <= seq <= last, at most `limit`, oldest first unless `descending`."""

    async def read_each(self, spans: Sequence["Span"], limit: int, room: int) -> list["Run"]:
        """The encoded entries of each span, oldest first, in one trip: at most `limit` entries and `room` bytes in all.

        One run for each span, in the order of the spans. The first entry that does not fit ends its run and empties
        those after it; while there is any room, one entry fits that is larger.
        """

    async def last(self, ends: Mapping[ConversationId, Seq]) -> dict[ConversationId, Stored]:
        """The entries at these places, for lists of conversations."""

    async def amendments(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, after: int = 0
    ) -> list[Stored]:
        """Edits, recalls and pins whose target is within first..last and that are themselves after `last` and after
        `after`, oldest first.
        """

    async def foreign_writes(self) -> int | None:
        """A number that is another one after anyone but this adapter wrote to the store; None when it cannot tell.

        It covers every write that was durable when this was called, and what this adapter was asked to write before
        is decided by then. Members and logs of one store have one number. UNAVAILABLE when the store cannot answer.
        """


class Members(Protocol):
    """Who is and was in a conversation: a projection of the log, changed by `Log.append` alone."""

    async def of_conversation(self, conversation_id: ConversationId) -> list[Membership]:
        """Those who are members now."""

    async def of_user(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """All places of a user, those that ended included."""

    async def peers(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """In each direct chat of a user, the place of the other one."""

    async def standings(self, user_id: UserId) -> list["Standing"]:
        """Where a user stands in each conversation, those that they left included, in one look at the store."""

    async def one(self, conversation_id: ConversationId, user_id: UserId) -> Membership | None:
        """The place of a user in a conversation, also one that ended."""

    async def group_rights(self, conversation_id: ConversationId) -> GroupRights:
        """What the settings of a group say about who may write what; the defaults while nothing was said."""

    async def advance(self, marks: Sequence["Mark"]) -> list[tuple["Mark", bool]]:
        """Raise read and received positions, never lower them; for each mark how it stands now, and whether it rose."""

    async def unread(self, user_id: UserId, asks: Sequence["UnreadAsk"], limit: int) -> list["Unread"]:
        """Count, for each ask, posts of others after its seq, and those that address the user; stops at `limit`.

        Without a user: the posts of all.
        """


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a log: the entries with first <= seq <= last."""

    conversation_id: ConversationId
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Run:
    """Encoded entries of one log, one after the other; `reached` is the seq of the last one, 0 without any."""

    entries: Sequence[bytes] = ()
    reached: Seq = Seq(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """A user's place in a conversation with its newest seq, and in a direct chat how far the peer has read."""

    conversation_id: ConversationId
    head_seq: Seq
    join_seq: Seq
    first_seq: Seq
    left_seq: Seq
    read_seq: Seq
    peer_read_seq: Seq
    cut_seq: Seq = field(default=Seq(0), kw_only=True)
    """Entries before this one are gone for everyone."""
    veil: Veil = field(default=OPEN, kw_only=True)
    """What the user has hidden."""
    addressed_before: Seq = field(default=Seq(0), kw_only=True)
    """As in `Membership`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a user has read and received a conversation; 0 leaves a position as it is."""

    conversation_id: ConversationId
    user_id: UserId
    read_seq: Seq = Seq(0)
    received_seq: Seq = Seq(0)


@dataclass(frozen=True, slots=True)
class UnreadAsk:
    """Count in this conversation the seqs after `after` up to `last`."""

    conversation_id: ConversationId
    after: int
    last: int
    without: frozenset[int] = NO_SEQS
    """Seqs that do not count: the user has hidden them."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Posts of others, and those of them that address the user."""

    posts: int = 0
    mentions: int = 0


class Contacts(Protocol):
    """What the user service knows of two users."""

    async def may_write(self, sender_id: UserId, recipient_id: UserId) -> bool:
        """Return when the sender may write to the recipient; True: but not begin, since the sender is a bot.

        Raises CONVERSATION_NOT_FOUND (no such user) or RECEIVER_UNAVAILABLE (deleted, or one blocked the other: the
        same words for both, so that nobody learns of a block), UNAVAILABLE when the user service does not answer.
        """


class Blocks(Protocol):
    """Between whom there is a block, whoever of the two set it."""

    async def between(self, pairs: "Collection[Pair]") -> "set[Pair]":
        """Those of the pairs of whom one has blocked the other. UNAVAILABLE when the user service cannot say."""


Pair = tuple[UserId, UserId]
"""Two different users."""


class Codec(Protocol):
    """How entries are written down, without the domain knowing the format."""

    def entry(self, draft: "EntryHead", content: bytes) -> bytes:
        """Encode an entry from its head and its encoded content, which becomes the tail of the result."""

    def tombstone(self, target: "EntryHead", recall_seq: int, recalled_by: str) -> bytes:
        """Encode the entry that replaces a recalled one."""

    def cut(self, last: "EntryHead") -> bytes:
        """Encode the entry that stands for all that was removed up to it."""

    def hidden(self, conversation_id: str, seq: int) -> bytes:
        """Encode the entry that a user gets in place of one that they have hidden, or are not shown."""


class EntryHead(NamedTuple):
    """The fields of an entry besides its content."""

    conversation_id: str
    seq: int
    sender_id: str
    sent_at_ms: int
    client_message_id: int


class Outgoing(Protocol):
    """Where deliveries go: the topics of the nodes that hold devices."""

    async def deliver(self, deliveries: Sequence["Delivery"]) -> None:
        """Hand the deliveries to the nodes of their users, keeping their order. A hint: may lose, never raises."""


class Delivery(NamedTuple):
    """Something for the devices of some users; exactly one of entries, receipts, typing and reply is set."""

    audience: Collection[UserId]
    conversation_id: str
    except_device: str = ""
    entries: Sequence[bytes] = ()
    """Entries that follow each other in the log, all from the same device."""
    receipts: Sequence[Mark] = ()
    """How far some users are, all in one frame."""
    typing: "TypingSignal | None" = None
    reply: bytes = b""

    def goes_on(self, audience: Collection[UserId], device_id: str) -> bool:
        """Whether an entry from this device for these users, the next one in the log, belongs to it."""
        return self.audience is audience and self.except_device == device_id


@dataclass(frozen=True, slots=True)
class TypingSignal:
    """A user is typing, or stopped."""

    conversation_id: str
    user_id: str
    stopped: bool
