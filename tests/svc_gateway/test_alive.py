"""Who was alive lately is let in without being asked for; who was ended never is."""

from pathlib import Path

import pytest

from mesh.broker import topic_of
from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.revocations import KeyValueRevocations
from parley.event.v1.event_pb2 import NodeEvent, Revocation
from parley.gateway.v1.frame_pb2 import ClientFrame, Hello
from svc_gateway.application.alive import BELIEVED_S, REMEMBERED, Alive
from svc_gateway.domain import Limits
from tests.mesh.cache import Cache
from tests.svc_message.device import Device, new_device
from tests.svc_message.world import World, eventually, mesh_of_one, process, world


async def refused(device: Device) -> None:
    """Open a stream that is not let in."""
    hello = Hello(access_token=device.token, protocol_version=1)
    await device.open(ClientFrame(hello=hello))
    end = await device.ended()
    assert (end.code, end.reason) == (Code.UNAUTHENTICATED, "SESSION_REVOKED")


async def end(mesh: World, device: Device) -> None:
    """End a session as the user service does, its word to the gateway aside."""
    mesh.directory.ended.add(device.session_id)
    await KeyValueRevocations(mesh.backends.kv, mesh.clock).revoke(device.session_id)


async def test_a_device_that_comes_back_is_not_asked_for(mesh: World) -> None:
    """The user service is asked once, however often the device comes, until an access token would have ended."""
    ann = new_device(mesh)
    for _ in range(5):
        await ann.connect()
        await ann.leave()
        mesh.clock.advance(100)
    assert mesh.directory.sessions_asked == 1
    mesh.directory.sessions_away = True
    await ann.connect()
    await ann.leave()
    mesh.directory.sessions_away = False
    mesh.clock.advance(BELIEVED_S)
    await ann.connect()
    assert mesh.directory.sessions_asked == 2


async def test_a_session_that_ends_while_its_device_is_away_is_refused_at_once(mesh: World) -> None:
    """No event reaches a gateway that does not hold the device, but the list of ended sessions is asked each time."""
    ann = await new_device(mesh).connect()
    await ann.leave()
    await end(mesh, ann)
    await refused(ann)


@pytest.mark.parametrize("lost", [False, True])
async def test_a_word_that_a_session_has_ended_is_enough(mesh: World, *, lost: bool) -> None:
    """When the list has lost it, whoever was told of the end, or may have missed it, asks the user service."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    await ann.leave()
    mesh.directory.ended.add(ann.session_id)
    [gateway] = mesh.backends.registry.nodes("gateway")
    told = Revocation(user_id=ann.user_id, session_id=ann.session_id)
    if lost:  # more than a reader's buffer holds
        for _ in range(20_000):
            await mesh.backends.broker.publish(topic_of(gateway), b"")
        await bob.until(lambda: bob.received.heartbeat.stale)
    else:
        last = Revocation(user_id=bob.user_id, session_id=bob.session_id)
        await mesh.backends.broker.publish(topic_of(gateway), NodeEvent(revocations=[told, last]).SerializeToString())
        await bob.ended()
    await refused(ann)


async def test_without_the_list_the_user_service_is_asked() -> None:
    """Memory alone lets nobody in."""
    clock = FakeClock()
    cache = Cache(clock)
    ended: set[str] = set()
    asked: list[str] = []

    async def ask(session_id: str) -> bool:
        asked.append(session_id)
        return session_id not in ended

    alive = Alive(ask, KeyValueRevocations(cache, clock), clock)
    assert await alive.check("s1")
    assert await alive.check("s1")
    assert asked == ["s1"]
    cache.away = True
    assert await alive.check("s1")
    ended.add("s1")
    assert not await alive.check("s1")
    assert asked == ["s1"] * 3


async def test_an_answer_that_an_end_overtook_is_not_remembered() -> None:
    """That a session was alive, said before and heard after the word that it ended, is believed once and not again."""
    clock = FakeClock()
    asked = 0

    async def ask(session_id: str) -> bool:
        nonlocal asked
        asked += 1
        alive.forget(session_id)
        return True

    alive = Alive(ask, KeyValueRevocations(Cache(clock), clock), clock)
    for _ in range(2):
        await alive.check("s1")
    assert asked == 2


async def test_dead_sessions_are_not_remembered_and_live_ones_are_bounded() -> None:
    """A session that was refused is asked for again, and beyond the bound the one confirmed least lately is."""
    clock = FakeClock()
    asked: list[str] = []

    async def ask(session_id: str) -> bool:
        asked.append(session_id)
        return session_id != "dead"

    alive = Alive(ask, KeyValueRevocations(Cache(clock), clock), clock)
    assert [await alive.check("dead") for _ in range(2)] == [False, False]
    for number in range(REMEMBERED + 1):
        await alive.check(f"s{number}")
    asked.clear()
    for session in (f"s{REMEMBERED}", "s1", "s0"):
        await alive.check(session)
    assert asked == ["s0"]


async def test_a_renewal_asks_and_is_remembered(tmp_path: Path) -> None:
    """A fresh token on an open stream is confirmed by the user service, and the device may come back for as long."""
    async with mesh_of_one(tmp_path, Limits(heartbeat_s=10_000)) as mesh:
        ann = await new_device(mesh).connect()
        mesh.clock.advance(BELIEVED_S / 2)

        async def confirmed() -> bool:
            return mesh.directory.sessions_asked == 2

        await ann.say(ClientFrame(access_token=ann.token))
        await eventually(confirmed)
        assert await ann.post(f"{ann.user_id}-{ann.user_id}") == 1
        await ann.leave()
        mesh.clock.advance(BELIEVED_S / 2 + 1)
        await ann.connect()
        assert mesh.directory.sessions_asked == 2


async def test_each_gateway_remembers_for_itself(tmp_path: Path) -> None:
    """A device that comes to another gateway is asked for there."""
    async with world(tmp_path) as made, process(made, "message", "gateway") as first:
        made.connect(first)
        ann = await new_device(made).connect()
        await ann.leave()
        async with process(made, "gateway", number=2) as second:
            made.connect(second)
            await ann.connect()
            assert made.directory.sessions_asked == 2
            await ann.leave()


async def test_the_list_says_that_it_is_away() -> None:
    """Who relies on the list learns that nobody can say, where `is_revoked` believes the token."""
    clock = FakeClock()
    cache = Cache(clock)
    revocations = KeyValueRevocations(cache, clock)
    await revocations.revoke("s1")
    assert [await revocations.has_ended(one) for one in ("s1", "s2")] == [True, False]
    cache.away = True
    with pytest.raises(MeshError) as caught:
        await revocations.has_ended("s1")
    assert caught.value.code is Code.UNAVAILABLE
