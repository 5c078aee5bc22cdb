"""Sync: what a device missed, from its positions. The log is read, never a queue, so any node can answer."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from svc_message.domain import rules
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId
from svc_message.domain.entry import Stored
from svc_message.domain.ports import Log, Members

DEFAULT_LIMIT: Final = 500
MAX_LIMIT: Final = 2_000
MAX_BYTES: Final = 512 * 1024
"""Entries of one answer, in bytes: half of what a message of the mesh may hold."""

INLINE_LIMIT: Final = 500
"""Missed entries that are answered at once on resuming; with more, the device pages."""

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
    """Entries, and the positions of the conversations that have more."""

    entries: list[Stored]
    remaining: list[Position]
    states: list[State]


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a device gets that comes back: `behind` must be paged, `reset` forgotten and read anew."""

    entries: list[Stored]
    states: list[State]
    behind: bool
    reset: list[ConversationId]
    incomplete: bool


class Sync:
    """Answers what a user's device does not have yet."""

    def __init__(self, log: Log, members: Members) -> None:
        self._log = log
        self._members = members

    async def page(self, user_id: UserId, positions: Sequence[Position], limit: int) -> Page:
        """Entries after the positions, in order within each conversation, up to `limit` and `MAX_BYTES`.

        Raises CONVERSATION_NOT_FOUND when the user never was in one of them.
        """
        states = {state.conversation_id: state for state in await self._states(user_id)}
        wanted = [_visible(position, states) for position in positions]
        entries, remaining = await self._collect(wanted, states, limit or DEFAULT_LIMIT)
        return Page(entries, remaining, [states[position.conversation_id] for position in wanted])

    async def compare(self, user_id: UserId, positions: Sequence[Position]) -> list[State]:
        """States of the conversations that differ from the positions, or that are not among them."""
        known = {position.conversation_id: position for position in positions}
        return [state for state in await self._states(user_id) if _differs(state, known.get(state.conversation_id))]

    async def resume(self, user_id: UserId, positions: Sequence[Position]) -> Resumed:
        """What a device missed: the entries themselves when there are few, else the states to page from."""
        known = {position.conversation_id: position for position in positions}
        present = await self._states(user_id)
        differing = [state for state in present if _differs(state, known.get(state.conversation_id))]
        heads = {state.conversation_id: state.head_seq for state in present}
        reset = [
            position.conversation_id for position in positions if position.seq > heads.get(position.conversation_id, 0)
        ]
        missing = [
            Position(state.conversation_id, _known_seq(state, known)) for state in differing if _behind(state, known)
        ]
        count = sum(state.head_seq - _known_seq(state, known) for state in differing if _behind(state, known))
        states = differing[:MAX_STATES]
        if count > INLINE_LIMIT:
            return Resumed([], states, behind=True, reset=reset, incomplete=len(differing) > MAX_STATES)
        by_id = {state.conversation_id: state for state in differing}
        entries, remaining = await self._collect(missing, by_id, INLINE_LIMIT)
        return Resumed(entries, states, bool(remaining), reset, len(differing) > MAX_STATES)

    async def digest(self, user_id: UserId) -> int:
        """The digest that a device has which lacks nothing; see parley.gateway.v1.Heartbeat."""
        states = await self._states(user_id)
        return sum(weight(state.conversation_id) * state.head_seq for state in states) % 2**64

    async def _states(self, user_id: UserId) -> list[State]:
        places = await self._members.of_user(user_id)
        heads = await self._log.heads(places.keys())
        peers = await self._members.peers(user_id)
        return [_state(id_, place, heads[id_], peers.get(id_)) for id_, place in places.items()]

    async def _collect(
        self, positions: list[Position], states: dict[ConversationId, State], limit: int
    ) -> tuple[list[Stored], list[Position]]:
        entries: list[Stored] = []
        remaining: list[Position] = []
        budget, room = min(limit, MAX_LIMIT), MAX_BYTES
        for position in positions:
            taken = await self._take(position, states[position.conversation_id], budget - len(entries), room)
            entries += taken
            room -= sum(len(stored.entry) for stored in taken)
            reached = taken[-1].seq if taken else position.seq
            if reached < states[position.conversation_id].head_seq:
                remaining.append(Position(position.conversation_id, reached))
        return entries, remaining

    async def _take(self, position: Position, state: State, limit: int, room: int) -> list[Stored]:
        """Read on from a position as far as the budget allows; at least one entry while there is room at all."""
        if limit <= 0 or room <= 0 or position.seq >= state.head_seq:
            return []
        found = await self._log.read(position.conversation_id, position.seq + 1, state.head_seq, limit)
        return within(found, room)


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


def _state(conversation_id: ConversationId, place: Membership, head: Seq, peer: Membership | None) -> State:
    peer_read_seq = peer.read_seq if peer else Seq(0)
    return State(
        conversation_id, place.last_visible(head), place.first_seq, place.read_seq, peer_read_seq, place.left_seq
    )


def _visible(position: Position, states: dict[ConversationId, State]) -> Position:
    state = states.get(position.conversation_id)
    if state is None:
        raise rules.unknown_conversation()
    return Position(position.conversation_id, Seq(max(position.seq, state.first_seq - 1)))


def _known_seq(state: State, known: dict[ConversationId, Position]) -> Seq:
    position = known.get(state.conversation_id)
    return Seq(max(position.seq if position else 0, state.first_seq - 1))


def _behind(state: State, known: dict[ConversationId, Position]) -> bool:
    return _known_seq(state, known) < state.head_seq


def _differs(state: State, position: Position | None) -> bool:
    if position is None:
        return True
    mine = (position.seq, position.read_seq, position.peer_read_seq)
    return mine != (state.head_seq, state.read_seq, state.peer_read_seq)
