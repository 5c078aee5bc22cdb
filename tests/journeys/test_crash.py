"""The mesh is killed while people use it."""

import asyncio
import contextlib
import itertools
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial

import pytest

from parley.message.v1 import entry_pb2
from parley_sdk import ParleyError
from tests.journeys.history import History, check, record
from tests.journeys.mesh import Mesh
from tests.journeys.people import Device, People, patiently

EACH = 30
"""Messages that a writer sends when nobody ends it."""

AT_ONCE = 5
"""Messages that a writer has on their way at a time."""


async def kill_amid(mesh: Mesh, delay: float, restarted: asyncio.Event) -> None:
    """Kill the mesh after a time, from a thread of its own: whatever is under way then. Then start it again."""

    def kill() -> None:
        time.sleep(delay)
        mesh.kill()

    await asyncio.to_thread(kill)
    await asyncio.to_thread(mesh.start)
    restarted.set()


async def write_through(device: Device, chat: str, history: History, restarted: asyncio.Event) -> None:
    """Send without a pause until the mesh is back, and once more."""
    numbers = itertools.count()
    over = False
    while not over:
        over = restarted.is_set()
        texts = [f"{device.id} {chat} {next(numbers)}" for _ in range(AT_ONCE)]
        await asyncio.gather(*(history.send(device, chat, text) for text in texts))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_kill_in_the_middle_of_sending_loses_nothing(own_people: People, own_mesh: Mesh, seed: int) -> None:
    """After kill -9 and a restart all that was acked is there, once, in one order for all, and the rest comes too."""
    people = await own_people.users("ann", "bob", "eve", "joe")
    devices = [*people, await own_people.another(people[0]), await own_people.another(people[1])]
    group = await own_people.open_group(*people)
    direct = people[0].chat_with(people[1])
    history, restarted = History(), asyncio.Event()
    ways = [(device, [group, direct] if device.user_id in direct else [group]) for device in devices]
    writers = [write_through(device, chat, history, restarted) for device, chats in ways for chat in chats]
    killing = kill_amid(own_mesh, random.Random(seed).uniform(0.03, 0.3), restarted)
    await asyncio.wait_for(asyncio.gather(*writers, killing), 100)
    for device, chats in ways:
        for chat in chats:
            log = await device.history(chat)
            await device.until_seq(chat, log[-1].seq)
    history.stored = [record(entry) for chat in (group, direct) for entry in await people[0].history(chat)]
    history.take(devices, [group, direct])
    assert all(attempt.seq for attempt in history.attempts)
    assert check(history) == set()


def members_by_log(entries: Sequence[entry_pb2.Entry]) -> set[str]:
    """Who is a member, by the log alone."""
    members: set[str] = set()
    for change in (entry.content.membership for entry in entries):
        members |= {member.user_id for member in change.added}
        members -= set(change.removed_user_ids)
    return members


async def again_and_again(act: Callable[[], Awaitable[object]], undo: Callable[[], Awaitable[object]]) -> None:
    """Change something to and fro until the mesh is away."""
    with contextlib.suppress(ParleyError):
        while True:
            await act()
            await undo()


def debts(mesh: Mesh) -> int:
    """How many entries the group service still owes."""
    with closing(sqlite3.connect(f"file:{mesh.data / 'group.db'}?mode=ro", uri=True)) as store:
        return int(store.execute("SELECT count(*) FROM outbox").fetchone()[0])


async def test_a_kill_while_groups_change_leaves_store_and_log_agreeing(own_people: People, own_mesh: Mesh) -> None:
    """After kill -9 amid invitations and kicks the members by the store and by the log are the same, with no debts."""
    owner, *others = await own_people.users("owner", "ann", "bob", "eve", "joe", "kim", "lee")
    await own_people.befriend(owner, *others)
    groups = owner.client.groups
    [stays, *movers] = others
    group = (await groups.create("Doors", [stays.user_id])).group.group_id
    turns = [
        asyncio.create_task(
            again_and_again(
                partial(groups.invite, group, [mover.user_id]),
                partial(groups.kick, group, [mover.user_id]),
            )
        )
        for mover in movers
    ]
    await stays.until(lambda: len(stays.shown[group]) > 20, "members who come and go")
    await asyncio.to_thread(own_mesh.kill)
    owed = debts(own_mesh)
    for turn in turns:
        turn.cancel()
    await asyncio.gather(*turns, return_exceptions=True)
    await asyncio.to_thread(own_mesh.start)
    async with asyncio.timeout(30):
        while debts(own_mesh):  # noqa: ASYNC110  another process pays them
            await asyncio.sleep(0.02)
    listed = {member.user_id for member in await patiently(partial(groups.members, group))}
    log = await owner.history(group)
    assert members_by_log(log) == listed, f"{owed} debts at the kill"
    assert (await groups.get(group)).member_count == len(listed)
    await stays.until_seq(group, log[-1].seq)
    assert stays.shown[group] == log
    for mover in movers:
        inside = {one.group_id for one in await patiently(mover.client.groups.mine)}
        assert (group in inside) == (mover.user_id in listed)
    assert {stays.user_id, owner.user_id} <= listed
