"""Ask for friendship, answer, take back, list."""

from dataclasses import dataclass

from mesh.clock import Clock
from mesh.ids import Ids
from svc_user.application.pairs import Pairs
from svc_user.domain import friendship
from svc_user.domain.account import Account, UserId, UserState, no_such_user
from svc_user.domain.friend import (
    KEPT_MS,
    REQUEST_MS,
    FriendRequest,
    FriendRequestId,
    Pair,
    Side,
    request_not_found,
    self_named,
)
from svc_user.domain.friendship import Ask, Change, Reply
from svc_user.domain.ports import Accounts, Relations, RequestQuery


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request, as the caller may see it; `friend` when the two are friends now."""

    request: FriendRequest | None
    friend: Side | None


class FriendRequests:
    """Requests to and from a user."""

    def __init__(self, accounts: Accounts, relations: Relations, pairs: Pairs, ids: Ids, clock: Clock) -> None:
        self._accounts = accounts
        self._relations = relations
        self._pairs = pairs
        self._ids = ids
        self._clock = clock

    async def ask(self, me: UserId, other: UserId, greeting: str, remark: str) -> Outcome:
        """Ask `other` to be friends; asking again is no error.

        Raises FRIEND_SELF, USER_NOT_FOUND, FRIEND_REQUEST_REFUSED, CONTACT_BLOCKED_BY_YOU, FRIEND_LIMIT_REACHED.
        """
        if me == other:
            raise self_named()
        mine, theirs = await self._both(me, other)
        wish = Ask(FriendRequestId(self._ids.new("f")), greeting, remark, self._clock.now_ms())
        pair = await self._pairs.change(me, other, lambda pair: friendship.ask(pair, mine, theirs, wish))
        return self._outcome(pair, _deciding(pair))

    async def answer(self, me: UserId, request_id: FriendRequestId, reply: Reply) -> Outcome:
        """Accept or refuse; the same answer again is no error.

        Raises FRIEND_REQUEST_NOT_FOUND, FRIEND_REQUEST_CLOSED, FRIEND_LIMIT_REACHED.
        """
        request = await self._addressed(request_id, receiver=me)
        mine, theirs = await self._both(me, request.sender_id)

        def decide(pair: Pair) -> Change:
            return friendship.answer(pair, mine, theirs, _newest(pair.received, request), reply)

        pair = await self._pairs.change(me, request.sender_id, decide)
        return self._outcome(pair, _newest(pair.received, request))

    async def cancel(self, me: UserId, request_id: FriendRequestId) -> FriendRequest:
        """Take back; twice is no error. Raises FRIEND_REQUEST_NOT_FOUND and FRIEND_REQUEST_CLOSED."""
        request = await self._relations.request(request_id)
        if request is None or request.sender_id != me:
            raise request_not_found()
        now, kept = self._clock.now_ms(), request
        pair = await self._pairs.change(
            me, request.receiver_id, lambda pair: friendship.cancel(pair, _newest(pair.sent, kept), now)
        )
        return _newest(pair.sent, request).shown_to(me, now)

    async def list(
        self, me: UserId, *, incoming: bool, pending_only: bool, before: str, limit: int
    ) -> list[FriendRequest]:
        """Requests as the caller may see them, newest first; answered ones for 90 days."""
        now = self._clock.now_ms()
        pending_since = now - REQUEST_MS if pending_only else None
        found = await self._relations.requests(RequestQuery(me, incoming, now - KEPT_MS, pending_since, before, limit))
        return [request.shown_to(me, now) for request in found]

    async def _addressed(self, request_id: FriendRequestId, receiver: UserId) -> FriendRequest:
        request = await self._relations.request(request_id)
        if request is None or request.receiver_id != receiver:
            raise request_not_found()
        return request

    async def _both(self, me: UserId, other: UserId) -> tuple[Account, Account]:
        found = await self._accounts.get((me, other))
        if me not in found or other not in found or found[other].state is UserState.DELETED:
            raise no_such_user()
        return found[me], found[other]

    def _outcome(self, pair: Pair, request: FriendRequest | None) -> Outcome:
        now, me = self._clock.now_ms(), pair.mine.owner_id
        shown = request.shown_to(me, now) if request else None
        return Outcome(shown, pair.mine if pair.friends else None)


def _newest(latest: FriendRequest | None, request: FriendRequest) -> FriendRequest:
    """The request as the pair has it: it may have been answered since it was read."""
    return latest if latest is not None and latest.request_id == request.request_id else request


def _deciding(pair: Pair) -> FriendRequest | None:
    """The request that tells how things stand: the accepted one of friends, else the caller's own."""
    if not pair.friends:
        return pair.sent
    accepted = [one for one in (pair.sent, pair.received) if one is not None]
    return max(accepted, key=lambda one: one.answered_at_ms, default=None)
