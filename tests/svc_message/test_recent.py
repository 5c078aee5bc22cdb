"""The newest entries in memory: those of all conversations up to a bound, whoever writes how much."""

import tracemalloc

from svc_message.application.sync.recent import OVERHEAD, Recent
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.ports import Span
from tests.svc_message.remembering import CHAT, OTHER, TEAM, row

SIZE = len(row(CHAT, 1).entry) + OVERHEAD


def bodies(recent: Recent, conversation: ConversationId, first: int, last: int) -> list[bytes] | None:
    """What is remembered of a span."""
    found = recent.read(Span(conversation, first, last))
    return None if found is None else list(found)


def test_the_oldest_entries_of_all_go_first() -> None:
    """Where three more fit no more, the three that were written first have gone, and a conversation keeps its newest."""
    recent = Recent(max_bytes=6 * SIZE)
    for seq in range(1, 4):
        recent.appended(row(CHAT, seq))
        recent.appended(row(OTHER, seq))
    assert bodies(recent, CHAT, 1, 3) == [row(CHAT, seq).entry for seq in range(1, 4)]
    for seq in range(4, 7):
        recent.appended(row(OTHER, seq))
    assert bodies(recent, CHAT, 2, 3) is None
    assert bodies(recent, CHAT, 3, 3) == [row(CHAT, 3).entry]
    assert bodies(recent, OTHER, 1, 6) is None
    assert bodies(recent, OTHER, 2, 6) == [row(OTHER, seq).entry for seq in range(2, 7)]


def test_a_conversation_that_is_gone_begins_anew() -> None:
    """What was dropped does not come back, and what is written then is counted once."""
    recent = Recent(max_bytes=4 * SIZE)
    for seq in range(1, 4):
        recent.appended(row(CHAT, seq))
    recent.drop(CHAT)
    assert bodies(recent, CHAT, 3, 3) is None
    for seq in range(4, 7):
        recent.appended(row(CHAT, seq))
    recent.appended(row(OTHER, 1))
    assert bodies(recent, CHAT, 4, 6) == [row(CHAT, seq).entry for seq in range(4, 7)]
    assert bodies(recent, OTHER, 1, 1) == [row(OTHER, 1).entry]


def test_a_tombstone_takes_the_place_of_its_entry() -> None:
    """A recall is read from memory at once; of an entry that is not there any more it changes nothing."""
    recent = Recent(max_entries=2)
    for seq in range(1, 4):
        recent.appended(row(CHAT, seq))
    recent.appended(row(CHAT, 4, tombstones=((Seq(1), b"gone"), (Seq(3), b"gone"))))
    assert bodies(recent, CHAT, 3, 4) == [b"gone", row(CHAT, 4).entry]
    assert bodies(recent, CHAT, 2, 4) is None


def test_one_busy_conversation_takes_no_more_memory_with_time() -> None:
    """Ten times as many entries of one conversation leave as much behind, and its newest can be read."""
    recent = Recent(max_bytes=500 * SIZE, max_entries=20)
    recent.appended(row(TEAM, 1))
    grown = []
    tracemalloc.start()
    for seq in range(1, 22_001):
        recent.appended(row(CHAT, seq))
        if seq in (2_000, 22_000):
            grown.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert grown[1] < grown[0] + 10_000
    assert bodies(recent, CHAT, 21_981, 22_000) == [row(CHAT, seq).entry for seq in range(21_981, 22_001)]
