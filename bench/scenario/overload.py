"""Scenario `overload`: twice as much is offered as the server can do.

First the peak is measured, as in `direct`. Then each device writes on a schedule at twice that rate, whatever is
unanswered, as far as the contract lets it. A server that holds goes on doing what it can, and refuses the rest with
the time after which to try again.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench import fleet, server
from bench.account import open_accounts
from bench.baseline import echo
from bench.device import Device, text
from bench.figure import Figure, Target, Unit, of_raw
from bench.history import Fault, Kind, check
from bench.machine import Cores
from bench.meter import FULL, MIB, Span, percentile_ms, percentiles
from bench.offer import Offer
from bench.pairs import Pairs
from bench.progress import Progress
from bench.result import Result, Row
from bench.scenario.direct import raw_frame_bytes
from bench.server import SHARED_NOTES, STANDALONE

GOODPUT: Final = Target(0.8, 0.9)
P99_OF_PEAK: Final = Target(3, 3, at_most=True)

NOTES: Final = (
    (
        "Offered on a schedule: W messages in one frame. The server asks for fewer unanswered ones, and refuses what "
        "comes from devices that do not heed it, as a few here. A refused message comes again after the time that the "
        "refusal says, before new ones. What a device may not send meanwhile, or because it has as many unanswered as "
        "it may, is held back: offered and not admitted."
    ),
    (
        "Goodput is what was acknowledged; p99 is of those, from when they were due or came again, next to p99 at the "
        "peak."
    ),
    "A refusal without a time to retry is a fault.",
    *SHARED_NOTES,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How much load, and for how long. `users` is even; the first `deaf` of them do not heed smaller windows."""

    users: int = 200
    window: int = 4
    times: float = 2.0
    deaf: int = 10
    seconds: float = 10.0
    warm_up_s: float = 3.0
    text_characters: int = 200
    baseline_s: float = 4.0
    program: tuple[str, ...] = STANDALONE


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    frame = os.urandom(raw_frame_bytes(options.text_characters))
    raw, first = await echo.measure(cores.server, options.users, frame, options.baseline_s, 1.0, progress)
    async with server.start(cores.server, options.program) as running:
        accounts = await open_accounts(running.address, options.users, progress)
        async with fleet.connected(accounts, running.address, progress, Device) as devices:
            pairs = Pairs(devices, running.child, text(options.text_characters), progress)
            async with pairs.listening():
                peak, at_peak = await pairs.saturate(options.window, options.seconds, options.warm_up_s)
                _deafen(devices[: options.deaf])
                offer = Offer(devices, pairs, running.child, options.window, peak.rate() * options.times, progress)
                span, latencies = await offer.during(options.seconds, options.warm_up_s)
    rows = (first, _peak_row(peak, at_peak, raw), _row(options, peak, at_peak, span, latencies, raw))
    faults = (*check(fleet.histories(devices)), *_untyped(devices))
    return Result(rows, fleet.total_acked(devices), faults, fleet.oddities(devices), NOTES, running.filesystem)


def _deafen(devices: Sequence[Device]) -> None:
    for device in devices:
        device.deaf = True


def _untyped(devices: Sequence[Device]) -> list[Fault]:
    """Whoever is refused because there is too much must be told when to try again."""
    return [
        Fault(Kind.UNTYPED, device.account.user_id, f"{device.refused - device.later} times")
        for device in devices
        if device.refused > device.later
    ]


def _peak_row(peak: Span, latencies: list[float], raw: float) -> Row:
    return Row("peak", (*_common(peak, raw), *percentiles("ack", latencies), *peak.usage()), peak.remark())


def _row(options: Options, peak: Span, at_peak: list[float], span: Span, latencies: list[float], raw: float) -> Row:
    usual, late = percentile_ms(at_peak, 0.99), percentile_ms(latencies, 0.99)
    figures = (
        *_common(span, raw),
        *percentiles("ack", latencies),
        *span.usage(),
        Figure("goodput of peak", span.rate() / peak.rate(), Unit.SHARE, GOODPUT),
        Figure("p99 of peak's", late / usual if usual else None, Unit.RATIO, P99_OF_PEAK),
        Figure("offered/s", span.rate(1)),
        Figure("refused/s", span.rate(2)),
        Figure("held back/s", span.rate(3)),
        Figure("RSS grown", (span.rss_bytes - peak.rss_bytes) / MIB, Unit.MEBIBYTES),
    )
    remark = "" if span.rate(1) > peak.rate() * options.times * FULL else "the load offered less than it should"
    return Row(f"{options.times:g} x the peak", figures, remark or span.remark())


def _common(span: Span, raw: float) -> tuple[Figure, ...]:
    done = span.per_cpu_s(span.counts[0])
    return (
        Figure("per server CPU s", done),
        of_raw(done, raw),
        Figure("per s", span.rate()),
    )
