"""Programs of the installation beside the mesh: who carries notifications, who judges, who is told."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from parley.conversation.v1.conversation_pb2 import ConversationSettings
from parley.hook.v1 import policy_service_pb2
from parley.hook.v1.policy_service_pb2 import JudgeRequest, JudgeResponse, PolicyVerdict
from parley.user.v1.session_pb2 import PushProvider
from parley_sdk import ParleyError
from tests.journeys.mesh import Mesh
from tests.journeys.people import Device, People
from tests.svc_message.receiver import SECRET, Hook, Service, hook, service

POLICY = policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"]


@asynccontextmanager
async def people_of(folder: Path, **settings: str) -> AsyncIterator[tuple[People, Mesh]]:
    """People on a mesh of their own with these settings, each named without `PARLEY_MESSAGE_`."""
    mesh = Mesh(folder / "data", {f"PARLEY_MESSAGE_{name}": value for name, value in settings.items()})
    try:
        await asyncio.to_thread(mesh.start)
        async with People(mesh.address, folder) as people:
            yield people, mesh
    finally:
        mesh.close()


async def be_notified(device: Device) -> None:
    """Say where notifications for a device go."""
    await device.client.settings.set_push_target(PushProvider.PUSH_PROVIDER_FCM, f"token of {device.id}")


async def away(device: Device) -> None:
    """Let a device go, once it is where its notifications go."""
    await be_notified(device)
    await device.client.disconnect()


async def test_an_offline_phone_gets_one_notification_with_the_right_badge(tmp_path: Path) -> None:
    """A phone that is away is told once of what came, with all that is unread; who hides content shows none."""
    async with hook() as carrier:
        push = {"PUSH_URL": carrier.url, "PUSH_SECRET": SECRET, "PUSH_HOLD_SECONDS": "0.3"}
        async with people_of(tmp_path, **push) as (people, _):
            ann, phone, eve = await people.users("ann", "bob", "eve")
            tablet = await people.another(eve)
            group = await people.open_group(ann, phone, eve)
            await eve.client.settings.change_privacy(hide_push_content=True)
            await ann.say(ann.chat_with(phone), "before")
            await phone.until_text(ann.chat_with(phone), "before")
            await phone.client.mark_read(ann.chat_with(phone), 1)
            muted = await people.open_group(ann, phone, eve)
            forever = ConversationSettings(muted_until_ms=2**63 - 1)
            await phone.client.conversations.update_settings(muted, forever, ["muted_until_ms"])
            await away(phone)
            await away(tablet)
            await ann.say(muted, "nobody hears this")
            await ann.say(group, "to the group")
            await carrier.until(lambda: len(carrier.bodies) == 1)
            await ann.say(ann.chat_with(phone), "one", "two")
            await carrier.until(lambda: len(carrier.bodies) == 2)
            assert [one["deviceId"] for one in carrier.bodies] == [phone.id, phone.id]
            assert [one["badge"] for one in carrier.bodies] == [1, 3]
            assert (carrier.bodies[1]["text"], carrier.bodies[1]["senderName"]) == ("two", "Ann")
            await be_notified(eve)
            await eve.client.disconnect()
            await ann.say(ann.chat_with(eve), "for your eyes")
            await carrier.until(lambda: len(carrier.bodies) == 4)
            assert {one["deviceId"] for one in carrier.bodies[2:]} == {eve.id, tablet.id}
            assert {"text", "senderName", "senderId"} & (carrier.bodies[2].keys() | carrier.bodies[3].keys()) == set()
            await read_elsewhere(people, phone, carrier, ann.chat_with(phone))


async def read_elsewhere(people: People, phone: Device, carrier: Hook, chat: str) -> None:
    """What is read on a laptop goes from the icon of the phone, which is still away."""
    laptop = await people.another(phone)
    await laptop.until_text(chat, "two")
    await laptop.client.mark_read(chat, 3)
    await carrier.until(lambda: carrier.bodies[-1]["kind"] == "KIND_BADGE")
    last = carrier.bodies[-1]
    assert (last["deviceId"], last["badge"], last["seq"]) == (phone.id, 1, "3")


def judge(request: JudgeRequest) -> JudgeResponse:
    """Refuse one word, and put stars in the place of another one."""
    text = request.content.post.body.text.text + request.content.edit.body.text.text
    if "bad" in text:
        return JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_REFUSE, reason="not here")
    if "damn" in text:
        stars = text.replace("damn", "****")
        return JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_REPLACE, text=stars)
    return JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_ALLOW)


async def test_what_a_policy_decides_is_the_same_for_all_and_waits_for_it(tmp_path: Path) -> None:
    """All devices show the rewritten text and never the refused one; while the program is away nothing is kept, and
    what was written meanwhile comes in order when it is back.
    """
    async with people_with_policy(tmp_path) as (people, program, port):
        ann, bob = await people.users("ann", "bob")
        tablet = await people.another(bob)
        chat = ann.chat_with(bob)
        await ann.say(chat, "start")
        await tablet.until_seq(chat, 1)
        await tablet.client.disconnect()
        with pytest.raises(ParleyError) as refused:
            await ann.client.send(chat, "a bad thing")
        assert (refused.value.reason, refused.value.message) == ("CONTENT_REFUSED", "not here")
        assert (await ann.client.send(chat, "damn rain")).replaced
        await program.stop()
        saying = asyncio.gather(*(ann.client.send(chat, f"text {number}") for number in range(5)))
        assert [entry.seq for entry in await bob.history(chat)] == [1, 2]
        await program.start(port)
        await saying
        await tablet.client.connect()
        for device in (ann, bob, tablet):
            await device.until_text(chat, "text 4")
            assert device.texts(chat) == ["start", "**** rain", *(f"text {number}" for number in range(5))]
            assert device.seqs(chat) == list(range(1, 8))


class Program:
    """A policy that comes and goes."""

    def __init__(self) -> None:
        self._opened: Any = None
        self.made: Service | None = None

    async def start(self, port: int = 0) -> int:
        """Start it; return its port."""
        self._opened = service(POLICY, port)
        self.made = await self._opened.__aenter__()
        self.made.answer = judge
        return int(self.made.address.rpartition(":")[2])

    async def stop(self) -> None:
        """Let it go."""
        await self._opened.__aexit__(None, None, None)


@asynccontextmanager
async def people_with_policy(folder: Path) -> AsyncIterator[tuple[People, Program, int]]:
    """People on a mesh whose policy may go away."""
    program = Program()
    port = await program.start()
    address = f"grpc://127.0.0.1:{port}"
    try:
        async with people_of(folder, POLICY_URL=address, POLICY_SECRET=SECRET) as (people, _):
            yield people, program, port
    finally:
        await program.stop()


async def write_through(device: Device, chat: str, over: asyncio.Event) -> None:
    """Write without a pause until the mesh is back, and once more."""
    for number in itertools.count():
        ends = over.is_set()
        await asyncio.gather(*(device.client.send(chat, f"{number} {part}") for part in range(5)))
        if ends:
            return


async def test_a_sink_is_told_of_everything_through_a_kill(tmp_path: Path) -> None:
    """After kill -9 amid writing a sink has each entry of each log that was acked, in order, none missing."""
    async with hook() as audit:
        sinks = f'[audit]\nurl = "{audit.url}"\nsecret = "{SECRET}"\n'
        async with people_of(tmp_path, EVENTS_SINKS=sinks, EVENTS_POLL_SECONDS="0.05") as (people, mesh):
            ann, bob, eve = await people.users("ann", "bob", "eve")
            chats = [ann.chat_with(bob), await people.open_group(ann, bob, eve)]
            over = asyncio.Event()
            writing = asyncio.gather(*(write_through(ann, chat, over) for chat in chats))
            await audit.until(lambda: len(audit.events) > 50)
            await asyncio.to_thread(mesh.kill)
            await asyncio.to_thread(mesh.start)
            over.set()
            await writing
            for chat in chats:
                log = [f"{chat}/{entry.seq}" for entry in await bob.history(chat)]
                first = int(log[0].rpartition("/")[2])
                whole = [f"{chat}/{seq}" for seq in range(1, first)] + log
                await audit.until(lambda last=log[-1]: last in [event["eventId"] for event in audit.events])  # type: ignore[misc]
                told = [event["eventId"] for event in audit.events if event["eventId"].startswith(f"{chat}/")]
                assert list(dict.fromkeys(told)) == whole
            kinds = {event["kind"] for event in audit.events}
            assert {"post", "membership", "session", "group_notice"} <= kinds
