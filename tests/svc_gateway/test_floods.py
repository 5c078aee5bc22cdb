"""Floods down one stream: frames, frames of nothing, and sends that nobody has answered."""

import time
from pathlib import Path

import pytest

from mesh import wire
from mesh.errors import Code
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat
from parley.message.v1.entry_pb2 import Content, Post
from svc_gateway.domain import Limits
from tests.svc_message.device import direct, new_device, post, send, text
from tests.svc_message.world import World, mesh_of_one

USER = "u" + "0" * 15
BAD_MENTIONS = send(
    f"{USER}-{USER}", Content(post=Post(body=text("x"), mentioned_user_ids=[""] * 10_000)), 1
).SerializeToString()


@pytest.mark.parametrize(
    "part",
    [b"\x12\x00", b"\x1a\x00", b"\x2a\x00", wire.field(7, b"\x0a\x00" * 50), wire.field(2, BAD_MENTIONS)],
    ids=["sends", "received", "typing", "resume", "mentions"],
)
async def test_a_frame_full_of_nothing_keeps_nobody_waiting(mesh: World, part: bytes) -> None:
    """1 MiB of empty parts is refused at once, however many there are, and the stream goes on."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    began = time.process_time()
    await ann.say(ClientFrame.FromString(part * (1_000_000 // len(part))))
    await ann.until(lambda: [*ann.received.errors, *ann.received.results])
    assert await bob.post(direct(bob, bob)) == 1
    assert time.process_time() - began < 5.0
    refused = {one.error.reason for one in ann.received.errors} | {one.error.reason for one in ann.received.results}
    assert refused == {"INVALID_REQUEST"}
    assert await ann.post(direct(ann, ann)) == 1


async def test_frames_that_say_nothing_are_counted(mesh: World) -> None:
    """A hundred frames without anything that this server knows are ignored; then the stream is not one of ours."""
    ann = await new_device(mesh).connect()
    for _ in range(99):
        await ann.say(ClientFrame())
    assert await ann.post(f"{ann.user_id}-{ann.user_id}") == 1
    await ann.say(ClientFrame())
    assert (await ann.ended()).reason == "PROTOCOL_VIOLATION"


async def test_who_sends_too_many_frames_is_told_of_frames(tmp_path: Path) -> None:
    """The refusal names what there is too much of: a device makes one call, and sends frames in it."""
    async with mesh_of_one(tmp_path, Limits(frames_burst=3, frames_per_s=0.001)) as mesh:
        ann = await new_device(mesh).connect()
        for _ in range(3):
            await ann.say(ClientFrame(heartbeat=Heartbeat()))
        end = await ann.ended()
        assert (end.code, end.reason, end.message) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many frames")


async def test_a_flood_of_frames_ends_the_stream(tmp_path: Path) -> None:
    """More frames than one device may send end its stream with RESOURCE_EXHAUSTED."""
    async with mesh_of_one(tmp_path, Limits(frames_burst=20, frames_per_s=0.001)) as mesh:
        ann = await new_device(mesh).connect()
        for _ in range(20):
            await ann.say(ClientFrame(heartbeat=Heartbeat()))
        end = await ann.ended()
        assert (end.code, end.reason) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")


async def test_too_many_unanswered_sends_are_refused(tmp_path: Path) -> None:
    """Sends beyond those that may wait for an answer are refused with a time to come again, and may come again."""
    async with mesh_of_one(tmp_path, Limits(in_flight=4)) as mesh:
        ann, bob = await new_device(mesh).connect(), new_device(mesh)
        chat = direct(ann, bob)
        mesh.directory.hold.clear()
        sends = [post(chat, str(number)) for number in range(6)]
        await ann.say_only(*sends)
        await ann.until(lambda: len(ann.received.results) == 2)
        assert [r.error.reason for r in ann.received.results] == ["TOO_MANY_IN_FLIGHT", "OVERLOADED"]
        assert all(r.error.retry_after_ms > 0 for r in ann.received.results)
        mesh.directory.hold.set()
        await ann.until(lambda: len(ann.received.results) == 6)
        assert await ann.seqs(*sends[4:], post(chat), post(chat)) == [5, 6, 7, 8]
