"""`svc_message.domain.push.notification.NewsReader` in the format of the contract."""

from collections.abc import Sequence

from parley.message.v1.body_pb2 import Body
from parley.message.v1.entry_pb2 import Entry
from svc_message.domain.conversation import ConversationId, ConversationKind, Seq, UserId, kind_of
from svc_message.domain.push.notification import News, shortened
from svc_message.infrastructure.push.notice_news import notices


class ProtobufNews:
    """Reads posts and notices out of encoded entries."""

    def news(self, entries: Sequence[bytes]) -> list[News]:
        """See the port."""
        parsed = [Entry.FromString(entry) for entry in entries]
        if parsed and kind_of(parsed[0].conversation_id) is ConversationKind.PERSONAL:
            return notices(parsed)
        gone = {entry.content.recall.target_seq for entry in parsed if entry.content.HasField("recall")}
        edits = {entry.content.edit.target_seq: entry.content.edit.body for entry in parsed}
        posts = [entry for entry in parsed if entry.content.HasField("post") and entry.seq not in gone]
        return [_news(entry, edits.get(entry.seq, entry.content.post.body)) for entry in posts]


def _news(entry: Entry, body: Body) -> News:
    post = entry.content.post
    return News(
        ConversationId(entry.conversation_id),
        Seq(entry.seq),
        UserId(entry.sender_id),
        entry.sent_at_ms,
        shortened(_words(body)),
        frozenset(post.mentioned_user_ids),
        post.mentions_all,
        post.silent,
    )


def _words(body: Body) -> str:
    """What a lock screen shows of a body: its text, or what its sender gave for clients that cannot show it."""
    if body.HasField("text"):
        return body.text.text
    if body.HasField("assistant_reply"):
        return body.assistant_reply.text
    return body.fallback_text
