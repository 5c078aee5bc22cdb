"""Two people find each other and talk."""

import pytest

from parley.friend.v1 import friend_pb2
from parley.gateway.v1 import frame_pb2
from parley.message.v1 import notice_pb2
from parley_sdk import ParleyError, PresenceChanged, ReceiptChanged, TypingChanged
from tests.journeys.people import Device, People

Kind = notice_pb2.FriendNotice


async def until_notice(device: Device, kind: notice_pb2.FriendNotice.Kind.ValueType, other: Device) -> None:
    """Wait until the personal log of the user tells this of the other."""

    def told() -> bool:
        notices = (entry.content.friend for entry in device.shown[device.user_id])
        return any((notice.kind, notice.user_id) == (kind, other.user_id) for notice in notices)

    await device.until(told, notice_pb2.FriendNotice.Kind.Name(kind))


async def test_a_friendship_from_request_to_end_is_seen_on_all_devices(people: People) -> None:
    """Request, answer, remark and end of a friendship reach both users, on the devices that did not act too."""
    ann, bob = await people.users("ann", "bob")
    ann_tablet, bob_tablet = await people.another(ann), await people.another(bob)
    await ann.client.friends.request(bob.user_id, "It is Ann")
    for device in (bob, bob_tablet):
        await until_notice(device, Kind.KIND_REQUESTED, ann)
    [request] = await bob.client.friends.requests()
    assert (request.greeting, request.state) == ("It is Ann", friend_pb2.FRIEND_REQUEST_STATE_PENDING)
    await bob.client.friends.accept(request.friend_request_id)
    for device, other in ((ann, bob), (ann_tablet, bob), (bob_tablet, ann)):
        await until_notice(device, Kind.KIND_ACCEPTED, other)
        assert [friend.user_id for friend in await device.client.friends.list()] == [other.user_id]

    await ann.client.friends.set_remark(bob.user_id, "Robert")
    await until_notice(ann_tablet, Kind.KIND_UPDATED, bob)
    assert [friend.remark for friend in await ann_tablet.client.friends.list()] == ["Robert"]
    assert [friend.remark for friend in await bob.client.friends.list()] == [""]

    await ann.client.friends.delete(bob.user_id)
    for device, other in ((ann_tablet, bob), (bob, ann), (bob_tablet, ann)):
        await until_notice(device, Kind.KIND_DELETED, other)
        assert not await device.client.friends.list()


async def test_a_block_works_at_once(people: People) -> None:
    """Who chats and is then blocked is refused with their next message, and may write again when the block ends."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, "one")
    await bob.until_text(chat, "one")
    await bob.client.friends.block(ann.user_id)
    with pytest.raises(ParleyError) as refused:
        await ann.client.send_text(chat, "two")
    assert refused.value.reason == "RECEIVER_UNAVAILABLE"
    await bob.client.friends.unblock(ann.user_id)
    await ann.say(chat, "three")
    await bob.until_text(chat, "three")


async def test_a_direct_chat_shows_what_the_other_does(people: People) -> None:
    """In a direct chat each sees that the other has read, is typing, comes and goes."""
    ann, bob = await people.users("ann", "bob")
    await people.befriend(ann, bob)
    chat = ann.chat_with(bob)
    ann.client.watch_presence([bob.user_id])
    online = PresenceChanged(bob.user_id, frame_pb2.AVAILABILITY_ONLINE, 0)
    await ann.until(lambda: online in ann.events, "bob online")

    [sent] = await ann.say(chat, "Are you there?")
    await bob.until_text(chat, "Are you there?")
    await bob.client.mark_read(chat, sent.seq)
    await ann.until(lambda: any(one.read_seq == sent.seq for one in receipts(ann, bob)), "that bob has read")
    assert (await ann.client.conversations.get(chat)).peer_read_seq == sent.seq

    bob.client.typing(chat)
    await ann.until(lambda: TypingChanged(chat, bob.user_id, True) in ann.events, "bob typing")  # noqa: FBT003
    await bob.say(chat, "I am")
    await ann.until(lambda: TypingChanged(chat, bob.user_id, False) in ann.events, "bob not typing")  # noqa: FBT003

    before = len(offline(ann, bob))  # before it was known that they are friends, bob was shown as nowhere
    await bob.client.disconnect()
    # A look of her gateway may fall between his going and the writing down of when: it shows him as gone, and no time.
    await ann.until(lambda: any(one.last_seen_ms for one in offline(ann, bob)[before:]), "bob offline, and since when")
    await bob.client.connect()
    await ann.until(lambda: ann.of(PresenceChanged)[-1] == online, "bob online again")


async def test_a_stranger_does_not_see_who_is_online(people: People) -> None:
    """Presence is for friends: who is none is told nothing, however often the other comes and goes."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    await people.befriend(ann, bob)
    eve.client.watch_presence([bob.user_id])
    ann.client.watch_presence([bob.user_id])
    await bob.client.disconnect()
    await ann.until(lambda: offline(ann, bob), "bob offline")
    await ann.say(ann.chat_with(eve), "hello")
    await eve.until_text(ann.chat_with(eve), "hello")
    assert not eve.of(PresenceChanged)


def receipts(device: Device, other: Device) -> list[ReceiptChanged]:
    """What the device was told of how far the other has come."""
    return [one for one in device.of(ReceiptChanged) if one.user_id == other.user_id]


def offline(device: Device, other: Device) -> list[PresenceChanged]:
    """Where the device was told that the other is away."""
    away = frame_pb2.AVAILABILITY_OFFLINE
    return [one for one in device.of(PresenceChanged) if (one.user_id, one.availability) == (other.user_id, away)]
