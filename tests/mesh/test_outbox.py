import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mesh import errors
from mesh.clock import FakeClock
from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_outbox import SCHEMA, SqliteOutbox, owe
from mesh.outbox import MAX_AT_ONCE, RETRY_S, Outbox, Owed
from tests.mesh.echo import until


class Clock(FakeClock):
    """Time that stands still, and who waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await super().sleep(seconds)


class Neighbour:
    """The other service: takes debts, unless it is away."""

    def __init__(self) -> None:
        self.away = False
        self.takes = 10**6
        self.calls: list[int] = []
        self.taken: list[Owed] = []

    async def pay(self, debts: Sequence[Owed]) -> None:
        self.calls.append(len(debts))
        await asyncio.sleep(0)  # others have their turn, as with a real one
        if self.away or len(self.taken) >= self.takes:
            raise errors.unavailable("SERVICE_UNAVAILABLE", "away")
        self.taken.extend(debts)

    def payloads(self) -> list[bytes]:
        return [debt.payload for debt in self.taken]


class Debtor:
    """A service with a store, an outbox and a neighbour."""

    def __init__(self, database: Database, neighbour: Neighbour) -> None:
        self._database = database
        self.store = SqliteOutbox(database)
        self.neighbour = neighbour
        self.clock = Clock()
        self.outbox = Outbox(self.store, neighbour.pay, self.clock)

    async def owes(self, *payloads: bytes) -> None:
        await self._database.write(lambda connection: owe(connection, payloads))

    async def left(self) -> list[bytes]:
        return [debt.payload for debt in await self.store.owed(10**6)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.outbox.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def open_debtor(folder: Path, neighbour: Neighbour) -> AsyncIterator[Debtor]:
    async with Database(folder / "debts.db", (SCHEMA,)) as database:
        yield Debtor(database, neighbour)


@pytest.fixture
async def debtor(tmp_path: Path) -> AsyncIterator[Debtor]:
    async with open_debtor(tmp_path, Neighbour()) as opened:
        yield opened


async def test_a_settle_pays_in_order(debtor: Debtor) -> None:
    """After it nothing is owed, and each debt was paid once, the oldest first."""
    await debtor.owes(b"a")
    await debtor.owes(b"b", b"c")
    await debtor.outbox.settle()
    assert debtor.neighbour.payloads() == [b"a", b"b", b"c"]
    assert await debtor.left() == []


async def test_a_settle_with_no_debts_asks_nobody(debtor: Debtor) -> None:
    """A change that owes nothing costs no call."""
    await debtor.outbox.settle()
    assert debtor.neighbour.calls == []


async def test_many_debts_are_paid_in_parts(debtor: Debtor) -> None:
    """No call carries more than MAX_AT_ONCE, and one settle pays them all in order."""
    debts = [b"%d" % number for number in range(2 * MAX_AT_ONCE + 1)]
    await debtor.owes(*debts)
    await debtor.outbox.settle()
    assert debtor.neighbour.calls == [MAX_AT_ONCE, MAX_AT_ONCE, 1]
    assert debtor.neighbour.payloads() == debts


async def test_what_was_paid_before_a_failure_is_not_paid_again(debtor: Debtor) -> None:
    """A neighbour that goes between two parts leaves only the debts that it did not take."""
    debts = [b"%d" % number for number in range(MAX_AT_ONCE + 5)]
    await debtor.owes(*debts)
    debtor.neighbour.takes = MAX_AT_ONCE
    await debtor.outbox.settle()
    assert await debtor.left() == debts[MAX_AT_ONCE:]
    debtor.neighbour.takes = 10**6
    await debtor.outbox.settle()
    assert debtor.neighbour.payloads() == debts


async def test_a_neighbour_that_is_away_is_paid_when_it_is_back(debtor: Debtor) -> None:
    """A settle answers all the same and the debts stay; `run` tries again each second until they are paid."""
    debtor.neighbour.away = True
    async with debtor.running():
        await debtor.owes(b"a")
        await debtor.outbox.settle()
        await debtor.owes(b"b")
        for attempt in (1, 2, 3):
            await until(lambda: debtor.clock.waits == [RETRY_S] * attempt)  # noqa: B023  awaited in this turn
            assert await debtor.left() == [b"a", b"b"]
            debtor.neighbour.away = attempt < 3
            debtor.clock.advance(RETRY_S)
        await until(lambda: len(debtor.neighbour.taken) == 2)
    assert debtor.neighbour.payloads() == [b"a", b"b"]


async def test_a_failed_settle_wakes_the_payer(debtor: Debtor) -> None:
    """`run` has nothing to do until a settle fails, and pays then without waiting for another change."""
    async with debtor.running():
        await debtor.owes(b"a")
        await debtor.outbox.settle()
        debtor.neighbour.away = True
        await debtor.owes(b"b")
        await debtor.outbox.settle()
        debtor.neighbour.away = False
        await until(lambda: debtor.neighbour.payloads() == [b"a", b"b"])
    assert debtor.clock.waits == []


async def test_settles_at_once_pay_once(debtor: Debtor) -> None:
    """However many changes are answered together, each debt is paid once and in order."""
    await debtor.owes(*(b"%d" % number for number in range(10)))
    async with debtor.running():
        await asyncio.gather(*(debtor.outbox.settle() for _ in range(5)))
    assert debtor.neighbour.payloads() == [b"%d" % number for number in range(10)]
    assert debtor.neighbour.calls == [10]


async def test_what_an_earlier_process_left_is_paid_at_the_start(tmp_path: Path) -> None:
    """Nobody needs to change anything first."""
    neighbour = Neighbour()
    async with open_debtor(tmp_path, neighbour) as earlier:
        await earlier.owes(b"a", b"b")
    async with open_debtor(tmp_path, neighbour) as later, later.running():
        await until(lambda: neighbour.payloads() == [b"a", b"b"])
        await later.owes(b"c")
        await later.outbox.settle()
    assert neighbour.payloads() == [b"a", b"b", b"c"]
