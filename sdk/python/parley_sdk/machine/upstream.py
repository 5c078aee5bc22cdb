"""What waits to be said in the next frame, besides sends and life signs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from parley.gateway.v1 import frame_pb2
from parley_sdk.machine.limits import Limits
from parley_sdk.machine.places import Place, Places

MARKS: Final = 200
TYPING: Final = 8


class Upstream:
    """Coalesces: of several marks in one conversation only the furthest is said."""

    def __init__(self, places: Places, limits: Limits) -> None:
        self.acks_at: float | None = None
        """When marks of what was received are to be said even alone."""
        self._places = places
        self._limits = limits
        self._received: dict[str, int] = {}
        self._reads: dict[str, int] = {}
        self._typing: dict[str, frame_pb2.Typing] = {}
        self._watched: tuple[str, ...] | None = None
        self._watch_again = False
        self._availability = frame_pb2.AVAILABILITY_UNSPECIFIED
        self._availability_again = False
        self._token = ""
        self._taken = 0
        self._said_taken = 0

    def restart(self) -> None:
        """Begin on a new stream: what it must know is said again."""
        self._taken = self._said_taken = 0
        self._watch_again = self._watched is not None
        # Only what may not have arrived: another device may have said something newer meanwhile.
        self._availability_again = self._availability != frame_pb2.AVAILABILITY_UNSPECIFIED
        self._token = ""
        self._typing.clear()
        self._reads = {
            place.conversation_id: place.wanted_read_seq
            for place in self._places
            if place.wanted_read_seq > place.read_seq
        }

    def received(self, conversation_id: str, seq: int, now: float) -> None:
        """Say that the device has everything up to `seq`."""
        self._received[conversation_id] = max(seq, self._received.get(conversation_id, 0))
        self.acks_at = self.acks_at or now + self._limits.acks_delay

    def took(self, count: int, now: float) -> None:
        """Say that the app took entries of this stream; alone only when a quarter of the window was used."""
        self._taken += count
        if self._taken - self._said_taken >= self._limits.flow_window // 4:
            self.acks_at = self.acks_at or now

    def read(self, place: Place) -> None:
        """Say how far the user has read."""
        self._reads[place.conversation_id] = place.wanted_read_seq

    def typing(self, conversation_id: str, *, stopped: bool) -> None:
        """Say that the user types."""
        self._typing[conversation_id] = frame_pb2.Typing(conversation_id=conversation_id, stopped=stopped)

    def watch(self, user_ids: Iterable[str]) -> None:
        """Say whose presence to show."""
        self._watched = tuple(user_ids)
        self._watch_again = True

    def availability(self, availability: frame_pb2.Availability.ValueType) -> None:
        """Say how the user wants to be seen."""
        self._availability = availability
        self._availability_again = True

    def answered(self) -> None:
        """The server has answered a sign of life on this stream: it has what was said with it."""
        if not self._availability_again:
            self._availability = frame_pb2.AVAILABILITY_UNSPECIFIED

    def token(self, access_token: str) -> None:
        """Say the new access token."""
        self._token = access_token

    def write(self, frame: frame_pb2.ClientFrame, now: float) -> None:
        """Put into a frame what waits. Marks of what was received come along, or alone when they are due."""
        self._write_signals(frame)
        for conversation_id in list(self._reads)[:MARKS]:
            frame.reads.add(conversation_id=conversation_id, seq=self._reads.pop(conversation_id))
        if frame.ByteSize() or (self.acks_at is not None and self.acks_at <= now):
            self._write_acks(frame, now)

    def _write_signals(self, frame: frame_pb2.ClientFrame) -> None:
        frame.access_token, self._token = self._token, ""
        for conversation_id in list(self._typing)[:TYPING]:
            frame.typing.append(self._typing.pop(conversation_id))
        if self._watch_again:
            frame.watch_presence.SetInParent()
            frame.watch_presence.user_ids.extend(self._watched or ())
        if self._availability_again:
            frame.availability = self._availability
            frame.heartbeat.SetInParent()
        self._watch_again = self._availability_again = False

    def _write_acks(self, frame: frame_pb2.ClientFrame, now: float) -> None:
        for conversation_id in list(self._received)[:MARKS]:
            frame.received.add(conversation_id=conversation_id, seq=self._received.pop(conversation_id))
        if self._taken > self._said_taken:
            frame.taken = self._said_taken = self._taken
        self.acks_at = now if self._received else None
