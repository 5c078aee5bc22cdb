"""The mesh is killed at each moment in the life of a message, and its clock is set on and back."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from parley_sdk import Sent
from tests.journeys.faulty import AFTER_ACK, AFTER_APPEND, MOMENTS, set_clock
from tests.journeys.mesh import Mesh
from tests.journeys.people import People

LONG_S = 30.0
"""A device that tried in vain for as long as a start takes on a busy machine comes back as late again."""


@pytest.fixture
def faulty_mesh(tmp_path: Path) -> Iterator[Mesh]:
    """A mesh on a machine that goes wrong; the test says how, and starts it."""
    mesh = Mesh(tmp_path / "data")
    mesh.program = "tests.journeys.faulty"
    try:
        yield mesh
    finally:
        mesh.close()


async def dies(mesh: Mesh, moment: str, answer: asyncio.Future[Sent], following: str) -> None:
    """Wait until the process has died at its moment, and start it again; it dies next at another one, if at any."""
    if moment == AFTER_ACK:
        await asyncio.wait_for(asyncio.shield(answer), LONG_S)
        await asyncio.to_thread(mesh.kill)
    else:
        assert await asyncio.to_thread(mesh.wait) == -9
        assert not answer.done()
    mesh.settings["DIES"] = following
    await asyncio.to_thread(mesh.start)


@pytest.mark.timeout(180)  # four starts: six seconds, and ten times as many on a machine that has other things to do
async def test_a_kill_at_any_moment_of_a_send_leaves_one_message(faulty_mesh: Mesh, tmp_path: Path) -> None:
    """Before the append, before the ack, before the delivery: acked once, in the log once, on each device once."""
    faulty_mesh.settings["DIES"] = MOMENTS[0]
    await asyncio.to_thread(faulty_mesh.start)
    async with People(faulty_mesh.address, tmp_path) as people:
        ann, bob = await people.users("ann", "bob")
        away = await people.another(bob)
        chat = ann.chat_with(bob)
        await ann.say(chat, "at first")
        await away.until_text(chat, "at first")
        await away.client.disconnect()
        for moment, following in pairwise((*MOMENTS, "")):
            answer = ann.client.send(chat, moment)
            await dies(faulty_mesh, moment, answer, following)
            sent = await asyncio.wait_for(answer, LONG_S)
            assert (sent.seq, sent.duplicate) == (MOMENTS.index(moment) + 2, moment == AFTER_APPEND)
            await bob.until(lambda moment=moment: moment in bob.texts(chat), moment, LONG_S)  # type: ignore[misc]
        await away.client.connect()
        for device in (ann, bob, away):
            await device.until_text(chat, AFTER_ACK)
            assert device.texts(chat) == ["at first", *MOMENTS]
            assert [entry.seq for entry in await device.history(chat)] == device.seqs(chat) == [1, 2, 3, 4]


HOURS = 3_600


async def test_a_clock_that_jumps_by_hours_changes_no_order_and_shuts_nobody_out(
    faulty_mesh: Mesh, tmp_path: Path
) -> None:
    """Set on by two hours, back by four, and right again: people go on on their streams and anew, all in one order."""
    clock = tmp_path / "clock"
    set_clock(clock, 0)
    faulty_mesh.settings["CLOCK_FILE"] = str(clock)
    await asyncio.to_thread(faulty_mesh.start)
    async with People(faulty_mesh.address, tmp_path) as people:
        ann, bob = await people.users("ann", "bob")
        away = await people.another(bob)
        group = await people.open_group(ann, bob)
        await away.client.disconnect()
        texts: list[str] = []
        for hours in (0, 2, -2, 0):
            set_clock(clock, hours * HOURS)
            texts += [f"{len(texts)} on the stream at {hours}", f"{len(texts)} to who comes anew at {hours}"]
            await ann.say(group, texts[-2])
            assert (await ann.client.groups.get(group)).member_count == 2 + len(texts) // 2 - 1
            await bob.client.disconnect()
            await ann.say(group, texts[-1])
            await bob.client.connect()
            await bob.until_text(group, texts[-1])
            newcomer = await people.user("newcomer")
            await newcomer.client.groups.join(group)
        await away.client.connect()
        for device in (ann, bob, away):
            await device.until_text(group, texts[-1])
            log = await device.history(group)
            await device.until_seq(group, log[-1].seq)
            assert device.texts(group) == texts
            assert device.seqs(group) == [entry.seq for entry in log]
