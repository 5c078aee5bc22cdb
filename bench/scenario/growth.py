"""Scenario `growth`: does a message cost more when there is more of everything?

Direct messages as in `direct`, with more and more conversations in use, and then with few conversations on a store
that holds millions of entries already.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import fleet, server
from bench.account import open_accounts
from bench.baseline import echo
from bench.device import Device, text
from bench.figure import Figure, Target, Unit, of_raw
from bench.history import Fault, check
from bench.machine import Cores
from bench.meter import Span, percentiles
from bench.pairs import Pairs, Peers
from bench.prefill import prefill
from bench.progress import Progress
from bench.result import Result, Row
from bench.scenario.direct import raw_frame_bytes
from bench.server import SHARED_NOTES, STANDALONE

OF_FIRST: Final = Target(1.15, 1.10, at_most=True)
PRIMING_WINDOW: Final = 8

NOTES: Final = (
    "The cost of a message is CPU of the server; the first row is what the others are compared with.",
    "Each user writes to all its peers in turn, and has written once to each before the measurement.",
    "The entries of a filled store belong to other conversations than those in use.",
    *SHARED_NOTES,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How many conversations are in use, and how many entries are in the store. 448 users have 100,128 pairs."""

    users: int = 448
    conversations: tuple[int, ...] = (1_000, 10_000, 100_000)
    entries: tuple[int, ...] = (1_000_000, 5_000_000)
    window: int = 4
    seconds: float = 8.0
    warm_up_s: float = 2.0
    text_characters: int = 200
    baseline_s: float = 4.0
    program: tuple[str, ...] = STANDALONE

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        most = self.users * (self.users - 1) // 2
        if not all(self.users <= count <= most for count in self.conversations):
            raise ValueError(f"{self.users} users have from {self.users} to {most} conversations")


@dataclass(slots=True)
class _Growth:
    """What was measured so far."""

    options: Options
    cores: Cores
    progress: Progress
    raw: float
    rows: list[Row]
    checked: int = 0
    faults: list[Fault] = field(default_factory=list)
    oddities: Counter[str] = field(default_factory=Counter)
    filesystem: str = ""

    async def cells(self, folder: Path, conversations: Sequence[int], stored: int) -> None:
        """Measure one server, with more and more conversations."""
        options = self.options
        async with server.start(self.cores.server, options.program, folder) as running:
            accounts = await open_accounts(running.address, options.users, self.progress)
            async with fleet.connected(accounts, running.address, self.progress, Device) as devices:
                pairs = Pairs(devices, running.child, text(options.text_characters), self.progress)
                async with pairs.listening():
                    for count in conversations:
                        await self._cell(pairs, count, stored)
        self.filesystem = running.filesystem
        self.checked += fleet.total_acked(devices)
        self.faults += check(fleet.histories(devices))
        self.oddities += fleet.oddities(devices)

    async def _cell(self, pairs: Pairs, conversations: int, stored: int) -> None:
        options = self.options
        pairs.direct_to(circles(options.users, conversations))
        await pairs.prime(PRIMING_WINDOW)
        span, latencies = await pairs.saturate(options.window, options.seconds, options.warm_up_s)
        name = f"{conversations:,} conversations, {stored:,} entries before"
        self.rows.append(self._row(name, span, latencies))

    def _row(self, name: str, span: Span, latencies: list[float]) -> Row:
        done = span.per_cpu_s(min(span.counts[:2]))
        first = self.rows[1].value("per server CPU s") if len(self.rows) > 1 else done
        figures = (
            Figure("per server CPU s", done),
            of_raw(done, self.raw),
            Figure("per s", span.rate()),
            *percentiles("ack", latencies),
            *span.usage(),
            Figure("refused/s", span.rate(2)),
            Figure("cost of the first", first / done, Unit.RATIO, OF_FIRST if len(self.rows) > 1 else None),
        )
        return Row(name, figures, span.remark())


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    frame = os.urandom(raw_frame_bytes(options.text_characters))
    raw, first = await echo.measure(cores.server, options.users, frame, options.baseline_s, 1.0, progress)
    growth = _Growth(options, cores, progress, raw, [first])
    with server.data_folder() as folder:
        await growth.cells(folder, options.conversations, 0)
    with server.data_folder() as folder:
        await _filled(growth, folder)
    return Result(
        rows=tuple(growth.rows),
        checked=growth.checked,
        faults=tuple(growth.faults),
        oddities=growth.oddities,
        notes=NOTES,
        filesystem=growth.filesystem,
    )


async def _filled(growth: _Growth, folder: Path) -> None:
    """Measure the same store again and again, each time with more in it."""
    options, already = growth.options, 0
    for entries in sorted(options.entries):
        await prefill(folder / "data", already, entries, options.text_characters, growth.progress)
        await growth.cells(folder, options.conversations[:1], entries)
        already = entries


def circles(users: int, conversations: int) -> Peers:
    """Give users so many conversations, evenly: with the next one in the circle, then with the one after it."""
    peers: list[list[int]] = [[] for _ in range(users)]
    for index in range(conversations):
        step, one = divmod(index, users)
        other = (one + step + 1) % users
        peers[one].append(other)
        peers[other].append(one)
    return peers
