"""Creating groups."""

from pathlib import Path

import pytest

from parley.group.v1 import group_pb2, group_service_pb2, member_pb2
from parley.message.v1 import notice_pb2
from parley.user.v1 import user_pb2
from svc_group.app import Settings
from tests.svc_group.world import World, service, world

Skip = member_pb2.SkippedMember
Cause = notice_pb2.MembershipChange
Kind = notice_pb2.GroupNotice


async def test_a_new_group_begins_with_all_its_members(mesh: World) -> None:
    """The first entry of a group's log is CREATED with everyone and their roles, and each is told in their own log."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group = (await ann.creates(bob, eve)).group
    first = mesh.logs.of(group.group_id)[0]
    change = first.content.membership
    assert first.sender_id == ann.id
    assert change.cause == Cause.CAUSE_CREATED
    assert {member.user_id: member.role for member in change.added} == {ann.id: 3, bob.id: 1, eve.id: 1}
    [notice] = mesh.logs.notices(bob.id)
    assert (notice.kind, notice.group_id, notice.actor_id) == (Kind.KIND_ADDED, group.group_id, ann.id)
    assert mesh.logs.notices(ann.id)[0].actor_id == ""


async def test_the_answer_shows_the_group_with_its_defaults(mesh: World) -> None:
    """What was not set is answered with the default that the contract names."""
    ann, bob = mesh.user(), mesh.user()
    group = (await ann.creates(bob)).group
    assert (group.owner_id, group.member_count, group.member_limit, group.version) == (ann.id, 2, 10_000, 1)
    assert group.state == group_pb2.GROUP_STATE_ACTIVE
    assert group.settings.join_policy == group_pb2.JOIN_POLICY_INVITED
    assert group.settings.mention_all_role == group_pb2.ROLE_ADMIN
    assert group.own.role == group_pb2.ROLE_OWNER


async def test_a_muted_group_says_so_in_its_log_from_the_start(mesh: World) -> None:
    """Settings that message nodes keep to follow the members in the log when they are not the default."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob, mute_all=True)
    contents = mesh.logs.contents(group_id)
    assert contents[0].HasField("membership")
    assert contents[1].group.muted_all
    assert not contents[1].group.HasField("member_receipts")
    group_id = await ann.makes(bob, member_receipts=True)
    assert mesh.logs.contents(group_id)[1].group == notice_pb2.GroupChange(member_receipts=True)


async def test_users_who_cannot_be_added_are_listed(mesh: World) -> None:
    """Unknown users and those who blocked the caller are skipped with a cause, and the group is made all the same."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    mesh.directory.blocks.add((eve.id, ann.id))
    stranger = mesh.ids.new("u")
    request = group_service_pb2.CreateGroupRequest(
        request_id="1", settings=group_pb2.GroupSettings(name="team"), member_ids=[bob.id, eve.id, stranger]
    )
    made = await ann.do(mesh.groups.CreateGroup, request)
    causes = {skip.user_id: skip.cause for skip in made.skipped}
    assert causes == {eve.id: Skip.CAUSE_NOT_ALLOWED_BY_USER, stranger: Skip.CAUSE_USER_NOT_FOUND}
    assert made.group.member_count == 2


async def test_users_who_want_to_be_asked_are_asked(mesh: World) -> None:
    """Who lets only friends add them is a member at once for a friend, and is invited by anybody else."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    for user in (bob, eve):
        mesh.directory.know(user.id, audience=user_pb2.AUDIENCE_FRIENDS)
    mesh.directory.friends.add(frozenset((ann.id, bob.id)))
    made = await ann.creates(bob, eve)
    assert list(made.asked_user_ids) == [eve.id]
    assert mesh.logs.roles(made.group.group_id).keys() == {ann.id, bob.id}
    assert mesh.logs.notices(eve.id)[0].kind == Kind.KIND_INVITED


async def test_doubles_and_the_caller_count_once(mesh: World) -> None:
    """Naming somebody twice, or oneself, makes one member of each."""
    ann, bob = mesh.user(), mesh.user()
    made = await ann.creates(bob, bob, ann)
    assert made.group.member_count == 2
    assert len(mesh.logs.memberships(made.group.group_id)[0].added) == 2


async def test_a_repeated_request_makes_one_group(mesh: World) -> None:
    """The same request id returns the first answer, also when the members are named in another order."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    first = await ann.creates(bob, eve, request_id="once")
    again = await ann.creates(eve, bob, request_id="once")
    assert again == first
    assert len(mesh.logs.of(first.group.group_id)) == 1


async def test_a_request_id_with_other_content_is_refused(mesh: World) -> None:
    """A request id belongs to one content."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    await ann.creates(bob, request_id="once")
    request = group_service_pb2.CreateGroupRequest(
        request_id="once", settings=group_pb2.GroupSettings(name="team"), member_ids=[eve.id]
    )
    refusal = await ann.refused(mesh.groups.CreateGroup, request)
    assert (refusal.code.name, refusal.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


async def test_request_ids_of_two_users_are_not_the_same(mesh: World) -> None:
    """A request id counts for its user alone."""
    ann, bob = mesh.user(), mesh.user()
    one = await ann.creates(bob, request_id="1")
    other = await bob.creates(ann, request_id="1")
    assert one.group.group_id != other.group.group_id


async def test_a_large_group_is_told_in_chunks(mesh: World) -> None:
    """A thousand users besides the owner make two CREATED entries of at most a thousand, and a notice for each."""
    ann = mesh.user()
    others = [mesh.user() for _ in range(1_000)]
    group_id = (await ann.creates(*others)).group.group_id
    sizes = [len(change.added) for change in mesh.logs.memberships(group_id)]
    assert sizes == [1_000, 1]
    assert len(mesh.logs.roles(group_id)) == 1_001
    assert all(len(mesh.logs.notices(user.id)) == 1 for user in others)
    assert max(mesh.logs.calls) < 512 * 1024


@pytest.mark.parametrize("settings", [Settings(new_groups_per_hour=2), Settings(groups_per_user=2)])
async def test_a_user_makes_a_bounded_number_of_groups(tmp_path: Path, settings: Settings) -> None:
    """Beyond the hourly allowance, and beyond the groups a user may be in, creating is RESOURCE_EXHAUSTED."""
    async with world(tmp_path, settings=settings) as made, service(made):
        ann, bob = made.user(), made.user()
        await ann.creates(bob)
        await ann.creates(bob)
        request = group_service_pb2.CreateGroupRequest(
            request_id="3", settings=group_pb2.GroupSettings(name="team"), member_ids=[bob.id]
        )
        refusal = await ann.refused(made.groups.CreateGroup, request)
        assert refusal.code.name == "RESOURCE_EXHAUSTED"
        assert refusal.reason in {"RATE_LIMITED", "GROUP_LIMIT_REACHED"}
