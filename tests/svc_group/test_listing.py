"""Lists of members whose roles change while the pages are turned."""

from parley.group.v1 import group_pb2
from parley.group.v1.group_service_pb2 import TransferGroupRequest
from parley.group.v1.member_pb2 import Member
from parley.group.v1.member_service_pb2 import ListMembersRequest, SetMemberRoleRequest
from tests.svc_group.world import User, World


async def appoint(owner: User, group_id: str, user_id: str) -> None:
    """Make a member an admin."""
    request = SetMemberRoleRequest(group_id=group_id, user_id=user_id, role=group_pb2.ROLE_ADMIN)
    await owner.do(owner.world.members.SetMemberRole, request)


async def page(user: User, request: ListMembersRequest) -> list[Member]:
    """The page of this request, which goes on with the next one."""
    answer = await user.do(user.world.members.ListMembers, request)
    request.page_token = answer.next_page_token
    return list(answer.members)


async def rest(user: User, request: ListMembersRequest) -> list[Member]:
    """The members of all pages that are left."""
    found: list[Member] = []
    while request.page_token:
        found += await page(user, request)
    return found


async def test_who_rises_before_their_turn_is_listed(mesh: World) -> None:
    """Among members: whoever becomes admin or owner between two pages comes on a later one, with the new role."""
    ann = mesh.user()
    group_id = await ann.makes(*(mesh.user() for _ in range(8)))
    everyone = await page(ann, ListMembersRequest(group_id=group_id))
    admin, owner = everyone[4].user_id, everyone[8].user_id
    request = ListMembersRequest(group_id=group_id, page_size=3)
    seen = await page(ann, request)
    await appoint(ann, group_id, admin)
    seen += await page(ann, request)
    await ann.do(mesh.groups.TransferGroup, TransferGroupRequest(group_id=group_id, new_owner_id=owner))
    seen += await rest(ann, request)
    roles = {member.user_id: member.role for member in seen}
    assert roles.keys() == {member.user_id for member in everyone}
    assert (roles[admin], roles[owner]) == (group_pb2.ROLE_ADMIN, group_pb2.ROLE_OWNER)


async def test_who_rises_past_the_reader_among_admins_is_listed(mesh: World) -> None:
    """Whose new place is before what was read comes where they stood; on lists of some as on that of all."""
    ann = mesh.user()
    group_id = await ann.makes(*(mesh.user("Nina") for _ in range(6)))
    ids = [member.user_id for member in await page(ann, ListMembersRequest(group_id=group_id))]
    for user_id in ids[5:]:
        await appoint(ann, group_id, user_id)
    whole = ListMembersRequest(group_id=group_id, page_size=2)
    some = ListMembersRequest(group_id=group_id, page_size=1, query="nina")
    read = [[member.user_id for member in await page(ann, request)] for request in (whole, some)]
    assert read == [[ann.id, ids[5]], [ids[5]]]
    await appoint(ann, group_id, ids[1])
    found = [[member.user_id for member in await rest(ann, request)] for request in (whole, some)]
    assert found == [[ids[6], *ids[1:5]]] * 2
