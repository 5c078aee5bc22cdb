"""Live settings: who asks for newer ones may wait for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.live import LiveSettings
from mesh.settings import Secret
from svc_user.application.live import Tuning
from svc_user.infrastructure.store import open_store
from tests.conformance.user_stores import encode

WAIT_S = 30.0


@dataclass(frozen=True)
class Nodes:
    """Two processes of the user service over one store."""

    ours: Tuning
    theirs: Tuning
    clock: FakeClock


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    clock = FakeClock()
    async with AsyncExitStack() as stack:
        opened = [open_store(f"sqlite:{tmp_path}/user.db", Secret(), clock, encode) for _ in "ab"]
        ours, theirs = [await stack.enter_async_context(one) for one in opened]
        yield Nodes(Tuning(ours.live, clock), Tuning(theirs.live, clock), clock)


def _close(settings: LiveSettings) -> LiveSettings:
    return replace(settings, registration_closed=True)


async def _waiting(tuning: Tuning) -> asyncio.Task[LiveSettings | None]:
    """Somebody who knows the first settings and waits for newer ones."""
    asking = asyncio.create_task(tuning.await_newer(0, 25.0))
    done, _ = await asyncio.wait({asking}, timeout=0.3)
    assert not done
    return asking


async def test_who_waits_hears_of_a_change_at_once(nodes: Nodes) -> None:
    """All who wait at the process that took the change are answered with it, without the time passing."""
    waiting = [await _waiting(nodes.ours) for _ in range(2)]
    await nodes.ours.change(_close, 0)
    answers = await asyncio.wait_for(asyncio.gather(*waiting), WAIT_S)
    assert [one.version for one in answers if one] == [1, 1]
    assert await nodes.ours.await_newer(0, 25.0) == answers[0]


async def test_a_change_at_another_process_is_heard_of_when_this_one_has_seen_it(nodes: Nodes) -> None:
    """What a process sees for itself, who waits there hears."""
    waiting = await _waiting(nodes.ours)
    await nodes.theirs.change(_close, 0)
    assert not waiting.done()
    assert await nodes.ours.newer(0) is not None
    answer = await asyncio.wait_for(waiting, WAIT_S)
    assert answer is not None
    assert answer.registration_closed


async def test_nobody_waits_for_ever(nodes: Nodes) -> None:
    """After their time, and when the process ends, those who wait are told that there is nothing newer."""
    waiting = await _waiting(nodes.ours)
    nodes.clock.advance(26)
    assert await asyncio.wait_for(waiting, WAIT_S) is None
    waiting = await _waiting(nodes.ours)
    await nodes.ours.stop()
    assert await asyncio.wait_for(waiting, WAIT_S) is None
    assert await asyncio.wait_for(nodes.ours.await_newer(0, 25.0), WAIT_S) is None
