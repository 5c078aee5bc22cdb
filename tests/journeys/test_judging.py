"""A model judges what people write, as administrators have it while the mesh runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from parley.admin.v1.live_settings_pb2 import (
    JUDGING_MODE_FAIL_CLOSED,
    JUDGING_MODE_FAIL_OPEN,
    JUDGING_MODE_REVIEW,
    LiveSettings,
)
from parley_sdk.facades.administration import Administration
from tests.journeys.mesh import Mesh, started
from tests.journeys.people import PATIENCE, Device, People
from tests.journeys.test_words import refusal
from tests.ports import kept_port
from tests.svc_ai.model_server import KEY, ModelServer, model_server

NUMBERS: Final = count(1)


@dataclass(frozen=True, slots=True)
class Stage:
    """Two people, their administrator, and the model that the mesh was told of."""

    people: People
    mesh: Mesh
    admin: Administration
    ann: Device
    bob: Device
    model: ModelServer

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


async def eventually(met: Callable[[], Awaitable[bool]], what: str) -> None:
    """Look until it is so: settings tell nobody that they were taken."""
    async with asyncio.timeout(PATIENCE):
        while not await met():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
    assert what


@pytest.fixture
def port() -> Iterator[int]:
    """Return a port of this machine that is kept free."""
    with kept_port() as port:
        yield port


@pytest.fixture
def judged_mesh(tmp_path: Path, port: int) -> Iterator[Mesh]:
    """A mesh for each story, as it was left by none before; it knows a model, and was started without asking it."""
    settings = {
        "PARLEY_AI_JUDGE_URL": f"http://127.0.0.1:{port}/v1",
        "PARLEY_AI_JUDGE_KEY": KEY,
        "PARLEY_AI_JUDGE_TERMS_SECONDS": "1",
        "PARLEY_AI_JUDGE_TERMS_REMEMBERED": "0",
    }
    with started(tmp_path / "judged", settings) as mesh:
        yield mesh


@pytest.fixture
async def stage(judged_mesh: Mesh, port: int, tmp_path: Path) -> AsyncIterator[Stage]:
    """Return people of this story, and a model of its own in the place of the one before."""
    async with model_server(port) as model, People(judged_mesh.address, tmp_path) as people:
        root, ann, bob = await people.users("root", "ann", "bob")
        await asyncio.to_thread(judged_mesh.appoint, root.username)
        admin = (await people.another(root)).client.administration
        yield Stage(people, judged_mesh, admin, ann, bob, model)


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
