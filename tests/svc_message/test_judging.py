"""A model judges what people write: before it is kept, or after."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from mesh import errors
from mesh.caller import Caller
from mesh.registry import Node
from mesh.settings import SettingError
from parley.ai.v1 import moderation_service_pb2 as pb
from svc_message.app import Settings
from svc_message.application.judging.judge_log import NAME
from svc_message.domain.administration.report import NOBODY, ReportQuery
from svc_message.infrastructure.model_judge import JudgingSettings
from svc_message.infrastructure.store import Store, open_store
from tests.svc_message.device import Device, direct, edit, new_device, post
from tests.svc_message.world import World, eventually, new_server, process, world

MODERATION: Final = pb.DESCRIPTOR.services_by_name["ModerationService"]
Answer = Callable[[str], pb.ModerateResponse]

PATIENT_S: Final = 30.0
"""How long a model is waited for: a busy machine takes its time for an answer."""

DEADLINE_S: Final = 0.5
"""The same where no answer comes."""


def verdict(text: str) -> pb.ModerateResponse:
    """What a model says of a text."""
    if "axe" in text:
        return pb.ModerateResponse(verdict=pb.VERDICT_BLOCK, categories=["violence"], confidence=0.97)
    if "rude" in text:
        return pb.ModerateResponse(verdict=pb.VERDICT_REVIEW, categories=["harassment"], confidence=0.7)
    return pb.ModerateResponse(verdict=pb.VERDICT_ALLOW)


@dataclass
class Model:
    """The AI service, as the message service asks it."""

    answer: Answer = verdict
    asked: list[str] = field(default_factory=list)
    away: bool = False
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    quick: str = ""
    """About this text it answers even while it has the others wait."""

    def __post_init__(self) -> None:
        """It answers at once, until a test has it wait."""
        self.hold.set()


class ModerationServicer:
    """Its RPC."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def moderate(self, request: pb.ModerateRequest, caller: Caller) -> pb.ModerateResponse:
        """Judge."""
        self._model.asked.append(request.text)
        if request.text != self._model.quick:
            await self._model.hold.wait()
        if self._model.away:
            raise errors.unavailable("SERVICE_UNAVAILABLE", "away")
        return self._model.answer(request.text)


@asynccontextmanager
async def judged(folder: Path, model: Model, mode: str, deadline_s: float = PATIENT_S) -> AsyncIterator[World]:
    """A mesh whose message node was started in this mode."""
    async with world(folder) as made, AsyncExitStack() as stack:
        server = new_server(made, "ai")
        server.add(ModerationServicer(model), MODERATION)
        stack.push_async_callback(server.drain, 0)
        [address] = await server.start("127.0.0.1:0")
        await stack.enter_async_context(made.backends.registry.register("ai", Node("ai-1", "boot", address)))
        made.message = Settings(judging=JudgingSettings(mode, deadline_s), sends_burst=0)
        async with process(made, "message", "gateway") as bound, AsyncExitStack() as calls:
            made.stack = calls
            made.connect(bound)
            yield made
        model.hold.set()


@pytest.fixture
def model() -> Model:
    """Return a model that answers."""
    return Model()


async def two(mesh: World) -> tuple[Device, Device, str]:
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    return ann, bob, direct(ann, bob)


@asynccontextmanager
async def store_of(mesh: World) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:{mesh.database}", Settings().store_password) as store:
        yield store


async def reports(mesh: World, chat: str) -> list[tuple[int, str]]:
    """Seq and explanation of what nobody reported, the oldest first."""
    async with store_of(mesh) as store:
        found = await store.reports.find(ReportQuery(subject_id=chat))
    assert {report.reporter_id for report in found} <= {NOBODY}
    return sorted((report.seq, report.explanation) for report in found)


async def test_nobody_is_asked_unless_somebody_wants_it(tmp_path: Path, model: Model) -> None:
    """Off is the default: posts and edits go their way, and the model hears of nothing."""
    async with judged(tmp_path, model, JudgingSettings().mode) as mesh:
        ann, bob, chat = await two(mesh)
        assert await ann.seqs(post(chat, "an axe")) + await ann.seqs(edit(chat, 1, "an axe!")) == [1, 2]
        await bob.entry(chat, 2)
        assert await reports(mesh, chat) == []
    assert model.asked == []


async def test_what_it_blocks_is_not_kept(tmp_path: Path, model: Model) -> None:
    """A refused post has no place, nor has such an edit; those around them keep their order."""
    async with judged(tmp_path, model, "fail-closed") as mesh:
        ann, bob, chat = await two(mesh)
        results = await ann.results(post(chat, "one"), post(chat, "an axe"), post(chat, "three"))
        assert [(one.seq, one.error.reason) for one in results] == [(1, ""), (0, "CONTENT_REFUSED"), (2, "")]
        assert "violence" not in results[1].error.message, "it would teach how to avoid it"
        assert await ann.refused(edit(chat, 1, "an axe")) == "CONTENT_REFUSED"
        assert (await bob.entry(chat, 2)).content.post.body.text.text == "three"
        assert await reports(mesh, chat) == []


async def test_what_it_wants_looked_at_is_kept_and_reported(tmp_path: Path, model: Model) -> None:
    """Also when the message waits for long before it stands, and once however often it is sent."""
    async with judged(tmp_path, model, "fail-open") as mesh:
        ann, bob, chat = await two(mesh)
        model.hold.clear()
        model.quick = "so rude"
        sending = asyncio.create_task(ann.results(post(chat, "first"), given := post(chat, "so rude", 77)))
        await eventually(lambda: _so(len(model.asked) == 2))
        for _ in range(5):  # moderators look for it again and again
            mesh.clock.advance(1.1)
            assert await reports(mesh, chat) == []
        model.hold.set()
        assert [one.seq for one in await sending] == [1, 2]
        await eventually(lambda: _reported(mesh, chat))
        [again] = await ann.results(given)
        assert (again.seq, again.duplicate) == (2, True)
        mesh.clock.advance(1.1)
        await bob.entry(chat, 2)
        assert await reports(mesh, chat) == [(2, "judged: harassment (0.70)")]


async def _so(met: bool) -> bool:  # noqa: FBT001 - what was found
    return met


async def _reported(mesh: World, chat: str, count: int = 1) -> bool:
    return len(await reports(mesh, chat)) >= count


NO_ANSWER: "dict[str, Callable[[Model], None]]" = {
    "away": lambda model: setattr(model, "away", True),
    "degraded": lambda model: setattr(model, "answer", lambda _: pb.ModerateResponse(degraded=True)),
    "hangs": lambda model: model.hold.clear(),
}


@pytest.mark.parametrize("fails", NO_ANSWER.values(), ids=NO_ANSWER)
@pytest.mark.parametrize("mode", ["fail-open", "fail-closed"])
async def test_without_an_answer_the_mode_decides(
    tmp_path: Path, model: Model, mode: str, fails: Callable[[Model], None]
) -> None:
    """Open keeps the text as it is, closed has the device send it again; with an answer again both judge again."""
    async with judged(tmp_path, model, mode, DEADLINE_S if fails is NO_ANSWER["hangs"] else PATIENT_S) as mesh:
        ann, _, chat = await two(mesh)
        fails(model)
        [first] = await ann.results(post(chat, "an axe", 1))
        if mode == "fail-open":
            assert first.seq == 1
        else:
            assert (first.seq, first.error.reason, first.error.retry_after_ms > 0) == (0, "SERVICE_UNAVAILABLE", True)
        model.away, model.answer = False, verdict
        model.hold.set()
        await eventually(lambda: _judges(mesh, ann, chat))


async def _judges(mesh: World, device: Device, chat: str) -> bool:
    """Whether a text of its own is refused: an answer may be too late again."""
    mesh.clock.advance(10.0)
    [result] = await device.results(post(chat, "another axe"))
    return result.error.reason == "CONTENT_REFUSED"


async def test_what_is_kept_already_is_looked_at_afterwards(tmp_path: Path, model: Model) -> None:
    """Nothing waits for the model, what it finds in posts and edits is reported, and a restart goes on from there."""
    async with judged(tmp_path, model, "review") as mesh:
        ann, bob, chat = await two(mesh)
        await eventually(lambda: _followed(mesh))
        model.hold.clear()
        assert await ann.seqs(post(chat, "an axe"), post(chat, "fine")) == [1, 2]
        assert await ann.seqs(edit(chat, 2, "not so rude")) == [3]
        assert (await bob.entry(chat, 3)).content.edit.body.text.text == "not so rude"
        model.hold.set()
        await eventually(lambda: _reported(mesh, chat, 2))
        assert await reports(mesh, chat) == [(1, "judged: violence (0.97)"), (3, "judged: harassment (0.70)")]
        assert sorted(model.asked) == ["an axe", "fine", "not so rude"]


async def test_a_model_that_is_away_misses_nothing_that_was_kept(tmp_path: Path, model: Model) -> None:
    """What was written meanwhile is looked at when it is back, by a node that was started anew and goes on there."""
    async with judged(tmp_path, model, "review") as mesh:
        ann, _, chat = await two(mesh)
        await eventually(lambda: _followed(mesh))
        before = await _place(mesh)
        assert await ann.seqs(post(chat, "long ago")) == [1]
        await eventually(lambda: _moved(mesh, before))
        model.away = True
        assert await ann.seqs(post(chat, "an axe")) == [2]
        await eventually(lambda: _so("an axe" in model.asked))
    model.away = False
    model.asked.clear()
    async with judged(tmp_path, model, "review") as mesh:
        await eventually(lambda: _reported(mesh, chat))
        assert await reports(mesh, chat) == [(2, "judged: violence (0.97)")]
        assert model.asked == ["an axe"]


async def test_one_text_without_an_answer_holds_up_the_others_for_a_while_only(tmp_path: Path, model: Model) -> None:
    """A text that the model can never judge is passed over after five minutes, and it is told in the log."""

    def stumbles(text: str) -> pb.ModerateResponse:
        return pb.ModerateResponse(verdict=pb.VERDICT_ALLOW, degraded=True) if "stumble" in text else verdict(text)

    model.answer = stumbles
    async with judged(tmp_path, model, "review") as mesh:
        ann, _, chat = await two(mesh)
        await eventually(lambda: _followed(mesh))
        await ann.seqs(post(chat, "stumble"))
        await eventually(lambda: _so("stumble" in model.asked))
        await ann.seqs(post(chat, "an axe"))
        mesh.clock.advance(301.0)
        await eventually(lambda: _moved_on(mesh, chat))
        assert '"outcome": "passed_over"' in mesh.log.getvalue()
        assert "stumble" not in mesh.log.getvalue()


async def _moved_on(mesh: World, chat: str) -> bool:
    mesh.clock.advance(1.0)  # pauses between attempts
    return await _reported(mesh, chat)


async def _place(mesh: World) -> int | None:
    """How far the node has followed the logs."""
    async with store_of(mesh) as store:
        return await store.outside.places.load(NAME)


async def _followed(mesh: World) -> bool:
    return await _place(mesh) is not None


async def _moved(mesh: World, before: int | None) -> bool:
    return await _place(mesh) != before


def test_an_unknown_mode_ends_the_start() -> None:
    """One line says which there are."""
    with pytest.raises(SettingError, match=r"MESSAGE_JUDGING_MODE.*fail-open"):
        JudgingSettings("perhaps").started()
