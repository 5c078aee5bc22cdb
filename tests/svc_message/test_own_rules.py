"""Rules about what users have for themselves that need no service."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mesh.errors import MeshError
from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.own import DRAFT_PAUSE_MS, Own, Veil, heard, hidden, newest_shown
from svc_message.domain.push.quiet import QuietHours, QuietPeriod, zone
from svc_message.domain.timing.retention import last_to_go

NIGHTS = QuietPeriod(weekdays=0b0001111, start_minute=22 * 60, end_minute=7 * 60)
"""From Monday to Thursday, 22:00 to 7:00 of the next day."""
WEEKEND = QuietPeriod(weekdays=0b1100000, start_minute=0, end_minute=12 * 60)


def at(*when: int) -> int:
    """Unix milliseconds of a time in UTC."""
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    "when, quiet",
    [
        ((2026, 11, 23, 21, 59), False),  # Monday
        ((2026, 11, 23, 22, 0), True),
        ((2026, 11, 24, 6, 59), True),
        ((2026, 11, 24, 7, 0), False),
        ((2026, 11, 27, 6, 59), True),  # Friday morning belongs to Thursday
        ((2026, 11, 27, 23, 0), False),
        ((2026, 11, 23, 3, 0), False),  # Monday morning belongs to Sunday
        ((2026, 11, 28, 11, 59), True),
        ((2026, 11, 28, 12, 0), False),
    ],
)
def test_periods_of_the_week(when: tuple[int, ...], quiet: bool) -> None:  # noqa: FBT001 - a column of the table
    """A period holds from its start to its end, and belongs to the day on which it begins."""
    assert QuietHours(periods=(NIGHTS, WEEKEND)).quiet(at(*when)) is quiet


def test_periods_are_in_local_time() -> None:
    """The same clock time counts in each zone, on both sides of a change of the clocks."""
    hours = QuietHours(periods=(QuietPeriod(127, 22 * 60, 23 * 60),), time_zone="Europe/Berlin")
    assert hours.quiet(at(2026, 1, 5, 21, 30))
    assert hours.quiet(at(2026, 7, 6, 20, 30))
    assert not hours.quiet(at(2026, 7, 6, 21, 30))
    assert QuietHours(until_ms=at(2026, 1, 5)).quiet(at(2026, 1, 4))
    assert not QuietHours(until_ms=at(2026, 1, 5)).quiet(at(2026, 1, 5))


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "a\0b", "Asia"])
def test_names_of_zones_are_names_of_zones(name: str) -> None:
    """What is no zone is refused, paths of files among it."""
    with pytest.raises(MeshError, match="INVALID_REQUEST"):
        zone(name)


def test_what_is_hidden() -> None:
    """Hidden is what was cleared, what was hidden, and what changes a hidden post; the newest of the rest is shown."""
    veil = Veil(Seq(3), frozenset({5, 6, 8}))
    assert [seq for seq in range(1, 10) if hidden(veil, seq)] == [1, 2, 3, 5, 6, 8]
    assert hidden(veil, 9, target_seq=5)
    assert not hidden(veil, 9, target_seq=4)
    assert [newest_shown(veil, head, 1) for head in (9, 8, 6, 4, 3)] == [9, 7, 4, 4, 0]


def test_what_stays_due_after_telling() -> None:
    """What was told is due no more; a newer draft is told after a pause, anything else that is newer at once."""
    told = Own(UserId("u1"), ConversationId("c1"), 3, draft="a", draft_waits=True, tell_at_ms=5, untold=(7,))
    done = heard(told, told, 1_000)
    assert (done.tell_at_ms, done.untold, done.draft_waits, done.draft_told_at_ms) == (0, (), False, 1_000)
    typed = heard(replace(told, version=4, draft="ab"), told, 1_000)
    assert (typed.tell_at_ms, typed.draft_waits, typed.untold) == (1_000 + DRAFT_PAUSE_MS, True, (7,))
    pinned = heard(replace(told, version=4, pinned=True), told, 1_000)
    assert (pinned.tell_at_ms, pinned.pinned) == (5, True)


def stored(seq: int, sent_at_ms: int, kind: EntryKind = EntryKind.POST) -> Stored:
    """An entry."""
    return Stored(ConversationId("c1"), Seq(seq), DeviceId("d1"), seq, UserId("u1"), kind, sent_at_ms, b"")


def test_which_entries_go() -> None:
    """The oldest ones up to the first that stays; a Cut alone is not replaced by another one in its place."""
    log = [stored(3, 10, EntryKind.CUT), stored(4, 11), stored(5, 30), stored(6, 12)]
    assert last_to_go(log, 20) == log[1]
    assert last_to_go(log, 40) == log[3]
    assert last_to_go(log, 11) is None
    assert last_to_go(log, 10) is None
    assert last_to_go([], 99) is None
