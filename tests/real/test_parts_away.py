"""Parts of the running mesh are away for a while: what still works, what is refused and how, and that it heals."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import grpc
import pytest

from mesh.renewal import RENEW_S
from parley.message.v1.message_service_pb2 import ListEntriesRequest
from parley.message.v1.message_service_pb2_grpc import MessageServiceStub
from parley_sdk import Code
from parley_sdk.infrastructure.status import decode
from real import nodes, process, ready
from real.part.document_store import DocumentStore
from tests.journeys.people import Device, People
from tests.journeys.raw import RawDevice, log_in_again, open_channel, text_send
from tests.proxy import Proxy
from tests.real.losing import DRAIN_S, EDGE, crew, lost, start, talking

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

CALL_S: Final = 5.0
"""What a call to the store may take."""

BUSY_S: Final = 10.0
"""What a machine that does other things adds to anything."""

HEARTBEAT_S: Final = 55.0
"""After so long at most a device asks whether it lacks something."""

QUIET_S: Final = 3.0
"""And when it does, it waits so long for what may be on its way."""

AT_ONCE_S: Final = 2.0

BACK_S: Final = 60.0
"""How long it may take until all is as before."""


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    """Users behind the edge."""
    async with People(EDGE, tmp_path) as people:
        yield people


async def shows(device: Device, chat: str, seq: int, seconds: float) -> None:
    """Wait until a device shows an entry."""
    await device.until(lambda: seq in device.seqs(chat), f"{chat}/{seq}", seconds)


async def read(device: Device, chat: str) -> Code | int:
    """How many entries a page has, or why there is none."""
    async with open_channel(EDGE) as channel:
        request = ListEntriesRequest(conversation_id=chat)
        metadata = (("authorization", f"Bearer {device.access_token}"),)
        try:
            answer = await MessageServiceStub(channel).ListEntries(request, metadata=metadata, timeout=CALL_S + BUSY_S)
        except grpc.aio.AioRpcError as refused:
            error = decode(refused)
            assert error.retry_after, "a refusal that does not say when to try again"
            return error.code
    return len(answer.entries)


async def test_without_the_store_nothing_is_acked(people: People) -> None:
    """A send is refused as UNAVAILABLE with a time to retry, a read answers or is refused so; when the store is back
    the same send is taken once, and so is all that apps went on trying.
    """
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    first = await ann.client.send(chat, "before")
    await bob.until_seq(chat, first.seq)
    login = await log_in_again(EDGE, ann.username)
    async with RawDevice.open(EDGE, login) as raw:
        process.send("store", signal.SIGSTOP)
        try:
            trying = asyncio.ensure_future(bob.client.send(chat, "meanwhile"))
            refused = text_send(chat, "refused, and then said again")
            await raw.send(refused)
            result = await raw.until(lambda: list(raw.frame.results), 2 * CALL_S + BUSY_S)
            assert [one.seq for one in result] == [0]
            assert result[0].error.code == Code.UNAVAILABLE
            assert result[0].error.retry_after_ms > 0
            assert await read(ann, chat) in {1, Code.UNAVAILABLE}
            assert not trying.done()
        finally:
            process.send("store", signal.SIGCONT)
        await raw.send(refused)
        await raw.until(lambda: [one.seq for one in raw.frame.results if one.seq], BACK_S)
        async with asyncio.timeout(BACK_S):
            sent = await trying
    for device in (ann, bob):
        await shows(device, chat, ends := max(one.seq for one in await ann.history(chat)), BACK_S)
        assert device.seqs(chat) == list(range(1, ends + 1))
        assert sorted(device.texts(chat)) == ["before", "meanwhile", "refused, and then said again"]
    assert sent.seq in ann.seqs(chat)


async def test_without_the_broker_all_arrives_within_a_heartbeat(people: People) -> None:
    """Under load Pulsar is killed: sends are acked, and who only listens has all of it a heartbeat later; when it is
    back, what is said arrives at once.
    """
    all_ = await crew(people)
    with lost("pulsar", process.kill):
        async with talking(all_.ways, BACK_S) as talk:
            began = time.monotonic()
            await talk.more(20, BACK_S)
            pause_s = talk.pause_s(began)
        said = time.monotonic()
        head = (await all_.ann.history(all_.group))[-1].seq
        for device in (all_.ann, all_.bob, all_.tablet, all_.eve):
            await shows(device, all_.group, head, HEARTBEAT_S + QUIET_S + BUSY_S)
        healed_s = time.monotonic() - said
        await all_.agree(talk)
    print(f"pulsar away: the longest pause was {pause_s:.1f} s, all had arrived after {healed_s:.1f} s")  # noqa: T201  the figure is what the test is for, too
    assert pause_s < BUSY_S
    async with asyncio.timeout(BACK_S):
        while True:
            sent = await all_.ann.client.send(all_.direct, "is it back?")
            try:
                await shows(all_.tablet, all_.direct, sent.seq, AT_ONCE_S)
                break
            except AssertionError:
                continue


@pytest.mark.parametrize("name, away_s", [("etcd", 60.0), ("redis", 40.0)])
async def test_a_part_that_is_away_for_long_costs_no_message(people: People, name: str, away_s: float) -> None:
    """For longer than any lease the registry, or the cache, is away: people go on and a device comes."""
    all_ = await crew(people)
    async with talking(all_.ways, BACK_S) as talk:
        since = time.monotonic()
        with lost(name, process.kill):
            await asyncio.sleep(away_s)
            await talk.more(5, BACK_S)
            late = await people.another(all_.eve)
        await talk.more(5, BACK_S)
        pause_s = talk.pause_s(since)
    # A cache that came back empty knew nobody for a moment: a turn of their gateway tells who missed the last word.
    healed_s = RENEW_S + QUIET_S + BUSY_S
    await all_.agree(talk, healed_s)
    await shows(late, all_.group, (await all_.eve.history(all_.group))[-1].seq, healed_s)
    print(f"{name} away for {away_s:.0f} s: the longest pause was {pause_s:.1f} s")  # noqa: T201  as above
    assert pause_s < BUSY_S + CALL_S


@pytest.mark.parametrize("service", ["user", "message", "group", "ai"])
async def test_a_node_that_comes_before_its_store_waits_for_it(people: People, service: str) -> None:
    """It says that it does not serve and takes nothing over; when the store comes it is a node like the others."""
    name = f"{service}-4"
    node = nodes.parse(name)
    assert node is not None
    proxy = Proxy(DocumentStore().url().removeprefix("mongodb://"))
    async with proxy:
        url = f"mongodb://{proxy.address}/parley_{service}"
    ann, bob = await people.users("ann", "bob")
    try:
        await asyncio.to_thread(start, name, {f"PARLEY_{service.upper()}_STORE_URL": url}, wait=False)
        await asyncio.to_thread(ready.wait, name, lambda: ready.health(node.port) == "NOT_SERVING", BACK_S)
        sent = await ann.client.send(ann.chat_with(bob), "it waits")
        await bob.until_seq(ann.chat_with(bob), sent.seq)
        async with proxy:
            await asyncio.to_thread(ready.wait, name, node.answers, BACK_S)
            sent = await ann.client.send(ann.chat_with(bob), "it serves")
            await bob.until_seq(ann.chat_with(bob), sent.seq)
            await asyncio.to_thread(process.stop, name, DRAIN_S)
    finally:
        process.kill(name)
