"""Sync: what a device missed, from its positions. The log answers, or what is known of it, never a queue: so any node
can say.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from svc_message.application.bots.sights import Sights
from svc_message.application.sync.memory import Memory, View
from svc_message.application.sync.places import Place, PlacesOfUser
from svc_message.application.sync.shown import Shown
from svc_message.domain import rules
from svc_message.domain.budget import Budget
from svc_message.domain.conversation import ConversationId, Seq, UserId, peer_of
from svc_message.domain.entry import Stored
from svc_message.domain.ports import Codec, Log, Run, Span
from svc_message.domain.posts.addressed import Eyes

DEFAULT_LIMIT: Final = 500
MAX_LIMIT: Final = 2_000
MAX_BYTES: Final = 512 * 1024
"""Entries of one answer, in bytes: half of what a message of the mesh may hold."""

INLINE_LIMIT: Final = 500
"""Missed entries that are answered at once on resuming; with more, the device pages."""

MAX_READS: Final = 32
"""Answers that read entries from the store at the same time; more wait here."""

MAX_STATES: Final = 2_000
"""States in one answer: at about 60 bytes each well below the largest message."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a device knows a conversation."""

    conversation_id: ConversationId
    seq: Seq
    read_seq: Seq = Seq(0)
    peer_read_seq: Seq = Seq(0)


@dataclass(frozen=True, slots=True)
class State:
    """How far a conversation has come, for one user."""

    conversation_id: ConversationId
    head_seq: Seq
    first_seq: Seq
    read_seq: Seq
    peer_read_seq: Seq
    left_seq: Seq


@dataclass(frozen=True, slots=True)
class Page:
    """Encoded entries, and the positions of the conversations that have more."""

    entries: list[bytes]
    remaining: list[Position]
    states: list[State]


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a device gets that comes back: `behind` must be paged, `reset` forgotten and read anew.

    The entries are encoded.
    """

    entries: list[bytes]
    states: list[State]
    behind: bool
    reset: list[ConversationId]
    incomplete: bool


class Sync:
    """Answers what a user's device does not have yet: from memory where that may be believed, else from the store."""

    def __init__(self, log: Log, memory: Memory, shown: Shown, codec: Codec, sights: Sights) -> None:
        self._shown = shown
        self._sights = sights
        self._log = log
        self._memory = memory
        self._codec = codec
        self._reads = asyncio.Semaphore(MAX_READS)

    async def page(self, user_id: UserId, positions: Sequence[Position], limit: int) -> Page:
        """Entries after the positions, in order within each conversation, up to `limit` and `MAX_BYTES`.

        Raises CONVERSATION_NOT_FOUND when the user never was in one of them.
        """
        view = await self._memory.view(user_id)
        states = [_state_at(view.places, position.conversation_id) for position in positions]
        spans = [_missed(state, position) for state, position in zip(states, positions, strict=True)]
        entries, remaining = await self._collect(user_id, view, spans, limit or DEFAULT_LIMIT)
        return Page(entries, remaining, await self._without_hidden(user_id, states))

    async def compare(self, user_id: UserId, positions: Sequence[Position]) -> list[State]:
        """States of the conversations that differ from the positions, or that are not among them."""
        view = await self._memory.view(user_id)
        differing = _differing(view.places, {position.conversation_id: position for position in positions})
        return await self._without_hidden(user_id, differing)

    async def resume(self, user_id: UserId, positions: Sequence[Position]) -> Resumed:
        """What a device missed: the entries themselves when there are few, else the states to page from."""
        view = await self._memory.view(user_id)
        known = {position.conversation_id: position for position in positions}
        differing = _differing(view.places, known)
        reset = _beyond(view.places, positions)
        spans = [_missed(state, known.get(state.conversation_id)) for state in differing]
        states, incomplete = differing[:MAX_STATES], len(differing) > MAX_STATES
        if sum(max(0, span.last - span.first + 1) for span in spans) > INLINE_LIMIT:
            told = await self._without_hidden(user_id, states)
            return Resumed([], told, behind=True, reset=reset, incomplete=incomplete)
        entries, remaining = await self._collect(user_id, view, spans, INLINE_LIMIT)
        return Resumed(entries, await self._without_hidden(user_id, states), bool(remaining), reset, incomplete)

    async def _without_hidden(self, user_id: UserId, states: list[State]) -> list[State]:
        """The states without the read positions of peers that are hidden from this user. Mostly there is none."""
        peers = {peer_of(one.conversation_id, user_id) for one in states if one.peer_read_seq}
        shown = await self._shown.of_peers(user_id, peers) if peers else peers
        if len(shown) == len(peers):
            return states
        return [
            replace(one, peer_read_seq=Seq(0)) if peer_of(one.conversation_id, user_id) not in shown else one
            for one in states
        ]

    async def digest(self, user_id: UserId) -> int:
        """The digest that a device has which lacks nothing; see parley.gateway.v1.Heartbeat."""
        return _digest(await self._memory.view(user_id))

    async def digests(self, user_ids: Sequence[UserId]) -> list[int | None]:
        """The same for many at once, for little more than for one; None for whom the store does not answer now."""
        views = await self._memory.views(user_ids)
        return [None if view is None else _digest(view) for view in views]

    async def _collect(
        self, user_id: UserId, view: View, spans: Sequence[Span], limit: int
    ) -> tuple[list[bytes], list[Position]]:
        """Entries of the spans as far as the limits allow, and where to go on. One trip to the store at most, and for a
        bot those of `Sights` for each group.
        """
        budget, entries, reached = Budget(min(limit, MAX_LIMIT), MAX_BYTES), list[bytes](), [0] * len(spans)
        veils = {span.conversation_id: view.places[span.conversation_id].veil.hidden for span in spans}
        eyes = _eyes(user_id, view, spans)
        absent: list[int] = []
        for index, span in enumerate(spans):
            found = view.read(span) if span.first <= span.last else ()
            if found is None:
                absent.append(index)
                continue
            taken: Sequence[bytes] = budget.take(found)
            reached[index] = span.first - 1 + len(taken)
            if blind := eyes.get(span.conversation_id):
                taken = await self._sights.entries(blind, span.conversation_id, taken)
            entries += self._veiled(veils, span, taken, reached[index])
        for index, run in zip(absent, await self._read([spans[index] for index in absent], budget), strict=True):
            reached[index] = run.reached
            found = run.entries
            if blind := eyes.get(spans[index].conversation_id):
                found = await self._sights.entries(blind, spans[index].conversation_id, found)
            entries += self._veiled(veils, spans[index], found, run.reached)
        return entries, _remaining(spans, reached)

    def _veiled(
        self, veils: dict[ConversationId, frozenset[int]], span: Span, found: Sequence[bytes], reached: int
    ) -> Sequence[bytes]:
        """The entries, which end at `reached`, with a placeholder for each that the user has hidden."""
        hidden = veils.get(span.conversation_id)
        if not hidden:
            return found
        first = reached - len(found) + 1
        return [
            self._codec.hidden(span.conversation_id, seq) if seq in hidden else entry
            for seq, entry in enumerate(found, first)
        ]

    async def _read(self, spans: Sequence[Span], budget: Budget) -> Sequence[Run]:
        if not spans or budget.entries <= 0 or budget.room <= 0:
            return [Run()] * len(spans)
        async with self._reads:
            return await self._log.read_each(spans, budget.entries, budget.room)


def within(found: list[Stored], room: int) -> list[Stored]:
    """As many of the entries, from the first on, as fit into so many bytes; at least one."""
    size = 0
    for index, stored in enumerate(found):
        size += len(stored.entry)
        if size > room and index > 0:
            return found[:index]
    return found


@lru_cache(maxsize=100_000)
def weight(conversation_id: str) -> int:
    """What a conversation counts in a digest: the first 8 bytes, little-endian, of SHA-256 of its id."""
    return int.from_bytes(hashlib.sha256(conversation_id.encode()).digest()[:8], "little")


def _digest(view: View) -> int:
    return sum(weight(id_) * place.last_visible for id_, place in view.places.items()) % 2**64


def _state(conversation_id: ConversationId, place: Place) -> State:
    return State(
        conversation_id, place.last_visible, place.first_visible, place.read_seq, place.peer_read_seq, place.left_seq
    )


def _state_at(places: PlacesOfUser, conversation_id: ConversationId) -> State:
    place = places.get(conversation_id)
    if place is None:
        raise rules.unknown_conversation()
    return _state(conversation_id, place)


def _eyes(user_id: UserId, view: View, spans: Sequence[Span]) -> dict[ConversationId, Eyes]:
    """How a bot sees the groups among these conversations; nobody else has any."""
    places = [(span.conversation_id, view.places[span.conversation_id]) for span in spans]
    return {id_: Eyes(user_id, one.first_visible, one.addressed_before) for id_, one in places if one.addressed_before}


def _differing(places: PlacesOfUser, known: dict[ConversationId, Position]) -> list[State]:
    """States of the conversations that are not as the device knows them."""
    return [_state(id_, place) for id_, place in places.items() if _differs(place, known.get(id_))]


def _differs(place: Place, position: Position | None) -> bool:
    if position is None:
        return True
    mine = (position.seq, position.read_seq, position.peer_read_seq)
    return mine != (place.last_visible, place.read_seq, place.peer_read_seq)


def _beyond(places: PlacesOfUser, positions: Sequence[Position]) -> list[ConversationId]:
    """Conversations of which the device knows more than there is."""
    return [one.conversation_id for one in positions if one.seq > _head(places.get(one.conversation_id))]


def _head(place: Place | None) -> int:
    return place.last_visible if place else 0


def _missed(state: State, position: Position | None) -> Span:
    """What a device lacks of what it may see; its first seq is beyond its last one when it lacks nothing."""
    known = max(position.seq if position else 0, state.first_seq - 1)
    return Span(state.conversation_id, known + 1, state.head_seq)


def _remaining(spans: Sequence[Span], reached: Sequence[int]) -> list[Position]:
    """Where to go on in the conversations of which there is more."""
    ends = [(span, max(end, span.first - 1)) for span, end in zip(spans, reached, strict=True)]
    return [Position(span.conversation_id, Seq(end)) for span, end in ends if end < span.last]
