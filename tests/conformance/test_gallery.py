"""What every store must show a user of what they have uploaded."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from mesh.settings import Secret
from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import Claim, Findings, Media, MediaKind, MediaLimits, MediaState, Purpose, Room
from svc_message.domain.media.gallery import EVERY_KIND, Gallery, Stock
from svc_message.domain.media.ports import MediaRecords
from svc_message.infrastructure.store import open_store
from tests.mongo.server import STORES, url_of

ANN, BOB = UserId("u00000000000000a"), UserId("u00000000000000b")
LIMITS = MediaLimits(quota_bytes=100_000, uploads=50)
KINDS = tuple(MediaKind)


@dataclass(frozen=True)
class Kept:
    """The two ports of one store that are about media."""

    records: MediaRecords
    gallery: Gallery

    async def add(
        self, number: int, kind: MediaKind | None, owner: UserId = ANN, state: MediaState = MediaState.READY
    ) -> Media:
        """A media of a kind, of 10 bytes more than its number; an upload under way without one."""
        claim = Claim(Purpose.MESSAGE, 10 + number, bytes([number]) * 32, "text/plain")
        begun = Media(f"m{number:015}", owner, f"r{number}", claim, MediaState.UPLOADING, 5, 50)
        begun = await self.records.begin(begun, LIMITS)
        if kind is None and state is MediaState.READY:
            return begun
        found = Findings(kind, "text/plain", 10 + number, bytes(32)) if kind else None
        changed = await self.records.change(replace(begun, state=state, findings=found))
        assert changed is not None
        return changed


@pytest.fixture(params=STORES)
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    """Return an empty store of each kind."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'message.db'}") as url,
        open_store(url, Secret()) as store,
    ):
        yield Kept(store.media, store.gallery)


async def test_the_newest_come_first_page_by_page(kept: Kept) -> None:
    """All of one owner, whole as they are kept, in falling order of their ids, over pages that leave nothing out."""
    added = [await kept.add(number, KINDS[number % 4]) for number in (3, 1, 2, 5, 4)]
    await kept.add(6, MediaKind.IMAGE, BOB)
    newest = sorted(added, key=lambda one: one.media_id, reverse=True)
    assert await kept.gallery.page(ANN, EVERY_KIND) == newest
    first = await kept.gallery.page(ANN, EVERY_KIND, limit=2)
    second = await kept.gallery.page(ANN, EVERY_KIND, first[-1].media_id, 2)
    third = await kept.gallery.page(ANN, EVERY_KIND, second[-1].media_id, 2)
    assert [len(first), *(first + second + third)] == [2, *newest]
    assert await kept.gallery.page(ANN, EVERY_KIND, newest[-1].media_id) == []


async def test_only_what_is_asked_for(kept: Kept) -> None:
    """Of some kinds those alone; of none, or of somebody who has none, nothing."""
    image, video, other = [
        await kept.add(number, kind)
        for number, kind in ((1, MediaKind.IMAGE), (2, MediaKind.VIDEO), (3, MediaKind.IMAGE))
    ]
    assert await kept.gallery.page(ANN, [MediaKind.IMAGE]) == [other, image]
    assert await kept.gallery.page(ANN, [MediaKind.VIDEO, MediaKind.AUDIO]) == [video]
    for owner, wanted in ((ANN, ()), (ANN, (MediaKind.FILE,)), (BOB, EVERY_KIND)):
        assert await kept.gallery.page(owner, wanted) == []


async def test_what_is_gone_is_not_shown(kept: Kept) -> None:
    """What is being looked at is listed; what was deleted, refused or given up is neither listed nor counted."""
    processing = await kept.add(1, MediaKind.FILE, state=MediaState.PROCESSING)
    for number, state in ((2, MediaState.EXPIRED), (3, MediaState.REJECTED)):
        await kept.add(number, MediaKind.FILE, state=state)
    await kept.add(4, None, state=MediaState.ABORTED)
    await kept.add(5, None, state=MediaState.REJECTED)
    assert await kept.gallery.page(ANN, EVERY_KIND) == [processing]
    assert await kept.gallery.uploads(ANN) == []
    assert await kept.gallery.stock(ANN) == {MediaKind.FILE: Stock(1, 11)}


async def test_uploads_under_way_stand_apart(kept: Kept) -> None:
    """They are listed by themselves, page by page, and are of no kind yet."""
    await kept.add(1, MediaKind.FILE)
    begun = [await kept.add(number, None) for number in (2, 3, 4)]
    assert await kept.gallery.uploads(ANN) == begun[::-1]
    assert await kept.gallery.uploads(ANN, begun[2].media_id, 1) == [begun[1]]
    assert await kept.gallery.uploads(BOB) == []
    assert len(await kept.gallery.page(ANN, EVERY_KIND)) == 1


async def test_what_is_counted_is_what_there_is(kept: Kept) -> None:
    """Whatever becomes of media, in whichever order: room and stock are those of the media that are listed."""
    random, media = Random(7), [await kept.add(number, None) for number in range(12)]
    for _ in range(60):
        number = random.randrange(len(media))
        found = Findings(random.choice(KINDS), "text/plain", random.randrange(1, 99), bytes(32))
        state = random.choice((MediaState.PROCESSING, MediaState.READY, MediaState.EXPIRED, MediaState.READY))
        changed = await kept.records.change(replace(media[number], state=state, findings=found))
        assert changed is not None
        media[number] = changed
    await kept.records.forget(media.pop())
    listed, uploads = await kept.gallery.page(ANN, EVERY_KIND), await kept.gallery.uploads(ANN)
    stock = await kept.gallery.stock(ANN)
    for kind in KINDS:
        sizes = [one.charged for one in listed if one.findings and one.findings.kind is kind]
        assert stock.get(kind, Stock(0, 0)) == Stock(len(sizes), sum(sizes))
    room, under_way = await kept.records.room(ANN), [one for one in listed if one.state is MediaState.PROCESSING]
    every = [*listed, *uploads]
    assert room == Room(sum(one.charged for one in every), len(uploads) + len(under_way), len(every))


async def test_each_kind_is_counted(kept: Kept) -> None:
    """Files and bytes of each kind that there is; a deleted one counts no more."""
    one = await kept.add(1, MediaKind.IMAGE)
    for number, kind in ((2, MediaKind.IMAGE), (3, MediaKind.AUDIO), (4, None)):
        await kept.add(number, kind)
    await kept.add(5, MediaKind.IMAGE, BOB)
    assert await kept.gallery.stock(ANN) == {MediaKind.IMAGE: Stock(2, 23), MediaKind.AUDIO: Stock(1, 13)}
    await kept.records.change(replace(one, state=MediaState.EXPIRED))
    assert await kept.gallery.stock(ANN) == {MediaKind.IMAGE: Stock(1, 12), MediaKind.AUDIO: Stock(1, 13)}
