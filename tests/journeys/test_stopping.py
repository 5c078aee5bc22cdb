"""Starting and stopping the mesh."""

import asyncio
import subprocess

import grpc

from tests.journeys.mesh import SLOW, Mesh, command
from tests.journeys.people import People, numbered
from tests.journeys.raw import RawDevice, log_in_again, text_send


async def test_a_stop_drains_and_loses_nothing(own_people: People, own_mesh: Mesh) -> None:
    """SIGINT tells devices to go elsewhere, ends the process by itself with 0, and after a restart all is there."""
    ann, bob = await own_people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, *numbered("before", range(50)))
    login = await log_in_again(own_people.address, bob.username)
    async with RawDevice.open(own_people.address, login) as raw:
        own_mesh.interrupt()
        await raw.until(lambda: raw.frame.HasField("drain"))
        assert raw.frame.drain.reconnect_within_ms > 0
        await raw.send(text_send(chat, "at the last moment"))
        [answer] = await raw.until(lambda: raw.frame.results)
        assert answer.seq or answer.error.retry_after_ms
        late = [ann.client.send(chat, text) for text in numbered("late", range(20))]
        await raw.hang_up()
        assert await asyncio.to_thread(own_mesh.wait) == 0
        assert SLOW not in own_mesh.log()
    await asyncio.to_thread(own_mesh.start)
    sent = await asyncio.wait_for(asyncio.gather(*late), 30)
    await bob.until_seq(chat, max(one.seq for one in sent))
    expected = [*numbered("before", range(50)), *numbered("late", range(20))]
    log = [entry.content.post.body.text.text for entry in await bob.history(chat)]
    assert [text for text in log if text != "at the last moment"] == expected
    assert log.count("at the last moment") == bool(answer.seq)
    for device in (ann, bob):
        await device.until_seq(chat, len(log))
        assert device.texts(chat) == log


async def test_a_device_that_does_not_go_is_told_why_its_stream_ends(own_people: People, own_mesh: Mesh) -> None:
    """Who stays after DRAIN is cut off with DRAINING when the time is over, and the process still ends by itself."""
    ann = await own_people.user("ann")
    login = await log_in_again(own_people.address, ann.username)
    await ann.client.disconnect()
    async with RawDevice.open(own_people.address, login) as raw:
        own_mesh.interrupt()
        code, _ = await raw.ended()
        assert (code, raw.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert await asyncio.to_thread(own_mesh.wait) == 0
        assert SLOW not in own_mesh.log()


def test_a_second_mesh_on_one_address_says_so(shared_mesh: Mesh) -> None:
    """Of two meshes on one address the second ends at once, with one line that says why."""
    data = shared_mesh.data.parent / "second"
    environment = {**shared_mesh.environment, "PARLEY_DATA": str(data)}
    second = subprocess.run(command(), env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert second.returncode != 0
    [line] = second.stderr.splitlines()
    assert line.startswith(f"PARLEY_ADDRESS: cannot listen on {shared_mesh.address}")
    assert "ready" not in second.stdout


def test_a_second_mesh_on_one_data_folder_says_so(shared_mesh: Mesh) -> None:
    """Two meshes on one folder would not hear of each other: the second ends at once, with one line that says why."""
    environment = {**shared_mesh.environment, "PARLEY_ADDRESS": "127.0.0.1:0"}
    second = subprocess.run(command(), env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert second.returncode != 0
    assert second.stderr.splitlines() == [f"PARLEY_DATA: another mesh runs on {shared_mesh.data}"]
