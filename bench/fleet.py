"""Many devices: opened a few at a time, heard all at once, and alive by heartbeats."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final, TypeVar

from bench.account import Account
from bench.device import Device, OnAcked
from bench.history import Witness
from bench.line import Line, lines
from bench.progress import Progress

OPENING_AT_ONCE: Final = 50
ATTEMPTS: Final = 3
BEAT_S: Final = 0.1
"""How often some of the devices give a sign of life: all of them within one interval, evenly spread."""

SETTLE_S: Final = 30.0
"""How long the last messages of a pass may take to arrive."""

D = TypeVar("D", bound=Device)


@asynccontextmanager
async def connected(
    accounts: Sequence[Account],
    address: str,
    progress: Progress,
    make: Callable[[Account, Line], D],
    *,
    to_a_line: int = 1,
) -> AsyncIterator[list[D]]:
    """Open a device for each account, so many of them on one connection, and close all at the end."""
    async with lines(address, -(-len(accounts) // to_a_line)) as made:
        devices = [make(account, made[index // to_a_line]) for index, account in enumerate(accounts)]
        await open_all(devices, progress)
        yield devices


async def open_all(
    devices: Sequence[Device], progress: Progress, places: Sequence[Mapping[str, int]] | None = None
) -> None:
    """Open devices, some at a time; `places` says where each of them stands."""
    slots = asyncio.Semaphore(OPENING_AT_ONCE)
    opened = 0

    async def open_one(device: Device, stands: Mapping[str, int]) -> None:
        nonlocal opened
        async with slots:
            await _open(device, stands)
        opened += 1
        progress.show("connections", f"{opened:,}/{len(devices):,}")

    await asyncio.gather(*map(open_one, devices, places or [{}] * len(devices)))


async def _open(device: Device, stands: Mapping[str, int]) -> None:
    """Open a device; like an app it tries again when the connection does not come about."""
    for _ in range(ATTEMPTS - 1):
        with suppress(ConnectionError, TimeoutError):
            await device.open(stands)
            return
        device.oddities["connected at a later attempt"] += 1
    await device.open(stands)


@asynccontextmanager
async def listening(
    devices: Sequence[Device], on_acked: OnAcked = lambda *_: None, *, compare: bool = False, quiet: bool = False
) -> AsyncIterator[None]:
    """Hear all devices and keep them alive. Ends with an ExceptionGroup when the server ends a stream.

    `quiet`: nothing will happen, so each says once what it has, and then as rarely as it may.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(device.listen(on_acked)) for device in devices]
        tasks.append(group.create_task(_beat(devices, compare=compare, quiet=quiet)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _beat(devices: Sequence[Device], *, compare: bool, quiet: bool) -> None:
    """Give each device's sign of life once in its interval."""
    interval = min((device.quiet_s if quiet else device.heartbeat_s for device in devices), default=1.0)
    if quiet:
        await _say_once(devices, compare=compare)
    began, beaten = time.perf_counter(), 0
    while True:
        await asyncio.sleep(BEAT_S)
        due = int((time.perf_counter() - began) / interval * len(devices))
        for index in range(beaten, min(due, beaten + len(devices))):
            devices[index % len(devices)].beat(compare=compare)
        beaten = max(due, beaten)


async def _say_once(devices: Sequence[Device], *, compare: bool) -> None:
    """Let each device say what it has, a few hundred of them a second."""
    for index, device in enumerate(devices):
        if index % OPENING_AT_ONCE == 0:
            await asyncio.sleep(BEAT_S)
        device.beat(compare=compare)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the collector of the load away while latencies are taken: what was made so far lives to the end."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def settle(name: str, settled: Callable[[], bool], progress: Progress) -> None:
    """Wait until all is answered and has arrived; what has not by then is for the checker."""
    limit = time.perf_counter() + SETTLE_S
    while time.perf_counter() < limit and not settled():
        await progress.during(f"{name}, settling", 0.1)


def total_acked(devices: Sequence[Device]) -> int:
    """Return how many sends were acknowledged."""
    return sum(device.acked for device in devices)


def total_received(devices: Sequence[Device]) -> int:
    """Return how many messages arrived."""
    return sum(device.received for device in devices)


def all_answered(devices: Sequence[Device]) -> bool:
    """Whether no send waits for an answer."""
    return not any(len(device.outbox) for device in devices)


def take_latencies(devices: Sequence[Device]) -> list[float]:
    """Return the latencies since the last time, in order of length."""
    latencies = sorted(latency for device in devices for latency in device.latencies)
    for device in devices:
        device.latencies.clear()
    return latencies


def histories(devices: Sequence[Device]) -> dict[str, dict[str, Witness]]:
    """Turn what each device saw into what was seen of each conversation."""
    found: dict[str, dict[str, Witness]] = {}
    for device in devices:
        for conversation_id, witness in device.witnesses.items():
            found.setdefault(conversation_id, {})[device.account.user_id] = witness
    return found


def oddities(devices: Sequence[Device]) -> Counter[str]:
    """Return what a run without trouble never sees."""
    return sum((device.oddities for device in devices), Counter())
