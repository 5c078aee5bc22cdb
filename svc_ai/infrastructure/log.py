"""The logs of the message service, by its LogService."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from parley.conversation.v1 import conversation_pb2
from parley.log.v1 import log_service_pb2, log_service_pb2_grpc
from parley.message.v1 import body_pb2, entry_pb2, notice_pb2
from svc_ai.domain.entry import Entry, EntryKind, Page, Position
from svc_ai.domain.reply import Answer, Finish, Step
from svc_ai.infrastructure.steps import event_of

FINISHES: Final = {
    Finish.COMPLETE: body_pb2.AssistantReply.FINISH_COMPLETE,
    Finish.CANCELLED: body_pb2.AssistantReply.FINISH_CANCELLED,
    Finish.TRUNCATED: body_pb2.AssistantReply.FINISH_TRUNCATED,
    Finish.FAILED: body_pb2.AssistantReply.FINISH_FAILED,
}

MAX_FALLBACK: Final = 512
"""Characters of `Body.fallback_text`."""

NO_ANSWER: Final = "The assistant could not answer."


class GrpcLog:
    """Calls LogService; its name in the log is that of this service's token."""

    def __init__(self, stub: log_service_pb2_grpc.LogServiceStub) -> None:
        self._stub = stub

    async def read(self, user_id: str, conversation_id: str, after: int, limit: int) -> Page:
        """At most `limit` entries after a seq that the user may see, oldest first."""
        position = conversation_pb2.Position(conversation_id=conversation_id, seq=after)
        request = log_service_pb2.ReadForRequest(user_id=user_id, positions=[position], limit=limit)
        response = await self._stub.ReadFor(request)
        return Page(tuple(map(entry_of, response.entries)), bool(response.remaining))

    async def compare(self, user_id: str, positions: Sequence[Position]) -> list[Position]:
        """Where conversations stand for this user that differ from `positions` or are not among them."""
        request = log_service_pb2.CompareForRequest(user_id=user_id, positions=map(_position, positions))
        response = await self._stub.CompareFor(request)
        return [
            Position(state.conversation_id, state.head_seq, state.read_seq, state.peer_read_seq)
            for state in response.states
        ]

    async def append(self, answer: Answer) -> int:
        """Append an answer durably and return its seq."""
        append = log_service_pb2.Append(
            conversation_id=answer.reply.conversation_id,
            sender_id=answer.reply.assistant_id,
            client_message_id=answer.reply.number,
            content=entry_pb2.Content(post=_post(answer)),
        )
        response = await self._stub.Append(log_service_pb2.AppendRequest(appends=[append]))
        return response.places[0].seq

    async def mark_read(self, user_id: str, conversation_id: str, seq: int) -> None:
        """Raise how far a user has read."""
        request = log_service_pb2.MarkReadForRequest(user_id=user_id, conversation_id=conversation_id, seq=seq)
        await self._stub.MarkReadFor(request)

    async def show(self, step: Step) -> None:
        """Show a step to the members who are online. May be lost."""
        await self._stub.ShowReply(log_service_pb2.ShowReplyRequest(event=event_of(step)))


def entry_of(entry: entry_pb2.Entry) -> Entry:
    """An entry as an assistant sees it."""
    content = entry.content
    match content.WhichOneof("kind"):
        case "post":
            return _said(entry, content.post)
        case "edit":
            edit = content.edit
            edited = _entry(entry, EntryKind.EDIT, text=text_of(edit.body), target_seq=edit.target_seq)
            return replace(edited, wordless=not words_of(edit.body))
        case "membership":
            return _membership(entry, content.membership)
    return _entry(entry, EntryKind.OTHER)


def text_of(body: body_pb2.Body) -> str:
    """The text of a body: itself, else the caption, else the fallback."""
    return words_of(body) or body.fallback_text


def words_of(body: body_pb2.Body) -> str:
    """The text of a body: itself, or the caption; empty when it has no words of its own."""
    kind = body.WhichOneof("kind")
    if kind == "text":
        return body.text.text
    if kind == "assistant_reply":
        return body.assistant_reply.text
    return getattr(getattr(body, kind), "caption", "") if kind else ""


def _said(entry: entry_pb2.Entry, post: entry_pb2.Post) -> Entry:
    said = replace(_entry(entry, EntryKind.POST, text=text_of(post.body)), wordless=not words_of(post.body))
    if post.body.WhichOneof("kind") == "assistant_reply":
        reply = post.body.assistant_reply
        return replace(said, kind=EntryKind.REPLY, target_seq=reply.in_reply_to_seq, reply_id=reply.reply_id)
    return replace(said, mentions=frozenset(post.mentioned_user_ids), reply_to_seq=post.reply_to_seq)


def _membership(entry: entry_pb2.Entry, change: notice_pb2.MembershipChange) -> Entry:
    return _entry(entry, EntryKind.OTHER, removed=frozenset(change.removed_user_ids))


def _entry(
    entry: entry_pb2.Entry,
    kind: EntryKind,
    *,
    text: str = "",
    target_seq: int = 0,
    removed: frozenset[str] = frozenset(),
) -> Entry:
    place = (entry.conversation_id, entry.seq, entry.sender_id)
    return Entry(*place, kind, text, target_seq=target_seq, removed=removed)


def _position(position: Position) -> conversation_pb2.Position:
    return conversation_pb2.Position(
        conversation_id=position.conversation_id,
        seq=position.seq,
        read_seq=position.read_seq,
        peer_read_seq=position.peer_read_seq,
    )


def _post(answer: Answer) -> entry_pb2.Post:
    reply = body_pb2.AssistantReply(
        reply_id=answer.reply.id,
        text=answer.text,
        finish=FINISHES[answer.finish],
        in_reply_to_seq=answer.reply.in_reply_to_seq,
        model=answer.model,
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
    )
    body = body_pb2.Body(assistant_reply=reply, fallback_text=(answer.text or NO_ANSWER)[:MAX_FALLBACK])
    return entry_pb2.Post(body=body, reply_to_seq=answer.reply.in_reply_to_seq)
