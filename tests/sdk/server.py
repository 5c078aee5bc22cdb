"""A small Parley server over real gRPC: accounts, one log per conversation, and a stream that can be made to misbehave."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2, conversation_service_pb2_grpc
from parley.gateway.v1 import frame_pb2, gateway_service_pb2, gateway_service_pb2_grpc
from parley.message.v1 import entry_pb2
from parley.user.v1 import session_pb2, user_pb2, user_service_pb2, user_service_pb2_grpc
from parley_sdk.errors import Code

Context = grpc.aio.ServicerContext[object, object]
_END = frame_pb2.ServerFrame()


async def refuse(context: grpc.aio.ServicerContext[object, object], code: Code, reason: str) -> None:
    """End a call as the mesh does: code, text, and the reason in the details."""
    info, packed = error_details_pb2.ErrorInfo(reason=reason, domain="parley"), Any()
    packed.Pack(info)
    details = status_pb2.Status(code=int(code), message="refused", details=[packed])
    status = next(status for status in grpc.StatusCode if status.value[0] == code)
    await context.abort(status, "refused", (("grpc-status-details-bin", details.SerializeToString()),))


@dataclass
class Stream:
    """One open device stream."""

    user_id: str
    device_id: str
    frames: asyncio.Queue[frame_pb2.ServerFrame] = field(default_factory=asyncio.Queue)
    heard: list[frame_pb2.ClientFrame] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: tuple[Code, str] | None = None

    def end(self, refusal: tuple[Code, str] | None = None) -> None:
        self.refusal = refusal
        self.frames.put_nowait(_END)


class Server:
    """What the services together know."""

    def __init__(self) -> None:
        self.logs: dict[str, list[entry_pb2.Entry]] = defaultdict(list)
        self.accepted: dict[tuple[str, int], entry_pb2.Entry] = {}
        self.users: dict[str, str] = {}
        self.tokens: dict[str, tuple[str, str]] = {}
        self.streams: list[Stream] = []
        self.answers_lost = 0
        """So many sends are written, and their answers lost."""
        self.changed = asyncio.Condition()
        self._epoch = 0

    def tokens_for(self, user_id: str, device_id: str) -> session_pb2.Tokens:
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = (user_id, device_id)
        return session_pb2.Tokens(access_token=token, refresh_token=token, access_expires_at_ms=0)

    def members(self, conversation_id: str) -> set[str]:
        return set(conversation_id.split("-"))

    def append(self, entry: entry_pb2.Entry, from_device: str = "") -> entry_pb2.Entry:
        log = self.logs[entry.conversation_id]
        entry.seq = len(log) + 1
        log.append(entry)
        for stream in self.streams:
            if stream.user_id in self.members(entry.conversation_id) and stream.device_id != from_device:
                stream.frames.put_nowait(frame_pb2.ServerFrame(entries=[entry]))
        return entry

    def states(self, user_id: str) -> list[conversation_pb2.ConversationState]:
        return [
            conversation_pb2.ConversationState(conversation_id=name, head_seq=len(log), first_seq=1)
            for name, log in self.logs.items()
            if user_id in self.members(name)
        ]

    def hear(self, stream: Stream, frame: frame_pb2.ClientFrame) -> None:
        stream.heard.append(frame)
        answer = frame_pb2.ServerFrame()
        if frame.HasField("hello"):
            self._epoch += 1
            answer.welcome.user_id, answer.welcome.device_id = stream.user_id, stream.device_id
            answer.welcome.epoch, answer.welcome.heartbeat_interval_ms = self._epoch, 15_000
            answer.welcome.max_in_flight = 64
        if frame.HasField("resume"):
            answer.resumed.outcome = frame_pb2.Resumed.OUTCOME_PARTIAL
            answer.resumed.states.extend(self.states(stream.user_id))
        for send in frame.sends:
            key = (stream.device_id, send.client_message_id)
            duplicate = key in self.accepted
            if not duplicate:
                entry = entry_pb2.Entry(
                    conversation_id=send.conversation_id,
                    sender_id=stream.user_id,
                    client_message_id=send.client_message_id,
                    content=send.content,
                )
                self.accepted[key] = self.append(entry, stream.device_id)
            if self.answers_lost > 0:
                self.answers_lost -= 1
                continue
            answer.results.add(
                conversation_id=send.conversation_id,
                client_message_id=send.client_message_id,
                seq=self.accepted[key].seq,
                duplicate=duplicate,
            )
        if frame.HasField("heartbeat"):
            answer.heartbeat.SetInParent()
        if answer.ByteSize():
            stream.frames.put_nowait(answer)

    async def wait_for_streams(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.streams) == count)

    async def _count(self, stream: Stream, *, opened: bool) -> None:
        async with self.changed:
            if opened:
                self.streams.append(stream)
            else:
                self.streams.remove(stream)
            self.changed.notify_all()


class _Users(user_service_pb2_grpc.UserServiceServicer):
    def __init__(self, server: Server) -> None:
        self._server = server

    async def Register(self, request, context):  # type: ignore[no-untyped-def]
        if request.username in self._server.users:
            await refuse(context, Code.ALREADY_EXISTS, "USERNAME_TAKEN")
        user_id = f"u{len(self._server.users) + 1:015}"
        self._server.users[request.username] = user_id
        return user_service_pb2.RegisterResponse(user=user_pb2.User(user_id=user_id, username=request.username))

    async def LogIn(self, request, context):  # type: ignore[no-untyped-def]
        user_id = self._server.users.get(request.username)
        if user_id is None:
            await refuse(context, Code.UNAUTHENTICATED, "BAD_CREDENTIALS")
            return None
        device_id = request.device_id or f"d{len(self._server.tokens):015}"
        return user_service_pb2.LogInResponse(
            tokens=self._server.tokens_for(user_id, device_id),
            user=user_pb2.User(user_id=user_id, username=request.username),
            device_id=device_id,
            session=session_pb2.Session(session_id=f"s{len(self._server.tokens):015}"),
        )

    async def Refresh(self, request, context):  # type: ignore[no-untyped-def]
        if request.refresh_token.startswith("revoked"):
            await refuse(context, Code.UNAUTHENTICATED, "SESSION_REVOKED")
        user_id = next(iter(self._server.users.values()))
        return user_service_pb2.RefreshResponse(tokens=self._server.tokens_for(user_id, request.device_id))

    async def LogOut(self, request, context):  # type: ignore[no-untyped-def]
        return user_service_pb2.LogOutResponse()

    async def GetUser(self, request, context):  # type: ignore[no-untyped-def]
        caller = await _caller(self._server, context)
        return user_service_pb2.GetUserResponse(user=user_pb2.User(user_id=request.user_id or caller))


class _Conversations(conversation_service_pb2_grpc.ConversationServiceServicer):
    def __init__(self, server: Server) -> None:
        self._server = server

    async def Sync(self, request, context):  # type: ignore[no-untyped-def]
        await _caller(self._server, context)
        response = conversation_service_pb2.SyncResponse()
        for position in request.positions:
            log = self._server.logs[position.conversation_id]
            part = log[position.seq : position.seq + 2]
            response.entries.extend(part)
            response.states.add(conversation_id=position.conversation_id, head_seq=len(log), first_seq=1)
            if position.seq + len(part) < len(log):
                response.remaining.add(conversation_id=position.conversation_id, seq=position.seq + len(part))
        return response


class _Gateway(gateway_service_pb2_grpc.GatewayServiceServicer):
    def __init__(self, server: Server) -> None:
        self._server = server

    async def Connect(self, requests, context):  # type: ignore[no-untyped-def]
        first = await anext(requests)
        known = self._server.tokens.get(first.frame.hello.access_token)
        if known is None:
            await refuse(context, Code.UNAUTHENTICATED, "TOKEN_EXPIRED")
            return
        stream = Stream(*known)
        await self._server._count(stream, opened=True)
        reading = asyncio.create_task(self._read(stream, first, requests))
        try:
            while (frame := await stream.frames.get()) is not _END:
                yield gateway_service_pb2.ConnectResponse(frame=frame)
            if stream.refusal is not None:
                await refuse(context, *stream.refusal)
        finally:
            reading.cancel()
            stream.ended.set()
            await self._server._count(stream, opened=False)

    async def _read(self, stream, first, requests):  # type: ignore[no-untyped-def]
        self._server.hear(stream, first.frame)
        async for request in requests:
            self._server.hear(stream, request.frame)
            if request.frame.HasField("bye"):
                stream.end()


async def _caller(server: Server, context: grpc.aio.ServicerContext[object, object]) -> str:
    metadata = dict(context.invocation_metadata() or ())
    token = str(metadata.get("authorization", "")).removeprefix("Bearer ")
    if token not in server.tokens:
        await refuse(context, Code.UNAUTHENTICATED, "TOKEN_EXPIRED")
    return server.tokens[token][0]


@asynccontextmanager
async def serving(server: Server, port: int = 0) -> AsyncIterator[int]:
    """Serve until the end of the block; the port is given."""
    grpc_server = grpc.aio.server()
    user_service_pb2_grpc.add_UserServiceServicer_to_server(_Users(server), grpc_server)
    conversation_service_pb2_grpc.add_ConversationServiceServicer_to_server(_Conversations(server), grpc_server)
    gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(_Gateway(server), grpc_server)
    bound = grpc_server.add_insecure_port(f"127.0.0.1:{port}")
    await grpc_server.start()
    try:
        yield bound
    finally:
        for stream in server.streams:
            stream.end()
        await grpc_server.stop(0.2)
