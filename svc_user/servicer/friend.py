"""`parley.friend.v1.FriendService`."""

from dataclasses import replace
from typing import Any

from mesh.caller import Caller
from mesh.clock import Clock
from parley.friend.v1 import friend_service_pb2 as pb
from svc_user.application.blocks import Blocks
from svc_user.application.friend_requests import FriendRequests, Outcome
from svc_user.application.friends import Friends, ListCursor
from svc_user.application.profiles import Views
from svc_user.domain.account import Account, UserId
from svc_user.domain.friend import FriendRequest, FriendRequestId, checked_tags
from svc_user.domain.friendship import Reply
from svc_user.servicer.messages import to_blocked, to_friend, to_request
from svc_user.servicer.paging import PageTokens, page_size

INCOMING = pb.ListFriendRequestsRequest.DIRECTION_INCOMING


class FriendServicer:
    """Friends, requests and blocks."""

    def __init__(
        self,
        requests: FriendRequests,
        friends: Friends,
        blocks: Blocks,
        views: Views,
        pages: PageTokens,
        clock: Clock,
    ) -> None:
        self._requests = requests
        self._friends = friends
        self._blocks = blocks
        self._views = views
        self._pages = pages
        self._clock = clock

    async def request_friend(self, request: pb.RequestFriendRequest, caller: Caller) -> pb.RequestFriendResponse:
        """Ask for friendship."""
        me, other = UserId(caller.user_id), UserId(request.user_id)
        outcome = await self._requests.ask(me, other, request.greeting, request.remark.strip())
        account = (await self._views.of(me, (other,))).get(other)
        return pb.RequestFriendResponse(**_outcome(outcome, account))

    async def answer_friend_request(
        self, request: pb.AnswerFriendRequestRequest, caller: Caller
    ) -> pb.AnswerFriendRequestResponse:
        """Accept or refuse."""
        me = UserId(caller.user_id)
        reply = Reply(request.accept, request.remark.strip(), request.silent, self._clock.now_ms())
        outcome = await self._requests.answer(me, FriendRequestId(request.friend_request_id), reply)
        account = await self._other(me, outcome.request)
        return pb.AnswerFriendRequestResponse(**_outcome(outcome, account))

    async def cancel_friend_request(
        self, request: pb.CancelFriendRequestRequest, caller: Caller
    ) -> pb.CancelFriendRequestResponse:
        """Take back."""
        me = UserId(caller.user_id)
        cancelled = await self._requests.cancel(me, FriendRequestId(request.friend_request_id))
        return pb.CancelFriendRequestResponse(request=to_request(cancelled, await self._other(me, cancelled)))

    async def list_friend_requests(
        self, request: pb.ListFriendRequestsRequest, caller: Caller
    ) -> pb.ListFriendRequestsResponse:
        """List requests."""
        me, incoming = UserId(caller.user_id), request.direction == INCOMING
        query = ("list_friend_requests", me, str(incoming), str(request.pending_only))
        before, size = self._pages.decode(query, request.page_token), page_size(request.page_size)
        found = await self._requests.list(
            me, incoming=incoming, pending_only=request.pending_only, before=before, limit=size + 1
        )
        page = found[:size]
        accounts = await self._views.of(me, [_other_side(one, me) for one in page])
        return pb.ListFriendRequestsResponse(
            requests=[to_request(one, accounts.get(_other_side(one, me))) for one in page],
            next_page_token=self._pages.encode(query, page[-1].request_id if len(found) > size else ""),
        )

    async def list_friends(self, request: pb.ListFriendsRequest, caller: Caller) -> pb.ListFriendsResponse:
        """List friends."""
        me = UserId(caller.user_id)
        tag = request.tag.strip()
        query = ("list_friends", me, tag, str(request.after_version))
        position = self._pages.decode(query, request.page_token)
        cursor = _cursor(position) if position else await self._friends.begin(me, request.after_version)
        page = await self._friends.page(me, cursor, tag, page_size(request.page_size))
        accounts = await self._views.of(me, [side.other_id for side in page.friends])
        return pb.ListFriendsResponse(
            friends=[to_friend(side, accounts.get(side.other_id)) for side in page.friends],
            removed_user_ids=page.removed,
            version=cursor.version,
            reset=cursor.reset,
            next_page_token=self._pages.encode(query, _position(page.more) if page.more else ""),
        )

    async def get_friend(self, request: pb.GetFriendRequest, caller: Caller) -> pb.GetFriendResponse:
        """Return one friend."""
        me, other = UserId(caller.user_id), UserId(request.user_id)
        side = await self._friends.get(me, other)
        return pb.GetFriendResponse(friend=to_friend(side, (await self._views.of(me, (other,))).get(other)))

    async def update_friend(self, request: pb.UpdateFriendRequest, caller: Caller) -> pb.UpdateFriendResponse:
        """Keep what the caller notes about a friend."""
        me, other = UserId(caller.user_id), UserId(request.friend.user_id)
        changes: dict[str, Any] = {path: getattr(request.friend, path) for path in request.update_mask.paths}
        if "tags" in changes:
            changes["tags"] = checked_tags(changes["tags"])
        if "remark" in changes:
            changes["remark"] = changes["remark"].strip()
        side = await self._friends.annotate(
            me, other, lambda before: replace(before, **changes), request.expected_version
        )
        return pb.UpdateFriendResponse(friend=to_friend(side, (await self._views.of(me, (other,))).get(other)))

    async def delete_friend(self, request: pb.DeleteFriendRequest, caller: Caller) -> pb.DeleteFriendResponse:
        """End a friendship."""
        me, other = UserId(caller.user_id), UserId(request.user_id)
        version = await self._friends.delete(me, other, own_side_only=request.own_side_only)
        return pb.DeleteFriendResponse(version=version)

    async def block_user(self, request: pb.BlockUserRequest, caller: Caller) -> pb.BlockUserResponse:
        """Block a user."""
        me, other = UserId(caller.user_id), UserId(request.user_id)
        side = await self._blocks.block(me, other)
        return pb.BlockUserResponse(blocked=to_blocked(side, (await self._views.of(me, (other,))).get(other)))

    async def unblock_user(self, request: pb.UnblockUserRequest, caller: Caller) -> pb.UnblockUserResponse:
        """Lift a block."""
        await self._blocks.unblock(UserId(caller.user_id), UserId(request.user_id))
        return pb.UnblockUserResponse()

    async def list_blocked(self, request: pb.ListBlockedRequest, caller: Caller) -> pb.ListBlockedResponse:
        """List whom the caller blocked."""
        me, query, size = UserId(caller.user_id), ("list_blocked", caller.user_id), page_size(request.page_size)
        at, _, who = self._pages.decode(query, request.page_token).partition(" ")
        found = await self._blocks.list(me, (int(at), who) if at else None, size + 1)
        page = found[:size]
        accounts = await self._views.of(me, [side.other_id for side in page])
        position = f"{page[-1].blocked_at_ms} {page[-1].other_id}" if len(found) > size else ""
        return pb.ListBlockedResponse(
            blocked=[to_blocked(side, accounts.get(side.other_id)) for side in page],
            next_page_token=self._pages.encode(query, position),
        )

    async def _other(self, me: UserId, request: FriendRequest | None) -> Account | None:
        if request is None:
            return None
        other = _other_side(request, me)
        return (await self._views.of(me, (other,))).get(other)


def _other_side(request: FriendRequest, me: UserId) -> UserId:
    return request.receiver_id if request.sender_id == me else request.sender_id


def _outcome(outcome: Outcome, account: Account | None) -> dict[str, Any]:
    return {
        "request": to_request(outcome.request, account) if outcome.request else None,
        "friend": to_friend(outcome.friend, account) if outcome.friend else None,
    }


def _position(cursor: ListCursor) -> str:
    return f"{cursor.after} {cursor.version} {int(cursor.whole)} {int(cursor.reset)}"


def _cursor(position: str) -> ListCursor:
    after, version, whole, reset = map(int, position.split(" "))
    return ListCursor(after, version, bool(whole), bool(reset))
