"""Conversations that a user has deleted for themselves, and how they come back."""

from parley.conversation.v1.conversation_pb2 import ConversationSettings
from tests.svc_message import groups
from tests.svc_message.device import direct, edit, new_device, post, reaction
from tests.svc_message.own_part import FOR_EVER, configure, delete, ids, listed, notice, shown
from tests.svc_message.world import World


async def test_a_deleted_conversation_comes_back_with_the_next_post(mesh: World) -> None:
    """It leaves the list with all that it holds; the next post brings it back without what was before."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    old, last = await ann.seqs(post(chat, "old"), post(chat, "older secret"))
    await configure(bob, chat, pinned=True, muted_until_ms=FOR_EVER, draft="x")
    await delete(bob, chat)
    assert await ids(bob) == []
    told = await notice(bob, 2)
    assert (told.deleted, told.cleared_seq, told.pinned, told.has_draft) == (True, last, False, False)
    empty = await shown(bob, chat)
    assert (empty.unread_count, empty.first_seq, empty.HasField("last_entry")) == (0, last + 1, False)
    assert (await bob.history(chat)).entries == []
    await delete(bob, chat)
    assert (await shown(bob, chat)).settings_version == 2
    await ann.seqs(edit(chat, old, "new words"))
    fresh = await ann.post(chat, "hello again")
    [back] = await listed(bob)
    assert (back.unread_count, back.last_entry.seq, back.settings.muted_until_ms) == (1, fresh, FOR_EVER)
    assert [entry.seq for entry in (await bob.history(chat)).entries] == [fresh - 1, fresh]
    laptop = await new_device(mesh, bob.user_id).connect()
    await laptop.resume()
    assert [entry.seq for entry in laptop.entries(chat)] == [fresh - 1, fresh]
    assert len((await ann.history(chat)).entries) == 4


async def test_ones_own_next_post_brings_a_deleted_chat_back_too(mesh: World) -> None:
    """Whoever writes: a deleted conversation that goes on is on the list."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    await delete(ann, chat)
    assert await ids(ann) == []
    await ann.post(chat)
    assert await ids(ann) == [chat]


async def test_a_deleted_chat_stays_back_whatever_comes_behind_its_posts(mesh: World) -> None:
    """Posts bring it back, one's own too, and it stays whatever follows; what changes older ones does not."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    old = await ann.post(chat, "old")
    await delete(ann, chat)
    await ann.seqs(edit(chat, old, "new words"), reaction(chat, old))
    assert await ids(ann) == []
    fresh = await ann.post(chat, "still there?")
    await ann.seqs(reaction(chat, fresh))
    assert await ids(ann) == [chat]


async def test_deleting_a_chat_again_ends_what_was_set_since(mesh: World) -> None:
    """What was pinned, marked or begun to be written in a deleted chat goes when it is deleted once more."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    await delete(bob, chat)
    await configure(bob, chat, pinned=True, marked_unread=True, archived=True, draft="x", remark="Ann")
    await delete(bob, chat)
    assert (await shown(bob, chat)).settings == ConversationSettings(remark="Ann")


async def test_what_was_said_without_one_brings_nothing_back(mesh: World) -> None:
    """Who was out of a group for a time sees nothing of what was posted then, and no chat is back because of it; one
    that was deleted is back because its user is.
    """
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    group = await groups.make(mesh, ann, bob, eve)
    await ann.post(group)
    await delete(bob, group)
    await configure(eve, group, "archived", archived=True)
    await groups.kick(mesh, group, bob, eve)
    await ann.post(group)
    assert await ids(bob) == []
    await groups.add(mesh, group, bob, eve)
    assert (await ids(bob), await ids(eve), await ids(eve, archived=True)) == ([group], [], [group])
    await delete(bob, group)
    assert await ids(bob) == []
    assert (await configure(eve, group, "remark", remark="quiet")).archived
    await ann.post(group)
    assert (await ids(bob), await ids(eve)) == ([group], [group])
