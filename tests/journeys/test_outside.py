"""Programs of the installation beside the mesh: who carries notifications, who judges, who is told."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parley.admin.v1 import live_settings_pb2
from parley.conversation.v1.conversation_pb2 import ConversationSettings
from parley.hook.v1 import policy_service_pb2
from parley.hook.v1.policy_service_pb2 import JudgeRequest, JudgeResponse, PolicyVerdict
from parley.user.v1.session_pb2 import PushProvider
from parley_sdk import ParleyError
from tests.journeys.mesh import Mesh
from tests.journeys.people import PATIENCE, Device, People
from tests.journeys.programs import Ports, settings
from tests.ports import kept_port
from tests.svc_message.receiver import Hook, hook, service

if TYPE_CHECKING:
    from tests.journeys.message_nodes import MessageNodes

PROGRAMS = os.environ.get("PARLEY_TEST_PROGRAMS", "")
"""Ports of the carrier, the policy and the sink that the mesh of PARLEY_TEST_EDGE was told of."""

POLICY = policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"]


def judge(request: JudgeRequest) -> JudgeResponse:
    """Refuse one word, and put stars in the place of another one."""
    text = request.content.post.body.text.text + request.content.edit.body.text.text
    if "bad" in text:
        return JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_REFUSE, reason="not here")
    if "damn" in text:
        stars = text.replace("damn", "****")
        return JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_REPLACE, text=stars)
    return JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_ALLOW)


class Program:
    """A policy that comes and goes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._opened: Any = None

    async def start(self) -> None:
        """Start it."""
        self._opened = service(POLICY, self._port)
        (await self._opened.__aenter__()).answer = judge

    async def stop(self) -> None:
        """Let it go."""
        await self._opened.__aexit__(None, None, None)


@dataclass(frozen=True, slots=True)
class Stage:
    """People on the mesh, and its programs, of which each story has new ones in the places of those before."""

    people: People
    mesh: "Mesh | MessageNodes"
    carrier: Hook
    policy: Program
    audit: Hook


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    """Ports of this machine that are kept free, or those that the mesh behind an edge was told of."""
    if PROGRAMS:
        yield Ports(*(int(port) for port in PROGRAMS.split(",")))
        return
    with ExitStack() as stack:
        yield Ports(*(stack.enter_context(kept_port()) for _ in range(3)))


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> "Iterator[Mesh | MessageNodes]":
    """One mesh for these stories. It knows all its programs, and tells them soon."""
    if PROGRAMS:
        from tests.journeys.message_nodes import MessageNodes  # noqa: PLC0415  needs an edge

        yield MessageNodes(os.environ["PARLEY_TEST_EDGE"], settings(ports))
        return
    with closing(Mesh(tmp_path_factory.mktemp("outside") / "data", settings(ports))) as made:
        made.start()
        yield made


@pytest.fixture
async def stage(mesh: "Mesh | MessageNodes", ports: Ports, tmp_path: Path) -> AsyncIterator[Stage]:
    """People, and programs of their own."""
    policy = Program(ports.policy)
    async with hook(ports.carrier) as carrier, hook(ports.audit) as audit:
        await policy.start()
        try:
            async with People(mesh.address, tmp_path) as people:
                yield Stage(people, mesh, carrier, policy, audit)
        finally:
            await policy.stop()


async def be_notified(device: Device) -> None:
    """Say where notifications for a device go."""
    await device.client.settings.set_push_target(PushProvider.PUSH_PROVIDER_FCM, f"token of {device.id}")


async def away(device: Device) -> None:
    """Let a device go, once it is where its notifications go."""
    await be_notified(device)
    await device.client.disconnect()


async def test_an_offline_phone_gets_one_notification_with_the_right_badge(stage: Stage) -> None:
    """A phone that is away is told once of what came, with all that is unread; who hides content shows none."""
    people, carrier = stage.people, stage.carrier
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


async def test_what_a_policy_decides_is_the_same_for_all_and_waits_for_it(stage: Stage) -> None:
    """All devices show the rewritten text and never the refused one; while the program is away nothing is kept, and
    what was written meanwhile comes in order when it is back.
    """
    people, program = stage.people, stage.policy
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
    saying = asyncio.gather(*(ann.client.send(chat, f"text {number}") for number in range(3)))
    assert [entry.seq for entry in await bob.history(chat)] == [1, 2]
    await program.start()
    await saying
    await tablet.client.connect()
    for device in (ann, bob, tablet):
        await device.until_text(chat, "text 2")
        assert device.texts(chat) == ["start", "**** rain", *(f"text {number}" for number in range(3))]
        assert device.seqs(chat) == list(range(1, 6))


async def write_through(device: Device, chat: str, over: asyncio.Event) -> None:
    """Write without a pause until the mesh is back, and once more."""
    for number in itertools.count():
        ends = over.is_set()
        await asyncio.gather(*(device.client.send(chat, f"{number} {part}") for part in range(5)))
        if ends:
            return


def told(sink: Hook, chat: str) -> list[str]:
    """The ids of what a sink was told of this chat, in the order in which it was."""
    return [event["eventId"] for event in sink.events if event["eventId"].startswith(f"{chat}/")]


async def test_a_sink_is_told_of_everything_through_a_kill(stage: Stage) -> None:
    """After kill -9 amid writing a sink has each entry of each log that was acked, in order, none missing."""
    people, mesh, audit = stage.people, stage.mesh, stage.audit
    ann, bob, eve = await people.users("ann", "bob", "eve")
    chats = [ann.chat_with(bob), await people.open_group(ann, bob, eve)]
    over = asyncio.Event()
    writing = asyncio.gather(*(write_through(ann, chat, over) for chat in chats))
    await audit.until(lambda: all(len(told(audit, chat)) > 20 for chat in chats))
    await asyncio.to_thread(mesh.kill)
    await asyncio.to_thread(mesh.start)
    over.set()
    await writing
    for chat in chats:
        log = [f"{chat}/{entry.seq}" for entry in await bob.history(chat)]
        first = int(log[0].rpartition("/")[2])
        whole = [f"{chat}/{seq}" for seq in range(1, first)] + log
        await audit.until(lambda chat=chat, last=log[-1]: last in told(audit, chat))  # type: ignore[misc]
        assert list(dict.fromkeys(told(audit, chat))) == whole
    kinds = {event["kind"] for event in audit.events}
    assert {"post", "membership", "session", "group_notice"} <= kinds


@pytest.mark.skipif(bool(PROGRAMS), reason="who administers behind an edge calls at another address")
async def test_the_policy_is_switched_while_the_mesh_runs(stage: Stage) -> None:
    """Asked, off and asked again; open or closed while it is away; the audit log says so before each change."""
    assert isinstance(stage.mesh, Mesh)
    root, ann, bob = await stage.people.users("root", "ann", "bob")
    await asyncio.to_thread(stage.mesh.appoint, root.username)
    admin = (await stage.people.another(root)).client.administration
    chat, numbers = ann.chat_with(bob), itertools.count(1)

    async def change(mode: live_settings_pb2.PolicyMode.ValueType) -> None:
        wanted = live_settings_pb2.LiveSettings(policy_mode=mode)
        await admin.change_settings(wanted, ["policy_mode"], "a story")

    async def until(kept: bool | None) -> None:  # noqa: FBT001 - kept, refused, or told to come again
        async with asyncio.timeout(PATIENCE):
            while await _fate(ann, chat, f"a bad word {next(numbers)}") is not kept:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.1)

    try:
        await until(kept=False)
        await change(live_settings_pb2.POLICY_MODE_OFF)
        await until(kept=True)
        await change(live_settings_pb2.POLICY_MODE_FAIL_OPEN)
        await until(kept=False)
        await stage.policy.stop()
        await until(kept=True)
        await change(live_settings_pb2.POLICY_MODE_FAIL_CLOSED)
        await until(kept=None)
        await stage.policy.start()
        await ann.say(chat, "judged and fine")
        await bob.until_text(chat, "judged and fine")
    finally:
        await change(live_settings_pb2.POLICY_MODE_UNSPECIFIED)
    acts = await admin.audit(action="LiveSettingsService.UpdateLiveSettings", limit=4)
    assert [(act.target, act.details.get("policy_mode", "")) for act in acts] == [
        ("policy_mode", ""),
        ("policy_mode", "POLICY_MODE_FAIL_CLOSED"),
        ("policy_mode", "POLICY_MODE_FAIL_OPEN"),
        ("policy_mode", "POLICY_MODE_OFF"),
    ]


async def _fate(device: Device, chat: str, text: str) -> bool | None:
    """Whether a text is kept or refused; None: the device is told to send it again, and still does."""
    sending = asyncio.ensure_future(device.client.send(chat, text))
    done, _ = await asyncio.wait({sending}, timeout=1.0)
    if not done:
        return None
    if isinstance(refused := sending.exception(), ParleyError):
        assert refused.reason == "CONTENT_REFUSED"
        return False
    return True
