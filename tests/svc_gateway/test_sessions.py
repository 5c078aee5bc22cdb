"""How streams live and end: tokens, heartbeats, replacement, revocation, drain."""

import asyncio
import contextlib
from pathlib import Path

import grpc

from mesh.broker import node_topic, topic_of
from mesh.errors import Code
from mesh.revocations import KeyValueRevocations
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.event.v1.event_pb2 import Deliveries, Eviction, NodeEvent, Revocation
from parley.gateway.v1.frame_pb2 import Availability as Seen
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, Hello, Typing, WatchPresence
from parley.user.v1.session_pb2 import SESSION_END_DISPLACED, SESSION_END_PASSWORD_CHANGED
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.world import World, eventually, process, world

ONLINE, OFFLINE = Seen.AVAILABILITY_ONLINE, Seen.AVAILABILITY_OFFLINE


async def test_a_newer_stream_of_the_device_replaces_the_older(mesh: World) -> None:
    """The older stream is told the number of the newer one and ends with ABORTED; nothing between is lost."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    newer = await new_device(mesh, ann.user_id).connect()
    newer.device_id = ann.device_id
    await newer.leave()
    await newer.connect()
    end = await ann.ended()
    assert (end.code, end.reason) == (Code.ABORTED, "STREAM_REPLACED")
    assert ann.received.replaced.epoch == newer.received.welcome.epoch > ann.received.welcome.epoch
    chat = direct(ann, bob)
    await bob.post(chat)
    await newer.entry(chat, 1)


async def test_a_device_that_moved_is_closed_by_the_other_node(tmp_path: Path) -> None:
    """A stream on another gateway wins: the older one is closed by an event, and deliveries follow the device."""
    async with world(tmp_path) as made, process(made, "message", "gateway") as first:
        made.connect(first)
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        async with process(made, "gateway", number=2) as second:
            made.connect(second)
            moved = new_device(made, ann.user_id)
            moved.device_id = ann.device_id
            await moved.connect()
            end = await ann.ended()
            assert (end.reason, ann.received.replaced.epoch) == ("STREAM_REPLACED", moved.received.welcome.epoch)
            await bob.post(direct(ann, bob))
            await moved.entry(direct(ann, bob), 1)
            # The second gateway reaches the message node a moment after it began to serve.
            await eventually(lambda: _took_place(moved, direct(ann, bob), 2))
            for device in (ann, bob, moved):
                await device.leave()


async def test_a_device_that_comes_to_another_node_hears_at_once(tmp_path: Path) -> None:
    """A user who is online at one gateway opens a device at another, and it is found there at once, though the message
    node has used an older route.
    """
    async with world(tmp_path) as made, process(made, "message", "gateway") as first:
        made.connect(first)
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        chat = direct(ann, bob)
        await bob.post(chat)
        await ann.entry(chat, 1)
        async with process(made, "gateway", number=2) as second:
            made.connect(second)
            other = await new_device(made, ann.user_id).connect()
            # The word that ann has come travels beside the welcome, and may be a moment later.
            await eventually(lambda: _heard(bob, other, chat))
            for device in (ann, bob, other):
                await device.leave()


async def _heard(writer: Device, reader: Device, chat: str) -> bool:
    """Write something; whether the reader has heard of anything by now."""
    await writer.post(chat)
    return bool(reader.entries(chat))


async def _took_place(writer: Device, chat: str, seq: int) -> bool:
    """Write something; whether it was taken, at this place."""
    [result] = await writer.results(post(chat))
    return result.seq == seq


async def gone(mesh: World, key: str) -> bool:
    """Whether the cache has nothing under this key."""
    return not await mesh.backends.kv.read([key])


async def tell(mesh: World, event: NodeEvent) -> None:
    """Publish to the topic of the gateway."""
    [gateway] = mesh.backends.registry.nodes("gateway")
    await mesh.backends.broker.publish(node_topic(gateway.id, gateway.boot_id), event.SerializeToString())


async def test_a_device_is_told_why_its_session_ended(mesh: World) -> None:
    """At once when it is connected, and when it comes back when it was not."""
    ann, away = await new_device(mesh).connect(), new_device(mesh)
    mesh.directory.ended.add(away.session_id)
    mesh.directory.ends[away.session_id] = SESSION_END_DISPLACED
    await KeyValueRevocations(mesh.backends.kv, mesh.clock).revoke(away.session_id)
    word = Revocation(user_id=ann.user_id, session_id=ann.session_id, end=SESSION_END_PASSWORD_CHANGED)
    await tell(mesh, NodeEvent(revocations=[word]))
    await away.open(ClientFrame(hello=Hello(access_token=away.token, protocol_version=1)))
    for device, why in ((ann, "PASSWORD_CHANGED"), (away, "DISPLACED")):
        end = await device.ended()
        assert (end.code, end.reason) == (Code.UNAUTHENTICATED, "SESSION_REVOKED")
        assert end.metadata["end"] == why


async def test_an_old_eviction_closes_nothing(mesh: World) -> None:
    """Only a larger number closes a stream: late, repeated and unreadable events do no harm."""
    ann = await new_device(mesh).connect()
    epoch = ann.received.welcome.epoch
    [gateway] = mesh.backends.registry.nodes("gateway")
    await mesh.backends.broker.publish(topic_of(gateway), b"\xff\xff not an event")
    await tell(mesh, NodeEvent(for_devices=Deliveries(conversation_ids=["c"], users=[3], parts=[2])))
    for number in (epoch - 1, epoch):
        await tell(mesh, NodeEvent(evictions=[Eviction(user_id=ann.user_id, device_id=ann.device_id, epoch=number)]))
    assert await ann.post(f"{ann.user_id}-{ann.user_id}") == 1
    await tell(mesh, NodeEvent(evictions=[Eviction(user_id=ann.user_id, device_id=ann.device_id, epoch=epoch + 1)]))
    assert (await ann.ended()).reason == "STREAM_REPLACED"


async def test_a_revoked_session_is_closed(mesh: World) -> None:
    """The stream of a session that was ended closes with SESSION_REVOKED, the user's other one stays."""
    ann = await new_device(mesh).connect()
    other = await new_device(mesh, ann.user_id).connect()
    await tell(mesh, NodeEvent(revocations=[Revocation(user_id=ann.user_id, session_id=ann.session_id)]))
    end = await ann.ended()
    assert (end.code, end.reason) == (Code.UNAUTHENTICATED, "SESSION_REVOKED")
    assert await other.post(f"{ann.user_id}-{ann.user_id}") == 1


async def test_silence_ends_a_stream(mesh: World) -> None:
    """Two heartbeats missed, those of a quiet device, end a stream; a device that gives signs of life keeps it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    for _ in range(4):
        assert ann.end is None
        mesh.clock.advance(220)
        await bob.say(ClientFrame(heartbeat=Heartbeat()))
        await bob.until(lambda: bob.received.HasField("heartbeat"))
        bob.received.ClearField("heartbeat")
    end = await ann.ended()
    assert (end.code, end.reason) == (Code.DEADLINE_EXCEEDED, "HEARTBEAT_MISSED")
    assert await bob.post(f"{bob.user_id}-{bob.user_id}") == 1


async def test_a_token_that_ends_ends_the_stream_unless_it_is_renewed(mesh: World) -> None:
    """A42: A stream lives as long as its token; a fresh one of the same session prolongs it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    for step in range(24):
        mesh.clock.advance(40)
        fresh = bob.token if step == 18 else ""
        await bob.say(ClientFrame(heartbeat=Heartbeat(), access_token=fresh))
        await bob.until(lambda: bob.received.HasField("heartbeat"))
        bob.received.ClearField("heartbeat")
        with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):  # its stream has ended by now
            await ann.say(ClientFrame(heartbeat=Heartbeat()))
            await ann.until(lambda: ann.received.HasField("heartbeat") or ann.end)
        ann.received.ClearField("heartbeat")
    assert (await ann.ended()).code in {Code.UNAUTHENTICATED, Code.INTERNAL}  # the latter when a write met the end
    assert await bob.post(f"{bob.user_id}-{bob.user_id}") == 1


async def test_a_token_of_another_session_ends_the_stream(mesh: World) -> None:
    """A renewal with a token that is not of this session, or is none, is refused with UNAUTHENTICATED."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    tokens = {
        new_device(mesh, ann.user_id).token: (ann, "SESSION_REVOKED"),
        new_device(mesh).token: (bob, "SESSION_REVOKED"),
        "nonsense": (eve, "TOKEN_INVALID"),
    }
    for token, (device, reason) in tokens.items():
        await device.say(ClientFrame(access_token=token))
        end = await device.ended()
        assert (end.code, end.reason) == (Code.UNAUTHENTICATED, reason)


async def test_a_renewal_that_nobody_can_confirm_keeps_the_stream(mesh: World) -> None:
    """While the user service is away the stream goes on with its present token, and is told to try again."""
    ann = await new_device(mesh).connect()
    mesh.directory.sessions_away = True
    await ann.say(ClientFrame(access_token=ann.token))
    await ann.until(lambda: ann.received.errors)
    assert ann.received.errors[0].field == "access_token"
    assert await ann.post(f"{ann.user_id}-{ann.user_id}") == 1


async def test_a_planned_stop_is_told_first(tmp_path: Path) -> None:
    """A gateway that stops tells its devices when to go, lets nobody in, and ends those that stay as DRAINING."""
    async with world(tmp_path) as made:
        leaving = process(made, "message", "gateway")
        made.connect(await leaving.__aenter__())
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        stopping = asyncio.create_task(leaving.__aexit__(None, None, None))
        await ann.until(lambda: ann.received.HasField("drain"))
        assert 0 < ann.received.drain.reconnect_within_ms <= 5_000
        await ann.leave(bye=True)
        late = new_device(made)
        await late.open(ClientFrame(hello={"access_token": late.token, "protocol_version": 1}))  # type: ignore[arg-type]
        assert (await late.ended()).code is Code.UNAVAILABLE
        while not stopping.done():
            made.clock.advance(1)
            await asyncio.wait({stopping}, timeout=0.05)
        end = await bob.ended()
        assert (end.code, end.reason) == (Code.UNAVAILABLE, "DRAINING")
        await stopping


async def test_good_bye_is_a_clean_end(mesh: World) -> None:
    """Bye ends the stream with OK; the others see the user go."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    await bob.say(ClientFrame(watch_presence=WatchPresence(user_ids=[ann.user_id])))
    await bob.until(lambda: bob.received.presence)
    await ann.leave(bye=True)
    assert ann.end is None or int(ann.end.code) == grpc.StatusCode.OK.value[0]
    await bob.until(lambda: bob.received.presence[-1].availability == OFFLINE)


async def test_presence_is_shown_to_who_watches_and_may_see(mesh: World) -> None:
    """Watchers get the present state and each change; who hides is left out, and others hear nothing."""
    bob, eve, hidden = new_device(mesh), new_device(mesh), new_device(mesh)
    mesh.directory.hidden.add(hidden.user_id)
    await hidden.connect()
    ann, dan = await new_device(mesh).connect(), await new_device(mesh).connect()
    await ann.say(ClientFrame(watch_presence=WatchPresence(user_ids=[bob.user_id, hidden.user_id])))
    await ann.until(lambda: ann.received.presence)
    assert [(p.user_id, p.availability) for p in ann.received.presence] == [(bob.user_id, OFFLINE)]
    await bob.connect()
    await ann.until(lambda: len(ann.received.presence) == 2)
    await bob.leave()
    await ann.until(lambda: len(ann.received.presence) == 3)
    states = [(p.user_id, p.availability, bool(p.last_seen_ms)) for p in ann.received.presence]
    assert states[1:] == [(bob.user_id, ONLINE, False), (bob.user_id, OFFLINE, True)]
    await ann.say(ClientFrame(watch_presence=WatchPresence(user_ids=[eve.user_id])))
    await ann.until(lambda: len(ann.received.presence) == 4)
    await bob.connect()
    await eve.connect()
    await ann.until(lambda: len(ann.received.presence) == 5)
    assert ann.received.presence[-1].user_id == eve.user_id
    assert not dan.received.presence


async def test_a_node_without_watchers_does_not_care(mesh: World) -> None:
    """When the last watcher has gone, the node does not ask for the user's presence any more."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    await ann.say(ClientFrame(watch_presence=WatchPresence(user_ids=[bob.user_id])))
    await ann.until(lambda: ann.received.presence)
    key = f"interest/presence/{bob.user_id}"
    assert await mesh.backends.kv.read([key])
    await ann.leave()
    await eventually(lambda: gone(mesh, key))


async def test_a_device_that_has_gone_has_no_route(mesh: World) -> None:
    """However a stream ends, its route goes with it."""
    ann = await new_device(mesh).connect()
    key = f"route/{ann.user_id}"
    assert await mesh.backends.kv.read([key])
    await ann.leave()
    await eventually(lambda: gone(mesh, key))


async def test_who_may_not_write_does_not_type(mesh: World) -> None:
    """In a chat of two nobody is shown the typing of whom they blocked, and of whom they would not be written by."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    mesh.directory.verdicts[eve.user_id, ann.user_id] = ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER
    await eve.say(ClientFrame(typing=[Typing(conversation_id=direct(ann, eve))]))
    [result] = await eve.results(post(direct(ann, eve)))
    assert result.error.reason == "RECEIVER_UNAVAILABLE"
    await bob.say(ClientFrame(typing=[Typing(conversation_id=direct(ann, bob))]))
    await ann.until(lambda: ann.received.typing)
    assert [one.user_id for one in ann.received.typing] == [bob.user_id]


async def test_typing_is_shown_to_the_others(mesh: World) -> None:
    """Typing goes to the other members with the name that the server knows, not to oneself and not from strangers."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    mine = await new_device(mesh, ann.user_id).connect()
    chat = direct(ann, bob)
    await eve.say(ClientFrame(typing=[Typing(conversation_id=chat)]))
    await ann.say(ClientFrame(typing=[Typing(conversation_id=chat, user_id=eve.user_id)]))
    await ann.say(ClientFrame(typing=[Typing(conversation_id=chat, stopped=True)]))
    await bob.until(lambda: len(bob.received.typing) == 2)
    assert [(t.user_id, t.stopped) for t in bob.received.typing] == [(ann.user_id, False), (ann.user_id, True)]
    await bob.seqs(post(chat))
    await mine.entry(chat, 1)
    assert not mine.received.typing
    assert not ann.received.typing
