"""More than a node can do: it refuses in time, keeps the order, and nobody is shut out."""

from pathlib import Path

from mesh.errors import Code
from parley.error.v1.error_pb2 import Error
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat
from parley.message.v1.message_service_pb2 import Send
from svc_gateway.domain import Limits
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.world import World, mesh_of_one

NARROW = Limits(node_in_flight=10, kept_in_flight=2)
"""Pressed from 9 unanswered sends on; the share of a lone device is 8."""


async def fill(mesh: World) -> tuple[Device, str]:
    """A device whose six sends wait, and the chat that they wait in."""
    ann = await new_device(mesh).connect()
    mesh.directory.waiting.clear()
    mesh.directory.hold.clear()
    chat = direct(ann, new_device(mesh))
    await ann.say_only(*(post(chat, str(number)) for number in range(6)))
    await mesh.directory.waiting.wait()
    return ann, chat


async def say(device: Device, unanswered: int, *sends: Send) -> None:
    """Send, and say how many sends are unanswered."""
    await device.say(ClientFrame(sends=sends, unanswered=unanswered))


async def refusals(device: Device, count: int) -> set[tuple[int, str]]:
    """Code and reason of so many refusals; each says when to come again, soon."""
    await device.until(lambda: len(_errors(device)) >= count)
    assert all(0 < error.retry_after_ms <= 150 for error in _errors(device)), _errors(device)
    return {(error.code, error.reason) for error in _errors(device)}


def _errors(device: Device) -> list[Error]:
    return [result.error for result in device.received.results if not result.seq]


async def test_a_device_with_more_than_its_share_is_asked_for_less_and_refused(tmp_path: Path) -> None:
    """A device that says it has more on its way than the node should have gets a smaller window, and is refused while
    it goes on; what was refused is accepted when it comes again, and an idle node gives the window back.
    """
    async with mesh_of_one(tmp_path, NARROW) as mesh:
        ann, chat = await fill(mesh)
        more = [post(chat, str(number)) for number in range(6, 10)]
        await say(ann, 20, *more)
        assert await refusals(ann, 4) == {(Code.RESOURCE_EXHAUSTED, "OVERLOADED")}
        assert ann.received.max_in_flight == 8
        mesh.directory.hold.set()
        await ann.until(lambda: len(ann.received.results) == 10)
        assert await ann.seqs(*more) == [7, 8, 9, 10]
        await ann.until(lambda: ann.received.max_in_flight == 16)


async def test_those_with_little_are_heard_on_a_full_node(tmp_path: Path) -> None:
    """A device with few unanswered sends is let in however much the others have."""
    async with mesh_of_one(tmp_path, NARROW) as mesh:
        ann, chat = await fill(mesh)
        await say(ann, 8, *(post(chat) for _ in range(2)))
        bob = await new_device(mesh).connect()
        await say(bob, 2, *(post(direct(bob, new_device(mesh))) for _ in range(2)))
        mesh.directory.hold.set()
        await bob.until(lambda: len(bob.received.results) == 2)
        assert not _errors(bob)


async def test_what_waits_for_a_device_that_went_is_given_back(tmp_path: Path) -> None:
    """The unanswered sends of a stream that is over count no more."""
    async with mesh_of_one(tmp_path, NARROW) as mesh:
        ann, chat = await fill(mesh)
        await say(ann, 8, *(post(chat) for _ in range(2)))
        await ann.leave(bye=True)
        bob = await new_device(mesh).connect()
        await say(bob, 6, *(post(direct(bob, new_device(mesh))) for _ in range(6)))
        await bob.say(ClientFrame(heartbeat=Heartbeat()))
        await bob.until(lambda: bob.received.HasField("heartbeat"))  # behind his sends, which were let in or not
        mesh.directory.hold.set()
        await bob.until(lambda: len(bob.received.results) == 6)
        assert (bob.received.max_in_flight, _errors(bob)) == (0, [])


async def test_what_was_written_behind_a_refused_send_does_not_overtake_it(tmp_path: Path) -> None:
    """A device that pipelines hears of a refusal late: until the refused send comes again, later ones are refused."""
    async with mesh_of_one(tmp_path, NARROW) as mesh:
        ann, chat = await fill(mesh)
        first, second = post(chat, "first"), post(chat, "second")
        await say(ann, 20, first)
        await refusals(ann, 1)
        mesh.directory.hold.set()
        await ann.until(lambda: len(ann.received.results) == 7)
        assert await ann.refused(second) == "OVERLOADED"
        assert await ann.seqs(first, second) == [7, 8]
