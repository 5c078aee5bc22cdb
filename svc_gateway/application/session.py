"""A session: the queue of one device, bounded, with one write for everything that waits.

A session moves frames and knows nothing of what they say. What waits is two lists: entries, which count against the
flow window and are dropped when the device is too slow, and everything else. An idle session has no task and no timer.
When something waits the session joins the queue of `Turns`; while a write is on its way, what comes waits for the next.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from mesh import wire
from mesh.errors import MeshError
from svc_gateway import domain
from svc_gateway.application.turns import Turns
from svc_gateway.application.window import Window
from svc_gateway.domain import Identity, Limits

Write = Callable[[bytes], Awaitable[None] | None]
"""Writes joined server frames to the stream; returns what to wait for while the transport is full, None otherwise."""

Lagging = Callable[[int], bytes]
"""Encodes the frame that says how many entries were dropped."""


class Session:
    """One stream of one device."""

    __slots__ = (
        "_asked", "_bytes", "_close", "_control", "_entries", "_flow", "_frame_lagging", "_held", "_joined", "_limits",
        "_node", "_signals", "_task", "_turns", "_write", "_writing_since", "allowed", "dropped", "end",
        "expires_at_ms", "identity", "in_flight", "lagging", "last_seen", "patience", "pushed", "queued", "ref",
        "retries", "said", "unanswered", "unknown", "window",
    )  # fmt: skip

    def __init__(
        self,
        ref: int,
        identity: Identity,
        limits: Limits,
        turns: Turns,
        node: Window,
        write: Write,
        frame_lagging: Lagging,
    ) -> None:
        self.ref = ref
        self.identity = identity
        self.end: MeshError | None = None
        self.in_flight = 0  # sends that were let in and have no answer
        self.unanswered = 0
        """These, and those that the device says are on their way."""
        self.allowed = limits.in_flight
        """How many it may have, as far as it was told."""
        self.lagging = False
        self.dropped = 0
        self.last_seen = 0.0
        self.patience = 2 * limits.heartbeat_s  # seconds of silence
        self.said: tuple[int, float, int] | None = None  # what the device has, see `quiet`
        self.unknown = self.retries = 0
        self.expires_at_ms, self.window = 0, limits.window
        self._limits = limits
        self._turns, self._node = turns, node
        self._asked = self._joined = False
        self._write, self._frame_lagging = write, frame_lagging
        # Lists are made when something waits, and are gone with it: most sessions are idle.
        self._control: list[bytes] | None = None
        self._signals: list[bytes] | None = None
        self._entries: list[tuple[bytes, int]] | None = None
        self.queued = self._bytes = self.pushed = self._flow = 0
        self._task: asyncio.Task[None] | None = None
        self._writing_since = 0.0
        self._held: asyncio.TimerHandle | None = None
        self._close: Callable[[], object] | None = None

    def on_close(self, close: Callable[[], object]) -> None:
        """Set what interrupts the reader of the stream when the session ends from this side, or has ended already."""
        self._close = close
        if self.end is not None:
            close()

    def push(self, frame: bytes) -> None:
        """Queue a frame that must not be dropped: an answer, or a word about the stream itself.

        A device that lets more than `domain.MAX_ANSWERS` of them wait does not read, and its stream is closed.
        """
        self._control = control = self._control or []
        control.append(frame)
        if len(control) > domain.MAX_ANSWERS:
            self.close(domain.stalled())
        self._flush()

    def hold(self) -> None:
        """Write nothing before the first answer, so that the welcome goes with it: a write costs more than the frame.

        Not for longer than `domain.HOLD_S`: then the device hears that it was let in.
        """
        self._asked = True
        self._held = asyncio.get_running_loop().call_later(domain.HOLD_S, self._answer)

    def push_signal(self, frame: bytes) -> None:
        """Queue a signal; the first thing dropped."""
        self._signals = signals = self._signals or []
        if len(signals) < domain.MAX_SIGNALS:
            signals.append(frame)
            self._flush()

    def push_entries(self, frame: bytes, count: int) -> None:
        """Queue a frame with entries. When the queue is full it is dropped as a whole, and the device is told."""
        if self.lagging:
            self.dropped += count
            return
        self._entries = entries = self._entries or []
        entries.append((frame, count))
        self.queued += count
        self._bytes += len(frame)
        if self.queued > self._limits.queue_entries or self._bytes > self._limits.queue_bytes:
            self._lag()
        self._flush()

    def resuming(self) -> None:
        """The device asked what it missed: what comes from now on is queued again, behind the answer or before it."""
        self.lagging = False

    def tell(self, unanswered: int) -> bool:
        """Hear how many sends are unanswered, those on their way here included; return whether the window changes."""
        self._count(max(self.in_flight, min(unanswered, self._limits.in_flight)))
        allowed, self.allowed = self.allowed, self._node.next(self.allowed, self.unanswered)
        return self.allowed != allowed

    def forget_told(self) -> None:
        """What a device says is on its way counts only for a while."""
        self._count(self.in_flight)

    def room(self, count: int) -> int:
        """How many sends may come now, of so many that are there. Raises OVERLOADED when the device has too many."""
        if self._node.refuses(self.allowed, max(self.unanswered, self.in_flight + count)):
            # It waits before it comes again: what it said is on its way is nothing to wait for.
            self._count(self.in_flight)
            raise domain.overloaded()
        return self._limits.in_flight - self.in_flight

    def let_in(self, count: int) -> None:
        """So many sends more wait for an answer."""
        self.in_flight += count
        self._node.let_in(count)
        self._count(max(self.unanswered, self.in_flight))

    def settle(self, count: int) -> None:
        """So many sends that were let in have their answer."""
        # A link that broke has settled all at once; answers of another one may still come.
        count = min(count, self.in_flight)
        self.in_flight -= count
        self._node.let_in(-count)
        self._count(max(self.in_flight, self.unanswered - count))

    def _count(self, unanswered: int) -> None:
        if unanswered != self.unanswered:
            self._node.change(self.unanswered, unanswered)
            self.unanswered = unanswered

    def answer(self, frame: bytes, *, settled: int, entries: int) -> None:
        """Queue an answer from a message node: so many sends are settled, so many entries are in it."""
        self.settle(settled)
        self.pushed += entries
        if self._held is not None:
            self._held.cancel()
            self._held, self._asked = None, False
        self.push(frame)

    def retry(self, frame: Callable[[int], bytes]) -> None:
        """Tell the device to send again what has no answer. Until it says that it heard this, its sends are dropped:
        one of them might overtake an earlier one that was lost.
        """
        self.retries += 1
        self.settle(self.in_flight)
        self.forget_told()
        self.push(frame(self.retries))

    def taken(self, total: int) -> None:
        """The device has taken this many entries since the stream opened."""
        self._flow = max(self._flow, min(total, self.pushed))
        self._flush()

    def close(self, end: MeshError) -> None:
        """End the stream with this status, after what waits has been written."""
        if self.end is None:
            self.end = end
            if self._close is not None:
                self._close()

    def look(self, now: float, now_ms: int) -> None:
        """Close a stream whose device gave no sign of life for too long or does not read, or whose token ran out."""
        if self.unanswered != self.in_flight:
            self.forget_told()
        if self.last_seen < now - self.patience:
            self.close(domain.silent())
        elif 0 < self.expires_at_ms < now_ms:
            self.close(domain.expired())
        elif (
            self._writing_since and asyncio.get_running_loop().time() > self._writing_since + self._limits.write_stall_s
        ):
            self.close(domain.stalled())

    async def drain(self) -> None:
        """Wait until what can be written now is written."""
        self._begin()
        await self.written()

    async def written(self) -> None:
        """Wait, not for long, until no write is on its way: what waits behind it goes out before the status."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(domain.LAST_WRITE_S):
                while self._task is not None:
                    await asyncio.wait({self._task})

    def abandon(self) -> None:
        """The stream is gone: forget what waits, and whom to interrupt."""
        self._close = None
        self.settle(self.in_flight)
        self.forget_told()
        self._entries = self._control = self._signals = None
        if self._task is not None:
            self._task.cancel()

    def _lag(self) -> None:
        self.lagging = True
        self.dropped = self.queued
        self._entries = None
        self.queued = self._bytes = 0
        self._control = [*(self._control or ()), self._frame_lagging(self.dropped)]

    def _flush(self) -> None:
        """Wait for a turn, if something may go and no write is on its way."""
        if self._task is not None or self._asked:
            return
        if self._control:
            self._asked = True
            self._turns.answer(self._answer)
        elif not self._joined and (self._signals or self._open()):
            self._joined = True
            self._turns.deliver(self._deliver)

    def _open(self) -> bool:
        """Whether entries wait and the window is open for them."""
        return bool(self._entries) and self.pushed - self._flow < self.window

    def _answer(self) -> None:
        self._asked = False
        self._begin()

    def _deliver(self) -> None:
        self._joined = False
        self._begin()

    def _begin(self) -> None:
        """Write what waits, whatever lane it came by: it is this session's turn."""
        if self._task is None and (batch := self._take()) and (full := self._write(batch)) is not None:
            loop = asyncio.get_running_loop()
            self._writing_since = loop.time()
            self._task = loop.create_task(self._run(full))

    async def _run(self, full: Awaitable[None]) -> None:
        try:
            await full
        finally:
            self._writing_since = 0.0
            self._task = None
        self._flush()

    def _take(self) -> bytes:
        """Join what waits and may go."""
        parts, self._control = self._control or [], None
        if self._signals:
            parts += self._signals
            self._signals = None
        if self._entries and self._open():
            self._entries = self._take_entries(self._entries, parts)
        return b"".join(parts)

    def _take_entries(self, entries: list[tuple[bytes, int]], parts: list[bytes]) -> list[tuple[bytes, int]] | None:
        """Take frames as far as the window is open, and return the rest. The one that does not fit is taken apart."""
        room = self.window - (self.pushed - self._flow)
        taken = 0
        for frame, count in entries:
            if count > room:
                break
            parts.append(frame)
            room -= count
            taken += 1
            self._leave_queue(len(frame), count)
        rest = entries[taken:]
        if room > 0 and rest:
            frame, _ = rest[0]
            rest[:1] = [(one, 1) for one in wire.fields(frame)]
            return self._take_entries(rest, parts)
        return rest or None

    def _leave_queue(self, size: int, count: int) -> None:
        self.pushed += count
        self.queued -= count
        self._bytes -= size
