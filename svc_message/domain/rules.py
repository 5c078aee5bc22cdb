"""What may be written, by whom, and until when. Each rule answers None or the error that says what to change."""

from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import Conversation, ConversationKind, Membership, Role, UserId
from svc_message.domain.entry import Draft, EntryKind, Stored
from svc_message.domain.reasons import Reason

EDIT_WINDOW_MS: Final = 24 * 3_600_000
"""How long a sender may edit a post: one day, between Telegram's 48 hours and WhatsApp's 15 minutes."""

RECALL_WINDOW_MS: Final = 120_000
"""How long a sender may take a post back, as in Tencent Chat. Owner and admins of a group have no such limit."""

NOT_FOUND: Final = "no such conversation, or you are not in it"


def unknown_conversation() -> MeshError:
    """The one answer for what is not there and for what the caller may not see, so that ids cannot be probed."""
    return errors.not_found(Reason.CONVERSATION_NOT_FOUND, NOT_FOUND)


def refuse(conversation: Conversation, draft: Draft, now_ms: int) -> MeshError | None:
    """The reason why the sender may not append this draft now; None when they may."""
    member = conversation.members.get(draft.sender_id)
    if member is None or conversation.kind is ConversationKind.PERSONAL:
        return unknown_conversation()
    if draft.refusal is not None:
        return draft.refusal
    if draft.target_seq > conversation.head:
        return errors.invalid(Reason.ENTRY_NOT_FOUND, "there is no message with this seq yet")
    if conversation.kind is ConversationKind.GROUP:
        return _refuse_in_group(conversation, member, draft, now_ms)
    return None


def _refuse_in_group(conversation: Conversation, member: Membership, draft: Draft, now_ms: int) -> MeshError | None:
    if member.muted_until_ms > now_ms or (conversation.muted_all and member.role is Role.MEMBER):
        return errors.precondition(Reason.MUTED, "you may not write in this group at present")
    if draft.mentions_all and member.role is Role.MEMBER and not conversation.mention_all_open:
        return errors.denied(Reason.NOT_ALLOWED, "only owner and admins may address everyone in this group")
    return None


def refuse_amendment(conversation: Conversation, draft: Draft, target: Stored | None, now_ms: int) -> MeshError | None:
    """The reason why the sender may not edit or recall this target; None when they may."""
    member = conversation.members[draft.sender_id]
    if target is None or target.seq < member.first_seq:
        return errors.not_found(Reason.ENTRY_NOT_FOUND, "there is no message with this seq that you can see")
    if target.kind is EntryKind.TOMBSTONE and draft.kind is EntryKind.EDIT:
        return errors.precondition(Reason.ALREADY_RECALLED, "the message was recalled")
    if target.kind not in (EntryKind.POST, EntryKind.TOMBSTONE):
        return errors.invalid(Reason.ENTRY_NOT_FOUND, "the target is not a post")
    if draft.kind is EntryKind.EDIT:
        return _refuse_edit(draft, target, now_ms)
    return _refuse_recall(conversation, draft, target, now_ms)


def _refuse_edit(draft: Draft, target: Stored, now_ms: int) -> MeshError | None:
    if target.sender_id != draft.sender_id:
        return errors.denied(Reason.NOT_ALLOWED, "only its sender may edit a message")
    if now_ms - target.sent_at_ms > EDIT_WINDOW_MS:
        return errors.precondition(Reason.EDIT_WINDOW_OVER, "a message can be edited for 24 hours")
    return None


def _refuse_recall(conversation: Conversation, draft: Draft, target: Stored, now_ms: int) -> MeshError | None:
    if target.sender_id != draft.sender_id:
        if _outranks(conversation, draft.sender_id, target.sender_id):
            return None
        return errors.denied(Reason.NOT_ALLOWED, "only its sender, or an admin of the group, may recall a message")
    own_role = conversation.members[draft.sender_id].role
    if own_role is Role.MEMBER and now_ms - target.sent_at_ms > RECALL_WINDOW_MS:
        return errors.precondition(Reason.RECALL_WINDOW_OVER, "a message can be recalled for two minutes")
    return None


def _outranks(conversation: Conversation, actor_id: UserId, target_id: UserId) -> bool:
    """Whether the actor, as owner or admin of a group, stands above the target; who left has no rank."""
    target = conversation.members.get(target_id)
    return conversation.members[actor_id].role > (target.role if target else Role.MEMBER)
