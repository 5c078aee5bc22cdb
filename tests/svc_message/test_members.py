"""C4 and C10: who gets what of a group, and that nobody else learns anything."""

from collections.abc import Awaitable
from functools import partial

import pytest

from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import ListConversationsRequest
from parley.gateway.v1.frame_pb2 import ClientFrame, Mark, Typing
from parley.message.v1.message_service_pb2 import Send, SendRequest, SendResponse
from tests.svc_message import groups
from tests.svc_message.device import Device, edit, new_device, post, reaction, recall
from tests.svc_message.world import World, refusal


async def test_newcomers_see_the_log_from_their_entry_on(mesh: World) -> None:
    """What was before stays hidden in pushes, history, sync and resume; with visible history all is shown."""
    owner, ann, bob = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, owner)
    await owner.seqs(post(team, "before"), post(team, "before"))
    joined = await groups.add(mesh, team, ann)
    assert joined == 4
    await owner.post(team, "after")
    assert (await ann.entry(team, 5)).content.post.body.text.text == "after"
    assert [e.seq for e in ann.entries(team)] == [4, 5]
    assert [e.seq for e in (await ann.history(team)).entries] == [4, 5]
    assert [e.seq for e in (await ann.history(team, from_seq=1, to_seq=3)).entries] == []
    page = await ann.sync([Position(conversation_id=team)])
    assert ([e.seq for e in page.entries], page.states[0].first_seq) == ([4, 5], 4)
    assert await ann.unread(team) == (1, 0)
    await groups.add(mesh, team, bob, history_visible=True)
    assert [e.seq for e in (await bob.history(team)).entries] == [1, 2, 3, 4, 5, 6]


async def test_who_is_removed_gets_that_entry_and_nothing_later(mesh: World) -> None:
    """The removal is the last entry that a removed member gets, by push, sync, history and list."""
    owner, ann = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, ann)
    await owner.post(team)
    await ann.mark_read(team, 2)
    left = await groups.kick(mesh, team, ann)
    await owner.seqs(post(team, "secret"), edit(team, 2, "secret"), recall(team, 2))
    chat = f"{min(ann.user_id, owner.user_id)}-{max(ann.user_id, owner.user_id)}"
    await owner.post(chat)
    await ann.entry(chat, 1)  # what was sent before it would be here by now
    assert [e.seq for e in ann.entries(team)] == [1, 2, 3]
    history = await ann.history(team)
    assert ([e.seq for e in history.entries], history.head_seq, len(history.amendments)) == ([1, 2, 3], left, 0)
    assert [e.seq for e in (await ann.history(team, from_seq=2, to_seq=99)).entries] == [2, 3]
    page = await ann.sync([Position(conversation_id=team)])
    assert [e.seq for e in page.entries] == [1, 2, 3]
    assert (page.states[0].head_seq, page.states[0].left_seq) == (left, left)
    listed = (await ann.do(mesh.conversations.ListConversations, ListConversationsRequest())).conversations
    seen = {one.conversation_id: one for one in listed}[team]
    assert (seen.head_seq, seen.left_seq, seen.last_entry.seq) == (left, left, left)
    for content in (post(team), edit(team, 2), recall(team, 2), reaction(team, 2)):
        assert await ann.refused(content) == "CONVERSATION_NOT_FOUND"
    assert await owner.post(team) == left + 4


async def test_a_removed_member_may_still_mark_what_they_see(mesh: World) -> None:
    """Who was a member marks as read up to the entry that removed them, and no further."""
    owner, ann = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, ann)
    await owner.post(team)
    left = await groups.kick(mesh, team, ann)
    await owner.post(team)
    assert await ann.mark_read(team, left) == left
    assert await ann.unread(team) == (0, 0)
    assert (await refusal(ann.mark_read(team, left + 1))).reason == "RANGE_INVALID"


async def test_who_comes_back_sees_on_from_there(mesh: World) -> None:
    """A member who joins again gets what follows, and not what was written meanwhile."""
    owner, ann = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, ann)
    left = await groups.kick(mesh, team, ann)
    await owner.post(team, "meanwhile")
    back = await groups.add(mesh, team, ann)
    assert await ann.post(team, "back") == back + 1
    assert [e.seq for e in ann.entries(team)] == [1, left, back]
    assert [e.seq for e in (await ann.history(team)).entries] == [back, back + 1]
    resumed = await ann.resume(Position(conversation_id=team, seq=left))
    assert resumed.reset_conversation_ids == []
    assert [e.seq for e in (await ann.sync([Position(conversation_id=team, seq=left)])).entries] == [back, back + 1]


def answered(device: Device, conversation_id: str, count: int) -> bool:
    """Whether so many sends to the conversation were answered."""
    return sum(result.conversation_id == conversation_id for result in device.received.results) == count


async def test_sends_after_a_removal_in_the_same_moment(mesh: World) -> None:
    """Of what a member sends while being removed, nothing stands behind the removal."""
    owner, ann = await new_device(mesh).connect(), await new_device(mesh).connect()
    for _ in range(5):
        team = await groups.make(mesh, owner, ann)
        await ann.post(team)
        for number in range(10):
            await ann.say_only(post(team, str(number)))
        left = await groups.kick(mesh, team, ann)
        for number in range(10):
            await ann.say_only(post(team, str(number)))
        await ann.until(partial(answered, ann, team, 21))
        assert [e.sender_id for e in (await owner.history(team)).entries if e.seq > left] == []


async def unary(device: Device, one: Send) -> SendResponse:
    """Send by a call of its own."""
    return await device.do(device.world.messages.Send, SendRequest(send=one))


async def probes(device: Device, conversation_id: str) -> dict[str, str]:
    """The reason of each way to learn of a conversation."""
    calls: dict[str, Awaitable[object]] = {
        "send": unary(device, post(conversation_id)),
        "edit": unary(device, edit(conversation_id, 1)),
        "recall": unary(device, recall(conversation_id, 1)),
        "reply": unary(device, post(conversation_id, reply_to_seq=99)),
        "history": device.history(conversation_id),
        "stretch": device.history(conversation_id, from_seq=1, to_seq=2),
        "far": device.history(conversation_id, from_seq=2**64 - 1),
        "sync": device.sync([Position(conversation_id=conversation_id, seq=1)]),
        "read": device.mark_read(conversation_id, 1),
        "far read": device.mark_read(conversation_id, 2**64 - 1),
        "get": device.unread(conversation_id),
    }
    answers = {name: await refusal(one) for name, one in calls.items()}
    return {name: f"{error.code} {error.reason} {error.message}" for name, error in answers.items()}


@pytest.mark.parametrize("kind", ["group", "direct", "personal"])
async def test_strangers_learn_nothing(mesh: World, kind: str) -> None:
    """Every way in answers the same for a conversation that is there and for one that is not."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    absent = {
        "group": mesh.ids.new("g"),
        "direct": "-".join(sorted((mesh.ids.new("u"), mesh.ids.new("u")))),
        "personal": mesh.ids.new("u"),
    }[kind]
    real = {
        "group": await groups.make(mesh, ann, bob),
        "direct": "-".join(sorted((ann.user_id, bob.user_id))),
        "personal": ann.user_id,
    }[kind]
    if kind == "personal":
        await groups.append(mesh, real, post(real).content)
    else:
        await ann.seqs(post(real), post(real))
    known, unknown = await probes(eve, real), await probes(eve, absent)
    assert known == unknown
    assert {answer.split()[1] for answer in known.values()} == {"CONVERSATION_NOT_FOUND"}
    for conversation_id in (real, absent):
        await eve.say(ClientFrame(reads=[Mark(conversation_id=conversation_id, seq=1)]))
        await eve.say(ClientFrame(received=[Mark(conversation_id=conversation_id, seq=99)]))
        await eve.say(ClientFrame(typing=[Typing(conversation_id=conversation_id)]))
        resumed = await eve.resume(Position(conversation_id=conversation_id, seq=1))
        assert (list(resumed.states), list(resumed.reset_conversation_ids)) == ([], [conversation_id])
    await eve.until(lambda: len(eve.received.errors) == 4)
    told = {(e.error.code, e.error.reason, e.error.message) for e in eve.received.errors}
    assert len(told) == 1
    assert not eve.received.entries
