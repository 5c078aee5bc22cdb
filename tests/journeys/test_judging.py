"""A model and the policy of the installation, as administrators have them ask while the mesh runs."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import grpc
import pytest

from parley.admin.v1.live_settings_pb2 import (
    JUDGING_MODE_FAIL_CLOSED,
    JUDGING_MODE_FAIL_OPEN,
    JUDGING_MODE_REVIEW,
    POLICY_MODE_FAIL_CLOSED,
    POLICY_MODE_FAIL_OPEN,
    POLICY_MODE_OFF,
    LiveSettings,
)
from parley_sdk import ParleyError
from parley_sdk.facades.administration import Administration
from tests.journeys.mesh import Mesh
from tests.journeys.people import PATIENCE, Device, People
from tests.journeys.test_outside import POLICY
from tests.journeys.test_outside import judge as say
from tests.svc_ai.model_server import KEY, ModelServer, model_server
from tests.svc_message.receiver import SECRET, Refusal, service

NUMBERS: Final = count(1)


@dataclass(frozen=True, slots=True)
class Stage:
    """Two people, their administrator, and the model and the policy that the mesh was told of."""

    people: People
    mesh: Mesh
    admin: Administration
    ann: Device
    bob: Device
    model: ModelServer
    policy: Any

    @property
    def chat(self) -> str:
        """Where they write."""
        return self.ann.chat_with(self.bob)

    async def change(self, settings: LiveSettings, field: str) -> None:
        """Set a mode; nodes take it a moment later."""
        await self.admin.change_settings(settings, [field], "a story")

    async def refused(self, text: str) -> bool:
        """Whether a text is refused; one of its own each time, so that no answer is remembered."""
        return await refusal(self.ann.client.send(self.chat, f"{text} {next(NUMBERS)}")) == "CONTENT_REFUSED"

    async def kept(self, text: str) -> bool:
        """Whether a text is kept as it is."""
        return not await self.refused(text)


async def refusal(call: Awaitable[object]) -> str:
    """The reason with which a call was refused; empty when it was not."""
    try:
        await call
    except ParleyError as error:
        return error.reason
    return ""


async def eventually(met: Callable[[], Awaitable[bool]], what: str) -> None:
    """Look until it is so: settings tell nobody that they were taken."""
    async with asyncio.timeout(PATIENCE):
        while not await met():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
    assert what


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the programs are that the mesh was told of."""

    model: int
    policy: int


@pytest.fixture(scope="module")
def ports() -> Ports:
    """Ports of this machine that are free."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(2)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return Ports(*(int(one.getsockname()[1]) for one in found))


@pytest.fixture(scope="module")
def judged_mesh(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> Iterator[Mesh]:
    """One mesh for these stories, with a model and a policy. It was started with both, and with the model off."""
    settings = {
        "PARLEY_AI_JUDGE_URL": f"http://127.0.0.1:{ports.model}/v1",
        "PARLEY_AI_JUDGE_KEY": KEY,
        "PARLEY_AI_JUDGE_TERMS_SECONDS": "1",
        "PARLEY_AI_JUDGE_TERMS_REMEMBERED": "0",
        "PARLEY_MESSAGE_POLICY_URL": f"grpc://127.0.0.1:{ports.policy}",
        "PARLEY_MESSAGE_POLICY_SECRET": SECRET,
        "PARLEY_MESSAGE_POLICY_DEADLINE_SECONDS": "2",
    }
    mesh = Mesh(tmp_path_factory.mktemp("judged") / "data", settings)
    try:
        mesh.start()
        yield mesh
    finally:
        mesh.close()


@pytest.fixture
async def stage(judged_mesh: Mesh, ports: Ports, tmp_path: Path) -> AsyncIterator[Stage]:
    """Return people of this story, and programs of its own in the places of those before."""
    async with (
        model_server(ports.model) as model,
        service(POLICY, ports.policy) as policy,
        People(judged_mesh.address, tmp_path) as people,
    ):
        policy.answer = say
        root, ann, bob = await people.users("root", "ann", "bob")
        await asyncio.to_thread(judged_mesh.appoint, root.username)
        admin = (await people.another(root)).client.administration
        made = Stage(people, judged_mesh, admin, ann, bob, model, policy)
        yield made
        await admin.change_settings(LiveSettings(), ["policy_mode", "judging_mode"], "it ended")


async def test_a_model_judges_when_an_administrator_says_so(stage: Stage) -> None:
    """Off, then before each send, while all run; what it blocks nobody sees, a device that was away included."""
    tablet = await stage.people.another(stage.bob)
    await tablet.client.disconnect()
    assert await stage.kept("an axe")
    assert stage.model.asked == [], "nobody asks unless somebody wants it"
    await stage.change(LiveSettings(judging_mode=JUDGING_MODE_FAIL_CLOSED), "judging_mode")
    await eventually(lambda: stage.refused("an axe"), "it is asked")
    before = (await stage.ann.say(stage.chat, "peace"))[0].seq
    assert await refusal(stage.ann.client.edit(stage.chat, before, "an axe in an edit")) == "CONTENT_REFUSED"
    await stage.ann.say(stage.chat, "something rude")
    await tablet.client.connect()
    for device in (stage.bob, tablet):
        await device.until_text(stage.chat, "something rude")
        assert "an axe in an edit" not in device.texts(stage.chat)

    async def reported() -> bool:
        found = await stage.admin.moderation.reports(subject_id=stage.chat)
        return [(one.reporter_id, one.explanation) for one in found] == [("", "judged: harassment-threatening (0.70)")]

    await eventually(reported, "a moderator is to look at the rude one")


async def test_a_model_that_hangs_holds_nobody_up_for_long(stage: Stage) -> None:
    """Fail-open keeps what was written after its deadline; fail-closed has the device send again, until it answers."""
    await stage.change(LiveSettings(judging_mode=JUDGING_MODE_FAIL_CLOSED), "judging_mode")
    await eventually(lambda: stage.refused("an axe"), "it is asked")
    stage.model.hold.clear()
    waits = asyncio.ensure_future(stage.ann.client.send(stage.chat, "patience"))
    await stage.model.until(lambda: any("patience" in text for text in stage.model.asked))
    stage.model.hold.set()
    assert (await waits).seq, "the device sent it again by itself"
    await stage.bob.until_text(stage.chat, "patience")
    await stage.change(LiveSettings(judging_mode=JUDGING_MODE_FAIL_OPEN), "judging_mode")
    stage.model.hold.clear()
    await stage.ann.say(stage.chat, "an axe that nobody judged")
    await stage.bob.until_text(stage.chat, "an axe that nobody judged")


async def test_a_model_reviews_what_was_written(stage: Stage) -> None:
    """Nobody waits; what it finds a moderator sees; what was written while it was off it never looks at."""

    async def reported() -> bool:
        await stage.ann.say(stage.chat, text := f"an axe {next(NUMBERS)}")
        await stage.bob.until_text(stage.chat, text)
        reports = await stage.admin.moderation.reports(subject_id=stage.chat)
        return {one.explanation for one in reports} == {"judged: violence, harassment-threatening (0.97)"}

    await eventually(lambda: stage.kept("an axe"), "nobody is asked")
    await stage.ann.say(stage.chat, "an axe before")
    await stage.change(LiveSettings(judging_mode=JUDGING_MODE_REVIEW), "judging_mode")
    await eventually(reported, "it is reported")
    await stage.change(LiveSettings(judging_mode=JUDGING_MODE_FAIL_OPEN), "judging_mode")
    await eventually(lambda: stage.refused("an axe"), "it is asked before, and reviews nothing")
    await stage.ann.say(stage.chat, "peace meanwhile")
    await stage.change(LiveSettings(judging_mode=JUDGING_MODE_REVIEW), "judging_mode")
    await eventually(lambda: stage.kept("an axe again"), "it reviews again")
    await stage.model.until(lambda: any(text.startswith("an axe again") for text in stage.model.asked))
    assert stage.model.asked.count("peace meanwhile") == 1, "it was asked before, and not once more"
    assert "an axe before" not in stage.model.asked


async def test_the_policy_is_switched_while_the_mesh_runs(stage: Stage) -> None:
    """Asked, off and asked again; open or closed when it is silent; the audit log says so before each change."""
    await eventually(lambda: stage.refused("a bad word"), "as it was started")
    await stage.change(LiveSettings(policy_mode=POLICY_MODE_OFF), "policy_mode")
    await eventually(lambda: stage.kept("a bad word"), "it is off")
    tried = len(stage.policy.tried)
    await stage.ann.say(stage.chat, "nobody judges this")
    assert len(stage.policy.tried) == tried
    await stage.change(LiveSettings(policy_mode=POLICY_MODE_FAIL_OPEN), "policy_mode")
    await eventually(lambda: stage.refused("a bad word"), "it is asked again")
    answer, stage.policy.answer = stage.policy.answer, _breaks
    await stage.ann.say(stage.chat, "a bad word that nobody judged")
    await stage.change(LiveSettings(policy_mode=POLICY_MODE_FAIL_CLOSED), "policy_mode")
    await _until_closed(stage)
    stage.policy.answer = answer
    await stage.ann.say(stage.chat, "judged and fine")
    acts = await stage.admin.audit(action="LiveSettingsService.UpdateLiveSettings", limit=3)
    assert [(act.target, act.details["policy_mode"]) for act in acts] == [
        ("policy_mode", "POLICY_MODE_FAIL_CLOSED"),
        ("policy_mode", "POLICY_MODE_FAIL_OPEN"),
        ("policy_mode", "POLICY_MODE_OFF"),
    ]


def _breaks(_: object) -> None:
    raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED)


async def _until_closed(stage: Stage) -> None:
    """Wait until a text is not kept for want of an answer; the device sends it again until there is one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            sending = asyncio.ensure_future(stage.ann.client.send(stage.chat, f"closed {next(NUMBERS)}"))
            done, _ = await asyncio.wait({sending}, timeout=1.0)
            if not done:
                return
