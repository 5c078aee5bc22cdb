"""Entries that are not kept."""

import sqlite3

from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import GetConversationRequest, SetRetentionRequest
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.message.v1.message_service_pb2 import SearchMessagesRequest
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.timed import DAY, MINUTE, kinds
from tests.svc_message.world import World, eventually, refusal


async def keep(device: Device, chat: str, days: int) -> None:
    """Set retention."""
    request = SetRetentionRequest(conversation_id=chat, days=days)
    await device.do(device.world.conversations.SetRetention, request)


async def removed_up_to(mesh: World, device: Device, chat: str, first: int) -> None:
    """Wait until the first entry that a user sees is this one."""

    async def met() -> bool:
        mesh.clock.advance(MINUTE)
        return min(await kinds(device, chat), default=0) == first

    await eventually(met)


async def test_entries_are_removed_after_their_days(mesh: World) -> None:
    """A Cut stands for what is gone; who resumes from before it, and who is new, begins there; unread is right."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bob)
    await ann.seqs(*(post(group, f"old {number}", mentioned_user_ids=[bob.user_id]) for number in range(5)))
    await bob.sync([Position(conversation_id=group)])
    request = SearchMessagesRequest(conversation_id=group, query="old")
    assert len((await bob.do(mesh.messages.SearchMessages, request)).entries) == 5
    await keep(ann, group, 2)
    retention = (await bob.entry(group, 7)).content.retention
    assert retention.days == 2
    mesh.clock.advance(DAY)
    fresh = await (await new_device(mesh, ann.user_id).connect()).post(group, "fresh")
    assert len(await kinds(bob, group)) == 8
    mesh.clock.advance(DAY + MINUTE)
    await removed_up_to(mesh, bob, group, 7)
    page = await bob.history(group)
    assert [(one.seq, one.content.WhichOneof("kind")) for one in page.entries] == [(7, "cut"), (fresh, "post")]
    assert page.entries[0].content.cut.until_seq == fresh
    synced = await bob.sync([Position(conversation_id=group, seq=2)])
    assert [one.seq for one in synced.entries] == [7, fresh]
    assert (synced.states[0].first_seq, synced.states[0].head_seq) == (7, fresh)
    assert await bob.unread(group) == (1, 0)
    eve = await new_device(mesh).connect()
    joined = await groups.add(mesh, group, eve, history_visible=True)
    synced = await eve.sync([Position(conversation_id=group)])
    assert [one.seq for one in synced.entries] == [7, fresh, joined]
    assert not synced.remaining
    with sqlite3.connect(mesh.database) as store:
        assert store.execute("SELECT count(*) FROM entry WHERE body LIKE '%old %'").fetchone() == (0,)
        assert store.execute("SELECT count(*) FROM search WHERE words LIKE '%old%'").fetchone() == (0,)


async def test_a_log_keeps_its_head_when_all_of_it_goes(mesh: World) -> None:
    """The last entry becomes a Cut in its place, and the next one has the next seq."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat, "old")
    await keep(bob, chat, 1)
    mesh.clock.advance(2 * DAY + MINUTE)
    ann = await new_device(mesh, ann.user_id).connect()
    await removed_up_to(mesh, ann, chat, 2)
    assert await kinds(ann, chat) == {2: "cut"}
    for _ in range(3):
        mesh.clock.advance(2 * MINUTE)
    ann = await new_device(mesh, ann.user_id).connect()
    assert await ann.post(chat, "new") == 3
    assert await kinds(ann, chat) == {2: "cut", 3: "post"}


async def test_much_is_removed_in_pieces(mesh: World) -> None:
    """More entries than go at a time are all gone after some rounds."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    for _ in range(24):
        await ann.seqs(*(post(chat, "x") for _ in range(50)))
    await keep(ann, chat, 1)
    mesh.clock.advance(2 * DAY)
    await removed_up_to(mesh, bob, chat, 1_201)


async def test_who_says_how_long_entries_are_kept(mesh: World) -> None:
    """In a group its owner, in a direct chat either of the two, nobody else; the same again says nothing again."""
    ann, bob, eve = await new_device(mesh).connect(), await new_device(mesh).connect(), new_device(mesh)
    group, chat = await groups.make(mesh, ann, bob), direct(ann, bob)
    await ann.post(chat)
    assert (await refusal(keep(bob, group, 1))).reason == "NOT_ALLOWED"
    assert (await refusal(keep(eve, group, 1))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(keep(eve, chat, 1))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(keep(ann, chat, 3_651))).reason == "INVALID_REQUEST"
    for _ in range(2):
        await keep(bob, chat, 30)
    await keep(ann, chat, 0)
    entries = (await ann.history(chat)).entries
    assert [(one.sender_id, one.content.retention.days) for one in entries[1:]] == [(bob.user_id, 30), (ann.user_id, 0)]
    shown = await bob.do(mesh.conversations.GetConversation, GetConversationRequest(conversation_id=chat))
    assert shown.conversation.retention_days == 0
    mesh.clock.advance(40 * DAY)
    for _ in range(3):
        mesh.clock.advance(MINUTE)
    assert len(await kinds(bob, chat)) == 3


async def test_who_may_not_write_to_somebody_does_not_let_their_chat_go(mesh: World) -> None:
    """Retention is an entry of the other one's log: who was blocked, or is nobody to them, cannot write it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await bob.post(chat, "before")
    mesh.directory.verdicts[bob.user_id, ann.user_id] = ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER
    mesh.clock.advance(2 * MINUTE)  # what was answered before the block holds no longer
    late = await new_device(mesh, bob.user_id).connect()
    assert (await refusal(keep(late, chat, 1))).reason == "RECEIVER_UNAVAILABLE"
    nobody = new_device(mesh)
    mesh.directory.verdicts[bob.user_id, nobody.user_id] = ContactVerdict.CONTACT_VERDICT_RECEIVER_UNKNOWN
    assert (await refusal(keep(late, direct(bob, nobody), 1))).reason == "CONVERSATION_NOT_FOUND"
    assert await kinds(new_device(mesh, ann.user_id), chat) == {1: "post"}
