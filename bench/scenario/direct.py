"""Scenario `direct`: users in pairs write to each other as fast as the answers come.

Each user has a connection of its own and W messages in flight: the next one leaves when one is acknowledged. The
server is saturated; what it costs for each message, and how long an answer takes then, is the result. A second,
paced pass at half of that rate shows how long an answer takes on a server with room to breathe: each user writes W
messages at a time, on a schedule that does not wait for answers.
"""

import os
from dataclasses import dataclass
from typing import Final

from bench import fleet, server
from bench.account import open_accounts
from bench.baseline import echo
from bench.device import Device, frame_bytes, text
from bench.figure import Figure, Target, of_raw
from bench.history import check
from bench.machine import Cores
from bench.meter import Span, percentiles
from bench.pairs import Pairs
from bench.places import conversation_of
from bench.progress import Progress
from bench.result import Result, Row
from bench.server import SHARED_NOTES, STANDALONE

MAX_WINDOW: Final = 256
"""What the server lets be unanswered."""

PER_CPU_S: Final = {1: Target(6_000, 10_000), 4: Target(14_000, 25_000), 16: Target(22_000, 45_000)}
"""Messages for each second of the server's CPU, by how many are in flight."""

P99_AT_HALF_MS: Final = Target(25, 25, at_most=True)

NOTES: Final = (
    "A message is durable when acknowledged, and counts when its peer has received it too.",
    (
        "Half rate: each user writes W messages in one frame on a fixed schedule, at half of the rate of the row "
        "above; an ack counts from when its message was due."
    ),
    *SHARED_NOTES,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How much load, and for how long. `users` is even; `reading`: they read what comes at once, and say so."""

    users: int = 200
    windows: tuple[int, ...] = (1, 4, 16)
    seconds: float = 8.0
    warm_up_s: float = 3.0
    text_characters: int = 200
    half_rate: bool = True
    reading: bool = False
    baseline_s: float = 4.0
    program: tuple[str, ...] = STANDALONE

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        if self.users < 2 or self.users % 2:  # noqa: PLR2004  a pair
            raise ValueError("users come in pairs")
        if not all(0 < window <= MAX_WINDOW for window in self.windows):
            raise ValueError(f"windows are from 1 to {MAX_WINDOW}")


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    raw, first = await _baseline(options, cores, progress)
    async with server.start(cores.server, options.program) as running:
        accounts = await open_accounts(running.address, options.users, progress)
        async with fleet.connected(accounts, running.address, progress, Device) as devices:
            for device in devices:
                device.reading = options.reading
            pairs = Pairs(devices, running.child, text(options.text_characters), progress)
            rows = await _passes(pairs, options, raw)
    return Result(
        rows=(first, *rows),
        checked=fleet.total_acked(devices),
        faults=tuple(check(fleet.histories(devices))),
        oddities=fleet.oddities(devices),
        notes=NOTES,
        filesystem=running.filesystem,
    )


async def _baseline(options: Options, cores: Cores, progress: Progress) -> tuple[float, Row]:
    frame = os.urandom(raw_frame_bytes(options.text_characters))
    return await echo.measure(cores.server, options.users, frame, options.baseline_s, 1.0, progress)


def raw_frame_bytes(characters: int) -> int:
    """Return how long the frame of one such message is."""
    return frame_bytes(conversation_of("u" + "0" * 15, "u" + "1" * 15), text(characters))


async def _passes(pairs: Pairs, options: Options, raw: float) -> list[Row]:
    rows = []
    async with pairs.listening():
        for window in options.windows:
            span, latencies = await pairs.saturate(window, options.seconds, options.warm_up_s)
            rows.append(_row(f"W={window}", span, latencies, raw, cost=PER_CPU_S.get(window)))
            if options.half_rate:
                rate = span.rate() / 2
                paced, latencies = await pairs.pace(window, rate, options.seconds, options.warm_up_s)
                rows.append(_row(f"W={window} half rate", paced, latencies, raw, p99=P99_AT_HALF_MS, scheduled=rate))
    return rows


def _row(
    name: str,
    span: Span,
    latencies: list[float],
    raw: float,
    *,
    cost: Target | None = None,
    p99: Target | None = None,
    scheduled: float = 0.0,
) -> Row:
    done = span.per_cpu_s(min(span.counts[:2]))
    figures = (
        Figure("per server CPU s", done, target=cost),
        of_raw(done, raw),
        Figure("per s", span.rate()),
        *percentiles("ack", latencies, p99),
        *span.usage(),
    )
    return Row(name, figures, span.remark(scheduled))
