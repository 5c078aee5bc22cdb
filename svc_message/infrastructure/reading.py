"""`svc_message.domain.said.Reading` in the format of the contract."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from parley.message.v1.body_pb2 import Body
from parley.message.v1.entry_pb2 import Content, Entry
from svc_message.domain.conversation import Seq
from svc_message.domain.said import LINK, Said

LINKS: Final = re.compile(r"https?://\S", re.IGNORECASE)

TEXTS: Final[Mapping[str, Callable[[Any], tuple[str, ...]]]] = {
    "text": lambda text: (text.text,),
    "image": lambda image: (image.caption, image.media.name),
    "file": lambda file: (file.caption, file.media.name),
    "voice": lambda voice: (voice.media.name,),
    "video": lambda video: (video.caption, video.media.name),
    "location": lambda location: (location.title, location.address),
    "card": lambda card: (card.title,),
    "custom": lambda _: (),
    "bundle": lambda bundle: (bundle.title, *(f"{item.sender_name} {item.summary}" for item in bundle.items)),
    "assistant_reply": lambda reply: (reply.text,),
    "sticker": lambda sticker: (sticker.name,),
}
"""What of a body people read; of the application's own type the fallback text alone."""


class ProtobufReading:
    """Reads entries of the contract."""

    def said(self, entry: bytes) -> Said:
        """See the port."""
        content = Entry.FromString(entry).content
        kind = content.WhichOneof("kind") or ""
        if kind == "post":
            text = _text(content.post.body)
            return Said(text=text, traits=_traits(content.post.body, text))
        return _about(content, kind)


def _about(content: Content, kind: str) -> Said:
    if kind == "edit":
        return Said(Seq(content.edit.target_seq), text=_text(content.edit.body))
    if kind == "reaction":
        return Said(Seq(content.reaction.target_seq), content.reaction.name, content.reaction.removed)
    if kind == "pin":
        return Said(Seq(content.pin.target_seq), removed=content.pin.removed)
    return Said(Seq(content.recall.target_seq))


def _text(body: Body) -> str:
    kind = body.WhichOneof("kind") or ""
    parts = TEXTS[kind](getattr(body, kind)) if kind else ()
    return "\n".join(filter(None, (*parts, body.fallback_text)))


def _traits(body: Body, text: str) -> frozenset[str]:
    kind = body.WhichOneof("kind") or ""
    return frozenset((kind, LINK)) if LINKS.search(text) else frozenset((kind,))
