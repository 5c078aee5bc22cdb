"""A device that costs little, so that the server is what is measured and not the load.

It speaks the public contract: frames are raw bytes on a bare stream, parsed once, and whatever waits to be written
goes in one frame.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Final, TypeAlias

import grpc

from bench.account import Account
from bench.history import Ack, Arrival, Witness
from bench.outbox import Outbox
from bench.places import digest
from parley.conversation.v1.conversation_pb2 import Position
from parley.gateway.v1 import gateway_service_pb2
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, Hello, Mark, Resume, Resumed, SendResult, ServerFrame
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Entry, Post
from parley.message.v1.message_service_pb2 import Send
from parley_sdk.infrastructure.status import decode

RawStream: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"

OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1),)
"""A connection for each channel; gRPC would share one between all of this process."""

SERVICE: Final = gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"]
METHOD: Final = f"/{SERVICE.full_name}/Connect"
FLOW_WINDOW: Final = 1_000
OPEN_S: Final = 60.0
"""How long a device waits until it is let in: thousands may come at once."""

RESUMED: Final = Resumed.Outcome.OUTCOME_RESUMED

OnAcked = Callable[["Device", int], None]
"""Told after each frame with answers, with how many there were."""


class Device:
    """One stream of one user. Keeps a `Witness` for each conversation, and a latency for each ack."""

    def __init__(self, account: Account, channel: grpc.aio.Channel) -> None:
        self.account = account
        self.witnesses: dict[str, Witness] = {}
        self.latencies: list[float] = []
        self.acked = 0
        self.refused = 0
        self.later = 0
        """Refusals that say when to try again."""
        self.received = 0
        """Messages of others; `_taken` counts all entries, as the flow window does."""
        self.oddities: Counter[str] = Counter()
        """What a run without trouble never sees: refusals, and words about the stream itself."""
        self.states: dict[str, int] = {}
        """What it was told when it opened: the head of each conversation that is new to it."""
        self.heartbeat_s = 0.0
        self.outbox = Outbox()
        self.deaf = False
        """Whether it goes on as it likes when the server asks for fewer unanswered sends."""
        self.reading = False
        """Whether its user has the chat open: all that comes is read at once, and said so."""
        self._places: dict[str, int] = {}
        self._call: Callable[[], RawStream] = channel.stream_stream(METHOD)
        self._stream: RawStream
        self._number = time.time_ns() // 1_000_000 << 20
        self._taken = 0
        self._told = 0
        self._heartbeat: Heartbeat | None = None
        self._resume: Resume | None = None
        self._reads: dict[str, int] = {}
        self._writing = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, places: Mapping[str, int] | None = None) -> bool:
        """Say hello, and what one has; true when nothing is left to be paged. What was before counts as known.

        Raises ConnectionError when the server does not want this device.
        """
        self._places = dict(places or {})
        # Not before: the server waits only so long for the first word on a stream.
        self._stream, self.heartbeat_s = self._call(), 0.0
        positions = [Position(conversation_id=id_, seq=seq) for id_, seq in self._places.items()]
        hello = Hello(access_token=self.account.access_token, protocol_version=1, flow_window=FLOW_WINDOW)
        await self._write(ClientFrame(hello=hello, resume=Resume(positions=positions)))
        async with asyncio.timeout(OPEN_S):
            outcome = None
            while not (self.heartbeat_s and outcome is not None):
                outcome = self._greeted(ConnectResponse.FromString(await self._read()).frame) or outcome
        self._places.update(self.states)
        return outcome == RESUMED

    def _greeted(self, frame: ServerFrame) -> int | None:
        """Take what comes while the stream opens; return how the device continues, once that is said."""
        if frame.HasField("welcome"):
            self.heartbeat_s = frame.welcome.heartbeat_interval_ms / 1_000
            self.outbox.max_in_flight = frame.welcome.max_in_flight
        for entry in frame.entries:
            self._places[entry.conversation_id] = max(entry.seq, self._places.get(entry.conversation_id, 0))
        self._taken += len(frame.entries)
        if not frame.HasField("resumed"):
            return None
        self.states.update({state.conversation_id: state.head_seq for state in frame.resumed.states})
        return frame.resumed.outcome

    def places(self) -> dict[str, int]:
        """Return the positions of a device that has all that was sent: of what it heard, wrote and was told."""
        places = dict(self._places)
        for id_, witness in self.witnesses.items():
            heard = witness.arrivals[-1].seq if witness.arrivals else 0
            wrote = max((ack.seq for ack in witness.acks), default=0)
            places[id_] = max(heard, wrote, places.get(id_, 0))
        return places

    @property
    def blocked(self) -> bool:
        """Whether a write is on its way, or sends are to come again: one more would wait behind them."""
        return self._writing or self.outbox.paused

    def send(self, conversation_id: str, content: Content, due: float | None = None) -> None:
        """Queue a message; `flush` writes it. Its latency counts from `due`, in seconds of `time.perf_counter`."""
        self._number = max(self._number + 1, time.time_ns() // 1_000_000 << 20)
        self.witness(conversation_id).sent.append(self._number)
        send = Send(conversation_id=conversation_id, client_message_id=self._number, content=content)
        self.outbox.add(send, time.perf_counter() if due is None else due)

    @property
    def last_number(self) -> int:
        """The number of the last send."""
        return self._number

    def witness(self, conversation_id: str) -> Witness:
        """Return what this device saw of a conversation."""
        found = self.witnesses.get(conversation_id)
        if found is None:
            found = self.witnesses[conversation_id] = Witness()
        return found

    def beat(self, *, compare: bool) -> None:
        """Give a sign of life; `compare` asks the server to hold what the device has against the log."""
        self._heartbeat = Heartbeat(digest=digest(self.places()) if compare else 0)
        self.poke()

    def poke(self) -> None:
        """Write what waits from outside of a coroutine."""
        if not self._writing:
            self.spawn(self.flush())

    def spawn(self, work: Coroutine[object, None, None]) -> None:
        """Do something beside hearing."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def flush(self) -> None:
        """Write what waits, in frames as large as the contract allows, and what was taken along with it."""
        if self._writing:
            return
        self._writing = True
        try:
            while self._ready():
                await self._write(self._next_frame())
        finally:
            self._writing = False

    def _ready(self) -> bool:
        """Whether a send may go, or something else is to be said."""
        if self._heartbeat or self._resume or self._reads or self._taken - self._told > FLOW_WINDOW // 2:
            return True
        return self.outbox.ready

    def _next_frame(self) -> ClientFrame:
        batch = self.outbox.take()
        heartbeat, self._heartbeat = self._heartbeat, None
        resume, self._resume = self._resume, None
        reads, self._reads = [Mark(conversation_id=id_, seq=seq) for id_, seq in self._reads.items()], {}
        self._told = self._taken
        unanswered = self.outbox.in_flight if batch else 0
        return ClientFrame(
            sends=batch, reads=reads, taken=self._told, heartbeat=heartbeat, resume=resume, unanswered=unanswered
        )

    async def listen(self, on_acked: OnAcked) -> None:
        """Take what the server says until the stream ends. Raises ConnectionError when it ends in any way but ours."""
        while True:
            answers = self._hear(await self._read())
            if answers:
                on_acked(self, answers)
            if self._ready():
                await self.flush()

    def _hear(self, data: bytes) -> int:
        """Take what a message of the stream holds; return how many answers are in it."""
        frame = ConnectResponse.FromString(data).frame
        if frame.entries:
            self._taken += len(frame.entries)
            self._take(frame.entries)
        if frame.max_in_flight or not (frame.results or frame.entries):
            self._heed(frame)
        return self._settle(frame.results) if frame.results else 0

    def _heed(self, frame: ServerFrame) -> None:
        for field, _ in frame.ListFields():
            if field.name == "max_in_flight" and not self.deaf:
                self.outbox.max_in_flight = frame.max_in_flight
            if field.name == "receipts" and self.reading:
                continue
            if field.name != "heartbeat":
                self.oddities[field.name] += 1
            elif frame.heartbeat.stale:
                self.oddities["stale"] += 1

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.conversation_id == self.account.user_id:
                # The personal log: it tells of the log-in and the groups that were made for the measurement.
                self._places[entry.conversation_id] = entry.seq
                continue
            # The same few ids come again and again: one string for each, and not for each entry.
            arrival = Arrival(entry.seq, sys.intern(entry.sender_id), entry.client_message_id)
            self.witness(entry.conversation_id).arrivals.append(arrival)
            if self.reading:
                self._reads[entry.conversation_id] = entry.seq
            self.received += 1

    def _settle(self, results: Sequence[SendResult]) -> int:
        """Take answers; return how many of them are final."""
        now = time.perf_counter()
        before = len(self.outbox)
        for result in results:
            if not result.seq:
                self._refused(result)
                continue
            since = self.outbox.answered(result.client_message_id)
            self.witness(result.conversation_id).acks.append(Ack(result.client_message_id, result.seq))
            self.acked += 1
            if since is not None:
                self.latencies.append(now - since)
        return before - len(self.outbox)

    def _refused(self, result: SendResult) -> None:
        """Send it again after the time that the refusal says; without one it is final."""
        self.refused += 1
        error, number = result.error, result.client_message_id
        self.oddities[f"refused: {error.reason or error.code}"] += 1
        if error.retry_after_ms:
            self.later += 1
            self.outbox.refused(number, error.retry_after_ms / 1_000, self.poke)
        else:
            self.outbox.answered(number)
            self.witness(result.conversation_id).refused.append(number)

    async def _write(self, frame: ClientFrame) -> None:
        try:
            await self._stream.write(ConnectRequest(frame=frame).SerializeToString())
        except (asyncio.InvalidStateError, grpc.aio.AioRpcError) as error:
            # What is written to a stream that is over does not say why; what is read does.
            await self._read()
            raise ConnectionError("the server ended a stream") from error

    async def _read(self) -> bytes:
        try:
            data = await self._stream.read()
        except grpc.aio.AioRpcError as error:
            raise ConnectionError(f"the server ended a stream: {decode(error)}") from error
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
