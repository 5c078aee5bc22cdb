"""The list of one's own groups, whole and by what changed."""

from parley.group.v1.group_service_pb2 import ListMyGroupsRequest, ListMyGroupsResponse
from parley.group.v1.member_service_pb2 import KickMembersRequest
from tests.svc_group.test_edit import announce, rename
from tests.svc_group.world import User, World


async def mine(user: User, after: int = 0, size: int = 0) -> tuple[list[str], list[str], int]:
    """Return group ids, removed ids and the version, over all pages."""
    request = ListMyGroupsRequest(after_version=after, page_size=size)
    groups, removed = list[str](), list[str]()
    while True:
        page: ListMyGroupsResponse = await user.do(user.world.groups.ListMyGroups, request)
        groups += [group.group_id for group in page.groups]
        removed += page.removed_group_ids
        if not page.next_page_token:
            return groups, removed, page.version
        request.page_token = page.next_page_token


async def test_only_what_changed_is_listed_after_a_version(mesh: World) -> None:
    """A copy is brought up to date by the groups that changed and those that are gone, oldest change first."""
    ann, bob = mesh.user(), mesh.user()
    one, two, three = [await ann.makes(bob) for _ in range(3)]
    groups, removed, version = await mine(bob, size=1)
    assert (groups, removed) == ([one, two, three], [])
    assert await mine(bob, version) == ([], [], version)
    await ann.do(mesh.groups.UpdateGroup, rename(two, "crew"))
    await ann.do(mesh.members.KickMembers, KickMembersRequest(group_id=three, user_ids=[bob.id]))
    four = await ann.makes(bob)
    groups, removed, version = await mine(bob, version, size=2)
    assert (groups, removed) == ([two, four], [three])
    assert await mine(bob, version) == ([], [], version)
    assert (await mine(bob))[0] == [one, two, four]


async def test_a_version_of_another_store_starts_over(mesh: World) -> None:
    """A version beyond what there is answers the whole list and says so."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    request = ListMyGroupsRequest(after_version=2**62)
    page = await bob.do(mesh.groups.ListMyGroups, request)
    assert page.reset
    assert [group.group_id for group in page.groups] == [group_id]


async def test_a_page_of_long_announcements_still_fits(mesh: World) -> None:
    """Pages end early when their texts are long, so that an answer stays below the size of a message."""
    ann, bob = mesh.user(), mesh.user()
    group_ids = [await ann.makes(bob) for _ in range(25)]
    for group_id in group_ids:
        await announce(ann, group_id, "\U0001f600" * 5_000)
    page = await bob.do(mesh.groups.ListMyGroups, ListMyGroupsRequest(page_size=200))
    assert page.next_page_token
    assert page.ByteSize() < 512 * 1024
    assert (await mine(bob, size=200))[0] == group_ids


async def test_any_version_is_answered(mesh: World) -> None:
    """The largest number that the field holds is a version of another store, and no error."""
    ann = mesh.user()
    assert (await ann.do(mesh.groups.ListMyGroups, ListMyGroupsRequest(after_version=2**64 - 1))).reset
