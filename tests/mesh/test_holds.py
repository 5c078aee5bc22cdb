"""Order behind a refusal."""

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh import holds
from mesh.clock import FakeClock
from mesh.holds import HOLD_S, Holds


def test_what_is_new_behind_a_refused_message_waits_for_it() -> None:
    """Later numbers are blocked until the refused one is there again; then they pass."""
    held = Holds(FakeClock())
    held.refused("p", 5)
    assert [held.blocks("p", number) for number in (6, 9, 6)] == [True] * 3
    assert [held.blocks("p", number) for number in (5, 6, 9)] == [False] * 3
    assert not held.held


def test_a_message_waits_for_all_that_were_refused_before_it() -> None:
    """The first one that comes again does not open the way for what is new behind the others."""
    held = Holds(FakeClock())
    for number in (1, 2, 3):
        held.refused("p", number)
    assert not held.blocks("p", 1)
    assert held.blocks("p", 4)
    assert [held.blocks("p", number) for number in (2, 3, 4)] == [False] * 3


def test_a_message_that_was_given_up_blocks_nothing_that_comes_again() -> None:
    """A device sends again in order: one that comes without those before it says that they do not come."""
    held = Holds(FakeClock())
    for number in (1, 2, 4):
        held.refused("p", number)
    assert not held.blocks("p", 2)
    assert held.blocks("p", 5)
    held.refused("p", 5)
    assert not held.blocks("p", 5)
    assert not held.held


def test_a_device_that_sends_nothing_again_is_heard_after_a_while() -> None:
    """Where nothing comes again, however much is new, the hold ends after HOLD_S; what comes again renews it."""
    clock = FakeClock()
    held = Holds(clock)
    for number in range(1, 4):
        held.refused("p", number)
    clock.advance(HOLD_S - 1)
    assert not held.blocks("p", 1)
    clock.advance(HOLD_S - 1)
    assert held.blocks("p", 4)
    held.refused("p", 4)
    clock.advance(1)
    assert not held.blocks("p", 5)
    assert not held.held


def test_pipelines_do_not_hold_each_other() -> None:
    """A refusal in one conversation is nothing to another."""
    held = Holds(FakeClock())
    held.refused("p", 5)
    assert not held.blocks("q", 6)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more pipelines and numbers are remembered than are allowed; the oldest are forgotten."""
    monkeypatch.setattr(holds, "MAX_HOLDS", 2)
    monkeypatch.setattr(holds, "MAX_NUMBERS", 3)
    held = Holds(FakeClock())
    for name in "abc":
        held.refused(name, 1)
    assert [held.blocks(name, 2) for name in "abc"] == [False, True, True]
    for number in range(5, 10):
        held.refused("c", number)
    assert [held.blocks("c", number) for number in (6, 10, 7, 10)] == [False, True, False, True]


@dataclass
class Pipe:
    """A device that pipelines to a server that refuses now and then, with frames on their way in both directions."""

    held: Holds = field(default_factory=lambda: Holds(FakeClock()))
    up: deque[int] = field(default_factory=deque)
    down: deque[tuple[int, bool]] = field(default_factory=deque)
    again: list[int] = field(default_factory=list)
    log: list[int] = field(default_factory=list)
    made: int = 0

    def write(self, count: int) -> None:
        """Send again what was refused, in order, and then what is new."""
        self.up.extend(sorted(self.again))
        self.again.clear()
        for _ in range(count):
            self.made += 1
            self.up.append(self.made)

    def serve(self, *, refuse: bool) -> None:
        """Take one message."""
        if self.up:
            number = self.up.popleft()
            taken = not self.held.blocks("p", number) and not refuse
            if taken:
                self.log.append(number)
            else:
                self.held.refused("p", number)
            self.down.append((number, taken))

    def hear(self) -> None:
        """Take one answer."""
        if self.down:
            number, taken = self.down.popleft()
            if not taken:
                self.again.append(number)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["write", "serve", "refuse", "hear"]), max_size=200))
def test_whatever_is_refused_the_log_is_in_order_and_complete(steps: list[str]) -> None:
    """A device that pipelines and sends again in order finds all its messages in the log in their order."""
    pipe = Pipe()
    for step in steps:
        match step:
            case "write":
                pipe.write(3)
            case "hear":
                pipe.hear()
            case _:
                pipe.serve(refuse=step == "refuse")
    while pipe.up or pipe.down or pipe.again:
        pipe.serve(refuse=False)
        pipe.hear()
        if not pipe.up and not pipe.down:
            pipe.write(0)
    assert pipe.log == list(range(1, pipe.made + 1))
