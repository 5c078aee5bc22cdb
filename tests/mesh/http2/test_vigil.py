"""What a connection is watched for, tick by tick."""

from __future__ import annotations

from mesh.http2.vigil import (
    ANSWER_TICKS,
    GOING_TICKS,
    GREETING_TICKS,
    IDLE_TICKS,
    MAX_CHATTER,
    MAX_RESETS,
    PING_TICKS,
    Due,
    Vigil,
)

LONG = 10_000


def greeted(age: int = 0) -> Vigil:
    """Return the vigil of a peer that has said what it must."""
    vigil = Vigil(age)
    vigil.greeted = True
    return vigil


def ticks(vigil: Vigil, count: int, *, heard: bool = False, idle: bool = False) -> list[Due]:
    """Return what so many looks find."""
    return [vigil.tick(heard, () if idle else ("an RPC",)) for _ in range(count)]


def test_who_does_not_greet_is_dropped() -> None:
    """Whatever else it says."""
    assert ticks(Vigil(0), GREETING_TICKS + 1, heard=True) == [Due.NOTHING] * GREETING_TICKS + [Due.DROP]


def test_who_is_silent_is_pinged_once_and_dropped() -> None:
    """One ping, and a time for its answer."""
    quiet = [*[Due.NOTHING] * (PING_TICKS - 1), Due.PING, *[Due.NOTHING] * (ANSWER_TICKS - 1), Due.DROP]
    assert ticks(greeted(), PING_TICKS + ANSWER_TICKS) == quiet


def test_who_answers_stays_for_ever() -> None:
    """An answer to the last possible moment starts the count anew."""
    vigil = greeted()
    for _ in range(100):
        assert Due.DROP not in ticks(vigil, PING_TICKS + ANSWER_TICKS - 1)
        assert ticks(vigil, 1, heard=True) == [Due.NOTHING]


def test_without_an_age_nobody_is_asked_to_go() -> None:
    """Neither for its age nor for having no RPC."""
    assert set(ticks(greeted(), LONG, heard=True, idle=True)) == {Due.NOTHING}


def test_at_its_age_a_connection_is_asked_to_go_once_and_dropped_a_minute_later() -> None:
    """However busy it is."""
    vigil = greeted(10)
    assert ticks(vigil, 10, heard=True) == [Due.NOTHING] * 9 + [Due.GO]
    vigil.going()
    assert ticks(vigil, GOING_TICKS, heard=True) == [Due.NOTHING] * (GOING_TICKS - 1) + [Due.END]


def test_a_connection_without_an_rpc_is_asked_to_go_earlier() -> None:
    """One RPC starts the count anew."""
    vigil = greeted(LONG)
    assert set(ticks(vigil, IDLE_TICKS - 1, heard=True, idle=True)) == {Due.NOTHING}
    assert ticks(vigil, 1, heard=True) == [Due.NOTHING]
    assert ticks(vigil, IDLE_TICKS, heard=True, idle=True) == [Due.NOTHING] * (IDLE_TICKS - 1) + [Due.GO]


def test_chatter_is_borne_up_to_a_bound() -> None:
    """A message that is sent, or a tick, starts the count anew."""
    vigil = greeted()
    for anew in (vigil.sent, lambda: vigil.tick(heard=True, rpcs=("an RPC",)), vigil.sent):
        assert all(vigil.bears() for _ in range(MAX_CHATTER))
        assert not vigil.bears()
        anew()


def test_resets_are_borne_up_to_a_bound() -> None:
    """A tick starts the count anew, and a message does not."""
    vigil = greeted()
    assert all(vigil.bears_reset() for _ in range(MAX_RESETS))
    vigil.sent()
    assert not vigil.bears_reset()
    vigil.tick(heard=True, rpcs=("an RPC",))
    assert vigil.bears_reset()
