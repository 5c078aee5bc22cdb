"""Settings and announcements."""

from google.protobuf.field_mask_pb2 import FieldMask

from mesh import errors
from parley.group.v1 import group_pb2
from parley.group.v1.group_service_pb2 import (
    AcknowledgeAnnouncementRequest,
    CreateGroupRequest,
    GetGroupRequest,
    SetAnnouncementRequest,
    SetAnnouncementResponse,
    UpdateGroupRequest,
)
from parley.group.v1.member_service_pb2 import ListMembersRequest, SetMemberRoleRequest
from tests.svc_group.world import User, World


def rename(group_id: str, name: str, version: int = 0) -> UpdateGroupRequest:
    """Ask for another name."""
    settings = group_pb2.GroupSettings(name=name)
    mask = FieldMask(paths=["name"])
    return UpdateGroupRequest(group_id=group_id, settings=settings, update_mask=mask, expected_version=version)


async def announce(
    user: User, group_id: str, text: str, request_id: str = "", *, required: bool = False
) -> SetAnnouncementResponse:
    """Set an announcement."""
    request = SetAnnouncementRequest(
        request_id=request_id or user.world.ids.new("r"), group_id=group_id, text=text, required_reading=required
    )
    return await user.do(user.world.groups.SetAnnouncement, request)


async def test_a_new_name_is_an_entry(mesh: World) -> None:
    """Renaming raises the version by one and tells the log the name and nothing else."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    renamed = (await ann.do(mesh.groups.UpdateGroup, rename(group_id, " crew "))).group
    assert (renamed.settings.name, renamed.version) == ("crew", 2)
    entry = mesh.logs.of(group_id)[-1]
    assert entry.sender_id == ann.id
    assert [field.name for field, _ in entry.content.group.ListFields()] == ["name"]
    assert entry.content.group.name == "crew"


async def test_only_the_named_fields_change(mesh: World) -> None:
    """A field outside the mask is ignored, and a named empty one goes back to its default."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob, introduction="hello", join_policy=group_pb2.JOIN_POLICY_OPEN)
    settings = group_pb2.GroupSettings(
        name="other", mute_all=True, mention_all_role=group_pb2.ROLE_MEMBER, member_receipts=True
    )
    mask = FieldMask(paths=["mute_all", "join_policy", "mention_all_role", "member_receipts"])
    request = UpdateGroupRequest(group_id=group_id, settings=settings, update_mask=mask)
    after = (await ann.do(mesh.groups.UpdateGroup, request)).group.settings
    assert (after.name, after.introduction, after.mute_all) == ("team", "hello", True)
    assert after.join_policy == group_pb2.JOIN_POLICY_INVITED
    change = mesh.logs.contents(group_id)[-1].group
    assert (change.muted_all, change.mention_all_open, change.HasField("name")) == (True, True, False)
    assert change.member_receipts


async def test_the_same_settings_again_change_nothing(mesh: World) -> None:
    """A repeated update is no second entry and no second version, though it is based on an older one."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    first = await ann.do(mesh.groups.UpdateGroup, rename(group_id, "crew", 1))
    again = await ann.do(mesh.groups.UpdateGroup, rename(group_id, "crew", 1))
    assert again.group.version == first.group.version == 2
    assert len(mesh.logs.of(group_id)) == 2


async def test_a_change_based_on_another_version_is_aborted(mesh: World) -> None:
    """Of two edits of one version the second is told that it changed meanwhile."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    await ann.do(mesh.groups.UpdateGroup, rename(group_id, "crew", 1))
    refusal = await ann.refused(mesh.groups.UpdateGroup, rename(group_id, "band", 1))
    assert (refusal.code.name, refusal.reason) == ("ABORTED", "VERSION_CONFLICT")
    assert refusal.metadata["version"] == "2"


async def test_an_announcement_reaches_log_and_group(mesh: World) -> None:
    """Setting one numbers it, shows it in the group and is an entry; an empty text takes it away."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    announced = (await announce(ann, group_id, "read me", required=True)).announcement
    assert (announced.number, announced.author_id) == (1, ann.id)
    change = mesh.logs.contents(group_id)[-1].group
    assert (change.announcement, change.announcement_required) == ("read me", True)
    assert not (await announce(ann, group_id, "")).HasField("announcement")
    gone = mesh.logs.contents(group_id)[-1].group
    assert (gone.HasField("announcement"), gone.announcement) == (True, "")
    assert (await announce(ann, group_id, "again")).announcement.number == 2


async def test_a_repeated_announcement_is_made_once(mesh: World) -> None:
    """The same request id returns the first answer even when another announcement came between."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    first = await announce(ann, group_id, "one", "1")
    await announce(ann, group_id, "two", "2")
    assert await announce(ann, group_id, "one", "1") == first
    assert len(mesh.logs.of(group_id)) == 3


async def test_who_has_read_is_counted(mesh: World) -> None:
    """Confirming counts once for each member, an older number takes nothing back, and admins see who has not."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve)
    await announce(ann, group_id, "read me", required=True)
    for _ in range(2):
        await bob.do(mesh.groups.AcknowledgeAnnouncement, AcknowledgeAnnouncementRequest(group_id=group_id, number=1))
    group = (await ann.do(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).group
    assert group.announcement.acknowledged_count == 1
    listed = await ann.do(mesh.members.ListMembers, ListMembersRequest(group_id=group_id, not_acknowledged=True))
    assert {member.user_id for member in listed.members} == {ann.id, eve.id}
    listed = await ann.do(mesh.members.ListMembers, ListMembersRequest(group_id=group_id, acknowledged=True))
    assert [(member.user_id, member.acknowledged_announcement) for member in listed.members] == [(bob.id, 1)]
    for wanted in (
        ListMembersRequest(group_id=group_id, acknowledged=True),
        ListMembersRequest(group_id=group_id, not_acknowledged=True),
    ):
        assert (await bob.refused(mesh.members.ListMembers, wanted)).reason == "ROLE_REQUIRED"
    both = ListMembersRequest(group_id=group_id, acknowledged=True, not_acknowledged=True)
    assert (await ann.refused(mesh.members.ListMembers, both)).code.name == "INVALID_ARGUMENT"
    mine = (await bob.do(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).group.own
    assert mine.acknowledged_announcement == 1


async def test_an_announcement_that_never_was_cannot_be_confirmed(mesh: World) -> None:
    """A number beyond the latest is NOT_FOUND."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    request = AcknowledgeAnnouncementRequest(group_id=group_id, number=1)
    refusal = await bob.refused(mesh.groups.AcknowledgeAnnouncement, request)
    assert (refusal.code.name, refusal.reason) == ("NOT_FOUND", "ANNOUNCEMENT_NOT_FOUND")


MINE, OTHERS = "m" + "1" * 15, "m" + "2" * 15


def picture(group_id: str, media_id: str) -> UpdateGroupRequest:
    """Ask for another picture."""
    settings, mask = group_pb2.GroupSettings(avatar_media_id=media_id), FieldMask(paths=["avatar_media_id"])
    return UpdateGroupRequest(group_id=group_id, settings=settings, update_mask=mask)


async def test_a_picture_is_an_avatar_of_who_sets_it(mesh: World) -> None:
    """A new one is asked for where media are, whose refusal changes nothing; who may not change the group asks none,
    and an admin may leave the one that another has set.
    """
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    mesh.pictures.own.add((ann.id, MINE))
    group_id = await ann.makes(bob, eve, avatar_media_id=MINE)
    role = SetMemberRoleRequest(group_id=group_id, user_id=bob.id, role=group_pb2.ROLE_ADMIN)
    await ann.do(mesh.members.SetMemberRole, role)
    asked = len(mesh.pictures.asked)
    assert (await bob.do(mesh.groups.UpdateGroup, picture(group_id, MINE))).group.settings.avatar_media_id == MINE
    error = await eve.refused(mesh.groups.UpdateGroup, picture(group_id, OTHERS))
    assert (error.reason, len(mesh.pictures.asked)) == ("ROLE_REQUIRED", asked)
    for refusal in (
        mesh.pictures.refusal,
        errors.invalid("MEDIA_WRONG_PURPOSE", "of another purpose"),
        errors.precondition("MEDIA_NOT_READY", "not yet"),
    ):
        mesh.pictures.refusal = refusal
        other = group_pb2.GroupSettings(name="team", avatar_media_id=OTHERS)
        request = CreateGroupRequest(request_id=mesh.ids.new("r"), settings=other, member_ids=[bob.id])
        for error in (
            await ann.refused(mesh.groups.CreateGroup, request),
            await bob.refused(mesh.groups.UpdateGroup, picture(group_id, OTHERS)),
        ):
            assert (error.code, error.reason) == (refusal.code, refusal.reason)
    mesh.pictures.refusal = errors.unavailable("STORE_UNAVAILABLE", "away")
    error = await bob.refused(mesh.groups.UpdateGroup, picture(group_id, OTHERS))
    assert (error.code, error.reason) == (errors.Code.UNAVAILABLE, "STORE_UNAVAILABLE")
    shown = (await ann.do(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).group
    assert shown.settings.avatar_media_id == MINE
    cleared = (await bob.do(mesh.groups.UpdateGroup, picture(group_id, ""))).group
    assert cleared.settings.avatar_media_id == ""
