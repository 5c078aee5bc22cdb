"""Notifications for who is away, on a mesh that is killed meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parley.user.v1.session_pb2 import PushProvider
from tests.journeys.mesh import Mesh, free_port
from tests.journeys.people import Device, People
from tests.svc_message.receiver import SECRET, Hook, hook

HOLD_S = 0.4
"""Long enough to kill a mesh between an ack and the notification."""


@dataclass(frozen=True, slots=True)
class Stage:
    """People on a mesh of their own, and who carries notifications for it."""

    people: People
    mesh: Mesh
    carrier: Hook

    async def restart(self) -> None:
        """Kill the mesh, and start it again."""
        await asyncio.to_thread(self.mesh.kill)
        await asyncio.to_thread(self.mesh.start)


@pytest.fixture(scope="module")
def port() -> int:
    """Where the carrier is."""
    return free_port()


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Mesh]:
    """One mesh for these stories, which knows its carrier."""
    settings = {
        "PARLEY_MESSAGE_PUSH_URL": f"http://127.0.0.1:{port}/hook",
        "PARLEY_MESSAGE_PUSH_SECRET": SECRET,
        "PARLEY_MESSAGE_PUSH_HOLD_SECONDS": str(HOLD_S),
        "PARLEY_MESSAGE_PUSH_PAUSE_SECONDS": "0.1",
        "PARLEY_MESSAGE_PUSH_RETRY_SECONDS": "0.05",
    }
    with closing(Mesh(tmp_path_factory.mktemp("push") / "data", settings)) as made:
        made.start()
        yield made


@pytest.fixture
async def stage(mesh: Mesh, port: int, tmp_path: Path) -> AsyncIterator[Stage]:
    """People, and a carrier that knows nothing of the stories before."""
    async with hook(port) as carrier, People(mesh.address, tmp_path) as people:
        yield Stage(people, mesh, carrier)


async def away(device: Device) -> None:
    """Let a device go, once it is known where its notifications go."""
    await device.client.settings.set_push_target(PushProvider.PUSH_PROVIDER_APNS, f"token of {device.id}")
    await device.client.disconnect()


def ids(told: list[Any]) -> list[str]:
    """The ids of notifications."""
    return [one["notificationId"] for one in told]


async def test_what_waited_to_be_told_is_told_after_a_kill(stage: Stage) -> None:
    """After kill -9 between ack and notification it comes, once, and not to who has read it meanwhile."""
    carrier = stage.carrier
    ann, bob, eve = await stage.people.users("ann", "bob", "eve")
    await away(bob)
    await away(eve)
    await ann.say(ann.chat_with(bob), "for bob")
    await ann.say(ann.chat_with(eve), "for eve")
    await stage.restart()
    assert carrier.tried == []
    await eve.client.connect()
    await eve.until_text(ann.chat_with(eve), "for eve")
    await eve.client.mark_read(ann.chat_with(eve), 1)
    await eve.client.disconnect()
    await carrier.until(lambda: carrier.bodies)
    await ann.say(ann.chat_with(eve), "later")
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [(one["deviceId"], one["text"]) for one in carrier.tried] == [(bob.id, "for bob"), (eve.id, "later")]
    assert ids(carrier.tried)[0] == f"m-{bob.id}-{ann.chat_with(bob)}-1"


async def test_what_was_told_just_before_a_kill_has_the_same_id_again(stage: Stage) -> None:
    """A notification that was carried at the moment of the kill comes at most once more, and can be told by its id."""
    carrier = stage.carrier
    ann, bob, eve = await stage.people.users("ann", "bob", "eve")
    await away(bob)
    await away(eve)
    await ann.say(ann.chat_with(bob), "carried")
    await carrier.until(lambda: carrier.bodies)
    await ann.say(ann.chat_with(eve), "waits")
    await stage.restart()
    await carrier.until(lambda: any(one["text"] == "waits" for one in carrier.bodies))
    await ann.say(ann.chat_with(bob), "later")
    await carrier.until(lambda: carrier.bodies[-1]["text"] == "later")
    of_bob = [one["notificationId"] for one in carrier.tried if one["deviceId"] == bob.id]
    assert set(of_bob) == {f"m-{bob.id}-{ann.chat_with(bob)}-{seq}" for seq in (1, 2)}
    assert of_bob.count(of_bob[0]) <= 2


async def test_a_friend_request_and_an_invitation_are_told(stage: Stage) -> None:
    """Who is away hears of a friend request and of an invitation with all that an app needs to word them, not of a
    request that was taken back; the badge is of messages alone, and a device that comes back can answer.
    """
    carrier = stage.carrier
    ann, bob, eve = await stage.people.users("ann", "bob", "eve")
    group = (await ann.client.groups.create("Chess", [eve.user_id])).group.group_id
    await away(bob)
    mistake = await eve.client.friends.request(bob.user_id, "by mistake")
    await eve.client.friends.cancel(mistake.friend_request_id)
    await ann.client.friends.request(bob.user_id, "It is Ann")
    await ann.client.groups.invite(group, [bob.user_id])
    await carrier.until(lambda: len(carrier.bodies) == 2)
    request, invitation = sorted(carrier.bodies, key=lambda one: str(one["kind"]))
    assert (request["kind"], request["senderName"], request["text"]) == ("KIND_FRIEND_REQUEST", "Ann", "It is Ann")
    named = ("kind", "senderName", "groupId", "groupName")
    assert [invitation[field] for field in named] == ["KIND_GROUP_INVITATION", "Ann", group, "Chess"]
    assert {one["deviceId"] for one in carrier.tried} == {bob.id}
    await ann.say(ann.chat_with(bob), "did you see it?")
    await carrier.until(lambda: len(carrier.bodies) == 3)
    assert [one.get("badge", 0) for one in (request, invitation, carrier.bodies[2])] == [0, 0, 1]
    await bob.client.connect()
    await bob.client.friends.accept(request["requestId"])
    await bob.client.groups.join(invitation["groupId"])
    assert [one.user_id for one in await bob.client.friends.list()] == [ann.user_id]
    assert [one.group_id for one in await bob.client.groups.mine()] == [group]
