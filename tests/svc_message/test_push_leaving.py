"""What a user is told who leaves while something comes for them: not what they have, and what they want to hear."""

from unittest import mock

from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.notice_pb2 import FriendNotice, GroupNotice
from tests.svc_message import groups, test_push_departures
from tests.svc_message.device import direct, new_device, send
from tests.svc_message.push_scene import counted, mute, phone
from tests.svc_message.receiver import Hook
from tests.svc_message.test_push_departures import left, lost_on, passed, texts
from tests.svc_message.test_push_notices import friend, group, write
from tests.svc_message.test_push_resume import node
from tests.svc_message.world import World

mesh = test_push_departures.mesh


async def test_what_was_read_elsewhere_before_the_look_is_not_told(mesh: World, carrier: Hook) -> None:
    """Of two posts that a leaving device did not receive, the one is told that was not read at the desk meanwhile."""
    bob = await phone(mesh, "Bob").connect()
    ann, eve = await lost_on(mesh, bob, "read"), await lost_on(mesh, bob, "not read")
    await left(mesh, bob)
    await new_device(mesh, bob.user_id).mark_read(direct(ann, bob), 1)
    await passed(mesh, lambda: carrier.bodies)
    assert [(one["conversationId"], one["badge"]) for one in carrier.tried] == [(direct(eve, bob), 1)]


async def test_one_of_two_devices_that_leaves_is_not_told(mesh: World, carrier: Hook) -> None:
    """As long as another device of the user is there, at whichever gateway, nobody is told; when that one goes too
    without having received it, the user is.
    """
    bob, eve = await phone(mesh, "Bob").connect(), await phone(mesh, "Eve").connect()
    desk = new_device(mesh, bob.user_id)
    async with node(mesh, 2, "gateway"):
        await desk.connect()
        await lost_on(mesh, bob, "for bob")
        await lost_on(mesh, eve, "for eve")
        await left(mesh, bob)
        await left(mesh, eve)
        await passed(mesh, lambda: carrier.bodies)
        assert texts(carrier) == ["for eve"]
        await left(mesh, desk)
        await passed(mesh, lambda: len(carrier.bodies) == 2)
    assert texts(carrier) == ["for eve", "for bob"]


async def test_a_mention_that_was_lost_in_a_muted_group_is_told(mesh: World, carrier: Hook) -> None:
    """Of a muted group who left is told what names them, and the rest neither rings nor counts."""
    ann, bob = await phone(mesh, "Ann").connect(), await phone(mesh, "Bob").connect()
    made = await groups.make(mesh, ann, bob)
    await mute(bob, made)
    named = Content(post=Post(body=Body(text=Text(text="Bob!")), mentioned_user_ids=[bob.user_id]))
    plain = Content(post=Post(body=Body(text=Text(text="noise"))))
    await bob.entry(made, max(await ann.seqs(send(made, named), send(made, plain))))
    await left(mesh, bob)
    await passed(mesh, lambda: carrier.bodies)
    assert [(one["text"], one["mention"], one.get("badge", 0)) for one in carrier.tried] == [("Bob!", True, 0)]


async def test_requests_and_invitations_that_were_lost_are_told(mesh: World, carrier: Hook) -> None:
    """What a leaving device did not receive of the personal log is told, each by what it is about, unless it was taken
    back before the look.
    """
    ann, eve, bob = phone(mesh, "Ann"), phone(mesh, "Eve"), await phone(mesh, "Bob").connect()
    await write(mesh, bob, friend(FriendNotice.KIND_REQUESTED, ann, greeting="hi"))
    await write(mesh, bob, friend(FriendNotice.KIND_REQUESTED, eve))
    await bob.entry(bob.user_id, await write(mesh, bob, group(GroupNotice.KIND_INVITED, ann.user_id)))
    await left(mesh, bob)
    await write(mesh, bob, friend(FriendNotice.KIND_WITHDRAWN, eve))
    await passed(mesh, lambda: len(carrier.bodies) == 2)
    assert sorted((one["kind"], one.get("text", "")) for one in carrier.tried) == [
        ("KIND_FRIEND_REQUEST", "hi"),
        ("KIND_GROUP_INVITATION", ""),
    ]


async def test_what_is_just_being_told_is_not_told_by_who_looks_back(mesh: World, carrier: Hook) -> None:
    """A device that comes and goes while its notification is on the way gets that one alone."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    carrier.answering.clear()
    await ann.post(direct(ann, bob), "once")
    await carrier.until(lambda: carrier.tried)
    await bob.connect()
    await left(mesh, bob)
    with mock.patch.object(mesh.backends.kv, "read", wraps=mesh.backends.kv.read) as asked:
        await passed(mesh, lambda: asked.call_count > 2)
    carrier.answering.set()
    await counted(mesh, "told before")
    assert texts(carrier) == ["once"]
