"""Deleting an account, through the service's own face."""

from pathlib import Path

from mesh.errors import Code
from parley.directory.v1 import directory_service_pb2 as directory
from parley.friend.v1.friend_pb2 import FRIEND_REQUEST_STATE_CANCELLED
from parley.user.v1.user_pb2 import USER_STATE_DELETED, Profile
from parley.user.v1.user_service_pb2 import (
    DeleteAccountRequest,
    FindUsersRequest,
    GetUserRequest,
    UpdateProfileRequest,
)
from svc_user.app import Settings
from svc_user.domain.reasons import Reason
from tests.svc_user.devices import log_in_refused, refresh
from tests.svc_user.friendships import INCOMING, answer, ask, befriend, listed, requests
from tests.svc_user.test_devices import ends
from tests.svc_user.test_directory import verdicts, visible
from tests.svc_user.test_profiles import change
from tests.svc_user.world import CHEAP, PASSWORD, Person, World, refused, running, until


async def delete(world: World, who: Person, password: str = PASSWORD) -> None:
    """Delete the account."""
    await world.users.DeleteAccount(DeleteAccountRequest(password=password), metadata=who.auth)


async def test_a_deleted_user_is_an_id_without_a_face(world: World) -> None:
    """Others see the id and that it is deleted, find it by no name, cannot write to it, and the name stays taken."""
    ada, bob = await world.people("ada", "bob")
    await world.users.UpdateProfile(change("bio", bio="secret of mine"), metadata=ada.auth)
    await delete(world, ada)
    seen = (await world.users.GetUser(GetUserRequest(user_id=ada.id), metadata=bob.auth)).user
    assert (seen.user_id, seen.username, seen.profile, seen.state) == (ada.id, "", Profile(), USER_STATE_DELETED)
    for prefix in (False, True):
        found = await world.users.FindUsers(FindUsersRequest(query="ada", prefix=prefix), metadata=bob.auth)
        assert not found.users
    assert await verdicts(world, (bob.id, ada.id), (ada.id, bob.id)) == ["RECEIVER_DELETED", "SENDER_UNAVAILABLE"]
    profiles = directory.GetProfilesRequest(user_ids=[ada.id])
    [profile] = (await world.directory.GetProfiles(profiles, metadata=world.as_service)).profiles
    assert (profile.username, profile.display_name, profile.state) == ("", "", USER_STATE_DELETED)
    assert (await refused(world.register("ada"))).reason == Reason.USERNAME_TAKEN
    assert (await refused(ask(world, bob, ada.id))).reason == Reason.USER_NOT_FOUND


async def test_a22_nobody_is_logged_in_as_a_deleted_user(world: World) -> None:
    """A22: access tokens, refresh tokens and the password of all devices are worth nothing, and devices hear why."""
    phone = await world.person("ada")
    tablet = await world.log_in("ada")
    await delete(world, phone)
    world.clock.advance(6)
    for person in (phone, tablet):
        error = await refused(world.users.GetUser(GetUserRequest(), metadata=person.auth))
        assert (error.code, error.reason) == (Code.UNAUTHENTICATED, Reason.SESSION_REVOKED)
        error = await refused(refresh(world, person.opened.tokens.refresh_token, person.opened.device_id))
        assert (error.code, error.metadata["end"]) == (Code.UNAUTHENTICATED, "ACCOUNT_DELETED")
    assert await ends(world, phone, tablet) == ["ACCOUNT_DELETED"] * 2
    world.clock.advance(60)
    assert (await log_in_refused(world)).reason == Reason.BAD_CREDENTIALS


async def test_a_stolen_session_deletes_nothing(world: World) -> None:
    """Without the password nothing happens, and guessing it is throttled as a log-in is."""
    ada = await world.person("ada")
    world.clock.advance(60)
    for _ in range(5):
        error = await refused(delete(world, ada, "a guess"))
        assert (error.code, error.reason) == (Code.UNAUTHENTICATED, Reason.BAD_CREDENTIALS)
    assert (await refused(delete(world, ada))).reason == "RATE_LIMITED"
    world.clock.advance(60)
    assert (await world.users.GetUser(GetUserRequest(), metadata=ada.auth)).user.username == "ada"


async def test_friends_see_that_a_friend_is_gone(world: World) -> None:
    """Their entry stays with their own remark, marked as ended, and shows no presence; requests are taken back."""
    ada, bob, cyd, dan = await world.people("ada", "bob", "cyd", "dan")
    world.clock.advance(60)
    await befriend(world, ada, bob)
    sent = (await ask(world, ada, cyd.id)).request
    came = (await ask(world, dan, ada.id)).request
    await delete(world, ada)
    await until(lambda: world.groups.forgotten == [ada.id])
    [friend] = (await listed(world, bob)).friends
    assert (friend.user_id, friend.ended_by_other, friend.user.state) == (ada.id, True, USER_STATE_DELETED)
    assert await visible(world, bob, ada.id) == []
    [request] = await requests(world, cyd, INCOMING)
    assert (request.friend_request_id, request.state) == (sent.friend_request_id, FRIEND_REQUEST_STATE_CANCELLED)
    assert came.state
    await world.settled()
    assert ("DELETED", ada.id, False) in world.log.friend_notices(bob.id)
    assert (await refused(answer(world, cyd, sent, accept=True))).reason in {
        Reason.USER_NOT_FOUND,
        Reason.FRIEND_REQUEST_CLOSED,
    }


async def test_what_is_left_elsewhere_goes_when_the_others_answer_again(tmp_path: Path) -> None:
    """While the group service is away the account is gone all the same; a process that starts later does the rest."""
    settings = Settings(hashing=CHEAP, store_url=f"sqlite:{tmp_path / 'user.db'}")
    async with running(tmp_path, settings) as world:
        ada, bob = await world.people("ada", "bob")
        world.groups.away = True
        await delete(world, ada)
        seen = (await world.users.GetUser(GetUserRequest(user_id=ada.id), metadata=bob.auth)).user
        assert seen.state == USER_STATE_DELETED
        await until(lambda: world.groups.asked == 1)
        assert world.groups.forgotten == []
    async with running(tmp_path, settings) as world:
        await until(lambda: world.groups.forgotten == [ada.id])


async def test_a_profile_that_changes_meanwhile_is_erased_too(world: World) -> None:
    """An update from another device and the deletion at once: nothing of the profile is left."""
    ada, bob = await world.people("ada", "bob")
    update = world.users.UpdateProfile(
        UpdateProfileRequest(profile=Profile(bio="late"), update_mask=change("bio").update_mask), metadata=ada.auth
    )
    await delete(world, ada)
    await refused_or_done(update)
    seen = (await world.users.GetUser(GetUserRequest(user_id=ada.id), metadata=bob.auth)).user
    assert (seen.profile, seen.state) == (Profile(), USER_STATE_DELETED)


async def refused_or_done(call: object) -> None:
    """Wait for a call whatever comes of it."""
    try:
        await call  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001 - either may be
        assert "INTERNAL" not in str(error)  # noqa: PT017 - the other outcome is tested by its caller
