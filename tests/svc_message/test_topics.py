"""What goes to a gateway's topic: each message once, for those who have something to hear of it."""

import asyncio
from functools import partial

from mesh.deliveries import Delivered
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.topic import told
from tests.svc_message.world import World


def users_of(delivery: Delivered) -> set[str]:
    """For whom it is."""
    return set(delivery[1])


async def test_the_only_device_of_an_author_is_told_nothing(mesh: World) -> None:
    """What a device wrote is not published for its user who has no other one, and is as soon as there is another."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    async with told(mesh, users_of) as users:
        await ann.post(chat, "hello")
        await bob.entry(chat, 1)
        assert users == [{bob.user_id}]
        other = await new_device(mesh, ann.user_id).connect()
        await bob.post(chat, "hello")
        await other.entry(chat, 2)
        await ann.post(chat, "from the first")
        await other.entry(chat, 3)
        assert users[1:] == [{ann.user_id}, {ann.user_id, bob.user_id}]


def heard(device: Device, count: int) -> bool:
    """Whether so many entries have come."""
    return len(device.received.entries) == count


async def test_of_messages_of_several_devices_each_gets_those_of_the_others(mesh: World) -> None:
    """Two who write at the same moment both hear of the other one, in the order of the log."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await asyncio.gather(*(one.seqs(*(post(chat) for _ in range(20))) for one in (ann, bob)))
    for one in (ann, bob):
        await one.until(partial(heard, one, 20))
    seqs = [[entry.seq for entry in one.received.entries] for one in (ann, bob)]
    assert sorted(seqs[0] + seqs[1]) == list(range(1, 41))
    assert all(some == sorted(some) for some in seqs)
