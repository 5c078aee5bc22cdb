"""The neighbours of the AI service, as small as their contracts allow: a log that orders and dedupes, and accounts."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from mesh import errors
from mesh.broker import Broker, node_topic
from mesh.caller import Caller
from mesh.route import nodes_of
from mesh.routes import Routes
from parley.ai.v1.reply_pb2 import ReplyEvent
from parley.conversation.v1.conversation_pb2 import ConversationState, Position
from parley.directory.v1.directory_service_pb2 import EnsureAssistantRequest, EnsureAssistantResponse
from parley.event.v1.event_pb2 import Delivery, DeliveryPart, NodeEvent
from parley.log.v1.log_service_pb2 import (
    AppendRequest,
    AppendResponse,
    CompareForRequest,
    CompareForResponse,
    ReadForRequest,
    ReadForResponse,
    ShowReplyRequest,
    ShowReplyResponse,
)
from parley.message.v1.body_pb2 import AssistantReply, Body, Text
from parley.message.v1.entry_pb2 import Content, Entry, Post

ASSISTANT = "u0000000000000aa"
ANN = "u0000000000000an"
BOB = "u0000000000000b0"
DIRECT = f"{ASSISTANT}-{ANN}"
GROUP = "g000000000000000"


class Directory:
    """Knows the one assistant. `away` makes it unavailable."""

    def __init__(self) -> None:
        self.asked: list[EnsureAssistantRequest] = []
        self.away = False

    async def ensure_assistant(self, request: EnsureAssistantRequest, caller: Caller) -> EnsureAssistantResponse:
        if self.away:
            raise errors.unavailable("STORE_UNAVAILABLE", "away")
        self.asked.append(request)
        return EnsureAssistantResponse(user_id=ASSISTANT, created=len(self.asked) == 1)


@dataclass
class Logs:
    """All conversations, and what happens to calls on them."""

    broker: Broker
    routes: Routes
    entries: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    members: dict[str, set[str]] = field(
        default_factory=lambda: {DIRECT: {ASSISTANT, ANN}, GROUP: {ASSISTANT, ANN, BOB}}
    )
    events: list[ReplyEvent] = field(default_factory=list)
    hints: bool = True
    refuse_appends: bool = False
    lose_answers: bool = False
    shows_to_lose: int = 0
    page: int = 500
    reads: int = 0
    _places: dict[tuple[str, str, int], tuple[bytes, int]] = field(default_factory=dict)
    _numbers: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    async def say(self, sender: str, text: str, *mentions: str, to: str = DIRECT, everyone: bool = False) -> int:
        """Append a text of a person and return its seq."""
        post = Post(body=Body(text=Text(text=text)), mentioned_user_ids=mentions, mentions_all=everyone)
        return await self.write(sender, Content(post=post), to=to)

    async def write(self, sender: str, content: Content, *, to: str = DIRECT) -> int:
        """Append any content of a person and return its seq."""
        return (await self.append(to, sender, "dperson", self._numbers(), content))[0]

    async def append(
        self, conversation: str, sender: str, device: str, number: int, content: Content
    ) -> tuple[int, bool]:
        """Give it the next seq unless it has one."""
        key, encoded = (conversation, device, number), content.SerializeToString(deterministic=True)
        if key in self._places:
            before, seq = self._places[key]
            if before != encoded:
                raise errors.already_exists("MESSAGE_ID_CONFLICT", "this number was used for another content")
            return seq, True
        log = self.entries[conversation]
        entry = Entry(conversation_id=conversation, seq=len(log) + 1, sender_id=sender, client_message_id=number)
        entry.content.CopyFrom(content)
        log.append(entry)
        self._places[key] = (encoded, entry.seq)
        await self._hint(conversation)
        return entry.seq, False

    async def _hint(self, conversation: str) -> None:
        if not self.hints:
            return
        found = await self.routes.lookup(self.members[conversation])
        delivery = Delivery(user_ids=[*found], conversation_id=conversation, parts=[DeliveryPart(entries=1)])
        event = NodeEvent(deliveries=[delivery])
        for node, boot in nodes_of(route for routes in found.values() for route in routes):
            await self.broker.publish(node_topic(node, boot), event.SerializeToString())

    def answers(self, conversation: str = DIRECT) -> list[AssistantReply]:
        """The answers in a conversation, in order."""
        posts = [entry.content.post.body for entry in self.entries[conversation]]
        return [body.assistant_reply for body in posts if body.WhichOneof("kind") == "assistant_reply"]

    def numbers(self, conversation: str = DIRECT) -> list[int]:
        """The idempotency keys of what the assistant wrote."""
        return [entry.client_message_id for entry in self.entries[conversation] if entry.sender_id == ASSISTANT]

    def kinds(self) -> list[str]:
        """What was shown, in order."""
        return [event.WhichOneof("event") or "" for event in self.events]


class LogServicer:
    """LogService over the logs."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    async def append(self, request: AppendRequest, caller: Caller) -> AppendResponse:
        if self._logs.refuse_appends:
            raise errors.unavailable("STORE_UNAVAILABLE", "away")
        places = []
        for one in request.appends:
            seq, duplicate = await self._logs.append(
                one.conversation_id, one.sender_id, caller.service, one.client_message_id, one.content
            )
            places.append(AppendResponse.Place(seq=seq, duplicate=duplicate))
        if self._logs.lose_answers:
            raise errors.unavailable("STORE_UNAVAILABLE", "the answer was lost")
        return AppendResponse(places=places)

    async def read_for(self, request: ReadForRequest, caller: Caller) -> ReadForResponse:
        self._logs.reads += 1
        [position] = request.positions
        if request.user_id not in self._logs.members.get(position.conversation_id, ()):
            raise errors.not_found("CONVERSATION_NOT_FOUND", "no such conversation")
        log = self._logs.entries[position.conversation_id]
        entries = log[position.seq : position.seq + min(request.limit, self._logs.page)]
        reached = position.seq + len(entries)
        more = [Position(conversation_id=position.conversation_id, seq=reached)] if reached < len(log) else []
        return ReadForResponse(entries=entries, remaining=more)

    async def compare_for(self, request: CompareForRequest, caller: Caller) -> CompareForResponse:
        known = {position.conversation_id: position.seq for position in request.positions}
        states = [
            ConversationState(conversation_id=id_, head_seq=len(log), first_seq=1)
            for id_, log in self._logs.entries.items()
            if request.user_id in self._logs.members[id_] and len(log) != known.get(id_)
        ]
        return CompareForResponse(states=states)

    async def show_reply(self, request: ShowReplyRequest, caller: Caller) -> ShowReplyResponse:
        if self._logs.shows_to_lose:
            self._logs.shows_to_lose -= 1
            raise errors.unavailable("SERVICE_UNAVAILABLE", "away")
        self._logs.events.append(request.event)
        await asyncio.sleep(0)
        return ShowReplyResponse()
