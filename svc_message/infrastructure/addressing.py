"""`svc_message.domain.posts.addressed.Addressing` in the format of the contract."""

from collections.abc import Mapping
from typing import Final

from parley.message.v1.body_pb2 import Body
from parley.message.v1.entry_pb2 import Content, Entry, Post
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.entry import EntryKind
from svc_message.domain.posts.addressed import CHANGES, Address

KINDS: Final = {field.name: EntryKind(field.number) for field in Content.DESCRIPTOR.fields}

CAPTIONS: Final[Mapping[str, str]] = {
    "text": "text",
    "image": "caption",
    "file": "caption",
    "video": "caption",
}
"""Kinds of body in which somebody may write a command, and where."""


class ProtobufAddressing:
    """Reads entries of the contract."""

    def of(self, entry: bytes) -> Address:
        """See the port."""
        read = Entry.FromString(entry)
        name = read.content.WhichOneof("kind") or "hidden"  # what a later version wrote is not shown
        kind, seq, sender_id = KINDS[name], Seq(read.seq), UserId(read.sender_id)
        if kind is EntryKind.POST:
            return _of_post(seq, sender_id, read.content.post)
        about = getattr(read.content, name).target_seq if kind in CHANGES else 0
        return Address(seq, sender_id, kind, Seq(about))

    def without_copy(self, entry: bytes) -> bytes:
        """See the port."""
        read = Entry.FromString(entry)
        read.content.post.ClearField("reply_preview")
        return read.SerializeToString()


def _of_post(seq: Seq, sender_id: UserId, post: Post) -> Address:
    return Address(
        seq,
        sender_id,
        EntryKind.POST,
        Seq(post.reply_to_seq),
        tuple(map(UserId, post.mentioned_user_ids)),
        post.mentions_all,
        _heading(post.body).startswith("/"),
        bool(post.reply_preview),
    )


def _heading(body: Body) -> str:
    kind = body.WhichOneof("kind") or ""
    return str(getattr(getattr(body, kind), CAPTIONS[kind])) if kind in CAPTIONS else ""
