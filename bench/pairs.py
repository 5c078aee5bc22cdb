"""The load of direct messages: saturated, or paced by the clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Final, TypeVar

from bench import fleet
from bench.device import Device
from bench.meter import Measured, Meter, Span
from bench.places import conversation_of
from bench.progress import Progress
from parley.message.v1.entry_pb2 import Content

PRIME_S: Final = 300.0
"""How long it may take to use all conversations once."""

D = TypeVar("D", bound=Device)

Peers = Sequence[Sequence[int]]
"""For each device the indices of those it writes to, in turn."""


class Pairs:
    """Drives devices that write to each other. Without `peers` they are in pairs."""

    def __init__(
        self,
        devices: Sequence[Device],
        child: Measured,
        content: Content,
        progress: Progress,
        peers: Peers | None = None,
    ) -> None:
        self._devices = devices
        self._content = content
        self._progress = progress
        self._meter = Meter(child, self._counts, progress)
        self._sending = False
        self._left: dict[Device, int] = {}
        self.direct_to(peers or [[index ^ 1] for index in range(len(devices))])

    def direct_to(self, peers: Peers) -> None:
        """Change whom each device writes to."""
        self.write_to([self._conversations(index, peers[index]) for index in range(len(self._devices))])

    def write_to(self, conversations: Sequence[Sequence[str]], hearers: int = 1) -> None:
        """Change where each device writes, in turn, and how many others hear each message. All has settled before."""
        self._conversations_of = conversations
        self._hearers = hearers
        self._base = self._counts()[:2]
        self._targets: dict[Device, Iterator[str]] = {
            device: cycle(some) for device, some in zip(self._devices, conversations, strict=True)
        }

    def _conversations(self, index: int, peers: Sequence[int]) -> list[str]:
        user_id = self._devices[index].account.user_id
        return [conversation_of(user_id, self._devices[peer].account.user_id) for peer in peers]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear all devices, and let nothing disturb the load."""
        with fleet.undisturbed():
            async with fleet.listening(self._devices, self._acked):
                yield

    async def saturate(self, window: int, seconds: float, warm_up_s: float) -> tuple[Span, list[float]]:
        """Keep W messages of each device in flight; return what was measured, and the latencies of acks."""
        name = f"W={window}"
        self._sending = True
        for device in self._devices:
            self.write(device, window)
            device.poke()
        span = await self._measure(name, seconds, warm_up_s)
        await self.settle(name)
        return span, fleet.take_latencies(self._devices)

    async def pace(self, window: int, rate: float, seconds: float, warm_up_s: float) -> tuple[Span, list[float]]:
        """Send W messages at a time at a fixed rate, whatever the answers do; latency counts from when it was due."""

        def write(device: Device, due: float) -> None:
            self.write(device, window, due)
            device.poke()

        async with paced(self._devices, window * len(self._devices) / rate, write):
            span = await self._measure(f"W={window} at {rate:,.0f}/s", seconds, warm_up_s)
        await self.settle("half rate")
        # Taken last: what was answered late is what matters most.
        return span, fleet.take_latencies(self._devices)

    async def prime(self, window: int) -> None:
        """Let each write once to each of its peers, so that all conversations are in use both ways.

        Raises TimeoutError after `PRIME_S`.
        """
        self._left = dict(zip(self._devices, map(len, self._conversations_of), strict=True))
        for device in self._devices:
            self._acked(device, window)
            device.poke()
        async with asyncio.timeout(PRIME_S):
            while left := sum(self._left.values()):
                await self._progress.during(f"{left:,} first messages to go", 1.0, lambda: self._counts()[0])
        await self.settle("first messages")

    def write(self, device: Device, count: int, due: float | None = None) -> None:
        """Queue messages to the next peers of a device."""
        target = self._targets[device]
        for _ in range(count):
            device.send(next(target), self._content, due)

    async def settle(self, name: str) -> None:
        """Send no more, and wait until all is answered and has arrived."""
        self._sending = False
        await fleet.settle(name, self._settled, self._progress)

    async def _measure(self, name: str, seconds: float, warm_up_s: float) -> Span:
        await self._progress.during(f"{name}, warm-up", warm_up_s, lambda: self._counts()[0])
        fleet.take_latencies(self._devices)
        return await self._meter.during(name, seconds)

    def _counts(self) -> tuple[int, int, int]:
        """Acknowledged, received and refused so far."""
        refused = sum(device.refused for device in self._devices)
        return fleet.total_acked(self._devices), fleet.total_received(self._devices), refused

    def _acked(self, device: Device, count: int) -> None:
        if self._sending:
            self.write(device, count)
        elif left := self._left.get(device, 0):
            self._left[device] -= min(left, count)
            self.write(device, min(left, count))

    def _settled(self) -> bool:
        acked, received = (now - before for now, before in zip(self._counts()[:2], self._base, strict=True))
        return acked * self._hearers == received and fleet.all_answered(self._devices)


@asynccontextmanager
async def paced(devices: Sequence[D], period: float, write: Callable[[D, float], None]) -> AsyncIterator[None]:
    """Call `write` for each device once a period, with the moment when it was due; their turns are spread evenly."""
    began = time.perf_counter() + 0.1
    pacers = [
        asyncio.create_task(_pace(device, began + period * index / len(devices), period, write))
        for index, device in enumerate(devices)
    ]
    try:
        yield
    finally:
        for pacer in pacers:
            pacer.cancel()
        await asyncio.gather(*pacers, return_exceptions=True)


async def _pace(device: D, due: float, period: float, write: Callable[[D, float], None]) -> None:
    while True:
        await asyncio.sleep(due - time.perf_counter())
        write(device, due)
        due += period
