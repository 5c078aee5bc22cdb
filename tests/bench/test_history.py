"""The history checker finds each way in which a run can go wrong, and nothing in a good one."""

import time
from collections.abc import Callable

import pytest

from bench.history import Ack, Arrival, Kind, Witness, check

ANN, BOB, CHAT = "u1", "u2", "u1-u2"

Histories = dict[str, dict[str, Witness]]


def good() -> Histories:
    """Ann's 10, 11, 12 stand at 1, 3, 4 and Bob's 20 at 2; both saw all of it."""
    ann = Witness(sent=[10, 11, 12], acks=[Ack(10, 1), Ack(11, 3), Ack(12, 4)], arrivals=[Arrival(2, BOB, 20)])
    bob = Witness(
        sent=[20],
        acks=[Ack(20, 2)],
        arrivals=[Arrival(1, ANN, 10), Arrival(3, ANN, 11), Arrival(4, ANN, 12)],
    )
    return {CHAT: {ANN: ann, BOB: bob}}


def kinds(histories: Histories) -> set[Kind]:
    return {fault.kind for fault in check(histories)}


def lose(histories: Histories) -> None:
    del histories[CHAT][BOB].arrivals[1]


def repeat(histories: Histories) -> None:
    arrivals = histories[CHAT][BOB].arrivals
    arrivals.append(arrivals[-1])


def swap(histories: Histories) -> None:
    arrivals = histories[CHAT][BOB].arrivals
    arrivals[0], arrivals[1] = arrivals[1], arrivals[0]


def invent(histories: Histories) -> None:
    histories[CHAT][BOB].arrivals.append(Arrival(5, ANN, 99))


def answer_twice(histories: Histories) -> None:
    histories[CHAT][ANN].acks.append(Ack(12, 5))


def move(histories: Histories) -> None:
    histories[CHAT][BOB].arrivals[2] = Arrival(5, ANN, 12)


def forget(histories: Histories) -> None:
    histories[CHAT][ANN].sent.append(13)


def refuse(histories: Histories) -> None:
    ann = histories[CHAT][ANN]
    ann.refused.append(ann.acks.pop().number)


def answer_and_refuse(histories: Histories) -> None:
    histories[CHAT][ANN].refused.append(12)


def turn_round(histories: Histories) -> None:
    ann, bob = histories[CHAT][ANN], histories[CHAT][BOB]
    ann.acks[1:] = [Ack(11, 4), Ack(12, 3)]
    bob.arrivals[1:] = [Arrival(3, ANN, 12), Arrival(4, ANN, 11)]


def leave_out(histories: Histories) -> None:
    ann, bob = histories[CHAT][ANN], histories[CHAT][BOB]
    ann.acks[2] = Ack(12, 7)
    bob.arrivals[2] = Arrival(7, ANN, 12)


def test_a_good_history_has_no_fault() -> None:
    """Two users who saw the same positions, each once and in order, are the good case."""
    assert check(good()) == []


def test_a_send_without_answer_that_arrived_is_no_phantom() -> None:
    """A message may be received before its sender is told where it stands."""
    histories = good()
    histories[CHAT][ANN].sent.append(13)
    histories[CHAT][ANN].acks.append(Ack(13, 5))
    histories[CHAT][BOB].arrivals.append(Arrival(5, ANN, 13))

    assert check(histories) == []


def test_what_was_refused_is_neither_lost_nor_unanswered() -> None:
    """A refusal is an answer: such a message need not arrive."""
    histories = good()
    histories[CHAT][ANN].sent.append(13)
    histories[CHAT][ANN].refused.append(13)

    assert check(histories) == []


def test_a_long_history_is_checked_in_time_that_grows_with_it() -> None:
    """A conversation of 200 users with 2,000 messages is 400,000 arrivals, and not 200 times as many."""
    users = [f"u{index}" for index in range(200)]
    log = [Arrival(seq, users[seq % 200], seq) for seq in range(1, 2_001)]
    histories: Histories = {CHAT: {}}
    for user in users:
        mine = [arrival for arrival in log if arrival.sender_id == user]
        others = [arrival for arrival in log if arrival.sender_id != user]
        numbers = [arrival.number for arrival in mine]
        histories[CHAT][user] = Witness(numbers, [Ack(number, number) for number in numbers], [], others)
    began = time.process_time()

    assert check(histories) == []
    assert time.process_time() - began < 10.0


@pytest.mark.parametrize(
    "damage, kind",
    [
        (lose, Kind.LOST),
        (repeat, Kind.REPEATED),
        (swap, Kind.REORDERED),
        (invent, Kind.PHANTOM),
        (answer_twice, Kind.REPEATED),
        (move, Kind.PHANTOM),
        (forget, Kind.UNANSWERED),
        (refuse, Kind.PHANTOM),
        (answer_and_refuse, Kind.REPEATED),
        (turn_round, Kind.REORDERED),
        (leave_out, Kind.GAP),
    ],
)
def test_each_damage_is_found(damage: Callable[[Histories], None], kind: Kind) -> None:
    """One thing that goes wrong in a good history is found, and named for what it is."""
    histories = good()
    damage(histories)

    assert kind in kinds(histories)


def test_damages_are_counted_one_by_one() -> None:
    """One lost, one repeated, one swapped and one phantom message, each in a chat of its own, are four faults."""
    histories: Histories = {}
    for name, damage in {"a": lose, "b": repeat, "c": swap, "d": invent}.items():
        chat = good()
        damage(chat)
        histories[name] = chat[CHAT]

    found = check(histories)

    assert [(fault.conversation_id, fault.kind) for fault in found] == [
        ("a", Kind.LOST),
        ("b", Kind.REPEATED),
        ("c", Kind.REORDERED),
        ("d", Kind.PHANTOM),
    ]


def test_the_same_number_of_two_senders_is_no_repetition() -> None:
    """Numbers belong to their sender: both may choose the same one."""
    ann = Witness(sent=[10], acks=[Ack(10, 1)], arrivals=[Arrival(2, BOB, 10)])
    bob = Witness(sent=[10], acks=[Ack(10, 2)], arrivals=[Arrival(1, ANN, 10)])

    assert check({CHAT: {ANN: ann, BOB: bob}}) == []
