"""What travels inside one message of Pulsar. Pure Python.

Pulsar takes no more than 5 MB at once, and drops what the reader of a non-persistent topic has no room for without
telling anyone. So each publisher numbers its messages, small ones travel together, and large ones go in pieces:

    kind 1 byte | publisher 8 bytes | number 8 bytes | rest

    JOINED  number is that of the first message; the rest is any number of: size 4 bytes | bytes.
            The highest bit of a size marks a probe, which is for the machinery of the adapter alone.
            A frame with no message tells a reader how far the publisher is.
    PIECE   number is that of the message; the rest is: index 4 bytes | count 4 bytes | bytes.

Integers are unsigned, the highest byte first. Pieces of one message follow each other on their topic; frames of other
publishers may come between them.
"""

import secrets
import struct
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

FRAME_BYTES: Final = 1024 * 1024
"""What one message of Pulsar carries at most, its head aside."""

MAX_PUBLISHERS: Final = 4_096
"""Publishers of one topic that a reader remembers. A forgotten one counts as new: what it loses then is not told."""

_HEAD: Final = Struct(">B8sQ")
_SIZE: Final = Struct(">I")
_PIECE_HEAD: Final = Struct(">II")
_JOINED: Final = 1
_PIECE: Final = 2
_PROBE: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Message:
    """A payload, or a probe of the adapter."""

    payload: bytes
    probe: bool = False


@dataclass(slots=True)
class Taken:
    """What one frame brought: how many messages are known to be lost before it, and what is whole now."""

    lost: int = 0
    messages: list[Message] = field(default_factory=list)


class Packer:
    """The numbers of one publisher on one topic."""

    def __init__(self) -> None:
        self._publisher = secrets.token_bytes(8)
        self._next = 0

    def frames(self, messages: Sequence[Message]) -> Iterator[bytes]:
        """Frames for messages that fit into one together, or for one message of any size."""
        number = self._next
        self._next += len(messages)
        if len(messages) == 1 and len(messages[0].payload) > FRAME_BYTES:
            yield from self._pieces(number, messages[0].payload)
        else:
            yield _HEAD.pack(_JOINED, self._publisher, number) + b"".join(_sized(messages))

    def _pieces(self, number: int, payload: bytes) -> Iterator[bytes]:
        head = _HEAD.pack(_PIECE, self._publisher, number)
        starts = range(0, len(payload), FRAME_BYTES)
        for index, start in enumerate(starts):
            yield head + _PIECE_HEAD.pack(index, len(starts)) + payload[start : start + FRAME_BYTES]


def _sized(messages: Sequence[Message]) -> Iterator[bytes]:
    for message in messages:
        yield _SIZE.pack(len(message.payload) | (_PROBE if message.probe else 0))
        yield message.payload


@dataclass(slots=True)
class _Publisher:
    """How far a reader is with one publisher: the number that comes next, and pieces that it has of that message."""

    next: int
    pieces: list[bytes] = field(default_factory=list)

    def reach(self, number: int) -> int:
        """Go on at a number; return how many messages before it never came."""
        missed = max(0, number - self.next)
        self.next = max(self.next, number)
        return missed


class Unpacker:
    """Frames of any publishers back into messages. Holds pieces of at most `capacity_bytes`."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._publishers: OrderedDict[bytes, _Publisher] = OrderedDict()
        self._piece_bytes = 0

    def take(self, frame: bytes) -> Taken:
        """Return what a frame brings. Raises ValueError for what is not a frame."""
        try:
            kind, name, number = _HEAD.unpack_from(frame)
            if kind == _JOINED:
                return self._joined(name, number, frame)
            if kind == _PIECE:
                return self._piece(name, number, frame)
        except struct.error:
            pass
        raise ValueError("not a frame")

    def _joined(self, name: bytes, number: int, frame: bytes) -> Taken:
        messages = list(_split(frame))
        publisher = self._publisher(name, number)
        self._forget_pieces(publisher)
        lost = publisher.reach(number)
        publisher.reach(number + len(messages))
        return Taken(lost, messages)

    def _piece(self, name: bytes, number: int, frame: bytes) -> Taken:
        index, count = _PIECE_HEAD.unpack_from(frame, _HEAD.size)
        publisher = self._publisher(name, number)
        if index == 0 or publisher.next != number:
            self._forget_pieces(publisher)
        taken = Taken(publisher.reach(number))
        # A message whose beginning is missing never becomes whole: the next number tells that it is lost.
        if publisher.next == number and index == len(publisher.pieces):
            self._add_piece(publisher, frame[_HEAD.size + _PIECE_HEAD.size :])
            if len(publisher.pieces) == count:
                taken.messages.append(Message(b"".join(publisher.pieces)))
                self._forget_pieces(publisher)
                publisher.next += 1
        return taken

    def _publisher(self, name: bytes, number: int) -> _Publisher:
        publisher = self._publishers.setdefault(name, _Publisher(number))
        self._publishers.move_to_end(name)
        if len(self._publishers) > MAX_PUBLISHERS:
            self._forget_pieces(self._publishers.popitem(last=False)[1])
        return publisher

    def _add_piece(self, publisher: _Publisher, piece: bytes) -> None:
        publisher.pieces.append(piece)
        self._piece_bytes += len(piece)
        if self._piece_bytes > self._capacity_bytes:
            self._forget_pieces(publisher)

    def _forget_pieces(self, publisher: _Publisher) -> None:
        self._piece_bytes -= sum(map(len, publisher.pieces))
        publisher.pieces.clear()


def _split(frame: bytes) -> Iterator[Message]:
    start = _HEAD.size
    while start < len(frame):
        (size,) = _SIZE.unpack_from(frame, start)
        start += _SIZE.size
        end = start + (size & ~_PROBE)
        if end > len(frame):
            raise ValueError("a message is cut off")
        yield Message(frame[start:end], probe=bool(size & _PROBE))
        start = end
