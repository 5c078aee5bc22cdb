"""Has a message become dearer? An answer in two minutes, on a machine that others use too.

Short passes of the mesh and of its raw baseline take turns on the same cores. Noise only ever adds to what a message
costs, so the best pass of each is taken, and their ratio is held against the committed one.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import fleet, machine, server
from bench.account import Account, open_accounts
from bench.baseline.echo import echo
from bench.baseline.fanout import fanout
from bench.circle import Circle, make_group
from bench.device import Device, text
from bench.history import Fault, check
from bench.machine import Cores
from bench.member import Member
from bench.meter import Span
from bench.pairs import Pairs
from bench.progress import Progress
from bench.scenario.direct import raw_frame_bytes
from bench.server import Server

REFERENCE: Final = Path(__file__).parent / "smoke.json"
MAY_GROW: Final = 1 / 3
"""A ratio may grow by this before it is a failure: less than that a shared machine cannot tell."""

USERS: Final = 200
SENDERS: Final = 20
WINDOW: Final = 4
CHARACTERS: Final = 200
TURNS: Final = 5
SECONDS: Final = 4.0
RAW_SECONDS: Final = 2.5
WARM_UP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """Cost of a message by scenario, as a multiple of a raw one, and what was wrong with the history."""

    ratios: Mapping[str, float]
    faults: Sequence[Fault] = ()

    def better_of(self, again: "Found") -> "Found":
        """Return the lower ratios of two measurements, and the faults of both."""
        ratios = {name: min(ratio, again.ratios[name]) for name, ratio in self.ratios.items()}
        return Found(ratios, (*self.faults, *again.faults))


@dataclass(frozen=True, slots=True)
class Reference:
    """The ratios of a time that was found good."""

    ratios: Mapping[str, float]
    commit: str = ""
    taken: str = ""


async def measure(cores: Cores, progress: Progress) -> Found:
    """Measure both scenarios. Raises ChildError and ConnectionError when that cannot be done."""
    async with server.start(cores.server) as running:
        accounts = await open_accounts(running.address, USERS, progress)
        direct, direct_faults = await _direct(running, accounts, cores, progress)
        group, group_faults = await _group(running, accounts, cores, progress)
    return Found({"direct": direct, "group": group}, (*direct_faults, *group_faults))


async def _direct(
    running: Server, accounts: Sequence[Account], cores: Cores, progress: Progress
) -> tuple[float, list[Fault]]:
    frame = os.urandom(raw_frame_bytes(CHARACTERS))
    ours, raws = [], []
    async with (
        echo(cores.server, USERS, frame, progress) as raw,
        fleet.connected(accounts, running.address, progress, Device) as devices,
    ):
        pairs = Pairs(devices, running.child, text(CHARACTERS), progress)
        async with pairs.listening():
            for _ in range(TURNS):
                raws.append(_cost(await raw.measure(RAW_SECONDS, WARM_UP_S)))
                ours.append(_cost((await pairs.saturate(WINDOW, SECONDS, WARM_UP_S))[0]))
    return min(ours) / min(raws), check(fleet.histories(devices))


async def _group(
    running: Server, accounts: Sequence[Account], cores: Cores, progress: Progress
) -> tuple[float, list[Fault]]:
    frame = os.urandom(raw_frame_bytes(CHARACTERS))
    group_id = await make_group(running.address, accounts, progress)
    ours, raws = [], []
    async with (
        fanout(cores.server, USERS, frame, progress) as raw,
        fleet.connected(accounts, running.address, progress, Member) as members,
    ):
        circle = Circle(members, group_id, running.child, text(CHARACTERS), progress)
        async with circle.listening():
            for _ in range(TURNS):
                raws.append(_cost(await raw.measure(SENDERS, WINDOW, RAW_SECONDS, WARM_UP_S)))
                ours.append(_cost(await circle.saturate(SENDERS, WINDOW, SECONDS, WARM_UP_S)))
    return min(ours) / min(raws), circle.check()


def _cost(span: Span) -> float:
    """Return the server's CPU seconds for each thing that was done. Raises ConnectionError when nothing was."""
    if not span.counts[0] or not span.cpu_s:
        raise ConnectionError("nothing was done in a whole pass")
    return span.cpu_s / span.counts[0]


def looks_dearer(found: Found, reference: Reference | None) -> bool:
    """Return whether only a ratio stands against it: a busy minute of a shared machine can do that, rarely twice."""
    return not found.faults and not compare(found, reference)[1]


def compare(found: Found, reference: Reference | None) -> tuple[list[str], bool]:
    """Say how what was found stands to the reference, and whether it is good."""
    lines, good = [], True
    for name, ratio in found.ratios.items():
        before = reference.ratios.get(name) if reference else None
        worse = before is None or ratio > before * (1 + MAY_GROW)
        good = good and not worse
        lines.append(_line(name, ratio, before, worse=worse))
    lines += [f"FAILED: {fault.kind}: {fault.conversation_id}: {fault.detail}" for fault in found.faults[:10]]
    return lines, good and not found.faults


def _line(name: str, ratio: float, before: float | None, *, worse: bool) -> str:
    said = f"{name}: a message costs {ratio:.3f} of a raw one"
    if before is None:
        return f"FAILED: {said}; there is no reference: take this with --accept"
    grown = f"{said}, {ratio / before - 1:+.0%} to the reference {before:.3f}"
    return f"FAILED: {grown}: more than {MAY_GROW:.0%}" if worse else grown


def reference(path: Path = REFERENCE) -> Reference | None:
    """Return the committed reference, if there is one."""
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Reference(stored["ratios"], stored["commit"], stored["taken"])


def accept(found: Found, path: Path = REFERENCE) -> None:
    """Take what was found as the reference. Raises ConnectionError when its history is not a good one."""
    if found.faults:
        raise ConnectionError("a run with faults is no reference")
    stored = {
        "taken": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": machine.commit(),
        "ratios": {name: round(ratio, 4) for name, ratio in found.ratios.items()},
    }
    path.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
