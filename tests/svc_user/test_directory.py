"""What other services are told about people, through the service's own face."""

import pytest

from mesh.errors import Code
from parley.directory.v1 import directory_service_pb2 as pb
from parley.friend.v1.friend_service_pb2 import BlockUserRequest, DeleteFriendRequest, RequestFriendRequest
from parley.user.v1.user_pb2 import AUDIENCE_FRIENDS, USER_KIND_ASSISTANT, USER_KIND_PERSON, USER_STATE_ACTIVE
from parley.user.v1.user_service_pb2 import LogOutRequest
from svc_user.domain.reasons import Reason
from tests.svc_user.world import PASSWORD, Person, World, refused

UNKNOWN = "u" + "0" * 15


async def verdicts(world: World, *pairs: tuple[str, str]) -> list[str]:
    """Whether the first of each pair may write to the second."""
    message = pb.CheckContactRequest(pairs=[pb.ContactPair(sender_id=one, receiver_id=two) for one, two in pairs])
    answer = await world.directory.CheckContact(message, metadata=world.as_service)
    return [pb.ContactVerdict.Name(contact.verdict)[16:] for contact in answer.contacts]


async def befriend(world: World, one: Person, other: Person) -> None:
    """Make friends: each asks the other."""
    await world.friends.RequestFriend(RequestFriendRequest(user_id=other.id), metadata=one.auth)
    await world.friends.RequestFriend(RequestFriendRequest(user_id=one.id), metadata=other.auth)


async def visible(world: World, watcher: Person, *user_ids: str) -> list[str]:
    """Whose presence the watcher sees."""
    message = pb.CheckPresenceRequest(watcher_id=watcher.id, user_ids=user_ids)
    return list((await world.directory.CheckPresence(message, metadata=world.as_service)).visible_user_ids)


async def ensure(world: World, username: str = "helper", **fields: str) -> pb.EnsureAssistantResponse:
    """An assistant's account."""
    request = pb.EnsureAssistantRequest(**{"username": username, "display_name": "Helper", **fields})
    return await world.directory.EnsureAssistant(request, metadata=world.as_service)


async def test_who_may_write_to_whom(world: World) -> None:
    """Strangers, friends and oneself may; a block stops both ways and is told to services only; nobody is nobody."""
    ada, bob, cyd = await world.people("ada", "bob", "cyd")
    await world.friends.BlockUser(BlockUserRequest(user_id=cyd.id), metadata=ada.auth)
    pairs = [(ada.id, bob.id), (ada.id, ada.id), (cyd.id, ada.id), (ada.id, cyd.id), (ada.id, UNKNOWN)]
    assert await verdicts(world, *pairs, (UNKNOWN, ada.id)) == [
        "ALLOWED",
        "ALLOWED",
        "BLOCKED_BY_RECEIVER",
        "BLOCKED_BY_SENDER",
        "RECEIVER_UNKNOWN",
        "SENDER_UNAVAILABLE",
    ]


async def test_a_contact_says_who_are_friends_and_who_is_an_assistant(world: World) -> None:
    """Both are told beside the verdict."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    assistant = (await ensure(world)).user_id
    pairs = [pb.ContactPair(sender_id=ada.id, receiver_id=other) for other in (bob.id, assistant)]
    request = pb.CheckContactRequest(pairs=pairs)
    contacts = (await world.directory.CheckContact(request, metadata=world.as_service)).contacts
    assert [(one.friends, one.receiver_is_assistant) for one in contacts] == [(True, False), (False, True)]


async def test_five_hundred_pairs_are_answered_in_order(world: World) -> None:
    """The largest request is answered whole, and a larger one is refused."""
    ada, bob = await world.people("ada", "bob")
    pairs = [(ada.id, bob.id), (bob.id, UNKNOWN)] * 250
    assert await verdicts(world, *pairs) == ["ALLOWED", "RECEIVER_UNKNOWN"] * 250
    assert (await refused(verdicts(world, *pairs, (ada.id, bob.id)))).reason == Reason.INVALID_REQUEST


async def test_presence_is_for_friends(world: World) -> None:
    """A stranger's is hidden, a friend's is shown until one blocks the other or ends it; one's own is shown."""
    ada, bob, cyd = await world.people("ada", "bob", "cyd")
    await befriend(world, ada, bob)
    await befriend(world, ada, cyd)
    assert await visible(world, ada, UNKNOWN, cyd.id, bob.id, ada.id) == [cyd.id, bob.id, ada.id]
    assert await visible(world, bob, cyd.id) == []
    await world.friends.BlockUser(BlockUserRequest(user_id=ada.id), metadata=bob.auth)
    await world.friends.DeleteFriend(DeleteFriendRequest(user_id=ada.id, own_side_only=True), metadata=cyd.auth)
    assert await visible(world, ada, bob.id, cyd.id) == []
    assert await visible(world, bob, ada.id) == []
    assert await visible(world, cyd, ada.id) == []


async def test_profiles_for_services(world: World) -> None:
    """In the order of first mention, unknown ids left out, with what groups need to know."""
    ada, bob = await world.people("ada", "bob")
    request = pb.GetProfilesRequest(user_ids=[bob.id, UNKNOWN, ada.id, bob.id])
    profiles = (await world.directory.GetProfiles(request, metadata=world.as_service)).profiles
    assert [profile.username for profile in profiles] == ["bob", "ada"]
    first = profiles[0]
    assert (first.state, first.kind, first.add_me_to_groups) == (USER_STATE_ACTIVE, USER_KIND_PERSON, AUDIENCE_FRIENDS)


async def test_an_assistant_is_made_once_and_kept_up_to_date(world: World) -> None:
    """The id stays the same, the profile follows, and nobody can log in as it."""
    first, again = await ensure(world), await ensure(world, display_name="Better helper")
    assert (first.created, again.created, again.user_id) == (True, False, first.user_id)
    request = pb.GetProfilesRequest(user_ids=[first.user_id])
    [profile] = (await world.directory.GetProfiles(request, metadata=world.as_service)).profiles
    assert (profile.display_name, profile.kind, profile.version) == ("Better helper", USER_KIND_ASSISTANT, 2)
    for password in (PASSWORD, "a"):
        assert (await refused(world.log_in("helper", password=password))).reason == Reason.BAD_CREDENTIALS


async def test_an_assistant_takes_no_persons_name(world: World) -> None:
    """A name that belongs to a person is refused."""
    await world.register("ada")
    error = await refused(ensure(world, "ada"))
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, Reason.USERNAME_TAKEN)


async def test_live_sessions_are_told_from_ended_ones(world: World) -> None:
    """A gateway that was cut off learns which of its streams may go on."""
    ada, bob = await world.people("ada", "bob")
    await world.users.LogOut(LogOutRequest(), metadata=bob.auth)
    ids = [bob.opened.session.session_id, ada.opened.session.session_id, "s" + "0" * 15]
    request = pb.CheckSessionsRequest(session_ids=ids)
    answer = await world.directory.CheckSessions(request, metadata=world.as_service)
    assert list(answer.live_session_ids) == [ids[1]]


@pytest.mark.parametrize(
    "rpc",
    [
        "CheckContact",
        "CheckPresence",
        "GetProfiles",
        "EnsureAssistant",
        "CheckSessions",
        "SetSeenAs",
        "ListPushTargets",
        "ForgetPushTarget",
    ],
)
async def test_the_directory_is_closed_to_users(world: World, rpc: str) -> None:
    """A user's token opens no RPC that is for services, and none at all opens none either."""
    ada = await world.person("ada")
    request = getattr(pb, f"{rpc}Request")()
    call = getattr(world.directory, rpc)
    assert (await refused(call(request, metadata=ada.auth))).code is Code.PERMISSION_DENIED
    assert (await refused(call(request))).code is Code.UNAUTHENTICATED


async def test_what_needs_a_user_is_closed_without_one(world: World) -> None:
    """Neither no token, nor a service's, nor a user id in the metadata makes a user."""
    spoof = (("x-user-id", await world.register("ada")),)
    request = RequestFriendRequest(user_id=UNKNOWN)
    assert (await refused(world.friends.RequestFriend(request, metadata=spoof))).code is Code.UNAUTHENTICATED
    error = await refused(world.friends.RequestFriend(request, metadata=world.as_service))
    assert error.code is Code.PERMISSION_DENIED
