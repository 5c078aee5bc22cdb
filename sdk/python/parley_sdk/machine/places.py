"""How far the device knows each conversation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from parley.conversation.v1 import conversation_pb2
from parley_sdk.machine.saved import SavedPlace

RESUME_POSITIONS: Final = 1_000
_MODULUS: Final = 1 << 64


def weight(conversation_id: str) -> int:
    """Return the factor of a conversation in the digest: the first 8 bytes, little-endian, of the SHA-256 of its id."""
    return int.from_bytes(hashlib.sha256(conversation_id.encode()).digest()[:8], "little")


@dataclass(slots=True, eq=False)
class Place:
    """How far the device knows one conversation."""

    conversation_id: str
    seq: int
    """Everything up to here is on its way to the app, or with it."""
    handed: int
    """The app has dealt with everything up to here. This is what outlives a restart."""
    pending: int = 0
    """Entries between the two."""
    read_seq: int = 0
    wanted_read_seq: int = 0
    peer_read_seq: int = 0
    weight: int = field(default=0, repr=False)

    def saved(self) -> SavedPlace:
        """Return what is to be kept of it."""
        return SavedPlace(self.conversation_id, self.handed, self.read_seq, self.wanted_read_seq, self.peer_read_seq)

    def position(self) -> conversation_pb2.Position:
        """Return what the server is told of it."""
        return conversation_pb2.Position(
            conversation_id=self.conversation_id,
            seq=self.seq,
            read_seq=self.read_seq,
            peer_read_seq=self.peer_read_seq,
        )


class Places:
    """All conversations of the device, the latest active last."""

    def __init__(self, saved: Iterable[SavedPlace]) -> None:
        self.digest = 0
        """Sum over all conversations of seq times weight, modulo 2^64 (see Heartbeat in frame.proto)."""
        self._places: dict[str, Place] = {}
        for known in saved:
            place = self.enter(known.conversation_id, known.seq)
            place.read_seq, place.wanted_read_seq = known.read_seq, known.wanted_read_seq
            place.peer_read_seq = known.peer_read_seq

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places.values())

    def get(self, conversation_id: str) -> Place | None:
        """Return the place in a conversation, None when the device does not know it."""
        return self._places.get(conversation_id)

    def enter(self, conversation_id: str, seq: int) -> Place:
        """Begin to know a conversation, after `seq`."""
        place = Place(conversation_id, 0, seq, weight=weight(conversation_id))
        self._places[conversation_id] = place
        self.move(place, seq)
        return place

    def move(self, place: Place, seq: int) -> None:
        """Go on to `seq`, which is the latest activity now."""
        self.digest = (self.digest + (seq - place.seq) * place.weight) % _MODULUS
        place.seq = seq
        if place.pending == 0:
            place.handed = seq
        self._places[place.conversation_id] = self._places.pop(place.conversation_id)

    def forget(self, conversation_id: str) -> None:
        """Know nothing of a conversation any more."""
        place = self._places.pop(conversation_id, None)
        if place is not None:
            self.digest = (self.digest - place.seq * place.weight) % _MODULUS

    def to_resume(self) -> list[conversation_pb2.Position]:
        """Return the positions for Resume: as many as it may carry, the latest active first."""
        latest = list(self._places.values())[: -RESUME_POSITIONS - 1 : -1]
        return [place.position() for place in latest]
