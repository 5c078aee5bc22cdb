"""What going and coming back, or coming by somebody else, does not change in a group."""

import pytest

from parley.group.v1 import group_pb2
from parley_sdk import ParleyError
from tests.journeys.people import Device, People

APPROVAL = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_APPROVAL)


async def refusal(device: Device, group: str) -> str:
    """Write, and return the reason why it was refused."""
    with pytest.raises(ParleyError) as refused:
        await device.client.send(group, "hear me")
    return refused.value.reason


async def test_nobody_gets_rid_of_a_mute_by_leaving(people: People) -> None:
    """Who is muted leaves, comes back and is still muted, also on a device that was offline; unmuted they write."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    group = await people.open_group(ann, bob)
    await tablet.client.disconnect()
    await ann.client.groups.mute(group, bob.user_id, 600)
    assert await refusal(bob, group) == "MUTED"
    await bob.client.groups.leave(group)
    await bob.client.groups.join(group)
    assert await refusal(bob, group) == "MUTED"
    await tablet.client.connect()
    assert await refusal(tablet, group) == "MUTED"
    assert (await tablet.client.groups.get(group)).own.muted_until_ms > 0
    await ann.client.groups.mute(group, bob.user_id, 0)
    await bob.client.send(group, "thank you")
    await ann.until_text(group, "thank you")


async def test_strangers_are_brought_into_no_group_unasked(people: People) -> None:
    """Whom only friends may add is asked also where admins approve, and comes in once both sides have said yes."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob)
    await ann.client.groups.update(group, APPROVAL, ["join_policy"])
    [asked] = (await bob.client.groups.invite(group, [eve.user_id])).pending
    with pytest.raises(ParleyError) as early:
        await ann.client.groups.answer_join_request(group, eve.user_id, accept=True)
    assert (asked.user_id, early.value.reason) == (eve.user_id, "JOIN_REQUEST_NOT_FOUND")
    await eve.until_kind(eve.user_id, "group_notice")
    assert (await eve.client.groups.join(group)).HasField("pending")
    await ann.client.groups.answer_join_request(group, eve.user_id, accept=True)
    await ann.say(group, "welcome")
    await eve.until_text(group, "welcome")


async def test_a_banned_member_leaves_no_door_open(people: People) -> None:
    """The link of who was banned lets nobody in; an admin's goes on."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob)
    theirs, ours = await bob.client.groups.create_link(group), await ann.client.groups.create_link(group)
    await ann.client.groups.ban(group, bob.user_id)
    with pytest.raises(ParleyError) as ended:
        await eve.client.groups.join(token=theirs.url)
    assert ended.value.reason == "INVITATION_EXPIRED"
    await eve.client.groups.join(token=ours.url)
    await ann.say(group, "welcome")
    await eve.until_text(group, "welcome")
