"""How many sends the devices of a node may have unanswered."""

from mesh.clock import FakeClock
from svc_gateway.application.hub import Hub
from svc_gateway.application.session import Session
from svc_gateway.application.turns import Turns
from svc_gateway.application.window import CALM, Window
from svc_gateway.domain import Identity, Limits

LIMITS = Limits(in_flight=256, node_in_flight=1_000, kept_in_flight=4)
"""Pressed from 850 unanswered sends, full from 1,000, at ease below 250."""


def window_of(*devices: int, let_in: int = 100) -> Window:
    """A node whose devices have so many unanswered sends, of which some are let in."""
    window = Window(LIMITS)
    window.let_in(let_in)
    for unanswered in devices:
        window.change(0, unanswered)
    return window


def test_an_easy_node_leaves_devices_alone() -> None:
    """One device may have all that a device may have while the others have little."""
    window = window_of(200, *[4] * 10)
    assert (window.next(256, 200), window.refuses(256, 200)) == (256, False)


def test_a_full_node_gives_each_device_its_share() -> None:
    """Beyond what a node should have, those with more than their share of 850 get smaller windows."""
    window = window_of(*[52] * 20)
    assert window.next(256, 52) == 42
    assert window.next(256, 42) == 256


def test_before_it_is_full_only_the_greedy_get_less() -> None:
    """From 850 on, those who have a quarter more than their share get smaller windows, and others keep theirs."""
    window = window_of(*[48] * 15, 200)
    assert (window.next(256, 200), window.next(256, 48)) == (53, 256)


def test_small_changes_are_not_worth_a_word() -> None:
    """A window that would shrink by less than a fifth stays."""
    window = window_of(*[52] * 20)
    assert (window.next(52, 60), window.next(53, 60)) == (52, 42)


def test_windows_grow_again_step_by_step() -> None:
    """On a node that stays at ease a window doubles with each frame, up to what a device may have; else it stays."""
    easy, busy = window_of(100), window_of(400)
    assert [easy.next(30, 4) for _ in range(CALM)] == [30] * CALM
    assert [easy.next(allowed, 4) for allowed in (30, 60, 200, 256)] == [60, 120, 256, 256]
    assert [busy.next(30, 4) for _ in range(2 * CALM)] == [30] * 2 * CALM


def test_what_makes_room_for_a_moment_makes_no_window_larger() -> None:
    """A node that answers many at once is at ease until they send again: it counts when each has found it so, often."""
    window = window_of(*[4] * 50)
    calm = CALM * 50
    assert {window.next(30, 4) for _ in range(calm)} == {30}
    window.change(0, 300)
    assert window.next(30, 4) == 30
    window.change(300, 0)
    assert {window.next(30, 4) for _ in range(calm)} == {30}
    assert window.next(30, 4) == 60


def test_however_many_devices_there_are_each_keeps_a_few() -> None:
    """No window is smaller than what a device may always have, and what fits into it is never refused."""
    window = window_of(*[4] * 2_000)
    assert window.next(256, 5) == 4
    assert not window.refuses(4, 4)


def test_who_goes_on_is_refused() -> None:
    """A device with half as much again as its window is refused while the node has too much, and not on one at ease."""
    assert [window_of(*[52] * 20).refuses(30, unanswered) for unanswered in (30, 45, 46)] == [False, False, True]
    assert not window_of(200).refuses(30, 200)


def test_a_node_without_work_refuses_nothing() -> None:
    """Whatever devices say that they have on their way, a node that has let in little takes more."""
    assert [window_of(*[52] * 20, let_in=count).refuses(30, 200) for count in (50, 51)] == [False, True]
    window = window_of(*[52] * 20)
    window.let_in(-60)
    assert not window.refuses(30, 200)


def test_devices_that_went_count_no_more() -> None:
    """The share grows when others have nothing unanswered."""
    window = window_of(*[52] * 20)
    for _ in range(12):
        window.change(52, 0)
    assert window.next(256, 200) == 256
    window.change(0, 500)
    assert window.next(256, 500) == 94


async def test_what_a_device_says_is_on_its_way_does_not_count_for_ever() -> None:
    """A device that says it has much on its way, and then nothing more, makes the node look full only until the next
    sweep.
    """

    async def write(_: bytes) -> None: ...

    window, hub = window_of(*[25] * 30), Hub(FakeClock())
    session = Session(1, Identity("u", "d", "s", 1), LIMITS, Turns(), window, write, lambda _: b"")
    hub.add(session)
    assert session.tell(200)
    assert (session.allowed, window.next(256, 50)) == (27, 27)
    hub.sweep()
    assert window.next(256, 50) == 256


async def test_a_break_settles_what_was_on_its_way_and_is_numbered() -> None:
    """A device that has to send all of it again finds room for it, and no break is taken for an earlier one."""

    async def write(_: bytes) -> None: ...

    def frame(number: int) -> bytes:
        numbers.append(number)
        return b""

    numbers: list[int] = []
    session = Session(1, Identity("u", "d", "s", 1), LIMITS, Turns(), window_of(), write, lambda _: b"")
    session.let_in(200)
    session.retry(frame)
    assert session.room(1) == LIMITS.in_flight
    session.retry(frame)
    assert numbers == [1, 2]


async def test_a_device_that_goes_amid_its_sends_counts_no_more() -> None:
    """What a vanished device had on its way makes nobody else's window smaller."""

    async def write(_: bytes) -> None: ...

    window = window_of(*[25] * 30)
    session = Session(1, Identity("u", "d", "s", 1), LIMITS, Turns(), window, write, lambda _: b"")
    session.let_in(200)
    assert window.next(256, 50) == 27
    session.abandon()
    assert window.next(256, 50) == 256
