"""A device that leaves gives everything up, whatever happens at the same moment."""

import asyncio
from functools import partial
from unittest import mock

import pytest

from mesh.broker import topic_of
from mesh.clock import FakeClock
from mesh.routes import HOLDERS
from parley.event.v1.event_pb2 import Eviction, NodeEvent
from parley.gateway.v1.frame_pb2 import ClientFrame, WatchPresence
from svc_gateway.application import departed
from svc_gateway.application.departed import AGAIN_S, KNOWN_S, Departed
from tests.svc_message.device import Device, new_device
from tests.svc_message.world import World, eventually


async def nothing_at(mesh: World, key: str) -> bool:
    """Whether the key-value has nothing there."""
    return not await mesh.backends.kv.read([key])


class Slow:
    """A removal from the key-value that waits until it is let."""

    def __init__(self, mesh: World) -> None:
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        self._remove = mesh.backends.kv.remove

    async def __call__(self, key: str, field: str, expected: bytes | None = None) -> None:
        """Remove."""
        self.began.set()
        await self.go_on.wait()
        await self._remove(key, field, expected)


async def watching(mesh: World) -> Device:
    """A device that watches somebody, so that it has two things to give up."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    await ann.say(ClientFrame(watch_presence=WatchPresence(user_ids=[bob.user_id])))
    await ann.until(lambda: ann.received.presence)
    return ann


async def test_a_cancellation_while_a_device_is_given_up_leaves_nothing_behind(mesh: World) -> None:
    """A killed app looks like an end of its frames, and its cancellation comes while all is being given up."""
    ann, slow = await watching(mesh), Slow(mesh)
    with mock.patch.object(mesh.backends.kv, "remove", slow):
        await ann.half_close()
        await asyncio.wait_for(slow.began.wait(), 30)
        await ann.leave()
        await new_device(mesh).connect()  # by then the cancellation has arrived
        slow.go_on.set()
        await eventually(partial(nothing_at, mesh, f"route/{ann.user_id}"))


async def test_an_eviction_while_a_device_is_given_up_leaves_nothing_behind(mesh: World) -> None:
    """A device that comes to another gateway while this one notices that it has gone."""
    ann, slow = await watching(mesh), Slow(mesh)
    [gateway] = mesh.backends.registry.nodes(HOLDERS)
    newer = Eviction(user_id=ann.user_id, device_id=ann.device_id, epoch=ann.received.welcome.epoch + 1)
    with mock.patch.object(mesh.backends.kv, "remove", slow):
        await ann.half_close()
        await asyncio.wait_for(slow.began.wait(), 30)
        await mesh.backends.broker.publish(topic_of(gateway), NodeEvent(evictions=[newer]).SerializeToString())
        await new_device(mesh).connect()  # by then it was heard
        slow.go_on.set()
        await eventually(partial(nothing_at, mesh, f"route/{ann.user_id}"))


def departures() -> tuple[Departed, FakeClock, list[str]]:
    """Who has left a node, with time that a test moves, and who it was said of."""
    said: list[str] = []
    clock = FakeClock()
    return Departed(said.append, clock), clock, said


def test_it_is_said_again_that_a_user_left_for_whom_something_comes() -> None:
    """Once a second, of those who left within two minutes, and of nobody who was not here."""
    gone, clock, said = departures()
    gone.went("ann")
    gone.missing("ann")
    gone.missing("bob")
    assert said == ["ann"]
    clock.advance(AGAIN_S)
    gone.missing("ann")
    gone.missing("ann")
    assert said == ["ann", "ann"]
    clock.advance(KNOWN_S)
    gone.missing("ann")
    assert said == ["ann", "ann"]


def test_no_more_departures_are_known_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound those who left longest ago are forgotten."""
    monkeypatch.setattr(departed, "MAX_KNOWN", 2)
    gone, clock, said = departures()
    for user in ("ann", "bob", "ann", "eve"):
        gone.went(user)
    clock.advance(AGAIN_S)
    said.clear()
    for user in ("ann", "bob", "eve"):
        gone.missing(user)
    assert said == ["ann", "eve"]


async def test_after_words_were_lost_it_is_said_again_who_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for all that was lost in a moment, and of those alone who left lately."""
    monkeypatch.setattr(departed, "DOUBTED_S", 0.01)
    gone, clock, said = departures()
    gone.went("bob")
    clock.advance(KNOWN_S)
    gone.went("ann")
    said.clear()
    gone.doubt()
    gone.doubt()
    async with asyncio.timeout(30):
        while not said:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.01)
    assert said == ["ann"]
