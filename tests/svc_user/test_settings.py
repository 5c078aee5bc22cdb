"""Privacy settings and push targets, through the service's own face."""

import asyncio

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.broker import Lost, node_topic
from mesh.errors import Code
from mesh.registry import Node
from parley.directory.v1 import directory_service_pb2 as directory
from parley.event.v1.event_pb2 import NodeEvent
from parley.user.v1 import settings_service_pb2 as pb
from parley.user.v1.session_pb2 import PUSH_PROVIDER_APNS, PUSH_PROVIDER_FCM, PushTarget
from parley.user.v1.user_pb2 import (
    AUDIENCE_EVERYONE,
    AUDIENCE_FRIENDS,
    AUDIENCE_NOBODY,
    AUDIENCE_UNSPECIFIED,
    SEEN_AS_AWAY,
    SEEN_AS_ONLINE,
    PrivacySettings,
)
from parley.user.v1.user_service_pb2 import FindUsersRequest, LogOutRequest
from svc_user.domain.reasons import Reason
from tests.svc_user.friendships import ask, befriend
from tests.svc_user.test_directory import verdicts, visible
from tests.svc_user.world import Person, World, refused, until


async def choose(world: World, who: Person, version: int = 0, **values: object) -> PrivacySettings:
    """Change settings and return them all."""
    request = pb.UpdatePrivacySettingsRequest(
        settings=PrivacySettings(**values),  # type: ignore[arg-type]
        update_mask=FieldMask(paths=list(values)),
        expected_version=version,
    )
    return (await world.settings.UpdatePrivacySettings(request, metadata=who.auth)).settings


async def aim(world: World, who: Person, token: str, provider: int = PUSH_PROVIDER_FCM) -> None:
    """Set the push target of a device."""
    request = pb.SetPushTargetRequest(provider=provider, token=token, app_id="app")  # type: ignore[arg-type]
    await world.settings.SetPushTarget(request, metadata=who.auth)


async def targets(world: World, *people: Person) -> dict[str, list[tuple[str, bool]]]:
    """Token and hiding of each target, by username."""
    request = directory.ListPushTargetsRequest(user_ids=[one.id for one in people])
    answer = await world.directory.ListPushTargets(request, metadata=world.as_service)
    names = {one.id: one.username for one in people}
    return {names[one.user_id]: [(t.token, t.hide_content) for t in one.targets] for one in answer.users}


async def test_a_dead_token_is_forgotten_for_its_user(world: World) -> None:
    """A service says that a token is dead: it is not listed any more, another one of the user is, and setting it again
    brings it back; of another user's token it says nothing.
    """
    ada, bob = await world.person("ada"), await world.person("bob")
    for who, token in ((ada, "old"), (bob, "bobs")):
        await aim(world, who, token)
    await aim(world, ada, "new")

    async def forget(who: Person, token: str) -> None:
        target = PushTarget(device_id="d" + "1" * 15, provider=PUSH_PROVIDER_FCM, token=token)
        request = directory.ForgetPushTargetRequest(user_id=who.id, target=target)
        await world.directory.ForgetPushTarget(request, metadata=world.as_service)

    await forget(ada, "old")
    await forget(ada, "bobs")
    assert await targets(world, ada, bob) == {"ada": [("new", False)], "bob": [("bobs", False)]}
    await forget(ada, "new")
    await forget(ada, "new")
    assert await targets(world, ada, bob) == {"bob": [("bobs", False)]}
    await aim(world, ada, "new")
    assert await targets(world, ada) == {"ada": [("new", False)]}


async def found(world: World, viewer: Person, query: str, *, prefix: bool = False) -> list[str]:
    """Whom a search finds."""
    request = FindUsersRequest(query=query, prefix=prefix)
    return [one.username for one in (await world.users.FindUsers(request, metadata=viewer.auth)).users]


async def test_settings_begin_with_the_defaults_and_go_back_to_them(world: World) -> None:
    """All are filled in; a named one changes alone, its version rises, and unspecified goes back."""
    ada = await world.person("ada")
    first = (await world.settings.GetPrivacySettings(pb.GetPrivacySettingsRequest(), metadata=ada.auth)).settings
    assert (first.write_to_me, first.add_me_to_groups, first.seen_as) == (
        AUDIENCE_EVERYONE,
        AUDIENCE_FRIENDS,
        SEEN_AS_ONLINE,
    )
    changed = await choose(world, ada, write_to_me=AUDIENCE_FRIENDS, hide_push_content=True)
    assert (changed.write_to_me, changed.hide_push_content, changed.find_me) == (
        AUDIENCE_FRIENDS,
        True,
        AUDIENCE_EVERYONE,
    )
    again = await choose(world, ada, write_to_me=AUDIENCE_FRIENDS)
    back = await choose(world, ada, write_to_me=AUDIENCE_UNSPECIFIED)
    assert (first.version, changed.version, again.version, back.version) == (0, 1, 1, 2)
    assert back.write_to_me == AUDIENCE_EVERYONE
    await until(lambda: [e.content.profile.settings_version for e in world.log.of(ada.id)][-2:] == [1, 2])


async def test_of_two_devices_that_edit_one_version_one_is_refused(world: World) -> None:
    """With a version each knows what it changes; without one, changes made at once are all kept."""
    ada = await world.person("ada")
    await choose(world, ada, 0, find_me=AUDIENCE_NOBODY)
    await choose(world, ada, 1, find_me=AUDIENCE_FRIENDS)
    error = await refused(choose(world, ada, 1, find_me=AUDIENCE_NOBODY))
    assert (error.code, error.reason) == (Code.ABORTED, Reason.VERSION_CONFLICT)
    await asyncio.gather(
        choose(world, ada, hide_read_receipts=True),
        choose(world, ada, hide_push_content=True),
        choose(world, ada, see_birthday=AUDIENCE_NOBODY),
    )
    kept = (await world.settings.GetPrivacySettings(pb.GetPrivacySettingsRequest(), metadata=ada.auth)).settings
    assert (kept.hide_read_receipts, kept.hide_push_content, kept.see_birthday) == (True, True, AUDIENCE_NOBODY)
    assert kept.version == 5


@pytest.mark.parametrize("paths", [[], ["nonsense"], ["version"], ["write_to_me", "user_id"]])
async def test_a_mask_names_settings(world: World, paths: list[str]) -> None:
    """G17 to G19: no field, an unknown one and one that only the server sets are refused."""
    ada = await world.person("ada")
    request = pb.UpdatePrivacySettingsRequest(settings=PrivacySettings(), update_mask=FieldMask(paths=paths))
    error = await refused(world.settings.UpdatePrivacySettings(request, metadata=ada.auth))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.INVALID_REQUEST)
    assert (await refused(choose(world, ada, find_me=9))).reason == Reason.INVALID_REQUEST


async def test_who_may_write_follows_the_receivers_setting(world: World) -> None:
    """Friends only, nobody, and everybody again, for friends and for strangers."""
    ada, bob, eve = await world.people("ada", "bob", "eve")
    await befriend(world, ada, bob)
    pairs = [(bob.id, ada.id), (eve.id, ada.id), (ada.id, eve.id)]
    await choose(world, ada, write_to_me=AUDIENCE_FRIENDS)
    assert await verdicts(world, *pairs) == ["ALLOWED", "NOT_ACCEPTED", "ALLOWED"]
    await choose(world, ada, write_to_me=AUDIENCE_NOBODY)
    assert await verdicts(world, *pairs) == ["NOT_ACCEPTED", "NOT_ACCEPTED", "ALLOWED"]
    await choose(world, ada, write_to_me=AUDIENCE_EVERYONE)
    assert await verdicts(world, *pairs) == ["ALLOWED"] * 3


async def test_who_finds_and_befriends_follows_the_setting(world: World) -> None:
    """By name for friends or nobody, by id always; a request that is not wanted is refused in the words of a block."""
    ada, bob, eve = await world.people("ada", "bob", "eve")
    await befriend(world, ada, bob)
    await choose(world, ada, find_me=AUDIENCE_FRIENDS, befriend_me=AUDIENCE_NOBODY)
    assert [await found(world, who, "ada") for who in (bob, eve, ada)] == [["ada"], [], ["ada"]]
    assert await found(world, eve, "ad", prefix=True) == []
    assert await found(world, eve, ada.id) == ["ada"]
    await choose(world, ada, find_me=AUDIENCE_NOBODY)
    assert await found(world, bob, "ada") == []
    error = await refused(ask(world, eve, ada.id))
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, Reason.FRIEND_REQUEST_REFUSED)


async def test_who_has_asked_takes_the_answer(world: World) -> None:
    """Settings are about strangers: who asks somebody to be friends is asked back, whatever they say of others."""
    ada, bob, eve = await world.people("ada", "bob", "eve")
    await ask(world, ada, bob.id)
    await choose(world, ada, befriend_me=AUDIENCE_NOBODY)
    assert (await ask(world, bob, ada.id)).HasField("friend")
    assert (await refused(ask(world, eve, ada.id))).reason == Reason.FRIEND_REQUEST_REFUSED


async def test_presence_follows_the_setting_and_is_never_for_strangers(world: World) -> None:
    """Nobody means not even friends; everyone still means friends."""
    ada, bob, eve = await world.people("ada", "bob", "eve")
    await befriend(world, ada, bob)
    await choose(world, ada, see_presence=AUDIENCE_EVERYONE)
    assert [await visible(world, who, ada.id) for who in (bob, eve)] == [[ada.id], []]
    await choose(world, ada, see_presence=AUDIENCE_NOBODY)
    assert await visible(world, bob, ada.id) == []


async def test_nodes_are_told_of_settings_that_concern_others(world: World) -> None:
    """Message nodes and gateways hear of the user as a whole; what only the user's own devices need is not told."""
    ada = await world.person("ada")
    async with (
        world.registry.register("message", Node("message-2", "boot", "nowhere")),
        world.registry.register("gateway", Node("gateway-2", "boot", "nowhere")),
        world.broker.subscribe(node_topic("message-2", "boot")) as messages,
        world.broker.subscribe(node_topic("gateway-2", "boot")) as gateways,
    ):
        await choose(world, ada, hide_push_content=True)
        await choose(world, ada, write_to_me=AUDIENCE_FRIENDS)
        for events in (messages, gateways):
            payload = await anext(aiter(events))
            assert not isinstance(payload, Lost)
            [change] = NodeEvent.FromString(payload).contacts
            assert (change.user_id, change.other_id) == (ada.id, "")


async def test_services_read_how_a_user_wants_to_be_seen(world: World) -> None:
    """What a device said on its stream is kept, and told with the profile."""
    ada = await world.person("ada")
    request = directory.SetSeenAsRequest(user_id=ada.id, seen_as=SEEN_AS_AWAY)
    for _ in range(2):
        await world.directory.SetSeenAs(request, metadata=world.as_service)
    kept = (await world.settings.GetPrivacySettings(pb.GetPrivacySettingsRequest(), metadata=ada.auth)).settings
    assert (kept.seen_as, kept.version) == (SEEN_AS_AWAY, 1)
    profiles = directory.GetProfilesRequest(user_ids=[ada.id])
    [profile] = (await world.directory.GetProfiles(profiles, metadata=world.as_service)).profiles
    assert profile.seen_as == SEEN_AS_AWAY


async def test_push_targets_are_told_to_services(world: World) -> None:
    """One for each device, the latest token; those who have none are left out; hiding follows the setting."""
    ada, bob, eve = await world.people("ada", "bob", "eve")
    tablet = await world.log_in("ada")
    await aim(world, ada, "old")
    await aim(world, ada, "new")
    world.clock.advance(1)
    await aim(world, tablet, "tablet", PUSH_PROVIDER_APNS)
    await aim(world, bob, "bob's")
    await choose(world, bob, hide_push_content=True)
    assert await targets(world, ada, bob, eve) == {
        "ada": [("tablet", False), ("new", False)],
        "bob": [("bob's", True)],
    }
    await world.settings.RemovePushTarget(pb.RemovePushTargetRequest(), metadata=tablet.auth)
    assert await targets(world, ada) == {"ada": [("new", False)]}


async def test_a_phone_that_changes_hands_is_aimed_at_once(world: World) -> None:
    """The token moves to who logged in last, so nobody reads another's messages on the lock screen."""
    ada, bob = await world.people("ada", "bob")
    await aim(world, ada, "phone")
    await aim(world, bob, "phone")
    assert await targets(world, ada, bob) == {"bob": [("phone", False)]}


async def test_a_log_out_ends_the_pushes(world: World) -> None:
    """From the log-out on nothing is sent to the device, nor after it logs in again and did not say where."""
    ada = await world.person("ada")
    await aim(world, ada, "phone")
    await world.users.LogOut(LogOutRequest(), metadata=ada.auth)
    assert await targets(world, ada) == {}
    await world.log_in("ada", device_id=ada.opened.device_id)
    assert await targets(world, ada) == {}


async def test_bad_push_targets_are_refused_and_never_logged(world: World) -> None:
    """No provider, no token and too long a one; the token is in no line of the log."""
    ada = await world.person("ada")
    for request in (
        pb.SetPushTargetRequest(token="t"),
        pb.SetPushTargetRequest(provider=PUSH_PROVIDER_FCM),
        pb.SetPushTargetRequest(provider=PUSH_PROVIDER_FCM, token="canary" * 700),
        pb.SetPushTargetRequest(provider=99, token="canary"),  # type: ignore[arg-type]
    ):
        error = await refused(world.settings.SetPushTarget(request, metadata=ada.auth))
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.INVALID_REQUEST)
    await aim(world, ada, "canary")
    assert "canary" not in world.output.getvalue()
