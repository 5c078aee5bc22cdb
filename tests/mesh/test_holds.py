"""Order behind a refusal."""

import pytest

from mesh import holds
from mesh.clock import FakeClock
from mesh.holds import HOLD_S, Holds


def test_what_follows_a_refused_message_waits_until_it_comes_again() -> None:
    """Later numbers are blocked, again and again; the refused one passes, and then all do."""
    held = Holds(FakeClock())
    held.refused("p", 5)
    assert [held.blocks("p", number) for number in (6, 9, 6)] == [True] * 3
    assert [held.blocks("p", number) for number in (5, 6, 9)] == [False] * 3
    assert len(held) == 0


def test_the_first_of_several_refused_ones_counts() -> None:
    """The hold stays at the earliest refused number, whatever is refused behind it or before it."""
    held = Holds(FakeClock())
    for number in (5, 7, 3):
        held.refused("p", number)
    assert held.blocks("p", 4)
    assert not held.blocks("p", 3)


def test_pipelines_do_not_hold_each_other() -> None:
    """A refusal in one conversation is nothing to another."""
    held = Holds(FakeClock())
    held.refused("p", 5)
    assert not held.blocks("q", 6)


def test_a_message_that_was_given_up_blocks_for_a_while_only() -> None:
    """A device that never sends the refused one again is heard after HOLD_S, however often it was blocked."""
    clock = FakeClock()
    held = Holds(clock)
    held.refused("p", 5)
    clock.advance(HOLD_S - 0.1)
    assert held.blocks("p", 6)
    clock.advance(0.1)
    assert not held.blocks("p", 6)


def test_holds_that_are_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: by time, and by number, the oldest first."""
    clock = FakeClock()
    held = Holds(clock)
    for name in "abc":
        held.refused(name, 1)
    clock.advance(HOLD_S)
    held.refused("d", 1)
    assert len(held) == 1
    monkeypatch.setattr(holds, "MAX_HOLDS", 2)
    for name in "ef":
        held.refused(name, 1)
    assert [held.blocks(name, 2) for name in "def"] == [False, True, True]
