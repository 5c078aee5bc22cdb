"""`svc_message.domain.notices.Notices` in the format of the contract."""

from mesh.errors import MeshError
from parley.message.v1.entry_pb2 import Content, Entry, Recall
from parley.message.v1.notice_pb2 import ConversationNotice, RetentionChange, ScheduleNotice
from svc_message.domain.own import Own
from svc_message.domain.timing.schedule import Scheduled


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

    def retention(self, days: int) -> bytes:
        """See the port."""
        return _tail(Content(retention=RetentionChange(days=days)))

    def expired(self, target_seq: int) -> bytes:
        """See the port."""
        return _tail(Content(recall=Recall(target_seq=target_seq, expired=True)))

    def refused(self, one: Scheduled, error: MeshError) -> bytes:
        """See the port."""
        notice = ScheduleNotice(
            conversation_id=one.conversation_id,
            client_message_id=one.client_message_id,
            reason=error.reason,
            message=error.message,
        )
        return _tail(Content(schedule=notice))


def _tail(content: Content) -> bytes:
    return Entry(content=content).SerializeToString()
