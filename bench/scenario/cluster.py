"""Scenario `cluster`: messages through processes of their own over real parts, next to the standalone.

All processes and parts share the core of the server, so the clock says little; the CPU of each message does. It is
that of Parley's own processes; what each part spends on a message stands beside it. The message nodes share one SQLite
file, as two on one machine may: no package registry has a MongoDB server whose cost would mean anything.

Twice the nodes have twice the users: what a node costs depends on how much it has to do at once.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bench import fleet, server
from bench.account import Account, open_accounts
from bench.circle import make_group
from bench.cluster import PARTS, Cluster, running
from bench.device import Device, text
from bench.figure import Figure, Target, Unit
from bench.history import Fault, check
from bench.line import lines
from bench.machine import Cores
from bench.meter import Measured, Span, percentiles
from bench.pairs import Pairs
from bench.progress import Progress
from bench.result import Result, Row
from bench.server import SHARED_NOTES, STANDALONE

OF_STANDALONE: Final = Target(2.0, 2.0, at_most=True)
SECOND_BRINGS: Final = Target(1.8, 1.8)

QUIET_LOOKS: Final = 10
"""So many looks without news, 0.1 s apart, and all that was said of the groups has arrived."""

NOTES: Final = (
    "CPU per message is of Parley's own processes, in microseconds; that of each part stands beside it.",
    (
        "What the second node of a kind brings is twice what the kind costs a message with one node over what it costs "
        "with two, at twice the users: how much more the nodes could do on cores of their own."
    ),
    "Message nodes share one SQLite file; devices connect to the gateways without the proxy.",
    "Pulsar drops messages on a core that is full; devices are told, and read the log as apps do.",
    *SHARED_NOTES[1:],
)


@dataclass(frozen=True, slots=True)
class Options:
    """How much load, and for how long. `users` is for one node of each kind; groups are of `members`."""

    users: int = 200
    window: int = 4
    members: int = 10
    group_window: int = 1
    copies: tuple[int, ...] = (1, 2)
    seconds: float = 8.0
    warm_up_s: float = 4.0
    text_characters: int = 200
    program: tuple[str, ...] = STANDALONE

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        if self.users % 2 or self.users % self.members or self.members < 2:  # noqa: PLR2004  a pair
            raise ValueError("users come in pairs and in whole groups")


@dataclass(frozen=True, slots=True)
class _Work:
    """One kind of work, measured: `cpu_s` is of each kind of node and each part."""

    name: str
    span: Span
    latencies: list[float]
    hearers: int
    cpu_s: dict[str, float]

    @property
    def messages(self) -> float:
        """Messages that were acknowledged, and that all who hear them have."""
        return max(1.0, min(self.span.counts[0], self.span.counts[1] / self.hearers))

    def us(self, cpu_s: float) -> float:
        """CPU for a message, microseconds."""
        return cpu_s / self.messages * 1e6


@dataclass(frozen=True, slots=True)
class _Pass:
    """One mesh: how many nodes of a kind, what was measured, and its devices, whose history is checked."""

    copies: int
    work: list[_Work] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.copies} + {self.copies} nodes" if self.copies else "standalone"


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    passes = [await _standalone(options, cores, progress)]
    passes += [await _cluster(options, copies, cores, progress) for copies in options.copies]
    rows = [_row(one, passes[0], passes[1], kind) for kind in range(len(passes[0].work)) for one in passes]
    faults: list[Fault] = [fault for one in passes for fault in check(fleet.histories(one.devices))]
    devices = [device for one in passes for device in one.devices]
    return Result(tuple(rows), fleet.total_acked(devices), tuple(faults), fleet.oddities(devices), NOTES)


async def _standalone(options: Options, cores: Cores, progress: Progress) -> _Pass:
    async with server.start(cores.server, options.program) as one:
        accounts = await open_accounts(one.address, options.users, progress)
        groups = await _groups(one.address, accounts, options, progress)
        async with fleet.connected(accounts, one.address, progress, Device) as devices:
            return await _measure(_Pass(0), options, devices, groups, one.child, None, progress)


async def _cluster(options: Options, copies: int, cores: Cores, progress: Progress) -> _Pass:
    with server.data_folder() as folder:
        async with running(cores.server, copies, folder) as cluster:
            accounts = await open_accounts(cluster.addresses("user")[0], options.users * copies, progress)
            groups = await _groups(cluster.addresses("group")[0], accounts, options, progress)
            async with _spread(accounts, cluster, progress) as devices:
                return await _measure(_Pass(copies), options, devices, groups, cluster, cluster, progress)


async def _groups(address: str, accounts: Sequence[Account], options: Options, progress: Progress) -> list[str]:
    """Make groups of so many users each, and return where each user writes."""
    size = options.members
    made = [
        await make_group(address, accounts[first : first + size], progress) for first in range(0, len(accounts), size)
    ]
    return [made[index // size] for index in range(len(accounts))]


@asynccontextmanager
async def _spread(accounts: Sequence[Account], cluster: Cluster, progress: Progress) -> AsyncIterator[list[Device]]:
    """Devices over all gateways, so that the two of a pair are at different ones."""
    gateways = cluster.addresses("gateway")
    count = len(gateways)
    async with AsyncExitStack() as stack:
        (log,) = await stack.enter_async_context(lines(cluster.addresses("message")[0], 1))
        make = partial(Device, log=log)
        groups = [
            await stack.enter_async_context(fleet.connected(accounts[index::count], address, progress, make))
            for index, address in enumerate(gateways)
        ]
        yield [groups[index % count][index // count] for index in range(len(accounts))]


async def _measure(
    found: _Pass,
    options: Options,
    devices: list[Device],
    groups: Sequence[str],
    child: Measured,
    cluster: Cluster | None,
    progress: Progress,
) -> _Pass:
    """Let the devices write in pairs, and then in their groups."""
    found.devices.extend(devices)
    pairs = Pairs(devices, child, text(options.text_characters), progress)
    async with pairs.listening():
        await _hear_of_groups(devices, progress)
        for name, window, hearers in (
            ("direct", options.window, 1),
            (f"groups of {options.members}", options.group_window, options.members - 1),
        ):
            if hearers > 1:
                pairs.write_to([[group] for group in groups], hearers)
            span, latencies = await pairs.saturate(window, options.seconds, options.warm_up_s)
            found.work.append(_Work(name, span, latencies, hearers, cluster.cpu_s() if cluster else {}))
    return found


async def _hear_of_groups(devices: Sequence[Device], progress: Progress) -> None:
    """Wait until what was said while the groups were made has arrived, and forget it: it is not what is measured."""
    quiet, taken = 0, -1
    while quiet < QUIET_LOOKS:
        await progress.during("groups", 0.1)
        now = sum(device.taken for device in devices)
        quiet, taken = (quiet + 1 if now == taken else 0), now
    for device in devices:
        device.forget()


def _row(one: _Pass, alone: _Pass, first: _Pass, kind: int) -> Row:
    work = one.work[kind]
    figures = [
        Figure("CPU us a message", work.us(work.span.cpu_s)),
        Figure("per s", work.span.rate()),
        *percentiles("ack", work.latencies),
        *work.span.usage(),
    ]
    if one.copies:
        figures += _mesh_figures(work, alone.work[kind], first.work[kind], one.copies / first.copies)
    return Row(f"{work.name}, {one.name}", tuple(figures), work.span.remark())


def _mesh_figures(work: _Work, alone: _Work, first: _Work, times: float) -> list[Figure]:
    of_alone = work.us(work.span.cpu_s) / alone.us(alone.span.cpu_s)
    figures = [Figure("of standalone", of_alone, Unit.RATIO, OF_STANDALONE)]
    for service in ("gateway", "message"):
        cost, before = work.us(work.cpu_s[service]), first.us(first.cpu_s[service])
        more = times > 1 and cost > 0
        brings = times * before / cost if more else None
        figures.append(Figure(f"{service} us", cost))
        figures.append(Figure(f"more {service} brings", brings, Unit.RATIO, SECOND_BRINGS if more else None))
    return [*figures, *(Figure(f"{name} us", work.us(work.cpu_s[name])) for name in PARTS)]
