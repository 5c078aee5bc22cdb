"""Places of calls that last: nobody keeps others out of them."""

import asyncio

import pytest

from mesh.errors import Code, MeshError
from mesh.seats import Seats


class Sitter:
    """A call with a place that waits for its caller, who takes something when told so."""

    def __init__(self, seats: Seats, owner: str) -> None:
        self.took = asyncio.Event()
        self.takes = asyncio.Event()
        self.task = asyncio.create_task(self._sit(seats, owner))

    async def _sit(self, seats: Seats, owner: str) -> None:
        async with seats.take(owner) as seat:
            while True:
                with seat.waiting():
                    await self.takes.wait()
                self.takes.clear()
                self.took.set()

    async def take(self) -> None:
        """Take something."""
        self.takes.set()
        await self.took.wait()
        self.took.clear()

    async def end(self) -> MeshError:
        """How it ended."""
        with pytest.raises(MeshError) as ended:
            await asyncio.wait_for(self.task, 5)
        return ended.value


class Time:
    """The loop's, which passes only when a test says so: what a busy machine takes for something is no part of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self._now)

    async def passes(self, seconds: float) -> None:
        """Let it pass, and those have their turns who waited for it."""
        self._now += seconds
        for _ in range(5):
            await asyncio.sleep(0)


async def _sitters(seats: Seats, *owners: str) -> list[Sitter]:
    sitters = [Sitter(seats, owner) for owner in owners]
    await asyncio.sleep(0)
    return sitters


async def test_the_one_that_got_on_least_lately_makes_room() -> None:
    """A newcomer takes the place of the call whose caller took nothing for the longest, and of no other."""
    seats = Seats(3, 1, of="exports")
    ann, bob, eve = await _sitters(seats, "ann", "bob", "eve")
    await ann.take()
    await _sitters(seats, "zoe")
    ended = await bob.end()
    assert (ended.code, ended.reason, ended.retry_after) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED", 1.0)
    await _sitters(seats, "bob")
    assert (await eve.end()).reason == "OVERLOADED"
    assert not ann.task.done()
    assert len(seats) == 3


async def test_who_works_and_does_not_wait_makes_room_too() -> None:
    """A place is needed while all others are at work for their callers: the oldest of them ends."""
    seats = Seats(1, 1, of="previews")

    async def work() -> None:
        async with seats.take("ann"):
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with seats.take("bob"):
        with pytest.raises(MeshError, match="the slowest of all previews"):
            await asyncio.wait_for(working, 5)
        assert len(seats) == 1
    assert len(seats) == 0


async def test_who_got_on_keeps_the_place_while_others_work() -> None:
    """Where nobody waits for a caller, the one whose caller took nothing lately makes room, and not the oldest."""
    seats, took = Seats(2, 1, of="previews"), asyncio.Event()

    async def work(owner: str, *, gets_on: bool = False) -> None:
        async with seats.take(owner) as seat:
            if gets_on:
                await took.wait()
                with seat.waiting():
                    pass
            await asyncio.Event().wait()

    ann, bob = asyncio.create_task(work("ann", gets_on=True)), asyncio.create_task(work("bob"))
    await asyncio.sleep(0)
    took.set()
    await asyncio.sleep(0)
    async with seats.take("eve"):
        with pytest.raises(MeshError, match="the slowest of all previews"):
            await asyncio.wait_for(bob, 5)
        assert not ann.done()
    ann.cancel()


async def test_one_owner_has_so_many_places_and_no_more() -> None:
    """Who has all that they may have is told to come again, and ends nobody else's call for it."""
    seats = Seats(2, 1, of="exports")
    ann, bob = await _sitters(seats, "ann", "bob")
    with pytest.raises(MeshError, match="1 of your exports at a time") as refused:
        async with seats.take("ann"):
            raise AssertionError("two at a time")
    assert refused.value.retry_after == 1.0
    assert not ann.task.done()
    assert not bob.task.done()


async def test_who_waits_too_long_for_their_caller_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only time in which nothing was taken counts, and an end for it is not told as one for others."""
    time, seats = Time(monkeypatch), Seats(2, 1, of="exports", stall_seconds=5.0)
    [ann] = await _sitters(seats, "ann")
    for _ in range(5):
        await time.passes(4.9)
        await ann.take()
    assert not ann.task.done()
    await time.passes(5.1)
    assert ann.task.done()
    ended = await ann.end()
    assert (ended.code, ended.reason) == (Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert len(seats) == 0


async def test_a_cancelled_call_and_a_time_out_of_its_own_stay_what_they_are() -> None:
    """A place turns no other end into one of its own."""
    seats = Seats(2, 2, of="exports")
    [ann] = await _sitters(seats, "ann")
    ann.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ann.task

    async def late() -> None:
        async with seats.take("ann"):
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await late()
    assert len(seats) == 0
