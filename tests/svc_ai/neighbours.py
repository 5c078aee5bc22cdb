"""The neighbours of the AI service, as small as their contracts allow: a log that orders and dedupes, and accounts."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from mesh import errors
from mesh.broker import Broker, node_topic
from mesh.caller import Caller
from mesh.deliveries import Columns
from mesh.part import Part
from mesh.route import nodes_of
from mesh.routes import Routes
from parley.ai.v1.reply_pb2 import ReplyEvent
from parley.conversation.v1.conversation_pb2 import ConversationState, Position
from parley.directory.v1.directory_service_pb2 import (
    CheckContactRequest,
    CheckContactResponse,
    Contact,
    ContactVerdict,
    DirectoryProfile,
    EnsureAssistantRequest,
    EnsureAssistantResponse,
    GetProfilesRequest,
    GetProfilesResponse,
)
from parley.log.v1.log_service_pb2 import (
    AppendRequest,
    AppendResponse,
    CompareForRequest,
    CompareForResponse,
    HistoryForRequest,
    HistoryForResponse,
    MarkReadForRequest,
    MarkReadForResponse,
    PlaceForRequest,
    PlaceForResponse,
    ReadForRequest,
    ReadForResponse,
    ShowReplyRequest,
    ShowReplyResponse,
)
from parley.message.v1.body_pb2 import AssistantReply, Body, Text
from parley.message.v1.entry_pb2 import Content, Entry, Hidden, Post, Tombstone
from parley.message.v1.notice_pb2 import MEMBER_ROLE_ADMIN, MEMBER_ROLE_MEMBER
from parley.user.v1.user_pb2 import USER_KIND_BOT, USER_KIND_PERSON

ASSISTANT = "u0000000000000aa"
ANN = "u0000000000000an"
BOB = "u0000000000000b0"
DIRECT = f"{ASSISTANT}-{ANN}"
GROUP = "g000000000000000"
NAMES = {ANN: "Ann", BOB: "Bob", ASSISTANT: "Parley Assistant"}


class Directory:
    """Knows the one assistant. `away` makes it unavailable. All others are people of no language, but for `locales`,
    `bots` and those who are `blocked` by the assistant's user.
    """

    def __init__(self) -> None:
        self.asked: list[EnsureAssistantRequest] = []
        self.away = False
        self.locales: dict[str, str] = {}
        self.bots: set[str] = set()
        self.silent = False
        """It answers nothing about who may write to whom."""
        self.blocked: set[str] = set()
        """Who has blocked the assistant."""

    async def get_profiles(self, request: GetProfilesRequest, caller: Caller) -> GetProfilesResponse:
        profiles = [
            DirectoryProfile(
                user_id=id_,
                display_name=NAMES.get(id_, ""),
                locale=self.locales.get(id_, ""),
                kind=USER_KIND_BOT if id_ in self.bots else USER_KIND_PERSON,
            )
            for id_ in request.user_ids
        ]
        return GetProfilesResponse(profiles=profiles)

    async def check_contact(self, request: CheckContactRequest, caller: Caller) -> CheckContactResponse:
        if self.silent:
            raise errors.unavailable("STORE_UNAVAILABLE", "away")
        verdicts = [
            ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER
            if pair.receiver_id in self.blocked
            else ContactVerdict.CONTACT_VERDICT_NOT_ACCEPTED
            for pair in request.pairs
        ]
        return CheckContactResponse(contacts=[Contact(verdict=verdict) for verdict in verdicts])

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
    admins: set[str] = field(default_factory=set)
    came: dict[tuple[str, str], int] = field(default_factory=dict)
    """The first entry that a user sees of a conversation, where it is not the very first."""
    left: dict[tuple[str, str], int] = field(default_factory=dict)
    """The last one, of who is no member any more."""
    silenced: bool = False
    """The assistant may write nothing in groups."""
    read: dict[tuple[str, str], int] = field(default_factory=dict)
    """How far users have read."""
    hidden: set[tuple[str, str, int]] = field(default_factory=set)
    """What users have hidden: user, conversation, seq."""
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
        event = Columns()
        event.add(conversation, [*found], [Part(b"", entries=1)])
        for node, boot in nodes_of(route for routes in found.values() for route in routes):
            await self.broker.publish(node_topic(node, boot), event.encode())

    def recall(self, seq: int, conversation: str = DIRECT) -> None:
        """Take the content of a post away, as a recall does."""
        self.entries[conversation][seq - 1].content.CopyFrom(Content(tombstone=Tombstone()))

    def seen(self, user_id: str, conversation: str) -> list[Entry]:
        """What a user sees of a conversation."""
        known = user_id in self.members.get(conversation, ()) or (conversation, user_id) in self.left
        if not known:
            raise errors.not_found("CONVERSATION_NOT_FOUND", "no such conversation")
        log = self.entries[conversation]
        first, last = self.came.get((conversation, user_id), 1), self.left.get((conversation, user_id), len(log))
        return [self._veiled(user_id, entry) for entry in log[first - 1 : last]]

    def _veiled(self, user_id: str, entry: Entry) -> Entry:
        if (user_id, entry.conversation_id, entry.seq) not in self.hidden:
            return entry
        return Entry(conversation_id=entry.conversation_id, seq=entry.seq, content=Content(hidden=Hidden()))

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

    async def history_for(self, request: HistoryForRequest, caller: Caller) -> HistoryForResponse:
        seen = self._logs.seen(request.user_id, request.conversation_id)
        first, last = request.from_seq, request.to_seq or len(self._logs.entries[request.conversation_id])
        wanted = [entry for entry in seen if first <= entry.seq <= last][:: -1 if request.descending else 1]
        page, rest = wanted[: request.limit], wanted[request.limit :]
        places = {entry.seq for entry in page}
        edits = [one for one in seen if one.content.edit.target_seq in places and one.seq not in places]
        head = seen[-1].seq if seen else 0
        return HistoryForResponse(
            entries=page, amendments=edits[-1:], head_seq=head, next_seq=rest[0].seq if rest else 0
        )

    async def place_for(self, request: PlaceForRequest, caller: Caller) -> PlaceForResponse:
        self._logs.seen(request.user_id, request.conversation_id)
        key = (request.conversation_id, request.user_id)
        return PlaceForResponse(
            first_seq=self._logs.came.get(key, 1),
            left_seq=self._logs.left.get(key, 0),
            role=MEMBER_ROLE_ADMIN if request.user_id in self._logs.admins else MEMBER_ROLE_MEMBER,
            silenced=self._logs.silenced,
        )

    async def mark_read_for(self, request: MarkReadForRequest, caller: Caller) -> MarkReadForResponse:
        self._logs.read[request.conversation_id, request.user_id] = request.seq
        return MarkReadForResponse()

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
