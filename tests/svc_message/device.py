"""A device of a user: raw frames of the contract over a real channel, and what came back so far."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import grpc

from mesh.errors import MeshError
from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import (
    GetConversationRequest,
    MarkReadRequest,
    SyncRequest,
    SyncResponse,
)
from parley.gateway.v1.frame_pb2 import Bye, ClientFrame, Hello, Mark, Resume, Resumed, SendResult, ServerFrame
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Edit, Entry, Post, Reaction, Recall
from parley.message.v1.message_service_pb2 import ListEntriesRequest, ListEntriesResponse, Send
from tests.refused import decode
from tests.svc_message.world import WAIT_S, World, call

Request = TypeVar("Request")
Response = TypeVar("Response")
T = TypeVar("T")

_numbers = itertools.count(2_000_000)


@dataclass
class Device:
    """One device; `received` is all that came on its present stream, joined."""

    world: World
    user_id: str
    device_id: str
    session_id: str
    received: ServerFrame = field(default_factory=ServerFrame)
    frames: list[ServerFrame] = field(default_factory=list)
    end: MeshError | None = None
    _stream: grpc.aio.StreamStreamCall[ConnectRequest, ConnectResponse] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _reader: "asyncio.Task[None] | None" = None

    @property
    def token(self) -> str:
        """A fresh access token."""
        return self.world.access_token(self.user_id, self.device_id, self.session_id)

    async def connect(
        self,
        *,
        resume: Resume | None = None,
        window: int = 0,
        token: str | None = None,
        more: ClientFrame | None = None,
    ) -> "Device":
        """Open the device stream and wait until it is open."""
        hello = Hello(access_token=self.token if token is None else token, protocol_version=1, flow_window=window)
        frame = ClientFrame(hello=hello, resume=resume)
        if more is not None:
            frame.MergeFrom(more)
        await self.open(frame)
        await self.until(lambda: self.received.HasField("welcome"))
        return self

    async def open(self, first: ClientFrame) -> None:
        """Open a stream with this frame."""
        self.received, self.frames, self.end = ServerFrame(), [], None
        self._stream = self.world.gateway.Connect()
        self.world.stack.push_async_callback(self.leave)
        await self._stream.write(ConnectRequest(frame=first))
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._stream is not None
        try:
            while isinstance(response := await self._stream.read(), ConnectResponse):
                self.frames.append(response.frame)
                self.received.MergeFrom(response.frame)
                self._wake()
            self.end = decode(await _final(self._stream))
        except grpc.aio.AioRpcError as error:
            self.end = decode(error)
        finally:
            self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, met: Callable[[], T]) -> T:
        """Wait until this is true, and return it."""
        async with asyncio.timeout(WAIT_S):
            while not (value := met()):
                assert self.end is None, f"the stream ended: {self.end}"
                await self._changed.wait()
        return value

    async def ended(self) -> MeshError:
        """Wait for the end of the stream and return its status."""
        async with asyncio.timeout(WAIT_S):
            while self.end is None:
                await self._changed.wait()
        return self.end

    async def leave(self, *, bye: bool = False) -> None:
        """End the stream, with or without good-bye."""
        if self._stream is None or self._reader is None:
            return
        if bye:
            await self.say(ClientFrame(bye=Bye()))
            await asyncio.wait_for(asyncio.shield(self._reader), WAIT_S)
        self._stream.cancel()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._stream = self._reader = None

    async def half_close(self) -> None:
        """Say that no frame follows, as the connection of a killed app does."""
        assert self._stream is not None
        await self._stream.done_writing()

    async def say(self, frame: ClientFrame) -> None:
        """Write a frame; its sends say what was heard of unanswered ones, as an app's do."""
        assert self._stream is not None
        if frame.sends:
            frame.retry_number = self.received.retry_unanswered.number
        await self._stream.write(ConnectRequest(frame=frame))

    async def write(self, raw: ConnectRequest) -> None:
        """Write a request as it is."""
        assert self._stream is not None
        await self._stream.write(raw)

    async def results(self, *sends: Send) -> list[SendResult]:
        """Send in one frame and wait for all results, in the order of the sends."""
        before = len(self.received.results)
        wanted = [(send.conversation_id, send.client_message_id) for send in sends]

        def answers() -> list[SendResult]:
            came = list(self.received.results)[before:]
            return [one for one in came if (one.conversation_id, one.client_message_id) in wanted]

        await self.say_only(*sends)
        await self.until(lambda: len(answers()) >= len(sends))
        return sorted(answers(), key=lambda one: wanted.index((one.conversation_id, one.client_message_id)))

    async def say_only(self, *sends: Send) -> None:
        """Send in one frame and wait for nothing."""
        await self.say(ClientFrame(sends=sends))

    async def say_and_wait(self, *sends: Send) -> None:
        """Send in one frame and wait until so many results more have come."""
        before = len(self.received.results)
        await self.say_only(*sends)
        await self.until(lambda: len(self.received.results) >= before + len(sends))

    async def post(self, conversation_id: str, body: str = "hello") -> int:
        """Send a post and return its seq."""
        return (await self.seqs(post(conversation_id, body)))[0]

    async def seqs(self, *sends: Send) -> list[int]:
        """Send in one frame and return the seqs."""
        results = await self.results(*sends)
        assert not [result for result in results if result.error.code], results
        return [result.seq for result in results]

    async def refused(self, send: Send) -> str:
        """Send and return the reason of the refusal."""
        [result] = await self.results(send)
        assert not result.seq, result
        return result.error.reason

    async def resume(self, *positions: Position) -> Resumed:
        """Ask what was missed and wait for the answer; its entries are in `received`."""
        self.received.ClearField("resumed")
        await self.say(ClientFrame(resume=Resume(positions=positions)))
        await self.until(lambda: self.received.HasField("resumed"))
        return self.received.resumed

    def entries(self, conversation_id: str) -> list[Entry]:
        """Entries of a conversation, as they came."""
        return [entry for entry in self.received.entries if entry.conversation_id == conversation_id]

    async def entry(self, conversation_id: str, seq: int) -> Entry:
        """Wait for an entry."""
        [found, *_] = await self.until(lambda: [e for e in self.entries(conversation_id) if e.seq == seq])
        return found

    async def read(self, conversation_id: str, seq: int) -> None:
        """Say that the user has read so far."""
        await self.say(ClientFrame(reads=[Mark(conversation_id=conversation_id, seq=seq)]))

    async def do(self, rpc: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request) -> Response:
        """Call; errors arrive as MeshError."""
        return await call(rpc, request, self.token)

    async def history(self, conversation_id: str, **fields: int | bool) -> ListEntriesResponse:
        """Read a stretch of a log."""
        request = ListEntriesRequest(conversation_id=conversation_id, **fields)  # type: ignore[arg-type]
        return await self.do(self.world.messages.ListEntries, request)

    async def sync(self, positions: Sequence[Position], limit: int = 0) -> SyncResponse:
        """Read one page of what was missed."""
        return await self.do(self.world.conversations.Sync, SyncRequest(positions=positions, limit=limit))

    async def unread(self, conversation_id: str) -> tuple[int, int]:
        """Unread posts and mentions."""
        request = GetConversationRequest(conversation_id=conversation_id)
        found = (await self.do(self.world.conversations.GetConversation, request)).conversation
        return found.unread_count, found.mention_count

    async def mark_read(self, conversation_id: str, seq: int) -> int:
        """Mark as read and return how far it is read now."""
        request = MarkReadRequest(conversation_id=conversation_id, seq=seq)
        return (await self.do(self.world.conversations.MarkRead, request)).read_seq


async def _final(stream: grpc.aio.StreamStreamCall[ConnectRequest, ConnectResponse]) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        await stream.code(), await stream.initial_metadata(), await stream.trailing_metadata(), await stream.details()
    )


def new_device(world: World, user_id: str | None = None) -> Device:
    """A device of this user, or of a new one."""
    return Device(world, user_id or world.ids.new("u"), world.ids.new("d"), world.ids.new("s"))


def direct(one: Device, other: Device) -> str:
    """The id of their direct chat."""
    return f"{min(one.user_id, other.user_id)}-{max(one.user_id, other.user_id)}"


def text(body: str) -> Body:
    """A text."""
    return Body(text=Text(text=body))


def send(conversation_id: str, content: Content, number: int | None = None) -> Send:
    """Something to write, with a number of its own unless one is given."""
    return Send(conversation_id=conversation_id, client_message_id=number or next(_numbers), content=content)


def post(conversation_id: str, body: str = "hello", number: int | None = None, **fields: object) -> Send:
    """A post."""
    return send(conversation_id, Content(post=Post(body=text(body), **fields)), number)  # type: ignore[arg-type]


def edit(conversation_id: str, target: int, body: str = "better") -> Send:
    """An edit."""
    return send(conversation_id, Content(edit=Edit(target_seq=target, body=text(body))))


def recall(conversation_id: str, target: int) -> Send:
    """A recall."""
    return send(conversation_id, Content(recall=Recall(target_seq=target)))


def reaction(conversation_id: str, target: int, name: str = "+1") -> Send:
    """A reaction."""
    return send(conversation_id, Content(reaction=Reaction(target_seq=target, name=name)))
