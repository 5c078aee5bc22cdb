"""A small server over real gRPC: accounts, one log per conversation, and a stream that can be made to misbehave."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2
from parley.gateway.v1 import frame_pb2, gateway_service_pb2
from parley.message.v1 import entry_pb2, message_service_pb2
from parley.user.v1 import session_pb2, user_pb2, user_service_pb2
from parley_sdk.errors import Code

Context = grpc.aio.ServicerContext[Message, Message]
_Connect = gateway_service_pb2.ConnectRequest
_END = frame_pb2.ServerFrame()


async def refuse(context: Context, code: Code, reason: str) -> None:
    """End a call as the mesh does: code, text, and the reason in the details."""
    info, packed = error_details_pb2.ErrorInfo(reason=reason, domain="parley"), any_pb2.Any()
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
        self.written = asyncio.Event()
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
        answer.results.extend(filter(None, [self._accept(stream, send) for send in frame.sends]))
        if frame.HasField("heartbeat"):
            answer.heartbeat.SetInParent()
        if answer.ByteSize():
            stream.frames.put_nowait(answer)

    def _accept(self, stream: Stream, send: message_service_pb2.Send) -> frame_pb2.SendResult | None:
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
        self.written.set()
        if self.answers_lost > 0:
            self.answers_lost -= 1
            return None
        return frame_pb2.SendResult(
            conversation_id=send.conversation_id,
            client_message_id=send.client_message_id,
            seq=self.accepted[key].seq,
            duplicate=duplicate,
        )

    async def wait_for_streams(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.streams) == count)

    async def count(self, stream: Stream, *, opened: bool) -> None:
        async with self.changed:
            if opened:
                self.streams.append(stream)
            else:
                self.streams.remove(stream)
            self.changed.notify_all()


async def _register(server: Server, request: user_service_pb2.RegisterRequest, context: Context) -> Message:
    if request.username in server.users:
        await refuse(context, Code.ALREADY_EXISTS, "USERNAME_TAKEN")
    user_id = f"u{len(server.users) + 1:015}"
    server.users[request.username] = user_id
    return user_service_pb2.RegisterResponse(user=user_pb2.User(user_id=user_id, username=request.username))


async def _log_in(server: Server, request: user_service_pb2.LogInRequest, context: Context) -> Message:
    user_id = server.users.get(request.username, "")
    if not user_id:
        await refuse(context, Code.UNAUTHENTICATED, "BAD_CREDENTIALS")
    device_id = request.device_id or f"d{len(server.tokens):015}"
    return user_service_pb2.LogInResponse(
        tokens=server.tokens_for(user_id, device_id),
        user=user_pb2.User(user_id=user_id, username=request.username),
        device_id=device_id,
        session=session_pb2.Session(session_id=f"s{len(server.tokens):015}"),
    )


async def _refresh(server: Server, request: user_service_pb2.RefreshRequest, context: Context) -> Message:
    if request.refresh_token == "revoked":
        await refuse(context, Code.UNAUTHENTICATED, "SESSION_REVOKED")
    user_id = next(iter(server.users.values()))
    return user_service_pb2.RefreshResponse(tokens=server.tokens_for(user_id, request.device_id))


async def _log_out(server: Server, request: user_service_pb2.LogOutRequest, context: Context) -> Message:
    return user_service_pb2.LogOutResponse()


async def _get_user(server: Server, request: user_service_pb2.GetUserRequest, context: Context) -> Message:
    caller = await _caller(server, context)
    return user_service_pb2.GetUserResponse(user=user_pb2.User(user_id=request.user_id or caller))


async def _sync(server: Server, request: conversation_service_pb2.SyncRequest, context: Context) -> Message:
    """Two entries a call, so that there is more than one."""
    await _caller(server, context)
    response = conversation_service_pb2.SyncResponse()
    for position in request.positions:
        log = server.logs[position.conversation_id]
        part = log[position.seq : position.seq + 2]
        response.entries.extend(part)
        response.states.add(conversation_id=position.conversation_id, head_seq=len(log), first_seq=1)
        if position.seq + len(part) < len(log):
            response.remaining.add(conversation_id=position.conversation_id, seq=position.seq + len(part))
    return response


async def _connect(server: Server, requests: AsyncIterator[_Connect], context: Context) -> AsyncIterator[Message]:
    first = await anext(requests)
    known = server.tokens.get(first.frame.hello.access_token)
    if known is None:
        await refuse(context, Code.UNAUTHENTICATED, "TOKEN_EXPIRED")
        return
    stream = Stream(*known)
    await server.count(stream, opened=True)
    reading = asyncio.create_task(_read(server, stream, first, requests))
    try:
        while (frame := await stream.frames.get()) is not _END:
            yield gateway_service_pb2.ConnectResponse(frame=frame)
        if stream.refusal is not None:
            await refuse(context, *stream.refusal)
    finally:
        reading.cancel()
        await server.count(stream, opened=False)


async def _read(server: Server, stream: Stream, first: _Connect, requests: AsyncIterator[_Connect]) -> None:
    server.hear(stream, first.frame)
    async for request in requests:
        server.hear(stream, request.frame)
        if request.frame.HasField("bye"):
            stream.end()


async def _caller(server: Server, context: Context) -> str:
    metadata = dict(context.invocation_metadata() or ())
    token = str(metadata.get("authorization", "")).removeprefix("Bearer ")
    if token not in server.tokens:
        await refuse(context, Code.UNAUTHENTICATED, "TOKEN_EXPIRED")
    return server.tokens[token][0]


def _encode(message: Message) -> bytes:
    return message.SerializeToString()


def _handlers(server: Server) -> list[grpc.GenericRpcHandler]:
    def unary(behaviour: Callable[..., object], request: type[Message]) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.unary_unary_rpc_method_handler(partial(behaviour, server), request.FromString, _encode)

    users = {
        "Register": unary(_register, user_service_pb2.RegisterRequest),
        "LogIn": unary(_log_in, user_service_pb2.LogInRequest),
        "Refresh": unary(_refresh, user_service_pb2.RefreshRequest),
        "LogOut": unary(_log_out, user_service_pb2.LogOutRequest),
        "GetUser": unary(_get_user, user_service_pb2.GetUserRequest),
    }
    conversations = {"Sync": unary(_sync, conversation_service_pb2.SyncRequest)}
    connect: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        partial(_connect, server), _Connect.FromString, _encode
    )
    return [
        grpc.method_handlers_generic_handler("parley.user.v1.UserService", users),
        grpc.method_handlers_generic_handler("parley.conversation.v1.ConversationService", conversations),
        grpc.method_handlers_generic_handler("parley.gateway.v1.GatewayService", {"Connect": connect}),
    ]


@asynccontextmanager
async def serving(server: Server, port: int = 0) -> AsyncIterator[int]:
    """Serve until the end of the block; the port is given."""
    grpc_server = grpc.aio.server()
    grpc_server.add_generic_rpc_handlers(tuple(_handlers(server)))
    bound = grpc_server.add_insecure_port(f"127.0.0.1:{port}")
    await grpc_server.start()
    try:
        yield bound
    finally:
        for stream in server.streams:
            stream.end()
        await grpc_server.stop(0.2)
