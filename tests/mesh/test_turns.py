"""Turns: who asks for a lot keeps nobody waiting for all of it."""

import asyncio

import pytest

from mesh.errors import MeshError, Reason
from mesh.turns import Turns


class Work:
    """Pieces of work that last until they are told to end, in the order in which they began."""

    def __init__(self, turns: Turns) -> None:
        self.begun: list[str] = []
        self._turns = turns
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def ask(self, owner: str, *names: str) -> None:
        """Ask for a turn for each of these."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._do(owner, name)))
        await self._settle()

    async def _do(self, owner: str, name: str) -> None:
        async with self._turns.of(owner):
            self.begun.append(name)
            await self._ends[name].wait()

    async def end(self, *names: str) -> None:
        """Let these end."""
        for name in names:
            self._ends[name].set()
        await self._settle()

    async def give_up(self) -> None:
        """Cancel all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_between_two_pieces_of_one_everybody_else_has_a_turn() -> None:
    """The one who asked for ten things first is served once, and then whoever asked for one."""
    work = Work(Turns(at_once=1, of_one=1))
    await work.ask("eve", *(f"eve {number}" for number in range(10)))
    await work.ask("ann", "ann")
    await work.ask("bob", "bob")
    await work.end("eve 0")
    await work.end("ann")
    await work.end("bob")
    await work.end("eve 1")
    assert work.begun == ["eve 0", "ann", "bob", "eve 1", "eve 2"]
    await work.give_up()


async def test_one_owner_has_no_more_than_their_part() -> None:
    """What is left of the room is for others, even if nobody is there; all of it together is bounded, and who has ended
    one piece has no more than before.
    """
    work = Work(Turns(at_once=3, of_one=2))
    await work.ask("eve", "eve 0", "eve 1", "eve 2")
    assert work.begun == ["eve 0", "eve 1"]
    await work.ask("ann", "ann")
    await work.ask("bob", "bob")
    assert work.begun == ["eve 0", "eve 1", "ann"]
    await work.end("ann")
    assert work.begun[3:] == ["bob"]
    await work.end("bob", "eve 0")
    await work.ask("eve", "eve 3")
    assert work.begun[4:] == ["eve 2"]
    await work.give_up()


async def test_one_owner_asks_for_no_more_than_so_much() -> None:
    """Who has very many waiting is refused one more until one of them has ended, and nobody else is."""
    turns = Turns(of_one=1, asking=2, of="files")
    work = Work(turns)
    await work.ask("eve", "eve 0", "eve 1")
    with pytest.raises(MeshError) as refused:
        async with turns.of("eve"):
            pytest.fail("let in")
    assert (refused.value.reason, refused.value.retry_after) == (Reason.OVERLOADED, 1.0)
    await work.ask("ann", "ann")
    await work.end("eve 0")
    await work.ask("eve", "eve 2")
    await work.end("eve 1")
    assert work.begun == ["eve 0", "ann", "eve 1", "eve 2"]
    await work.give_up()


@pytest.mark.parametrize("waiting", [False, True])
async def test_who_gives_up_takes_nobodys_turn(*, waiting: bool) -> None:
    """A cancelled one, inside or in the queue, leaves the room as it was, and its owner is forgotten."""
    turns = Turns(at_once=1, of_one=1)
    work = Work(turns)
    await work.ask("eve", "eve 0", *(["eve 1"] if waiting else []))
    await work.give_up()
    async with asyncio.timeout(5), turns.of("ann"):
        assert len(turns) == 1
    assert len(turns) == 0
