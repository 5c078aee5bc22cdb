import contextlib
import secrets
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.infrastructure import pulsar_frames
from mesh.infrastructure.pulsar_frames import FRAME_BYTES, Message, Packer, Taken, Unpacker

ROOM = 64 * FRAME_BYTES
LARGE = bytes(3 * FRAME_BYTES)


def large(number: int) -> bytes:
    """Three pieces that no other message has."""
    return bytes([number + 1]) * (2 * FRAME_BYTES + 1)


def packed(packer: Packer, *payloads: bytes) -> list[bytes]:
    return list(packer.frames([Message(payload) for payload in payloads]))


def unpacked(unpacker: Unpacker, frames: list[bytes]) -> Taken:
    """What all of them bring together."""
    whole = Taken()
    for frame in frames:
        taken = unpacker.take(frame)
        whole.lost += taken.lost
        whole.messages += taken.messages
    return whole


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans())))
def test_small_messages_travel_together_as_they_are(content: list[tuple[bytes, bool]]) -> None:
    """Payloads and probes of any bytes, empty ones too, come out in their order."""
    messages = [Message(payload, probe=probe) for payload, probe in content]
    [frame] = Packer().frames(messages)
    assert Unpacker(ROOM).take(frame) == Taken(0, messages)


@pytest.mark.parametrize("size", [FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 3 * FRAME_BYTES + 7])
def test_a_large_message_travels_in_pieces(size: int) -> None:
    """No frame is much larger than its limit, whatever the payload; the reader gets the payload."""
    payload = secrets.token_bytes(size)
    frames = packed(Packer(), payload)
    assert max(map(len, frames)) <= FRAME_BYTES + 32
    assert unpacked(Unpacker(ROOM), frames) == Taken(0, [Message(payload)])


def test_publishers_do_not_disturb_each_other() -> None:
    """Between the pieces of one publisher those of another may come, and neither loses anything."""
    one, two = secrets.token_bytes(3 * FRAME_BYTES), secrets.token_bytes(3 * FRAME_BYTES)
    mixed = [frame for pair in zip(packed(Packer(), one), packed(Packer(), two), strict=True) for frame in pair]
    assert unpacked(Unpacker(ROOM), mixed) == Taken(0, [Message(one), Message(two)])


@given(st.lists(st.integers(0, 3), max_size=12), st.randoms(use_true_random=False))
def test_what_is_missing_is_counted(sizes: list[int], random: Random) -> None:
    """Whatever frames are dropped, the messages that came and those told as lost are together all that there were."""
    packer, unpacker = Packer(), Unpacker(ROOM)
    whole = unpacked(unpacker, packed(packer))
    for number, size in enumerate(sizes):
        frames = packed(packer, *[b"x"] * size) if size else packed(packer, large(number))
        came = unpacked(unpacker, [frame for frame in frames if random.random() < 0.7])
        whole.lost += came.lost
        whole.messages += came.messages
    rest = unpacked(unpacker, packed(packer))
    assert whole.lost + rest.lost + len(whole.messages) == sum(size or 1 for size in sizes)
    assert {message.payload for message in whole.messages} <= {b"x", *map(large, range(len(sizes)))}


def test_pieces_of_two_messages_are_not_joined() -> None:
    """When the end of one and the beginning of the next are dropped, neither comes, and both are counted."""
    packer, unpacker = Packer(), Unpacker(ROOM)
    frames = packed(packer, large(1))[:2] + packed(packer, large(2))[1:]
    assert unpacked(unpacker, frames + packed(packer)) == Taken(2, [])


def test_the_last_one_is_missed_when_the_number_is_told() -> None:
    """An empty frame tells how far a publisher is: a loss is known though nothing else follows it."""
    packer, unpacker = Packer(), Unpacker(ROOM)
    unpacker.take(packed(packer, b"one")[0])
    packed(packer, b"dropped")
    assert unpacker.take(packed(packer)[0]) == Taken(1, [])


def test_who_reads_from_now_on_misses_nothing_of_before() -> None:
    """A publisher that is met in the middle of its numbers has lost nothing for this reader."""
    packer = Packer()
    packed(packer, b"one", b"two")
    assert Unpacker(ROOM).take(packed(packer, b"three")[0]) == Taken(0, [Message(b"three")])


def test_pieces_are_bounded() -> None:
    """What is larger than a reader may hold is lost, and counted; what follows is read."""
    packer, unpacker = Packer(), Unpacker(2 * FRAME_BYTES)
    assert unpacked(unpacker, packed(packer, LARGE)) == Taken(0, [])
    assert unpacked(unpacker, packed(packer, b"small")) == Taken(1, [Message(b"small")])


def test_publishers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of publishers that are gone do not stay: those of the one heard of longest ago go first."""
    monkeypatch.setattr(pulsar_frames, "MAX_PUBLISHERS", 2)
    unpacker = Unpacker(ROOM)
    first, *rest = packed(Packer(), LARGE)
    unpacker.take(first)
    for _ in range(2):
        unpacker.take(packed(Packer(), b"x")[0])
    assert unpacked(unpacker, rest) == Taken(0, [])


def test_who_was_heard_of_lately_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many publishers the one that is silent for longest goes, not the one that was met first."""
    monkeypatch.setattr(pulsar_frames, "MAX_PUBLISHERS", 2)
    unpacker, pieces = Unpacker(ROOM), packed(Packer(), LARGE)
    between = [packed(Packer(), b"x")[0] for _ in range(2)]
    frames = [pieces[0], between[0], pieces[1], between[1], pieces[2]]
    assert unpacked(unpacker, frames).messages[-1] == Message(LARGE)


@given(st.binary(max_size=64))
def test_what_is_no_frame_is_refused(junk: bytes) -> None:
    """Anyone who may write to a topic may write anything: it is one kind of error, or a frame."""
    with contextlib.suppress(ValueError):
        Unpacker(ROOM).take(junk)


def test_a_cut_frame_is_refused() -> None:
    """A message that says to be longer than its frame is none, and changes nothing."""
    packer, unpacker = Packer(), Unpacker(ROOM)
    [frame] = packed(packer, b"whole")
    with pytest.raises(ValueError, match="cut off"):
        unpacker.take(frame[:-1])
    assert unpacker.take(frame) == Taken(0, [Message(b"whole")])
