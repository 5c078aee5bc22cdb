"""Devices without an SDK: the generated stubs, one frame at a time. For load, and for what an SDK would hide."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc

from parley.conversation.v1 import conversation_pb2
from parley.gateway.v1 import frame_pb2, gateway_service_pb2
from parley.gateway.v1.gateway_service_pb2_grpc import GatewayServiceStub
from parley.message.v1 import body_pb2, entry_pb2, message_service_pb2
from parley.user.v1 import session_pb2, user_service_pb2
from parley.user.v1.user_service_pb2_grpc import UserServiceStub
from parley_sdk.infrastructure.status import decode
from tests.journeys.people import PASSWORD, PATIENCE

T = TypeVar("T")
Call = grpc.aio.StreamStreamCall[gateway_service_pb2.ConnectRequest, gateway_service_pb2.ConnectResponse]

_numbers = itertools.count(time.time_ns() // 1_000_000 << 20)
NARROW: Final = (("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0))
"""A transport window so small that a device that does not read is felt by the server."""

_ALONE: Final = (("grpc.use_local_subchannel_pool", 1),)


@dataclass(frozen=True, slots=True)
class Login:
    """A session and what proves it."""

    user_id: str
    device_id: str
    session_id: str
    access_token: str
    refresh_token: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes along with a unary call."""
        return (("authorization", f"Bearer {self.access_token}"),)


def open_channel(address: str, *options: tuple[str, int]) -> grpc.aio.Channel:
    """Return a connection of one's own."""
    return grpc.aio.insecure_channel(address, options=(*_ALONE, *options))


async def log_in(channel: grpc.aio.Channel, username: str, device_id: str = "") -> Login:
    """Open a session, on a new device unless one is named."""
    request = user_service_pb2.LogInRequest(
        request_id=str(next(_numbers)),
        username=username,
        password=PASSWORD,
        device_id=device_id,
        device=session_pb2.Device(platform=session_pb2.PLATFORM_HEADLESS, name="raw"),
    )
    answer = await UserServiceStub(channel).LogIn(request)
    tokens = answer.tokens
    session_id = answer.session.session_id
    return Login(answer.user.user_id, answer.device_id, session_id, tokens.access_token, tokens.refresh_token)


async def log_in_again(address: str, username: str, device_id: str = "") -> Login:
    """Open a session over a connection that is closed at once."""
    async with open_channel(address) as channel:
        return await log_in(channel, username, device_id)


def text_send(conversation_id: str, text: str, number: int = 0) -> message_service_pb2.Send:
    """Return a message to write; without a number it gets a new one."""
    content = entry_pb2.Content(post=entry_pb2.Post(body=body_pb2.Body(text=body_pb2.Text(text=text))))
    return message_service_pb2.Send(
        conversation_id=conversation_id, client_message_id=number or next(_numbers), content=content
    )


def first_frame(login: Login, positions: Mapping[str, int] | None = None, window: int = 0) -> frame_pb2.ClientFrame:
    """Return the first words of a device."""
    hello = frame_pb2.Hello(access_token=login.access_token, protocol_version=1, flow_window=window)
    return frame_pb2.ClientFrame(hello=hello, resume=resume(positions or {}))


def resume(positions: Mapping[str, int]) -> frame_pb2.Resume:
    """Return what the device says that it knows."""
    known = [conversation_pb2.Position(conversation_id=name, seq=seq) for name, seq in positions.items()]
    return frame_pb2.Resume(positions=known)


class RawDevice:
    """A device stream, and every frame that came down it."""

    def __init__(self, call: Call, login: Login) -> None:
        self.login = login
        self.frame = frame_pb2.ServerFrame()
        """All frames so far, joined as the contract joins them."""
        self.entry_times: dict[tuple[str, int], float] = {}
        self._call = call
        self._changed = asyncio.Event()
        self._over = False
        self._error: grpc.aio.AioRpcError | None = None
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        address: str,
        login: Login,
        *,
        positions: Mapping[str, int] | None = None,
        window: int = 0,
        reads: bool = True,
        channel: grpc.aio.Channel | None = None,
    ) -> AsyncIterator["RawDevice"]:
        """Open a stream; with `reads`, return when it has resumed, otherwise nothing is read from it."""
        own = channel or open_channel(address, *NARROW)
        call = GatewayServiceStub(own).Connect()
        device = cls(call, login)
        try:
            frame = first_frame(login, positions, window)
            if not reads:
                frame.ClearField("resume")  # its answer would be in the way, sooner or later
            await device.write(frame)
            if reads:
                device.begin_to_read()
                await device.until(lambda: device.frame.HasField("resumed"))
            yield device
        finally:
            await device._close(None if channel else own)

    @property
    def entries(self) -> list[entry_pb2.Entry]:
        """The entries that were pushed, as they came."""
        return list(self.frame.entries)

    @property
    def outcome(self) -> str:
        """How the device continues."""
        return frame_pb2.Resumed.Outcome.Name(self.frame.resumed.outcome)

    @property
    def reason(self) -> str:
        """Why the stream ended, as a reason of the contract; known when it has ended."""
        return "" if self._error is None else decode(self._error).reason

    def begin_to_read(self) -> None:
        """Read from now on."""
        self._reader = asyncio.create_task(self._read())

    async def write(self, frame: frame_pb2.ClientFrame) -> None:
        """Say something."""
        await self._call.write(gateway_service_pb2.ConnectRequest(frame=frame))

    async def send(self, *sends: message_service_pb2.Send) -> None:
        """Write messages, all in one frame; it says which demand to send again is known."""
        known = self.frame.retry_unanswered.number
        await self.write(frame_pb2.ClientFrame(sends=sends, retry_number=known))

    async def until(self, seen: Callable[[], T], seconds: float = PATIENCE) -> T:
        """Wait until `seen` answers something true; it is asked after each frame."""
        async with asyncio.timeout(seconds):
            while not (found := seen()):
                if self._over:
                    raise AssertionError(f"the stream ended: {await self._call.code()}, {await self._call.details()}")
                self._changed.clear()
                await self._changed.wait()
            return found

    async def ended(self, seconds: float = PATIENCE) -> tuple[grpc.StatusCode, str]:
        """Wait for the end of the stream, and return its code and the details."""
        async with asyncio.timeout(seconds):
            while not self._over:
                self._changed.clear()
                await self._changed.wait()
            return await self._call.code(), await self._call.details() or ""

    async def hang_up(self) -> None:
        """Say good-bye, and wait for the end."""
        await self.write(frame_pb2.ClientFrame(bye=frame_pb2.Bye()))
        await self.ended()

    async def _read(self) -> None:
        try:
            async for response in self._call:
                self._take(response.frame)
        except grpc.aio.AioRpcError as error:
            self._error = error
        finally:
            self._over = True
            self._changed.set()

    def _take(self, frame: frame_pb2.ServerFrame) -> None:
        now = time.perf_counter()
        for entry in frame.entries:
            self.entry_times[entry.conversation_id, entry.seq] = now
        self.frame.MergeFrom(frame)
        self._changed.set()

    async def _close(self, channel: grpc.aio.Channel | None) -> None:
        self._call.cancel()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if channel is not None:
            await channel.close()
