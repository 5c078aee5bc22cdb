import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mesh import errors
from mesh.breaker import FAILURES
from mesh.caller import call_deadline
from mesh.client import MARGIN_S, MAX_ATTEMPTS, Channels
from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.infrastructure.memory import MemoryRegistry
from mesh.registry import Node
from tests.mesh.echo import Ping, until
from tests.mesh.nodes import REQUEST, Mesh, OnceStub, failed, mesh_of


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with mesh_of(tmp_path) as mesh:
        yield mesh


def away() -> MeshError:
    return errors.unavailable("STORE_UNAVAILABLE", "the store is away")


async def test_a_call_finds_its_service_and_says_who_calls(mesh: Mesh) -> None:
    """Nothing but the name of the service is needed; the other side knows the caller by its token."""
    node = await mesh.start("one")
    assert await mesh.ask() == ["one"]
    [caller] = node.script.callers
    assert (caller.kind, caller.service) == ("service", "test")


async def test_an_error_arrives_as_it_was_raised(mesh: Mesh) -> None:
    """Code, reason, words, metadata and pause cross the wire; it is an answer, so nothing is tried again."""
    node = await mesh.start("one")
    node.script.failures.append(errors.exhausted("RATE_LIMITED", "slower", retry_after=1.5, limit="7"))
    error = await failed(mesh.directory().GetProfiles(REQUEST))
    assert (error.code, error.reason, error.message) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "slower")
    assert (error.retry_after, dict(error.metadata)) == (1.5, {"limit": "7"})
    assert len(node.script.callers) == 1


async def test_an_idempotent_call_is_tried_again(mesh: Mesh) -> None:
    """A node that is away for a moment costs the caller nothing but time."""
    node = await mesh.start("one")
    node.script.failures += [away()] * (MAX_ATTEMPTS - 1)
    assert await mesh.ask() == ["one"]
    assert len(node.script.callers) == MAX_ATTEMPTS
    assert [code for code, _ in mesh.observed] == [Code.UNAVAILABLE, Code.UNAVAILABLE, Code.OK]


async def test_attempts_end(mesh: Mesh) -> None:
    """After the last one the caller gets the error that it ended with."""
    node = await mesh.start("one")
    node.script.failures += [away()] * 9
    assert (await failed(mesh.directory().GetProfiles(REQUEST))).reason == "STORE_UNAVAILABLE"
    assert len(node.script.callers) == MAX_ATTEMPTS


async def test_a_call_that_may_act_twice_is_made_once(mesh: Mesh) -> None:
    """The contract does not call it idempotent, so only the caller can know whether to repeat it."""
    node = await mesh.start("one")
    node.script.failures.append(away())
    error = await failed(mesh.once().SayAsService(Ping(text="x")))
    assert (error.code, len(node.script.callers)) == (Code.UNAVAILABLE, 1)


async def test_a_retry_that_would_come_too_late_is_not_made(mesh: Mesh) -> None:
    """A pause beyond the deadline is not waited for: the caller learns at once."""
    node = await mesh.start("one")
    node.script.failures.append(errors.unavailable("SERVICE_UNAVAILABLE", "going", retry_after=7_200))
    async with asyncio.timeout(30):
        error = await failed(mesh.directory().GetProfiles(REQUEST, timeout=3_600))
    assert (error.reason, len(node.script.callers)) == ("SERVICE_UNAVAILABLE", 1)


async def test_a_call_made_for_another_ends_before_it(mesh: Mesh) -> None:
    """The deadline of the call that is being answered goes along, less a margin for the answer."""
    node = await mesh.start("one")
    await mesh.ask()
    node.script.left.clear()
    node.script.go.clear()
    token = call_deadline.set(asyncio.get_running_loop().time() + 1.0)
    try:
        error = await failed(mesh.once().SayAsService(Ping(text="x")))
    finally:
        call_deadline.reset(token)
    assert error.code is Code.DEADLINE_EXCEEDED
    [left] = node.script.left
    assert left is not None
    assert left <= 1.0 - MARGIN_S + 0.02


async def test_a_call_without_time_is_not_sent(mesh: Mesh) -> None:
    """When the caller's own time is up, nobody else is troubled."""
    node = await mesh.start("one")
    await mesh.ask()
    error = await failed(mesh.once().SayAsService(Ping(text="x"), timeout=0.0))
    assert (error.code, len(node.script.callers)) == (Code.DEADLINE_EXCEEDED, 1)


async def test_a_service_that_is_nowhere_is_unavailable_at_once(mesh: Mesh) -> None:
    """Nobody waits for a service that the registry does not know, and it is found when it comes."""
    async with asyncio.timeout(30):
        error = await failed(mesh.once().SayAsService(Ping(text="x"), timeout=3_600))
    assert error.reason == "SERVICE_UNAVAILABLE"
    await mesh.start("one")
    await asyncio.sleep(0)
    assert await mesh.ask() == ["one"]


async def test_a_service_that_does_not_answer_is_left_alone(mesh: Mesh) -> None:
    """After some failures in a row calls are refused without being sent."""
    node = await mesh.start("one")
    node.script.failures += [away()] * 99
    for _ in range(FAILURES):
        await failed(mesh.once().SayAsService(Ping(text="x")))
    error = await failed(mesh.directory().GetProfiles(REQUEST))
    assert (error.reason, len(node.script.callers)) == ("SERVICE_UNAVAILABLE", FAILURES)
    assert error.retry_after


async def test_refusals_do_not_open_the_breaker(mesh: Mesh) -> None:
    """A service that says no is there."""
    node = await mesh.start("one")
    node.script.failures += [errors.not_found("USER_NOT_FOUND", "no such user")] * (FAILURES * 2)
    for _ in range(FAILURES * 2):
        await failed(mesh.once().SayAsService(Ping(text="x")))
    assert await mesh.ask() == ["one"]


async def test_short_deadlines_do_not_open_the_breaker(mesh: Mesh) -> None:
    """A caller in a hurry does not cut a service off for all others."""
    node = await mesh.start("one")
    await mesh.ask()
    node.script.go.clear()
    for _ in range(FAILURES * 2):
        error = await failed(mesh.once().SayAsService(Ping(text="x"), timeout=0.02))
        assert error.code is Code.DEADLINE_EXCEEDED
    node.script.go.set()
    assert await mesh.ask() == ["one"]


async def test_a_list_that_becomes_empty_is_no_reason_to_forget(mesh: Mesh) -> None:
    """The last known nodes are asked: whether they are gone, they say themselves."""
    node = await mesh.start("one", announce=False)
    async with mesh.registry.register("user", node.node):
        assert await mesh.ask() == ["one"]
    await asyncio.sleep(0)
    assert await mesh.ask() == ["one"]


async def test_a_cancelled_call_is_cancelled_on_the_other_side(mesh: Mesh) -> None:
    """Nobody works for a caller who went away, and the breaker learns nothing from it."""
    node = await mesh.start("one")
    node.script.go.clear()
    for _ in range(FAILURES):
        node.script.callers.clear()
        call = asyncio.create_task(mesh.directory().GetProfiles(REQUEST))
        await until(lambda: bool(node.script.callers))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    node.script.go.set()
    assert await mesh.ask() == ["one"]


async def test_closing_ends_calls_with_an_error_and_not_with_a_cancellation(mesh: Mesh) -> None:
    """Whoever waits for an answer when the channels close is told so: their own task was not cancelled."""
    node = await mesh.start("one")
    call = await mesh.held(node)
    await mesh.channels.close()
    assert (await failed(call)).code is Code.UNAVAILABLE


async def test_after_closing_nobody_is_called(mesh: Mesh) -> None:
    """Who still calls is told so, and opens no connection that nobody would close."""
    node = await mesh.start("one")
    await mesh.ask()
    await mesh.channels.close()
    assert (await failed(mesh.once().SayAsService(Ping(text="x")))).code is Code.UNAVAILABLE
    assert len(node.script.callers) == 1


async def test_a_call_waits_for_the_first_word_of_the_registry() -> None:
    """At the start of a process a call is not refused only because the registry has not been asked yet."""

    class Late(MemoryRegistry):
        async def watch(self, service: str) -> AsyncIterator[tuple[Node, ...]]:
            await asyncio.sleep(0.05)
            yield (Node("one", "b", "127.0.0.1:1"),)
            await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        channels = Channels(Late(), lambda: "token", FakeClock())
        stack.push_async_callback(channels.close)
        error = await failed(channels.stub(OnceStub, "user").SayAsService(Ping(text="x")))
        assert "no user service" not in error.message
