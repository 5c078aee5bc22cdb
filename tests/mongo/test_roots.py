"""Positions and roots as two processes use them: what is on its way, what was left there, and who comes too late."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from mesh.clock import FakeClock
from mesh.infrastructure.mongo import Database, Document, Schema
from mesh.infrastructure.mongo_outbox import MongoOutbox, create_outbox
from mesh.infrastructure.mongo_positions import FORSAKEN_MS, Positions
from mesh.infrastructure.mongo_roots import KeyTaken, Put, Roots, Write, _packed, create_roots
from mesh.outbox import Owed
from svc_group.domain import changes
from svc_group.domain.group import Group, GroupId, Role, Settings, UserId
from svc_group.domain.member import Ending, Member
from svc_group.infrastructure import entries
from svc_group.infrastructure.mongo import documents
from tests.mongo.server import fresh_url

pytestmark = pytest.mark.real


async def create(database: AsyncDatabase[Document]) -> None:
    """Roots of which one field is unique."""
    await create_outbox(database)
    await create_roots(database, "root")
    await database["root"].create_index("name", unique=True, sparse=True)


@dataclass(frozen=True)
class Node:
    """A process."""

    database: Database
    roots: Roots
    positions: Positions
    outbox: MongoOutbox
    clock: FakeClock

    async def leaves(self) -> list[Document]:
        """Documents that follow from roots."""
        return await self.database.collection("leaf").find().sort("_id").to_list()


@asynccontextmanager
async def node(url: str) -> AsyncIterator[Node]:
    """A process over a database."""
    clock = FakeClock()
    async with Database(url, Schema("test", (create,))) as database:
        outbox = MongoOutbox(database)
        roots = Roots(database, "root", outbox)
        yield Node(database, roots, Positions(database, "list", clock, roots.interrupt), outbox, clock)


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Node, Node]]:
    """Two processes over one empty database."""
    async with fresh_url() as url, node(url) as one, node(url) as two:
        yield one, two


async def test_a_reader_stays_behind_what_is_on_its_way(nodes: tuple[Node, Node]) -> None:
    """A position counts when everything before it is kept, not when it is taken; then all of it counts at once."""
    one, two = nodes
    first = await one.positions.take("l", "a", 0)
    second = await two.positions.take("l", "b", 0)
    assert (first.value, second.value) == (1, 2)
    await two.positions.done(second)
    assert await two.positions.settled("l", 0) == 0
    await one.positions.done(first)
    assert await two.positions.settled("l", 0) == 2


async def test_a_reader_is_never_sent_back(nodes: tuple[Node, Node]) -> None:
    """What counted once counts on while later changes are on their way; what was never taken does not."""
    one, two = nodes
    await one.positions.done(await one.positions.take("l", "a", 0))
    await one.positions.take("l", "a", 0)
    assert await two.positions.settled("l", 1) == 1
    assert await two.positions.settled("l", 99) == 2


async def test_a_forsaken_change_does_not_hold_readers_back_for_ever(nodes: tuple[Node, Node]) -> None:
    """After a time a position that nobody finished is given up; a change that lives after all begins again."""
    one, two = nodes
    root = await one.roots.load("a")
    await one.positions.take("l", "a", 0)
    two.clock.advance(FORSAKEN_MS / 1_000 - 1)
    await two.positions.settled("l", 0)
    assert await two.positions.settled("l", 0) == 0
    two.clock.advance(2)
    await two.positions.settled("l", 0)
    assert await two.positions.settled("l", 0) == 1
    assert not await one.roots.commit(root, Write({"x": 1}))
    assert await one.roots.commit(await one.roots.load("a"), Write({"x": 1}))


async def test_positions_near_the_time_rise(nodes: tuple[Node, Node]) -> None:
    """They follow the clock, and rise where it stands still."""
    one, two = nodes
    now = one.clock.now_ms()
    values = [(await each.positions.take_near_time("l", "a", 0)).value for each in (one, two, one, two)]
    assert values == sorted(set(values))
    assert all(now <= value < now + 10 for value in values)


async def test_whoever_is_late_takes_nothing_back(nodes: tuple[Node, Node]) -> None:
    """A process that carries out an old change once more, long after a newer one, changes nothing and owes again what
    is paid: paying that twice does nothing.
    """
    one, two = nodes
    old = await one.roots.record(await one.roots.load("a"), Write({}, [Put("leaf", "x", {"v": 1})], [b"old"]))
    assert old is not None
    for number in (2, 3):
        root = await two.roots.load("a")
        assert await two.roots.commit(root, Write({}, [Put("leaf", "x", {"v": number})], [b"new"]))
    debts = await two.outbox.owed(9)
    assert [debt.payload for debt in debts] == [b"old", b"new", b"new"]
    await two.outbox.paid([debt.id for debt in debts])
    await one.roots._carry_out(old)
    assert [(leaf["v"], leaf["rev"]) for leaf in await two.leaves()] == [(3, 3)]
    assert await two.outbox.owed(9) == debts[:1]


async def test_an_older_document_gives_way(nodes: tuple[Node, Node]) -> None:
    """A put takes the place of an older document, leaves a newer one, and makes the one that is not there."""
    one, two = nodes
    await one.roots._put("leaf", [Put("leaf", "x", {"v": 2}), Put("leaf", "z", {"v": 9})], 2)
    await two.roots._put("leaf", [Put("leaf", key, {"v": 5}) for key in "xy"], 5)
    await one.roots._put("leaf", [Put("leaf", key, {"v": 3}) for key in "xyz"], 3)
    assert [leaf["v"] for leaf in await one.leaves()] == [5, 5, 3]


class Outrun(Roots):
    """Puts of which another process is faster to make the document, from something older."""

    async def _upsert(self, name: str, puts: Sequence[Put], rev: int, *, insert: bool) -> list[int]:
        if not insert:
            return await super()._upsert(name, puts, rev, insert=insert)
        await self._database.collection(name).insert_one({"_id": puts[0].key, "v": 1, "rev": 1})
        return [0]


async def test_who_loses_the_making_of_a_document_to_an_older_one_puts_it_again(nodes: tuple[Node, Node]) -> None:
    """A server tells the slower of two who make one document that it is there, and not what it holds."""
    outrun = Outrun(nodes[0].database, "root", nodes[0].outbox)
    await outrun._put("leaf", [Put("leaf", "x", {"v": 2})], 2)
    assert [leaf["v"] for leaf in await nodes[1].leaves()] == [2]


async def test_what_is_pending_is_carried_out_before_the_next_change(nodes: tuple[Node, Node]) -> None:
    """A change is refused over a root with something pending, so that nothing pending is lost."""
    one, two = nodes
    pending = await one.roots.record(await one.roots.load("a"), Write({}, [Put("leaf", "x", {"v": 1})]))
    assert pending is not None
    assert await two.roots.record({"_id": "a", "rev": 1}, Write({}, [Put("leaf", "x", {"v": 2})])) is None
    await two.roots.load("a")
    assert [leaf["v"] for leaf in await two.leaves()] == [1]
    assert await two.roots.commit({"_id": "a", "rev": 1}, Write({}, [Put("leaf", "x", {"v": 2})]))


async def test_a_taken_key_is_told_from_a_lost_race(nodes: tuple[Node, Node]) -> None:
    """Both when the root is made and when it changes; nothing is kept or owed."""
    one, two = nodes
    new = await one.roots.load("b")
    assert await one.roots.commit(await one.roots.load("a"), Write({"name": "n"}))
    with pytest.raises(KeyTaken):
        await two.roots.commit(new, Write({"name": "n"}, owes=[b"x"]))
    assert await two.roots.commit(new, Write({}))
    assert not await one.roots.commit(new, Write({}))
    with pytest.raises(KeyTaken):
        await one.roots.commit(await one.roots.load("b"), Write({"name": "n"}, owes=[b"x"]))
    assert await one.outbox.owed(9) == []


async def test_what_follows_may_be_many_documents(nodes: tuple[Node, Node]) -> None:
    """More than one call puts, all of them in the end, and debts in their order."""
    one, two = nodes
    puts = [Put("leaf", f"{n:05}", {"n": n}) for n in range(1_200)]
    owes = [b"%05d" % n for n in range(1_200)]
    assert await one.roots.commit(await one.roots.load("a"), Write({}, puts, owes))
    assert [leaf["n"] for leaf in await two.leaves()] == list(range(1_200))
    assert [debt.payload for debt in await two.outbox.owed(2_000)] == owes


def test_the_end_of_the_largest_group_fits_into_its_root() -> None:
    """Ten thousand members with the longest names there can be, and as many notices, are less than half of the 16 MB
    that a document may have.
    """
    chance = random.Random(1)

    def name() -> str:
        return "".join(chr(chance.randrange(0x1F300, 0x1F9FF)) for _ in range(64))

    group = Group(GroupId("g" * 16), Settings(name()), UserId("u" * 16), 0, 1)
    members = [
        Member(group.id, UserId(f"u{n:015}"), Role.MEMBER, n, name(), name(), name(), ended=Ending.DISSOLVED)
        for n in range(10_000)
    ]
    owes = map(
        entries.encode, changes.removed(group, group.owner_id, Ending.DISSOLVED, [one.user_id for one in members])
    )
    debts = [Owed(number, payload) for number, payload in enumerate(owes, 1)]
    assert len(_packed([documents.member_put(member, 1) for member in members], debts)) < 8 * 2**20


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver drops half open sockets
async def test_whoever_is_cancelled_ends(nodes: tuple[Node, Node]) -> None:
    """A task that reads and then waits ends when it is cancelled, at whatever moment of the read that is."""

    async def read_and_wait() -> None:
        await nodes[0].roots.load("a")
        await asyncio.Event().wait()

    for moment in range(200):
        task = asyncio.create_task(read_and_wait())
        for _ in range(moment % 20):
            await asyncio.sleep(0)
        await asyncio.sleep(moment * 0.000_02)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done == {task}
        assert task.cancelled()
    gc.collect()
