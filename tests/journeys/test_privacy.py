"""What users let others see and do, with several devices of which one was offline meanwhile."""

from parley.gateway.v1 import frame_pb2
from parley.group.v1 import group_pb2
from parley.user.v1 import user_pb2
from parley_sdk import ParleyError, PresenceChanged, ReceiptChanged
from tests.journeys.people import Device, People

ONLINE, AWAY = frame_pb2.AVAILABILITY_ONLINE, frame_pb2.AVAILABILITY_AWAY
OFFLINE = frame_pb2.AVAILABILITY_OFFLINE


def seen(watcher: Device, user: Device) -> list[int]:
    """How the watcher saw the user, one after the other."""
    return [one.availability for one in watcher.of(PresenceChanged) if one.user_id == user.user_id]


async def until_settings(device: Device, version: int) -> None:
    """Wait until the device learned that its user's settings have this version."""

    def told() -> bool:
        notices = (entry.content.profile for entry in device.shown[device.user_id])
        return any(notice.settings_version == version for notice in notices)

    await device.until(told, f"settings {version}")


async def test_who_may_write_is_changed_at_once_and_known_to_a_device_that_was_away(people: People) -> None:
    """A running chat with a stranger ends with the setting, friends go on, and the tablet that was off knows."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(ann)
    await people.befriend(ann, bob)
    await eve.say(eve.chat_with(ann), "hello, stranger")
    await ann.until_text(ann.chat_with(eve), "hello, stranger")
    await tablet.client.disconnect()
    await ann.client.settings.change_privacy(write_to_me=user_pb2.AUDIENCE_FRIENDS)

    async def refused() -> str:
        try:
            await eve.client.send_text(eve.chat_with(ann), "still me")
        except ParleyError as error:
            return error.reason
        return ""

    async def until_refused() -> None:
        while (reason := await refused()) != "RECEIVER_UNAVAILABLE":
            assert not reason

    await until_refused()
    await bob.say(bob.chat_with(ann), "I may")
    await ann.until_text(ann.chat_with(bob), "I may")
    await tablet.client.connect()
    await until_settings(tablet, 1)
    assert (await tablet.client.settings.privacy()).write_to_me == user_pb2.AUDIENCE_FRIENDS
    await ann.client.settings.change_privacy(write_to_me=user_pb2.AUDIENCE_UNSPECIFIED)
    await eve.say(eve.chat_with(ann), "again")
    await ann.until_text(ann.chat_with(eve), "again")


async def test_an_invisible_user_does_not_flash(people: People) -> None:
    """Invisible on the phone holds for the tablet too, over reconnects, until it is taken back on the other device."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(ann)
    await people.befriend(bob, ann, eve)
    bob.client.watch_presence([ann.user_id, eve.user_id])
    await bob.until(lambda: seen(bob, ann) == [ONLINE], "ann online")
    await tablet.client.disconnect()
    await ann.client.settings.be_seen_as(user_pb2.SEEN_AS_OFFLINE)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE], "ann offline")
    await ann.client.disconnect()
    await ann.client.connect()
    await tablet.client.connect()
    await ann.client.wait_online()
    await eve.client.disconnect()
    await bob.until(lambda: seen(bob, eve)[-1:] == [OFFLINE], "eve offline")
    assert seen(bob, ann) == [ONLINE, OFFLINE]
    tablet.client.set_availability(AWAY)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE, AWAY], "ann away")
    await until_settings(ann, 2)


async def test_a_block_takes_presence_away_and_gives_it_back(people: People) -> None:
    """Who is blocked sees the other go offline, whatever they do, and online when the block ends."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    await people.befriend(bob, ann, eve)
    bob.client.watch_presence([ann.user_id, eve.user_id])
    await bob.until(lambda: seen(bob, ann) == [ONLINE] and seen(bob, eve) == [ONLINE], "both online")
    await ann.client.friends.block(bob.user_id)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE], "ann offline")
    assert bob.of(PresenceChanged)[-1].last_seen_ms == 0
    bob.client.watch_presence([ann.user_id, eve.user_id])
    await bob.until(lambda: seen(bob, eve) == [ONLINE, ONLINE], "eve again")
    assert seen(bob, ann) == [ONLINE, OFFLINE]
    await ann.client.friends.unblock(bob.user_id)
    await bob.until(lambda: seen(bob, ann) == [ONLINE, OFFLINE, ONLINE], "ann online again")


async def test_a_block_hides_how_far_one_has_come(people: People) -> None:
    """Between two of whom one has blocked the other nothing is told in their direct chat of what either receives or
    reads, old messages included, neither as it comes nor to a tablet that was offline nor to who asks; a group that
    both are in is as before, and when the block ends each learns where the other stands.
    """
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    [mine], [theirs] = await ann.say(chat, "one"), await bob.say(chat, "two")
    await ann.until_text(chat, "two")
    await bob.until_text(chat, "one")
    tablet = await people.another(bob)
    settings = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_OPEN, member_receipts=True)
    group = (await ann.client.groups.create("both", [bob.user_id], settings)).group.group_id
    await bob.client.groups.join(group)
    await tablet.client.disconnect()
    await ann.client.friends.block(bob.user_id)
    for device in (ann, bob):
        device.events.clear()
        await device.client.mark_read(chat, theirs.seq)
    await tablet.client.connect()
    await tablet.until_text(chat, "two")
    in_group = (await ann.client.send(group, "here")).seq
    await bob.until_text(group, "here")
    await bob.client.mark_read(group, in_group)
    await ann.until(lambda: [one for one in ann.of(ReceiptChanged) if one.conversation_id == group], "Bob's mark there")
    for device in (ann, bob, tablet):
        told = [one for one in device.of(ReceiptChanged) if one.conversation_id == chat]
        # What was received before the block may be told late.
        assert [one for one in told if one.user_id != device.user_id and one.read_seq] == []
        assert (await device.client.conversations.get(chat)).peer_read_seq == 0
    for device, seq in ((ann, mine.seq), (bob, theirs.seq)):
        readers = await device.client.messages.readers(chat, seq)
        assert (list(readers.user_ids), readers.read_count, readers.unread_count) == ([], 0, 0)
    assert (await tablet.client.conversations.get(chat)).read_seq == theirs.seq, "one's own devices agree as ever"
    await ann.client.friends.unblock(bob.user_id)
    for device in (ann, bob):
        assert (await device.client.conversations.get(chat)).peer_read_seq == theirs.seq


async def test_reads_are_hidden_both_ways(people: People) -> None:
    """Who hides how far they have read is not shown and is not told of others, also on a tablet that was offline."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    chat = ann.chat_with(bob)
    await tablet.client.disconnect()
    await bob.client.settings.change_privacy(hide_read_receipts=True)
    [mine] = await ann.say(chat, "read this")
    [theirs] = await bob.say(chat, "and this")
    for device, seq in ((ann, theirs.seq), (bob, mine.seq)):
        await device.until_text(chat, "read this" if device is bob else "and this")
        await device.client.mark_read(chat, seq)
    await tablet.client.connect()
    await tablet.until(lambda: "read this" in tablet.texts(chat), "what was written meanwhile")
    for device in (ann, bob, tablet):
        assert (await device.client.conversations.get(chat)).peer_read_seq == 0
        others = [one for one in device.of(ReceiptChanged) if one.user_id != device.user_id]
        assert not [one for one in others if one.read_seq]
    assert (await tablet.client.conversations.get(chat)).read_seq >= mine.seq


async def test_groups_ask_who_does_not_want_to_be_added(people: People) -> None:
    """With the setting a friend's group becomes an invitation that waits for an answer."""
    ann, bob = await people.users("ann", "bob")
    await people.befriend(ann, bob)
    await bob.client.settings.change_privacy(add_me_to_groups=user_pb2.AUDIENCE_NOBODY)
    created = await ann.client.groups.create("Asked", [bob.user_id])
    members = await ann.client.groups.members(created.group.group_id)
    assert [one.user_id for one in members] == [ann.user_id]
    await bob.until_kind(bob.user_id, "group_notice")
