"""Scenario `cluster`: direct messages through processes of their own over real parts, next to the standalone.

All processes and parts share the core of the server, so the clock says little; the CPU of each message does. It is
that of Parley's own processes; what each part spends on a message stands beside it. The message nodes share one SQLite
file, as two on one machine may: no package registry has a MongoDB server whose cost would mean anything.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bench import fleet, server
from bench.account import Account, open_accounts
from bench.cluster import Cluster, running
from bench.device import Device, text
from bench.figure import Figure, Target, Unit
from bench.history import Fault, check
from bench.machine import Cores
from bench.meter import Span
from bench.pairs import Pairs
from bench.progress import Progress
from bench.result import Result, Row
from bench.scenario.direct import acks
from bench.server import SHARED_NOTES, STANDALONE

OF_STANDALONE: Final = Target(2.0, 2.0, at_most=True)
SECOND_BRINGS: Final = Target(1.8, 1.8)

NOTES: Final = (
    "CPU per message is of Parley's own processes, in microseconds; that of each part stands beside it.",
    (
        "What the second gateway and message node bring is twice the cost with one of each over the cost with two: how "
        "much more the nodes could do on cores of their own."
    ),
    "Message nodes share one SQLite file; devices connect to the gateways without the proxy.",
    *SHARED_NOTES[1:],
)


@dataclass(frozen=True, slots=True)
class Options:
    """How much load, and for how long. `users` is even."""

    users: int = 200
    window: int = 4
    copies: tuple[int, ...] = (1,)
    seconds: float = 8.0
    warm_up_s: float = 4.0
    text_characters: int = 200
    program: tuple[str, ...] = STANDALONE


@dataclass(frozen=True, slots=True)
class _Pass:
    """One measurement, and what the history of its devices says."""

    span: Span
    latencies: list[float]
    parts: dict[str, float]
    devices: Sequence[Device]

    @property
    def cost_us(self) -> float:
        """CPU of the mesh for a message, microseconds."""
        return self.span.cpu_s / max(1, min(self.span.counts[:2])) * 1e6


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    alone = await _standalone(options, cores, progress)
    meshes = [await _cluster(options, copies, cores, progress) for copies in options.copies]
    rows = [Row("standalone", _figures(alone), alone.span.remark())]
    for copies, one in zip(options.copies, meshes, strict=True):
        rows.append(Row(f"{copies} + {copies} nodes", _mesh_figures(one, alone, meshes[0], copies), one.span.remark()))
    passes = (alone, *meshes)
    faults: list[Fault] = [fault for one in passes for fault in check(fleet.histories(one.devices))]
    devices = [device for one in passes for device in one.devices]
    return Result(tuple(rows), fleet.total_acked(devices), tuple(faults), fleet.oddities(devices), NOTES)


async def _standalone(options: Options, cores: Cores, progress: Progress) -> _Pass:
    async with server.start(cores.server, options.program) as one:
        accounts = await open_accounts(one.address, options.users, progress)
        async with fleet.connected(accounts, one.address, progress, Device) as devices:
            pairs = Pairs(devices, one.child, text(options.text_characters), progress)
            async with pairs.listening():
                span, latencies = await pairs.saturate(options.window, options.seconds, options.warm_up_s)
    return _Pass(span, latencies, {}, devices)


async def _cluster(options: Options, copies: int, cores: Cores, progress: Progress) -> _Pass:
    with server.data_folder() as folder:
        async with running(cores.server, copies, folder) as cluster:
            accounts = await open_accounts(cluster.users, options.users, progress)
            async with _spread(accounts, cluster, progress) as devices:
                pairs = Pairs(devices, cluster, text(options.text_characters), progress)
                async with pairs.listening():
                    span, latencies = await pairs.saturate(options.window, options.seconds, options.warm_up_s)
                    parts = cluster.parts_cpu_s()
    return _Pass(span, latencies, parts, devices)


@asynccontextmanager
async def _spread(accounts: Sequence[Account], cluster: Cluster, progress: Progress) -> AsyncIterator[list[Device]]:
    """Devices over all gateways, so that the two of a pair are at different ones."""
    count = len(cluster.gateways)
    async with AsyncExitStack() as stack:
        groups = [
            await stack.enter_async_context(fleet.connected(accounts[index::count], address, progress, Device))
            for index, address in enumerate(cluster.gateways)
        ]
        yield [groups[index % count][index // count] for index in range(len(accounts))]


def _figures(one: _Pass) -> tuple[Figure, ...]:
    return (
        Figure("CPU us a message", one.cost_us),
        Figure("per s", one.span.rate()),
        *acks(one.latencies),
        *one.span.usage(),
    )


def _mesh_figures(one: _Pass, alone: _Pass, first: _Pass, copies: int) -> tuple[Figure, ...]:
    done = max(1, min(one.span.counts[:2]))
    brings = copies * first.cost_us / one.cost_us if copies > 1 else None
    return (
        *_figures(one),
        Figure("of standalone", one.cost_us / alone.cost_us, Unit.RATIO, OF_STANDALONE),
        Figure("second brings", brings, Unit.RATIO, SECOND_BRINGS if copies > 1 else None),
        *(Figure(f"{name} us", seconds / done * 1e6) for name, seconds in one.parts.items()),
    )
