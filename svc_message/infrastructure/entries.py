"""Entries as bytes: the head, and the content, encoded once, as the tail.

Protobuf joins what is concatenated, so an entry is made by putting an encoded head in front of the content that the
sender's message was parsed from: nothing is copied field by field.
"""

from parley.message.v1.entry_pb2 import Content, Cut, Entry, Hidden, Recall, Tombstone
from svc_message.domain.ports import EntryHead


def recall(seq: int) -> bytes:
    """The content of an entry that recalls the post with this seq, as the tail of an entry."""
    return Entry(content=Content(recall=Recall(target_seq=seq))).SerializeToString()


class ProtobufCodec:
    """`svc_message.domain.ports.Codec` in the format of the contract."""

    def entry(self, draft: EntryHead, content: bytes) -> bytes:
        """See the port. `content` is an encoded entry that has nothing but its content."""
        head = Entry(
            conversation_id=draft.conversation_id,
            seq=draft.seq,
            sender_id=draft.sender_id,
            sent_at_ms=draft.sent_at_ms,
            client_message_id=draft.client_message_id,
        )
        return head.SerializeToString() + content

    def tombstone(self, target: EntryHead, recall_seq: int, recalled_by: str) -> bytes:
        """See the port."""
        gone = Content(tombstone=Tombstone(recall_seq=recall_seq, recalled_by=recalled_by))
        return self.entry(target, Entry(content=gone).SerializeToString())

    def cut(self, last: EntryHead) -> bytes:
        """See the port."""
        cut = Content(cut=Cut(until_seq=last.seq + 1))
        head = EntryHead(last.conversation_id, last.seq, "", last.sent_at_ms, 0)
        return self.entry(head, Entry(content=cut).SerializeToString())

    def hidden(self, conversation_id: str, seq: int) -> bytes:
        """See the port."""
        return Entry(conversation_id=conversation_id, seq=seq, content=Content(hidden=Hidden())).SerializeToString()
