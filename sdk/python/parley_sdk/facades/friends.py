from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.protobuf.field_mask_pb2 import FieldMask

from parley.friend.v1 import friend_pb2, friend_service_pb2, friend_service_pb2_grpc
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.infrastructure.calls import Calls

_Request = friend_service_pb2.ListFriendRequestsRequest


@dataclass(frozen=True, slots=True)
class FriendChanges:
    """What changed in a friend list: who is new or has new notes, who went away, and the version that this leads to."""

    friends: Sequence[friend_pb2.Friend]
    removed_user_ids: Sequence[str]
    version: int
    reset: bool


class Friends:
    """Friendships, requests and blocks."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def request(self, user_id: str, greeting: str = "") -> friend_pb2.FriendRequest:
        """Ask a user to be a friend; when they had asked too, you are friends now (state ACCEPTED).

        Reasons: USER_NOT_FOUND, FRIEND_SELF, FRIEND_REQUEST_REFUSED, FRIEND_LIMIT_REACHED.
        """
        request = friend_service_pb2.RequestFriendRequest(user_id=user_id, greeting=greeting)
        return (await self._calls.unary(self._stub().RequestFriend, request)).request

    async def accept(self, friend_request_id: str, remark: str = "") -> friend_pb2.Friend:
        """Accept a request. Reasons: FRIEND_REQUEST_NOT_FOUND, FRIEND_REQUEST_CLOSED, FRIEND_LIMIT_REACHED."""
        request = friend_service_pb2.AnswerFriendRequestRequest(
            friend_request_id=friend_request_id, accept=True, remark=remark
        )
        return (await self._calls.unary(self._stub().AnswerFriendRequest, request)).friend

    async def refuse(self, friend_request_id: str, *, silent: bool = False) -> None:
        """Refuse a request; `silent` lets the sender believe that it still waits."""
        request = friend_service_pb2.AnswerFriendRequestRequest(friend_request_id=friend_request_id, silent=silent)
        await self._calls.unary(self._stub().AnswerFriendRequest, request)

    async def cancel(self, friend_request_id: str) -> None:
        """Take one's own request back."""
        request = friend_service_pb2.CancelFriendRequestRequest(friend_request_id=friend_request_id)
        await self._calls.unary(self._stub().CancelFriendRequest, request)

    async def requests(
        self, *, outgoing: bool = False, pending_only: bool = True, limit: int = PAGE
    ) -> list[friend_pb2.FriendRequest]:
        """Return the requests to the caller, or those of the caller, newest first."""
        direction = _Request.DIRECTION_OUTGOING if outgoing else _Request.DIRECTION_INCOMING

        async def page(token: str) -> tuple[Sequence[friend_pb2.FriendRequest], str]:
            request = _Request(
                direction=direction, pending_only=pending_only, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._stub().ListFriendRequests, request)
            return response.requests, response.next_page_token

        return await gather(page, limit)

    async def list(self, *, tag: str = "", limit: int = 10_000) -> list[friend_pb2.Friend]:
        """Return the caller's friends, or those with a tag."""

        async def page(token: str) -> tuple[Sequence[friend_pb2.Friend], str]:
            request = friend_service_pb2.ListFriendsRequest(page_size=min(limit, PAGE), page_token=token, tag=tag)
            response = await self._calls.unary(self._stub().ListFriends, request)
            return response.friends, response.next_page_token

        return await gather(page, limit)

    async def changes(self, after_version: int) -> FriendChanges:
        """Return what changed after a version of the list: all that a device needs that was away, in one go.

        Keep `version` for the next time; begin with 0. With `reset` forget the old copy: `friends` is the whole list.
        """
        friends: dict[str, friend_pb2.Friend] = {}
        removed: set[str] = set()
        token, first = "", None
        while first is None or token:
            request = friend_service_pb2.ListFriendsRequest(
                page_size=PAGE, page_token=token, after_version=after_version
            )
            page = await self._calls.unary(self._stub().ListFriends, request)
            first, token = first or page, page.next_page_token
            friends |= {friend.user_id: friend for friend in page.friends}
            # Pages are told by version: who came back after they went stands on a later page.
            removed = (removed | set(page.removed_user_ids)) - {friend.user_id for friend in page.friends}
            friends = {user_id: friend for user_id, friend in friends.items() if user_id not in removed}
        return FriendChanges(list(friends.values()), sorted(removed), first.version, first.reset)

    async def set_remark(self, user_id: str, remark: str) -> friend_pb2.Friend:
        """Give a friend a name of one's own; empty takes it away. Reasons: FRIEND_NOT_FOUND."""
        return await self._note(friend_pb2.Friend(user_id=user_id, remark=remark), "remark")

    async def set_tags(self, user_id: str, tags: Iterable[str]) -> friend_pb2.Friend:
        """Sort a friend under these labels of one's own, in place of those before. Reasons: FRIEND_NOT_FOUND."""
        return await self._note(friend_pb2.Friend(user_id=user_id, tags=tags), "tags")

    async def star(self, user_id: str, *, starred: bool = True) -> friend_pb2.Friend:
        """See a friend first, or no more. Reasons: FRIEND_NOT_FOUND."""
        return await self._note(friend_pb2.Friend(user_id=user_id, starred=starred), "starred")

    async def _note(self, friend: friend_pb2.Friend, field: str) -> friend_pb2.Friend:
        request = friend_service_pb2.UpdateFriendRequest(friend=friend, update_mask=FieldMask(paths=[field]))
        return (await self._calls.unary(self._stub().UpdateFriend, request)).friend

    async def delete(self, user_id: str, *, own_side_only: bool = False) -> None:
        """End a friendship. The conversation stays. With `own_side_only` the other keeps the caller in their list."""
        request = friend_service_pb2.DeleteFriendRequest(user_id=user_id, own_side_only=own_side_only)
        await self._calls.unary(self._stub().DeleteFriend, request)

    async def block(self, user_id: str) -> None:
        """Hear no more from a user. Reasons: USER_NOT_FOUND, FRIEND_SELF, BLOCK_LIMIT_REACHED."""
        await self._calls.unary(self._stub().BlockUser, friend_service_pb2.BlockUserRequest(user_id=user_id))

    async def unblock(self, user_id: str) -> None:
        """Lift a block."""
        await self._calls.unary(self._stub().UnblockUser, friend_service_pb2.UnblockUserRequest(user_id=user_id))

    async def blocked(self, *, limit: int = 1_000) -> Sequence[friend_pb2.BlockedUser]:
        """Return whom the caller blocked, newest first."""

        async def page(token: str) -> tuple[Sequence[friend_pb2.BlockedUser], str]:
            request = friend_service_pb2.ListBlockedRequest(page_size=min(limit, PAGE), page_token=token)
            response = await self._calls.unary(self._stub().ListBlocked, request)
            return response.blocked, response.next_page_token

        return await gather(page, limit)

    def _stub(self) -> friend_service_pb2_grpc.FriendServiceStub:
        return self._calls.stub(friend_service_pb2_grpc.FriendServiceStub)
