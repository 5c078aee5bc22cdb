"""The life of a group."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from parley.group.v1 import group_pb2
from parley.message.v1 import entry_pb2, notice_pb2
from parley_sdk import ParleyError
from tests.journeys.people import Device, People


@dataclass
class View:
    """A group as it follows from the entries that a device has shown."""

    name: str = ""
    announcement: str = ""
    roles: dict[str, int] = field(default_factory=dict)

    def take(self, content: entry_pb2.Content) -> None:
        """Apply one entry."""
        for member in (*content.membership.added, *content.membership.updated):
            self.roles[member.user_id] = member.role
        for user_id in content.membership.removed_user_ids:
            self.roles.pop(user_id, None)
        if content.group.HasField("name"):
            self.name = content.group.name
        if content.group.HasField("announcement"):
            self.announcement = content.group.announcement


def view(entries: Sequence[entry_pb2.Entry]) -> View:
    """Return what the entries add up to."""
    whole = View()
    for entry in entries:
        whole.take(entry.content)
    return whole


async def agree(devices: Sequence[Device], group: str) -> View:
    """Wait until all devices have shown the log to its end; they and the group service must say the same."""
    log = await devices[0].history(group)
    for device in devices:
        await device.until_seq(group, log[-1].seq)
    whole = view(log)
    listed = {member.user_id: int(member.role) for member in await devices[0].client.groups.members(group)}
    assert whole.roles == listed
    for device in devices:
        assert device.shown[group] == log[device.seqs(group)[0] - 1 :]
        shown = await device.client.groups.get(group)
        assert (shown.member_count, shown.owner_id) == (len(listed), owner_of(whole))
    return whole


def owner_of(whole: View) -> str:
    """The one owner."""
    [owner] = [user for user, role in whole.roles.items() if role == notice_pb2.MEMBER_ROLE_OWNER]
    return owner


async def test_all_devices_agree_on_a_group_through_its_life(people: People) -> None:
    """Creating, inviting, joining, renaming, announcing, roles, handing on and leaving look the same on all devices."""
    ann, bob, eve, joe = await people.users("ann", "bob", "eve", "joe")
    tablet = await people.another(ann)
    await people.befriend(ann, bob, eve)
    groups = ann.client.groups
    settings = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_OPEN)
    group = (await groups.create("Crew", [bob.user_id], settings)).group.group_id
    assert list((await groups.invite(group, [eve.user_id])).added_user_ids) == [eve.user_id]
    await joe.client.groups.join(group)
    everyone = [ann, tablet, bob, eve, joe]
    assert set((await agree(everyone, group)).roles) == {one.user_id for one in everyone}

    await groups.rename(group, "Sea crew")
    await groups.announce(group, "We sail at dawn")
    await groups.set_role(group, bob.user_id, group_pb2.ROLE_ADMIN)
    whole = await agree(everyone, group)
    assert (whole.name, whole.announcement) == ("Sea crew", "We sail at dawn")
    assert whole.roles[bob.user_id] == notice_pb2.MEMBER_ROLE_ADMIN
    assert (await joe.client.groups.get(group)).settings.name == "Sea crew"

    await bob.client.groups.kick(group, [joe.user_id])
    await eve.client.groups.leave(group)
    await groups.transfer(group, bob.user_id)
    assert owner_of(await agree([ann, tablet, bob], group)) == bob.user_id
    for gone in (joe, eve):
        assert group not in {one.group_id for one in await gone.client.groups.mine()}
    await ann.say(group, "Aye")
    await bob.until_text(group, "Aye")
    assert "Aye" not in joe.texts(group) + eve.texts(group)


async def test_a_dissolved_group_is_over_for_everyone(people: People) -> None:
    """When the owner dissolves a group each member is told, nobody writes any more, and history can still be read."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob, eve)
    await bob.say(group, "the last word")
    with pytest.raises(ParleyError) as refused:
        await bob.client.groups.dissolve(group)
    assert refused.value.reason == "ROLE_REQUIRED"
    await ann.client.groups.dissolve(group)
    for device in (ann, bob, eve):
        await device.until(
            lambda device=device: any(  # type: ignore[misc]
                entry.content.membership.cause == notice_pb2.MembershipChange.CAUSE_DISSOLVED
                for entry in device.shown[group]
            ),
            "the end of the group",
        )
        with pytest.raises(ParleyError):
            await device.client.send(group, "hello?")
        assert [entry.content.post.body.text.text for entry in await device.history(group)][-2] == "the last word"


async def test_a_friend_of_nobody_is_asked_before_they_are_in_a_group(people: People) -> None:
    """Who is no friend of the inviter is asked: they are no member and see nothing until they accept."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    await people.befriend(ann, bob)
    group = (await ann.client.groups.create("Club", [bob.user_id])).group.group_id
    answer = await ann.client.groups.invite(group, [eve.user_id])
    assert [one.user_id for one in answer.pending] == [eve.user_id]
    await ann.say(group, "before eve")
    notice = await eve.until_kind(eve.user_id, "group_notice")
    assert notice.content.group_notice.kind == notice_pb2.GroupNotice.KIND_INVITED
    with pytest.raises(ParleyError):
        await eve.client.messages.history(group)
    await eve.client.groups.join(group)
    await ann.say(group, "welcome")
    await eve.until_text(group, "welcome")
    assert "before eve" not in eve.texts(group)
    assert "before eve" not in [entry.content.post.body.text.text for entry in await eve.history(group)]
