"""Scenario `group`: one message, a thousand members who are there.

The members of a group are online, each on a connection of its own, then many on one, as behind an edge proxy. One of
them writes with four messages in flight, then twenty do. What a delivery to one member costs the server is the result;
a paced pass at half of the rate shows how long it takes from when a message was due until a member has it.
"""

import os
from collections import Counter
from dataclasses import dataclass
from typing import Final

from bench import fleet, server
from bench.account import Account, open_accounts
from bench.baseline.fanout import fanout
from bench.baseline.fanout import row as raw_row
from bench.circle import Circle, make_group
from bench.device import text
from bench.figure import Figure, Target, of_raw
from bench.history import Fault
from bench.machine import Cores
from bench.member import Member
from bench.meter import Span, percentiles
from bench.progress import Progress
from bench.result import Result, Row
from bench.scenario.direct import raw_frame_bytes
from bench.server import SHARED_NOTES, STANDALONE, STREAMS_SETTING, Server

PER_CPU_S: Final = {1: Target(90_000, 150_000), 20: Target(200_000, 500_000)}
"""Deliveries for each second of the server's CPU, by how many write."""

DELIVERIES: Final = "deliveries per server CPU s"

CALLS: Final = 100
"""Streams of a connection that are left for calls, with which accounts are made for example."""

P99_AT_HALF_MS: Final = Target(100, 100, at_most=True)

NOTES: Final = (
    "A delivery is one message at one member; every member gets each message once and in order, or the run fails.",
    f"Behind shared connections as many streams share one, as behind an edge proxy, allowed by {STREAMS_SETTING}.",
    (
        "Half rate: each sender writes W messages in one frame on a fixed schedule, at half of the rate of the row "
        "above, then at half of what must be reached; a delivery counts from when its message was due until a member "
        "has it, at every tenth member."
    ),
    (
        "Raw: a bare server pushes one frame of the same size for each message to as many streams; at half of its own "
        "rate one message at a time."
    ),
    *SHARED_NOTES,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How large the groups are, how many write, how many members share a connection, and for how long."""

    members: tuple[int, ...] = (200, 1_000)
    senders: tuple[int, ...] = (1, 20)
    to_a_connection: tuple[int, ...] = (1, 100)
    window: int = 4
    seconds: float = 6.0
    warm_up_s: float = 2.0
    text_characters: int = 200
    half_rate: bool = True
    baseline_s: float = 3.0
    program: tuple[str, ...] = STANDALONE


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one group gave."""

    rows: list[Row]
    checked: int
    faults: list[Fault]
    oddities: Counter[str]


@dataclass(frozen=True, slots=True)
class _Group:
    """One group under measurement, and what its raw counterpart did by the number of writers."""

    size: int
    to_a_connection: int
    raw: dict[int, float]

    @property
    def where(self) -> str:
        """How its members are connected."""
        connections = -(-self.size // self.to_a_connection)
        return f" sharing {connections:,} connections" if self.to_a_connection > 1 else ""


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    groups = [_Group(size, shared, {}) for size in options.members for shared in options.to_a_connection]
    raw = [row for group in groups for row in await _baseline(options, cores, group, progress)]
    more = {STREAMS_SETTING: str(max(options.to_a_connection) + CALLS)}
    async with server.start(cores.server, options.program, None, **more) as running:
        accounts = await open_accounts(running.address, max(options.members), progress)
        measured = [await _measured(options, running, group, accounts[: group.size], progress) for group in groups]
    return Result(
        rows=(*raw, *(row for one in measured for row in one.rows)),
        checked=sum(one.checked for one in measured),
        faults=tuple(fault for one in measured for fault in one.faults),
        oddities=sum((one.oddities for one in measured), Counter()),
        notes=NOTES,
        filesystem=running.filesystem,
    )


async def _baseline(options: Options, cores: Cores, group: _Group, progress: Progress) -> list[Row]:
    frame = os.urandom(raw_frame_bytes(options.text_characters))
    name = f"raw, {group.size:,} streams{group.where}"
    async with fanout(cores.server, group.size, frame, progress, to_a_line=group.to_a_connection) as raw:
        spans = {
            senders: await raw.measure(senders, options.window, options.baseline_s, 1.0) for senders in options.senders
        }
        rows = [raw_row(f"{name}, {senders} writing", span) for senders, span in spans.items()]
        group.raw.update(zip(spans, (row.value(DELIVERIES) for row in rows), strict=True))
        if options.half_rate:
            rate = spans[options.senders[0]].rate() / group.size / 2
            paced, delivery = await raw.pace(rate, options.baseline_s, 1.0)
            rows.append(raw_row(f"{name}, half rate", paced, delivery))
    return rows


async def _measured(
    options: Options, running: Server, group: _Group, accounts: list[Account], progress: Progress
) -> _Measured:
    group_id = await make_group(running.address, accounts, progress)
    opening = fleet.connected(accounts, running.address, progress, Member, to_a_line=group.to_a_connection)
    async with opening as members:
        circle = Circle(members, group_id, running.child, text(options.text_characters), progress)
        async with circle.listening():
            rows = [row for senders in options.senders for row in await _passes(options, circle, group, senders)]
    return _Measured(rows, fleet.total_received(members), circle.check(), fleet.oddities(members))


async def _passes(options: Options, circle: Circle, group: _Group, senders: int) -> list[Row]:
    name, raw = f"{group.size:,} members{group.where}, {senders} writing", group.raw[senders]
    span = await circle.saturate(senders, options.window, options.seconds, options.warm_up_s)
    rows = [_row(name, span, raw, PER_CPU_S.get(senders))]
    for label, rate in _paces(span, senders).items() if options.half_rate else ():
        paced, latencies = await circle.pace(senders, options.window, rate, options.seconds, options.warm_up_s)
        rows.append(_row(f"{name}, {label}", paced, raw, None, latencies, rate))
    return rows


def _paces(span: Span, senders: int) -> dict[str, float]:
    """Half of the rate that was reached and, where that is more, half of the one that must be."""
    half, must = span.rate() / 2, PER_CPU_S.get(senders)
    return {"half rate": half} | ({f"{must.must / 2:,.0f}/s": must.must / 2} if must and must.must < 2 * half else {})


def _row(
    name: str,
    span: Span,
    raw: float,
    cost: Target | None,
    latencies: list[float] | None = None,
    scheduled: float = 0.0,
) -> Row:
    done = span.per_cpu_s(span.counts[0])
    figures = [
        Figure(DELIVERIES, done, target=cost),
        of_raw(done, raw),
        Figure("deliveries/s", span.rate()),
        Figure("messages/s", span.rate(1)),
        *span.usage(),
    ]
    if latencies is not None:
        figures += percentiles("delivery", latencies, P99_AT_HALF_MS)
    return Row(name, tuple(figures), span.remark(scheduled))
