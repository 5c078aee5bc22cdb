"""When a node looks for what is due: rarely, and yet in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mesh import errors
from mesh.clock import FakeClock
from svc_message.application.agenda import Agenda
from svc_message.application.timing.sweep import Sweep


@dataclass
class Chores:
    """Something that is due at times, each of them once; a store that is away answers nothing."""

    clock: FakeClock
    due: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    looks: int = 0
    away: bool = False

    async def step(self, now_ms: int) -> int | None:
        """Do one of them."""
        self.looks += 1
        if self.away:
            raise errors.unavailable("STORE_UNAVAILABLE", "away")
        if self.due and self.due[0] <= now_ms:
            self.done.append(now_ms - self.due.pop(0))
        return self.due[0] if self.due else None

    def plan(self, seconds: float) -> int:
        """Let something be due so many seconds from now; nobody is told."""
        self.due = sorted([*self.due, due_ms := self.clock.now_ms() + int(seconds * 1_000)])
        return due_ms

    async def pass_time(self, seconds: float) -> None:
        """Move the time on, a tenth of a second after the other."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            for _ in range(20):
                await asyncio.sleep(0)


@asynccontextmanager
async def sweeping(*, chosen: bool) -> AsyncIterator[tuple[Chores, Agenda]]:
    """A node that sweeps, and is through with its first look."""
    clock = FakeClock()
    chores, agenda = Chores(clock), Agenda(clock)
    task = asyncio.create_task(Sweep(clock, lambda: chosen, [chores.step], agenda).run())
    await asyncio.sleep(0)
    await chores.pass_time(1)
    chores.looks = 0
    yield chores, agenda
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_node_without_work_looks_twice_a_minute() -> None:
    """The store is asked each half minute while nothing is due, and by a node that is not chosen never."""
    async with sweeping(chosen=True) as (chores, _):
        await chores.pass_time(120)
        assert chores.looks == 4
    async with sweeping(chosen=False) as (chores, _):
        await chores.pass_time(120)
        assert chores.looks == 0


async def test_what_a_look_has_seen_is_done_at_its_time() -> None:
    """What another node wrote, and is due after the next look, is done within a second of its time."""
    async with sweeping(chosen=True) as (chores, _):
        for seconds in (40, 41, 41, 95):
            chores.plan(seconds)
        await chores.pass_time(100)
        assert len(chores.done) == 4
        assert all(0 <= late <= 1_000 for late in chores.done)
        assert chores.looks < 12


async def test_what_is_noted_is_done_at_its_time_whoever_is_chosen() -> None:
    """A node does what it wrote itself, a moment later than the chosen one would, and leaves the rest alone."""
    for chosen, soonest, latest in ((True, 0, 600), (False, 500, 1_200)):
        async with sweeping(chosen=chosen) as (chores, agenda):
            agenda.note(chores.plan(7.25))
            agenda.note(chores.plan(3))
            await chores.pass_time(9)
            assert [soonest <= late <= latest for late in chores.done] == [True, True]
            assert chores.looks <= 5


async def test_what_is_seen_on_the_way_is_followed() -> None:
    """A look that was noted sees what is due soon, and it is done in time though nobody noted it."""
    async with sweeping(chosen=False) as (chores, agenda):
        agenda.note(chores.plan(2))
        chores.plan(22)
        await chores.pass_time(24)
        assert len(chores.done) == 2
        assert chores.done[1] <= 1_200


async def test_what_could_not_be_done_is_tried_again_each_second() -> None:
    """While the store is away it is asked again each second, and what is due is done when it is back."""
    async with sweeping(chosen=True) as (chores, agenda):
        chores.away = True
        agenda.note(chores.plan(1))
        await chores.pass_time(11)
        assert 5 <= chores.looks <= 12
        chores.away = False
        await chores.pass_time(1.5)
        assert len(chores.done) == 1


async def test_much_that_is_due_at_once_is_done_at_once() -> None:
    """A step that has more to do goes on: a hundred things that are due together take no hundred looks in turn."""
    async with sweeping(chosen=True) as (chores, agenda):
        for _ in range(100):
            agenda.note(chores.plan(1))
        await chores.pass_time(5)
        assert len(chores.done) == 100
