"""What every store of the message service says of changes to posts: see message_stores.py for the adapters."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, Row, Stored
from svc_message.domain.posts.changes import PostSpan
from tests.conformance.message_stores import STORES, Store

ANN, BOB = UserId("u" + "a" * 15), UserId("u" + "b" * 15)
CHAT, OTHER = direct_id(ANN, BOB), direct_id(ANN, ANN)
PHONE = DeviceId("d" + "1" * 15)
EDIT, PIN, POST, REACTION, RECALL = (
    EntryKind.EDIT,
    EntryKind.PIN,
    EntryKind.POST,
    EntryKind.REACTION,
    EntryKind.RECALL,
)
BEYOND = 2**64 - 1
"""More than any seq; a contract's uint64 may say so."""


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with request.param(tmp_path) as opened:
        yield opened


def row(
    seq: int,
    kind: EntryKind = POST,
    target: int = 0,
    *,
    conversation_id: ConversationId = CHAT,
    sender: UserId = ANN,
    at_ms: int = 0,
    tombstones: tuple[tuple[Seq, bytes], ...] = (),
) -> Row:
    """An entry at a place."""
    draft = Draft(conversation_id, sender, PHONE, seq, kind, b"content", Seq(target))
    return Row(draft, Seq(seq), at_ms or 1_000 + seq, b"entry", tombstones)


def places(found: Sequence[Stored]) -> list[int]:
    """Where they stand."""
    return [one.seq for one in found]


async def test_what_is_about_posts_is_found_by_kind_and_place(store: Store) -> None:
    """Changes of one kind are found by their targets, oldest first, after a place, and no others."""
    rows = [row(1), row(2), row(3, REACTION, 1), row(4, REACTION, 2), row(5, EDIT, 1), row(6, REACTION, 1), row(7)]
    await store.log.append([*rows, row(1, conversation_id=OTHER), row(2, REACTION, 1, conversation_id=OTHER)])

    async def about(first: int, last: int, kind: EntryKind = REACTION, after: int = 0, limit: int = 9) -> list[int]:
        return places(await store.changes.about(CHAT, first, last, kind, after=after, limit=limit))

    assert await about(1, 1) == [3, 6]
    assert await about(1, BEYOND) == [3, 4, 6]
    assert await about(2, 9) == [4]
    assert await about(1, 9, EDIT) == [5]
    assert await about(0, 0) == []
    assert await about(1, 9, after=3) == [4, 6]
    assert await about(1, 9, limit=2) == [3, 4]
    assert await about(3, 9) == []
    [first, *_] = await store.changes.about(CHAT, 1, 1, REACTION, after=0, limit=1)
    assert (first.sender_id, first.kind, first.sent_at_ms, first.entry) == (ANN, REACTION, 1_003, b"entry")


async def test_the_latest_change_of_each_kind(store: Store) -> None:
    """Of many changes of one post the newest of each kind is found, up to a place, in the order of the log."""
    rows = [row(1), row(2), row(3, EDIT, 1), row(4, EDIT, 2), row(5, PIN, 1), row(6, EDIT, 1), row(7, PIN, 1)]
    await store.log.append(rows)

    async def latest(first: int, last: int, *kinds: EntryKind, up_to: int = BEYOND) -> list[int]:
        return places(await store.changes.latest(CHAT, first, last, kinds, up_to=up_to))

    assert await latest(1, 2, EDIT, PIN) == [4, 6, 7]
    assert await latest(1, 2, EDIT) == [4, 6]
    assert await latest(1, 1, EDIT, PIN, up_to=5) == [3, 5]
    assert await latest(2, BEYOND, EDIT, RECALL) == [4]
    assert await latest(3, 9, EDIT, PIN) == []
    assert [await store.changes.edits(CHAT, target) for target in (1, 2, 3, BEYOND >> 1)] == [2, 1, 0, 0]


async def test_what_was_recalled_is_no_edit_any_more(store: Store) -> None:
    """A recall turns edits into tombstones, so they are neither counted nor found as edits; the recall is."""
    await store.log.append([row(1), row(2, EDIT, 1), row(3, PIN, 1)])
    gone = ((Seq(1), b"gone 1"), (Seq(2), b"gone 2"))
    await store.log.append([row(4, RECALL, 1, tombstones=gone)])
    assert await store.changes.edits(CHAT, 1) == 0
    assert places(await store.changes.latest(CHAT, 1, 1, (EDIT, RECALL, PIN), up_to=9)) == [3, 4]
    assert await store.changes.about(CHAT, 1, 1, EDIT, after=0, limit=9) == []
    found = await store.changes.at(CHAT, (1, 2))
    assert {seq: (one.kind, one.entry) for seq, one in found.items()} == {
        1: (EntryKind.TOMBSTONE, b"gone 1"),
        2: (EntryKind.TOMBSTONE, b"gone 2"),
    }


async def test_pins_of_a_conversation(store: Store) -> None:
    """All that pins in a conversation is found in order, after a place, no more than asked."""
    await store.log.append([row(1), row(2, PIN, 1), row(3, EDIT, 1), row(4, PIN, 1), row(5), row(6, PIN, 5)])
    await store.log.append([row(1, conversation_id=OTHER), row(2, PIN, 1, conversation_id=OTHER)])
    assert places(await store.changes.pins(CHAT, after=0, limit=9)) == [2, 4, 6]
    assert places(await store.changes.pins(CHAT, after=2, limit=1)) == [4]
    assert await store.changes.pins(direct_id(BOB, BOB), after=0, limit=9) == []


async def test_entries_at_places(store: Store) -> None:
    """Entries are read by their places, many at once; what is not there is left out."""
    await store.log.append([row(seq) for seq in range(1, 603)])
    wanted = [*range(1, 602, 2), 700, BEYOND]
    assert sorted(await store.changes.at(CHAT, wanted)) == list(range(1, 602, 2))
    assert await store.changes.at(OTHER, (1,)) == {}
    assert await store.changes.at(CHAT, ()) == {}


async def test_the_first_entry_since_a_time(store: Store) -> None:
    """The first entry at or after a time is found, within the bounds; behind the last one when there is none."""
    await store.log.append([row(seq, at_ms=1_000 * (seq // 2)) for seq in range(2, 12)])

    async def since(time_ms: int, first: int = 2, last: int = 11) -> int:
        return await store.changes.first_since(CHAT, time_ms, first, last)

    assert [await since(time_ms) for time_ms in (1, 1_000, 1_001, 2_000, 5_000, 5_001)] == [2, 2, 4, 4, 10, 12]
    assert await since(1, 5, 8) == 5
    assert await since(9_000, 5, 8) == 9
    assert await since(3_000, 9, 8) == 9
    assert await store.changes.first_since(OTHER, 1, 1, 0) == 1


async def test_a_clock_that_went_back_still_gives_a_beginning(store: Store) -> None:
    """Where times do not rise, what is found is at or after the time, and what stands before it is earlier."""
    times = [5, 7, 3, 9, 2, 8, 8, 4, 10, 6]
    await store.log.append([row(seq, at_ms=time_ms) for seq, time_ms in enumerate(times, start=1)])
    for wanted in range(1, 12):
        found = await store.changes.first_since(CHAT, wanted, 1, 10)
        assert found == 11 or times[found - 1] >= wanted
        assert found == 1 or times[found - 2] < wanted


async def test_posts_of_a_stretch(store: Store) -> None:
    """Posts are found in both directions, of one sender or of all, and nothing that is no post."""
    await store.log.append([row(1), row(2, sender=BOB), row(3, EDIT, 1), row(4, sender=BOB), row(5), row(6, PIN, 1)])

    async def posts(*bounds: int, sender: str = "", limit: int = 9, descending: bool = False) -> list[int]:
        span = PostSpan(CHAT, bounds[0], bounds[1], sender)
        return places(await store.changes.posts(span, limit, descending=descending))

    assert await posts(1, BEYOND) == [1, 2, 4, 5]
    assert await posts(2, 5, limit=2) == [2, 4]
    assert await posts(1, 5, limit=2, descending=True) == [5, 4]
    assert await posts(1, 9, sender=BOB) == [2, 4]
    assert await posts(1, 9, sender="u" + "c" * 15) == []
