"""What admins of a group ask of its members, with devices that were away meanwhile."""

import pytest

from parley.group.v1 import group_pb2
from parley.message.v1 import notice_pb2
from parley_sdk import ParleyError, PresenceChanged
from tests.journeys.people import Device, People
from tests.journeys.test_groups import agree

OPEN = group_pb2.JOIN_POLICY_OPEN


async def refusal(device: Device, group: str, text: str) -> str:
    """Send, and return the reason why it was refused."""
    with pytest.raises(ParleyError) as refused:
        await device.client.send(group, text)
    return refused.value.reason


async def test_who_has_read_what_everyone_must(people: People) -> None:
    """Admins see who has confirmed; a device that was offline is told of the announcement, and that it is confirmed."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(bob)
    group = await people.open_group(ann, bob, eve)
    await tablet.until_kind(group, "membership")
    await tablet.client.disconnect()
    announcement = await ann.client.groups.announce(group, "Read me", required_reading=True)
    change = (await bob.until_kind(group, "group")).content.group
    assert (change.announcement, change.announcement_required) == ("Read me", True)
    await bob.client.groups.acknowledge(group, announcement.number)
    members = ann.client.groups.members
    assert [one.user_id for one in await members(group, confirmed=True)] == [bob.user_id]
    assert {one.user_id for one in await members(group, confirmed=False)} == {ann.user_id, eve.user_id}
    with pytest.raises(ParleyError) as refused:
        await eve.client.groups.members(group, confirmed=True)
    assert refused.value.reason == "ROLE_REQUIRED"
    await tablet.client.connect()
    assert (await tablet.until_kind(group, "group")).content.group.announcement == "Read me"
    shown = await tablet.client.groups.get(group)
    assert (shown.own.acknowledged_announcement, shown.announcement.acknowledged_count) == (announcement.number, 1)


async def test_rules_hold_at_once_and_are_the_same_everywhere(people: People) -> None:
    """Slow mode, mutes and silence refuse the next message; who was offline learns the rules from the log."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(eve)
    group = await people.open_group(ann, bob, eve)
    await tablet.client.disconnect()
    groups = ann.client.groups
    await groups.update(group, group_pb2.GroupSettings(slow_mode_seconds=600), ["slow_mode_seconds"])
    await bob.client.send(group, "one")
    assert await refusal(bob, group, "two") == "SLOW_MODE"
    await eve.client.send(group, "mine")
    await groups.update(group, group_pb2.GroupSettings(mute_all=True), ["slow_mode_seconds", "mute_all"])
    assert await refusal(bob, group, "three") == "MUTED"
    await groups.update(group, group_pb2.GroupSettings(pin_role=group_pb2.ROLE_MEMBER), ["mute_all", "pin_role"])
    await groups.mute(group, bob.user_id, 600)
    assert await refusal(bob, group, "four") == "MUTED"
    await groups.mute(group, bob.user_id, 0)
    await bob.client.send(group, "five")
    await tablet.client.connect()
    await tablet.until_text(group, "five")
    assert tablet.texts(group) == ["one", "mine", "five"]
    changes = [entry.content.group for entry in tablet.shown[group] if entry.content.HasField("group")]
    assert [change.slow_mode_seconds for change in changes if change.HasField("slow_mode_seconds")] == [600, 0]
    assert [change.pin_open for change in changes if change.HasField("pin_open")] == [True]
    await agree([ann, bob, eve, tablet], group)


async def test_a_banned_member_is_gone_for_all_devices(people: People) -> None:
    """A ban removes with an entry, keeps out by every way in, and a device that was offline sees the same members."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    phone = await people.another(ann)
    group = await people.open_group(ann, bob, eve)
    link = await ann.client.groups.create_link(group, max_uses=5)
    await phone.client.disconnect()
    await ann.client.groups.ban(group, bob.user_id, reason="noise")
    await ann.say(group, "without Bob")
    for way in (bob.client.groups.join(group), bob.client.groups.join(token=link.url)):
        with pytest.raises(ParleyError) as refused:
            await way
        assert refused.value.reason == "JOIN_REFUSED"
    assert [(ban.user_id, ban.reason) for ban in await ann.client.groups.bans(group)] == [(bob.user_id, "noise")]
    await phone.client.connect()
    assert set((await agree([ann, phone, eve], group)).roles) == {ann.user_id, eve.user_id}
    assert "without Bob" not in bob.texts(group)
    await ann.client.groups.unban(group, bob.user_id)
    await bob.client.groups.join(token=link.url)
    assert set((await agree([ann, phone, eve], group)).roles) == {ann.user_id, eve.user_id, bob.user_id}


async def test_newcomers_see_what_the_group_lets_them(people: People) -> None:
    """With history for all a newcomer reads from the first message on, without it from their own coming on."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob)
    await ann.say(group, "before")
    settings = group_pb2.GroupSettings(history_visibility=group_pb2.HISTORY_VISIBILITY_ALL)
    await ann.client.groups.update(group, settings, ["history_visibility"])
    await eve.client.groups.join(group)
    assert "before" in [entry.content.post.body.text.text for entry in await eve.history(group)]
    await ann.client.groups.update(group, group_pb2.GroupSettings(), ["history_visibility"])
    joe = await people.user("joe")
    await joe.client.groups.join(group)
    texts = [entry.content.post.body.text.text for entry in await joe.history(group)]
    assert "before" not in texts


async def test_thousands_are_invited_in_one_go(people: People) -> None:
    """The SDK cuts a long list into calls that the server takes; the answers come as one, and repeating adds nobody."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    await people.befriend(ann, bob, eve)
    nobody = [f"u{number:015}" for number in range(2_500)]
    made = await ann.client.groups.create("Crowd", [bob.user_id, *nobody[:1_500]])
    group = made.group.group_id
    assert len(made.skipped) == 1_500
    for added in ([eve.user_id], []):
        invited = await ann.client.groups.invite(group, [*nobody, eve.user_id])
        assert list(invited.added_user_ids) == added
        assert len(invited.skipped) == len(nobody) + (not added)
    assert set((await agree([ann, bob, eve], group)).roles) == {ann.user_id, bob.user_id, eve.user_id}


async def test_links_run_out(people: People) -> None:
    """A link works as often as it was made for; it can be looked behind, listed, and revoked."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, await people.user("joe"))
    link = await ann.client.groups.create_link(group, max_uses=1, ttl_seconds=3_600)
    assert link.url.endswith(link.token)
    assert (await bob.client.groups.behind(link.url)).group_id == group
    await bob.client.groups.join(token=link.url)
    with pytest.raises(ParleyError) as used:
        await eve.client.groups.join(token=link.url)
    assert used.value.reason == "INVITATION_USED_UP"
    other = await ann.client.groups.create_link(group)
    assert {one.invitation_id for one in await ann.client.groups.links(group)} >= {other.invitation_id}
    await ann.client.groups.revoke_link(other.invitation_id)
    with pytest.raises(ParleyError) as revoked:
        await eve.client.groups.join(token=other.token)
    assert revoked.value.reason == "INVITATION_EXPIRED"


async def test_members_are_found_and_nobody_is_told_who_is_there(people: People) -> None:
    """Members are found by nickname and role, a remark is one's own, and their coming and going is not broadcast."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob, eve)
    await bob.client.groups.set_nickname(group, "Captain 100%")
    await bob.client.groups.set_remark(group, "the boat")
    members = ann.client.groups.members
    assert [one.user_id for one in await members(group, query="captain 100%")] == [bob.user_id]
    assert await members(group, query="100_") == []
    assert [one.user_id for one in await members(group, role=group_pb2.ROLE_OWNER)] == [ann.user_id]
    assert (await bob.client.groups.get(group)).own.remark == "the boat"
    assert (await ann.client.groups.get(group)).own.remark == ""
    change = (await eve.until_kind(group, "membership")).content.membership
    assert change.cause == notice_pb2.MembershipChange.CAUSE_UPDATED
    await bob.client.disconnect()
    await bob.client.connect()
    await bob.client.wait_online()
    await ann.say(group, "after Bob came back")
    await eve.until_text(group, "after Bob came back")
    assert ann.of(PresenceChanged) + eve.of(PresenceChanged) == []


async def test_who_asks_waits_for_an_admin(people: People) -> None:
    """A group with a question is joined by an answer that an admin accepts; who was refused is told."""
    ann, bob, eve, joe = await people.users("ann", "bob", "eve", "joe")
    group = await people.open_group(ann, bob)
    settings = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_APPROVAL, join_question="Why?")
    await ann.client.groups.update(group, settings, ["join_policy", "join_question"])
    assert (await eve.client.groups.get(group)).settings.join_question == "Why?"
    for one in (eve, joe):
        assert (await one.client.groups.join(group, answer=f"I am {one.username}")).HasField("pending")
    asked = notice_pb2.GroupNotice.KIND_JOIN_REQUESTED
    await ann.until(
        lambda: [one for one in ann.shown[ann.user_id] if one.content.group_notice.kind == asked][1:], "two requests"
    )
    waiting = await ann.client.groups.join_requests(group)
    assert {(one.user_id, one.answer) for one in waiting} == {
        (one.user_id, f"I am {one.username}") for one in (eve, joe)
    }
    await ann.client.groups.answer_join_request(group, eve.user_id, accept=True)
    await ann.client.groups.answer_join_request(group, joe.user_id, accept=False)
    await ann.say(group, "welcome, Eve")
    await eve.until_text(group, "welcome, Eve")
    notice = await joe.until_kind(joe.user_id, "group_notice")
    assert notice.content.group_notice.kind == notice_pb2.GroupNotice.KIND_JOIN_REFUSED
    assert await ann.client.groups.join_requests(group) == []
    assert await joe.client.groups.join_requests() == []
