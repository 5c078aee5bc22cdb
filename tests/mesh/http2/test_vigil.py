"""What a connection is watched for, at times that a test chooses."""

from __future__ import annotations

import contextlib
from math import inf
from typing import TYPE_CHECKING

import pytest

from mesh.http2 import vigil
from mesh.http2.frames import ConnectionFault
from mesh.http2.vigil import ANSWER_S, CALM_S, GOING_S, GREETING_S, IDLE_S, MAX_CHATTER, MAX_RESETS, PING_S, Due, Vigil

if TYPE_CHECKING:
    from collections.abc import Callable

RPC = ("an RPC",)
MOMENT = 0.001


@pytest.fixture(autouse=True)
def punctual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings come when their whole time is over."""
    monkeypatch.setattr(vigil, "EARLIER", 0.0)


def greeted(age_s: float = inf) -> Vigil:
    """Return the vigil, begun at 0, of a peer that has said what it must."""
    vigil = Vigil(0.0, PING_S, ANSWER_S, age_s)
    vigil.greeted()
    return vigil


def found(vigil: Vigil, until: float, *, heard: float | None = None, rpcs: tuple[str, ...] = RPC) -> dict[float, Due]:
    """Look whenever it is time, until then, and return what is due when; `heard` is all the time, if not once."""
    dues: dict[float, Due] = {}
    while (now := vigil.next) <= until:
        due = vigil.look(now, now if heard is None else heard, rpcs)
        if due is not Due.NOTHING:
            dues[now] = due
        if due in (Due.GO, Due.END, Due.DROP):
            break
    return dues


def test_who_does_not_greet_is_dropped() -> None:
    """Whatever else it says."""
    assert found(Vigil(0.0, PING_S, ANSWER_S, inf), inf) == {GREETING_S: Due.DROP}


def test_who_is_silent_is_pinged_once_and_dropped() -> None:
    """One ping, and a time for its answer; counted from what was heard last, not from the look before."""
    assert found(greeted(), inf, heard=0.0) == {PING_S: Due.PING, PING_S + ANSWER_S: Due.DROP}
    assert found(greeted(), inf, heard=3.0) == {PING_S + 3: Due.PING, PING_S + 3 + ANSWER_S: Due.DROP}


def test_who_answers_stays_for_ever() -> None:
    """An answer at the last possible moment starts the count anew."""
    vigil, heard = greeted(), 0.0
    for _ in range(100):
        assert found(vigil, heard + PING_S + ANSWER_S - MOMENT, heard=heard) == {heard + PING_S: Due.PING}
        heard += PING_S + ANSWER_S - MOMENT


def test_pings_of_those_that_came_together_come_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a twentieth earlier, each at a time of its own."""
    monkeypatch.undo()
    times = {time for _ in range(100) for time, due in found(greeted(), PING_S, heard=0.0).items() if due is Due.PING}
    assert len(times) > 50
    assert 0.95 * PING_S <= min(times) < 0.975 * PING_S < max(times) <= PING_S


def test_without_an_age_nobody_is_asked_to_go() -> None:
    """Neither for its age nor for having no RPC."""
    assert found(greeted(), 100_000, rpcs=()) == {}


def test_at_its_age_a_connection_is_asked_to_go_once_and_dropped_a_minute_later() -> None:
    """However busy it is."""
    vigil = greeted(10.0)
    assert found(vigil, inf) == {10.0: Due.GO}
    vigil.going(10.0)
    vigil.going(11.0)
    assert found(vigil, inf) == {10.0 + GOING_S: Due.END}


def test_a_connection_without_an_rpc_is_asked_to_go_earlier() -> None:
    """After five minutes, and as long as two looks may lie apart; one RPC starts the count anew."""
    vigil = greeted(100_000.0)
    assert found(vigil, IDLE_S - PING_S, rpcs=()) == {}
    began = vigil.next
    assert vigil.look(began, began, RPC) is Due.NOTHING
    [(when, due)] = found(vigil, inf, rpcs=()).items()
    assert due is Due.GO
    assert began + IDLE_S <= when <= began + IDLE_S + 2 * PING_S


def borne(count: Callable[[float], None], now: float) -> int:
    """Count until it is too much, and return how many were not."""
    borne = 0
    with contextlib.suppress(ConnectionFault):
        while True:
            count(now)
            borne += 1
    return borne


def test_chatter_is_borne_up_to_a_bound() -> None:
    """A message that is sent, or a while without any, starts the count anew."""
    vigil = greeted()
    for now in (1.0, 2.0, CALM_S - MOMENT):
        vigil.sent()
        assert borne(vigil.chatter, now) == MAX_CHATTER
    assert borne(vigil.chatter, CALM_S) == MAX_CHATTER
    assert borne(vigil.chatter, 2 * CALM_S - MOMENT) == 0
    assert borne(vigil.chatter, 2 * CALM_S) == MAX_CHATTER


def test_resets_are_borne_up_to_a_bound() -> None:
    """A while starts the count anew, and a message does not."""
    vigil = greeted()
    assert borne(vigil.reset, 1.0) == MAX_RESETS
    vigil.sent()
    assert borne(vigil.reset, CALM_S - MOMENT) == 0
    assert borne(vigil.reset, CALM_S) == MAX_RESETS
