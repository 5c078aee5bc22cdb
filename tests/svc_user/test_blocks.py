"""Blocks, through the service's own face."""

from mesh.broker import Lost, node_topic
from mesh.errors import Code
from mesh.registry import Node
from parley.event.v1.event_pb2 import NodeEvent
from parley.friend.v1.friend_pb2 import (
    FRIEND_REQUEST_STATE_PENDING,
)
from parley.friend.v1.friend_service_pb2 import (
    ListBlockedRequest,
    UnblockUserRequest,
)
from parley.user.v1.user_service_pb2 import FindUsersRequest
from svc_user.domain.reasons import Reason
from tests.svc_user.friendships import INCOMING, OUTGOING, UNKNOWN, answer, ask, befriend, block, listed, requests
from tests.svc_user.world import World, refused


async def test_a_block_is_not_told(world: World) -> None:
    """Who is blocked cannot ask and is told the same as by settings; their waiting request seems to wait on."""
    ada, bob = await world.people("ada", "bob")
    await ask(world, bob, ada.id)
    await block(world, ada, bob.id)
    assert [one.state for one in await requests(world, bob, OUTGOING)] == [FRIEND_REQUEST_STATE_PENDING]
    assert await requests(world, ada, INCOMING, pending_only=True) == []
    error = await refused(ask(world, bob, ada.id))
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, Reason.FRIEND_REQUEST_REFUSED)
    assert "block" not in error.message
    assert (await refused(ask(world, ada, bob.id))).reason == Reason.CONTACT_BLOCKED_BY_YOU
    found = await world.users.FindUsers(FindUsersRequest(query="ada"), metadata=bob.auth)
    assert not found.users
    await world.settled()
    assert [kind for kind, *_ in world.log.friend_notices(bob.id)] == ["REQUESTED"]
    assert ("BLOCKED", bob.id, True) in world.log.friend_notices(ada.id)


async def test_blocks_are_listed_and_lifted(world: World) -> None:
    """Newest first in pages; twice is no error either way; oneself and nobody cannot be blocked."""
    ada, *others = await world.people("ada", "bob", "cyd", "dan")
    for other in (*others, others[0]):
        world.clock.advance(1)
        await block(world, ada, other.id)
    first = await world.friends.ListBlocked(ListBlockedRequest(page_size=2), metadata=ada.auth)
    rest = ListBlockedRequest(page_size=2, page_token=first.next_page_token)
    second = await world.friends.ListBlocked(rest, metadata=ada.auth)
    names = [one.user.username for page in (first, second) for one in page.blocked]
    assert (names, second.next_page_token) == (["dan", "cyd", "bob"], "")
    for _ in range(2):
        await world.friends.UnblockUser(UnblockUserRequest(user_id=others[0].id), metadata=ada.auth)
    await ask(world, others[0], ada.id)
    assert (await refused(block(world, ada, ada.id))).reason == Reason.FRIEND_SELF
    assert (await refused(block(world, ada, UNKNOWN))).reason == Reason.USER_NOT_FOUND


async def test_a_friendship_outlives_a_block(world: World) -> None:
    """Blocking a friend takes nothing from either list."""
    ada, bob = await world.people("ada", "bob")
    await befriend(world, ada, bob)
    await block(world, ada, bob.id)
    await world.friends.UnblockUser(UnblockUserRequest(user_id=bob.id), metadata=ada.auth)
    assert [len((await listed(world, one)).friends) for one in (ada, bob)] == [1, 1]


async def test_message_nodes_are_told_of_a_change_between_two(world: World) -> None:
    """All message nodes hear of a block and of its end, so that what they remember of the two is asked again."""
    ada, bob = await world.people("ada", "bob")
    async with (
        world.registry.register("message", Node("message-2", "boot-2", "nowhere")),
        world.broker.subscribe(node_topic("message-2", "boot-2")) as events,
    ):
        await block(world, ada, bob.id)
        await world.friends.UnblockUser(UnblockUserRequest(user_id=bob.id), metadata=ada.auth)
        for _ in range(2):
            payload = await anext(aiter(events))
            assert not isinstance(payload, Lost)
            [change] = NodeEvent.FromString(payload).contacts
            assert {change.user_id, change.other_id} == {ada.id, bob.id}


async def test_who_blocks_has_asked_for_nothing_any_more(world: World) -> None:
    """A request of one's own is taken back by a block: nobody becomes a friend of who has blocked them."""
    ada, bob = await world.people("ada", "bob")
    request = (await ask(world, ada, bob.id)).request
    await block(world, ada, bob.id)
    assert (await refused(answer(world, bob, request, accept=True))).reason == Reason.FRIEND_REQUEST_CLOSED
    assert await requests(world, bob, INCOMING, pending_only=True) == []
    assert not (await listed(world, ada)).friends
    await world.settled()
    told = [kind for kind, *_ in world.log.friend_notices(bob.id)]
    assert told == ["REQUESTED", "WITHDRAWN"], "as if it had been taken back"
