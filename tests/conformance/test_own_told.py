"""What every store keeps of what a user's devices were told of, while the user goes on changing things."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.settings import Secret
from svc_message.domain.conversation import DeviceId, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, Row
from svc_message.domain.own import Own, Owns
from svc_message.infrastructure.store import open_store
from tests.mongo.server import STORES, url_of

ANN, BOB = UserId("u" + "a" * 15), UserId("u" + "b" * 15)
CHAT = direct_id(ANN, BOB)
NOW = 1_000_000_000_000
FIRST = Own(ANN, CHAT, 1, draft="a", draft_waits=True, tell_at_ms=NOW)


@pytest.fixture(params=STORES)
async def owns(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Owns, Owns]]:
    """One store as two processes see it, with the chat and a draft that devices were not told of yet."""
    async with url_of(request.param, f"sqlite:{tmp_path}/message.db") as url, AsyncExitStack() as stack:
        ours, theirs = [await stack.enter_async_context(open_store(url, Secret())) for _ in "ab"]
        draft = Draft(CHAT, ANN, DeviceId("d" + "1" * 15), 1, EntryKind.POST, b"post")
        await ours.log.append([Row(draft, Seq(1), NOW, b"entry")])
        assert await ours.owns.put(FIRST, Own(ANN, CHAT))
        yield ours.owns, theirs.owns


async def test_a_change_does_not_undo_what_was_told_meanwhile(owns: tuple[Owns, Owns]) -> None:
    """Who changes a record that was told of after they had read it is refused, and made anew it has both."""
    ours, theirs = owns
    told = replace(FIRST, draft_waits=False, tell_at_ms=0, draft_told_at_ms=NOW)
    assert await theirs.renew(told)
    assert not await ours.put(replace(FIRST, version=2, draft="ab"), FIRST)
    assert await ours.one(ANN, CHAT) == told
    second = replace(told, version=2, draft="ab", draft_waits=True, tell_at_ms=NOW + 30_000)
    assert await ours.put(second, told)
    assert await theirs.one(ANN, CHAT) == second
    assert await theirs.put(replace(second, version=3, draft="abc"), second)
