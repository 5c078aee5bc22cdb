"""Several devices of one user, online and offline."""

import hashlib

import pytest

from parley.gateway.v1 import frame_pb2
from parley_sdk import ParleyError, ReceiptChanged
from tests.journeys.people import Device, People, numbered
from tests.journeys.raw import RawDevice, log_in_again, resume

CHATS = 4
MISSED = 12


async def recount(device: Device, conversation_id: str, read_seq: int) -> int:
    """How many posts of others lie behind the read mark, counted from the log itself."""
    entries = await device.history(conversation_id)
    behind = (entry for entry in entries if entry.seq > read_seq and entry.sender_id != device.user_id)
    return sum(entry.content.HasField("post") for entry in behind)


async def test_two_devices_of_one_user_converge(people: People) -> None:
    """Both devices of a user show the same messages, marks and unread count, whichever of them acts."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    chat = ann.chat_with(bob)
    await ann.say(chat, *numbered("ann", range(10)))
    await bob.say(chat, "from the phone")
    last = (await tablet.say(chat, "from the tablet"))[0].seq
    for device in (ann, bob, tablet):
        await device.until_seq(chat, last)
    assert ann.shown[chat] == bob.shown[chat] == tablet.shown[chat]
    assert bob.seqs(chat) == list(range(1, 13))

    await tablet.client.mark_read(chat, 4)
    await bob.until(lambda: ReceiptChanged(chat, bob.user_id, 4, 0) in bob.events, "what the tablet read")
    views = [await device.client.conversations.get(chat) for device in (bob, tablet)]
    for view in views:
        view.ClearField("peer_received_seq")  # ann's device says that beside all this, whenever it has time
    assert views[0] == views[1]
    assert (views[0].read_seq, views[0].unread_count) == (4, 6)
    assert views[0].unread_count == await recount(bob, chat, 4)

    await bob.client.mark_read(chat, last)
    await tablet.until(lambda: ReceiptChanged(chat, bob.user_id, last, 0) in tablet.events, "what the phone read")
    await tablet.client.conversations.mark_read(chat, 2)
    assert (await bob.client.conversations.get(chat)).read_seq == last
    assert (await bob.client.conversations.get(chat)).unread_count == 0


async def test_a_device_that_was_offline_gets_each_message_once_and_in_order(people: People) -> None:
    """What came into several conversations while a device was away comes on return: all of it, once, in order."""
    ann, *others = await people.users("ann", "bob", "eve", "joe")
    group = await people.open_group(ann, *others)
    chats = [ann.chat_with(other) for other in others]
    for other, chat in zip(others, chats, strict=True):
        await other.say(chat, "before")
        await ann.until_text(chat, "before")
    await ann.client.disconnect()
    for other, chat in zip(others, chats, strict=True):
        await other.say(chat, *numbered("missed", range(MISSED)))
        await other.say(group, *numbered(other.username, range(MISSED)))
    await ann.client.connect()
    for chat in chats:
        await ann.until_text(chat, f"missed {MISSED - 1}")
        assert ann.texts(chat) == ["before", *numbered("missed", range(MISSED))]
        assert ann.seqs(chat) == list(range(1, MISSED + 2))
    await ann.until_text(group, f"{others[-1].username} {MISSED - 1}")
    log = await others[0].history(group)
    assert ann.shown[group][-len(log) :] == log
    assert ann.seqs(group) == list(range(1, ann.seqs(group)[-1] + 1))


async def test_who_missed_more_than_fits_into_one_answer_pages(people: People) -> None:
    """With more than 500 missed entries the answer is PARTIAL without entries, and paging brings all of them."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await bob.say(chat, "before")
    await ann.until_text(chat, "before")
    await ann.client.disconnect()
    await bob.say(chat, *numbered("missed", range(620)))
    tokens = await log_in_again(people.address, ann.username)
    async with RawDevice.open(people.address, tokens, positions={chat: 1}) as raw:
        assert raw.outcome == "OUTCOME_PARTIAL"
        assert not [entry for entry in raw.entries if entry.conversation_id == chat]
    await ann.client.connect()
    await ann.until_text(chat, "missed 619")
    assert ann.texts(chat) == ["before", *numbered("missed", range(620))]
    assert ann.seqs(chat) == list(range(1, 622))


async def test_a_device_that_knows_what_the_log_has_not_is_reset(people: People) -> None:
    """Whoever comes back is told how: RESUMED with what was missed, or RESET with the conversations to forget."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await bob.say(chat, "one", "two")
    login = await log_in_again(people.address, ann.username)
    async with RawDevice.open(people.address, login, positions={chat: 1}) as raw:
        assert raw.outcome == "OUTCOME_RESUMED"
        assert [entry.seq for entry in raw.entries if entry.conversation_id == chat] == [2]
    async with RawDevice.open(people.address, login, positions={chat: 99}) as raw:
        assert raw.outcome == "OUTCOME_RESET"
        assert list(raw.frame.resumed.reset_conversation_ids) == [chat]


async def test_a_device_notices_by_its_digest_that_it_lacks_something(people: People) -> None:
    """A heartbeat whose digest is not that of the log is answered with `stale`, so that no last message is missed."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await bob.say(chat, "one")
    login = await log_in_again(people.address, ann.username)
    async with RawDevice.open(people.address, login) as raw:
        # The personal log tells of both log-ins, perhaps a moment later.
        await raw.until(lambda: {1, 2} <= {one.seq for one in raw.entries if one.conversation_id == ann.user_id})
        digest = weight(chat) + 2 * weight(ann.user_id)
        await raw.write(frame_pb2.ClientFrame(heartbeat=frame_pb2.Heartbeat(digest=(digest + 1) % 2**64)))
        await raw.until(lambda: raw.frame.heartbeat.stale)
        raw.frame.ClearField("heartbeat")
        raw.frame.ClearField("resumed")
        await raw.write(frame_pb2.ClientFrame(heartbeat=frame_pb2.Heartbeat(digest=digest % 2**64)))
        await raw.write(frame_pb2.ClientFrame(resume=resume({chat: 1, ann.user_id: 2})))
        await raw.until(lambda: raw.frame.HasField("resumed") and raw.frame.HasField("heartbeat"))
        assert not raw.frame.heartbeat.stale


def weight(conversation_id: str) -> int:
    """What a conversation counts in a digest, as the contract says."""
    return int.from_bytes(hashlib.sha256(conversation_id.encode()).digest()[:8], "little")


async def test_a_mark_beyond_the_newest_keeps_no_later_one_from_being_said(people: People) -> None:
    """An app that marks a place that nobody has is told so, and what is read after that is known on all devices."""
    ann, bob = await people.users("ann", "bob")
    tablet, chat = await people.another(ann), ann.chat_with(bob)
    sent = await bob.say(chat, "one", "two")
    for device in (ann, tablet):
        await device.until_text(chat, "two")
    for beyond in (sent[-1].seq + 1, 2**63):
        with pytest.raises(ParleyError) as refused:
            await ann.client.mark_read(chat, beyond)
        assert refused.value.reason == "RANGE_INVALID"
    await ann.client.disconnect()
    await ann.client.mark_read(chat, sent[-1].seq)
    await ann.client.connect()
    await tablet.until(lambda: ReceiptChanged(chat, ann.user_id, sent[-1].seq, 0) in tablet.events, "that it was read")
    assert (await tablet.client.conversations.get(chat)).unread_count == 0
