"""Notifications for who is away, on a mesh that is killed meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parley.user.v1.session_pb2 import PushProvider
from tests.journeys.mesh import Mesh
from tests.journeys.people import PATIENCE, Device, People
from tests.ports import kept_port
from tests.svc_message.receiver import SECRET, Hook, hook

SOON_S, LATE_S = 0.1, 60.0
"""How long a mesh waits before it tells: as short as may be, and longer than a machine takes for what comes before."""

HOLD = "PARLEY_MESSAGE_PUSH_HOLD_SECONDS"


@dataclass(frozen=True, slots=True)
class Stage:
    """People on a mesh of their own, and who carries notifications for it."""

    people: People
    mesh: Mesh
    carrier: Hook

    async def restart(self, hold_s: float) -> None:
        """Kill the mesh, and start one in its place that waits so long before it tells."""
        await asyncio.to_thread(self.mesh.kill)
        self.mesh.settings[HOLD] = str(hold_s)
        await asyncio.to_thread(self.mesh.start)


@pytest.fixture
def port() -> Iterator[int]:
    """Where the carrier is."""
    with kept_port() as port:
        yield port


@pytest.fixture
def mesh(tmp_path: Path, port: int) -> Iterator[Mesh]:
    """A mesh for each story, which knows its carrier: what one was told before a kill may come to the next."""
    settings = {
        "PARLEY_MESSAGE_PUSH_URL": f"http://127.0.0.1:{port}/hook",
        "PARLEY_MESSAGE_PUSH_SECRET": SECRET,
        HOLD: str(SOON_S),
        "PARLEY_MESSAGE_PUSH_PAUSE_SECONDS": "0.1",
        "PARLEY_MESSAGE_PUSH_RETRY_SECONDS": "0.05",
    }
    with closing(Mesh(tmp_path / "push", settings)) as made:
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
    await stage.restart(LATE_S)
    await ann.say(ann.chat_with(bob), "for bob")
    await ann.say(ann.chat_with(eve), "for eve")
    await stage.restart(LATE_S)
    await eve.client.connect()
    await eve.until_text(ann.chat_with(eve), "for eve")
    await read(eve, ann.chat_with(eve))
    await eve.client.disconnect()
    assert carrier.tried == []
    await stage.restart(SOON_S)
    await carrier.until(lambda: carrier.bodies)
    await ann.say(ann.chat_with(eve), "later")
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [(one["deviceId"], one["text"]) for one in carrier.tried] == [(bob.id, "for bob"), (eve.id, "later")]
    assert ids(carrier.tried)[0] == f"m-{bob.id}-{ann.chat_with(bob)}-1"


async def read(device: Device, chat: str) -> None:
    """Read the first entry of a chat, so that it is kept."""
    await device.client.mark_read(chat, 1)
    async with asyncio.timeout(PATIENCE):
        while (await device.client.conversations.get(chat)).read_seq < 1:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)


async def test_what_was_told_just_before_a_kill_has_the_same_id_again(stage: Stage) -> None:
    """A notification that was carried at the moment of the kill comes at most once more, and can be told by its id."""
    carrier = stage.carrier
    ann, bob, eve = await stage.people.users("ann", "bob", "eve")
    await away(bob)
    await away(eve)
    await ann.say(ann.chat_with(bob), "carried")
    await carrier.until(lambda: carrier.bodies)
    await ann.say(ann.chat_with(eve), "waits")
    await stage.restart(SOON_S)
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
