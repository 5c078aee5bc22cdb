"""A device that costs little, so that the server is what is measured and not the load.

It speaks the public contract on a connection of its own: frames are raw bytes on a bare stream, parsed once, and
whatever waits to be written goes in one frame.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import grpc

from bench.account import Account
from bench.history import Ack, Arrival, Witness
from parley.gateway.v1 import gateway_service_pb2
from parley.gateway.v1.frame_pb2 import ClientFrame, Hello, Resume, SendResult
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Entry, Post
from parley.message.v1.message_service_pb2 import Send

RawStream: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"

OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1),)
"""A connection for each channel; gRPC would share one between all of this process."""

SERVICE: Final = gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"]
METHOD: Final = f"/{SERVICE.full_name}/Connect"
FLOW_WINDOW: Final = 1_000
MAX_SENDS: Final = 64
"""Sends of one frame, by the contract."""

OPEN_S: Final = 20.0

OnAcked = Callable[["Device", int], None]
"""Told after each frame with answers, with how many there were."""


class Device:
    """One stream of one user. Keeps a `Witness` for each conversation, and a latency for each answer."""

    def __init__(self, account: Account, address: str) -> None:
        self.account = account
        self.witnesses: dict[str, Witness] = {}
        self.latencies: list[float] = []
        self.acked = 0
        self.received = 0
        self.oddities: Counter[str] = Counter()
        """What a run without trouble never sees: refusals, and words about the stream itself."""
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._stream: RawStream = self._channel.stream_stream(METHOD)()
        self._number = time.time_ns() // 1_000_000 << 20
        self._open: dict[int, float] = {}
        self._waiting: list[Send] = []
        self._taken = 0
        self._writing = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Say hello and wait for the welcome. Raises AioRpcError when the server does not want this device."""
        hello = Hello(access_token=self.account.access_token, protocol_version=1, flow_window=FLOW_WINDOW)
        await self._write(ClientFrame(hello=hello, resume=Resume()))
        async with asyncio.timeout(OPEN_S):
            welcomed = resumed = False
            while not (welcomed and resumed):
                frame = ConnectResponse.FromString(await self._read()).frame
                welcomed, resumed = welcomed or frame.HasField("welcome"), resumed or frame.HasField("resumed")

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    def unanswered(self) -> int:
        """Return how many sends wait for an answer."""
        return len(self._open)

    def send(self, conversation_id: str, content: Content, due: float | None = None) -> None:
        """Queue a message; `flush` writes it. Its latency counts from `due`, in seconds of `time.perf_counter`."""
        self._number += 1
        self._open[self._number] = time.perf_counter() if due is None else due
        self.witness(conversation_id).sent.append(self._number)
        self._waiting.append(Send(conversation_id=conversation_id, client_message_id=self._number, content=content))

    def witness(self, conversation_id: str) -> Witness:
        """Return what this device saw of a conversation."""
        found = self.witnesses.get(conversation_id)
        if found is None:
            found = self.witnesses[conversation_id] = Witness()
        return found

    def poke(self) -> None:
        """Write what waits from outside of a coroutine."""
        if not self._writing:
            task = asyncio.get_running_loop().create_task(self.flush())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def flush(self) -> None:
        """Write what waits, in frames as large as the contract allows, and what was taken along with it."""
        if self._writing:
            return
        self._writing = True
        try:
            while self._waiting or self.received - self._taken > FLOW_WINDOW // 2:
                batch, self._waiting = self._waiting[:MAX_SENDS], self._waiting[MAX_SENDS:]
                self._taken = self.received
                await self._write(ClientFrame(sends=batch, taken=self._taken))
        finally:
            self._writing = False

    async def listen(self, on_acked: OnAcked) -> None:
        """Take what the server says until the stream ends. Raises AioRpcError when it ends in any way but ours."""
        while True:
            frame = ConnectResponse.FromString(await self._read()).frame
            if frame.entries:
                self._take(frame.entries)
            answers = len(frame.results)
            if answers:
                self._settle(frame.results)
                on_acked(self, answers)
            if not (answers or frame.entries):
                self.oddities.update(field.name for field, _ in frame.ListFields())
            await self.flush()

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.conversation_id == self.account.user_id:
                continue  # the personal log: it tells of the log-in that was made for the measurement
            # The same few ids come again and again: one string for each, and not for each entry.
            arrival = Arrival(entry.seq, sys.intern(entry.sender_id), entry.client_message_id)
            self.witness(entry.conversation_id).arrivals.append(arrival)
        self.received += len(entries)

    def _settle(self, results: Sequence[SendResult]) -> None:
        now = time.perf_counter()
        for result in results:
            number, seq = result.client_message_id, result.seq
            since = self._open.pop(number, None)
            if since is not None:
                self.latencies.append(now - since)
            if seq:
                self.witness(result.conversation_id).acks.append(Ack(number, seq))
                self.acked += 1
            else:
                self.oddities[f"refused: {result.error.message}"] += 1

    async def _write(self, frame: ClientFrame) -> None:
        await self._stream.write(ConnectRequest(frame=frame).SerializeToString())

    async def _read(self) -> bytes:
        data = await self._stream.read()
        if isinstance(data, bytes):
            return data
        raise ConnectionError(f"the server ended a stream: {await self._stream.code()}")


def text(characters: int) -> Content:
    """Return a post of this many characters."""
    return Content(post=Post(body=Body(text=Text(text="x" * characters))))


def frame_bytes(conversation_id: str, content: Content) -> int:
    """Return how long a frame with one send is on the wire."""
    send = Send(conversation_id=conversation_id, client_message_id=time.time_ns() // 1_000_000 << 20, content=content)
    return len(ConnectRequest(frame=ClientFrame(sends=[send], taken=1_000)).SerializeToString())
