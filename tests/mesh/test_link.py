import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from mesh import errors, link
from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.link import HELLO, Dialled, Link, Outbound, Receive
from mesh.stream import StreamClosed


class FakeWire:
    """A stream whose other end is the test: what it puts into `incoming` is read, an exception is raised."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.written: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def read_bytes(self) -> bytes | None:
        message = await self.incoming.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def write_bytes(self, message: bytes) -> None:
        await self.gate.wait()
        self.written.append(message)


@dataclass
class Peer:
    """What a dialled link meets: one outcome for each attempt, and how often it was told that it is down."""

    outcomes: list[FakeWire | Exception]
    clock: FakeClock = field(default_factory=FakeClock)
    attempts: int = 0
    ups: int = 0
    downs: int = 0
    batches: list[bytes] = field(default_factory=list)

    def link(self) -> Dialled:
        return Dialled(self._dial, self.batches.append, self._up, self._down, self.clock)

    async def _dial(self) -> FakeWire:
        self.attempts += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _up(self) -> None:
        self.ups += 1

    def _down(self) -> None:
        self.downs += 1


def away() -> MeshError:
    return errors.unavailable("SERVICE_UNAVAILABLE", "nobody is there")


async def until(condition: Callable[[], object], clock: FakeClock | None = None) -> None:
    """Let the loop turn, and with a clock time pass, until this is so."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)
            if clock is not None:
                clock.advance(0.1)


async def test_a_link_that_is_not_up_refuses() -> None:
    """Nobody waits for a link: the sender decides what to do instead."""
    dialled = Peer([away()]).link()
    with pytest.raises(MeshError) as raised:
        dialled.send(b"x")
    assert (raised.value.code, dialled.up) == (Code.UNAVAILABLE, False)


@pytest.mark.parametrize("end", [None, StreamClosed(), away()])
async def test_a_link_that_broke_says_so_once_and_comes_back(end: Exception | None) -> None:
    """Its owner fails what had no answer; the next stream begins empty, and a cleanly closed one is gone as well."""
    first, second = FakeWire(), FakeWire()
    peer = Peer([first, away(), second])
    dialled = peer.link()
    running = asyncio.create_task(dialled.run())
    await until(lambda: dialled.up)
    first.gate.clear()
    dialled.send(b"lost")
    first.incoming.put_nowait(end)
    await until(lambda: peer.downs)
    with pytest.raises(MeshError):
        dialled.send(b"x")
    await until(lambda: dialled.up, peer.clock)
    dialled.send(b"kept")
    await until(lambda: len(second.written) == 2)
    assert (second.written, peer.ups, peer.downs) == ([HELLO, b"kept"], 2, 1)
    running.cancel()


async def test_an_attempt_that_fails_is_not_a_break() -> None:
    """Nothing was pending on a link that never was up."""
    peer = Peer([away(), away(), FakeWire()])
    dialled = peer.link()
    running = asyncio.create_task(dialled.run())
    await until(lambda: dialled.up, peer.clock)
    assert (peer.attempts, peer.downs) == (3, 0)
    running.cancel()


async def test_pauses_grow_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that stays away is asked less and less often, with full jitter, at least each five seconds."""
    pauses = list[float]()

    def longest(_: float, most: float) -> float:
        pauses.append(most)
        return most

    monkeypatch.setattr(link.random, "uniform", longest)  # type: ignore[attr-defined]
    peer = Peer([away() for _ in range(10)])
    running = asyncio.create_task(peer.link().run())
    await until(lambda: len(pauses) == 9, peer.clock)
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    running.cancel()


async def test_ending_the_task_ends_the_link() -> None:
    """The owner of a link is told also when it closes the link itself."""
    wire = FakeWire()
    peer = Peer([wire])
    dialled = peer.link()
    running = asyncio.create_task(dialled.run())
    await until(lambda: dialled.up)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (dialled.up, peer.downs) == (False, 1)


async def test_greetings_are_not_payloads() -> None:
    """The empty message with which an end greets is not given to the reader."""
    wire = FakeWire()
    peer = Peer([wire])
    running = asyncio.create_task(peer.link().run())
    for message in (HELLO, b"one", HELLO, b"two"):
        wire.incoming.put_nowait(message)
    await until(lambda: len(peer.batches) == 2)
    assert peer.batches == [b"one", b"two"]
    running.cancel()


async def test_what_comes_during_a_write_forms_the_next_one() -> None:
    """Batches grow with the load: while one is on its way the next one gathers."""
    wire = FakeWire()
    outbound = Outbound(wire.write_bytes)
    wire.gate.clear()
    outbound.send(b"1")
    await asyncio.sleep(0)
    for payload in (b"2", b"3", b"4"):
        outbound.send(payload)
        await asyncio.sleep(0)
    wire.gate.set()
    await outbound.drain()
    assert wire.written == [b"1", b"234"]


async def test_draining_waits_until_everything_was_written() -> None:
    """A process that stops lets its last answers out; a link without any does not keep it."""
    wire = FakeWire()
    outbound = Outbound(wire.write_bytes)
    await outbound.drain()
    wire.gate.clear()
    outbound.send(b"last")
    draining = asyncio.create_task(outbound.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    wire.gate.set()
    await draining
    assert wire.written == [b"last"]


async def test_an_accepted_link_ends_with_its_stream() -> None:
    """After that its end refuses, so that nothing is collected for a peer who is gone."""
    wire = FakeWire()
    ends = list[Link]()

    def opened(one: Link) -> Receive:
        ends.append(one)
        return lambda _: None

    serving: Awaitable[None] = asyncio.ensure_future(link.serve(wire, opened))
    await until(lambda: ends)
    wire.incoming.put_nowait(None)
    await serving
    with pytest.raises(MeshError) as raised:
        ends[0].send(b"x")
    assert raised.value.code is Code.UNAVAILABLE
