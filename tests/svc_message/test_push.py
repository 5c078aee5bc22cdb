"""Who is notified of a message while none of their devices is connected, and when."""

from functools import partial
from pathlib import Path

from parley.gateway.v1.frame_pb2 import ClientFrame, Mark
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import Send, SendRequest
from tests.svc_message import groups, push_scene
from tests.svc_message.device import direct, edit, new_device, post, recall
from tests.svc_message.push_scene import heard, let_go, outcomes, phone, pushing_slowly
from tests.svc_message.receiver import Hook
from tests.svc_message.world import World, eventually

PAUSE_S = 600.0


mesh = push_scene.mesh
slow = push_scene.slow


async def test_who_is_away_is_told(slow: World, carrier: Hook) -> None:
    """A user without a device gets one notification for what came in a moment: the last text, who wrote, the badge."""
    ann, bob = await phone(slow, "Ann").connect(), phone(slow, "Bob")
    chat = direct(ann, bob)
    await ann.seqs(post(chat, "one"), post(chat, "two"), post(chat, " three\n\nlines "))
    await let_go(slow, lambda: carrier.bodies)
    [told] = carrier.bodies
    assert told.pop("sentAtMs")
    assert told.pop("expiresAtMs")
    assert told == {
        "notificationId": f"m-{bob.device_id}-{chat}-3",
        "kind": "KIND_MESSAGE",
        "userId": bob.user_id,
        "deviceId": bob.device_id,
        "provider": "PUSH_PROVIDER_APNS",
        "token": "token of Bob",
        "appId": "com.example",
        "conversationId": chat,
        "seq": "3",
        "senderId": ann.user_id,
        "senderName": "Ann",
        "text": "three lines",
        "badge": 3,
        "collapseKey": chat,
    }


async def test_the_badge_counts_all_conversations(slow: World, carrier: Hook) -> None:
    """The badge is what is unread everywhere, without what was read and without one's own."""
    ann, eve = await phone(slow, "Ann").connect(), await phone(slow, "Eve").connect()
    bob = phone(slow, "Bob")
    chat, other = direct(ann, bob), direct(eve, bob)
    await ann.seqs(post(chat, "one"), post(chat, "two"))
    await bob.mark_read(chat, 1)
    await bob.do(slow.messages.Send, SendRequest(send=post(chat, "my own")))
    await let_go(slow, lambda: len(carrier.bodies) == 1)
    await eve.post(other)
    await let_go(slow, lambda: len(carrier.bodies) == 2)
    assert [(told["text"], told["badge"]) for told in carrier.bodies] == [("two", 1), ("hello", 2)]
    assert {told["userId"] for told in carrier.bodies} == {bob.user_id}


async def test_who_is_connected_is_not_told(mesh: World, carrier: Hook) -> None:
    """A user with a device on a stream gets nothing, nobody is asked about them, and neither does the sender."""
    ann, bob = await phone(mesh, "Ann").connect(), await phone(mesh, "Bob").connect()
    eve = phone(mesh, "Eve")
    await ann.post(direct(ann, bob))
    await ann.post(direct(ann, eve))
    await carrier.until(lambda: carrier.bodies)
    assert [told["userId"] for told in carrier.bodies] == [eve.user_id]
    assert set(mesh.directory.targets_asked) == {eve.user_id}


async def test_who_comes_back_in_time_is_not_told(slow: World, carrier: Hook) -> None:
    """A device that was away for a moment gets the message by its stream alone."""
    ann, bob = await phone(slow, "Ann").connect(), phone(slow, "Bob")
    await ann.post(direct(ann, bob))
    await bob.connect()
    await let_go(slow, lambda: outcomes(slow).get("online"))
    assert carrier.tried == []


async def test_what_was_read_meanwhile_is_not_told(slow: World, carrier: Hook) -> None:
    """Who has read it, wherever, is not told of it any more."""
    ann, bob = await phone(slow, "Ann").connect(), phone(slow, "Bob")
    seq = await ann.post(direct(ann, bob))
    await bob.mark_read(direct(ann, bob), seq)
    await let_go(slow, lambda: outcomes(slow).get("read"))
    assert carrier.tried == []


async def test_somebody_who_writes_a_lot_rings_now_and_then(tmp_path: Path, carrier: Hook) -> None:
    """Between two notifications of a conversation there is a pause, and the second one has all that came in it: what
    came later in another conversation is told before.
    """
    async with pushing_slowly(tmp_path, carrier.url, PAUSE_S) as slow:
        ann, bob, eve = await phone(slow, "Ann").connect(), phone(slow, "Bob"), phone(slow, "Eve")
        await ann.post(direct(ann, bob))
        await let_go(slow, lambda: carrier.bodies)
        for _ in range(4):
            await ann.post(direct(ann, bob))
        await ann.post(direct(ann, eve))
        await let_go(slow, lambda: len(carrier.bodies) == 2)
        await let_go(slow, lambda: len(carrier.bodies) == 3, PAUSE_S / 20)
    told = [(one["userId"], one["badge"]) for one in carrier.bodies]
    assert told == [(bob.user_id, 1), (eve.user_id, 1), (bob.user_id, 5)]


async def test_who_was_on_a_dead_connection_is_told_when_it_is_noticed(mesh: World, carrier: Hook) -> None:
    """What was sent to a stream that nobody reads any more is told when the gateway gives the device up, once."""
    ann, bob = await phone(mesh, "Ann").connect(), await phone(mesh, "Bob").connect(window=1)
    chat = direct(ann, bob)
    await ann.post(chat, "heard")
    await bob.entry(chat, 1)
    await bob.say(ClientFrame(received=[Mark(conversation_id=chat, seq=1)]))
    await eventually(partial(heard, ann, chat, bob.user_id, 1))
    await ann.post(chat, "lost")
    await bob.leave()
    await let_go(mesh, lambda: carrier.bodies)
    [told] = carrier.bodies
    assert (told["text"], told["seq"], told["badge"]) == ("lost", "2", 2)
    await bob.connect()
    await bob.leave()
    await let_go(mesh, lambda: outcomes(mesh).get("told before"))
    assert len(carrier.tried) == 1


async def test_what_was_received_is_not_told_when_a_device_goes(mesh: World, carrier: Hook) -> None:
    """Of two who go at the same moment only the one is told whose device has not received what came."""
    ann, bob, eve = [await phone(mesh, name).connect() for name in ("Ann", "Bob", "Eve")]
    chat, other = direct(ann, bob), direct(ann, eve)
    await ann.post(chat, "heard")
    await ann.post(other, "lost")
    await bob.entry(chat, 1)
    await bob.say(ClientFrame(received=[Mark(conversation_id=chat, seq=1)]))
    await eventually(partial(heard, ann, chat, bob.user_id, 1))
    await bob.leave()
    await eve.leave()
    await let_go(mesh, lambda: carrier.bodies)
    await ann.post(chat, "afterwards")
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [told["text"] for told in carrier.tried] == ["lost", "afterwards"]


async def test_what_was_changed_meanwhile_is_told_as_it_is(slow: World, carrier: Hook) -> None:
    """A post that is recalled at once is not told, and of one that is edited the new text."""
    ann, bob = await phone(slow, "Ann").connect(), phone(slow, "Bob")
    chat = direct(ann, bob)
    [first, last] = await ann.seqs(post(chat, "helo"), post(chat, "my secret"))
    await ann.seqs(edit(chat, first, "hello"))
    await ann.seqs(recall(chat, last))
    await let_go(slow, lambda: carrier.bodies)
    assert [(told["text"], told["badge"]) for told in carrier.tried] == [("hello", 1)]


async def test_who_left_is_found_to_be_away_at_once(mesh: World, carrier: Hook) -> None:
    """A message right after a device has gone is told, although the node had remembered where it was."""
    ann, bob = await phone(mesh, "Ann").connect(), await phone(mesh, "Bob").connect()
    chat = direct(ann, bob)
    seq = await ann.post(chat)
    await bob.entry(chat, seq)
    await bob.mark_read(chat, seq)
    await bob.leave()
    await eventually(partial(unrouted, mesh, bob.user_id))
    await ann.post(chat, "are you there?")
    await carrier.until(lambda: carrier.bodies)
    assert [told["text"] for told in carrier.bodies] == ["are you there?"]


async def unrouted(mesh: World, user_id: str) -> bool:
    """Whether no device of a user is anywhere."""
    return not (await mesh.backends.kv.read([f"route/{user_id}"])).get(f"route/{user_id}")


async def test_a_group_tells_its_members_who_are_away(mesh: World, carrier: Hook) -> None:
    """Members who are away are told, with a mark for those whom a post addresses; who left is not."""
    ann, bob, eve, joe = await phone(mesh, "Ann").connect(), *(phone(mesh, name) for name in ("Bob", "Eve", "Joe"))
    group = await groups.make(mesh, ann, bob, eve, joe)
    await groups.kick(mesh, group, joe)
    named = Content(post=Post(body=Body(text=Text(text="look")), mentioned_user_ids=[eve.user_id]))
    await ann.seqs(Send(conversation_id=group, client_message_id=1, content=named))
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert {told["userId"]: told.get("mention", False) for told in carrier.bodies} == {
        bob.user_id: False,
        eve.user_id: True,
    }


async def test_reading_elsewhere_puts_the_icon_right(slow: World, carrier: Hook) -> None:
    """Who was told and then reads gets one silent notification with the new badge; who was told nothing gets none."""
    ann, bob, eve = await phone(slow, "Ann").connect(), phone(slow, "Bob"), await phone(slow, "Eve").connect()
    chat = direct(ann, bob)
    [first, last] = await ann.seqs(post(chat), post(chat))
    await let_go(slow, lambda: carrier.bodies)
    desk = new_device(slow, bob.user_id)
    await desk.mark_read(chat, first)
    await desk.mark_read(chat, last)
    await eve.mark_read(direct(ann, eve), await ann.post(direct(ann, eve)))
    await let_go(slow, lambda: len(carrier.bodies) == 2)
    cleared = carrier.bodies[1]
    assert (cleared["kind"], cleared["conversationId"], cleared["seq"]) == ("KIND_BADGE", chat, str(last))
    assert (cleared.get("badge", 0), cleared["silent"], "text" in cleared) == (0, True, False)
    await desk.mark_read(chat, last)
    await ann.post(chat)
    await let_go(slow, lambda: len(carrier.bodies) == 3)
    assert carrier.bodies[2]["kind"] == "KIND_MESSAGE"
