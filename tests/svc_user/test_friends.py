"""Friend lists, through the service's own face."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from parley.friend.v1.friend_service_pb2 import (
    DeleteFriendRequest,
    GetFriendRequest,
)
from parley.user.v1.user_pb2 import Profile
from parley.user.v1.user_service_pb2 import GetUserRequest, UpdateProfileRequest
from svc_user.application import friends
from svc_user.domain.reasons import Reason
from tests.svc_user.friendships import befriend, listed, note
from tests.svc_user.world import World, refused, until


async def test_a_friend_list_is_followed_by_its_versions(world: World) -> None:
    """A client that keeps the version reads only what changed: new friends, new notes, and who went away."""
    ada, bob, cyd = await world.people("ada", "bob", "cyd")
    await befriend(world, ada, bob)
    whole = await listed(world, ada)
    assert [friend.user.username for friend in whole.friends] == ["bob"]
    assert (await listed(world, ada, whole.version)).friends == []
    await befriend(world, cyd, ada)
    await world.friends.DeleteFriend(DeleteFriendRequest(user_id=bob.id), metadata=ada.auth)
    delta = await listed(world, ada, whole.version)
    assert [friend.user_id for friend in delta.friends] == [cyd.id]
    assert (list(delta.removed_user_ids), delta.reset) == ([bob.id], False)
    assert [friend.user_id for friend in (await listed(world, ada)).friends] == [cyd.id]


async def test_a_version_that_never_was_gets_the_whole_list(world: World) -> None:
    """A client that knows more than the store is told to forget its copy."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    answered = await listed(world, ada, 1_000)
    assert (answered.reset, len(answered.friends)) == (True, 1)


async def test_a_version_that_is_too_old_gets_the_whole_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is further behind than changes are told is told to forget its copy; who is just so far behind is not."""
    monkeypatch.setattr(friends, "MAX_BEHIND", 2)
    ada, bob, cyd = await world.people("ada", "bob", "cyd")
    await befriend(world, ada, bob)
    await befriend(world, ada, cyd)
    await world.friends.UpdateFriend(note(bob, "remark", remark="B"), metadata=ada.auth)
    answered = await listed(world, ada, 1)
    assert (answered.reset, [one.user_id for one in answered.friends]) == (False, [cyd.id, bob.id])
    await world.friends.UpdateFriend(note(bob, "remark", remark="C"), metadata=ada.auth)
    answered = await listed(world, ada, 1)
    assert (answered.reset, {one.user_id for one in answered.friends}) == (True, {bob.id, cyd.id})
    assert not (await listed(world, ada)).reset


async def test_a_friend_list_comes_in_pages(world: World) -> None:
    """Each friend once, the oldest change first, and the version of the moment of the first page."""
    ada, *others = await world.people("ada", "bob", "cyd", "dan")
    for other in others:
        await befriend(world, ada, other)
    first = await listed(world, ada, page_size=2)
    second = await listed(world, ada, page_size=2, page_token=first.next_page_token)
    names = [friend.user.username for page in (first, second) for friend in page.friends]
    assert (names, second.next_page_token) == (["bob", "cyd", "dan"], "")
    assert first.version == second.version == 3
    assert (await refused(listed(world, ada, page_size=-1))).reason == Reason.INVALID_REQUEST


async def test_notes_about_a_friend_are_the_owners_own(world: World) -> None:
    """Remark, tags and star are kept, found by tag, told to the owner's devices, and unknown to the friend."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    request = note(bob, "tags", "starred", "remark", tags=["work", "Zürich"], starred=True, remark="B")
    friend = (await world.friends.UpdateFriend(request, metadata=ada.auth)).friend
    assert (list(friend.tags), friend.starred, friend.remark) == (["work", "Zürich"], True, "B")
    assert [one.user_id for one in (await listed(world, ada, tag="Zürich")).friends] == [bob.id]
    assert (await listed(world, ada, tag="home")).friends == []
    theirs = await world.friends.GetFriend(GetFriendRequest(user_id=ada.id), metadata=bob.auth)
    assert (list(theirs.friend.tags), theirs.friend.remark) == ([], "")
    await until(lambda: ("UPDATED", bob.id, True) in world.log.friend_notices(ada.id))
    assert "UPDATED" not in [kind for kind, *_ in world.log.friend_notices(bob.id)]


async def test_notes_based_on_an_older_version_are_refused(world: World) -> None:
    """Two devices that edit the same friend: the second one reads again."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    [friend] = (await listed(world, ada)).friends
    request = note(bob, "remark", version=friend.version, remark="one")
    await world.friends.UpdateFriend(request, metadata=ada.auth)
    request.friend.remark = "two"
    assert (await refused(world.friends.UpdateFriend(request, metadata=ada.auth))).reason == Reason.VERSION_CONFLICT


@pytest.mark.parametrize(
    "paths,fields",
    [
        ((), {}),
        (("user",), {}),
        (("nonsense",), {}),
        (("tags",), {"tags": ["x"] * 2}),
        (("tags",), {"tags": [str(number) for number in range(21)]}),
        (("remark",), {"remark": "a\nb"}),
    ],
)
async def test_bad_notes_are_refused(world: World, paths: tuple[str, ...], fields: dict[str, object]) -> None:
    """No field, unknown and output-only fields, too many tags, a line break."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    error = await refused(world.friends.UpdateFriend(note(bob, *paths, version=0, **fields), metadata=ada.auth))
    assert error.reason == Reason.INVALID_REQUEST


async def test_who_is_no_friend_is_not_found(world: World) -> None:
    """Neither read nor noted; ending what is not there is no error."""
    ada, bob = await world.people("ada", "bob")
    for call in (
        world.friends.GetFriend(GetFriendRequest(user_id=bob.id), metadata=ada.auth),
        world.friends.UpdateFriend(note(bob, "remark", remark="x"), metadata=ada.auth),
    ):
        assert (await refused(call)).reason == Reason.FRIEND_NOT_FOUND
    await world.friends.DeleteFriend(DeleteFriendRequest(user_id=bob.id), metadata=ada.auth)


async def test_a_friendship_ends_on_both_sides(world: World) -> None:
    """Both lists lose it, both logs say so, and they can become friends anew."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    for _ in range(2):
        await world.friends.DeleteFriend(DeleteFriendRequest(user_id=bob.id), metadata=ada.auth)
    assert [len((await listed(world, one)).friends) for one in (ada, bob)] == [0, 0]
    await world.settled()
    for one, other, own in ((ada, bob, True), (bob, ada, False)):
        assert world.log.friend_notices(one.id).count(("DELETED", other.id, own)) == 1
    await befriend(world, bob, ada)
    assert len((await listed(world, ada)).friends) == 1


async def test_a_friendship_ended_on_one_side_is_shown_as_such(world: World) -> None:
    """The other keeps the entry, marked, until they delete it too."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    request = DeleteFriendRequest(user_id=bob.id, own_side_only=True)
    await world.friends.DeleteFriend(request, metadata=ada.auth)
    [kept] = (await listed(world, bob)).friends
    assert kept.ended_by_other
    await world.friends.DeleteFriend(DeleteFriendRequest(user_id=ada.id), metadata=bob.auth)
    assert (await listed(world, bob)).friends == []


async def test_friends_see_a_birthday(world: World) -> None:
    """What is for friends appears when they are."""
    ada, bob = await world.people("ada", "bob")
    change = UpdateProfileRequest(profile=Profile(birthday="1990-12-10"), update_mask=FieldMask(paths=["birthday"]))
    await world.users.UpdateProfile(change, metadata=ada.auth)
    await befriend(world, ada, bob)
    user = (await world.users.GetUser(GetUserRequest(user_id=ada.id), metadata=bob.auth)).user
    assert user.profile.birthday == "1990-12-10"


async def test_notes_are_kept_without_spaces_around_them(world: World) -> None:
    """A label is found however it was typed, is there once, and is no label when it shows nothing; so with remarks."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    request = note(bob, "tags", "remark", tags=[" work", "work", "work "], remark="  B  ")
    friend = (await world.friends.UpdateFriend(request, metadata=ada.auth)).friend
    assert (list(friend.tags), friend.remark) == (["work"], "B")
    assert [one.user_id for one in (await listed(world, ada, tag=" work")).friends] == [bob.id]
    for blank in ("  ", "\u3164"):
        error = await refused(world.friends.UpdateFriend(note(bob, "tags", tags=[blank]), metadata=ada.auth))
        assert (error.reason, [one.field for one in error.fields]) == (Reason.INVALID_REQUEST, ["friend.tags"])
