"""Several message nodes tell those who are away: each of what it delivers, and nobody twice."""

import asyncio
from functools import partial
from pathlib import Path

from tests.svc_message.device import direct, new_device, post
from tests.svc_message.push_scene import outcomes, phone
from tests.svc_message.receiver import Hook
from tests.svc_message.test_push_resume import mesh_with, node

PHONES = 12
POSTS = 60
"""With two nodes, about half of the users who leave are looked after by the node that does not have their chat."""


async def test_who_has_just_left_is_told_once_by_one_of_two_nodes(tmp_path: Path, carrier: Hook) -> None:
    """What is posted the moment after a device has left is told by the node of the chat, and not by that of the user
    again.
    """
    async with (
        asyncio.timeout(90),
        mesh_with(tmp_path, carrier) as mesh,
        node(mesh, 2, "message"),
        node(mesh, 1, "message", "gateway"),
    ):
        ann = await phone(mesh, "Ann").connect()
        everyone: list[str] = []
        while not outcomes(mesh).get("told before"):  # a slow machine may take longer than the moment
            phones = [await phone(mesh, f"P{number}").connect() for number in range(PHONES)]
            for one in phones:
                await one.leave()
            await ann.seqs(*(post(direct(ann, one), "are you there?") for one in phones))
            everyone += [one.user_id for one in phones]
            await carrier.until(partial(_told, carrier, len(everyone)))
        assert sorted(one["userId"] for one in carrier.tried) == sorted(everyone)


def _told(carrier: Hook, many: int) -> bool:
    return len(carrier.bodies) >= many


async def test_reading_at_another_node_puts_the_icon_right(tmp_path: Path, carrier: Hook) -> None:
    """Whichever node has told a user, their phone has the new number when they read on a desk that calls another one;
    when there is nothing left to read it shows none.
    """
    async with (
        asyncio.timeout(90),
        mesh_with(tmp_path, carrier) as mesh,
        node(mesh, 2, "message"),
        node(mesh, 1, "message", "gateway"),
    ):
        ann = await phone(mesh, "Ann").connect()
        phones = [phone(mesh, f"P{number}") for number in range(PHONES)]
        for one in phones:
            await ann.seqs(*(post(direct(ann, one)) for _ in range(POSTS)))
        await carrier.until(partial(_told, carrier, PHONES))
        desks = {one.user_id: new_device(mesh, one.user_id) for one in phones}
        for seq in range(1, POSTS):
            for user_id in desks.keys() - _numbers(carrier, "KIND_BADGE").keys():
                await desks[user_id].mark_read(direct(ann, desks[user_id]), seq)
        for desk in desks.values():
            await desk.mark_read(direct(ann, desk), POSTS)
        await carrier.until(lambda: _numbers(carrier, "KIND_BADGE") == dict.fromkeys(desks, 0))


def _numbers(carrier: Hook, kind: str) -> dict[str, int]:
    """The last number that each user was sent with notifications of this kind."""
    return {one["userId"]: one.get("badge", 0) for one in carrier.bodies if one["kind"] == kind}
