"""Who is told how far members have read and received, and in how few deliveries."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from svc_message.domain.conversation import (
    Conversation,
    ConversationId,
    ConversationKind,
    GroupRights,
    Seq,
    UserId,
    kind_of,
)
from svc_message.domain.ports import Delivery, Mark

SHOWN_TO_MEMBERS: Final = 50
"""In groups up to this size members may be told of each other's positions; in larger ones they are asked for."""

LISTED_MEMBERS: Final = 500
"""In groups of more members positions of single ones are not shown, whatever the group wants."""


class Risen(NamedTuple):
    """Positions of a user that rose, as they stand now; by which device, "" for several; and whether by reading."""

    mark: Mark
    device_id: str
    by_read: bool

    def over(self, before: "Risen | None") -> "Risen":
        """What is told in place of both. Positions only rise, so the order of the two does not matter."""
        if before is None:
            return self
        mark = replace(
            self.mark,
            read_seq=max(self.mark.read_seq, before.mark.read_seq),
            received_seq=max(self.mark.received_seq, before.mark.received_seq),
        )
        device_id = self.device_id if self.device_id == before.device_id else ""
        return Risen(mark, device_id, self.by_read or before.by_read)


def counts_only(conversation_id: ConversationId, members: int, rights: GroupRights) -> bool:
    """Whether positions of single members are not shown, but how many there are: in groups that do not want it."""
    if kind_of(conversation_id) is not ConversationKind.GROUP:
        return False
    return members > LISTED_MEMBERS or not rights.member_receipts


def tells_members(conversation: Conversation) -> bool:
    """Whether each member is told of the others' positions, and not of their own alone."""
    if conversation.kind is ConversationKind.GROUP:
        return conversation.member_receipts and may_tell_members(conversation)
    return conversation.kind is ConversationKind.DIRECT


def may_tell_members(group: Conversation) -> bool:
    """Whether the group is small enough to tell its members, if it wants that."""
    return len(group.members) <= SHOWN_TO_MEMBERS


def deliveries(
    conversation: Conversation, risen: Sequence[Risen], hiding: Collection[UserId], *, apart: bool = False
) -> list[Delivery]:
    """What the devices are told: one's own of what one has read, and where members see each other, all of all.

    `risen` has one for each user. Who is `hiding` shows others no read position and sees none. However many have risen,
    there is one delivery for those who see all, one for those who hide, and one more for each of these who has read.
    `apart`: of the two of a direct chat one has blocked the other, and neither is told anything of the other.
    Bots are told of their own alone.
    """
    to_all = tells_members(conversation) and not apart
    told = [one for one in risen if one.mark.user_id in conversation.members] if to_all else []
    alone = [one for one in risen if one not in told or one.mark.user_id in hiding or _is_bot(conversation, one)]
    return [*_to_members(conversation, told, hiding), *(_to_oneself(one) for one in alone if one.by_read)]


def _to_members(conversation: Conversation, risen: Sequence[Risen], hiding: Collection[UserId]) -> list[Delivery]:
    """Marks of all to all: of those who hide without what they have read, and to them without what anybody has."""
    hides = [user_id for user_id in conversation.audience if user_id in hiding]
    sees = [user_id for user_id in conversation.audience if user_id not in hiding] if hides else conversation.audience
    bare = tuple(replace(one.mark, read_seq=Seq(0)) for one in risen)
    whole = tuple(part if part.user_id in hiding else one.mark for one, part in zip(risen, bare, strict=True))
    by = risen[0].device_id if len(risen) == 1 else ""
    both = ((sees, whole), (hides, bare))
    return [Delivery(users, conversation.id, by, receipts=marks) for users, marks in both if users and marks]


def _is_bot(conversation: Conversation, one: Risen) -> bool:
    return conversation.members[one.mark.user_id].addressed_before > 0


def _to_oneself(one: Risen) -> Delivery:
    mark = one.mark
    return Delivery((mark.user_id,), mark.conversation_id, one.device_id, receipts=(mark,))
