"""How friendships begin and end. Each rule takes a pair and answers the pair after it, with the notices owed for it."""

from dataclasses import dataclass, replace

from mesh import errors
from svc_user.domain.account import Account, UserKind
from svc_user.domain.friend import (
    MAX_BLOCKED,
    MAX_FRIENDS,
    FriendRequest,
    FriendRequestId,
    Pair,
    RequestState,
    Side,
    Standing,
    friend_not_found,
    request_closed,
    request_not_found,
)
from svc_user.domain.notice import FriendEvent, FriendNotice, Notice, both
from svc_user.domain.privacy import Audience
from svc_user.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Change:
    """A pair after a rule was applied to it, and who is told what."""

    pair: Pair
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as the sender wrote it; `request_id` is used if it becomes a new one."""

    request_id: FriendRequestId
    greeting: str
    remark: str
    now_ms: int


def ask(pair: Pair, me: Account, other: Account, wish: Ask) -> Change:
    """Ask to be friends. A request the other way is accepted, an assistant accepts at once, an open one is renewed.

    Raises FRIEND_REQUEST_REFUSED in the same words for a block and for settings, CONTACT_BLOCKED_BY_YOU and
    FRIEND_LIMIT_REACHED.
    """
    if pair.friends:
        return Change(pair)
    _refuse_unwelcome(pair, other, wish.now_ms)
    if pair.received is not None and pair.received.open_at(wish.now_ms):
        return _accept(pair, me, other, pair.received, wish.remark, wish.now_ms)
    if pair.sent is not None and pair.sent.seems_open_at(wish.now_ms):
        return _renew(pair, pair.sent, wish)
    return _send(pair, me, other, wish)


def _refuse_unwelcome(pair: Pair, other: Account, now_ms: int) -> None:
    """Who has asked takes the answer, whatever their settings say of strangers."""
    if other.kind is UserKind.BOT:  # which cannot answer: it would wait for 30 days
        raise errors.denied(Reason.FRIEND_REQUEST_REFUSED, "a bot makes no friends: write to it")
    asked_me = pair.received is not None and pair.received.open_at(now_ms)
    if pair.theirs.blocked or (other.privacy.befriend_me is not Audience.EVERYONE and not asked_me):
        raise errors.denied(Reason.FRIEND_REQUEST_REFUSED, "this user does not take friend requests from you")
    if pair.mine.blocked:
        raise errors.precondition(Reason.CONTACT_BLOCKED_BY_YOU, "you blocked this user; unblock them first")


def _send(pair: Pair, me: Account, other: Account, wish: Ask) -> Change:
    request = FriendRequest(
        wish.request_id, me.user_id, other.user_id, wish.greeting, wish.remark, created_at_ms=wish.now_ms
    )
    sent = replace(pair, sent=request)
    if other.is_assistant:
        return _befriend(sent, me, other, request, wish.now_ms)
    _check_room(pair, me, other)
    event = FriendEvent.REQUESTED
    return Change(sent, both(event, me.user_id, other.user_id, request.request_id, request.greeting))


def _renew(pair: Pair, request: FriendRequest, wish: Ask) -> Change:
    renewed = replace(request, greeting=wish.greeting, remark=wish.remark or request.remark)
    told = renewed.state is RequestState.PENDING and renewed.greeting != request.greeting
    event, sender, receiver = FriendEvent.REQUESTED, request.sender_id, request.receiver_id
    notices = both(event, sender, receiver, request.request_id, renewed.greeting) if told else ()
    return Change(replace(pair, sent=renewed), notices)


def answer(pair: Pair, me: Account, other: Account, request: FriendRequest, reply: "Reply") -> Change:
    """Answer a request to `me`. Raises FRIEND_REQUEST_NOT_FOUND, FRIEND_REQUEST_CLOSED and FRIEND_LIMIT_REACHED."""
    if request.receiver_id != me.user_id:
        raise request_not_found()
    if request.state is (RequestState.ACCEPTED if reply.accept else RequestState.REFUSED):
        return Change(pair)
    if not request.open_at(reply.now_ms):
        raise request_closed()
    if reply.accept:
        return _accept(pair, me, other, request, reply.remark, reply.now_ms)
    refused = request.decided(RequestState.REFUSED, reply.now_ms, silent=reply.silent)
    notices = both(FriendEvent.REFUSED, me.user_id, other.user_id, request.request_id)
    return Change(replace(pair, received=refused), notices[:1] if reply.silent else notices)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as the receiver gave it."""

    accept: bool
    remark: str
    silent: bool
    now_ms: int


def _accept(pair: Pair, me: Account, other: Account, request: FriendRequest, remark: str, now_ms: int) -> Change:
    named = replace(pair, mine=replace(pair.mine, remark=remark or pair.mine.remark))
    return _befriend(named, me, other, request, now_ms)


def _befriend(pair: Pair, me: Account, other: Account, request: FriendRequest, now_ms: int) -> Change:
    _check_room(pair, me, other)
    accepted = request.decided(RequestState.ACCEPTED, now_ms)
    mine, theirs = _joined(pair.mine, request, now_ms), _joined(pair.theirs, request, now_ms)
    befriended = _with_request(replace(pair, mine=mine, theirs=theirs), accepted)
    return Change(befriended, both(FriendEvent.ACCEPTED, me.user_id, other.user_id, request.request_id))


def _joined(side: Side, request: FriendRequest, now_ms: int) -> Side:
    remark = request.remark if side.owner_id == request.sender_id and request.remark else side.remark
    return replace(side, standing=Standing.FRIEND, since_ms=now_ms, remark=remark)


def _check_room(pair: Pair, me: Account, other: Account) -> None:
    full = (not me.is_assistant and pair.my_friends >= MAX_FRIENDS) or (
        not other.is_assistant and pair.their_friends >= MAX_FRIENDS
    )
    if full:
        raise errors.exhausted(Reason.FRIEND_LIMIT_REACHED, "one of you has as many friends as there may be")


def cancel(pair: Pair, request: FriendRequest, now_ms: int) -> Change:
    """Take back a request of one's own. Raises FRIEND_REQUEST_CLOSED when it was answered."""
    if request.state is RequestState.CANCELLED:
        return Change(pair)
    if not request.seems_open_at(now_ms):
        raise request_closed()
    cancelled = request.decided(RequestState.CANCELLED, now_ms)
    notices = both(FriendEvent.WITHDRAWN, request.sender_id, request.receiver_id, request.request_id)
    # Who refused silently has forgotten it, and need not hear of it again.
    told = notices if request.state is RequestState.PENDING else notices[:1]
    return Change(_with_request(pair, cancelled), told)


def _with_request(pair: Pair, request: FriendRequest) -> Pair:
    if request.sender_id == pair.mine.owner_id:
        return replace(pair, sent=request)
    return replace(pair, received=request)


def end(pair: Pair, *, own_side_only: bool) -> Change:
    """End a friendship; what was ended stays so."""
    if not pair.mine.listed:
        return Change(pair)
    ended = replace(pair, mine=_cleared(pair.mine))
    me, other = pair.mine.owner_id, pair.mine.other_id
    notices = both(FriendEvent.DELETED, me, other)
    if not pair.theirs.friend:
        return Change(ended, notices[:1])
    theirs = replace(pair.theirs, standing=Standing.ENDED_BY_OTHER) if own_side_only else _cleared(pair.theirs)
    return Change(replace(ended, theirs=theirs), notices)


def _cleared(side: Side) -> Side:
    return replace(side, standing=Standing.REMOVED, remark="", tags=(), starred=False, since_ms=0)


def annotate(pair: Pair, edited: Side) -> Change:
    """Keep the owner's new remark, tags and star. Raises FRIEND_NOT_FOUND."""
    if not pair.mine.listed:
        raise friend_not_found()
    if edited == pair.mine:
        return Change(pair)
    notice = FriendNotice(edited.owner_id, FriendEvent.UPDATED, edited.other_id, own=True)
    return Change(replace(pair, mine=edited), (notice,))


def block(pair: Pair, now_ms: int) -> Change:
    """Block the other, who is not told: a request of theirs that waits seems to wait on, and one to them is taken back,
    so that they cannot become friends by it. BLOCK_LIMIT_REACHED.
    """
    if pair.mine.blocked:
        return Change(pair)
    if pair.my_blocked >= MAX_BLOCKED:
        raise errors.exhausted(Reason.BLOCK_LIMIT_REACHED, "you have blocked as many users as there may be")
    received = pair.received
    if received is not None and received.open_at(now_ms):
        received = received.decided(RequestState.REFUSED, now_ms, silent=True)
    without, told = _without_request(pair, now_ms)
    blocked = replace(without, mine=replace(pair.mine, blocked_at_ms=now_ms), received=received)
    notice = FriendNotice(pair.mine.owner_id, FriendEvent.BLOCKED, pair.mine.other_id, own=True)
    return Change(blocked, (*told, notice))


def _without_request(pair: Pair, now_ms: int) -> tuple[Pair, tuple[Notice, ...]]:
    if pair.sent is None or not pair.sent.seems_open_at(now_ms):
        return pair, ()
    change = cancel(pair, pair.sent, now_ms)
    return change.pair, change.notices


def unblock(pair: Pair) -> Change:
    """Lift a block; what was not blocked stays so."""
    if not pair.mine.blocked:
        return Change(pair)
    notice = FriendNotice(pair.mine.owner_id, FriendEvent.UNBLOCKED, pair.mine.other_id, own=True)
    return Change(replace(pair, mine=replace(pair.mine, blocked_at_ms=0)), (notice,))
