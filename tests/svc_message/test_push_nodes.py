"""Several message nodes tell those who are away: each of what it delivers, and nobody twice."""

import asyncio
from functools import partial
from pathlib import Path

from tests.svc_message.device import direct, post
from tests.svc_message.push_scene import outcomes, phone
from tests.svc_message.receiver import Hook
from tests.svc_message.test_push_resume import mesh_with, node

PHONES = 12
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
