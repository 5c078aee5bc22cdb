"""One device stream over gRPC."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Protocol, TypeAlias

import grpc

from parley.gateway.v1 import frame_pb2, gateway_service_pb2, gateway_service_pb2_grpc
from parley_sdk.errors import ParleyError
from parley_sdk.infrastructure import status

_GOODBYE_SECONDS: Final = 1.0

Call: TypeAlias = grpc.aio.StreamStreamCall[gateway_service_pb2.ConnectRequest, gateway_service_pb2.ConnectResponse]


class Listener(Protocol):
    """Who is told what happens on a stream."""

    def stream_writable(self) -> None:
        """The stream takes a frame now."""

    def frame_received(self, stream: int, frame: frame_pb2.ServerFrame) -> None:
        """The server said something."""

    def stream_ended(self, stream: int, error: ParleyError | None) -> None:
        """The stream is over. Not told after `close`."""


class DeviceStream:
    """Takes one frame at a time: who has more to say waits until it is `writable` and joins what came up meanwhile."""

    def __init__(
        self, number: int, channel: grpc.aio.Channel, first: frame_pb2.ClientFrame, listener: Listener
    ) -> None:
        self.number = number
        self._channel = channel
        self._listener = listener
        self._next: frame_pb2.ClientFrame | None = first
        self._has_next = asyncio.Event()
        self._has_next.set()
        self._idle = asyncio.Event()
        self._finishing = False
        self._task = asyncio.create_task(self._run(), name=f"parley stream {number}")

    @property
    def writable(self) -> bool:
        """No frame is on its way out."""
        return self._idle.is_set() and not self._finishing

    def write(self, frame: frame_pb2.ClientFrame) -> None:
        """Write a frame. Only when writable."""
        self._idle.clear()
        self._next = frame
        self._has_next.set()

    async def close(self, last: frame_pb2.ClientFrame | None) -> None:
        """End the stream; with `last`, say that first and wait up to a second for the server to hang up."""
        if last is not None and not self._task.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._idle.wait()
                    self._finishing = True
                    self.write(last)
                    await asyncio.wait((self._task,))
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _run(self) -> None:
        error: ParleyError | None = None
        call = gateway_service_pb2_grpc.GatewayServiceStub(self._channel).Connect()
        writer = asyncio.create_task(self._write_all(call))
        try:
            async for response in call:
                self._listener.frame_received(self.number, response.frame)
        except grpc.aio.AioRpcError as failure:
            error = status.decode(failure)
        finally:
            self._finishing = True
            await _stop(writer, call)
            await self._channel.close()
        self._listener.stream_ended(self.number, error)

    async def _write_all(self, call: Call) -> None:
        # When the call is over, the reader learns why; what a write then raises says no more.
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await self._has_next.wait()
                self._has_next.clear()
                if self._next is not None:
                    await call.write(gateway_service_pb2.ConnectRequest(frame=self._next))
                self._next = None
                if self._finishing:
                    await call.done_writing()
                    return
                self._idle.set()
                self._listener.stream_writable()


async def _stop(writer: asyncio.Task[None], call: Call) -> None:
    writer.cancel()
    call.cancel()
    await asyncio.wait((writer,))
