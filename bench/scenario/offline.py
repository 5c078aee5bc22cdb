"""Scenario `offline`: a device returns to thousands of messages that it missed.

Many users wrote to one who was not there. The device connects, is told which conversations are behind, and pages
them with Sync until nothing remains. How fast the entries come is the result; each is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench import fleet, server
from bench.account import Account, open_accounts
from bench.baseline import pages
from bench.device import Device, text
from bench.figure import Figure, Target, Unit, of_raw
from bench.history import Fault, Witness, check
from bench.machine import Cores
from bench.places import conversation_of
from bench.progress import Progress
from bench.result import Result, Row
from bench.returning import Returned, come_back
from bench.server import SHARED_NOTES, STANDALONE, Server

PER_S: Final = Target(20_000, 50_000)

NOTES: Final = (
    "From the connect until the last entry, paged with ConversationService.Sync, the next call after each answer.",
    "Raw: a bare server streams as many records of the size of an entry, in messages of the size of a page.",
    "Of several rounds the median is shown.",
    *SHARED_NOTES,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How many wrote how much, and how often the device comes back to all of it."""

    senders: int = 200
    messages: int = 100
    rounds: int = 5
    text_characters: int = 200
    program: tuple[str, ...] = STANDALONE


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError, ConnectionError and AioRpcError when it cannot be run to its end."""
    async with server.start(cores.server, options.program) as running:
        reader, *writers = await open_accounts(running.address, options.senders + 1, progress)
        devices = await _write(options, running, reader, writers, progress)
        returns = []
        for index in range(options.rounds):
            progress.show("returning", f"{index + 1}/{options.rounds}")
            returns.append(await come_back(reader, running))
    faults = [fault for returned in returns for fault in _check(devices, reader, returned)]
    raw = await _raw(options, returns[-1], cores, progress)
    checked = sum(returned.entries for returned in returns)
    rows = (_raw_row(raw), _row(returns, raw))
    return Result(rows, checked, tuple(faults), fleet.oddities(devices), NOTES, running.filesystem)


async def _write(
    options: Options, running: Server, reader: Account, writers: Sequence[Account], progress: Progress
) -> list[Device]:
    content = text(options.text_characters)
    async with fleet.connected(writers, running.address, progress, Device) as devices, fleet.listening(devices):
        for device in devices:
            for _ in range(options.messages):
                device.send(conversation_of(reader.user_id, device.account.user_id), content)
            device.poke()
        await fleet.settle("messages to one who is away", lambda: fleet.all_answered(devices), progress)
        return devices


def _check(devices: Sequence[Device], reader: Account, returned: Returned) -> list[Fault]:
    """Hold what came against what was acknowledged to those who wrote it."""
    histories = fleet.histories(devices)
    for conversation_id, members in histories.items():
        members[reader.user_id] = returned.witnesses.get(conversation_id, Witness())
    return check(histories)


async def _raw(options: Options, returned: Returned, cores: Cores, progress: Progress) -> float:
    to_a_page = max(1, returned.entries // returned.pages)
    size = returned.payload_bytes // returned.entries
    return median(await pages.records_per_s(cores.server, returned.entries, to_a_page, size, options.rounds, progress))


def _raw_row(raw: float) -> Row:
    return Row("raw pages", (Figure("entries/s", raw), Figure("of raw", 1.0, Unit.RATIO)))


def _row(returns: Sequence[Returned], raw: float) -> Row:
    rate = median([returned.entries / returned.seconds for returned in returns])
    last = returns[-1]
    figures = (
        Figure("entries/s", rate, target=PER_S),
        of_raw(rate, raw),
        Figure("entries per server CPU s", median([one.entries / max(one.cpu_s, 0.01) for one in returns])),
        Figure("entries", float(last.entries)),
        Figure("pages", float(last.pages)),
        Figure("s", median([returned.seconds for returned in returns]), Unit.SECONDS),
    )
    return Row("returning device", figures)
