"""What happens at the store between two commands of one call."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from mesh.infrastructure.mongo import Database
from svc_message.domain.conversation import Seq
from svc_message.domain.entry import MembershipDelta
from svc_message.domain.ports import Mark, Standing
from svc_message.infrastructure.mongo import SCHEMA, MongoLog, MongoMembers
from svc_message.infrastructure.mongo.documents import document_of
from tests.conformance.log_nodes import ANN, BOB, CHAT, EVE, TEAM, joining, row
from tests.mongo.proxy import Proxy
from tests.mongo.server import fresh_url

pytestmark = pytest.mark.real

MOST = 12
"""More commands than a call has."""


@dataclass
class Race:
    """A slow process, which can be stopped at any of its commands, and a fast one."""

    proxy: Proxy
    slow: MongoMembers
    fast: MongoMembers
    log: MongoLog


@pytest.fixture
async def race() -> AsyncIterator[Race]:
    async with (
        fresh_url() as url,
        Proxy() as proxy,
        Database(url, SCHEMA) as fast,
        Database(proxy.over(url), SCHEMA) as slow,
    ):
        yield Race(proxy, MongoMembers(slow), MongoMembers(fast), MongoLog(fast))


@pytest.mark.parametrize("commands", range(2))
async def test_marks_of_two_nodes_only_rise(race: Race, commands: int) -> None:
    """A mark that is written late does not lower what another node has raised since it was judged."""
    await race.log.append([row(CHAT, seq) for seq in range(1, 10)])
    race.proxy.hold(commands)
    slow = asyncio.create_task(race.slow.advance([Mark(CHAT, BOB, read_seq=Seq(7))]))
    await race.proxy.held.wait()
    await race.fast.advance([Mark(CHAT, BOB, read_seq=Seq(9))])
    race.proxy.release.set()
    await slow
    place = await race.fast.one(CHAT, BOB)
    assert place is not None
    assert (place.read_seq, place.received_seq) == (9, 9)


async def test_standings_never_show_more_than_may_be_seen(race: Race) -> None:
    """Wherever a removal comes between the reads, whoever is told of entries behind it is told of the removal."""
    seen, stopped = set[int](), True
    for commands in range(MOST):
        head = 3 * commands
        await race.log.append(
            [row(TEAM, head + 1, members=joining(head + 1, ANN, EVE)), row(CHAT, commands + 1, sender=BOB)]
        )
        race.proxy.hold(commands)
        slow = asyncio.create_task(race.slow.standings(EVE))
        stopped = await _held_or_done(race.proxy, slow)
        removal = row(TEAM, head + 2, members=MembershipDelta(removed=(EVE,)))
        await race.log.insert([document_of(removal), document_of(row(TEAM, head + 3))])
        race.proxy.release.set()
        [standing] = await slow
        assert standing.head_seq <= head + 1 or standing.left_seq == head + 2
        seen.add(standing.head_seq - head)
        if not stopped:
            break
        race.proxy.held.clear()
        race.proxy.release.clear()
    assert not stopped, "the call has more commands than this test stops at"
    assert seen == {1, 3}, "the removal came before and after the heads were read"


async def _held_or_done(proxy: Proxy, call: "asyncio.Task[list[Standing]]") -> bool:
    """Whether the proxy holds a command of the call, rather than that it has ended."""
    held = asyncio.create_task(proxy.held.wait())
    done, _ = await asyncio.wait({held, call}, return_when=asyncio.FIRST_COMPLETED)
    held.cancel()
    return held in done
