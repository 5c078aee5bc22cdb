"""List the conversations of a user: what is unread in each, and what the user has of it for themselves."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from mesh.clock import Clock
from svc_message.application.bots.unread import Unreads
from svc_message.application.sync.shown import Shown
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId, kind_of
from svc_message.domain.entry import Stored
from svc_message.domain.own import Own, Owns, OwnSettings, newest_shown, shown_settings
from svc_message.domain.ports import Log, Members, Unread, UnreadAsk
from svc_message.domain.rules import unknown_conversation
from svc_message.domain.timing.retention import Retentions

COUNT_LIMIT: Final = 1_000
"""Unread is counted up to here: nobody reads the difference between 1,000 and more, and the count stays cheap."""

NOBODY: Final = UserId("")
"""To whom the posts of all users are posts of others."""

SortKey = tuple[bool, int, str]
"""Not pinned, minus the time of the newest entry, conversation: pinned ones come first, then the newest."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in the list of a user. `place` begins where the user begins to see something."""

    conversation_id: ConversationId
    place: Membership
    head_seq: Seq
    peer: Membership | None
    unread: Unread
    last: Stored | None
    own: Own
    settings: OwnSettings
    listed: bool
    """It was not deleted from the list, or came back."""
    retention_days: int


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked for: so many archived ones, or others, after a place in the order."""

    archived: bool
    after: SortKey | None
    size: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read of all conversations that are summarised."""

    heads: dict[ConversationId, Seq]
    peers: dict[ConversationId, Membership]
    last: dict[ConversationId, Stored]
    days: dict[ConversationId, int]


class Summaries:
    """Reads what a list shows."""

    def __init__(
        self,
        log: Log,
        members: Members,
        owns: Owns,
        retentions: Retentions,
        shown: Shown,
        clock: Clock,
        unreads: Unreads,
    ) -> None:
        self._shown = shown
        self._unreads = unreads
        self._log = log
        self._members = members
        self._owns = owns
        self._retentions = retentions
        self._clock = clock

    async def one(self, user_id: UserId, conversation_id: ConversationId) -> Summary:
        """One conversation of the user, or CONVERSATION_NOT_FOUND."""
        place = await self._members.one(conversation_id, user_id) if kind_of(conversation_id) else None
        if place is None:
            raise unknown_conversation()
        own = await self._owns.one(user_id, conversation_id)
        found = await self._summarise(user_id, {conversation_id: place}, {conversation_id: own})
        return (await self._without_hidden(user_id, found))[0]

    async def page(self, user_id: UserId, page: Page) -> tuple[list[Summary], SortKey | None]:
        """Conversations of the user, pinned ones first, then the newest; and the key of the next page."""
        places = await self._members.of_user(user_id)
        places.pop(ConversationId(user_id), None)
        found = await self._summarise(user_id, places, await self._owns.of_user(user_id))
        shown = [one for one in found if one.listed and one.settings.archived == page.archived]
        summaries = sorted(shown, key=_sort_key)
        if page.after is not None:
            summaries = [one for one in summaries if _sort_key(one) > page.after]
        taken = summaries[: page.size]
        following = _sort_key(taken[-1]) if len(summaries) > page.size else None
        return await self._without_hidden(user_id, taken), following

    async def _without_hidden(self, user_id: UserId, page: list[Summary]) -> list[Summary]:
        """The same without the read positions that their owners hide, and with nothing of who is apart by a block."""
        peers = {one.peer.user_id for one in page if one.peer is not None and one.peer.received_seq}
        if not peers:
            return page
        shown, apart = await self._shown.surely(user_id, peers), await self._shown.apart(user_id, peers)
        return [replace(one, peer=_shown_peer(one.peer, shown, apart)) if one.peer else one for one in page]

    async def _summarise(
        self, user_id: UserId, places: dict[ConversationId, Membership], owns: dict[ConversationId, Own]
    ) -> list[Summary]:
        kept = {id_: owns.get(id_) or Own(user_id, id_) for id_ in places}
        seen = {id_: _seen(place, kept[id_]) for id_, place in places.items()}
        heads = await self._log.heads(seen.keys())
        ends = {id_: place.last_visible(heads[id_]) for id_, place in seen.items()}
        newest = {id_: newest_shown(kept[id_].veil, ends[id_], place.first_seq) for id_, place in seen.items()}
        last = await self._last(seen, newest)
        days = await self._retentions.days(seen.keys())
        found = _Found(ends, await self._members.peers(user_id), last, days)
        counts = await self._counts(user_id, seen, kept, ends)
        put_away = {id_: one.archived_at for id_, one in kept.items()}
        woken = await self._posted(user_id, seen, put_away, kept, ends)
        # Whoever writes brings a deleted one back, its user too.
        cleared = {id_: one.veil.cleared_seq if one.deleted else -1 for id_, one in kept.items()}
        back = await self._posted(NOBODY, seen, cleared, kept, ends)
        return [
            self._summary(place, kept[id_], found, count, woken=id_ in woken, back=id_ in back)
            for (id_, place), count in zip(seen.items(), counts, strict=True)
        ]

    async def _counts(
        self,
        user_id: UserId,
        places: dict[ConversationId, Membership],
        owns: dict[ConversationId, Own],
        ends: dict[ConversationId, Seq],
    ) -> list[Unread]:
        asks = [
            UnreadAsk(id_, max(place.read_seq, place.first_seq - 1), ends[id_], owns[id_].veil.hidden)
            for id_, place in places.items()
        ]
        return await self._unreads.count(user_id, places, asks, COUNT_LIMIT)

    async def _last(
        self, places: dict[ConversationId, Membership], newest: dict[ConversationId, Seq]
    ) -> dict[ConversationId, Stored]:
        """The newest entry of each conversation that the user is shown; for groups of a bot with a look at each."""
        found = await self._log.last({id_: seq for id_, seq in newest.items() if seq and not _is_bot(places[id_])})
        for id_ in (id_ for id_, seq in newest.items() if seq and _is_bot(places[id_])):
            if (stored := await self._unreads.newest(places[id_], id_, newest[id_])) is not None:
                found[id_] = stored
        return found

    async def _posted(
        self,
        user_id: UserId,
        places: dict[ConversationId, Membership],
        since: dict[ConversationId, int],
        owns: dict[ConversationId, Own],
        ends: dict[ConversationId, Seq],
    ) -> set[ConversationId]:
        """Of the conversations whose place is not negative: those where somebody else has posted behind it, as far as
        the user sees it: what was posted while they were out of a group they do not.
        """
        asks = [
            UnreadAsk(id_, max(seq, places[id_].first_seq - 1), ends[id_], owns[id_].veil.hidden)
            for id_, seq in since.items()
            if seq >= 0
        ]
        counts = await self._unreads.count(user_id, places, asks, 1) if asks else []
        return {ask.conversation_id for ask, count in zip(asks, counts, strict=True) if count.posts}

    def _summary(
        self, place: Membership, own: Own, found: _Found, unread: Unread, *, woken: bool, back: bool
    ) -> Summary:
        id_ = own.conversation_id
        last = found.last.get(id_)
        muted = own.muted_until_ms > self._clock.now_ms()
        archived = own.archived_at >= 0 and not (woken and not muted)
        settings = shown_settings(own, place.read_seq, archived=archived)
        return Summary(
            id_,
            place,
            found.heads[id_],
            found.peers.get(id_),
            unread,
            last,
            own,
            settings,
            not own.deleted or back or _came_since(place, own),
            found.days.get(id_, 0),
        )


def _shown_peer(peer: Membership, shown: Collection[UserId], apart: Collection[UserId]) -> Membership:
    if peer.user_id in apart:
        return replace(peer, read_seq=Seq(0), received_seq=Seq(0))
    return peer if peer.user_id in shown else replace(peer, read_seq=Seq(0))


def _seen(place: Membership, own: Own) -> Membership:
    """The place as far as the user has not cleared it away."""
    return replace(place, first_seq=Seq(max(place.first_seq, own.veil.cleared_seq + 1)))


def _came_since(place: Membership, own: Own) -> bool:
    """Whether the user came into the group after they took it off the list: it is new to them again."""
    return place.present and place.join_seq > own.veil.cleared_seq


def _is_bot(place: Membership) -> bool:
    return place.addressed_before > 0


def _sort_key(summary: Summary) -> SortKey:
    sent_at_ms = summary.last.sent_at_ms if summary.last else 0
    return (not summary.own.pinned, -sent_at_ms, summary.conversation_id)
