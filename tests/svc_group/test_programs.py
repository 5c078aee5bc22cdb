"""Bots and assistants own no group: they could neither appoint, nor hand it on, nor end it."""

import pytest

from parley.group.v1 import group_pb2
from parley.group.v1.group_service_pb2 import ForgetUserRequest, TransferGroupRequest
from parley.group.v1.member_service_pb2 import SetMemberRoleRequest
from parley.message.v1 import notice_pb2
from parley.user.v1 import user_pb2
from tests.svc_group.world import User, World

BOT, ASSISTANT = user_pb2.USER_KIND_BOT, user_pb2.USER_KIND_ASSISTANT


def program(mesh: World, kind: user_pb2.UserKind.ValueType) -> User:
    """Somebody who is no person."""
    user = mesh.user()
    mesh.directory.know(user.id, kind=kind)
    return user


@pytest.mark.parametrize("kind", [BOT, ASSISTANT])
async def test_no_group_is_handed_to_a_program(mesh: World, kind: user_pb2.UserKind.ValueType) -> None:
    """The owner is told to name a person, and stays the owner; who may not ask learns nothing of programs."""
    ann, eve, robot = mesh.user(), mesh.user(), program(mesh, kind)
    group_id = await ann.makes(robot, eve)
    request = TransferGroupRequest(group_id=group_id, new_owner_id=robot.id)
    refusal = await ann.refused(mesh.groups.TransferGroup, request)
    assert (refusal.code.name, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert [violation.field for violation in refusal.fields] == ["new_owner_id"]
    assert (await eve.refused(mesh.groups.TransferGroup, request)).reason == "ROLE_REQUIRED"
    assert mesh.logs.roles(group_id)[ann.id] == group_pb2.ROLE_OWNER


async def test_no_program_inherits(mesh: World) -> None:
    """A deleted owner's group goes past admins that are programs to the next person; without one it is dissolved."""
    ann, eve, robot = mesh.user(), mesh.user(), program(mesh, BOT)
    peopled, empty = await ann.makes(robot, eve), await ann.makes(robot, program(mesh, ASSISTANT))
    promote = SetMemberRoleRequest(group_id=peopled, user_id=robot.id, role=group_pb2.ROLE_ADMIN)
    await ann.do(mesh.members.SetMemberRole, promote)
    await mesh.as_service(mesh.groups.ForgetUser, ForgetUserRequest(user_id=ann.id))
    assert mesh.logs.roles(peopled) == {eve.id: group_pb2.ROLE_OWNER, robot.id: group_pb2.ROLE_ADMIN}
    assert mesh.logs.memberships(empty)[-1].cause == notice_pb2.MembershipChange.CAUSE_DISSOLVED
