"""The history of a group: each way in which it can go wrong is found without a copy of the log for each member."""

from collections.abc import Callable

import pytest

from bench.crowd import Crowd
from bench.history import Ack, Kind, Witness
from parley.message.v1.entry_pb2 import Entry

GROUP, ANN, BOB, EVE = "g1", "u1", "u2", "u3"

Seen = dict[str, list[Entry]]
Senders = dict[str, Witness]


def entry(seq: int, sender_id: str, number: int) -> Entry:
    return Entry(conversation_id=GROUP, seq=seq, sender_id=sender_id, client_message_id=number)


def good() -> tuple[Seen, Senders]:
    """After place 2, Ann's 10 and 11 stand at 3 and 5, Bob's 20 at 4, and Eve only hears."""
    log = [entry(3, ANN, 10), entry(4, BOB, 20), entry(5, ANN, 11)]
    seen = {user: [one for one in log if one.sender_id != user] for user in (ANN, BOB, EVE)}
    senders = {
        ANN: Witness(sent=[10, 11], acks=[Ack(10, 3), Ack(11, 5)]),
        BOB: Witness(sent=[20], acks=[Ack(20, 4)]),
    }
    return seen, senders


def kinds(seen: Seen, senders: Senders, *, one_by_one: bool) -> list[Kind]:
    """Hear everything, in frames of one entry or in one frame."""
    crowd = Crowd(GROUP, 2)
    for user_id, entries in seen.items():
        seat = crowd.seat(user_id)
        for some in [[one] for one in entries] if one_by_one else [entries]:
            seat.take(crowd.batch(some))
    return [fault.kind for fault in crowd.check(senders)]


def lose(seen: Seen, _: Senders) -> None:
    del seen[EVE][1]


def lose_the_last(seen: Seen, _: Senders) -> None:
    del seen[EVE][-1]


def repeat(seen: Seen, _: Senders) -> None:
    seen[EVE].append(seen[EVE][-1])


def swap(seen: Seen, _: Senders) -> None:
    seen[EVE][0], seen[EVE][1] = seen[EVE][1], seen[EVE][0]


def invent(seen: Seen, _: Senders) -> None:
    for entries in seen.values():
        entries.append(entry(6, BOB, 99))


def differ(seen: Seen, _: Senders) -> None:
    seen[EVE][1] = entry(4, BOB, 21)


def move(seen: Seen, senders: Senders) -> None:
    senders[BOB].acks[0] = Ack(20, 5)


def answer_twice(_: Seen, senders: Senders) -> None:
    senders[BOB].acks.append(Ack(20, 4))


def forget(_: Seen, senders: Senders) -> None:
    senders[BOB].sent.append(21)


def turn_round(_: Seen, senders: Senders) -> None:
    senders[ANN].acks[:] = [Ack(10, 5), Ack(11, 3)]


def leave_out(seen: Seen, senders: Senders) -> None:
    for entries in seen.values():
        entries.append(entry(7, BOB, 21))
    del seen[BOB][-1]
    senders[BOB].sent.append(21)
    senders[BOB].acks.append(Ack(21, 7))


@pytest.mark.parametrize("one_by_one", [True, False])
def test_a_good_history_has_no_fault(*, one_by_one: bool) -> None:
    """Members who got each place once, and their own places as answers, are the good case, whatever the frames."""
    assert kinds(*good(), one_by_one=one_by_one) == []


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize(
    "damage, kind",
    [
        (lose, Kind.LOST),
        (lose_the_last, Kind.LOST),
        (repeat, Kind.REPEATED),
        (swap, Kind.REORDERED),
        (invent, Kind.PHANTOM),
        (differ, Kind.PHANTOM),
        (move, Kind.PHANTOM),
        (answer_twice, Kind.REPEATED),
        (forget, Kind.UNANSWERED),
        (turn_round, Kind.REORDERED),
        (leave_out, Kind.GAP),
    ],
)
def test_each_damage_is_found(damage: Callable[[Seen, Senders], None], kind: Kind, *, one_by_one: bool) -> None:
    """One thing that goes wrong in a good history is found, and named for what it is."""
    seen, senders = good()
    damage(seen, senders)

    assert kind in kinds(seen, senders, one_by_one=one_by_one)


@pytest.mark.parametrize("damage", [lose, repeat, swap])
def test_one_damage_is_one_fault(damage: Callable[[Seen, Senders], None]) -> None:
    """A place that was lost, came twice or came late is counted once, and its neighbours are not blamed."""
    seen, senders = good()
    damage(seen, senders)

    assert len(kinds(seen, senders, one_by_one=True)) == 1


def test_who_heard_nothing_lost_everything() -> None:
    """A member whose stream stayed silent is not overlooked."""
    seen, senders = good()
    seen[EVE] = []
    crowd = Crowd(GROUP, 2)
    crowd.seat(EVE)
    for user_id in (ANN, BOB):
        crowd.seat(user_id).take(crowd.batch(seen[user_id]))

    assert [fault.kind for fault in crowd.check(senders)] == [Kind.LOST] * 3


def test_bytes_that_are_known_count_for_each_member() -> None:
    """A frame that was parsed for one member is counted for the next, and a repetition of it is found."""
    _, senders = good()
    crowd = Crowd(GROUP, 2)
    batch = crowd.batch([entry(3, ANN, 10), entry(4, BOB, 20), entry(5, ANN, 11)])
    crowd.remember(b"frame", batch)
    for _ in range(2):
        known = crowd.known(b"frame")
        assert known is not None
        crowd.seat(EVE).take(known)

    assert [fault.kind for fault in crowd.check(senders)] == [Kind.REPEATED] * 3
