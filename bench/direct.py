"""Scenario `direct`: users in pairs write to each other as fast as the answers come.

Each user has a connection of its own and W messages in flight: the next one leaves when one is acknowledged. The
server is saturated; what it costs for each message, and how long an answer takes then, is the result. A second,
paced pass at half of that rate shows how long an answer takes on a server with room to breathe.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench import baseline, server
from bench.account import Account, open_accounts
from bench.child import Usage
from bench.device import Device, frame_bytes, text
from bench.history import Witness, check
from bench.machine import Cores
from bench.progress import Progress
from bench.result import Pass, Result
from bench.server import STANDALONE, Server

SETTLE_S: Final = 20.0
"""How long the last messages of a pass may take to arrive."""

OPENING_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Options:
    """How much load, and for how long. `users` is even."""

    users: int = 200
    windows: tuple[int, ...] = (4,)
    seconds: float = 8.0
    warm_up_s: float = 3.0
    text_characters: int = 200
    half_rate: bool = True
    baseline_s: float = 4.0
    program: tuple[str, ...] = STANDALONE


@dataclass(frozen=True, slots=True)
class _Reading:
    """Counters at one moment."""

    at: float
    acked: int
    received: int
    server: Usage
    load_cpu_s: float


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    size = frame_bytes(conversation_of("u" + "0" * 15, "u" + "1" * 15), text(options.text_characters))
    raw = await baseline.measure(cores.server, options.users, size, options.baseline_s, progress)
    async with server.start(cores.server, options.program) as running:
        accounts = await open_accounts(running.address, options.users, progress)
        async with _connected(accounts, running.address, progress) as devices:
            load = _Load(devices, running, options, progress)
            passes = await load.run()
    faults = check(_histories(devices))
    return Result(passes, raw, sum(device.acked for device in devices), faults, _oddities(devices), running.filesystem)


@asynccontextmanager
async def _connected(accounts: Sequence[Account], address: str, progress: Progress) -> AsyncIterator[list[Device]]:
    devices = [Device(account, address) for account in accounts]
    slots = asyncio.Semaphore(OPENING_AT_ONCE)

    async def open_one(device: Device) -> None:
        async with slots:
            await device.open()

    try:
        progress.show("connections")
        await asyncio.gather(*(open_one(device) for device in devices))
        yield devices
    finally:
        await asyncio.gather(*(device.close() for device in devices), return_exceptions=True)


class _Load:
    """Drives the devices through the passes of a run."""

    def __init__(self, devices: list[Device], running: Server, options: Options, progress: Progress) -> None:
        self._devices = devices
        self._server = running
        self._options = options
        self._progress = progress
        self._content = text(options.text_characters)
        users = [device.account.user_id for device in devices]
        self._conversations = {
            device: conversation_of(users[index], users[index ^ 1]) for index, device in enumerate(devices)
        }
        self._sending = False

    async def run(self) -> list[Pass]:
        """Measure each window, and then half of the rate of the first one."""
        # What was made so far lives to the end: the collector need not look at it while latencies are taken.
        gc.freeze()
        async with asyncio.TaskGroup() as group:
            listening = [group.create_task(device.listen(self._acked)) for device in self._devices]
            passes = [await self._saturate(window) for window in self._options.windows]
            if self._options.half_rate:
                passes.append(await self._pace(passes[0].window, passes[0].acks_per_s / 2))
            for task in listening:
                task.cancel()
        return passes

    async def _saturate(self, window: int) -> Pass:
        name = f"W={window}"
        self._sending = True
        for device in self._devices:
            self._send(device, window)
            device.poke()
        measured = await self._measure(name, window)
        await self._settle(name)
        return measured

    async def _pace(self, window: int, rate: float) -> Pass:
        """Send at a fixed rate whatever the answers do; latency counts from when a message was due."""
        self._sending = False
        period = len(self._devices) / rate
        began = time.perf_counter() + 0.1
        pacers = [
            asyncio.create_task(self._pace_one(device, began + index / rate, period))
            for index, device in enumerate(self._devices)
        ]
        try:
            measured = await self._measure(f"{rate:,.0f}/s", window)
        finally:
            for pacer in pacers:
                pacer.cancel()
            await asyncio.gather(*pacers, return_exceptions=True)
        await self._settle("half rate")
        return measured

    async def _pace_one(self, device: Device, due: float, period: float) -> None:
        while True:
            await asyncio.sleep(due - time.perf_counter())
            device.send(self._conversations[device], self._content, due)
            device.poke()
            due += period

    def _acked(self, device: Device, count: int) -> None:
        if self._sending:
            self._send(device, count)

    def _send(self, device: Device, count: int) -> None:
        for _ in range(count):
            device.send(self._conversations[device], self._content)

    async def _measure(self, name: str, window: int) -> Pass:
        options, acked = self._options, partial(_total_acked, self._devices)
        await self._progress.during(f"{name}, warm-up", options.warm_up_s, acked)
        for device in self._devices:
            device.latencies.clear()
        before = self._read()
        await self._progress.during(name, options.seconds, acked)
        after = self._read()
        latencies = sorted(latency for device in self._devices for latency in device.latencies)
        return _pass(name, window, before, after, latencies)

    def _read(self) -> _Reading:
        received = sum(device.received for device in self._devices)
        usage = self._server.child.usage()
        return _Reading(time.perf_counter(), _total_acked(self._devices), received, usage, time.process_time())

    async def _settle(self, name: str) -> None:
        """Send no more, and wait until all is answered and has arrived; what has not by then is for the checker."""
        self._sending = False
        limit = time.perf_counter() + SETTLE_S
        while time.perf_counter() < limit and not self._settled():
            await self._progress.during(f"{name}, settling", 0.1)

    def _settled(self) -> bool:
        acked, received = _total_acked(self._devices), sum(device.received for device in self._devices)
        return acked == received and not any(device.unanswered() for device in self._devices)


def conversation_of(one: str, other: str) -> str:
    """Return the id of the direct conversation of two users."""
    return f"{min(one, other)}-{max(one, other)}"


def _pass(name: str, window: int, before: _Reading, after: _Reading, latencies: Sequence[float]) -> Pass:
    elapsed = after.at - before.at
    cpu = after.server.cpu_s - before.server.cpu_s
    acked, received = after.acked - before.acked, after.received - before.received
    server_cpu, load_cpu = cpu / elapsed, (after.load_cpu_s - before.load_cpu_s) / elapsed
    return Pass(
        name=name,
        window=window,
        acks_per_s=acked / elapsed,
        received_per_s=received / elapsed,
        messages_per_cpu_s=min(acked, received) / cpu if cpu else 0.0,
        ack_p50_ms=_percentile(latencies, 0.50),
        ack_p99_ms=_percentile(latencies, 0.99),
        server_cpu=server_cpu,
        load_cpu=load_cpu,
        server_rss_bytes=after.server.rss_bytes,
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value in milliseconds below which this share of the ordered seconds is; 0 when there are none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000 if ordered else 0.0


def _total_acked(devices: Sequence[Device]) -> int:
    return sum(device.acked for device in devices)


def _histories(devices: Sequence[Device]) -> dict[str, dict[str, Witness]]:
    """Turn what each device saw into what was seen of each conversation."""
    histories: dict[str, dict[str, Witness]] = {}
    for device in devices:
        for conversation_id, witness in device.witnesses.items():
            histories.setdefault(conversation_id, {})[device.account.user_id] = witness
    return histories


def _oddities(devices: Sequence[Device]) -> dict[str, int]:
    total: dict[str, int] = {}
    for device in devices:
        for name, times in device.oddities.items():
            total[name] = total.get(name, 0) + times
    return total
