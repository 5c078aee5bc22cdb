"""Flow: windows, slow devices, and resuming in place."""

from functools import partial
from pathlib import Path

import grpc

from parley.conversation.v1.conversation_pb2 import Position
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, Hello, Resumed
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest
from parley.gateway.v1.gateway_service_pb2_grpc import GatewayServiceStub
from parley.message.v1.message_service_pb2 import Send
from svc_gateway.domain import Limits
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.world import World, eventually, mesh_of_one, process, world


async def accepted(device: Device, *sends: Send) -> bool:
    """Whether all of these are accepted now."""
    return not any(result.error.code for result in await device.results(*sends))


async def gone(mesh: World, key: str) -> bool:
    """Whether the cache has nothing under this key."""
    return not await mesh.backends.kv.read([key])


SMALL = Limits(queue_entries=20, write_stall_s=1.0)


async def test_entries_wait_for_the_window(mesh: World) -> None:
    """The server pushes as many entries as the window allows beyond what was taken; answers are never held back."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect(window=3)
    chat = direct(ann, bob)
    for _ in range(8):
        await ann.post(chat)
    await bob.entry(chat, 3)
    assert await bob.post(f"{bob.user_id}-{bob.user_id}") == 1
    assert [e.seq for e in bob.entries(chat)] == [1, 2, 3]
    await bob.say(ClientFrame(taken=2))
    await bob.entry(chat, 5)
    await bob.say(ClientFrame(taken=10**9))  # more than was pushed counts as all of it
    await bob.entry(chat, 8)
    assert [e.seq for e in bob.entries(chat)] == list(range(1, 9))
    await bob.say(ClientFrame(taken=8))
    await bob.say(ClientFrame(taken=1))  # what was taken stays taken
    for _ in range(5):
        await ann.post(chat)
    await bob.entry(chat, 11)
    assert await bob.post(f"{bob.user_id}-{bob.user_id}") == 2
    assert [e.seq for e in bob.entries(chat)] == list(range(1, 12))


async def test_a_device_that_takes_nothing_is_told_and_resumes_in_place(tmp_path: Path) -> None:
    """When the queue overflows it is dropped, the device is told, and a resume on the same stream gives it all."""
    async with mesh_of_one(tmp_path, SMALL) as mesh:
        ann = await new_device(mesh).connect()
        bob, eve = await new_device(mesh).connect(window=5), await new_device(mesh).connect()
        team = await groups.make(mesh, ann, bob, eve)
        for number in range(40):
            await ann.post(team)
            if number % 10 == 9:
                await eve.entry(team, number + 2)
        await bob.until(lambda: bob.received.HasField("lagging"))
        assert bob.received.lagging.dropped == 21
        assert [e.seq for e in bob.entries(team)] == [1, 2, 3, 4, 5]
        await bob.say(ClientFrame(taken=5))
        resumed = await bob.resume(Position(conversation_id=team, seq=5))
        assert resumed.outcome == Resumed.Outcome.OUTCOME_RESUMED
        assert [e.seq for e in bob.entries(team)] == list(range(1, 42))
        await bob.say(ClientFrame(taken=41))
        await ann.post(team)
        await bob.entry(team, 42)
        assert not eve.received.HasField("lagging")


async def test_a_queue_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    """A few large entries that a device does not take overflow its queue, as many small ones do."""
    async with mesh_of_one(tmp_path, Limits(queue_bytes=60_000)) as mesh:
        ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect(window=1)
        chat = direct(ann, bob)
        for size in (1_000, 16_000):
            await ann.seqs(*(post(chat, "x" * size) for _ in range(5)))
            await bob.entry(chat, 1)
        await bob.until(lambda: bob.received.HasField("lagging"))
        assert bob.received.lagging.dropped > 4  # the small ones among them: they had room


async def test_a_device_that_never_reads_slows_nobody(tmp_path: Path) -> None:
    """A frozen device is dropped after a while; the others get everything meanwhile, at once."""
    async with mesh_of_one(tmp_path, SMALL) as mesh:
        ann, bob, frozen = [new_device(mesh) for _ in range(3)]
        await ann.connect()
        await bob.connect()
        narrow = (("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0), ("grpc.frozen", 1))
        [address] = [node.address for node in mesh.backends.registry.nodes("gateway")]
        async with grpc.aio.insecure_channel(address, options=narrow) as channel:
            stream = GatewayServiceStub(channel).Connect()
            hello = Hello(access_token=frozen.token, protocol_version=1, flow_window=10_000)
            await stream.write(ConnectRequest(frame=ClientFrame(hello=hello)))
            await stream.read()
            team = await groups.make(mesh, ann, bob, frozen)
            for number in range(70):
                await ann.seqs(*(post(team, "x" * 16_000) for _ in range(2)))
                await bob.entry(team, 2 * number + 2)
                await bob.say(ClientFrame(taken=2 * number + 2))
            await eventually(lambda: gone(mesh, f"route/{frozen.user_id}"))
            stream.cancel()
        assert await ann.post(team) == 142


async def test_a_gateway_reaches_a_message_node_over_a_socket(tmp_path: Path) -> None:
    """Between processes the link is a stream: sends, acks, deliveries and resumes go the same way."""
    async with world(tmp_path) as made, process(made, "message"), process(made, "gateway") as address:
        made.connect(address)
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        chat = direct(ann, bob)
        await eventually(lambda: accepted(ann, post(chat, "hello", 5)))
        await bob.entry(chat, 1)
        assert (await bob.resume()).outcome == Resumed.Outcome.OUTCOME_RESUMED
        for device in (ann, bob):
            await device.leave()


async def test_a_frame_full_of_large_sends_crosses_the_link(tmp_path: Path) -> None:
    """What fits into a frame of a device fits through the link, alone and beside what others send."""
    async with world(tmp_path) as made, process(made, "message"), process(made, "gateway") as address:
        made.connect(address)
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        mine, other = f"{ann.user_id}-{ann.user_id}", f"{bob.user_id}-{bob.user_id}"
        await eventually(lambda: accepted(bob, post(other, "hello", 5)))
        full = [post(mine, "x" * 16_310) for _ in range(64)]
        await bob.say_only(*(post(other, "x" * 16_000) for _ in range(14)))
        assert await ann.seqs(*full) == list(range(1, 65))
        for device in (ann, bob):
            await device.leave()


async def test_sends_written_before_a_break_was_heard_are_dropped(tmp_path: Path) -> None:
    """A send cannot overtake an earlier one that a broken link lost: until the device has heard, none is taken."""
    async with world(tmp_path) as made, process(made, "gateway") as address:
        made.connect(address)
        ann = await new_device(made).connect()
        chat = f"{ann.user_id}-{ann.user_id}"
        one, two = post(chat, "one"), post(chat, "two")
        async with process(made, "message", number=1):
            await eventually(lambda: accepted(ann, one))
        await ann.until(lambda: ann.received.HasField("retry_unanswered"))
        first, second = post(chat, "first"), post(chat, "second")
        async with process(made, "message", number=2):
            await eventually(lambda: accepted(ann, two))
            before = len(ann.received.results)
            await ann.write(ConnectRequest(frame=ClientFrame(sends=[second], heartbeat=Heartbeat())))
            await ann.until(lambda: ann.received.HasField("heartbeat"))
            first_seq, second_seq = await ann.seqs(first, second)
        assert (first_seq + 1, len(ann.received.results)) == (second_seq, before + 2)
        await ann.leave()


async def test_a_broken_link_tells_devices_to_send_again(tmp_path: Path) -> None:
    """When a message node goes, devices hear that unanswered sends are unknown; the next node knows what was stored."""
    async with world(tmp_path) as made, process(made, "gateway") as address:
        made.connect(address)
        ann = await new_device(made).connect()
        chat = f"{ann.user_id}-{ann.user_id}"
        assert await ann.refused(post(chat)) == "SERVICE_UNAVAILABLE"
        sent = [post(chat, str(number)) for number in range(10)]
        async with process(made, "message", number=1):
            await eventually(lambda: accepted(ann, *sent))
        await ann.until(lambda: ann.received.HasField("retry_unanswered"))
        async with process(made, "message", number=2):
            await eventually(lambda: accepted(ann, *sent))
            again = await ann.results(*sent)
        assert [(r.seq, r.duplicate) for r in again] == [(seq, True) for seq in range(1, 11)]
        await ann.leave()


async def test_a_burst_does_not_overrun_the_window(mesh: World) -> None:
    """Entries that were committed at once and travel together are taken apart where the window ends."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect(window=3)
    chat = direct(ann, bob)
    await ann.seqs(*[post(chat) for _ in range(20)])
    for last in (3, 6, 9, 12, 15, 18, 20):
        await bob.entry(chat, last)
        assert [e.seq for e in bob.entries(chat)] == list(range(1, last + 1))
        await bob.say(ClientFrame(taken=last))


async def test_a_writer_gets_what_others_wrote_in_the_same_moment(mesh: World) -> None:
    """What several devices write to a group at once comes to each of them without its own and in order."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, ann, bob, eve)
    written = [(device, [post(team) for _ in range(10)]) for device in (ann, bob, eve)]
    for device, own in written:
        await device.say_only(*own)
    for device, own in written:
        foreign = {one.client_message_id for _, sends in written if sends is not own for one in sends}
        await device.until(partial(_has, device, team, 1 + len(foreign)))
        came = device.entries(team)[1:]
        assert {entry.client_message_id for entry in came} == foreign
        assert [entry.seq for entry in came] == sorted(entry.seq for entry in came)


def _has(device: Device, conversation_id: str, count: int) -> bool:
    return len(device.entries(conversation_id)) >= count
