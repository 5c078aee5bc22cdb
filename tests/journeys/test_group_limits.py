"""Limits that an administrator of the installation sets for one group."""

from collections.abc import Awaitable

import pytest

from parley.group.v1 import group_pb2
from parley.group.v1.group_pb2 import GroupLimits
from parley_sdk import ParleyError
from tests.journeys.mesh import Mesh, Running
from tests.journeys.operating import OperatorTerminal
from tests.journeys.people import Device, People

SLOW = ["slow_mode_seconds"]


async def refusal(call: Awaitable[object]) -> ParleyError:
    """The error with which a call was refused."""
    with pytest.raises(ParleyError) as refused:
        await call
    return refused.value


async def test_a_group_has_no_more_members_than_an_administrator_allows(people: People, operator: Device) -> None:
    """Nobody has to go and nobody comes, by invitation or link, until there is room; other groups are not touched."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob)
    other = await people.open_group(ann, bob)
    moderation, ways_in = operator.client.administration.moderation, ann.client.groups
    installed = (await ann.client.groups.get(group)).member_limit
    link = await ways_in.create_link(group)
    limited = await moderation.limit_group(group, GroupLimits(member_limit=1), ["member_limit"], "a trial")
    assert (limited.member_limit, limited.member_count, limited.limits.member_limit) == (1, 2, 1)
    [skipped] = (await ways_in.invite(group, [eve.user_id])).skipped
    assert (skipped.user_id, skipped.cause) == (eve.user_id, skipped.CAUSE_GROUP_FULL)
    assert (await refusal(eve.client.groups.join(token=link.url))).reason == "GROUP_FULL"
    assert not (await ways_in.invite(other, [eve.user_id])).skipped
    await bob.client.send(group, "we stay")
    await ann.until_text(group, "we stay")
    free = await moderation.limit_group(group, GroupLimits(), ["member_limit"], "the trial is over")
    assert (free.member_limit, free.HasField("limits")) == (installed, False)
    await eve.client.groups.join(token=link.url)
    await eve.until_kind(group, "membership")


async def test_slow_mode_stays_within_the_bounds_of_an_administrator(people: People, operator: Device) -> None:
    """It is moved into them at once, for all members; admins of the group may choose within; who was away learns it."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    group = await people.open_group(ann, bob)
    await tablet.until_kind(group, "membership")
    await tablet.client.disconnect()
    moderation, groups = operator.client.administration.moderation, ann.client.groups
    bounds = GroupLimits(slow_mode_min_seconds=60, slow_mode_max_seconds=600)
    fields = ["slow_mode_min_seconds", "slow_mode_max_seconds"]
    before = (await groups.get(group)).version
    limited = await moderation.limit_group(group, bounds, fields, "a flood", before)
    assert (limited.settings.slow_mode_seconds, limited.version) == (60, before + 1)
    again = await moderation.limit_group(group, bounds, fields, "twice is no error", before)
    assert again.version == limited.version
    late = moderation.limit_group(group, GroupLimits(link_limit=1), ["link_limit"], "late", before)
    assert (await refusal(late)).reason == "VERSION_CONFLICT"
    await bob.client.send(group, "one")
    assert (await refusal(bob.client.send(group, "two"))).reason == "SLOW_MODE"
    for seconds in (0, 30, 601):
        error = await refusal(groups.update(group, group_pb2.GroupSettings(slow_mode_seconds=seconds), SLOW))
        assert (error.reason, error.fields[0].field) == ("INVALID_REQUEST", "settings.slow_mode_seconds")
    assert (await groups.rename(group, "quiet")).settings.name == "quiet"
    await groups.update(group, group_pb2.GroupSettings(slow_mode_seconds=600), SLOW)
    await tablet.client.connect()

    def told() -> bool:
        changes = [entry for entry in tablet.shown[group] if entry.content.WhichOneof("kind") == "group"]
        slow = [(one.sender_id, one.content.group.slow_mode_seconds) for one in changes]
        return ("", 60) in slow and (ann.user_id, 600) in slow

    await tablet.until(told, "that the system made it slow, and Ann slower")
    crossed = GroupLimits(slow_mode_min_seconds=601)
    mistake = moderation.limit_group(group, crossed, ["slow_mode_min_seconds"], "a mistake")
    assert (await refusal(mistake)).reason == "INVALID_REQUEST"


async def test_links_of_a_group_are_limited_and_all_of_it_is_written_down(
    people: People, operator: Device, shared_mesh: Mesh | Running, terminal: OperatorTerminal
) -> None:
    """In the terminal, with a reason; what others may not do they may not do here, and an ended group has no limits."""
    ann, bob = await people.users("ann", "bob")
    group = await people.open_group(ann, bob)
    administration, ways_in = operator.client.administration, ann.client.groups

    await terminal.shown("groups", "limit", group, "links", "1", "--reason", "a spreader of links")
    assert "links\t1\n" in await terminal.shown("groups", "show", group)
    await ways_in.create_link(group)
    assert (await refusal(ways_in.create_link(group))).reason == "INVITATION_LIMIT_REACHED"
    assert "links\tdefault\n" in await terminal.shown(
        "groups", "limit", group, "links", "default", "--reason", "better"
    )
    await ways_in.create_link(group)
    [later, first] = await administration.audit(target=group, action="GroupAdminService.SetGroupLimits")
    assert (first.reason, first.details["link_limit"]) == ("a spreader of links", "1")
    assert (later.reason, later.details["update_mask"]) == ("better", "link_limit")
    theirs = (await people.another(ann, address=shared_mesh.operators)).client.administration.moderation
    error = await refusal(theirs.limit_group(group, GroupLimits(member_limit=9), ["member_limit"], "mine"))
    assert error.reason == "CALLER_NOT_ALLOWED"
    await administration.moderation.dissolve_group(group, "enough")
    ended = administration.moderation.limit_group(group, GroupLimits(member_limit=9), ["member_limit"], "late")
    assert (await refusal(ended)).reason == "GROUP_DISSOLVED"
