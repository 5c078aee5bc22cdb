"""What every store of the message service must do with what deleted users leave behind."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.settings import Secret
from svc_message.domain.conversation import ConversationId, DeviceId, Membership, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, MembershipDelta, Row
from svc_message.domain.media.estate import Estate, erased, is_erased
from svc_message.domain.media.file import Claim, Findings, Media, MediaKind, MediaLimits, MediaState, Purpose, Room
from svc_message.infrastructure.store import Store, open_store
from tests.mongo.server import STORES, url_of

ANN, BOB = UserId("u" + "a" * 15), UserId("u" + "b" * 15)
CHAT, NOTES = direct_id(ANN, BOB), direct_id(ANN, ANN)
TEAM, DEN = ConversationId("g" + "1" * 15), ConversationId("g" + "2" * 15)
PHONE = DeviceId("d" + "1" * 15)
POST, EDIT, GROUP, RECALL = EntryKind.POST, EntryKind.EDIT, EntryKind.GROUP, EntryKind.RECALL
LIMITS = MediaLimits()
FOUND = Findings(MediaKind.FILE, "text/plain", 90, bytes(32))


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Return an empty store of each kind."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'message.db'}") as url,
        open_store(url, Secret()) as opened,
    ):
        yield opened


def row(
    chat: ConversationId,
    seq: int,
    kind: EntryKind = POST,
    sender: UserId = ANN,
    *,
    members: MembershipDelta | None = None,
    gone: tuple[int, ...] = (),
) -> Row:
    """An entry at a place."""
    target = Seq(1 if kind in (EDIT, RECALL) else 0)
    draft = Draft(chat, sender, PHONE, seq, kind, b"content", target, members=members)
    return Row(draft, Seq(seq), 1_000 + seq, b"entry %d" % seq, tuple((Seq(one), b"gone") for one in gone))


def joined(seq: int, *users: UserId) -> MembershipDelta:
    """These come in."""
    return MembershipDelta(added=tuple(Membership(user, Seq(seq), Seq(seq)) for user in users))


def media(number: int, owner: UserId = ANN, **fields: object) -> Media:
    """What is known of a file."""
    claim = Claim(Purpose.MESSAGE, 100, bytes([number]) * 32, "text/plain", f"canary-{number}.txt", 7, b"\1")
    new = Media(f"m{number:015}", owner, f"canary request {number}", claim, MediaState.UPLOADING, 5, 50)
    return replace(new, **fields)  # type: ignore[arg-type]


async def test_estates_wait_until_they_are_settled(store: Store) -> None:
    """Each user has one, the newest; they come in the order in which they are due, and go when they are closed."""
    await store.estates.put(Estate(ANN, 30))
    await store.estates.put(Estate(BOB, 20, last=True))
    await store.estates.put(Estate(ANN, 10))
    assert await store.estates.due(9, 5) == []
    assert await store.estates.due(20, 5) == [Estate(ANN, 10), Estate(BOB, 20, last=True)]
    assert await store.estates.due(20, 1) == [Estate(ANN, 10)]
    await store.estates.close(Estate(ANN, 30))
    assert len(await store.estates.due(99, 5)) == 2
    for _ in range(2):
        await store.estates.close(Estate(ANN, 10))
    assert await store.estates.due(99, 5) == [Estate(BOB, 20, last=True)]


async def test_all_media_of_a_user_are_found(store: Store) -> None:
    """Whatever became of them, and none of others, over pages that leave nothing out."""
    for number, state in enumerate((MediaState.READY, MediaState.REJECTED, MediaState.ABORTED, MediaState.EXPIRED)):
        begun = await store.media.begin(media(number), LIMITS)
        await store.media.change(replace(begun, state=state, findings=FOUND))
    await store.media.begin(media(8), LIMITS)
    await store.media.begin(media(9, BOB), LIMITS)
    found, after = list[Media](), ""
    while page := await store.estates.leavings(ANN, after, 2):
        found, after = found + page, page[-1].request_id
    assert [one.media_id for one in found] == [media(number).media_id for number in (0, 1, 2, 3, 8)]
    assert [one.media_id for one in await store.estates.leavings(BOB, "", 9)] == [media(9).media_id]


async def test_of_what_is_erased_nothing_is_left(store: Store, tmp_path: Path) -> None:
    """Name, hash and request are gone, from the files of the store too; the room is free, and the bytes are due."""
    begun = await store.media.begin(media(1), LIMITS)
    ready = await store.media.change(replace(begun, state=MediaState.READY, findings=FOUND, due_at_ms=0))
    assert ready is not None
    assert not await store.estates.erase(erased(begun, 70))
    assert await store.estates.erase(erased(ready, 70))
    await store.estates.scrub()
    kept = await store.media.find(ready.media_id)
    assert kept is not None
    assert is_erased(kept)
    assert (kept.state, kept.due_at_ms, kept.claim.file_name, kept.findings) == (MediaState.EXPIRED, 70, "", None)
    assert await store.media.room(ANN) == Room(0, 0, 0)
    assert await store.media.due(70, 9) == [kept]
    assert [is_erased(one) for one in await store.estates.leavings(ANN, "", 9)] == [True]
    assert not await store.estates.erase(erased(ready, 70))
    there = _bytes_in(tmp_path)
    assert b"canary" not in there
    assert (bytes([1]) * 32).hex().encode() not in there


def _bytes_in(folder: Path) -> bytes:
    """All that an embedded store has written."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_no_request_of_a_client_stands_in_the_way(store: Store) -> None:
    """Also one who names requests like their media has all of them erased."""
    first = await store.media.begin(media(1), LIMITS)
    second = await store.media.begin(media(2, request_id=first.media_id), LIMITS)
    for one in (first, second):
        assert await store.estates.erase(erased(one, 70))
    assert {one.state for one in await store.estates.leavings(ANN, "", 9)} == {MediaState.ABORTED}


async def test_who_is_or_was_in_a_conversation(store: Store) -> None:
    """A chat of two is shared, one's own notes are not; a group is when anybody else ever was in it."""
    await store.log.append([row(CHAT, 1), row(NOTES, 1)])
    await store.log.append([row(TEAM, 1, EntryKind.MEMBERSHIP, members=joined(1, ANN, BOB))])
    await store.log.append([row(DEN, 1, EntryKind.MEMBERSHIP, members=joined(1, ANN))])
    assert await store.traces.shared(CHAT, ANN)
    assert await store.traces.shared(CHAT, BOB)
    assert not await store.traces.shared(NOTES, ANN)
    assert not await store.traces.shared(DEN, ANN)
    left = MembershipDelta(removed=(BOB,))
    await store.log.append([row(TEAM, 2, EntryKind.MEMBERSHIP, members=left)])
    assert await store.traces.shared(TEAM, ANN)


async def test_what_a_user_wrote_that_may_show_media(store: Store) -> None:
    """Posts, edits and changes of a group, of one user and within a stretch; not what was recalled, nor other kinds."""
    kinds = (POST, EDIT, GROUP, EntryKind.REACTION, EntryKind.PIN)
    await store.log.append([row(CHAT, seq, kind) for seq, kind in enumerate(kinds, 1)])
    await store.log.append([row(CHAT, 6, POST, BOB), row(CHAT, 7), row(CHAT, 8), row(NOTES, 1)])

    async def written(first: int, last: int, user: UserId = ANN) -> list[int]:
        return [one.seq for one in await store.traces.written(CHAT, user, first, last)]

    assert await written(1, 2**64 - 1) == [1, 2, 3, 7, 8]
    assert await written(2, 7) == [2, 3, 7]
    assert await written(1, 9, BOB) == [6]
    assert await written(1, 9, UserId("u" + "c" * 15)) == []
    await store.log.append([row(CHAT, 9, RECALL, gone=(1, 2))])
    assert await written(1, 9) == [3, 7, 8]
    [first, *_] = await store.traces.written(CHAT, ANN, 3, 3)
    assert (first.kind, first.entry) == (GROUP, b"entry 3")
