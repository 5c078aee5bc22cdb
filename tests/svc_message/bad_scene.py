"""People whose mesh is told bad things, what comes of it, and the probe that shows that the service goes on."""

import time
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import grpc

from mesh import wire
from mesh.errors import Code, MeshError
from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import GetConversationRequest
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, Hello, Mark, Resume
from parley.gateway.v1.gateway_service_pb2 import SubmitRequest
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import (
    ListReactionsRequest,
    Send,
    SendRequest,
    SendResponse,
)
from svc_gateway.domain import Limits
from tests.refused import LOST
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post
from tests.svc_message.world import World, call

CANARY: Final = "canary-7c1e"
PROBE_S: Final = 0.1
"""The service answers within this time after whatever was asked of it."""

PROBES: Final = 5
"""The quickest of so many counts: other programs share the machine."""

OK: Final = ("OK", "")
LIMITS: Final = Limits(frames_burst=150, frames_per_s=0.001, in_flight=20, write_stall_s=0.5)
"""Who floods has used up all that there is, however long a busy machine takes for it."""

NARROW: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.http2.lookahead_bytes", 65_536),
    ("grpc.http2.bdp_probe", 0),
)
"""A transport window so small that a device that does not read is felt by the server."""

Outcome = tuple[str, str]


@dataclass
class Scene:
    """Two friends with a chat that has one message of each, a group without the one, and a stranger."""

    world: World
    ann: Device
    bob: Device
    stranger: Device
    chat: str
    team: str

    async def sends(self, one: Send, device: Device | None = None) -> Outcome:
        """What a send on the stream is answered."""
        [result] = await (device or self.ann).results(one)
        return (Code(result.error.code).name, result.error.reason) if result.error.code else OK

    async def opens(self, first: ClientFrame) -> Outcome:
        """How a stream ends that begins so."""
        device = new_device(self.world)
        await device.open(first)
        end = await device.ended()
        return end.code.name, end.reason

    async def ends(self, *later: ClientFrame) -> Outcome:
        """How a stream ends that goes on so. It is tried again when the client loses its status."""
        while True:
            device = await new_device(self.world, self.ann.user_id).connect()
            with suppress(grpc.aio.AioRpcError):  # it has ended, and its reader knows how
                for frame in later:
                    await device.say(frame)
            end = await device.ended()
            if end.reason != LOST:
                return end.code.name, end.reason

    async def told(self, frame: ClientFrame) -> Outcome:
        """What a stream that goes on is told about a part of a frame."""
        before = len(self.ann.received.errors)
        await self.ann.say(frame)
        await self.ann.until(lambda: len(self.ann.received.errors) > before)
        error = self.ann.received.errors[before].error
        return Code(error.code).name, error.reason

    async def raw(self, path: str, body: bytes, device: Device | None = None) -> bytes:
        """Call with bytes as they are; errors arrive as MeshError."""
        token = (device or self.ann).token
        return await call(self.world.channel.unary_unary(path), body, token)

    async def sends_raw(self, body: bytes) -> SendResponse:
        """Send with bytes as they are."""
        return SendResponse.FromString(await self.raw("/parley.message.v1.MessageService/Send", body))

    async def syncs_raw(self, place: bytes) -> object:
        """Sync from a position whose place is these bytes."""
        position = wire.field(1, self.chat.encode()) + place
        return await self.raw("/parley.conversation.v1.ConversationService/Sync", wire.field(1, position))

    async def resumed(self, *positions: Position) -> Outcome:
        """How a device continues that says that it knows this."""
        resumed = await self.ann.resume(*positions)
        return resumed.Outcome.Name(resumed.outcome), str(len(resumed.reset_conversation_ids))

    async def leave(self) -> None:
        """Go, so that a clock that is put forward ends no stream of this scene."""
        for device in (self.ann, self.bob, self.stranger):
            await device.leave()

    async def probe(self) -> float:
        """The least that an answer costs now, in CPU seconds of everything here: a clock tells of the machine too."""
        times = []
        for _ in range(PROBES):
            began = time.process_time()
            request = GetConversationRequest(conversation_id=self.chat)
            await self.bob.do(self.world.conversations.GetConversation, request)
            times.append(time.process_time() - began)
        return min(times)


async def scene(world: World) -> Scene:
    """Set it."""
    ann, bob, stranger = [await new_device(world).connect() for _ in range(3)]
    chat = direct(ann, bob)
    await ann.post(chat, "of ann")
    await bob.post(chat, "of bob")
    return Scene(world, ann, bob, stranger, chat, await groups.make(world, bob, stranger))


async def outcome(work: Awaitable[object]) -> Outcome:
    """Code and reason of a call, or what it gave when it gave an outcome."""
    try:
        given = await work
    except MeshError as error:
        told = f"{error.message}{error.metadata}{error.fields}"
        return (error.code.name, error.reason) if CANARY not in told else ("LEAK", told)
    return given if isinstance(given, tuple) else OK


def hello(token: str, version: int = 1, **more: object) -> ClientFrame:
    """First words."""
    return ClientFrame(hello=Hello(access_token=token, protocol_version=version), **more)  # type: ignore[arg-type]


def number(chat: str, client_message_id: int) -> Send:
    """A post with this number, also one that is none."""
    return Send(conversation_id=chat, client_message_id=client_message_id, content=content("x"))


def content(text: str) -> Content:
    """A text."""
    return Content(post=Post(body=Body(text=Text(text=text))))


def encoded(chat: str, body: bytes, client_message_id: bytes = b"\x10\x07") -> bytes:
    """A SendRequest whose content and number are these bytes."""
    of_send = wire.field(1, chat.encode()) + client_message_id + wire.field(3, body)
    return wire.field(1, of_send)


def text_bytes(text: bytes) -> bytes:
    """A content with a text of these bytes."""
    body = text
    for _ in range(4):
        body = wire.field(1, body)
    return body


async def twice(s: Scene, first: Send, second: Send) -> Outcome:
    """What the second of two sends is answered, and that the first was accepted."""
    assert await s.sends(first) == OK
    [result] = await s.ann.results(second)
    if result.error.code:
        return Code(result.error.code).name, result.error.reason
    return "OK", f"{'duplicate' if result.duplicate else 'new'}"


async def received(s: Scene, one: Send) -> Outcome:
    """Whether the other side gets the text as it was sent, and no log line holds it raw."""
    [result] = await s.ann.results(one)
    entry = await s.bob.entry(s.chat, result.seq)
    assert entry.content == one.content
    assert one.content.post.body.text.text not in s.world.log.getvalue()
    return OK


async def pages(s: Scene, **fields: int) -> Outcome:
    """How many entries a page of history has."""
    return "OK", str(len((await s.ann.history(s.chat, **fields)).entries))


async def marked(s: Scene, seq: int) -> Outcome:
    """How far is read after marking."""
    return "OK", str(await s.ann.mark_read(s.chat, seq))


async def tampered(s: Scene) -> Outcome:
    """A page token of reactions with a changed letter."""
    message = {"conversation_id": s.chat, "seq": 1}
    request = ListReactionsRequest(message=message, page_token="WyJ4IiwxXQ==")  # type: ignore[arg-type]
    await s.ann.do(s.world.messages.ListReactions, request)
    return OK


async def burst(s: Scene) -> Outcome:
    """The one send too many of those that wait for an answer, and that it says when to come again."""
    s.world.directory.hold.clear()
    fresh = new_device(s.world)
    chat = direct(s.ann, fresh)
    sends = [post(chat) for _ in range(LIMITS.in_flight + 1)]
    await s.ann.say_only(*sends)
    await s.ann.until(lambda: [one for one in s.ann.received.results if one.error.code])
    s.world.directory.hold.set()
    [refused] = [one for one in s.ann.received.results if one.error.code]
    assert refused.error.retry_after_ms > 0
    return Code(refused.error.code).name, refused.error.reason


async def late_edit(s: Scene) -> Outcome:
    """An edit after a day, on a new stream: the old one is silent for too long."""
    s.world.clock.advance(24 * 3_600 + 60)
    return await s.sends(edit(s.chat, 1), await new_device(s.world, s.ann.user_id).connect())


async def refused_by(s: Scene, verdict: ContactVerdict.ValueType) -> Outcome:
    """A send to somebody whom the user service knows so; the words do not tell which it is."""
    other = new_device(s.world)
    s.world.directory.verdicts[s.ann.user_id, other.user_id] = verdict
    [result] = await s.ann.results(post(direct(s.ann, other), CANARY))
    assert result.error.message == "this user cannot be written to"
    return Code(result.error.code).name, result.error.reason


async def client_set(s: Scene) -> Outcome:
    """A send that says its own seq, sender and time, in fields of entries: they are unknown to a send."""
    lies = wire.field(4, b"u" + b"0" * 15) + b"\x28\x63"
    request = SendRequest(send=post(s.chat, "mine", 99)).SerializeToString()
    sent = await s.sends_raw(wire.field(1, SendRequest.FromString(request).send.SerializeToString() + lies))
    entry = (await s.ann.history(s.chat, from_seq=sent.seq)).entries[0]
    return "OK", f"{entry.seq} {entry.sender_id == s.ann.user_id}"


def reads(chat: str, seq: int) -> ClientFrame:
    """A mark of what is read."""
    return ClientFrame(reads=[Mark(conversation_id=chat, seq=seq)])


def acks(chat: str, seq: int) -> ClientFrame:
    """A mark of what came."""
    return ClientFrame(received=[Mark(conversation_id=chat, seq=seq)])


def mentioning(chat: str, *users: str) -> Send:
    """A post that addresses these."""
    return post(chat, "you", mentioned_user_ids=users)


def beyond(s: Scene) -> Position:
    """A place behind all that a log can have."""
    return Position(conversation_id=s.chat, seq=2**64 - 1)


def knowing(*positions: Position) -> ClientFrame:
    """What a device says that it has."""
    return ClientFrame(resume=Resume(positions=positions))


async def submit_to_another(s: Scene) -> Outcome:
    """A frame for the stream of somebody else."""
    epoch = s.bob.received.welcome.epoch
    request = SubmitRequest(epoch=epoch, number=1, frame=ClientFrame(heartbeat=Heartbeat()))
    await s.ann.do(s.world.gateway.Submit, request)
    return OK


async def read_less(s: Scene) -> Outcome:
    """How far is read after less was marked than before."""
    await s.ann.mark_read(s.chat, 2)
    return await marked(s, 1)
