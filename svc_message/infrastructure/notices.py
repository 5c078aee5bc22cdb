"""`svc_message.application.own.Notices`: contents of personal entries in the format of the contract."""

from parley.message.v1.entry_pb2 import Content, Entry
from parley.message.v1.notice_pb2 import ConversationNotice
from svc_message.domain.own import Own


class ProtobufNotices:
    """Each is the tail of an entry: an encoded entry that has nothing but its content."""

    def own(self, own: Own, *, archived: bool) -> bytes:
        """See the port. The text of the draft stays out of the log."""
        notice = ConversationNotice(
            conversation_id=own.conversation_id,
            version=own.version,
            pinned=own.pinned,
            muted_until_ms=own.muted_until_ms,
            archived=archived,
            marked_unread=own.unread_at >= 0,
            remark=own.remark,
            has_draft=bool(own.draft),
            cleared_seq=own.veil.cleared_seq,
            deleted=own.deleted,
            hidden_seqs=own.untold,
        )
        return _tail(Content(conversation=notice))

    def quiet(self) -> bytes:
        """See the port."""
        return _tail(Content(conversation=ConversationNotice()))


def _tail(content: Content) -> bytes:
    return Entry(content=content).SerializeToString()
