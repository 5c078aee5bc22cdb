"""Friend requests, through the service's own face."""

import asyncio
from pathlib import Path

from mesh import errors
from mesh.errors import Code
from parley.directory.v1.directory_service_pb2 import EnsureAssistantRequest
from parley.friend.v1.friend_pb2 import (
    FRIEND_REQUEST_STATE_ACCEPTED,
    FRIEND_REQUEST_STATE_CANCELLED,
    FRIEND_REQUEST_STATE_EXPIRED,
    FRIEND_REQUEST_STATE_PENDING,
    FRIEND_REQUEST_STATE_REFUSED,
)
from parley.friend.v1.friend_service_pb2 import (
    ListFriendRequestsRequest,
)
from svc_user.domain.reasons import Reason
from tests.svc_user.friendships import (
    INCOMING,
    OUTGOING,
    UNKNOWN,
    answer,
    ask,
    befriend,
    cancel,
    listed,
    requests,
)
from tests.svc_user.neighbours import Log
from tests.svc_user.world import World, refused, running, until


async def test_two_become_friends(world: World) -> None:
    """Asked, accepted, listed on both sides with each one's own remark, and told to both personal logs."""
    ada, bob = await world.people("ada", "bob")
    asked = await ask(world, ada, bob.id, greeting="Hi!", remark="Bobby")
    assert (asked.request.state, asked.HasField("friend")) == (FRIEND_REQUEST_STATE_PENDING, False)
    [seen] = await requests(world, bob, INCOMING, pending_only=True)
    assert (seen.greeting, seen.user.username) == ("Hi!", "ada")
    accepted = await answer(world, bob, seen, accept=True, remark="Lovelace")
    assert accepted.request.state == FRIEND_REQUEST_STATE_ACCEPTED
    assert (accepted.friend.remark, accepted.friend.user.username) == ("Lovelace", "ada")
    [mine] = (await listed(world, ada)).friends
    assert (mine.user_id, mine.remark, mine.since_ms) == (bob.id, "Bobby", world.clock.now_ms())
    wanted = {("REQUESTED", bob.id, True), ("ACCEPTED", bob.id, False)}
    await until(lambda: {*world.log.friend_notices(ada.id)} == wanted)
    wanted = {("REQUESTED", ada.id, False), ("ACCEPTED", ada.id, True)}
    await until(lambda: {*world.log.friend_notices(bob.id)} == wanted)


async def test_asking_again_renews_the_request(world: World) -> None:
    """There is one pending request each way; the newer greeting counts, the same one is not told again."""
    ada, bob = await world.people("ada", "bob")
    first = (await ask(world, ada, bob.id, greeting="Hi!")).request
    await ask(world, ada, bob.id, greeting="Hello?")
    again = (await ask(world, ada, bob.id, greeting="Hello?")).request
    assert (again.friend_request_id, again.greeting) == (first.friend_request_id, "Hello?")
    assert len(await requests(world, bob, INCOMING)) == 1
    await world.settled()
    assert len(world.log.friend_notices(bob.id)) == 2


async def test_who_asks_back_accepts(world: World) -> None:
    """Two who asked each other are friends, also when they asked at the same moment; asking friends says so."""
    ada, bob = await world.people("ada", "bob")
    await asyncio.gather(ask(world, ada, bob.id), ask(world, bob, ada.id))
    assert [len((await listed(world, one)).friends) for one in (ada, bob)] == [1, 1]
    for one, other in ((ada, bob), (bob, ada)):
        again = await ask(world, one, other.id)
        assert again.request.state == FRIEND_REQUEST_STATE_ACCEPTED
        assert again.friend.user_id == other.id


async def test_an_assistant_accepts_at_once(world: World) -> None:
    """Who asks an assistant has a friend in the same answer."""
    ada = await world.person("ada")
    request = EnsureAssistantRequest(username="assistant", display_name="Assistant")
    assistant = (await world.directory.EnsureAssistant(request, metadata=world.as_service)).user_id
    asked = await ask(world, ada, assistant, remark="Robo")
    assert asked.request.state == FRIEND_REQUEST_STATE_ACCEPTED
    assert (asked.friend.user_id, asked.friend.remark) == (assistant, "Robo")


async def test_requests_that_make_no_sense_are_refused(world: World) -> None:
    """Oneself, nobody, and what is no id: one with characters that a cache key would mean something by."""
    ada = await world.person("ada")
    wrong = [(ada.id, Reason.FRIEND_SELF), (UNKNOWN, Reason.USER_NOT_FOUND)]
    wrong += [(bad, Reason.INVALID_REQUEST) for bad in ("", "u{x}:*" + "0" * 10, "g" + "0" * 15, ada.id + "\n")]
    for user_id, reason in wrong:
        assert (await refused(ask(world, ada, user_id))).reason == reason
    assert (await refused(ask(world, ada, UNKNOWN, greeting="x" * 201))).reason == Reason.INVALID_REQUEST


async def test_a_refused_request_is_told_and_closed(world: World) -> None:
    """The same answer again is no error, the other one is; the sender may ask anew."""
    ada, bob = await world.people("ada", "bob")
    request = (await ask(world, ada, bob.id)).request
    for _ in range(2):
        refusal = await answer(world, bob, request, accept=False)
        assert refusal.request.state == FRIEND_REQUEST_STATE_REFUSED
    error = await refused(answer(world, bob, request, accept=True))
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, Reason.FRIEND_REQUEST_CLOSED)
    await until(lambda: ("REFUSED", bob.id, False) in world.log.friend_notices(ada.id))
    assert (await ask(world, ada, bob.id)).request.friend_request_id != request.friend_request_id


async def test_a_silent_refusal_looks_like_waiting(world: World) -> None:
    """The sender sees a pending request, hears nothing, and asking again reaches nobody; after 30 days it ran out."""
    ada, bob = await world.people("ada", "bob")
    request = (await ask(world, ada, bob.id)).request
    await answer(world, bob, request, accept=False, silent=True)
    again = (await ask(world, ada, bob.id, greeting="Please!")).request
    assert (again.friend_request_id, again.state) == (request.friend_request_id, FRIEND_REQUEST_STATE_PENDING)
    assert [one.state for one in await requests(world, ada, OUTGOING, pending_only=True)] == [
        FRIEND_REQUEST_STATE_PENDING
    ]
    assert await requests(world, bob, INCOMING, pending_only=True) == []
    await world.settled()
    assert [kind for kind, *_ in world.log.friend_notices(ada.id)] == ["REQUESTED"]
    assert [kind for kind, *_ in world.log.friend_notices(bob.id)] == ["REQUESTED", "REFUSED"]


async def test_a_request_runs_out_after_thirty_days(world: World) -> None:
    """It is shown as expired and cannot be answered; asking again makes a new one."""
    ada, bob = await world.people("ada", "bob")
    request = (await ask(world, ada, bob.id)).request
    world.clock.advance(30 * 86_400)
    ada, bob = await world.log_in("ada"), await world.log_in("bob")
    [seen] = await requests(world, ada, OUTGOING)
    assert seen.state == FRIEND_REQUEST_STATE_EXPIRED
    assert (await refused(answer(world, bob, request, accept=True))).reason == Reason.FRIEND_REQUEST_CLOSED
    assert (await ask(world, ada, bob.id)).request.friend_request_id != request.friend_request_id


async def test_a_request_is_taken_back_once(world: World) -> None:
    """Twice is no error; an accepted one cannot be taken back."""
    ada, bob = await world.people("ada", "bob")
    request = (await ask(world, ada, bob.id)).request
    for _ in range(2):
        assert (await cancel(world, ada, request)).state == FRIEND_REQUEST_STATE_CANCELLED
    assert (await refused(answer(world, bob, request, accept=True))).reason == Reason.FRIEND_REQUEST_CLOSED
    await until(lambda: ("WITHDRAWN", ada.id, False) in world.log.friend_notices(bob.id))
    request = (await ask(world, ada, bob.id)).request
    await answer(world, bob, request, accept=True)
    assert (await refused(cancel(world, ada, request))).reason == Reason.FRIEND_REQUEST_CLOSED


async def test_requests_of_others_are_not_there(world: World) -> None:
    """A third person, and the wrong one of the two, can neither answer nor take back."""
    ada, bob, eve = await world.people("ada", "bob", "eve")
    request = (await ask(world, ada, bob.id)).request
    for call in (
        answer(world, eve, request, accept=True),
        answer(world, ada, request, accept=True),
        cancel(world, eve, request),
        cancel(world, bob, request),
    ):
        error = await refused(call)
        assert (error.code, error.reason) == (Code.NOT_FOUND, Reason.FRIEND_REQUEST_NOT_FOUND)


async def test_requests_are_listed_in_pages(world: World) -> None:
    """Newest first, page by page; a token does not fit the other direction."""
    ada, *others = await world.people("ada", "bob", "cyd", "dan")
    for other in others:
        await ask(world, other, ada.id)
    message = ListFriendRequestsRequest(direction=INCOMING, page_size=2)
    first = await world.friends.ListFriendRequests(message, metadata=ada.auth)
    message.page_token = first.next_page_token
    second = await world.friends.ListFriendRequests(message, metadata=ada.auth)
    senders = [one.user.username for page in (first, second) for one in page.requests]
    assert (senders, second.next_page_token) == (["dan", "cyd", "bob"], "")
    message.direction = OUTGOING
    error = await refused(world.friends.ListFriendRequests(message, metadata=ada.auth))
    assert error.reason == errors.Reason.PAGE_TOKEN_INVALID


async def test_notices_are_not_lost_when_the_log_is_away(tmp_path: Path) -> None:
    """The change is answered at once; what is owed is paid after a restart, once and in order."""
    log = Log()
    log.away = True
    async with running(tmp_path, log=log) as world:
        ada, bob = await world.people("ada", "bob")
        await befriend(world, ada, bob)
    assert log.entries == []
    log.away = False
    async with running(tmp_path, log=log):
        await until(lambda: len(log.friend_notices(bob.id)) == 2)
    assert [kind for kind, *_ in log.friend_notices(ada.id)] == ["REQUESTED", "ACCEPTED"]
    assert [kind for kind, *_ in log.friend_notices(bob.id)] == ["REQUESTED", "ACCEPTED"]
