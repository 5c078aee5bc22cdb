"""What an entry changes in the memory of its conversation besides the head: members and rights."""

from dataclasses import replace

from svc_message.domain.conversation import Conversation, Seq, UserId
from svc_message.domain.entry import Draft, GroupDelta, MembershipDelta, Row


def place_members(draft: Draft, seq: int) -> Draft:
    """Membership counts from the entry that says so; those who come see it first, or all if the group says so."""
    delta = draft.members
    if delta is None or not delta.added:
        return draft
    first = Seq(1 if delta.history_visible else seq)
    added = tuple(member.placed(Seq(seq), first) for member in delta.added)
    return draft._replace(members=replace(delta, added=added))


def take_in(conversation: Conversation, row: Row) -> tuple[UserId, ...]:
    """Take in what the entry changes; return who gets it: those who come and those who go included."""
    draft = row.draft
    if draft.group is not None:
        _take_in_group(conversation, draft.group)
    if draft.members is None:
        return conversation.audience
    for member in draft.members.added:
        conversation.add(member)
    _update(conversation, draft.members, row.seq)
    audience = conversation.audience
    for user_id in draft.members.removed:
        conversation.remove(user_id)
    return audience


def _update(conversation: Conversation, delta: MembershipDelta, seq: Seq) -> None:
    for member in delta.updated:
        before = conversation.members.get(member.user_id)
        if before is not None:
            conversation.add(before.updated(member, seq))


def _take_in_group(conversation: Conversation, delta: GroupDelta) -> None:
    if delta.muted_all is not None:
        conversation.muted_all = delta.muted_all
    if delta.mention_all_open is not None:
        conversation.mention_all_open = delta.mention_all_open
    if delta.pin_open is not None:
        conversation.pin_open = delta.pin_open
    if delta.slow_mode_seconds is not None:
        conversation.slow_mode_seconds = delta.slow_mode_seconds
    if delta.member_receipts is not None:
        conversation.member_receipts = delta.member_receipts
    if delta.suspended is not None:
        conversation.suspended = delta.suspended
