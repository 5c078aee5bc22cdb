"""A group that an administrator of the installation closes for a time."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from parley.group.v1 import group_pb2
from parley_sdk import ParleyError
from tests.journeys.mesh import Mesh, Running
from tests.journeys.operating import OperatorTerminal
from tests.journeys.people import Device, People

SUSPENDED = "GROUP_SUSPENDED"


async def reason(call: Awaitable[object]) -> str:
    """Why a call was refused."""
    with pytest.raises(ParleyError) as refused:
        await call
    return refused.value.reason


def changes(device: Device, group: str) -> list[tuple[str, bool]]:
    """Who closed the group and who opened it, as a device was told."""
    entries = [one for one in device.shown[group] if one.content.group.HasField("suspended")]
    return [(one.sender_id, one.content.group.suspended) for one in entries]


def acts(owner: Device, member: Device, group: str, seq: int, link: str) -> dict[str, Callable[[], Awaitable[object]]]:
    """What nobody may do then, the owner included."""
    groups = owner.client.groups
    settings = group_pb2.GroupSettings(slow_mode_seconds=5)
    return {
        "write": lambda: owner.client.send(group, "I own it"),
        "write as a member": lambda: member.client.send(group, "please"),
        "edit": lambda: member.client.edit(group, seq, "other words"),
        "recall": lambda: member.client.recall(group, seq),
        "react": lambda: owner.client.react(group, seq, "!"),
        "pin": lambda: owner.client.pin(group, seq),
        "keep for": lambda: owner.client.conversations.set_retention(group, 7),
        "rename": lambda: groups.rename(group, "other"),
        "change": lambda: groups.update(group, settings, ["slow_mode_seconds"]),
        "announce": lambda: groups.announce(group, "hear me"),
        "link": lambda: groups.create_link(group),
        "revoke": lambda: groups.revoke_link(link),
        "mute": lambda: groups.mute(group, member.user_id, 60),
        "kick": lambda: groups.kick(group, [member.user_id]),
        "ban": lambda: groups.ban(group, member.user_id),
        "hand on": lambda: groups.transfer(group, member.user_id),
        "dissolve": lambda: groups.dissolve(group),
    }


async def test_nobody_writes_in_a_suspended_group_and_all_of_it_comes_back(
    people: People, operator: Device, terminal: OperatorTerminal
) -> None:
    """Members read, mark and leave; nobody writes, joins or changes it, until it is restored as it was. A device that
    was offline learns both from the log, and the administrator's reason is in the audit log alone.
    """
    ann, bob, eve, joe, kim = await people.users("ann", "bob", "eve", "joe", "kim")
    tablet = await people.another(bob)
    group = await people.open_group(ann, bob, eve)
    seq = (await bob.client.send(group, "as it was")).seq
    await tablet.until_text(group, "as it was")
    await tablet.client.disconnect()
    link = await ann.client.groups.create_link(group)
    await ann.client.groups.ban(group, kim.user_id)
    before = await ann.client.groups.get(group)

    assert "suspended" in await terminal.shown("groups", "suspend", group, "--reason", "a flood of lies")
    allowed = [
        name for name, act in acts(ann, bob, group, seq, link.invitation_id).items() if await reason(act()) != SUSPENDED
    ]
    assert allowed == []
    assert await reason(joe.client.groups.join(token=link.url)) == SUSPENDED
    assert await reason(joe.client.groups.join(group)) == "GROUP_NOT_FOUND", "who was never in learns nothing of it"
    assert await reason(joe.client.groups.get(group)) == "GROUP_NOT_FOUND"
    seen = await bob.client.groups.get(group)
    assert (seen.state, seen.version) == (group_pb2.GROUP_STATE_SUSPENDED, before.version + 1)
    assert "as it was" in [entry.content.post.body.text.text for entry in await bob.history(group)]
    assert {one.user_id for one in await bob.client.groups.members(group)} > {ann.user_id, bob.user_id}
    assert [one.user_id for one in await ann.client.groups.bans(group)] == [kim.user_id]
    assert await ann.client.groups.join_requests(group) == []
    assert [one.invitation_id for one in await ann.client.groups.links(group)] == [link.invitation_id]
    await bob.client.conversations.mark_read(group, seq)
    await eve.client.groups.leave(group)

    [*_, told] = [entry for entry in await ann.history(group) if entry.content.group.HasField("suspended")]
    assert b"flood of lies" not in told.SerializeToString()
    await terminal.shown("groups", "suspend", group, "--reason", "twice is no error")
    assert "active" in await terminal.shown("groups", "restore", group, "--reason", "they are sorry")
    await bob.say(group, "we are back")
    await tablet.client.connect()
    await tablet.until_text(group, "we are back")
    assert changes(tablet, group) == changes(ann, group) == [("", True), ("", False)]
    after = await ann.client.groups.get(group)
    assert (after.state, after.settings) == (group_pb2.GROUP_STATE_ACTIVE, before.settings)
    await joe.client.groups.join(token=link.url)
    await joe.say(group, "hello")
    audit = operator.client.administration.audit
    written = [await audit(target=group, action=f"GroupAdminService.{name}Group") for name in ("Suspend", "Restore")]
    assert [[one.reason for one in acts] for acts in written] == [
        ["twice is no error", "a flood of lies"],
        ["they are sorry"],
    ]


async def test_only_administrators_suspend_and_an_ended_group_is_not(
    people: People, operator: Device, shared_mesh: Mesh | Running
) -> None:
    """Its owner may neither suspend nor restore; a suspended group can still be ended, which is for good."""
    ann, bob = await people.users("ann", "bob")
    group = await people.open_group(ann, bob)
    moderation = operator.client.administration.moderation
    theirs = (await people.another(ann, address=shared_mesh.operators)).client.administration.moderation
    assert await reason(theirs.suspend_group(group, "mine")) == "CALLER_NOT_ALLOWED"
    await moderation.suspend_group(group, "a trial")
    assert await reason(theirs.restore_group(group, "mine")) == "CALLER_NOT_ALLOWED"
    await moderation.dissolve_group(group, "enough")
    for act in (moderation.suspend_group, moderation.restore_group):
        assert await reason(act(group, "late")) == "GROUP_DISSOLVED"
        assert await reason(act("g" + "0" * 15, "nothing")) == "GROUP_NOT_FOUND"


RULES: dict[str, tuple[Callable[[Device, Device, str], Awaitable[object]], str]] = {
    "suspended": (
        lambda operator, _, group: operator.client.administration.moderation.suspend_group(group, "a flood"),
        SUSPENDED,
    ),
    "all muted": (
        lambda _, owner, group: owner.client.groups.update(group, group_pb2.GroupSettings(mute_all=True), ["mute_all"]),
        "MUTED",
    ),
}


async def flood(writer: Device, group: str) -> tuple[list[int], str]:
    """Write, ten at once, until that is refused: the places of what was accepted, and why the rest was not."""
    accepted: list[int] = []
    for chunk in itertools.count():
        sends = [writer.client.send(group, f"{writer.username} {chunk} {number}") for number in range(10)]
        outcomes = await asyncio.gather(*sends, return_exceptions=True)
        accepted += [one.seq for one in outcomes if not isinstance(one, BaseException)]
        errors = [one for one in outcomes if isinstance(one, BaseException)]
        refused = {one.reason if isinstance(one, ParleyError) else repr(one) for one in errors}
        if refused:
            [why] = refused
            return accepted, why
    raise AssertionError("it goes on for ever")


@pytest.mark.parametrize("rule", RULES)
async def test_nothing_of_a_flood_stands_behind_the_entry_that_ends_it(
    people: People, operator: Device, rule: str
) -> None:
    """While members write as fast as they can the group is closed: what was accepted stands before that entry, all else
    is refused with its reason, and a device that was offline sees the same log.
    """
    owner, ann, bob = await people.users("owner", "ann", "bob")
    tablet = await people.another(bob)
    group = await people.open_group(owner, ann, bob)
    await tablet.until(lambda: group in tablet.shown, "the group on the tablet")
    await tablet.client.disconnect()
    writing = [asyncio.create_task(flood(writer, group)) for writer in (ann, bob)]
    await owner.until(lambda: len(owner.texts(group)) > 40, "the writers at work")
    close, why = RULES[rule]
    await close(operator, owner, group)
    told = await asyncio.gather(*writing)
    assert [reason for _, reason in told] == [why, why]
    log = await owner.history(group)
    assert log[-1].content.WhichOneof("kind") == "group", "the entry that closed it is the last one"
    posts = [entry.seq for entry in log if entry.content.HasField("post")]
    assert sorted(seq for accepted, _ in told for seq in accepted) == posts
    await tablet.client.connect()
    await tablet.until_seq(group, log[-1].seq)
    seen = await tablet.history(group)
    assert seen == log[seen[0].seq - 1 :]
