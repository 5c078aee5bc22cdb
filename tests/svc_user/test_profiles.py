"""Profiles: what users say of themselves, and who hears of a change."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from mesh import errors
from mesh.errors import Code
from parley.user.v1.user_pb2 import AUDIENCE_EVERYONE, AUDIENCE_NOBODY, Profile
from parley.user.v1.user_service_pb2 import (
    GetUserRequest,
    UpdateProfileRequest,
)
from svc_user.domain.reasons import Reason
from tests.svc_user.friendships import befriend, block
from tests.svc_user.test_settings import choose
from tests.svc_user.world import World, refused, until


def change(*paths: str, version: int = 0, **fields: str) -> UpdateProfileRequest:
    """A change of the profile."""
    return UpdateProfileRequest(profile=Profile(**fields), update_mask=FieldMask(paths=paths), expected_version=version)


async def test_a_profile_change_is_kept_and_told_to_other_devices(world: World) -> None:
    """Only the named fields change, the version rises, and the personal log says so."""
    ada = await world.person("ada")
    request = change("display_name", "pronouns", display_name="  Ada L. ", pronouns="she", bio="not this")
    user = (await world.users.UpdateProfile(request, metadata=ada.auth)).user
    assert (user.profile.display_name, user.profile.pronouns, user.profile.bio) == ("Ada L.", "she", "")
    assert user.version == 2
    await until(lambda: any(entry.content.profile.version == 2 for entry in world.log.of(ada.id)))
    again = (await world.users.UpdateProfile(request, metadata=ada.auth)).user
    assert again.version == 2


async def test_a_change_of_an_older_version_is_refused(world: World) -> None:
    """Two devices that edit the same version: the second one is told to read again."""
    ada = await world.person("ada")
    await world.users.UpdateProfile(change("bio", bio="one", version=1), metadata=ada.auth)
    error = await refused(world.users.UpdateProfile(change("bio", bio="two", version=1), metadata=ada.auth))
    assert (error.code, error.reason) == (Code.ABORTED, Reason.VERSION_CONFLICT)


async def test_a_picture_is_an_avatar_of_ones_own(world: World) -> None:
    """A new picture is asked for where media are, whose refusal is the answer and changes nothing; others are not."""
    ada = await world.person("ada")
    mine, other = "m" + "1" * 15, "m" + "2" * 15
    world.pictures.own.add((ada.id, mine))

    async def set_picture(media_id: str) -> int:
        request = change("avatar_media_id", "bio", avatar_media_id=media_id, bio="hi")
        return (await world.users.UpdateProfile(request, metadata=ada.auth)).user.version

    assert [await set_picture(mine), await set_picture(mine)] == [2, 2]
    assert world.pictures.asked == [(ada.id, mine)]
    for refusal in (
        world.pictures.refusal,
        errors.invalid("MEDIA_WRONG_PURPOSE", "of another purpose"),
        errors.precondition("MEDIA_NOT_READY", "not yet"),
    ):
        world.pictures.refusal = refusal
        error = await refused(set_picture(other))
        assert (error.code, error.reason) == (refusal.code, refusal.reason)
    await world.users.UpdateProfile(change("bio", avatar_media_id=other, bio="ho"), metadata=ada.auth)
    user = (await world.users.GetUser(GetUserRequest(), metadata=ada.auth)).user
    assert (user.profile.avatar_media_id, user.profile.bio) == (mine, "ho")
    asked = len(world.pictures.asked)
    world.pictures.own.clear()
    assert ([await set_picture(mine), await set_picture("")], len(world.pictures.asked)) == ([4, 5], asked)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(change(), id="no field named"),
        pytest.param(change("nonsense"), id="unknown field"),
        pytest.param(change("display_name", "user_id"), id="output only field"),
        pytest.param(change("display_name", display_name="a\0b"), id="NUL"),
        pytest.param(change("display_name", display_name="a\nb"), id="newline"),
        pytest.param(change("display_name", display_name="\u200b\u2060"), id="nothing to see"),
        pytest.param(change("display_name", display_name="a\u202eb"), id="direction override"),
        pytest.param(change("avatar_media_id", avatar_media_id="javascript:alert(1)"), id="script as picture"),
        pytest.param(change("birthday", birthday="9999-01-01"), id="year 9999"),
        pytest.param(change("birthday", birthday="-1"), id="no date"),
        pytest.param(change("birthday", birthday="2001-02-30"), id="no real day"),
        pytest.param(change("birthday", birthday="2099-01-01"), id="in the future"),
    ],
)
async def test_bad_profiles_are_refused(world: World, request_: UpdateProfileRequest) -> None:
    """What breaks a rule of a field is refused, whether the contract or the domain has the rule."""
    ada = await world.person("ada")
    error = await refused(world.users.UpdateProfile(request_, metadata=ada.auth))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.INVALID_REQUEST)


async def test_a_birthday_follows_the_setting(world: World) -> None:
    """By default friends see it and strangers do not; everyone or nobody may; who is blocked never does."""
    ada, bob, eve = await world.people("ada", "bob", "eve")
    await befriend(world, ada, bob)
    await world.users.UpdateProfile(change("birthday", birthday="1990-12-10"), metadata=ada.auth)

    async def seen() -> list[str]:
        request = GetUserRequest(user_id=ada.id)
        answers = [await world.users.GetUser(request, metadata=who.auth) for who in (ada, bob, eve)]
        return [answer.user.profile.birthday for answer in answers]

    assert await seen() == ["1990-12-10", "1990-12-10", ""]
    await choose(world, ada, see_birthday=AUDIENCE_EVERYONE)
    assert await seen() == ["1990-12-10"] * 3
    await block(world, ada, bob.id)
    await block(world, ada, eve.id)
    assert await seen() == ["1990-12-10", "", ""]
    await choose(world, ada, see_birthday=AUDIENCE_NOBODY)
    assert await seen() == ["1990-12-10", "", ""]


async def test_a_name_has_nothing_in_it_that_nobody_sees(world: World) -> None:
    """Zero width characters are left out, so that two names that look the same are the same; emoji stay whole."""
    ada = await world.person("ada")
    request = change("display_name", display_name="A\u200bd\u2060a\ufeff \U0001f469\u200d\U0001f680")
    user = (await world.users.UpdateProfile(request, metadata=ada.auth)).user
    assert user.profile.display_name == "Ada \U0001f469\u200d\U0001f680"
