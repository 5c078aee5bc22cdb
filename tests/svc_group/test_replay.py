"""The log and the store tell the same story."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import Code, MeshError
from parley.group.v1 import group_pb2, member_service_pb2
from parley.group.v1.group_service_pb2 import DissolveGroupRequest, TransferGroupRequest
from parley.group.v1.invitation_service_pb2 import InviteMembersRequest, JoinGroupRequest
from tests.mongo.server import STORES, url_of
from tests.svc_group.world import User, World, service, world

VERBS = ("invite", "join", "leave", "kick", "promote", "demote", "transfer")
PEOPLE = 4
ACTS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1)), max_size=25)


async def act(mesh: World, group_id: str, verb: str, actor: User, other: User) -> None:
    """Do one thing; whatever is refused is part of the story."""
    if verb == "invite":
        await actor.do(mesh.ways_in.InviteMembers, InviteMembersRequest(group_id=group_id, user_ids=[other.id]))
    elif verb == "join":
        await actor.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
    elif verb == "leave":
        await actor.do(mesh.members.LeaveGroup, member_service_pb2.LeaveGroupRequest(group_id=group_id))
    elif verb == "kick":
        request = member_service_pb2.KickMembersRequest(group_id=group_id, user_ids=[other.id])
        await actor.do(mesh.members.KickMembers, request)
    elif verb == "transfer":
        await actor.do(mesh.groups.TransferGroup, TransferGroupRequest(group_id=group_id, new_owner_id=other.id))
    else:
        role = group_pb2.ROLE_ADMIN if verb == "promote" else group_pb2.ROLE_MEMBER
        appoint = member_service_pb2.SetMemberRoleRequest(group_id=group_id, user_id=other.id, role=role)
        await actor.do(mesh.members.SetMemberRole, appoint)


async def stored(mesh: World, group_id: str, users: Sequence[User]) -> dict[str, int]:
    """Return members and roles as the store has them, asked by whoever is in."""
    for user in users:
        try:
            request = member_service_pb2.ListMembersRequest(group_id=group_id)
            page = await user.do(mesh.members.ListMembers, request)
        except MeshError:
            continue
        return {member.user_id: member.role for member in page.members}
    return {}


async def story(acts: Sequence[tuple[str, int, int]], store: str, *, at_once: bool) -> None:
    """Let it happen, then compare."""
    with tempfile.TemporaryDirectory() as folder:
        async with url_of(store, f"sqlite:{folder}/group.db") as url, world(Path(folder), url) as made, service(made):
            users = [made.user() for _ in range(PEOPLE)]
            group_id = await users[0].makes(users[1], join_policy=group_pb2.JOIN_POLICY_OPEN)
            doing = [act(made, group_id, verb, users[one], users[other]) for verb, one, other in acts]
            if at_once:
                outcomes = await asyncio.gather(*doing, return_exceptions=True)
            else:
                outcomes = [*[await _outcome(one) for one in doing]]
            assert all(isinstance(bad, MeshError) and bad.code is not Code.INTERNAL for bad in outcomes if bad)
            roles = made.logs.roles(group_id)
            assert roles == await stored(made, group_id, users)
            assert list(roles.values()).count(group_pb2.ROLE_OWNER) == 1
            await _dissolved(made, group_id, users)
            assert made.logs.roles(group_id) == {}


async def _outcome(doing: object) -> BaseException | None:
    [outcome] = await asyncio.gather(doing, return_exceptions=True)  # type: ignore[call-overload]
    return outcome if isinstance(outcome, BaseException) else None


async def _dissolved(made: World, group_id: str, users: Sequence[User]) -> None:
    owner = next(user for user in users if made.logs.roles(group_id).get(user.id) == group_pb2.ROLE_OWNER)
    await owner.do(made.groups.DissolveGroup, DissolveGroupRequest(group_id=group_id))


@pytest.mark.parametrize("store", STORES)
@settings(max_examples=15, deadline=None)
@given(acts=ACTS, at_once=st.booleans())
def test_the_log_replayed_gives_the_members_of_the_store(
    store: str,
    acts: list[tuple[str, int, int]],
    at_once: bool,  # noqa: FBT001 - drawn
) -> None:
    """After any acts, one by one or all at once, folding the entries gives the members and roles that are stored."""
    asyncio.run(story(acts, store, at_once=at_once))
