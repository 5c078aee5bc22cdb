"""A member of a group: cheap for frames that others had before, and healed from the log when it was too slow."""

from collections.abc import Sequence

import pytest

from bench.account import Account
from bench.crowd import Crowd
from bench.history import Ack, Kind, Witness
from bench.line import Line
from bench.member import Member
from mesh.http2.client import Dialler
from parley.gateway.v1.frame_pb2 import Lagging, Resumed, ServerFrame
from parley.gateway.v1.gateway_service_pb2 import ConnectResponse
from parley.message.v1.entry_pb2 import Entry

GROUP, ANN, BOB, EVE = "g1", "u1", "u2", "u3"
RESUMED = Resumed(outcome=Resumed.Outcome.OUTCOME_RESUMED)


def entries(*places: int) -> list[Entry]:
    """Ann wrote 101 at place 1, 102 at place 2, and so on."""
    return [Entry(conversation_id=GROUP, seq=seq, sender_id=ANN, client_message_id=100 + seq) for seq in places]


def faults(crowd: Crowd, last: int) -> list[Kind]:
    """Ann was told the same places."""
    places = range(1, last + 1)
    ann = Witness(sent=[100 + seq for seq in places], acks=[Ack(100 + seq, seq) for seq in places])
    return [fault.kind for fault in crowd.check({ANN: ann})]


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(GROUP, 0)


def member(crowd: Crowd, user_id: str) -> Member:
    made = Member(Account(user_id, "d", "token"), Line(Dialler(), "127.0.0.1:9"))
    made.join(crowd, None)
    return made


def hear(one: Member, heard: Sequence[Entry] = (), **more: object) -> None:
    frame = ServerFrame(entries=heard, **more)  # type: ignore[arg-type]  # a field by its name
    one._hear(ConnectResponse(frame=frame).SerializeToString())


async def test_the_same_bytes_are_parsed_once(crowd: Crowd) -> None:
    """What a second member hears counts for it, and nothing of it is parsed again."""
    bob, eve = member(crowd, BOB), member(crowd, EVE)
    data = ConnectResponse(frame=ServerFrame(entries=entries(1, 2, 3))).SerializeToString()
    bob._hear(data)
    assert crowd.known(data) is not None
    eve._hear(data)

    assert (bob.received, eve.received) == (3, 3)
    assert faults(crowd, 3) == []


async def test_who_was_too_slow_reads_the_log(crowd: Crowd) -> None:
    """What was dropped comes with the answer to Resume, what was pushed before it is not counted twice."""
    bob = member(crowd, BOB)
    hear(bob, entries(1))
    hear(bob, lagging=Lagging(dropped=2))
    hear(bob, entries(4))
    hear(bob, entries(2, 3, 4), resumed=RESUMED)
    hear(bob, entries(5))

    assert bob.received == 5
    assert faults(crowd, 5) == []
    assert bob.oddities["read the log"] == 1


async def test_what_the_log_brought_may_be_pushed_once_more(crowd: Crowd) -> None:
    """Entries that were queued between Resume and its answer come after it: they are ignored, and not a second time."""
    bob = member(crowd, BOB)
    hear(bob, lagging=Lagging(dropped=2))
    hear(bob, entries(1, 2, 3), resumed=RESUMED)
    hear(bob, entries(2, 3, 4))

    assert bob.received == 4
    assert faults(crowd, 4) == []

    hear(bob, entries(3))
    assert faults(crowd, 4) == [Kind.REPEATED]


async def test_who_was_too_slow_twice_waits_for_both_answers(crowd: Crowd) -> None:
    """What the second answer tells again is counted once, whatever was pushed between the two."""
    bob = member(crowd, BOB)
    for _ in range(2):
        hear(bob, lagging=Lagging(dropped=2))
        assert bob._next_frame().HasField("resume")
    hear(bob, entries(1, 2), resumed=RESUMED)
    hear(bob, entries(3))
    hear(bob, entries(1, 2, 3, 4), resumed=RESUMED)
    hear(bob, entries(5))

    assert bob.received == 5
    assert faults(crowd, 5) == []


async def test_what_the_log_does_not_tell_is_lost(crowd: Crowd) -> None:
    """A hole that stays open after Resume is a fault."""
    bob = member(crowd, BOB)
    hear(bob, lagging=Lagging(dropped=2))
    hear(bob, entries(1, 3), resumed=RESUMED)

    assert faults(crowd, 3) == [Kind.LOST]


async def test_a_repetition_is_a_fault_without_a_reason(crowd: Crowd) -> None:
    """Only around Resume may the same entry come twice."""
    bob = member(crowd, BOB)
    hear(bob, entries(1))
    hear(bob, entries(1))

    assert faults(crowd, 1) == [Kind.REPEATED]
