"""Contents of the contract -> drafts of the domain."""

from typing import Final

from mesh import errors, wire
from mesh.errors import MeshError
from mesh.visible import visible
from parley.message.v1.body_pb2 import Body
from parley.message.v1.entry_pb2 import Content, Entry, Post
from parley.message.v1.message_service_pb2 import Send
from parley.message.v1.notice_pb2 import GroupChange, GroupMember, MembershipChange
from svc_message.domain.conversation import (
    ADDRESSED_ONLY,
    ConversationId,
    DeviceId,
    Membership,
    Role,
    Seq,
    UserId,
)
from svc_message.domain.entry import FROM_DEVICES, Draft, EntryKind, GroupDelta, MembershipDelta
from svc_message.domain.reasons import Reason
from svc_message.domain.timing.schedule import Scheduled

KINDS: Final = {field.name: EntryKind(field.number) for field in Content.DESCRIPTOR.fields}
"""The oneof of Content and EntryKind name the same kinds by the same numbers."""

MEDIA_BODIES: Final = frozenset({"image", "file", "voice", "video", "sticker"})
"""Kinds of body that may refer to media."""

SERVICE_BODIES: Final = frozenset({"assistant_reply"})
"""Kinds of body that only services write."""


def text(send: Send, user_id: UserId, device_id: DeviceId) -> Draft:
    """A device's send that is a text and nothing else: the draft that `from_device` makes of it. Raises EMPTY_TEXT."""
    content = send.content
    if not visible(content.post.body.text.text):
        raise _empty()
    conversation_id = ConversationId(send.conversation_id)
    return Draft(conversation_id, user_id, device_id, send.client_message_id, EntryKind.POST, tail(content))


def from_device(send: Send, user_id: UserId, device_id: DeviceId) -> Draft:
    """A device's send as a draft. Raises CONTENT_NOT_ALLOWED and EMPTY_TEXT."""
    content = send.content
    name = content.WhichOneof("kind") or ""
    kind = KINDS.get(name)
    if kind not in FROM_DEVICES or kind is None:
        raise errors.invalid(Reason.CONTENT_NOT_ALLOWED, "devices write posts, edits, recalls, reactions and pins")
    part = getattr(content, name)
    with_media = kind in (EntryKind.POST, EntryKind.EDIT) and _check_body(part.body)
    if kind is EntryKind.RECALL and part.expired:
        raise errors.invalid(Reason.CONTENT_NOT_ALLOWED, "only the server says that a post has destroyed itself")
    mentions, mentions_all = _mentions(part) if kind is EntryKind.POST else ((), False)
    draft = Draft(
        ConversationId(send.conversation_id),
        user_id,
        device_id,
        send.client_message_id,
        kind,
        tail(content),
        Seq(part.reply_to_seq if kind is EntryKind.POST else part.target_seq),
        mentions,
        mentions_all,
    )
    if kind is EntryKind.POST and part.expires_after_ms:
        draft = draft._replace(group=GroupDelta(expires_after_ms=part.expires_after_ms))
    if with_media:
        draft = draft._replace(with_media=True)
    if draft.target_seq and kind is EntryKind.POST and part.reply_preview:
        return draft._replace(bare=_bare(content))
    return draft


def scheduled(one: Scheduled) -> Draft:
    """A scheduled message as its device wrote it. Raises as `from_device`."""
    return from_device(Send.FromString(one.send), one.user_id, one.device_id)


def from_service(conversation_id: str, sender_id: str, service: str, number: int, content: Content) -> Draft:
    """What a service appends, with what it changes of members and rights."""
    name = content.WhichOneof("kind") or ""
    part = getattr(content, name)
    mentions, mentions_all = _mentions(part) if name == "post" else ((), False)
    return Draft(
        ConversationId(conversation_id),
        UserId(sender_id),
        DeviceId(service),
        number,
        KINDS[name],
        tail(content),
        mentions=mentions,
        mentions_all=mentions_all,
        members=_membership(content.membership) if name == "membership" else None,
        group=_group(content.group) if name == "group" else None,
    )


def tail(content: Content) -> bytes:
    """The content as the tail of an entry; see svc_message.infrastructure.entries."""
    return wire.field(Entry.CONTENT_FIELD_NUMBER, content.SerializeToString())


def _bare(content: Content) -> bytes:
    """The content of an answer without the copy of what it answers; the copy is short, unknown fields stay."""
    bare = Content()
    bare.CopyFrom(content)
    bare.post.ClearField("reply_preview")
    return tail(bare)


def _mentions(post: Post) -> tuple[tuple[UserId, ...], bool]:
    return tuple(map(UserId, post.mentioned_user_ids)), post.mentions_all


def _check_body(body: Body) -> bool:
    """Whether the body may refer to media. Raises what is wrong with it."""
    if visible(body.text.text):
        return False
    kind = body.WhichOneof("kind")
    if kind in SERVICE_BODIES:
        raise errors.invalid(Reason.CONTENT_NOT_ALLOWED, "answers of assistants are written by the AI service")
    if kind == "text":
        raise _empty()
    if not body.fallback_text:
        raise errors.invalid(Reason.CONTENT_NOT_ALLOWED, "fallback_text is required for this kind of body")
    return kind in MEDIA_BODIES


def _empty() -> MeshError:
    return errors.invalid(Reason.EMPTY_TEXT, "the text holds nothing that can be seen")


def _membership(change: MembershipChange) -> MembershipDelta:
    return MembershipDelta(
        added=tuple(_member(member) for member in change.added),
        removed=tuple(UserId(user_id) for user_id in change.removed_user_ids),
        updated=tuple(_member(member) for member in change.updated),
        history_visible=change.history_visible,
    )


def _member(member: GroupMember) -> Membership:
    role = Role(member.role or Role.MEMBER)
    addressed_before = ADDRESSED_ONLY if member.bot else Seq(0)
    return Membership(
        UserId(member.user_id),
        Seq(0),
        Seq(0),
        role=role,
        muted_until_ms=member.muted_until_ms,
        addressed_before=addressed_before,
    )


def _group(change: GroupChange) -> GroupDelta:
    return GroupDelta(
        change.muted_all if change.HasField("muted_all") else None,
        change.mention_all_open if change.HasField("mention_all_open") else None,
        change.pin_open if change.HasField("pin_open") else None,
        change.slow_mode_seconds if change.HasField("slow_mode_seconds") else None,
        change.member_receipts if change.HasField("member_receipts") else None,
        change.suspended if change.HasField("suspended") else None,
    )
