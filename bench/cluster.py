"""The mesh as processes of its own over the real parts, all on the core of the server."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.child import ChildError, Usage, cpu_seconds, family, rss_bytes
from bench.server import SETTINGS
from real import nodes, part, process

PARTS: Final = tuple(one.name for one in part.ALL)
OTHERS: Final = ("user-1", "group-1")
"""What direct messages need besides gateways and message nodes, once."""


@dataclass
class Cluster:
    """What runs. `usage` is of the mesh's own processes; what each process and each part used is kept beside it."""

    mesh: Sequence[str]
    readings: list[Mapping[str, float]] = field(default_factory=list)

    def addresses(self, service: str) -> list[str]:
        """Where the nodes of a service listen."""
        found = [nodes.parse(name) for name in self.mesh]
        return [f"127.0.0.1:{node.port}" for node in found if node is not None and node.service == service]

    def usage(self) -> Usage:
        """Return what the processes of the mesh have used. Raises ChildError when one has ended."""
        pids = {name: list(_pids(name)) for name in (*PARTS, *self.mesh)}
        self.readings.append({name: sum(map(cpu_seconds, of)) for name, of in pids.items()})
        memory = sum(rss_bytes(pid) for name in self.mesh for pid in pids[name])
        return Usage(sum(self.readings[-1][name] for name in self.mesh), memory)

    def cpu_s(self) -> dict[str, float]:
        """Return what all nodes of each service, and each part, used between the last two readings, in seconds."""
        before, after = self.readings[-2:]
        used: dict[str, float] = defaultdict(float)
        for name in (*self.mesh, *PARTS):
            used[name.partition("-")[0]] += after[name] - before[name]
        return dict(used)


@asynccontextmanager
async def running(core: int, copies: int, folder: Path) -> AsyncIterator[Cluster]:
    """Start the parts and so many gateways and message nodes, which share one file as their store."""
    mesh = [*OTHERS, *(f"{service}-{n}" for service in ("message", "gateway") for n in range(1, copies + 1))]
    environment = {
        **{name: value for name, value in SETTINGS.items() if name != "PARLEY_ADDRESS"},
        "PARLEY_MESSAGE_STORE_URL": f"sqlite:{folder / 'message.db'}",
    }
    if already := [name for name in (*PARTS, *mesh) if process.find(name) is not None]:
        raise ChildError(f"a mesh runs already ({', '.join(already)}): make real-stop")
    try:
        await _real(environment, "start", *PARTS, *mesh)
        _pin(core, (*PARTS, *mesh))
        yield Cluster(mesh)
    finally:
        await _real(environment, "stop")


async def _real(environment: Mapping[str, str], *command: str) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the project's own command
            [sys.executable, "-m", "real", *command],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    done = await asyncio.to_thread(run)
    if done.returncode:
        raise ChildError(f"python -m real {' '.join(command)}\n{done.stdout}{done.stderr}")


def _pin(core: int, names: Sequence[str]) -> None:
    for pid in (pid for name in names for pid in _pids(name)):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), {core})


def _pids(name: str) -> Iterator[int]:
    found = process.find(name)
    if found is None:
        raise ChildError(f"{name} does not run: see its log")
    return family(found.pid)
