"""Entries of a log: what may be appended, what was, and what an append changes besides."""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from mesh.errors import MeshError
from svc_message.domain.conversation import ConversationId, DeviceId, Membership, Seq, UserId


class EntryKind(IntEnum):
    """Kinds of entry: the field numbers of `parley.message.v1.Content`, which is also what the store keeps."""

    POST = 1
    EDIT = 2
    RECALL = 3
    REACTION = 4
    PIN = 5
    MEMBERSHIP = 16
    GROUP = 17
    FRIEND = 18
    SESSION = 19
    GROUP_NOTICE = 20
    PROFILE = 21
    RETENTION = 24
    CONVERSATION_NOTICE = 25
    SCHEDULE_NOTICE = 26
    REPORT = 27
    TOMBSTONE = 30
    CUT = 31
    HIDDEN = 32


FROM_DEVICES = frozenset({EntryKind.POST, EntryKind.EDIT, EntryKind.RECALL, EntryKind.REACTION, EntryKind.PIN})
"""What a device may write; the rest is for services."""


GONE = frozenset({EntryKind.TOMBSTONE, EntryKind.CUT})
"""What stands in place of a content that is not there any more."""


@dataclass(frozen=True, slots=True)
class MembershipDelta:
    """What a membership entry does to the members; their seqs are those of the entry."""

    added: tuple[Membership, ...] = ()
    removed: tuple[UserId, ...] = ()
    updated: tuple[Membership, ...] = ()
    history_visible: bool = False


@dataclass(frozen=True, slots=True)
class GroupDelta:
    """What an entry changes of its conversation besides members: who may write, receipts, and time. None leaves it."""

    muted_all: bool | None = None
    mention_all_open: bool | None = None
    pin_open: bool | None = None
    slow_mode_seconds: int | None = None
    member_receipts: bool | None = None
    suspended: bool | None = None
    """Nobody may write at all."""
    retention_days: int | None = None
    """Entries go after so many days from now on; 0: never."""
    expires_after_ms: int = 0
    """This very post destroys itself; 0: it does not."""


class Draft(NamedTuple):
    """Something to append, not yet in its place.

    Here and below, what is made for each message is a named tuple: a frozen dataclass takes four times as long to make.
    """

    conversation_id: ConversationId
    sender_id: UserId
    device_id: DeviceId
    client_message_id: int
    kind: EntryKind
    content: bytes
    """The encoded content as it will stand in the entry: opaque here, compared byte by byte for idempotency."""
    target_seq: Seq = Seq(0)
    """The post that an edit, recall, reaction or pin is about; the post that a post answers."""
    mentions: tuple[UserId, ...] = ()
    mentions_all: bool = False
    members: MembershipDelta | None = None
    group: GroupDelta | None = None
    refusal: MeshError | None = None
    """Why it may not be shown, found before it was judged."""
    bare: bytes = b""
    """Of an answer that shows a copy of what it answers: the content without the copy. Empty for all else."""
    with_media: bool = False
    """It may refer to media, of which it is not known yet whether the sender may."""
    written: bytes = b""
    """`digest` of the content as it was sent, where the policy of the installation put another one in its place."""

    @property
    def key(self) -> tuple[ConversationId, DeviceId, int]:
        """What names this append for ever."""
        return (self.conversation_id, self.device_id, self.client_message_id)

    @property
    def plain(self) -> bool:
        """Whether it changes nothing beside the log: no members, no rights, no mentions."""
        return self.members is None and self.group is None and not self.mentions and not self.mentions_all


class Row(NamedTuple):
    """A draft with its place: what the store is asked to keep."""

    draft: Draft
    seq: Seq
    sent_at_ms: int
    entry: bytes
    """The encoded entry: its bytes serve the store, history and every receiver."""
    tombstones: tuple[tuple[Seq, bytes], ...] = ()
    """For a recall: the encoded entries that replace the post and its edits."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as the store gives it back."""

    conversation_id: ConversationId
    seq: Seq
    device_id: DeviceId
    client_message_id: int
    sender_id: UserId
    kind: EntryKind
    sent_at_ms: int
    entry: bytes

    @property
    def key(self) -> tuple[ConversationId, DeviceId, int]:
        """What names it for ever."""
        return (self.conversation_id, self.device_id, self.client_message_id)

    def repeats(self, draft: Draft) -> bool:
        """The same sender says the same as this entry: its content is the tail of the entry, with the copy of
        what it answers or without, or is gone since, or stands there as a digest because it was replaced.
        """
        if self.sender_id != draft.sender_id:
            return False
        if self.kind in GONE or self._holds(draft):
            return True
        return (draft.written or digest(draft.content)) in self.entry

    def replaces(self, draft: Draft) -> bool:
        """Whether another content stands here than was sent."""
        return self.kind not in GONE and not self._holds(draft)

    def _holds(self, draft: Draft) -> bool:
        return self.entry.endswith(draft.content) or (bool(draft.bare) and self.entry.endswith(draft.bare))


class Appended(NamedTuple):
    """Where a draft came to stand."""

    seq: Seq
    sent_at_ms: int
    duplicate: bool = False
    replaced: bool = False
    """Another content stands there than was sent."""


def digest(content: bytes) -> bytes:
    """What a content that was replaced is known by when it is sent again."""
    return hashlib.sha256(content).digest()
