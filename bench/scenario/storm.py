"""Scenario `storm`: thousands of devices lose the connection at once and come back at once.

They have been there before and lack nothing, so each is told RESUMED. How long it takes until the last one is back,
next to bare streams that connect again, is the result.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench import fleet, server
from bench.account import Account, open_accounts
from bench.baseline import streams
from bench.device import Device, text
from bench.figure import Figure, Target, Unit, of_raw
from bench.history import Fault, check
from bench.line import Line, lines
from bench.machine import Cores
from bench.meter import percentile_ms
from bench.places import conversation_of
from bench.progress import Progress
from bench.result import Result, Row
from bench.server import SHARED_NOTES, STANDALONE, Server
from bench.store_reads import store_reads

OF_RAW: Final = Target(3, 2, at_most=True)
TALKING_AT_ONCE: Final = 100
NONE: Final = Target(0, 0, at_most=True)
READS: Final = Target(0.01, 0.01, at_most=True)
"""For each device: what a server reads by itself meanwhile is less, and one read for a hundred devices is more."""

Places = Mapping[str, int]

NOTES: Final = (
    "From the moment when all connections are cut until the last device has been welcomed and told RESUMED.",
    "Raw: as many bare streams are cut, connect again and get one answer. Of several rounds the median is shown.",
    "Store reads are all of the server in that time, for each device; up to 20 are its own looks for what is due.",
    *SHARED_NOTES,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How many devices, and how often they are cut. Each writes to `chats` others before."""

    devices: int = 3_000
    chats: int = 3
    rounds: int = 3
    text_characters: int = 200
    program: tuple[str, ...] = STANDALONE


@dataclass(frozen=True, slots=True)
class _Round:
    """One cut: when each device was back, in seconds; how many were not; the CPU and the reads of the server."""

    back: list[float]
    failed: Counter[str]
    cpu_s: float
    reads: int | None


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    raw = median([await streams.reconnect_s(cores.server, options.devices, progress) for _ in range(options.rounds)])
    async with server.start(cores.server, options.program) as running:
        accounts = await open_accounts(running.address, options.devices, progress)
        devices = await _talk(options, running, accounts, progress)
        places = [device.places() for device in devices]
        rounds = [await _storm(running, accounts, places, progress) for _ in range(options.rounds)]
    faults: list[Fault] = check(fleet.histories(devices))
    failed = sum((one.failed for one in rounds), fleet.oddities(devices))
    rows = (_raw_row(raw), _row(rounds, raw))
    return Result(rows, fleet.total_acked(devices), tuple(faults), failed, NOTES, running.filesystem)


async def _talk(options: Options, running: Server, accounts: Sequence[Account], progress: Progress) -> Sequence[Device]:
    """Give each device a few conversations with some entries: some devices at a time, for this is not the storm."""
    async with fleet.connected(accounts, running.address, progress, Device) as devices, fleet.listening(devices):
        for first in range(0, len(devices), TALKING_AT_ONCE):
            for index in range(first, min(first + TALKING_AT_ONCE, len(devices))):
                _write(devices, index, options)
            await fleet.settle("conversations", lambda: fleet.all_answered(devices), progress)
        await fleet.settle("conversations", lambda: _settled(devices), progress)
        return devices


def _write(devices: Sequence[Device], index: int, options: Options) -> None:
    device, content = devices[index], text(options.text_characters)
    for step in range(1, options.chats + 1):
        peer = devices[(index + step) % len(devices)]
        device.send(conversation_of(device.account.user_id, peer.account.user_id), content)
    device.poke()


def _settled(devices: Sequence[Device]) -> bool:
    return fleet.all_answered(devices) and fleet.total_acked(devices) == fleet.total_received(devices)


async def _storm(running: Server, accounts: Sequence[Account], places: Sequence[Places], progress: Progress) -> _Round:
    """Open all devices, cut them all, and open them all at once."""
    async with lines(running.address, len(accounts)) as first:
        before = [Device(account, line) for account, line in zip(accounts, first, strict=True)]
        await fleet.open_all(before, progress, places)
        progress.show("all connections cut", f"{len(first):,}")
        with fleet.undisturbed():
            return await _cut(running, first, accounts, places)


async def _cut(running: Server, first: Sequence[Line], accounts: Sequence[Account], places: Sequence[Places]) -> _Round:
    reads = await store_reads(running.child)
    cpu_s, began = running.child.usage().cpu_s, time.perf_counter()
    for line in first:
        line.close()
    async with lines(running.address, len(accounts)) as fresh:
        after = [Device(account, line) for account, line in zip(accounts, fresh, strict=True)]
        found = await asyncio.gather(*map(_back, after, places, [began] * len(after)))
        cpu_s = running.child.usage().cpu_s - cpu_s
        again = await store_reads(running.child)
    failed = Counter(one for one in found if isinstance(one, str))
    back = sorted(one for one in found if isinstance(one, float))
    return _Round(back, failed, cpu_s, None if reads is None or again is None else again - reads)


async def _back(device: Device, places: Places, began: float) -> float | str:
    """Open a device; return how long after `began` it was back, or why it was not."""
    try:
        resumed = await device.open(places)
    except (ConnectionError, TimeoutError) as error:
        return f"not back: {error}"
    return time.perf_counter() - began if resumed else "not told RESUMED"


def _raw_row(raw: float) -> Row:
    return Row("raw streams", (Figure("s until all are back", raw, Unit.SECONDS), Figure("of raw", 1.0, Unit.RATIO)))


def _row(rounds: Sequence[_Round], raw: float) -> Row:
    took = median([one.back[-1] if one.back else 0.0 for one in rounds])
    reads = [one.reads / max(1, len(one.back)) for one in rounds if one.reads is not None]
    last, missing = rounds[-1], sum(sum(one.failed.values()) for one in rounds)
    figures = (
        Figure("s until all are back", took, Unit.SECONDS),
        of_raw(took, raw, OF_RAW),
        Figure("failures", float(missing), Unit.COUNT, NONE),
        Figure("store reads per device", max(reads) if reads else None, Unit.RATIO, READS),
        Figure("back p50 ms", percentile_ms(last.back, 0.50), Unit.MILLISECONDS),
        Figure("server CPU ms per device", last.cpu_s * 1_000 / max(1, len(last.back)), Unit.RATIO),
    )
    return Row("devices", figures, "the time is of those that came back" if missing else "")
