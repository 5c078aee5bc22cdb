"""Finding messages again: by words, by date, by kind; and who has read them."""

import time

import pytest

from parley.group.v1 import group_pb2
from parley.message.v1 import body_pb2, message_service_pb2
from parley_sdk import ParleyError, present
from tests.journeys.people import People, numbered


async def test_search_finds_what_one_may_see_as_it_is_now(people: People) -> None:
    """Both languages, edits by their new words, nothing recalled; a device that was away finds the same."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(bob)
    chat, group = ann.chat_with(bob), await people.open_group(ann, bob)
    await tablet.client.disconnect()
    trip, typo, secret = await ann.say(chat, "周末去北京 by train", "the staton is far", "my password is swordfish")
    [in_group] = await ann.say(group, "北京 it is, by TRAIN")
    assert [one.text for one in await bob.client.messages.search("swordfish")] == ["my password is swordfish"]
    await ann.client.edit(chat, typo.seq, "the station is far")
    await ann.client.recall(chat, secret.seq)
    await tablet.client.connect()
    await tablet.client.wait_online()
    for device in (ann, bob, tablet):
        search = device.client.messages.search
        both = {(one.conversation_id, one.seq) for one in await search("train")}
        assert both == {(group, in_group.seq), (chat, trip.seq)}
        assert {(one.conversation_id, one.seq) for one in await search("京")} == both
        assert [(one.seq, one.text) for one in await search("stati")] == [(typo.seq, "the station is far")]
        assert await search("staton") == []
        assert await search("swordfish") == []
        assert [one.seq for one in await search("train", conversation_id=chat)] == [trip.seq]
        assert await search("train", sender_id=bob.user_id) == []
    assert await eve.client.messages.search("train") == []
    with pytest.raises(ParleyError) as refused:
        await eve.client.messages.search("train", conversation_id=chat)
    assert refused.value.reason == "CONVERSATION_NOT_FOUND"


async def test_history_by_date_place_sender_and_kind(people: People) -> None:
    """A page begins at a date, stands around a place, or holds only what one looks for."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    *_, last = await ann.say(chat, *numbered("before", range(5)))
    noon, began = last.sent_at_ms + 1, time.monotonic()
    while time.monotonic() - began < 0.002:  # two messages of one millisecond have no date between them
        await ann.client.conversations.get(chat)
    first, *_ = await ann.say(chat, *numbered("after", range(5)))
    sticker = body_pb2.Body(sticker=body_pb2.Sticker(name="🚂"), fallback_text="a train")
    await bob.until_text(chat, "after 4")
    shown = await bob.client.send(chat, sticker)
    link = await bob.client.send_text(chat, "see https://example.org/trains")
    since = await ann.client.messages.since(chat, noon, limit=3)
    assert [one.text for one in present(since.entries, since.amendments)] == numbered("after", range(3))
    around = await ann.client.messages.around(chat, first.seq, limit=4)
    assert [entry.seq for entry in around.entries] == list(range(first.seq - 2, first.seq + 2))
    kind = message_service_pb2.PostKind
    assert [one.seq for one in await ann.client.messages.posts(chat, kinds=[kind.POST_KIND_STICKER])] == [shown.seq]
    assert [one.seq for one in await ann.client.messages.posts(chat, kinds=[kind.POST_KIND_LINK])] == [link.seq]
    by_bob = await ann.client.messages.posts(chat, sender_id=bob.user_id)
    assert [one.seq for one in by_bob] == [link.seq, shown.seq]


async def test_who_has_read_a_group_message(people: People) -> None:
    """The sender sees who has read and who has not, also those who were offline; nobody else is told."""
    ann, bob, carol, dan = await people.users("ann", "bob", "carol", "dan")
    group = await people.open_group(ann, bob, carol, dan)
    await ann.client.groups.update(group, group_pb2.GroupSettings(member_receipts=True), ["member_receipts"])
    await carol.client.disconnect()
    [said] = await ann.say(group, "meeting at ten")
    for device in (bob, dan):
        await device.until_text(group, "meeting at ten")
    await bob.client.conversations.mark_read(group, said.seq)
    read = await ann.client.messages.readers(group, said.seq)
    assert (list(read.user_ids), read.read_count, read.unread_count) == ([bob.user_id], 1, 2)
    unread = await ann.client.messages.readers(group, said.seq, unread=True)
    assert set(unread.user_ids) == {carol.user_id, dan.user_id}
    await carol.client.connect()
    await carol.until_text(group, "meeting at ten")
    await carol.client.conversations.mark_read(group, said.seq)
    assert set((await ann.client.messages.readers(group, said.seq)).user_ids) == {bob.user_id, carol.user_id}
    with pytest.raises(ParleyError) as refused:
        await bob.client.messages.readers(group, said.seq)
    assert refused.value.reason == "NOT_ALLOWED"
