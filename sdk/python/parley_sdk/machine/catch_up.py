"""Finds out what was missed and fetches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2
from parley.gateway.v1 import frame_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import ConversationReset, ReceiptChanged, Synced
from parley_sdk.ids import is_direct, peer_of
from parley_sdk.machine.actions import Action, KeepPlace, ListStates, Notify, Pull
from parley_sdk.machine.inbox import Inbox
from parley_sdk.machine.limits import Limits
from parley_sdk.machine.places import Place, Places

_LIST_RETRY_SECONDS = 2.0


class CatchUp:
    """Resume tells which conversations went on; what it does not bring along is pulled, one pull at a time."""

    def __init__(self, places: Places, inbox: Inbox, limits: Limits, emit: Callable[[Action], None]) -> None:
        self.user_id = ""
        self.resume_by: float | None = None
        """A Resume was said: its answer must come by then."""
        self.list_at: float | None = None
        self._places = places
        self._inbox = inbox
        self._limits = limits
        self._emit = emit
        self._resume_wanted = False
        self._stale_since: float | None = None
        self._asked: tuple[str, ...] = ()
        self._alone: set[str] = set()
        self._listing = False
        self._synced = True

    def restart(self, now: float) -> frame_pb2.Resume:
        """Begin on a new stream and return the Resume for its first frame."""
        self._synced = False
        self._stale_since = None
        self._resume_wanted = True
        return self._resume(now)

    def want(self) -> None:
        """Something was lost on the way: resume on the stream that there is."""
        self._resume_wanted = True

    def stale(self, now: float) -> None:
        """Note that the digest differs. An answer to a heartbeat without this says nothing: it may still follow."""
        if self._stale_since is None:
            self._stale_since = now

    def next_resume(self, now: float) -> frame_pb2.Resume | None:
        """Return the Resume to be said now, if one is wanted, none is on the way and the app keeps up."""
        if not self._resume_wanted or self.resume_by is not None or not self._inbox.has_room:
            return None
        return self._resume(now)

    def overdue(self, now: float) -> None:
        """Say Resume when a differing digest has come to mean something, and again when its answer does not come."""
        if (stale_at := self._stale_at()) is not None and stale_at <= now:
            self._stale_since = None
            self._resume_wanted = True
        if self.resume_by is not None and self.resume_by <= now:
            self.resume_by = None
            self._resume_wanted = True

    @property
    def complete(self) -> bool:
        """Nothing is known to be missing."""
        waiting = self._resume_wanted or self.resume_by is not None or self._listing or self.list_at is not None
        return not waiting and not self._inbox.gaps

    def resumed(self, resumed: frame_pb2.Resumed, now: float) -> int:
        """Take the answer to Resume in; return how many entries of a stream were given up by a reset."""
        self.resume_by = None
        given_up = sum(self._reset(known, resumed, now) for known in resumed.reset_conversation_ids)
        for state in resumed.states:
            self.state(state, now)
        if resumed.incomplete:
            self.list_at = now
        return given_up

    def state(self, state: conversation_pb2.ConversationState, now: float) -> None:
        """Take in where a conversation stands."""
        place = self._places.get(state.conversation_id)
        if place is None:
            place = self._inbox.enter(state.conversation_id, state.head_seq)
        self._inbox.note_first(place, state.first_seq)
        self._inbox.note_head(place, state.head_seq, now)
        self.read(place, state.read_seq)
        if state.peer_read_seq > place.peer_read_seq and is_direct(place.conversation_id):
            place.peer_read_seq = state.peer_read_seq
            self._emit(KeepPlace(place.saved()))
            peer = peer_of(place.conversation_id, self.user_id)
            self._tell_receipt(place.conversation_id, peer, state.peer_read_seq, 0)

    def read(self, place: Place, read_seq: int) -> None:
        """Take in how far this user has read."""
        if read_seq <= place.read_seq:
            return
        news = read_seq > place.wanted_read_seq
        place.read_seq = read_seq
        place.wanted_read_seq = max(read_seq, place.wanted_read_seq)
        self._emit(KeepPlace(place.saved()))
        if news:
            self._tell_receipt(place.conversation_id, self.user_id, read_seq, 0)

    def receipt(self, receipt: conversation_pb2.Receipt) -> None:
        """Take in how far a member has read and received."""
        place = self._places.get(receipt.conversation_id)
        if receipt.user_id == self.user_id:
            if place is not None:
                self.read(place, receipt.read_seq)
            return
        if place is not None and is_direct(place.conversation_id) and receipt.read_seq > place.peer_read_seq:
            place.peer_read_seq = receipt.read_seq
            self._emit(KeepPlace(place.saved()))
        self._tell_receipt(receipt.conversation_id, receipt.user_id, receipt.read_seq, receipt.received_seq)

    def pull(self, now: float) -> None:
        """Fetch what is missing, if something is and nothing is on the way."""
        if self.list_at is not None and self.list_at <= now and not self._listing:
            self.list_at = None
            self._listing = True
            self._emit(ListStates())
        if self._asked or not (positions := self._to_pull(now)):
            return
        self._asked = tuple(position.conversation_id for position in positions)
        self._emit(Pull(positions))

    def pulled(self, response: conversation_service_pb2.SyncResponse, now: float) -> None:
        """Take the answer to a pull in."""
        asked, self._asked = self._asked, ()
        self._alone.difference_update(asked)
        key = attrgetter("conversation_id")
        entries = {name: list(group) for name, group in groupby(sorted(response.entries, key=key), key)}
        remaining = {position.conversation_id: position.seq for position in response.remaining}
        states = {state.conversation_id: state for state in response.states}
        for place in filter(None, map(self._places.get, asked)):
            name = place.conversation_id
            state = states.get(name, conversation_pb2.ConversationState())
            news = sorted(entries.get(name, ()), key=attrgetter("seq"))
            end = remaining.get(name, state.head_seq or (news[-1].seq if news else 0))
            self._inbox.note_first(place, state.first_seq)
            self._inbox.fill(place, news, end)
            self._inbox.pulled(place, now, more=name in remaining)

    def pull_failed(self, error: ParleyError, now: float) -> None:
        """Try again later. A conversation that the server does not know, or no longer, is forgotten."""
        asked, self._asked = self._asked, ()
        unknown = error.code is Code.NOT_FOUND
        if unknown and len(asked) == 1:
            self._inbox.forget(asked[0])
            self._alone.discard(asked[0])
            self._emit(Notify(ConversationReset(asked[0], error.reason)))
            return
        # Which of them it is was not said: ask for each alone.
        self._alone |= set(asked) if unknown else set()
        for conversation_id in asked:
            self._inbox.put_off(conversation_id, now, error.retry_after or 0.0)

    def listed(self, states: Iterable[conversation_pb2.ConversationState], now: float) -> None:
        """Take in the states of all conversations."""
        self._listing = False
        for state in states:
            self.state(state, now)

    def list_failed(self, error: ParleyError, now: float) -> None:
        """Try again later."""
        self._listing = False
        self.list_at = now + (error.retry_after or _LIST_RETRY_SECONDS)

    def tell_synced(self) -> None:
        """Tell the app once for each stream when nothing is missing any more."""
        if not self._synced and self.complete:
            self._synced = True
            self._emit(Notify(Synced(), ("connection", "synced")))

    def wake_at(self) -> float | None:
        """Return when something is to be done next."""
        pull_at = None if self._asked else self._inbox.next_pull_at()
        times = (self.resume_by, self._stale_at(), pull_at, self.list_at if not self._listing else None)
        return min((time for time in times if time is not None), default=None)

    def _stale_at(self) -> float | None:
        if self._stale_since is None:
            return None
        quiet = max(self._stale_since, self._inbox.entry_at + self._limits.stale_patience)
        return min(quiet, self._stale_since + self._limits.stale_most)

    def _resume(self, now: float) -> frame_pb2.Resume:
        self._resume_wanted = False
        self.resume_by = now + self._limits.resume_timeout
        return frame_pb2.Resume(positions=self._places.to_resume())

    def _to_pull(self, now: float) -> tuple[conversation_pb2.Position, ...]:
        positions = self._inbox.to_pull(now)
        alone = next((position for position in positions if position.conversation_id in self._alone), None)
        return positions if alone is None else (alone,)

    def _reset(self, conversation_id: str, resumed: frame_pb2.Resumed, now: float) -> int:
        given_up = self._inbox.forget(conversation_id)
        self._emit(Notify(ConversationReset(conversation_id, resumed.reset_reason)))
        if all(state.conversation_id != conversation_id for state in resumed.states):
            # Where it stands was not said: a pull from the beginning tells.
            self._inbox.note_head(self._inbox.enter(conversation_id, 0), 1, now)
        return given_up

    def _tell_receipt(self, conversation_id: str, user_id: str, read_seq: int, received_seq: int) -> None:
        event = ReceiptChanged(conversation_id, user_id, read_seq, received_seq)
        self._emit(Notify(event, ("receipt", conversation_id, user_id)))
