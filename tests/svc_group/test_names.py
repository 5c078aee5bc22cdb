"""Names and announcements of which nobody would see anything."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from parley.group.v1 import group_pb2
from parley.group.v1.group_service_pb2 import SetAnnouncementRequest, UpdateGroupRequest
from parley.group.v1.member_service_pb2 import UpdateMembershipRequest
from tests.svc_group.world import World


@pytest.mark.parametrize("nothing", ["\u200b", "\u2060 ", "\u3164", "\u115f", "\ufe0f", "\u2800"])
async def test_what_shows_nothing_is_no_name(mesh: World, nothing: str) -> None:
    """A group, a nickname and an announcement have something to see; the error names the field."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    name = UpdateGroupRequest(
        group_id=group_id, settings=group_pb2.GroupSettings(name=nothing), update_mask=FieldMask(paths=["name"])
    )
    nickname = UpdateMembershipRequest(group_id=group_id, nickname=nothing, update_mask=FieldMask(paths=["nickname"]))
    words = SetAnnouncementRequest(group_id=group_id, request_id="a", text=nothing)
    for error, field in (
        (await ann.refused(mesh.groups.UpdateGroup, name), "settings.name"),
        (await bob.refused(mesh.members.UpdateMembership, nickname), "nickname"),
        (await ann.refused(mesh.groups.SetAnnouncement, words), "text"),
    ):
        assert (error.reason, [one.field for one in error.fields]) == ("INVALID_REQUEST", [field])
    nickname.nickname = ""
    await bob.do(mesh.members.UpdateMembership, nickname)
