"""Devices where nothing happens: they speak rarely, and lack nothing for longer than others."""

import asyncio

import pytest

from buf.validate import validate_pb2
from mesh.clock import FakeClock
from mesh.errors import MeshError
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, ServerFrame
from svc_gateway.application import digests as digests_module
from svc_gateway.application.digests import Digests
from svc_gateway.application.hub import Hub
from svc_gateway.application.quiet import QuietDevices, beat, quiet_digest
from svc_gateway.application.session import Session
from svc_gateway.application.turns import Turns
from svc_gateway.application.window import Window
from svc_gateway.domain import Identity, Limits
from svc_gateway.servicer.check import UNLIMITED
from svc_message.application.sync.catch_up import weight
from tests.svc_gateway.test_browsers import Browser
from tests.svc_gateway.test_digests import Owners, encode
from tests.svc_message.device import Device, direct, new_device
from tests.svc_message.world import World

LIMITS = Limits()


def session(ref: int = 1) -> Session:
    """A session that writes nowhere."""

    async def write(_: bytes) -> None: ...

    made = Session(ref, Identity(f"u{ref}", "d", "s", 1), LIMITS, Turns(), Window(LIMITS), write, lambda _: b"")
    made.last_seen = 7.0
    return made


async def test_a_digest_holds_until_something_happens() -> None:
    """It is what the device has for as long as nothing came, went, or was on its way when it was said."""
    quiet = session()
    assert quiet_digest(quiet) == 0
    beat(quiet, 99)
    quiet.push_signal(b"typing")
    assert quiet_digest(quiet) == 99
    quiet.push_entries(ServerFrame().SerializeToString(), 1)
    assert quiet_digest(quiet) == 0
    await quiet.drain()
    assert quiet_digest(quiet) == 0


@pytest.mark.parametrize("what", ["a frame", "a send", "a resume", "lagging", "no digest"])
async def test_what_ends_a_digest(what: str) -> None:
    """A frame since, a send without an answer, entries in an answer, a dropped queue: the digest may be wrong then."""
    spoken = session()
    match what:
        case "a send":
            spoken.let_in(1)
        case "lagging":
            spoken.push_entries(b"x" * (LIMITS.queue_bytes + 1), 1)
    beat(spoken, 0 if what == "no digest" else 99)
    match what:
        case "a frame":
            spoken.last_seen = 8.0
        case "a resume":
            spoken.answer(b"", settled=0, entries=3)
        case "a send":
            spoken.settle(1)
    assert quiet_digest(spoken) == 0


async def test_each_quiet_device_is_compared_once_in_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of them at a time; who does not say what it has is left alone."""
    clock, owners = FakeClock(), Owners()
    hub, digests = Hub(clock), Digests(owners, encode)
    for ref in range(1, 201):
        hub.add(one := session(ref))
        beat(one, 0 if ref % 10 == 0 else ref)
    monkeypatch.setattr(digests_module, "MOST", 1)
    task = asyncio.create_task(QuietDevices(hub, digests, clock, 55.0).run())
    for _ in range(3):
        parts = await _asked(clock, owners, 55)
        assert sorted(ref for part in parts for ref in part) == [ref for ref in range(1, 201) if ref % 10]
        assert max(map(len, parts)) <= 19
    task.cancel()


async def _asked(clock: FakeClock, owners: Owners, seconds: int) -> list[list[int]]:
    """Let time pass; who was compared in each of its seconds."""
    parts = []
    for _ in range(seconds):
        owners.sent.clear()
        await asyncio.sleep(0)
        clock.advance(1)
        for _ in range(5):
            await asyncio.sleep(0)
        if asked := [one.ref for _, request in owners.sent for one in request.digests]:
            parts.append(asked)
    return parts


async def _beat(device: Device, digest: int) -> None:
    """Say what it has, and wait for the answer."""
    device.received.ClearField("heartbeat")
    await device.say(ClientFrame(heartbeat=Heartbeat(digest=digest)))
    await device.until(lambda: device.received.HasField("heartbeat"))


async def test_a_quiet_device_hears_that_it_lacks_something(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway goes on comparing what a device said last: one that lacks an entry is told again and again, one that
    has all is not, and each says nothing meanwhile.
    """
    monkeypatch.setattr(digests_module, "JOIN_S", 0.01)
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    await bob.entry(chat, 1)
    await _beat(ann, weight(chat))
    await _beat(bob, weight(chat) - 1)
    await bob.until(lambda: bob.received.heartbeat.stale)
    ann.received.ClearField("heartbeat")
    for _ in range(2):
        bob.received.ClearField("heartbeat")
        await _hears_within(150, mesh, bob)
    assert not ann.received.HasField("heartbeat")


async def _hears_within(seconds: int, mesh: World, device: Device) -> None:
    """Let time pass, and no more than this, until the device hears that it lacks something."""
    for _ in range(0, seconds, 5):
        if not device.received.heartbeat.stale:
            mesh.clock.advance(5)
            await asyncio.sleep(0.02)
    await device.until(lambda: device.received.heartbeat.stale)  # which takes a busy machine a while longer


async def test_a_quiet_device_keeps_its_stream(mesh: World) -> None:
    """Between two heartbeats of a quiet device its stream lasts, and it hears how long it may be quiet."""
    ann = await new_device(mesh).connect()
    assert ann.received.welcome.quiet_interval_ms == 420_000
    mesh.clock.advance(230)
    await _beat(ann, 0)
    assert await ann.post(f"{ann.user_id}-{ann.user_id}") == 1


async def test_a_browser_is_not_quiet(mesh: World) -> None:
    """Nobody pings its connection: it gives a sign of life each 55 s, or is given up after two of them."""
    ann, bob = await Browser(new_device(mesh)).opened(), await Browser(new_device(mesh)).opened()
    assert ann.received.welcome.quiet_interval_ms == 0
    for _ in range(3):
        mesh.clock.advance(50)
        await ann.submit(ClientFrame(heartbeat=Heartbeat()))
    with pytest.raises(MeshError) as end:
        await asyncio.wait_for(bob.to_the_end(), 30)
    assert end.value.reason == "HEARTBEAT_MISSED"
    await ann.submit(ClientFrame(heartbeat=Heartbeat()))


def test_what_an_idle_device_says_has_no_limits() -> None:
    """The fields that are not held to the rules have none, nor have those of the messages in them."""
    fields = [ClientFrame.DESCRIPTOR.fields_by_name[name] for name in UNLIMITED]
    within = [one for field in fields if field.message_type for one in field.message_type.fields]
    assert within
    assert not [one.name for one in (*fields, *within) if one.GetOptions().HasExtension(validate_pb2.field)]
