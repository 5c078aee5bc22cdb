"""Many people in one group."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import grpc
import pytest

from parley.group.v1 import invitation_service_pb2
from parley.group.v1.invitation_service_pb2_grpc import InvitationServiceStub
from parley.user.v1 import user_service_pb2
from parley.user.v1.user_service_pb2_grpc import UserServiceStub
from tests.journeys.people import PASSWORD, PATIENCE, People, unique
from tests.journeys.raw import Login, RawDevice, log_in, open_channel, text_send

CROWD = 200
EACH = 2
STREAMS = 50
"""Device streams that share a connection: the server takes 100."""

PATIENT: Final = 4 * PATIENCE
"""80,000 deliveries go through this one process, and over the real mesh through an edge on the same machine."""


async def join(channel: grpc.aio.Channel, number: int, group: str) -> Login:
    """Make one more user, in the group."""
    name = unique("crowd")
    request = user_service_pb2.RegisterRequest(
        request_id=name, username=name, password=PASSWORD, display_name=str(number)
    )
    await UserServiceStub(channel).Register(request)
    login = await log_in(channel, name)
    join_request = invitation_service_pb2.JoinGroupRequest(group_id=group)
    await InvitationServiceStub(channel).JoinGroup(join_request, metadata=login.metadata)
    return login


@asynccontextmanager
async def crowd(people: People, group: str) -> AsyncIterator[list[Login]]:
    """Make everyone, some at a time."""
    turn = asyncio.Semaphore(16)
    async with open_channel(people.address) as channel:

        async def one(number: int) -> Login:
            async with turn:
                return await join(channel, number, group)

        yield await asyncio.gather(*(one(number) for number in range(CROWD)))


@pytest.mark.timeout(3 * PATIENT)
async def test_everyone_sees_one_order_of_what_200_people_say_at_once(people: People) -> None:
    """Of 200 concurrent senders in a group every receiver has the same list of messages, the senders included."""
    ann, bob = await people.users("ann", "bob")
    group = await people.open_group(ann, bob)
    await ann.client.disconnect()
    await bob.client.disconnect()
    async with crowd(people, group) as logins, AsyncExitStack() as stack:
        head = (await ann.history(group))[-1].seq
        devices = await open_all(stack, people.address, logins, {group: head})
        said = {f"{device.login.user_id} {n}" for device in devices for n in range(EACH)}
        await asyncio.gather(*(say(device, group) for device in devices))
        orders = await asyncio.gather(*(order(device, group, len(said)) for device in devices))
        assert set(orders[0]) == set(range(head + 1, head + CROWD * EACH + 1))
        assert all(one == orders[0] for one in orders)
        log = {entry.seq: entry.content.post.body.text.text for entry in await ann.history(group) if entry.seq > head}
        assert log == orders[0]
        assert set(log.values()) == said


async def open_all(
    stack: AsyncExitStack, address: str, logins: list[Login], positions: dict[str, int]
) -> list[RawDevice]:
    """Open a stream for each, on as few connections as are allowed."""
    channels = [
        await stack.enter_async_context(open_channel(address, ("parley.connection", number)))
        for number in range(CROWD // STREAMS)
    ]
    opened = [
        stack.enter_async_context(
            RawDevice.open(address, login, positions=positions, channel=channels[number % len(channels)])
        )
        for number, login in enumerate(logins)
    ]
    return list(await asyncio.gather(*opened))


async def say(device: RawDevice, group: str) -> None:
    """Say one's part, in two frames."""
    for n in range(EACH):
        await device.send(text_send(group, f"{device.login.user_id} {n}"))


async def order(device: RawDevice, group: str, count: int) -> dict[int, str]:
    """Return what stands where, by what this device was told: pushes of others, acks of its own."""

    def told() -> bool:
        pushed = sum(entry.conversation_id == group for entry in device.frame.entries)
        return pushed + len(device.frame.results) >= count

    await device.until(told, PATIENT)
    pushed = [entry for entry in device.entries if entry.conversation_id == group]
    assert [entry.seq for entry in pushed] == sorted(entry.seq for entry in pushed)
    assert [result.seq for result in device.frame.results] == sorted(result.seq for result in device.frame.results)
    own = {result.seq: f"{device.login.user_id} {n}" for n, result in enumerate(device.frame.results)}
    return {entry.seq: entry.content.post.body.text.text for entry in pushed} | own
