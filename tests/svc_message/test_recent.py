"""The newest entries in memory: those of all conversations up to a bound, whoever writes how much."""

import tracemalloc

import pytest

from svc_message.application.sync.recent import MAX_SPAN, OVERHEAD, SEGMENTS, Recent
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.ports import Span
from tests.svc_message.remembering import CHAT, OTHER, TEAM, row

SIZE = len(row(CHAT, 1).entry) + OVERHEAD


def bodies(recent: Recent, conversation: ConversationId, first: int, last: int) -> list[bytes] | None:
    """What is remembered of a span."""
    found = recent.read(Span(conversation, first, last))
    return None if found is None else list(found)


def test_the_oldest_entries_of_all_go_first() -> None:
    """Where three more do not fit, the three that were written first go, and a conversation keeps its newest."""
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
    recent = Recent(max_bytes=2 * SIZE)
    for seq in range(1, 4):
        recent.appended(row(CHAT, seq))
    recent.appended(row(CHAT, 4, tombstones=((Seq(1), b"gone"), (Seq(3), b"gone"))))
    assert bodies(recent, CHAT, 3, 4) == [b"gone", row(CHAT, 4).entry]
    assert bodies(recent, CHAT, 2, 4) is None


def test_a_span_is_read_out_of_any_stretches_of_time() -> None:
    """Each span of a log that is all there is read as it was written, wherever its pieces stand, and no longer one."""
    recent = Recent(max_bytes=SEGMENTS * 10 * SIZE)  # about ten entries in each stretch
    for seq in range(1, MAX_SPAN + 2):
        recent.appended(row(CHAT, seq))
        for other in range(seq % 4):
            recent.appended(row(OTHER if other else TEAM, seq))
    written = [row(CHAT, seq).entry for seq in range(1, MAX_SPAN + 2)]
    for first in range(1, MAX_SPAN + 2, 7):
        for last in range(first, min(first + MAX_SPAN, MAX_SPAN + 2), 3):
            assert bodies(recent, CHAT, first, last) == written[first - 1 : last]
    assert bodies(recent, CHAT, 1, MAX_SPAN + 1) is None
    assert bodies(recent, CHAT, MAX_SPAN, MAX_SPAN + 2) is None


def test_a_gap_is_never_bridged() -> None:
    """What another node has written between two entries is missing, and nothing is read across it."""
    recent = Recent()
    for seq in (1, 2, 5, 6):
        recent.appended(row(CHAT, seq))
    assert bodies(recent, CHAT, 2, 5) is None
    assert bodies(recent, CHAT, 5, 6) == [row(CHAT, 5).entry, row(CHAT, 6).entry]
    recent.appended(row(CHAT, 4))
    assert bodies(recent, CHAT, 4, 6) is None
    assert bodies(recent, CHAT, 4, 4) == [row(CHAT, 4).entry]


@pytest.mark.parametrize("conversations", [1, 1_000, 100_000])
def test_memory_is_bounded(conversations: int) -> None:
    """However many conversations it is, what is kept takes little more than the bound, and the newest can be read."""
    recent, bound = Recent(max_bytes=1_000 * SIZE), 1_000 * SIZE
    tracemalloc.start()
    group, seq = TEAM, 0
    for number in range(20_000):
        group, seq = ConversationId(f"g{number % conversations:015d}"), number // conversations + 1
        recent.appended(row(group, seq))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 1.2 * bound
    assert bodies(recent, group, seq, seq)
