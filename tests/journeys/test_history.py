"""The checker of histories: what it cannot find, no journey proves."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.journeys.history import Attempt, Breach, History, Record, check

CHAT = "u1-u2"
READERS = ("d1", "d2")


def sound() -> History:
    """A history as it should be: two devices send five messages each, both show all."""
    records = [Record(CHAT, seq, f"text {seq}") for seq in range(1, 11)]
    attempts = [Attempt(READERS[record.seq % 2], CHAT, record.text, record.seq) for record in records]
    return History(attempts, records, {reader: list(records) for reader in READERS})


def shown(change: Callable[[list[Record]], object]) -> History:
    """The sound history with a change to what one device showed."""
    history = deepcopy(sound())
    change(history.shown["d2"])
    return history


def stored(change: Callable[[list[Record]], object]) -> History:
    """The sound history with a change to the log, which the devices showed faithfully."""
    history = deepcopy(sound())
    change(history.stored)
    history.shown = {reader: list(history.stored) for reader in READERS}
    return history


def swap(records: list[Record]) -> None:
    """Exchange two neighbours."""
    records[3], records[4] = records[4], records[3]


def test_a_sound_history_breaks_nothing() -> None:
    """The checker finds no fault where there is none."""
    assert check(sound()) == set()


@pytest.mark.parametrize(
    "history, breach",
    [
        (shown(lambda records: records.pop(3)), Breach.LOST),
        (shown(lambda records: records.pop()), Breach.LOST),
        (shown(lambda records: records.insert(4, records[3])), Breach.REPEATED),
        (shown(swap), Breach.SWAPPED),
        (shown(lambda records: records.append(Record(CHAT, 11, "from nowhere"))), Breach.PHANTOM),
        (stored(lambda records: records.pop()), Breach.LOST),
        (stored(lambda records: records.append(Record(CHAT, 11, "text 3"))), Breach.REPEATED),
        (stored(swap), Breach.SWAPPED),
        (stored(lambda records: records.append(Record(CHAT, 11, "from nowhere"))), Breach.PHANTOM),
    ],
)
def test_one_wrong_record_is_found(history: History, breach: Breach) -> None:
    """One record lost, repeated, swapped or made up is named as what it is."""
    assert breach in check(history)


def test_four_mutations_give_four_failures() -> None:
    """Each of the four mutations of what a device shows is told from the other three."""
    mutants = (
        shown(lambda records: records.pop(3)),
        shown(lambda records: records.insert(4, records[3])),
        shown(swap),
        shown(lambda records: records.append(Record(CHAT, 11, "from nowhere"))),
    )
    assert [check(mutant) for mutant in mutants] == [
        {Breach.LOST},
        {Breach.REPEATED},
        {Breach.SWAPPED},
        {Breach.PHANTOM},
    ]


def test_a_send_whose_place_is_taken_by_another_order_is_found() -> None:
    """Messages that one device pipelined must stand in the order in which they were sent, and each needs an outcome."""
    history = sound()
    history.attempts[0], history.attempts[2] = history.attempts[2], history.attempts[0]
    assert check(history) == {Breach.SWAPPED}
    assert check(History([Attempt("d1", CHAT, "text", answered=False)])) == {Breach.UNANSWERED}
