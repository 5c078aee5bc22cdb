"""Scenario `idle`: thousands of devices that are logged in and say nothing but their heartbeats.

Each has a connection of its own, or shares one with many others as behind an edge proxy. What a device keeps in the
memory of the server, and what all of them cost while nothing happens, is the result.
"""

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import fleet, server
from bench.account import Account, open_accounts
from bench.baseline import streams
from bench.device import Device
from bench.figure import Figure, Target, Unit, of_raw
from bench.machine import Cores
from bench.meter import Meter, Span
from bench.progress import Progress
from bench.result import Result, Row
from bench.server import SHARED_NOTES, STANDALONE, STREAMS_SETTING, Server

MEMORY: Final = {False: Target(45, 40, at_most=True), True: Target(30, 25, at_most=True)}
"""kB of the server for each device, by whether it shares its connection."""

CPU: Final = Target(0.01, 0.01, at_most=True)
KILOBYTE: Final = 1_000
KB: Final = "kB per device"
CORE: Final = "core while idle"

NOTES: Final = (
    (
        "Memory is what the server's RSS grew by since it started, for each device; accounts were made by another "
        "process on the same data. 1 kB is 1,000 bytes."
    ),
    (
        "Devices send a heartbeat, with the digest of what they have, once at first and then as rarely as the server's "
        "welcome allows to those where nothing happens, evenly spread, and nothing else."
    ),
    "Raw: a bare server with as many streams, each idle after one echo.",
    *SHARED_NOTES,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How many devices, how many streams share a connection, and for how long nothing happens."""

    devices: tuple[int, ...] = (2_000, 5_000)
    to_a_connection: int = 1_000
    seconds: float = 60.0
    settle_s: float = 120.0
    """By then the gateway compares for each device what it said first, as it goes on doing."""
    digest: bool = True
    program: tuple[str, ...] = STANDALONE


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    oddities: Counter[str] = Counter()
    rows: list[Row] = []
    with server.data_folder() as folder:
        async with server.start(cores.server, options.program, folder) as running:
            accounts = await open_accounts(running.address, max(options.devices), progress)
        for shared in (False, True):
            raw = await _raw(options, cores, progress, shared=shared)
            rows += [raw, *await _devices(options, cores, folder, accounts, raw, oddities, progress, shared=shared)]
    note = f"Behind shared connections {options.to_a_connection:,} streams share one, allowed by {STREAMS_SETTING}."
    return Result(tuple(rows), 0, (), oddities, (note, *NOTES), running.filesystem)


async def _raw(options: Options, cores: Cores, progress: Progress, *, shared: bool) -> Row:
    count = min(options.devices)
    to_a_connection = options.to_a_connection if shared else 1
    grown = await streams.rss_per_stream(cores.server, count, to_a_connection, progress)
    figures = (Figure(KB, grown / KILOBYTE, Unit.KILOBYTES), Figure("of raw", 1.0, Unit.RATIO))
    return Row(f"raw, {count:,} {_where(shared=shared)}", figures)


async def _devices(
    options: Options,
    cores: Cores,
    folder: Path,
    accounts: list[Account],
    raw: Row,
    oddities: Counter[str],
    progress: Progress,
    *,
    shared: bool,
) -> list[Row]:
    """Measure a fresh server with more and more devices."""
    more = {STREAMS_SETTING: str(options.to_a_connection)} if shared else {}
    rows = []
    async with server.start(cores.server, options.program, folder, **more) as running, AsyncExitStack() as stack:
        alone = await _idle(running, options, 0, progress)
        empty, devices = alone.rss_bytes, 0
        rows.append(Row("no device", (Figure(CORE, alone.server, Unit.PERCENT), *alone.usage()[1:])))
        for count in sorted(options.devices):
            added = await _add(stack, running, options, accounts[devices:count], progress, shared=shared)
            devices = count
            span = await _idle(running, options, count, progress)
            rows.append(_row(count, span, empty, raw, options, shared=shared))
            oddities.update(fleet.oddities(added))
    return rows


async def _add(
    stack: AsyncExitStack,
    running: Server,
    options: Options,
    accounts: list[Account],
    progress: Progress,
    *,
    shared: bool,
) -> list[Device]:
    """Open more devices, which stay until the stack ends."""
    to_a_line = options.to_a_connection if shared else 1
    opening = fleet.connected(accounts, running.address, progress, Device, to_a_line=to_a_line)
    devices = await stack.enter_async_context(opening)
    await stack.enter_async_context(fleet.listening(devices, compare=options.digest, quiet=True))
    return devices


async def _idle(running: Server, options: Options, count: int, progress: Progress) -> Span:
    await progress.during(f"{count:,} devices, settling", options.settle_s)
    return await Meter(running.child, lambda: (0,), progress).during(f"{count:,} devices, idle", options.seconds)


def _row(count: int, span: Span, empty: int, raw: Row, options: Options, *, shared: bool) -> Row:
    kilobytes = (span.rss_bytes - empty) / count / KILOBYTE
    figures = (
        Figure(KB, kilobytes, Unit.KILOBYTES, MEMORY[shared]),
        of_raw(kilobytes, raw.value(KB)),
        Figure(CORE, span.server, Unit.PERCENT, CPU if count == max(options.devices) else None),
        *span.usage()[1:],
    )
    return Row(f"{count:,} {_where(shared=shared)}", figures, span.remark())


def _where(*, shared: bool) -> str:
    return "on shared connections" if shared else "on their own connections"
