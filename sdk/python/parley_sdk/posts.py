"""Posts as they are shown: with their newest text and their reactions; and what is written about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from parley.message.v1 import body_pb2, entry_pb2, message_service_pb2
from parley_sdk.events import text_of, text_of_body

PREVIEW: Final = 256
"""Characters of an answered post that are shown above the answer."""

SUMMARY: Final = 1_024
"""Characters of one message in a bundle."""

TEXT_BYTES: Final = 16_384
"""Bytes of a text."""

FALLBACK: Final = 512
"""Characters that a client shows who does not know the kind of a body."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it is shown now."""

    entry: entry_pb2.Entry
    edit: entry_pb2.Entry | None = None
    """Its newest edit."""
    reactions: Sequence[message_service_pb2.ReactionCount] = ()

    @property
    def conversation_id(self) -> str:
        """The conversation."""
        return self.entry.conversation_id

    @property
    def seq(self) -> int:
        """Its place."""
        return self.entry.seq

    @property
    def body(self) -> body_pb2.Body:
        """What it shows at present; empty for what is no post."""
        return self.edit.content.edit.body if self.edit is not None else self.entry.content.post.body

    @property
    def text(self) -> str:
        """What a client without further means can show of it."""
        return text_of_body(self.body) if self.edit is not None else text_of(self.entry)


def present(
    entries: Iterable[entry_pb2.Entry],
    amendments: Iterable[entry_pb2.Entry],
    reactions: Iterable[message_service_pb2.ReactionCount] = (),
) -> list[Shown]:
    """Return the entries of a page with what changed them, in their order."""
    page = list(entries)
    changing = sorted((*page, *amendments), key=lambda entry: entry.seq)
    edits = {
        (entry.conversation_id, entry.content.edit.target_seq): entry
        for entry in changing
        if entry.content.HasField("edit")
    }
    counts: dict[int, list[message_service_pb2.ReactionCount]] = {}
    for count in reactions:
        counts.setdefault(count.target_seq, []).append(count)
    return [
        Shown(entry, edits.get((entry.conversation_id, entry.seq)), counts.get(entry.seq, ()))
        if entry.content.HasField("post")
        else Shown(entry)
        for entry in page
    ]


def answer_to(shown: Shown, body: body_pb2.Body) -> entry_pb2.Post:
    """Return an answer that shows the beginning of what it answers."""
    return entry_pb2.Post(body=body, reply_to_seq=shown.seq, reply_preview=shown.text[:PREVIEW])


def forward_of(shown: Shown) -> entry_pb2.Post:
    """Return a copy of a post that says where it comes from. An assistant's answer goes on as a text."""
    body = shown.body
    if body.HasField("assistant_reply"):
        whole = body.assistant_reply.text.encode()[:TEXT_BYTES]
        body = body_pb2.Body(text=body_pb2.Text(text=whole.decode(errors="ignore")))
    origin = body_pb2.MessageRef(conversation_id=shown.conversation_id, seq=shown.seq)
    return entry_pb2.Post(body=body, forwarded_from=origin)


def bundle_of(title: str, posts: Iterable[Shown], name: Callable[[str], str]) -> entry_pb2.Post:
    """Return several posts as one; `name` gives the name to show for a user id. At most 100 posts."""
    items = [_item(shown, name(shown.entry.sender_id)) for shown in posts]
    bundle = body_pb2.Bundle(title=title[:128], items=items)
    fallback = f"[{title}: {len(items)} messages]"[:FALLBACK]
    return entry_pb2.Post(body=body_pb2.Body(bundle=bundle, fallback_text=fallback))


def _item(shown: Shown, name: str) -> body_pb2.BundleItem:
    return body_pb2.BundleItem(
        sender_name=name[:128],
        sent_at_ms=shown.entry.sent_at_ms,
        summary=shown.text[:SUMMARY],
        origin=body_pb2.MessageRef(conversation_id=shown.conversation_id, seq=shown.seq),
    )
