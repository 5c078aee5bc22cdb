"""Puts assistants' answers together while they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from parley.ai.v1 import reply_pb2
from parley_sdk.events import ReplyPiece, ReplyState

MOST_REPLIES: Final = 64

Kept = TypeVar("Kept")


@dataclass(slots=True)
class Reply:
    """An answer in the making."""

    assistant_id: str = ""
    in_reply_to_seq: int = 0
    step: int = 0
    text: str = ""

    def begin(self, opened: reply_pb2.ReplyOpen) -> None:
        """Note who answers what."""
        self.assistant_id = opened.assistant_id
        self.in_reply_to_seq = opened.in_reply_to_seq

    def append(self, delta: reply_pb2.ReplyDelta) -> str:
        """Add what is new of a delta and return it; nothing when something before it is missing."""
        known = len(self.text) - delta.offset
        new = delta.text[known:] if known >= 0 else ""
        self.text += new
        return new


class Replies:
    """The answers that are being written, and the ids of those that ended; of too many, the oldest is forgotten."""

    def __init__(self) -> None:
        self._replies: dict[str, Reply] = {}
        self._ended: dict[str, None] = {}

    def take(self, event: reply_pb2.ReplyEvent) -> ReplyPiece | None:
        """Take a step in and return what it means to the app; None when it is old."""
        reply = self._replies.get(event.reply_id) or Reply()
        if event.reply_id in self._ended or event.step < reply.step or (event.step == reply.step and reply.step):
            return None
        reply.step = event.step
        piece = _piece(event, reply, _advance(event, reply))
        if piece.state is ReplyState.WRITING:
            _remember(self._replies, event.reply_id, reply)
        else:
            self._replies.pop(event.reply_id, None)
            _remember(self._ended, event.reply_id, None)
        return piece


def _remember(known: dict[str, Kept], reply_id: str, value: Kept) -> None:
    known[reply_id] = value
    if len(known) > MOST_REPLIES:
        del known[next(iter(known))]


def _advance(event: reply_pb2.ReplyEvent, reply: Reply) -> str:
    match event.WhichOneof("event"):
        case "open":
            reply.begin(event.open)
            reply.text = ""
        case "delta":
            return reply.append(event.delta)
        case "snapshot":
            reply.begin(event.snapshot.open)
            added = event.snapshot.text.removeprefix(reply.text)
            reply.text = event.snapshot.text
            return added
    return ""


def _piece(event: reply_pb2.ReplyEvent, reply: Reply, delta: str) -> ReplyPiece:
    state = {"finish": ReplyState.FINISHED, "failed": ReplyState.FAILED}.get(
        event.WhichOneof("event") or "", ReplyState.WRITING
    )
    cancelled = (
        event.finish.finish_reason == reply_pb2.FINISH_REASON_CANCELLED
        or event.failed.failure == reply_pb2.REPLY_FAILURE_CANCELLED
    )
    return ReplyPiece(
        conversation_id=event.conversation_id,
        reply_id=event.reply_id,
        assistant_id=reply.assistant_id,
        in_reply_to_seq=reply.in_reply_to_seq,
        state=state,
        delta=delta,
        text=reply.text,
        entry_seq=event.finish.entry_seq or event.failed.entry_seq,
        cancelled=cancelled,
    )
