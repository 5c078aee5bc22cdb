"""What tests do between two users."""

from google.protobuf.field_mask_pb2 import FieldMask

from parley.friend.v1.friend_pb2 import (
    Friend,
    FriendRequest,
)
from parley.friend.v1.friend_service_pb2 import (
    AnswerFriendRequestRequest,
    AnswerFriendRequestResponse,
    BlockUserRequest,
    CancelFriendRequestRequest,
    ListFriendRequestsRequest,
    ListFriendsRequest,
    ListFriendsResponse,
    RequestFriendRequest,
    RequestFriendResponse,
    UpdateFriendRequest,
)
from tests.svc_user.world import Person, World

INCOMING = ListFriendRequestsRequest.DIRECTION_INCOMING
OUTGOING = ListFriendRequestsRequest.DIRECTION_OUTGOING
UNKNOWN = "u" + "0" * 15


async def ask(world: World, me: Person, other: str, **fields: str) -> RequestFriendResponse:
    """Ask to be friends."""
    return await world.friends.RequestFriend(RequestFriendRequest(user_id=other, **fields), metadata=me.auth)


async def answer(
    world: World, me: Person, request: FriendRequest, *, accept: bool, silent: bool = False, remark: str = ""
) -> AnswerFriendRequestResponse:
    """Accept or refuse."""
    message = AnswerFriendRequestRequest(
        friend_request_id=request.friend_request_id, accept=accept, silent=silent, remark=remark
    )
    return await world.friends.AnswerFriendRequest(message, metadata=me.auth)


async def befriend(world: World, one: Person, other: Person) -> None:
    """Make friends."""
    request = (await ask(world, one, other.id)).request
    await answer(world, other, request, accept=True)


async def listed(world: World, me: Person, after: int = 0, **fields: object) -> ListFriendsResponse:
    """A page of the friend list."""
    request = ListFriendsRequest(after_version=after, **fields)  # type: ignore[arg-type]
    return await world.friends.ListFriends(request, metadata=me.auth)


async def requests(
    world: World, me: Person, direction: ListFriendRequestsRequest.Direction.ValueType, *, pending_only: bool = False
) -> list[FriendRequest]:
    """The requests of a user."""
    message = ListFriendRequestsRequest(direction=direction, pending_only=pending_only)
    return list((await world.friends.ListFriendRequests(message, metadata=me.auth)).requests)


async def cancel(world: World, me: Person, request: FriendRequest) -> FriendRequest:
    """Take back."""
    message = CancelFriendRequestRequest(friend_request_id=request.friend_request_id)
    return (await world.friends.CancelFriendRequest(message, metadata=me.auth)).request


async def block(world: World, me: Person, other: str) -> None:
    """Block."""
    await world.friends.BlockUser(BlockUserRequest(user_id=other), metadata=me.auth)


def note(other: Person, *paths: str, version: int = 0, **fields: object) -> UpdateFriendRequest:
    """A change of what is kept about a friend."""
    friend = Friend(user_id=other.id, **fields)  # type: ignore[arg-type]
    return UpdateFriendRequest(friend=friend, update_mask=FieldMask(paths=paths), expected_version=version)
