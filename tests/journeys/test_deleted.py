"""A user who deletes their account."""

import pytest

from parley.group.v1 import group_pb2
from parley.message.v1 import notice_pb2
from parley.user.v1 import user_pb2
from parley_sdk import ParleyError, SignedOut
from tests.journeys.people import PASSWORD, Device, People


async def test_a_deleted_user_leaves_their_words_to_the_others(people: People) -> None:
    """All devices are signed out, also one that was offline; the chat stays with the friend, who sees a deleted user,
    cannot write to them and owns their group, whose bot is gone too, on the device that was offline meanwhile too.
    """
    ann, bob = await people.users("ann", "bob")
    tablet, bob_tablet = await people.another(ann), await people.another(bob)
    await people.befriend(ann, bob)
    chat = ann.chat_with(bob)
    await ann.say(chat, "so long")
    await bob.until_text(chat, "so long")
    group = await people.open_group(ann, bob)
    bot = await ann.client.bots.create(f"{ann.username[:20]}_bot")
    ann_id = ann.user_id
    await tablet.client.disconnect()
    await bob_tablet.client.disconnect()
    with pytest.raises(ParleyError) as refused:
        await ann.client.delete_account("wrong password")
    assert refused.value.reason == "BAD_CREDENTIALS"
    await ann.client.delete_account(PASSWORD)
    await tablet.client.connect()
    await tablet.until(lambda: [one.why for one in tablet.of(SignedOut)] == ["ACCOUNT_DELETED"], "why it was")
    await bob_tablet.client.connect()
    for device in (bob, bob_tablet):
        await device.until(
            lambda device=device: any(  # type: ignore[misc]
                entry.content.friend.kind == notice_pb2.FriendNotice.KIND_DELETED
                for entry in device.shown[device.user_id]
            ),
            "that the friendship ended",
        )
        assert "so long" in device.texts(chat)
    await bob.until(lambda: ann_id in removed(bob, group), "that ann left the group")
    await bob_tablet.until(lambda: ann_id in removed(bob_tablet, group), "that ann left the group")
    assert [(one.user_id, one.role) for one in await bob.client.groups.members(group)] == [
        (bob.user_id, group_pb2.ROLE_OWNER)
    ]
    [friend] = await bob_tablet.client.friends.list()
    assert (friend.user_id, friend.ended_by_other) == (ann_id, True)
    assert (friend.user.state, friend.user.username) == (user_pb2.USER_STATE_DELETED, "")
    assert (await bob.client.users.get(bot.user.user_id)).state == user_pb2.USER_STATE_DELETED
    with pytest.raises(ParleyError) as unreachable:
        await bob.client.send_text(chat, "are you there?")
    assert unreachable.value.reason == "RECEIVER_UNAVAILABLE"


def removed(device: Device, group_id: str) -> list[str]:
    """Who left the group, as the device has it."""
    changes = (entry.content.membership for entry in device.shown[group_id])
    return [user_id for change in changes for user_id in change.removed_user_ids]
