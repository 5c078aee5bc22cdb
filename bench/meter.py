"""Measures a stretch of time: what was counted, what it cost the server, and what it cost the load."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bench.child import Usage
from bench.figure import Figure, Target, Unit
from bench.progress import Progress

FULL: Final = 0.95
"""The share of its core from which on the load cannot do more, and the server could."""

MIB: Final = 1024 * 1024

TIMED: Final = 10
"""Of so many who hear the same, one is timed."""

Counters = Callable[[], tuple[int, ...]]


class Measured(Protocol):
    """What is measured: a process, or several."""

    def usage(self) -> Usage:
        """Return what it has used so far. Raises ChildError when it has ended."""


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    counts: tuple[int, ...]
    server_cpu_s: float
    load_cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Span:
    """What happened between two readings. `server` and `load` are in cores: 1.0 is one core all the time."""

    elapsed: float
    counts: tuple[int, ...]
    cpu_s: float
    server: float
    load: float
    rss_bytes: int

    def rate(self, index: int = 0) -> float:
        """Return how often something was counted in a second."""
        return self.counts[index] / self.elapsed

    def per_cpu_s(self, count: float) -> float:
        """Return how much of this the server did for each second of its CPU."""
        return count / self.cpu_s if self.cpu_s else 0.0

    def usage(self) -> tuple[Figure, ...]:
        """Return what was used, as figures."""
        return (
            Figure("server CPU", self.server, Unit.SHARE),
            Figure("load CPU", self.load, Unit.SHARE),
            Figure("server RSS", self.rss_bytes / MIB, Unit.MEBIBYTES),
        )

    def remark(self, scheduled: float = 0.0) -> str:
        """Say so when the load was the limit, or when less came about than was scheduled, for each second."""
        if self.load > max(FULL, self.server):
            return "the load is the limit"
        return "behind its schedule" if self.rate() < scheduled * FULL else ""


class Meter:
    """Reads counters, the server and this process."""

    def __init__(self, child: Measured, counters: Counters, progress: Progress) -> None:
        self._child = child
        self._counters = counters
        self._progress = progress

    async def during(self, phase: str, seconds: float) -> Span:
        """Measure for so long."""
        before = self._read()
        await self._progress.during(phase, seconds, lambda: self._counters()[0])
        return _span(before, self._read())

    def _read(self) -> _Reading:
        usage = self._child.usage()
        return _Reading(time.perf_counter(), self._counters(), usage.cpu_s, time.process_time(), usage.rss_bytes)


def percentile_ms(ordered: Sequence[float], share: float) -> float:
    """Return the value in milliseconds below which this share of the ordered seconds is; 0 when there are none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000 if ordered else 0.0


def percentiles(what: str, ordered: Sequence[float], p99: Target | None = None) -> tuple[Figure, Figure]:
    """Return how long something took, of seconds that are sorted."""
    return (
        Figure(f"{what} p50 ms", percentile_ms(ordered, 0.50), Unit.MILLISECONDS),
        Figure(f"{what} p99 ms", percentile_ms(ordered, 0.99), Unit.MILLISECONDS, p99),
    )


def _span(before: _Reading, after: _Reading) -> Span:
    elapsed = after.at - before.at
    cpu_s = after.server_cpu_s - before.server_cpu_s
    return Span(
        elapsed=elapsed,
        counts=tuple(new - old for old, new in zip(before.counts, after.counts, strict=True)),
        cpu_s=cpu_s,
        server=cpu_s / elapsed,
        load=(after.load_cpu_s - before.load_cpu_s) / elapsed,
        rss_bytes=after.rss_bytes,
    )
