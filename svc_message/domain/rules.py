"""What may be written, by whom, and until when. Each rule answers None or the error that says what to change."""

from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import Conversation, ConversationKind, Membership, Posted, Role, UserId
from svc_message.domain.entry import Draft, EntryKind, Stored
from svc_message.domain.reasons import Reason

EDIT_WINDOW_MS: Final = 24 * 3_600_000
"""How long a sender may edit a post: one day, between Telegram's 48 hours and WhatsApp's 15 minutes."""

MAX_EDITS: Final = 200
"""Edits of one post: what a recall erases at once and a list of edits shows is bounded by it."""

RECALL_WINDOW_MS: Final = 120_000
"""How long a sender may take a post back, as in Tencent Chat. Owner and admins of a group have no such limit."""

NO_END: Final = 2**63 - 1
"""A place behind all others."""

NOT_FOUND: Final = "no such conversation, or you are not in it"


def unknown_conversation() -> MeshError:
    """The one answer for what is not there and for what the caller may not see, so that ids cannot be probed."""
    return errors.not_found(Reason.CONVERSATION_NOT_FOUND, NOT_FOUND)


def bot_begins() -> MeshError:
    """A bot answers who wrote to it: else whoever makes twenty of them could write to everybody."""
    return errors.denied(Reason.NOT_ALLOWED, "a bot begins no direct chat; the other one has to write first")


def refuse(conversation: Conversation, draft: Draft, now_ms: int) -> MeshError | None:
    """The reason why the sender may not append this draft now; None when they may."""
    member = conversation.members.get(draft.sender_id)
    if member is None or conversation.kind is ConversationKind.PERSONAL:
        return unknown_conversation()
    if draft.refusal is not None:
        return draft.refusal
    if draft.target_seq and not member.first_seq <= draft.target_seq <= conversation.head:
        return _no_target(conversation, draft)
    if conversation.kind is ConversationKind.GROUP:
        return _refuse_in_group(conversation, member, draft, now_ms)
    return None


def _no_target(conversation: Conversation, draft: Draft) -> MeshError:
    if draft.target_seq > conversation.head:
        return errors.invalid(Reason.ENTRY_NOT_FOUND, "there is no message with this seq yet")
    return unseen()


def unseen() -> MeshError:
    """The answer to a target that is not there for this user."""
    return errors.not_found(Reason.ENTRY_NOT_FOUND, "there is no message with this seq that you can see")


def suspended() -> MeshError:
    """The answer to whoever writes in a group that an administrator of the installation has closed."""
    return errors.precondition(Reason.GROUP_SUSPENDED, "an administrator has closed the group for a time: only read")


def _refuse_in_group(conversation: Conversation, member: Membership, draft: Draft, now_ms: int) -> MeshError | None:
    if conversation.suspended:
        return suspended()
    if member.muted_until_ms > now_ms or (conversation.muted_all and member.role is Role.MEMBER):
        return errors.precondition(Reason.MUTED, "you may not write in this group at present")
    if draft.mentions_all and member.role is Role.MEMBER and not conversation.mention_all_open:
        return errors.denied(Reason.NOT_ALLOWED, "only owner and admins may address everyone in this group")
    if draft.kind is EntryKind.PIN and member.role is Role.MEMBER and not conversation.pin_open:
        return errors.denied(Reason.NOT_ALLOWED, "only owner and admins may pin messages in this group")
    return None


def paced(conversation: Conversation, draft: Draft) -> bool:
    """Whether slow mode rates this draft: a post of a member below admin. The sender is a member."""
    if not conversation.slow_mode_seconds or draft.kind is not EntryKind.POST:
        return False
    return conversation.members[draft.sender_id].role is Role.MEMBER


def too_early(conversation: Conversation, last: Posted | None, now_ms: int) -> MeshError | None:
    """The reason why who posted this last has to wait; None when they need not."""
    pause_ms = conversation.slow_mode_seconds * 1_000
    wait_ms = 0 if last is None else last.at_ms + pause_ms - now_ms
    if not 0 < wait_ms <= pause_ms:  # more: the clock was set back since, and nobody waits for hours because of that
        return None
    message = f"in this group a member writes every {conversation.slow_mode_seconds} s; you in {wait_ms} ms again"
    return errors.precondition(Reason.SLOW_MODE, message, wait_ms=str(wait_ms))


def refuse_amendment(conversation: Conversation, draft: Draft, target: Stored | None, now_ms: int) -> MeshError | None:
    """The reason why the sender may not edit, recall, pin or react to this target; None when they may."""
    member = conversation.members.get(draft.sender_id)
    if member is None:  # removed while the target was read
        return unknown_conversation()
    if target is None or target.seq < member.first_seq:
        return unseen()
    if target.kind is EntryKind.TOMBSTONE and draft.kind is not EntryKind.RECALL:
        return errors.precondition(Reason.ALREADY_RECALLED, "the message was recalled")
    if target.kind not in (EntryKind.POST, EntryKind.TOMBSTONE):
        return errors.invalid(Reason.ENTRY_NOT_FOUND, "the target is not a post")
    if draft.kind is EntryKind.EDIT:
        return _refuse_edit(draft, target, now_ms)
    return _refuse_recall(conversation, draft, target, now_ms) if draft.kind is EntryKind.RECALL else None


def _refuse_edit(draft: Draft, target: Stored, now_ms: int) -> MeshError | None:
    if target.sender_id != draft.sender_id:
        return errors.denied(Reason.NOT_ALLOWED, "only its sender may edit a message")
    if now_ms - target.sent_at_ms > EDIT_WINDOW_MS:
        return errors.precondition(Reason.EDIT_WINDOW_OVER, "a message can be edited for 24 hours")
    return None


def refuse_more_edits(edits: int) -> MeshError | None:
    """The reason why a post that was edited so often may not be edited again; None when it may."""
    if edits < MAX_EDITS:
        return None
    return errors.precondition(Reason.EDIT_LIMIT_REACHED, f"a message can be edited {MAX_EDITS} times")


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
