"""A post meets a device that is just leaving: whatever fails at that moment, its user has the post or is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from mesh import errors
from mesh.broker import MAX_BUFFERED, topic_of
from mesh.registry import Node
from mesh.renewal import RENEW_S
from mesh.routes import HOLDERS
from parley.event.v1.event_pb2 import NodeEvent
from svc_gateway.application import departed
from svc_message.app import Settings
from svc_message.application.push import departures
from tests.svc_message.device import Device, direct, edit
from tests.svc_message.push_scene import phone
from tests.svc_message.receiver import Hook
from tests.svc_message.test_push_resume import HOLD_S, mesh_with, node, pushing
from tests.svc_message.world import World, eventually

AWAY = errors.unavailable("SERVICE_UNAVAILABLE", "away")
WAIT_S = 3.0
"""Longer than somebody who left is waited for."""


@pytest.fixture
async def mesh(tmp_path: Path, carrier: Hook) -> AsyncIterator[World]:
    """A message node and a gateway that notify."""
    async with mesh_with(tmp_path, carrier) as made, node(made, 1, "message", "gateway"):
        yield made


async def unrouted(mesh: World, user_id: str) -> bool:
    """Whether no device of a user is anywhere."""
    return not await mesh.backends.kv.read([f"route/{user_id}"])


async def lost_on(mesh: World, leaving: Device, words: str = "lost") -> Device:
    """Send a post to a device that does not say that it has received it; its author."""
    ann = await phone(mesh, "Ann").connect()
    await leaving.entry(direct(ann, leaving), await ann.post(direct(ann, leaving), words))
    return ann


async def left(mesh: World, leaving: Device) -> None:
    """Let a device go, and wait until its gateway has said so."""
    broker = mesh.backends.broker
    with mock.patch.object(broker, "publish", wraps=broker.publish) as published:
        await leaving.leave()
        await eventually(partial(said, published, leaving.user_id))


async def said(published: mock.AsyncMock, user_id: str) -> bool:
    """Whether it was said that a user has left."""
    return any(user_id in NodeEvent.FromString(call.args[1]).left for call in published.call_args_list)


async def passed(mesh: World, met: Callable[[], object], step_s: float = WAIT_S) -> None:
    """Put the time forward until this is so."""
    async with asyncio.timeout(20):
        while not met():
            mesh.clock.advance(step_s)
            await asyncio.sleep(0.05)


def texts(carrier: Hook) -> list[str]:
    """What was told."""
    return [one["text"] for one in carrier.tried]


async def test_who_cannot_be_looked_for_is_looked_for_later(mesh: World, carrier: Hook) -> None:
    """While the key-value is away nobody knows whether a user who left has come back: they are told when it is back."""
    bob = await phone(mesh, "Bob").connect()
    await lost_on(mesh, bob)
    await left(mesh, bob)
    with mock.patch.object(mesh.backends.kv, "read", side_effect=AWAY) as asked:
        await passed(mesh, lambda: asked.call_count > 20)
        assert carrier.tried == []
    await carrier.until(lambda: carrier.bodies)
    assert texts(carrier) == ["lost"]


async def test_who_comes_and_goes_all_the_time_is_told(mesh: World, carrier: Hook) -> None:
    """Each time a user leaves they are waited for anew, but not for ever."""
    bob = await phone(mesh, "Bob").connect()
    await lost_on(mesh, bob)

    async def flap() -> None:
        while True:
            await left(mesh, bob)
            mesh.clock.advance(1.0)
            await asyncio.sleep(0.05)
            await bob.connect()

    flapping = asyncio.create_task(flap())
    await carrier.until(lambda: carrier.bodies)
    flapping.cancel()
    await asyncio.gather(flapping, return_exceptions=True)
    assert texts(carrier) == ["lost"]


async def test_what_was_edited_after_somebody_left_is_told_as_it_is(mesh: World, carrier: Hook) -> None:
    """Who looks at what was lost tells the newest words, also those that came too late to be lost."""
    bob = await phone(mesh, "Bob").connect()
    ann = await lost_on(mesh, bob, "helo")
    await left(mesh, bob)
    mesh.clock.jump(5.0)
    await ann.seqs(edit(direct(ann, bob), 1, "hello"))
    await passed(mesh, lambda: carrier.bodies)
    assert texts(carrier) == ["hello"]


async def test_who_left_is_told_although_the_node_that_waits_for_them_ends(tmp_path: Path, carrier: Hook) -> None:
    """A node that ends between a departure and the look at it leaves that to the next one."""
    async with mesh_with(tmp_path, carrier, 60.0) as mesh:
        async with node(mesh, 1, "message", "gateway"):
            bob = await phone(mesh, "Bob").connect()
            await lost_on(mesh, bob)
            await left(mesh, bob)
            for _ in range(6):  # the place that is kept would rise now
                mesh.clock.advance(1.1)
                await asyncio.sleep(0.1)
        assert carrier.tried == []
        mesh.message = Settings(push=pushing(carrier, HOLD_S), sends_burst=0)
        async with node(mesh, 2, "message", "gateway"):
            await carrier.until(lambda: "lost" in texts(carrier))
        assert texts(carrier).count("lost") == 1


async def test_of_more_who_leave_than_may_wait_the_log_is_read(tmp_path: Path, carrier: Hook) -> None:
    """Who leaves when there is no room is told, once, as the others are."""
    with mock.patch.object(departures, "MAX_WAITING", 2):
        async with mesh_with(tmp_path, carrier) as mesh, node(mesh, 1, "message", "gateway"):
            phones = [await phone(mesh, f"P{number}").connect() for number in range(6)]
            for one in phones:
                await lost_on(mesh, one)
            for one in phones:
                await one.leave()
            await carrier.until(lambda: len(carrier.bodies) == len(phones))
            assert {one["userId"] for one in carrier.tried} == {one.user_id for one in phones}


async def test_who_was_at_a_gateway_that_died_is_told(tmp_path: Path, carrier: Hook) -> None:
    """Nobody says that they left: the message nodes notice, and one of them looks at what was sent there. Who is at a
    gateway that lives is left alone.
    """
    async with mesh_with(tmp_path, carrier) as mesh, node(mesh, 2, "message"), node(mesh, 1, "message", "gateway"):
        phones = [await phone(mesh, f"P{number}").connect() for number in range(6)]
        for one in phones:
            await lost_on(mesh, one)
        async with node(mesh, 3, "gateway"):
            eve = await phone(mesh, "Eve").connect()
            await lost_on(mesh, eve)
            await dead(mesh, "gateway-1")
            await passed(mesh, lambda: len(carrier.bodies) == len(phones))
            assert sorted(one["userId"] for one in carrier.tried) == sorted(one.user_id for one in phones)


async def dead(mesh: World, name: str) -> None:
    """Let the registry know a node no more, as after its lease has ended."""
    [found] = [one for one in mesh.backends.registry.nodes(HOLDERS) if one.id == name]
    async with mesh.backends.registry.register(HOLDERS, Node(name, "another life", found.address)):
        pass


async def test_a_word_that_the_broker_does_not_take_is_said_again(mesh: World, carrier: Hook) -> None:
    """While the broker is away nobody hears that a user has left; they are looked after when it is back."""
    bob = await phone(mesh, "Bob").connect()
    await lost_on(mesh, bob)
    with mock.patch.object(mesh.backends.broker, "publish", side_effect=AWAY) as asked:
        await bob.leave()
        await eventually(partial(said, asked, bob.user_id))
    await passed(mesh, lambda: carrier.bodies)
    assert texts(carrier) == ["lost"]


async def called(mocked: mock.Mock) -> bool:
    """Whether it was called."""
    return mocked.called


@contextlib.contextmanager
def deaf(mesh: World) -> Iterator[list[bytes]]:
    """Lose every word that somebody has left; yields them."""
    broker, lost = mesh.backends.broker, list[bytes]()
    publish = broker.publish

    async def losing(topic: str, payload: bytes) -> None:
        if NodeEvent.FromString(payload).left:
            lost.append(payload)
        else:
            await publish(topic, payload)

    with mock.patch.object(broker, "publish", losing):
        yield lost


async def test_what_comes_after_a_word_that_was_lost_is_told(mesh: World, carrier: Hook) -> None:
    """A message node that has not heard that a user left sends what comes to where they were: the gateway says it
    again, and what nobody got is told.
    """
    bob = await phone(mesh, "Bob").connect()
    ann = await lost_on(mesh, bob)
    with deaf(mesh) as lost:
        await bob.leave()
        await eventually(partial(some, lost))
    mesh.clock.advance(2.0)
    await ann.post(direct(ann, bob), "into the void")
    await passed(mesh, lambda: carrier.bodies)
    assert [(one["text"], one["badge"]) for one in carrier.tried] == [("into the void", 2)]


async def some(of: list[bytes]) -> bool:
    """Whether there is any."""
    return bool(of)


async def test_who_seemed_to_be_there_is_told_when_their_route_goes(mesh: World, carrier: Hook) -> None:
    """A route that could not be removed when the device left keeps its user from being told only for so long."""
    bob = await phone(mesh, "Bob").connect()
    await lost_on(mesh, bob)
    with mock.patch.object(mesh.backends.kv, "remove", side_effect=AWAY) as asked:
        await bob.leave()
        await eventually(partial(called, asked))
        for _ in range(3):
            mesh.clock.advance(WAIT_S)
            await asyncio.sleep(0.3)
    assert carrier.tried == []
    mesh.clock.advance(RENEW_S)
    await eventually(partial(unrouted, mesh, bob.user_id))
    await passed(mesh, lambda: carrier.bodies)
    assert texts(carrier) == ["lost"]


async def test_after_the_broker_broke_it_is_said_again_who_left(
    mesh: World, carrier: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that the broker took and lost is said again when the gateway finds that it has missed some itself."""
    monkeypatch.setattr(departed, "DOUBTED_S", 0.01)
    bob = await phone(mesh, "Bob").connect()
    await lost_on(mesh, bob)
    with deaf(mesh) as lost:
        await bob.leave()
        await eventually(partial(some, lost))
    [gateway] = mesh.backends.registry.nodes(HOLDERS)
    for _ in range(MAX_BUFFERED + 1):
        await mesh.backends.broker.publish(topic_of(gateway), b"")
    await passed(mesh, lambda: carrier.bodies)
    assert texts(carrier) == ["lost"]
