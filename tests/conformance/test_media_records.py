"""What every store of what is known of media must do, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mesh.errors import MeshError
from mesh.settings import Secret
from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import (
    Claim,
    Findings,
    Media,
    MediaKind,
    MediaLimits,
    MediaState,
    Purpose,
    Room,
    Thumbnail,
    ThumbnailSize,
)
from svc_message.domain.media.ports import MediaRecords
from svc_message.infrastructure.store import open_store
from tests.mongo.server import STORES, url_of

ANN, BOB = UserId("u00000000000000a"), UserId("u00000000000000b")
LIMITS = MediaLimits(quota_bytes=1_000, uploads=3)
FOUND = Findings(
    MediaKind.IMAGE,
    "image/jpeg",
    90,
    bytes(range(32)),
    "content",
    640,
    480,
    1_500,
    b"\0\xff",
    (Thumbnail(ThumbnailSize.SMALL, 160, 120, 9, "image/png"),),
    "LKO2?U%2Tw=w]~RBVZRi};RPxuwH",
)


@dataclass(frozen=True)
class Stores:
    """One store as two processes have it open."""

    ours: MediaRecords
    theirs: MediaRecords


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an empty store of each kind, opened twice."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'message.db'}") as url,
        open_store(url, Secret()) as one,
        open_store(url, Secret()) as two,
    ):
        yield Stores(one.media, two.media)


@pytest.fixture
def records(stores: Stores) -> MediaRecords:
    """Return it as one process has it."""
    return stores.ours


def new(number: int, owner: UserId = ANN, size: int = 100, request: str = "") -> Media:
    """An upload that begins."""
    claim = Claim(Purpose.MESSAGE, size, bytes([number]) * 32, "image/jpeg", "a.jpg", 7, b"\1")
    return Media(f"m{number:015}", owner, request or f"r{number}", claim, MediaState.UPLOADING, 5, 50)


async def refused(awaitable: object) -> str:
    """Why something is refused."""
    with pytest.raises(MeshError) as error:
        await awaitable  # type: ignore[misc]
    return error.value.reason


async def test_a_record_comes_back_as_it_was(records: MediaRecords) -> None:
    """All that is known of a media is kept, at its beginning and after each change; what is not there is None."""
    begun = await records.begin(new(1), LIMITS)
    assert begun == new(1)
    ready = replace(
        begun,
        state=MediaState.READY,
        findings=FOUND,
        handle="h",
        completed_at_ms=9,
        attempts=2,
        due_at_ms=0,
        failure="x",
        emptied=True,
    )
    changed = await records.change(ready)
    assert changed == replace(ready, revision=1)
    assert await records.find(begun.media_id) == changed
    assert await records.find("m" + "9" * 15) is None


async def test_a_request_begins_one_upload(records: MediaRecords) -> None:
    """The same request of the same owner is answered with the first upload; of another owner it is another one."""
    await records.begin(new(1, request="same"), LIMITS)
    again = await records.begin(new(2, request="same"), LIMITS)
    assert again.media_id == new(1).media_id
    other = await records.begin(new(3, BOB, request="same"), LIMITS)
    assert other.media_id == new(3).media_id
    assert await records.find(new(2).media_id) is None


async def test_a_change_needs_the_last_revision(stores: Stores) -> None:
    """Of two who change the same record one is told that it was too late, and has changed nothing."""
    begun = await stores.ours.begin(new(1), LIMITS)
    both = await asyncio.gather(
        stores.ours.change(replace(begun, handle="ours")), stores.theirs.change(replace(begun, handle="theirs"))
    )
    [kept] = [one for one in both if one is not None]
    assert await stores.theirs.find(begun.media_id) == kept
    assert await stores.ours.change(replace(begun, handle="late")) is None
    await stores.ours.forget(begun)
    assert await stores.ours.find(begun.media_id) == kept
    await stores.ours.forget(kept)
    assert await stores.ours.find(begun.media_id) is None


async def test_room_is_what_is_under_way_and_what_is_there(records: MediaRecords) -> None:
    """Uploads count with their declared size, media with that of what is fetched, and what has ended with nothing; what
    is being looked at is still under way.
    """
    one, two, three = [await records.begin(new(number), LIMITS) for number in (1, 2, 3)]
    await records.change(replace(one, state=MediaState.READY, findings=FOUND))
    await records.change(replace(two, state=MediaState.ABORTED))
    assert await records.room(ANN) == Room(190, 1, 2)
    await records.change(replace(three, state=MediaState.PROCESSING, findings=FOUND))
    assert await records.room(ANN) == Room(180, 1, 2)
    assert await records.room(BOB) == Room(0, 0, 0)


async def test_limits_hold_however_many_begin_at_once(stores: Stores) -> None:
    """Never are there more uploads or bytes than allowed, with two processes and many at a time."""
    both = (stores.ours, stores.theirs) * 5
    results = await asyncio.gather(
        *(one.begin(new(number), LIMITS) for number, one in enumerate(both, 1)), return_exceptions=True
    )
    taken = [one for one in results if isinstance(one, Media)]
    assert len(taken) <= 3
    assert (await stores.ours.room(ANN)).uploads == len(taken)
    assert {one.reason for one in results if isinstance(one, MeshError)} == {"TOO_MANY_UPLOADS"}
    await stores.ours.begin(new(50, BOB, 1_000), LIMITS)
    assert await refused(stores.theirs.begin(new(51, BOB, 1), LIMITS)) == "QUOTA_EXCEEDED"
    assert await stores.ours.find(new(51).media_id) is None


async def test_very_small_files_are_bounded_too(records: MediaRecords) -> None:
    """However few bytes they have, there are no more files than allowed; one that is deleted makes place for one."""
    few = replace(LIMITS, files=2)
    first = await records.begin(new(1, size=1), few)
    await records.begin(new(2, size=1), few)
    assert await refused(records.begin(new(3, size=1), few)) == "QUOTA_EXCEEDED"
    assert await records.find(new(3).media_id) is None
    await records.change(replace(first, state=MediaState.EXPIRED))
    await records.begin(new(4, size=1), few)


async def test_the_same_bytes_are_found(records: MediaRecords) -> None:
    """Only what is READY, of the same owner, purpose, size and hash."""
    begun = await records.begin(new(1), LIMITS)
    assert await records.same(ANN, begun.claim) is None
    ready = await records.change(replace(begun, state=MediaState.READY, findings=FOUND))
    assert await records.same(ANN, replace(begun.claim, file_name="other.jpg")) == ready
    assert await records.same(BOB, begun.claim) is None
    for other in (replace(begun.claim, purpose=Purpose.AVATAR), replace(begun.claim, sha256=bytes(32))):
        assert await records.same(ANN, other) is None


async def test_what_is_due_is_found_in_its_order(records: MediaRecords) -> None:
    """Media at which somebody must look by now, the longest waiting first, and none that nobody must look at."""
    for number, due in ((1, 30), (2, 10), (3, 20)):
        begun = await records.begin(new(number, UserId(f"u{number:015}")), LIMITS)
        await records.change(replace(begun, due_at_ms=due))
    never = await records.begin(new(4, BOB), LIMITS)
    await records.change(replace(never, due_at_ms=0))
    found = await records.due(25, 10)
    assert [one.due_at_ms for one in found] == [10, 20]
    assert len(await records.due(100, 2)) == 2
