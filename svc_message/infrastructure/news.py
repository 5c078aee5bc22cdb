"""`svc_message.domain.push.NewsReader` in the format of the contract."""

from collections.abc import Sequence

from parley.message.v1.body_pb2 import Body
from parley.message.v1.entry_pb2 import Entry
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.push import News, shortened


class ProtobufNews:
    """Reads posts out of encoded entries."""

    def posts(self, entries: Sequence[bytes]) -> list[News]:
        """See the port."""
        parsed = map(Entry.FromString, entries)
        return [_news(entry) for entry in parsed if entry.content.HasField("post")]


def _news(entry: Entry) -> News:
    post = entry.content.post
    return News(
        ConversationId(entry.conversation_id),
        Seq(entry.seq),
        UserId(entry.sender_id),
        entry.sent_at_ms,
        shortened(_words(post.body)),
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
