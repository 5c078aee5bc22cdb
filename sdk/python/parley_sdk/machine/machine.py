from __future__ import annotations

from collections.abc import Iterable
from random import Random

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2
from parley.gateway.v1 import frame_pb2
from parley.message.v1 import message_service_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.machine.actions import Action, Delivery, KeepPlace, KeepSend
from parley_sdk.machine.catch_up import CatchUp
from parley_sdk.machine.connection import Connection, Phase
from parley_sdk.machine.inbox import Inbox
from parley_sdk.machine.life import Life
from parley_sdk.machine.limits import Limits
from parley_sdk.machine.outbox import Outbox
from parley_sdk.machine.places import Places
from parley_sdk.machine.reception import Reception
from parley_sdk.machine.saved import Saved, SavedSend
from parley_sdk.machine.typists import Typists
from parley_sdk.machine.upstream import Upstream


class Machine:
    """One device of one user. `now` is always the present time of one monotonic clock, in seconds.

    After each call: carry out `take_actions()` in their order; when the stream can be written, write `next_frame(now)`
    until it is None; call `tick(now)` at the time `wake_at`.
    """

    def __init__(self, saved: Saved, limits: Limits, random: Random, *, client: str = "") -> None:
        self._actions: list[Action] = []
        emit = self._actions.append
        self._connection = Connection(limits, random)
        self._places = Places(saved.places)
        self._outbox = Outbox(saved.sends, limits)
        self._inbox = Inbox(self._places, limits, emit)
        self._upstream = Upstream(self._places, limits)
        self._typists = Typists()
        self._catch_up = CatchUp(self._places, self._inbox, limits, emit)
        self._catch_up.user_id = saved.user_id
        self._life = Life(self._connection, self._outbox, self._upstream, self._catch_up, limits, emit, client)
        self._reception = Reception(
            self._places, self._inbox, self._outbox, self._catch_up, self._upstream, self._typists, emit
        )

    @property
    def phase(self) -> Phase:
        """Where the client stands."""
        return self._connection.phase

    @property
    def unanswered(self) -> int:
        """How many sends have no answer yet."""
        return len(self._outbox)

    def take_actions(self) -> list[Action]:
        """Return what is to be done and forget it."""
        actions = list(self._actions)
        self._actions.clear()
        return actions

    def wake_at(self, *, writable: bool) -> float | None:
        """Return when to call `tick` next, if nothing else happens; None: never.

        `writable` says that the stream takes a frame now: what is only to be said has to wait for that.
        """
        times = [self._connection.wake_at(), self._typists.next_expiry()]
        if self.phase is Phase.READY:
            times += [self._outbox.overdue_at(), self._catch_up.wake_at()]
            if writable:
                times += [self._connection.heartbeat_at, self._outbox.paused_until, self._upstream.acks_at]
        return min((time for time in times if time is not None), default=None)

    # What the app wants.

    def start(self, user_id: str, access_token: str, now: float) -> None:
        """Go online with this token, and stay so."""
        self._catch_up.user_id = user_id
        self._life.start(access_token, now)

    def stop(self, now: float) -> None:
        """Go offline: say what waits and good-bye."""
        last = self.next_frame(now)
        if self.phase is Phase.READY:
            last = last or frame_pb2.ClientFrame()
            last.bye.SetInParent()
        self._life.halt(last)

    def send(self, send: message_service_pb2.Send) -> None:
        """Write something to a conversation. Raises ParleyError when too much waits already."""
        if not self._outbox.has_room:
            raise ParleyError(Code.RESOURCE_EXHAUSTED, "OUTBOX_FULL", "too many sends wait for their answer")
        encoded = send.SerializeToString()
        self._outbox.add(send, len(encoded))
        self._actions.append(KeepSend(SavedSend(send.client_message_id, encoded)))

    def mark_read(self, conversation_id: str, seq: int) -> bool:
        """Note that the user has read up to `seq`. False: the device does not know the conversation so far.

        What was noted once is never taken back: a place that nobody has would keep all later marks from being said.
        """
        place = self._places.get(conversation_id)
        if place is None or seq > place.seq:
            return False
        if seq > place.wanted_read_seq:
            place.wanted_read_seq = seq
            self._actions.append(KeepPlace(place.saved()))
            self._upstream.read(place)
        return True

    def typing(self, conversation_id: str, now: float, *, stopped: bool) -> None:
        """Say that the user types, if that is news and the stream is open."""
        if self.phase is Phase.READY and self._typists.may_say(conversation_id, stopped=stopped, now=now):
            self._upstream.typing(conversation_id, stopped=stopped)

    def watch_presence(self, user_ids: Iterable[str]) -> None:
        """Say whose presence to show, now and after each reconnect."""
        self._upstream.watch(user_ids)

    def set_availability(self, availability: frame_pb2.Availability.ValueType) -> None:
        """Say how the user wants to be seen; once, but for a stream that breaks before the server has it."""
        self._upstream.availability(availability)

    def taken(self, delivery: Delivery, now: float) -> None:
        """Note that the app has dealt with an entry."""
        if delivery.stream == self._connection.stream:
            self._upstream.took(1, now)
        entry = delivery.entry
        kept = self._inbox.taken(delivery)
        if kept and self._catch_up.user_id not in {entry.sender_id, entry.conversation_id}:
            self._upstream.received(entry.conversation_id, entry.seq, now)
        self._advance(now)

    # What the driver found out.

    def frame_received(self, stream: int, frame: frame_pb2.ServerFrame, now: float) -> None:
        """The server said something on this stream."""
        if stream != self._connection.stream or not self._connection.open:
            return
        self._life.hear(frame, now)
        if frame.HasField("heartbeat"):
            self._upstream.answered()
        self._reception.take(frame, stream, now)
        self._life.obey(frame, now)
        if _stirs(frame):
            self._connection.stirred(now)
        self._advance(now)

    def stream_ended(self, stream: int, error: ParleyError | None, now: float) -> None:
        """This stream is over; `error` is None when the server closed it without a complaint."""
        if stream == self._connection.stream and self._connection.open:
            self._life.ended(error, now)

    def token_changed(self, access_token: str, expires_at_ms: int, now: float) -> None:
        """A new access token is there; it ends at this Unix time in milliseconds."""
        self._life.token_changed(access_token, expires_at_ms, now)

    def refresh_failed(self, error: ParleyError, now: float) -> None:
        """There is no new access token."""
        self._life.refresh_failed(error, now)

    def pulled(self, response: conversation_service_pb2.SyncResponse, now: float) -> None:
        """Answer to Pull."""
        self._catch_up.pulled(response, now)
        self._advance(now)

    def pull_failed(self, error: ParleyError, now: float) -> None:
        """Answer to Pull."""
        self._catch_up.pull_failed(error, now)
        self._advance(now)

    def listed(self, states: Iterable[conversation_pb2.ConversationState], now: float) -> None:
        """Answer to ListStates."""
        self._catch_up.listed(states, now)
        self._advance(now)

    def list_failed(self, error: ParleyError, now: float) -> None:
        """Answer to ListStates."""
        self._catch_up.list_failed(error, now)
        self._advance(now)

    def tick(self, now: float) -> None:
        """Do what is due."""
        for change in self._typists.expired(now):
            self._reception.tell_typing(change)
        self._life.tick(now)
        if self.phase is Phase.READY:
            overdue = self._outbox.overdue_at()
            if overdue is not None and overdue <= now:
                self._outbox.rewind()
            self._catch_up.overdue(now)
        self._advance(now)

    def next_frame(self, now: float) -> frame_pb2.ClientFrame | None:
        """Return the next frame for the stream: everything that waits, joined. None: nothing does."""
        if self.phase is not Phase.READY:
            return None
        frame = frame_pb2.ClientFrame(sends=self._outbox.take(now))
        if frame.sends:
            frame.retry_number = self._outbox.retry_number
            frame.unanswered = self._outbox.in_flight
        if (resume := self._catch_up.next_resume(now)) is not None:
            frame.resume.CopyFrom(resume)
        if self._connection.heartbeat_at is not None and self._connection.heartbeat_at <= now:
            frame.heartbeat.digest = self._places.digest if self._catch_up.complete else 0
            frame.heartbeat.SetInParent()
            quiet = self._catch_up.complete and not self._outbox.in_flight
            self._connection.beaten(now, quiet=quiet)
        self._upstream.write(frame, now)
        if not frame.ByteSize():
            return None
        if not frame.HasField("heartbeat"):
            self._connection.stirred(now)
        return frame

    def _advance(self, now: float) -> None:
        if self.phase is Phase.READY:
            self._catch_up.pull(now)
            self._catch_up.tell_synced()


def _stirs(frame: frame_pb2.ServerFrame) -> bool:
    """Whether what the device has may be another after this frame."""
    asks = frame.HasField("resumed") or frame.HasField("lagging") or frame.HasField("retry_unanswered")
    return bool(frame.entries or frame.results or asks or frame.heartbeat.stale)
