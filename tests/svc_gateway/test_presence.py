"""Presence: who is seen how, by whom, and that it heals."""

import time
from pathlib import Path

import pytest

from mesh.broker import topic_of
from parley.event.v1.event_pb2 import ContactChange, NodeEvent, PresenceChange
from parley.gateway.v1.frame_pb2 import Availability as Seen
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, Presence, WatchPresence
from svc_gateway.application import comings
from svc_gateway.application.comings import WISHES
from svc_gateway.application.presence import LOOK_S
from svc_gateway.domain import MAX_WATCHED
from tests.svc_gateway.test_sessions import gone, tell
from tests.svc_message.device import Device, direct, new_device
from tests.svc_message.world import World, eventually, process, world

ONLINE, AWAY, OFFLINE = Seen.AVAILABILITY_ONLINE, Seen.AVAILABILITY_AWAY, Seen.AVAILABILITY_OFFLINE


async def watch(watcher: Device, *users: Device) -> None:
    """Watch these users."""
    await watcher.say(ClientFrame(watch_presence=WatchPresence(user_ids=[one.user_id for one in users])))


def seen(watcher: Device, user: Device) -> list[Seen.ValueType]:
    """How the watcher saw the user, one after the other."""
    return [one.availability for one in watcher.received.presence if one.user_id == user.user_id]


def last(watcher: Device, user: Device) -> Presence:
    """How the watcher saw the user last."""
    return [one for one in watcher.received.presence if one.user_id == user.user_id][-1]


async def be_seen(mesh: World, user: Device, how: Seen.ValueType) -> None:
    """Say how to be seen, and let the nodes know as the user service does."""
    await user.say(ClientFrame(availability=how))
    await eventually(lambda: kept(mesh, user, how))
    await tell(mesh, NodeEvent(contacts=[ContactChange(user_id=user.user_id)]))


async def kept(mesh: World, user: Device, how: Seen.ValueType) -> bool:
    """Whether the user service knows it."""
    profile = mesh.directory.seen_as.get(user.user_id)
    return profile is not None and int(profile.seen_as) == int(how)


async def until_told(watcher: Device, teller: Device) -> None:
    """Wait until all that was said of others before has come too: words about users travel in their order."""
    before = len(seen(watcher, teller))
    await teller.connect()
    await watcher.until(lambda: len(seen(watcher, teller)) > before)


async def test_a_user_who_is_away_is_seen_as_away_until_they_say_otherwise(mesh: World) -> None:
    """The wish belongs to the user: it outlives the stream, and another device of theirs changes it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    await watch(bob, ann)
    await bob.until(lambda: seen(bob, ann) == [ONLINE])
    await be_seen(mesh, ann, AWAY)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, AWAY])
    await ann.leave()
    await bob.until(lambda: seen(bob, ann)[-1] == OFFLINE)
    await ann.connect()
    await bob.until(lambda: seen(bob, ann) == [ONLINE, AWAY, OFFLINE, AWAY])
    tablet = await new_device(mesh, ann.user_id).connect()
    await be_seen(mesh, tablet, ONLINE)
    await bob.until(lambda: seen(bob, ann)[-1] == ONLINE)


async def test_who_is_invisible_looks_offline_and_never_flashes(mesh: World) -> None:
    """Reconnecting, leaving and watching anew show the same as when they became invisible: offline, seen then."""
    ann, bob, eve = await new_device(mesh).connect(), await new_device(mesh).connect(), new_device(mesh)
    await watch(bob, ann, eve)
    await bob.until(lambda: len(bob.received.presence) == 2)
    await be_seen(mesh, ann, OFFLINE)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE])
    since = last(bob, ann).last_seen_ms
    assert since == mesh.directory.seen_as[ann.user_id].seen_as_at_ms > 0
    await ann.leave()
    mesh.clock.advance(5)
    await ann.connect()
    await until_told(bob, eve)
    assert seen(bob, ann) == [ONLINE, OFFLINE]
    late = await new_device(mesh).connect()
    for _ in range(2):
        await watch(late, ann)
        await late.until(lambda: bool(seen(late, ann)))
        assert (last(late, ann).availability, last(late, ann).last_seen_ms) == (OFFLINE, since)
        await ann.leave()
        late.received.ClearField("presence")


async def test_a_user_is_online_while_any_device_is(mesh: World) -> None:
    """With two devices the first may go unnoticed; with the last one the user goes, and it is known when."""
    phone, bob, eve = await new_device(mesh).connect(), await new_device(mesh).connect(), new_device(mesh)
    tablet = await new_device(mesh, phone.user_id).connect()
    await watch(bob, phone, eve)
    await bob.until(lambda: len(bob.received.presence) == 2)
    await phone.leave()
    mesh.clock.advance(2)
    await until_told(bob, eve)
    assert seen(bob, phone) == [ONLINE]
    began = int(time.time() * 1_000)
    await tablet.leave()
    await bob.until(lambda: seen(bob, phone) == [ONLINE, OFFLINE])
    late = await new_device(mesh).connect()
    await watch(late, phone)
    await late.until(lambda: bool(seen(late, phone)))
    assert last(late, phone).last_seen_ms == last(bob, phone).last_seen_ms >= began


async def test_a_phone_that_connects_again_at_once_does_not_blink(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A break that is shorter than the patience is not told to those who watch."""
    monkeypatch.setattr(comings, "LEFT_S", 30.0)  # one second is too short for a test on a busy machine
    ann, bob, eve = await new_device(mesh).connect(), await new_device(mesh).connect(), new_device(mesh)
    await watch(bob, ann, eve)
    await bob.until(lambda: len(bob.received.presence) == 2)
    await ann.leave()
    await eventually(lambda: gone(mesh, f"route/{ann.user_id}"))
    await until_told(bob, eve)
    await ann.connect()
    mesh.clock.advance(31)
    tablet = await new_device(mesh, eve.user_id).connect()
    await eve.leave()
    await tablet.leave()
    mesh.clock.advance(31)
    await bob.until(lambda: seen(bob, eve)[-1] == OFFLINE)
    assert seen(bob, ann) == [ONLINE]


async def test_who_may_see_whom_is_asked_again_when_something_changes(mesh: World) -> None:
    """A block ends what is shown at once, like going offline; its end shows again, without a new subscription."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    await watch(bob, ann)
    await bob.until(lambda: seen(bob, ann) == [ONLINE])
    between = NodeEvent(contacts=[ContactChange(user_id=ann.user_id, other_id=bob.user_id)])
    mesh.directory.hidden.add(ann.user_id)
    await tell(mesh, between)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE])
    assert last(bob, ann).last_seen_ms == 0
    await eventually(lambda: nobody_cares(mesh, ann))
    mesh.directory.hidden.clear()
    await tell(mesh, between)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE, ONLINE])


async def nobody_cares(mesh: World, user: Device) -> bool:
    """Whether no node wants to hear of the user."""
    return not await mesh.backends.kv.read([f"interest/presence/{user.user_id}"])


async def test_settings_end_what_is_shown_to_everybody(mesh: World) -> None:
    """A user who hides their presence is offline for all who watch."""
    ann, *others = [await new_device(mesh).connect() for _ in range(3)]
    for other in others:
        await watch(other, ann)
        await other.until(lambda other=other: seen(other, ann) == [ONLINE])  # type: ignore[misc]
    mesh.directory.hidden.add(ann.user_id)
    await tell(mesh, NodeEvent(contacts=[ContactChange(user_id=ann.user_id)]))
    for other in others:
        await other.until(lambda other=other: seen(other, ann) == [ONLINE, OFFLINE])  # type: ignore[misc]


async def test_g40_nobody_watches_ten_thousand(mesh: World) -> None:
    """G40: more than the limit is refused with what to do, the list of before stays, the rest of the frame counts."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    await watch(bob, ann)
    await bob.until(lambda: seen(bob, ann) == [ONLINE])
    many = WatchPresence(user_ids=[f"u{number:015}" for number in range(10_000)])
    began = time.process_time()
    await bob.say(ClientFrame(watch_presence=many, heartbeat=Heartbeat()))
    await bob.until(lambda: bool(bob.received.errors) and bob.received.HasField("heartbeat"))
    [refused] = bob.received.errors
    assert (refused.field, refused.error.reason) == ("watch_presence", "WATCH_LIMIT_REACHED")
    assert str(MAX_WATCHED) in refused.error.message
    assert time.process_time() - began < 1
    await ann.leave()
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE])


async def test_a_lost_word_is_found_again(mesh: World) -> None:
    """What a watcher was told and is not so, since the word after it got lost, is put right by a look now and then."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    await watch(bob, ann)
    await bob.until(lambda: seen(bob, ann) == [ONLINE])
    await tell(mesh, NodeEvent(presences=[PresenceChange(user_id=ann.user_id, online=False, seen_ms=1)]))
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE])
    mesh.clock.advance(LOOK_S)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE, ONLINE])


async def test_watchers_on_another_node_see_the_same(tmp_path: Path) -> None:
    """Coming, wishing and going reach a watcher who is connected elsewhere."""
    async with world(tmp_path) as made, process(made, "message", "gateway") as first:
        made.connect(first)
        ann = await new_device(made).connect()
        async with process(made, "gateway", number=2) as second:
            made.connect(second)
            bob = await new_device(made).connect()
            await watch(bob, ann)
            await bob.until(lambda: seen(bob, ann) == [ONLINE])
            await ann.say(ClientFrame(availability=AWAY))
            await eventually(lambda: kept(made, ann, AWAY))
            change = NodeEvent(contacts=[ContactChange(user_id=ann.user_id)]).SerializeToString()
            for node in made.backends.registry.nodes("gateway"):
                await made.backends.broker.publish(topic_of(node), change)
            await bob.until(lambda: seen(bob, ann) == [ONLINE, AWAY])
            await ann.leave()
            await bob.until(lambda: seen(bob, ann) == [ONLINE, AWAY, OFFLINE])
            await bob.leave()


async def test_wishes_are_bounded(mesh: World) -> None:
    """Who changes how they are seen all the time is told when to come again, and nothing else of theirs suffers."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    for number in range(WISHES.burst + 2):
        await ann.say(ClientFrame(availability=(ONLINE, AWAY)[number % 2]))
    await ann.until(lambda: bool(ann.received.errors))
    assert {(one.field, one.error.reason) for one in ann.received.errors} == {("availability", "RATE_LIMITED")}
    assert ann.received.errors[0].error.retry_after_ms > 0
    assert await ann.post(direct(ann, bob)) == 1
