"""What to look for among the events of a device."""

from __future__ import annotations

from collections.abc import Callable

from parley.message.v1 import body_pb2, notice_pb2
from parley_sdk import EntryReceived, Event, ReceiptChanged, ReplyPiece, ReplyState, TypingChanged

Sign = Callable[[Event], bool]


def friend_notice(kind: notice_pb2.FriendNotice.Kind.ValueType, user_id: str) -> Sign:
    """Something between the user and another happened."""

    def found(event: Event) -> bool:
        notice = event.entry.content.friend if isinstance(event, EntryReceived) else None
        return notice is not None and notice.kind == kind and notice.user_id == user_id

    return found


def group_notice(kind: notice_pb2.GroupNotice.Kind.ValueType, group_id: str) -> Sign:
    """The user came into or out of a group."""

    def found(event: Event) -> bool:
        notice = event.entry.content.group_notice if isinstance(event, EntryReceived) else None
        return notice is not None and notice.kind == kind and notice.group_id == group_id

    return found


def read_by(conversation_id: str, user_id: str, seq: int) -> Sign:
    """Someone has read up to here."""

    def found(event: Event) -> bool:
        if not isinstance(event, ReceiptChanged):
            return False
        return (event.conversation_id, event.user_id) == (conversation_id, user_id) and event.read_seq >= seq

    return found


def typing(user_id: str) -> Sign:
    """Someone types."""
    return lambda event: isinstance(event, TypingChanged) and event.user_id == user_id and event.typing


def writing(conversation_id: str, asked_seq: int, characters: int = 1) -> Sign:
    """The answer to an entry has come to so many characters."""

    def found(event: Event) -> bool:
        if not isinstance(event, ReplyPiece) or event.conversation_id != conversation_id:
            return False
        grows = event.state is ReplyState.WRITING and len(event.text) >= characters
        return event.in_reply_to_seq == asked_seq and grows

    return found


def answered(conversation_id: str, asked_seq: int) -> Sign:
    """The answer to an entry stands in the log."""
    return lambda event: (
        isinstance(event, EntryReceived)
        and event.conversation_id == conversation_id
        and reply_of(event).in_reply_to_seq == asked_seq
    )


def reply_of(event: EntryReceived) -> body_pb2.AssistantReply:
    """Return the assistant's answer in an entry; an empty one when there is none."""
    return event.entry.content.post.body.assistant_reply
