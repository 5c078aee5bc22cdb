"""Takes apart what the server says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from parley.gateway.v1 import frame_pb2
from parley.message.v1 import entry_pb2, message_service_pb2
from parley_sdk.errors import Code, ParleyError, from_frame
from parley_sdk.events import FrameRefused, PresenceChanged, SendFailed, TypingChanged
from parley_sdk.machine.actions import Action, DropSend, Notify, Sent, Settle
from parley_sdk.machine.catch_up import CatchUp
from parley_sdk.machine.inbox import Inbox
from parley_sdk.machine.outbox import Outbox
from parley_sdk.machine.places import Places
from parley_sdk.machine.replies import Replies
from parley_sdk.machine.typists import Typists
from parley_sdk.machine.upstream import Upstream

_UNKNOWN_OUTCOME: Final = frozenset({Code.INTERNAL, Code.UNKNOWN, Code.CANCELLED})
_MOST_UNKNOWN: Final = 3


class Reception:
    """The parts of a frame that concern conversations. Those that concern the stream itself are the machine's."""

    def __init__(
        self,
        places: Places,
        inbox: Inbox,
        outbox: Outbox,
        catch_up: CatchUp,
        upstream: Upstream,
        typists: Typists,
        emit: Callable[[Action], None],
    ) -> None:
        self._places = places
        self._inbox = inbox
        self._outbox = outbox
        self._catch_up = catch_up
        self._upstream = upstream
        self._typists = typists
        self._emit = emit
        self._replies = Replies()

    def take(self, frame: frame_pb2.ServerFrame, stream: int, now: float) -> None:
        """Take in entries, answers, receipts and signals, in the order of the fields."""
        for entry in frame.entries:
            self._entry(entry, stream, now)
        for result in frame.results:
            self._result(result, now)
        for receipt in frame.receipts:
            self._catch_up.receipt(receipt)
        self._signals(frame, now)
        if frame.HasField("resumed"):
            self._upstream.took(self._catch_up.resumed(frame.resumed, now), now)
        for refused in frame.errors:
            self._refused(refused)

    def tell_typing(self, change: TypingChanged | None) -> None:
        """Tell the app who types."""
        if change is not None:
            self._emit(Notify(change, ("typing", change.conversation_id, change.user_id), droppable=True))

    def _entry(self, entry: entry_pb2.Entry, stream: int, now: float) -> None:
        if not self._inbox.offer(entry, stream, now):
            self._upstream.took(1, now)
        if entry.content.HasField("post"):
            self.tell_typing(self._typists.ceased(entry.conversation_id, entry.sender_id))

    def _result(self, result: frame_pb2.SendResult, now: float) -> None:
        if result.HasField("error"):
            self._send_refused(result, from_frame(result.error), now)
            return
        send = self._outbox.answered(result.client_message_id)
        if send is None:
            return
        sent = Sent(
            send.conversation_id,
            send.client_message_id,
            result.seq,
            result.sent_at_ms,
            result.duplicate,
            result.replaced,
        )
        self._settle(send, sent)
        # The server does not push a device's own entry to it: the answer stands for it, unless it says another thing.
        if sent.replaced:
            self._inbox.expect(sent.conversation_id, sent.seq, now)
        else:
            self._inbox.offer(self._own_entry(send, sent), 0, now)

    def _send_refused(self, result: frame_pb2.SendResult, error: ParleyError, now: float) -> None:
        number = result.client_message_id
        if error.transient or error.code in _UNKNOWN_OUTCOME:
            refusals = self._outbox.refused(number, now, error.retry_after)
            if error.transient or refusals < _MOST_UNKNOWN:
                return
        send = self._outbox.answered(number)
        if send is not None:
            self._settle(send, error)
            self._emit(Notify(SendFailed(send.conversation_id, number, error)))

    def _settle(self, send: message_service_pb2.Send, outcome: Sent | ParleyError) -> None:
        self._emit(DropSend(send.client_message_id))
        self._emit(Settle(send.conversation_id, send.client_message_id, outcome))

    def _own_entry(self, send: message_service_pb2.Send, sent: Sent) -> entry_pb2.Entry:
        return entry_pb2.Entry(
            conversation_id=sent.conversation_id,
            seq=sent.seq,
            sender_id=self._catch_up.user_id,
            sent_at_ms=sent.sent_at_ms,
            client_message_id=sent.client_message_id,
            content=send.content,
        )

    def _signals(self, frame: frame_pb2.ServerFrame, now: float) -> None:
        for sign in frame.typing:
            self.tell_typing(self._typists.heard(sign, now))
        for seen in frame.presence:
            event = PresenceChanged(seen.user_id, seen.availability, seen.last_seen_ms)
            self._emit(Notify(event, ("presence", seen.user_id), droppable=True))
        for step in frame.replies:
            piece = self._replies.take(step)
            if piece is not None:
                self._emit(Notify(piece, droppable=True))

    def _refused(self, refused: frame_pb2.FrameError) -> None:
        error = from_frame(refused.error)
        place = self._places.get(refused.conversation_id)
        if refused.field == "reads" and place is not None and not error.transient:
            place.wanted_read_seq = place.read_seq
        if refused.field == "resume":
            self._catch_up.overdue(float("inf"))
        self._emit(Notify(FrameRefused(refused.field, refused.conversation_id, error), droppable=True))
