"""A process under measurement: started on one core, read through /proc, ended by its own id."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
POLL_S: Final = 0.02
START_S: Final = 30.0
"""How long a process may take until it says that it is ready."""

STOP_S: Final = 40.0
"""How long it may take to end after SIGTERM: more than a server takes to drain."""


class ChildError(Exception):
    """A process did not start, or did not last; with the end of what it wrote."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used so far: CPU time of all threads, and memory now."""

    cpu_s: float
    rss_bytes: int


class Child:
    """A Python program on one core. Its output goes to `log`."""

    def __init__(self, arguments: Sequence[str], core: int, environment: Mapping[str, str], log: Path) -> None:
        self._arguments = arguments
        self._core = core
        self._environment = environment
        self._log = log
        self._stack = AsyncExitStack()
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        """Start it; it sets its core itself, before it has a second thread. Ctrl-C is for us alone: we stop it."""
        output = self._stack.enter_context(self._log.open("wb"))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.pinned", str(self._core), *self._arguments,
            env=dict(self._environment), stdin=DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()
        await self._stack.aclose()

    @property
    def running(self) -> Process:
        """The process. Raises ChildError when it was not started or has ended."""
        if self._process is None or self._process.returncode is not None:
            raise ChildError(f"{' '.join(self._arguments)} does not run\n{self._tail()}")
        return self._process

    async def said(self, before: str, after: str) -> str:
        """Wait until the output has a word between `before` and `after`, and return it. Raises ChildError."""
        waited = 0.0
        while self.running.returncode is None and waited < START_S:
            _, found, rest = self.output().partition(before)
            if found and after in rest:
                return rest.partition(after)[0]
            await asyncio.sleep(POLL_S)
            waited += POLL_S
        raise ChildError(f"{' '.join(self._arguments)} was not ready in {START_S:.0f} s\n{self._tail()}")

    def usage(self) -> Usage:
        """Return what it and its children have used. Raises ChildError when it has ended."""
        pids = list(family(self.running.pid))
        return Usage(sum(map(cpu_seconds, pids)), sum(map(rss_bytes, pids)))

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _tail(self) -> str:
        return "\n".join(self.output().splitlines()[-20:])

    def output(self) -> str:
        """Return what it wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of all threads of a process, ended ones included; 10 ms is the finest step."""
    # The name of the program is in parentheses and may hold spaces; utime and stime are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> Iterator[int]:
    """Return a process and all that it has started."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text(encoding="utf-8").split():
            yield from family(int(child))
