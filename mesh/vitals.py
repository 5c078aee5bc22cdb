"""How a process and its database are, as numbers that are read when they are exported and cost nothing between."""

from __future__ import annotations

import asyncio
import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mesh.telemetry import Telemetry

MEMORY: Final = Path("/proc/self/status")
"""Where Linux says how much memory a process has. Elsewhere nothing is shown."""

LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container finds how much it may have, by the version of control groups."""

NO_LIMIT: Final = 1 << 60
"""What is above it is the older version's word for no limit."""


@runtime_checkable
class Part(Protocol):
    """A part behind the mesh, which may be away."""

    @property
    def away(self) -> bool:
        """Whether it did not answer when it was asked last."""


class Database(Protocol):
    """What the database of a service says of itself."""

    @property
    def away(self) -> bool:
        """Whether it failed when it was asked last."""

    @property
    def unmoved(self) -> bool:
        """Whether what was committed cannot be moved to where it belongs, so that its log grows."""

    def free(self) -> float | None:
        """The part of its disk that is free, 0 to 1; None where the disk is not this machine's."""


class LoopLag:
    """How long the event loop lets a call wait.

    A probe is sent whenever the number is exported, and is told at the next time: so a loop that hangs is seen too,
    because it is the exporter's thread that asks.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._sent: float | None = None
        self._lag = 0.0

    def __call__(self) -> float:
        """Seconds: of the last probe, or of one that still waits if that is longer."""
        now, lag, sent = time.monotonic(), self._lag, self._sent
        if sent is not None:
            return max(lag, now - sent)
        self._sent = now
        try:
            self._loop.call_soon_threadsafe(self._arrived, now)
        except RuntimeError:  # the loop has ended
            self._sent = None
        return lag

    def _arrived(self, sent: float) -> None:
        self._lag = time.monotonic() - sent
        self._sent = None


def show_process(telemetry: Telemetry, serving: Callable[[], bool]) -> None:
    """Show whether this process serves, how long it has run, its memory, and how long its loop lets others wait."""
    began = time.monotonic()
    telemetry.show("mesh.ready", "", "1 while the process serves", lambda: int(serving()))
    telemetry.show("mesh.uptime", "s", "since the process began", lambda: time.monotonic() - began)
    telemetry.show("mesh.memory", "By", "memory of the process", memory)
    telemetry.show("mesh.memory.limit", "By", "memory that its container may have", memory_limit)
    lag = LoopLag(asyncio.get_running_loop())
    telemetry.show("mesh.loop.lag", "s", "how long the event loop lets a call wait", lag)


def show_parts(telemetry: Telemetry, parts: Iterable[tuple[str, Part]]) -> None:
    """Show which of the parts that all nodes share do not answer this one; each comes with what it is for."""
    for name, part in parts:
        telemetry.show("part.away", "", "1 while a part does not answer", partial(_away, part), part=name)


def _away(part: Part) -> int:
    return int(part.away)


def show_database(telemetry: Telemetry, service: str, database: Database) -> None:
    """Show how the database of this service is."""
    shown = {"service": service}
    telemetry.show("store.away", "", "1 while the store fails", lambda: int(database.away), **shown)
    telemetry.show("store.unmoved", "", "1 while the store's log only grows", lambda: int(database.unmoved), **shown)
    telemetry.show("store.disk.free", "1", "part of the store's disk that is free", database.free, **shown)


def memory() -> float | None:
    """Bytes that this process holds."""
    try:
        lines = MEMORY.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), None)


def memory_limit() -> float | None:
    """Bytes that the container may hold; None outside of one."""
    for path in LIMITS:
        try:
            limit = float(path.read_text(encoding="ascii"))
        except (OSError, ValueError):  # "max" is no number
            continue
        if limit < NO_LIMIT:
            return limit
    return None


def part_free(folder: Path) -> float | None:
    """The part of the disk of this folder that is free, 0 to 1; None when that cannot be found out."""
    try:
        disk = shutil.disk_usage(folder)
    except OSError:
        return None
    return disk.free / disk.total if disk.total else None
