"""What an operator meets: a carrier that hangs, fails, wants to be left alone, or knows that a token is dead."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from parley.user.v1.session_pb2 import PushProvider, PushTarget
from svc_message.application.push.tell import TELLERS, TRIES
from tests.svc_message.device import direct, edit, new_device, post
from tests.svc_message.operator import letters
from tests.svc_message.push_scene import counted, let_go, outcomes, phone, pushing
from tests.svc_message.receiver import Hook
from tests.svc_message.world import World

HOLD_S = 0.1
TIMES = {"hold_seconds": HOLD_S, "pause_seconds": HOLD_S, "retry_seconds": 0.02}


@pytest.fixture
async def mesh(tmp_path: Path, carrier: Hook) -> AsyncIterator[World]:
    """A mesh whose carrier is waited for as long as a busy machine needs."""
    async with pushing(tmp_path, carrier.url, **TIMES) as made:
        yield made


@pytest.fixture
async def hasty(tmp_path: Path, carrier: Hook) -> AsyncIterator[World]:
    """A mesh whose carrier has half a second for an answer."""
    async with pushing(tmp_path, carrier.url, **TIMES, deadline_seconds=0.5) as made:
        yield made


async def dead(mesh: World) -> list[str]:
    """The dead letters, as an operator sees them."""
    return [line for line in (await letters(mesh, "list")).splitlines() if line.startswith("push/")]


async def test_a_carrier_that_hangs_loses_nothing(hasty: World, carrier: Hook) -> None:
    """While it takes connections and answers nothing, few attempts are made; then each of many users is told once."""
    with capture_logs() as logs:
        ann, others = await phone(hasty, "Ann").connect(), [phone(hasty, f"P{number}") for number in range(40)]
        carrier.answering.clear()
        await ann.seqs(*(post(direct(ann, other)) for other in others))
        # They may fail one after the other, and then most wait for the pauses of the one that finds out.
        await let_go(hasty, lambda: outcomes(hasty).get("away", 0) >= 2 * TELLERS + 2)
        assert len(carrier.tried) <= 2 * TELLERS + 4
        carrier.answering.set()
        await carrier.until(lambda: {one["userId"] for one in carrier.bodies} == {other.user_id for other in others})
        assert not await dead(hasty)
        assert "refused" not in outcomes(hasty)
    said = [line["event"] for line in logs if line["event"] in ("push_away", "push_back")]
    # Once for each time: a busy machine may be too late with an answer again.
    assert said == ["push_away", "push_back"] * (len(said) // 2) != []


async def test_a_carrier_that_fails_for_a_while_is_told_what_is_so_then(mesh: World, carrier: Hook) -> None:
    """After a time of 500 nobody is told of what they have read meanwhile, and the others of the text as it is."""
    ann, bob, eve = await phone(mesh, "Ann").connect(), phone(mesh, "Bob"), phone(mesh, "Eve")
    carrier.refuse = lambda _: 500
    [seq] = await ann.seqs(post(direct(ann, eve), "for eve"))
    await ann.post(direct(ann, bob), "for bob")
    await counted(mesh, "away", 4)
    await eve.mark_read(direct(ann, eve), seq)
    await counted(mesh, "read")
    await ann.post(direct(ann, bob), "once more")
    carrier.refuse = lambda _: 200
    await carrier.until(lambda: any(one["text"] == "once more" for one in carrier.bodies))
    assert {one["userId"] for one in carrier.bodies} == {bob.user_id}
    assert carrier.bodies[-1]["badge"] == 2
    assert not await dead(mesh)


async def test_a_carrier_is_left_alone_for_as_long_as_it_wants(mesh: World, carrier: Hook) -> None:
    """After 429 with Retry-After nobody asks it before that time, also not for another user."""
    ann, bob, eve = await phone(mesh, "Ann").connect(), phone(mesh, "Bob"), phone(mesh, "Eve")
    carrier.answers, carrier.retry_after = [429], "2"
    began = time.monotonic()
    await ann.post(direct(ann, bob))
    await counted(mesh, "away")
    await ann.post(direct(ann, eve))
    await carrier.until(lambda: len(carrier.tried) == 2)
    assert time.monotonic() - began >= 2
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert {one["userId"] for one in carrier.bodies} == {bob.user_id, eve.user_id}


async def test_a_dead_token_is_forgotten(mesh: World, carrier: Hook) -> None:
    """After 410 nothing goes to that token any more, the user's other device is told, and there is no dead letter."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    other = PushTarget(
        device_id=new_device(mesh, bob.user_id).device_id, provider=PushProvider.PUSH_PROVIDER_FCM, token="alive"
    )
    mesh.directory.targets[bob.user_id].append(other)
    carrier.refuse = lambda told: 410 if told["token"] == "token of Bob" else 200
    await ann.post(direct(ann, bob), "one")
    await carrier.until(lambda: carrier.bodies)
    await counted(mesh, "gone")
    await ann.post(direct(ann, bob), "two")
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert mesh.directory.targets_forgotten == [(bob.user_id, "token of Bob")]
    assert [one["token"] for one in carrier.tried] == ["token of Bob", "alive", "alive"]
    assert not await dead(mesh)


async def test_one_that_never_gets_through_is_a_dead_letter(mesh: World, carrier: Hook) -> None:
    """A notification that always fails is waited for while nobody else is told; where the others get through, it is
    given up, listed, and told on a wish.
    """
    ann, bob, eve = await phone(mesh, "Ann").connect(), phone(mesh, "Bob"), phone(mesh, "Eve")
    carrier.refuse = lambda told: 503 if told["userId"] == bob.user_id else 200
    [seq] = await ann.seqs(post(direct(ann, bob), "the words"))
    await counted(mesh, "away", TRIES)
    assert not await dead(mesh)
    async with asyncio.timeout(30):
        while not await dead(mesh):
            await ann.post(direct(ann, eve))
            await asyncio.sleep(0.1)
    of_bob = [one for one in carrier.tried if one["userId"] == bob.user_id]
    assert len(of_bob) >= TRIES
    assert len({one["notificationId"] for one in of_bob}) == 1
    [listed] = await dead(mesh)
    assert f"push/{direct(ann, bob)}/{seq}/{bob.user_id}  HTTP_503" in listed
    assert "words" not in listed + mesh.log.getvalue()
    await ann.seqs(edit(direct(ann, bob), seq, "other words"))
    carrier.refuse = lambda _: 200
    assert "1 to be sent again" in await letters(mesh, "again", "push/all")
    await carrier.until(lambda: any(one["userId"] == bob.user_id for one in carrier.bodies))
    assert not await dead(mesh)
