"""One suite for every store of statistics: what `svc_message.domain.administration.statistics.Statistics` promises."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.clock import SystemClock
from mesh.settings import Secret
from svc_message.domain.administration.statistics import DAY_MS, DayCount
from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId
from svc_message.domain.entry import Draft, EntryKind, Row
from svc_message.infrastructure.store import Store, open_store
from tests.mongo.server import STORES, url_of

ADA, BOB = UserId("u" + "1" * 15), UserId("u" + "2" * 15)
CHAT = ConversationId(f"{ADA}-{BOB}")
NOW = SystemClock().now_ms() // DAY_MS * DAY_MS + 1_000
LATER = NOW + 400 * DAY_MS
"""A time at which whatever is written now has settled."""


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Each adapter in turn, open in two processes."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'message.db'}") as url,
        open_store(url, Secret()) as ours,
        open_store(url, Secret()) as theirs,
    ):
        yield ours, theirs


def row(seq: int, sender: UserId, kind: EntryKind = EntryKind.POST, at_ms: int = NOW) -> Row:
    """An entry."""
    return Row(Draft(CHAT, sender, DeviceId("d1"), seq, kind, b"x"), Seq(seq), at_ms, b"x")


async def test_each_entry_is_counted_once(stores: tuple[Store, Store]) -> None:
    """By day: posts, entries, who wrote, what began; two who count at once count the same, and later what is new."""
    ours, theirs = stores
    await ours.log.append([row(1, ADA), row(2, ADA), row(3, BOB, EntryKind.REACTION), row(4, BOB, at_ms=NOW - DAY_MS)])
    assert await ours.statistics.days(0) == []
    await asyncio.gather(*(one.statistics.count(LATER, 100) for one in stores))
    today, before = NOW // DAY_MS, NOW // DAY_MS - 1
    expected = [DayCount(today, 2, 3, 1, 1), DayCount(before, 1, 1, 1, 0)]
    assert await theirs.statistics.days(0) == expected
    assert await theirs.statistics.days(today) == expected[:1]
    assert await theirs.statistics.counted_until_ms() == NOW
    await ours.log.append([row(5, BOB), row(6, BOB)])
    assert await ours.statistics.count(LATER, 1)
    assert not await theirs.statistics.count(LATER, 100)
    assert (await ours.statistics.days(today))[0] == DayCount(today, 4, 5, 2, 1)
