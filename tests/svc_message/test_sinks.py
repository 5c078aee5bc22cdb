"""Programs that are told of every entry: in order, at least once, also after they or the node were away."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from mesh.settings import Secret
from parley.hook.v1 import event_service_pb2
from parley.hook.v1.event_service_pb2 import TakeRequest, TakeResponse
from svc_message.app import Settings
from svc_message.infrastructure.outside.addresses import EventSettings
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post, recall
from tests.svc_message.operator import letters
from tests.svc_message.receiver import SECRET, Refusal, Service, hook, service
from tests.svc_message.world import World, process, world

EVENTS = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]


def sink(url: str, name: str = "audit", kinds: Sequence[str] = ()) -> str:
    """A sink as the settings name it."""
    return f'[{name}]\nurl = "{url}"\nsecret = "{SECRET}"\n' + (f"kinds = {list(kinds)}\n" if kinds else "")


@asynccontextmanager
async def node(made: World, sinks: str) -> AsyncIterator[None]:
    """A message node with its gateway that tells these sinks."""
    events = EventSettings(Secret(sinks), deadline_seconds=30.0, poll_seconds=0.02, retry_seconds=0.02, tries=3)
    made.message = Settings(events=events, sends_burst=0)
    async with process(made, "message", "gateway") as address, AsyncExitStack() as stack:
        made.stack = stack
        made.connect(address)
        yield


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as opened:
        yield opened


def ids(events: Sequence[Any]) -> list[str]:
    """The ids of events of a webhook."""
    return [event["eventId"] for event in events]


def places(chat: str, first: int, last: int) -> list[str]:
    """Ids of the entries of a log."""
    return [f"{chat}/{seq}" for seq in range(first, last + 1)]


async def two(made: World) -> tuple[Device, Device, str]:
    """Two users with a device each, which are connected."""
    ann, bob = await new_device(made).connect(), await new_device(made).connect()
    return ann, bob, direct(ann, bob)


async def write(device: Device, chat: str, many: int) -> None:
    """Write so many posts, as many in a frame as may be."""
    for first in range(1, many + 1, 50):
        await device.seqs(*(post(chat, f"text {number}") for number in range(first, min(first + 50, many + 1))))


async def test_a_webhook_is_told_of_every_entry(made: World) -> None:
    """Posts and what services write come in the order of their logs, each with its id, kind and entry."""
    async with hook() as audit, node(made, sink(audit.url)):
        ann, bob, chat = await two(made)
        group = await groups.make(made, ann, bob)
        await write(ann, chat, 250)
        await ann.seqs(post(group, "hi"))
        await audit.until(lambda: f"{group}/2" in ids(audit.events) and f"{chat}/250" in ids(audit.events))
        told = [event for event in audit.events if event["entry"]["conversationId"] == chat]
        assert ids(told) == places(chat, 1, 250)
        assert [event["entry"]["content"]["post"]["body"]["text"]["text"] for event in told][:2] == ["text 1", "text 2"]
        of_group = [event["kind"] for event in audit.events if event["entry"]["conversationId"] == group]
        assert of_group == ["membership", "post"]


async def test_a_program_is_told_over_grpc(made: World) -> None:
    """A sink over gRPC gets the same events, and the secret as a bearer token."""
    async with service(EVENTS) as program, node(made, sink(program.address)):
        program.answer = lambda _: TakeResponse()
        ann, _, chat = await two(made)
        await ann.seqs(post(chat, "one"), post(chat, "two"))
        await program.until(lambda: f"{chat}/2" in told_to(program))
        assert told_to(program) == places(chat, 1, 2)
        assert program.tokens == {f"Bearer {SECRET}"}


def told_to(program: Service) -> list[str]:
    """The ids of all events that a program took."""
    return [event.event_id for request in program.took for event in request.batch.events]


async def test_a_sink_hears_of_the_kinds_that_it_wants(made: World) -> None:
    """One sink gets memberships, another one recalls, neither the rest; each goes on by itself."""
    async with hook() as people, hook() as undone:
        wanted = sink(people.url, "people", ["membership"]) + sink(undone.url, "undone", ["recall"])
        async with node(made, wanted):
            ann, bob, _ = await two(made)
            group = await groups.make(made, ann, bob)
            [seq] = await ann.seqs(post(group))
            await ann.seqs(recall(group, seq))
            await people.until(lambda: people.bodies)
            await undone.until(lambda: undone.bodies)
            assert ids(people.events) == [f"{group}/1"]
            assert ids(undone.events) == [f"{group}/3"]


async def test_a_new_sink_is_told_from_now_on(made: World) -> None:
    """What was there before a sink was named is not told, and all that comes afterwards is."""
    async with hook() as audit:
        async with node(made, ""):
            ann, _, chat = await two(made)
            await ann.seqs(post(chat), post(chat))
        async with node(made, sink(audit.url)):
            await (await ann.connect()).post(chat)
            await audit.until(lambda: audit.bodies)
        assert ids(audit.events) == places(chat, 3, 3)


async def test_a_receiver_that_was_away_gets_all_of_it(made: World) -> None:
    """While a receiver is down, busy or does not know us, nothing is dead, and it all comes in order."""
    async with AsyncExitStack() as stack:
        audit = await stack.enter_async_context(hook())
        port = int(audit.url.split(":")[2].split("/")[0])
        async with node(made, sink(audit.url)):
            ann, _, chat = await two(made)
            await ann.seqs(post(chat))
            await audit.until(lambda: audit.bodies)
            await stack.aclose()
            await write(ann, chat, 300)
            again = await stack.enter_async_context(hook(port))
            again.answers = [503, 401, 302, 404, 429]
            await again.until(lambda: f"{chat}/301" in ids(again.events))
            assert ids(again.events) == places(chat, 2, 301)
            assert await letters(made, "list") == ""


async def test_another_life_of_the_node_goes_on(made: World) -> None:
    """What was written while the receiver was away is told by the next process, from the last place that was kept."""
    async with hook() as audit:
        async with node(made, sink(audit.url)):
            ann, _, chat = await two(made)
            await ann.seqs(post(chat))
            await audit.until(lambda: audit.bodies)
            audit.refuse = lambda _: 503
            await ann.seqs(post(chat), post(chat))
            await audit.until(lambda: len(audit.tried) > 1)
        audit.refuse = lambda _: 200
        async with node(made, sink(audit.url)):
            await audit.until(lambda: f"{chat}/3" in ids(audit.events))
        assert list(dict.fromkeys(ids(audit.events))) == places(chat, 1, 3)


async def test_one_that_is_refused_does_not_hold_up_the_others(made: World) -> None:
    """An event that is refused again and again becomes a dead letter without its body; those around it are told."""
    async with hook() as audit, node(made, sink(audit.url)):
        audit.refuse = lambda body: 422 if "poison" in str(body) else 200
        ann, _, chat = await two(made)
        await ann.seqs(post(chat, "one"), post(chat, "poison"), post(chat, "three"))
        await audit.until(lambda: f"{chat}/3" in ids(audit.events))
        assert ids(audit.events) == [f"{chat}/1", f"{chat}/3"]
        alone = [body for body in audit.tried if ids(body["events"]) == [f"{chat}/2"]]
        assert len(alone) == 3
        listed = await letters(made, "list", "audit")
        assert listed.startswith(f"audit/{chat}/2  HTTP_422  tries=3")
        assert "poison" not in listed + made.log.getvalue()


async def test_a_dead_letter_is_sent_again(made: World) -> None:
    """An operator has a letter sent again: taken, it is gone; refused again, it stays with one try more."""
    async with hook() as audit, node(made, sink(audit.url)):
        audit.refuse = lambda body: 500 if "poison" in str(body) else 200
        ann, _, chat = await two(made)
        await ann.seqs(post(chat, "poison"), post(chat, "two"))
        await audit.until(lambda: f"{chat}/2" in ids(audit.events))
        assert await letters(made, "again", f"audit/{chat}/1", "audit/unknown/1") == "1 to be sent again\n"
        await until_listed(made, "tries=4")
        audit.refuse = lambda _: 200
        await letters(made, "again", "audit/all")
        await audit.until(lambda: f"{chat}/1" in ids(audit.events))
        await until_listed(made, "")


async def until_listed(made: World, text: str) -> None:
    """Wait until the list of letters has this in it; nothing: until it is empty."""
    async with asyncio.timeout(30):
        while text not in (listed := await letters(made, "list")) or (listed and not text):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)


async def test_a_letter_may_be_dropped(made: World) -> None:
    """What nobody wants any more is dropped by its id."""
    async with hook() as audit, node(made, sink(audit.url)):
        audit.refuse = lambda body: 400 if "poison" in str(body) else 200
        ann, _, chat = await two(made)
        await ann.seqs(post(chat, "poison"), post(chat, "two"))
        await audit.until(lambda: f"{chat}/2" in ids(audit.events))
        assert await letters(made, "drop", f"audit/{chat}/1") == "1 dropped\n"
        assert await letters(made, "list") == ""


@pytest.mark.parametrize(
    "code,dead",
    [(grpc.StatusCode.INVALID_ARGUMENT, 1), (grpc.StatusCode.UNKNOWN, 1), (grpc.StatusCode.UNAVAILABLE, 0)],
)
async def test_codes_that_refuse_and_codes_that_mean_later(made: World, code: grpc.StatusCode, dead: int) -> None:
    """An error about the events makes a dead letter; one about the program is waited for."""
    answered = 0

    def answer(request: TakeRequest) -> TakeResponse:
        nonlocal answered
        answered += 1
        if answered <= 3 and request.batch.events[0].entry.seq == 1:
            raise Refusal(code)
        return TakeResponse()

    async with service(EVENTS) as program, node(made, sink(program.address)):
        program.answer = answer
        ann, _, chat = await two(made)
        await ann.post(chat)
        await program.until(lambda: answered >= 3)
        await ann.post(chat)
        await program.until(lambda: f"{chat}/2" in told_to(program))
        assert told_to(program).count(f"{chat}/1") == 1 - dead
        assert (await letters(made, "list")).count(f"audit/{chat}/1  {code.name}") == dead


async def test_one_of_two_nodes_tells_and_the_other_takes_over(made: World) -> None:
    """Beside each other one node tells a sink; when it goes the other goes on, and nothing is missed."""
    async with hook() as audit, AsyncExitStack() as first:
        events = EventSettings(Secret(sink(audit.url)), poll_seconds=0.02, retry_seconds=0.02)
        made.message = Settings(events=events, sends_burst=0)
        async with process(made, "message", "gateway", number=2) as address, AsyncExitStack() as made.stack:
            await first.enter_async_context(process(made, "message", number=1))
            made.connect(address)
            ann, _, chat = await two(made)
            await ann.seqs(*(post(chat) for _ in range(20)))
            await audit.until(lambda: f"{chat}/20" in ids(audit.events))
            await first.aclose()
            await ann.seqs(*(post(chat) for _ in range(20)))
            await audit.until(lambda: f"{chat}/40" in ids(audit.events))
            assert list(dict.fromkeys(ids(audit.events))) == places(chat, 1, 40)


async def test_the_command_is_a_program(made: World) -> None:
    """`python -m svc_message letters` lists what a store has, and says how it is used."""
    async with hook() as audit, node(made, sink(audit.url)):
        audit.refuse = lambda body: 400 if "poison" in str(body) else 200
        ann, _, chat = await two(made)
        await ann.seqs(post(chat, "poison"), post(chat, "two"))
        await audit.until(lambda: f"{chat}/2" in ids(audit.events))
        assert await command(made, "letters", "list") == (0, f"audit/{chat}/1  HTTP_400")
        assert await command(made, "letters", "wipe") == (2, "")
        assert await command(made, "letter") == (2, "")


async def command(made: World, *arguments: str) -> tuple[int | None, str]:
    """The exit code of a command, and what it prints up to the number of tries."""
    env = os.environ | {"PARLEY_MESSAGE_STORE_URL": f"sqlite:{made.database}"}
    program = (sys.executable, "-m", "svc_message", *arguments)
    running = await asyncio.create_subprocess_exec(*program, env=env, stdout=PIPE, stderr=DEVNULL)
    printed, _ = await running.communicate()
    return running.returncode, printed.decode().partition("  tries")[0]
