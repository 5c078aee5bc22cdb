"""A group as large as one may be."""

from pathlib import Path

from parley.group.v1.group_service_pb2 import DissolveGroupRequest, GetGroupRequest
from parley.group.v1.invitation_service_pb2 import InviteMembersRequest
from parley.group.v1.member_service_pb2 import ListMembersRequest
from svc_group.app import Settings
from tests.svc_group.world import service, world

CHUNK = 1_000
CHUNKS = 10


async def test_a_group_fills_up_in_chunks(tmp_path: Path) -> None:
    """Members come a thousand a call up to the limit; one more is passed over, and pages list each of them once."""
    limit = CHUNK * CHUNKS
    async with world(tmp_path, settings=Settings(member_limit=limit)) as made, service(made):
        owner = made.user()
        others = [made.user() for _ in range(limit)]
        group_id = await owner.makes(others[0])
        for start in range(1, limit - 1, CHUNK):
            named = [user.id for user in others[start : min(start + CHUNK, limit - 1)]]
            invite = InviteMembersRequest(group_id=group_id, user_ids=named)
            assert len((await owner.do(made.ways_in.InviteMembers, invite)).added_user_ids) == len(named)
        one_more = InviteMembersRequest(group_id=group_id, user_ids=[others[-1].id])
        [skip] = (await owner.do(made.ways_in.InviteMembers, one_more)).skipped
        assert skip.cause == skip.CAUSE_GROUP_FULL
        assert max(len(change.added) for change in made.logs.memberships(group_id)) <= CHUNK
        assert len(made.logs.roles(group_id)) == limit
        found, token = [], ""
        while True:
            page = await owner.do(
                made.members.ListMembers, ListMembersRequest(group_id=group_id, page_size=10_000, page_token=token)
            )
            found += [member.user_id for member in page.members]
            token = page.next_page_token
            if not token:
                break
        assert len(found) == len(set(found)) == limit
        await owner.do(made.groups.DissolveGroup, DissolveGroupRequest(group_id=group_id), 30)
        await made.logs.until(lambda: not made.logs.roles(group_id))
        shown = (await owner.do(made.groups.GetGroup, GetGroupRequest(group_id=group_id))).group
        assert shown.member_count == 0
