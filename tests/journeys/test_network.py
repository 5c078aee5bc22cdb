"""Networks that break, devices that are lost behind them, and devices that do harm."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import grpc

from parley.gateway.v1 import frame_pb2
from tests.journeys.mesh import Mesh
from tests.journeys.people import People, numbered
from tests.journeys.raw import Login, RawDevice, log_in_again
from tests.proxy import Proxy

CUTS = 12


async def test_a_line_that_breaks_again_and_again_loses_and_repeats_nothing(people: People) -> None:
    """Cut amid every burst, on the side of the writer and of the reader: all is acked, in order, and shown once."""
    async with Proxy(people.address) as proxy:
        ann, bob = [await people.user(name, address=proxy.address) for name in ("ann", "bob")]
        chat, sends = ann.chat_with(bob), []
        for burst in range(CUTS):
            sends += [ann.client.send(chat, text) for text in numbered(f"burst {burst}", range(10))]
            await asyncio.wait(sends[-10:], timeout=10, return_when=asyncio.FIRST_COMPLETED)
            await proxy.cut()
        sent = await asyncio.wait_for(asyncio.gather(*sends), 30)
        assert [one.seq for one in sent] == list(range(1, 10 * CUTS + 1))
        await bob.until_seq(chat, 10 * CUTS)
        texts = [text for burst in range(CUTS) for text in numbered(f"burst {burst}", range(10))]
        assert bob.texts(chat) == texts
        assert bob.seqs(chat) == list(range(1, 10 * CUTS + 1))
        assert proxy.connections > CUTS


async def test_an_export_goes_on_after_the_line_broke(people: People) -> None:
    """A device takes a long chat away on a line that is cut amid it: all of it comes, in order, and nothing twice."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, *("x" * 4_000 for _ in range(450)))
    async with Proxy(people.address) as proxy:
        tablet, came = await people.another(bob, address=proxy.address), list[int]()
        async for entry in tablet.client.conversations.export(chat):
            came.append(entry.seq)
            if len(came) in {100, 300}:
                await proxy.cut()
        assert came == list(range(1, 451))


async def test_who_comes_back_beside_a_dead_line_gets_what_went_down_it(people: People) -> None:
    """A line that swallows everything is not known to be dead: the same device on another line has all of it, once."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    login = await log_in_again(people.address, bob.username)
    async with Proxy(people.address) as proxy, RawDevice.open(proxy.address, login) as old:
        await ann.say(chat, "before")
        await old.until(lambda: seqs(old, chat))
        proxy.holds()
        await ann.say(chat, *numbered("into the void", range(30)))
        await bob.until_text(chat, "into the void 29")
        async with RawDevice.open(people.address, login, positions={chat: 1}) as new:
            assert new.outcome == "OUTCOME_RESUMED"
            await ann.say(chat, "after")
            await new.until(lambda: 32 in seqs(new, chat))
            assert seqs(new, chat) == list(range(2, 33))
        assert seqs(old, chat) == [1]


def seqs(device: RawDevice, chat: str) -> list[int]:
    """The places of what it was given of a chat, as it came."""
    return [entry.seq for entry in device.entries if entry.conversation_id == chat]


async def test_a_device_that_floods_is_shut_out_alone(people: People) -> None:
    """Frames without end are the end of their stream; others are answered meanwhile, and the device may come again."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    chat, login = ann.chat_with(bob), await log_in_again(people.address, eve.username)
    async with RawDevice.open(people.address, login) as raw:
        flood = asyncio.create_task(flood_with_heartbeats(raw))
        sent = await ann.say(chat, *numbered("meanwhile", range(50)))
        assert [one.seq for one in sent] == list(range(1, 51))
        code, _ = await raw.ended()
        # INTERNAL is what gRPC's client says here when it was writing at that moment, whatever the server told.
        assert code in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL}
        await flood
    await bob.until_text(chat, "meanwhile 49")
    async with RawDevice.open(people.address, login) as again:
        assert again.outcome == "OUTCOME_RESUMED"


async def flood_with_heartbeats(device: RawDevice) -> None:
    """Write until the stream is over."""
    try:
        while True:
            await device.write(frame_pb2.ClientFrame(heartbeat=frame_pb2.Heartbeat()))
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return


LARGE = "x" * 8_000
MUCH = 500
SLEEPERS = 12
"""Unbounded they would cost 48 MB: each has room for 256 KiB and gets 4 MB."""

ROOM = 24_000_000
"""What the mesh may grow by: their queues are 3 MB, the rest is for the pages of the store."""


async def test_devices_that_never_read_cost_a_bounded_memory(people: People, bare_mesh: Mesh) -> None:
    """Streams that nobody reads are held to their queues: the mesh does not grow with what they miss."""
    ann, *others = await people.users("ann", *(f"sleeper{number}" for number in range(SLEEPERS)))
    group = await people.open_group(ann, *others)
    async with AsyncExitStack() as stack:
        for other in others:
            login = Login(other.user_id, other.id, other.client.session_id, other.access_token, "")
            await other.client.disconnect()
            await stack.enter_async_context(RawDevice.open(people.address, login, window=10_000, reads=False))
        await ann.say(group, *[LARGE] * 20)
        before = resident(bare_mesh)
        for _ in range(MUCH // 100):
            await ann.say(group, *[LARGE] * 100)
        assert resident(bare_mesh) - before < ROOM
    head = (await ann.history(group))[-1].seq
    await others[0].client.connect()
    await others[0].until_seq(group, head)


def resident(mesh: Mesh) -> int:
    """Bytes of memory that its process has."""
    pages = int(Path(f"/proc/{mesh.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4_096
