"""The friend list of a device that was away for long."""

from parley_sdk import FriendChanges
from tests.journeys.people import Device, People


def after(known: dict[str, str], changes: FriendChanges) -> dict[str, str]:
    """A copy of the list, user and remark, brought up to date."""
    kept = {} if changes.reset else known
    new = {friend.user_id: friend.remark for friend in changes.friends}
    return {user_id: remark for user_id, remark in {**kept, **new}.items() if user_id not in changes.removed_user_ids}


async def whole(device: Device) -> dict[str, str]:
    """The list as the server has it."""
    return {friend.user_id: friend.remark for friend in await device.client.friends.list()}


async def test_a_device_that_was_away_asks_once_for_what_changed(people: People) -> None:
    """New friends, remarks, tags, who went and who came back: one question leads to the list of the other device."""
    ann, bob, cyd, dan = await people.users("ann", "bob", "cyd", "dan")
    tablet = await people.another(ann)
    await people.befriend(ann, bob, cyd)
    first = await tablet.client.friends.changes(0)
    known = after({}, first)
    assert known == await whole(ann)
    await tablet.client.disconnect()
    await ann.client.friends.set_remark(bob.user_id, "Robert")
    await ann.client.friends.set_tags(bob.user_id, ["work", "chess"])
    await ann.client.friends.star(bob.user_id)
    await cyd.client.friends.delete(ann.user_id)
    await people.befriend(dan, ann)
    await tablet.client.connect()
    changes = await tablet.client.friends.changes(first.version)
    assert (changes.reset, list(changes.removed_user_ids)) == (False, [cyd.user_id])
    assert after(known, changes) == await whole(ann) == {bob.user_id: "Robert", dan.user_id: ""}
    [robert] = await tablet.client.friends.list(tag="chess")
    assert (list(robert.tags), robert.starred) == (["work", "chess"], True)
    await people.befriend(ann, cyd)
    again = await tablet.client.friends.changes(changes.version)
    assert after(after(known, changes), again) == await whole(ann)
    assert (await tablet.client.friends.changes(again.version)).friends == []
    lost = await tablet.client.friends.changes(again.version + 1_000)
    assert lost.reset
    assert after({"u" + "0" * 15: "wrong"}, lost) == await whole(ann)


async def test_a_friend_who_ends_it_on_one_side_stays_in_the_other_list(people: People) -> None:
    """Deleted on one side the other keeps the entry, marked; on both sides both lists lose it."""
    ann, bob, cyd = await people.users("ann", "bob", "cyd")
    await people.befriend(ann, bob, cyd)
    await ann.client.friends.delete(bob.user_id, own_side_only=True)
    await ann.client.friends.delete(cyd.user_id)
    [kept] = await bob.client.friends.list()
    assert (kept.user_id, kept.ended_by_other) == (ann.user_id, True)
    assert await cyd.client.friends.list() == []
    assert await whole(ann) == {}
