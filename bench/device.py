"""A device that costs little, so that the server is what is measured and not the load.

It speaks the public contract: frames are raw bytes on a bare stream, parsed once where they arrive, and whatever waits
to be written goes in one frame.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Final

from bench.account import Account
from bench.healing import is_whole, page
from bench.hearing import Hearing
from bench.history import Ack, Arrival
from bench.line import Line, ended, read
from bench.order import Order
from bench.outbox import Outbox
from bench.places import digest
from mesh.http2.asking import Failed
from mesh.http2.call import Call
from mesh.http2.incoming import Closed
from parley.conversation.v1.conversation_pb2 import Position
from parley.gateway.v1 import gateway_service_pb2
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, Hello, Mark, Resume, SendResult, ServerFrame
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import Send

SERVICE: Final = gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"]
METHOD: Final = f"/{SERVICE.full_name}/Connect"
FLOW_WINDOW: Final = 1_000
OPEN_S: Final = 60.0
"""How long a device waits until it is let in: thousands may come at once."""

OnAcked = Callable[["Device", int], None]
"""Told after each frame with answers, with how many there were."""


class Device(Hearing):
    """One stream of one user. Keeps a latency for each ack, besides what it heard.

    What it is told that it lacks, or finds missing, it reads from the log, by way of `log` when it is much.
    """

    def __init__(self, account: Account, line: Line, log: Line | None = None) -> None:
        super().__init__(account.user_id)
        self.account = account
        self.latencies: list[float] = []
        self.acked = 0
        self.refused = 0
        self.later = 0
        """Refusals that say when to try again."""
        self.oddities: Counter[str] = Counter()
        """What a run without trouble never sees: refusals, and words about the stream itself."""
        self.states: dict[str, int] = {}
        """What it was told when it opened: the head of each conversation that is new to it."""
        self.heartbeat_s = 0.0
        self.quiet_s = 0.0
        """How long it may be quiet while nothing happens."""
        self.outbox = Outbox()
        self.deaf = False
        """Whether it goes on as it likes when the server asks for fewer unanswered sends."""
        self._line = line
        self._log = log or line
        self.reading = False
        """Whether its user has the chat open: all that comes is read at once, and said so."""
        self._call: Call | None = None
        self._on_acked: OnAcked = _unheeded
        self._number = time.time_ns() // 1_000_000 << 20
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
        self._orders = {id_: Order(seq) for id_, seq in (places or {}).items()}
        self.heartbeat_s = 0.0
        async with asyncio.timeout(OPEN_S):
            # Not before: the server waits only so long for the first word on a stream.
            call = await self._line.open(METHOD)
            try:
                whole = await self._greet(call)
            except BaseException:
                call.cancel()
                raise
        self._call = call
        for id_, head in self.states.items():
            self.reach(id_, head)
        return whole

    async def _greet(self, call: Call) -> bool:
        hello = Hello(access_token=self.account.access_token, protocol_version=1, flow_window=FLOW_WINDOW)
        call.send(_bytes(ClientFrame(hello=hello, resume=Resume(positions=self.positions()))))
        whole = None
        while not (self.heartbeat_s and whole is not None):
            said = self._greeted(ConnectResponse.FromString(await read(call)).frame)
            whole = whole if said is None else said
        return whole

    def _greeted(self, frame: ServerFrame) -> bool | None:
        """Take what comes while the stream opens; return whether that is all that was missed, once that is said."""
        if frame.HasField("welcome"):
            self.heartbeat_s = frame.welcome.heartbeat_interval_ms / 1_000
            self.quiet_s = max(self.heartbeat_s, frame.welcome.quiet_interval_ms / 1_000)
            self.outbox.max_in_flight = frame.welcome.max_in_flight
        for entry in frame.entries:
            self.reach(entry.conversation_id, entry.seq)
        self.taken += len(frame.entries)
        if not frame.HasField("resumed"):
            return None
        self.states.update({state.conversation_id: state.head_seq for state in frame.resumed.states})
        return is_whole(frame.resumed)

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

    def beat(self, *, compare: bool) -> None:
        """Give a sign of life; `compare` asks the server to hold what the device has against the log."""
        self._heartbeat = Heartbeat(digest=digest(self.places()) if compare else 0)
        self.poke()

    def poke(self) -> None:
        """Write what waits, in frames as large as the contract allows, and what was taken along with it."""
        call = self._call
        while call is not None and not self._writing and self._ready():
            # To a stream that is over nothing is said; whoever listens is told why.
            with suppress(Closed):
                if not call.send(_bytes(self._next_frame())):
                    self._writing = True
                    self.spawn(self._go_on(call))

    def spawn(self, work: Coroutine[object, None, None]) -> None:
        """Do something beside hearing."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _go_on(self, call: Call) -> None:
        """Write on when the server takes more."""
        with suppress(Closed):
            await call.drained()
        self._writing = False
        self.poke()

    def _ready(self) -> bool:
        """Whether a send may go, or something else is to be said."""
        if self._heartbeat or self._resume or self._reads or self.taken - self._told > FLOW_WINDOW // 2:
            return True
        return self.outbox.ready

    def _next_frame(self) -> ClientFrame:
        batch = self.outbox.take()
        heartbeat, self._heartbeat = self._heartbeat, None
        resume, self._resume = self._resume, None
        reads, self._reads = [Mark(conversation_id=id_, seq=seq) for id_, seq in self._reads.items()], {}
        self._told = self.taken
        unanswered = self.outbox.in_flight if batch else 0
        return ClientFrame(
            sends=batch, reads=reads, taken=self._told, heartbeat=heartbeat, resume=resume, unanswered=unanswered
        )

    async def listen(self, on_acked: OnAcked) -> None:
        """Take what the server says until the stream ends. Raises ConnectionError when it ends in any way but ours."""
        if self._call is None:
            raise ended(None)
        self._on_acked = on_acked
        try:
            await self._call.each(self._arrived)
        except Failed as failed:
            raise ended(failed) from failed
        raise ended(None)

    def _arrived(self, data: bytes) -> None:
        answers = self._hear(data)
        if answers:
            self._on_acked(self, answers)
        if self._ready():
            self.poke()

    def _hear(self, data: bytes) -> int:
        """Take what a message of the stream holds; return how many answers are in it."""
        frame = ConnectResponse.FromString(data).frame
        if frame.entries:
            self.taken += len(frame.entries)
            self.take(frame.entries)
        answers = self._settle(frame.results) if frame.results else 0
        fields = frame.ListFields()
        if len(fields) > bool(frame.entries) + bool(frame.results):
            self._heed(frame, [field.name for field, _ in fields])
        return answers

    def _heed(self, frame: ServerFrame, names: Sequence[str]) -> None:
        """Take all that is neither an entry nor an answer."""
        if "max_in_flight" in names and not self.deaf:
            self.outbox.max_in_flight = frame.max_in_flight
        plain = {"heartbeat", "resumed", "entries", "results"} | ({"receipts"} if self.reading else set())
        self.oddities.update(name for name in names if name not in plain)
        if frame.heartbeat.stale:
            self.oddities["stale"] += 1
            self.healing.lacks()
        if "lagging" in names:
            self.healing.dropped()
        if "resumed" in names:
            self._resumed(frame)

    def _resumed(self, frame: ServerFrame) -> None:
        """Take the answer to Resume: its entries have been taken, the rest is read."""
        self.oddities["read the log"] += 1
        if is_whole(frame.resumed):
            self.healing.answered()
        else:
            behind = {state.conversation_id for state in frame.resumed.states}
            self.spawn(self._page([place for place in self.positions() if place.conversation_id in behind]))

    async def _page(self, places: Sequence[Position]) -> None:
        await page(self._log, self.account, places, self.take)
        self.healing.answered()

    def ask(self) -> None:
        """Say Resume."""
        self._resume = Resume(positions=self.positions())
        self.poke()

    def show(self, conversation_id: str, arrivals: Sequence[Arrival]) -> None:
        """See the base; a user who has the chat open reads it."""
        super().show(conversation_id, arrivals)
        if self.reading and arrivals:
            self._reads[conversation_id] = arrivals[-1].seq

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
            self.wrote(result.conversation_id, result.seq)
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


def _bytes(frame: ClientFrame) -> bytes:
    return ConnectRequest(frame=frame).SerializeToString()


def _unheeded(_: Device, __: int) -> None:
    """Nobody asked for answers."""


def text(characters: int) -> Content:
    """Return a post of this many characters."""
    return Content(post=Post(body=Body(text=Text(text="x" * characters))))


def frame_bytes(conversation_id: str, content: Content) -> int:
    """Return how long a frame with one send is on the wire."""
    send = Send(conversation_id=conversation_id, client_message_id=time.time_ns() // 1_000_000 << 20, content=content)
    return len(ConnectRequest(frame=ClientFrame(sends=[send], taken=1_000)).SerializeToString())
