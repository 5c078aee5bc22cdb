"""ModerationService: the word list first, then the model, which may hang, talk rubbish or refuse."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from mesh.breaker import FAILURES
from mesh.live import LiveSettings
from mesh.settings import Secret, SettingError
from mesh.words import Action, WordClass
from parley.ai.v1.assistant_service_pb2 import ListAssistantsRequest
from parley.ai.v1.moderation_service_pb2 import VERDICT_ALLOW, VERDICT_BLOCK, VERDICT_MASK, VERDICT_REVIEW
from svc_ai.application.judge import Terms
from svc_ai.domain.judging import Strictness
from svc_ai.infrastructure.judges import JudgeSettings, open_judge
from tests.svc_ai.model_server import KEY, ModelServer, model_server
from tests.svc_ai.neighbours import ANN
from tests.svc_ai.world import FAST, Running, World, until

TERMS = Terms(seconds=30.0, at_once=2, remembered=3, remember_seconds=600.0)
WORDS = (
    WordClass("insults", Action.MASK, ("zounderkite",)),
    WordClass("goods", Action.REVIEW, ("wabbling ointment",)),
)


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    """Return a server with models."""
    async with model_server() as made:
        yield made


def judged(model: ModelServer, terms: Terms = TERMS) -> "JudgeSettings":
    return JudgeSettings(model.url, "omni", Secret(KEY), terms=terms)


async def test_the_model_says_what_is_to_be_done(at_work: World, model: ModelServer) -> None:
    """Allowed, looked at or not shown, with what it found and how sure it is; who asks sees that a model was heard."""
    async with at_work.process(replace(FAST, judge=judged(model))) as node:
        fine, rude, axe = [await node.moderate(text) for text in ("hello", "a rude word", "here comes the axe")]
    assert (fine.verdict, fine.confidence, list(fine.categories), fine.degraded) == (VERDICT_ALLOW, 0.0, [], False)
    assert (rude.verdict, rude.confidence) == (VERDICT_REVIEW, 0.7), "too unsure to block"
    assert list(rude.categories) == ["harassment-threatening"]
    assert (axe.verdict, axe.confidence) == (VERDICT_BLOCK, 0.97)
    assert list(axe.categories) == ["violence", "harassment-threatening"]


async def test_how_sure_it_must_be_is_a_setting(at_work: World, model: ModelServer) -> None:
    """The same answers weigh less where an installation wants a model to be surer."""
    terms = replace(TERMS, strictness=Strictness(review=0.8, block=0.99))
    async with at_work.process(replace(FAST, judge=judged(model, terms))) as node:
        verdicts = [(await node.moderate(text)).verdict for text in ("a rude word", "here comes the axe")]
    assert verdicts == [VERDICT_ALLOW, VERDICT_REVIEW]


async def test_the_word_list_goes_first_and_what_it_finds_is_settled(at_work: World, model: ModelServer) -> None:
    """The model is not asked about a text with a word of the list."""
    at_work.settings.settings = LiveSettings(1, word_classes=WORDS)
    async with at_work.process(replace(FAST, judge=judged(model))) as node:
        await _listed(node)
        before = len(model.asked)
        hidden, look = await node.moderate("axe, you Zounderkite"), await node.moderate("wabbling ointment, axe")
        assert len(model.asked) == before
    assert (hidden.verdict, hidden.masked_text) == (VERDICT_MASK, "axe, you ***********")
    assert (hidden.confidence, hidden.degraded) == (1.0, False)
    assert (look.verdict, list(look.categories), look.masked_text) == (VERDICT_REVIEW, ["goods"], "")


async def _listed(node: Running) -> None:
    """Wait until the node has its word list."""
    async with asyncio.timeout(30):
        while (await node.moderate("zounderkite")).verdict != VERDICT_MASK:  # noqa: ASYNC110  settings tell nobody
            await asyncio.sleep(0.05)


async def test_without_a_model_the_word_list_alone_decides(at_work: World) -> None:
    """Nothing fails, and whoever asks is told that no model was heard."""
    at_work.settings.settings = LiveSettings(1, word_classes=WORDS)
    async with at_work.process() as node:
        await _listed(node)
        fine = await node.moderate("here comes the axe")
    assert (fine.verdict, fine.degraded) == (VERDICT_ALLOW, True)


async def test_equal_texts_are_asked_about_once(at_work: World, model: ModelServer) -> None:
    """An answer is remembered, the oldest of too many is not, and no answer at all never is."""
    async with at_work.process(replace(FAST, judge=judged(model))) as node:
        model.answer = lambda _: web.Response(status=500)
        assert (await node.moderate("one")).degraded
        model.answer = None
        for text in ("one", "one", "two", "three", "one", "four", "one", "two"):
            assert not (await node.moderate(text)).degraded
    assert model.asked == ["one", "one", "two", "three", "four", "two"]


async def test_only_so_many_questions_are_under_way(at_work: World, model: ModelServer) -> None:
    """Others wait for their turn, and all have their answers."""
    async with at_work.process(replace(FAST, judge=judged(model))) as node:
        model.hold.clear()
        asking = [asyncio.create_task(node.moderate(f"text {number}")) for number in range(6)]
        await model.until(lambda: model.under_way == TERMS.at_once)
        for _ in range(10):  # a server begins the calls of one connection in their order: all six have begun
            await node.stub.ListAssistants(ListAssistantsRequest(), metadata=node.as_user(ANN))
        model.hold.set()
        answers = await asyncio.gather(*asking)
    assert [answer.degraded for answer in answers] == [False] * 6
    assert model.most == TERMS.at_once


async def test_a_model_that_hangs_is_not_waited_for(at_work: World, model: ModelServer) -> None:
    """The answer comes in its time without the model, the question at the model ends, and soon nobody asks it."""
    async with at_work.process(replace(FAST, judge=judged(model, replace(TERMS, seconds=0.2)))) as node:
        model.hold.clear()
        async with asyncio.timeout(30):
            answers = [await node.moderate(f"text {number}") for number in range(FAILURES)]
        await model.until(lambda: not model.under_way)
        answers += [await node.moderate(f"late {number}") for number in range(3)]
    assert {(answer.verdict, answer.degraded) for answer in answers} == {(VERDICT_ALLOW, True)}
    assert not [text for text in model.asked if "late" in text], "after so many failures it is left alone"
    assert model.asked, "on a busy machine some were not even asked in their time"


async def test_a_model_that_refuses_is_left_alone_for_as_long_as_it_wants(at_work: World, model: ModelServer) -> None:
    """After a 429 that says when to come again the next texts are not asked about."""
    async with at_work.process(replace(FAST, judge=judged(model))) as node:
        model.answer = lambda _: web.Response(status=429, headers={"Retry-After": "20"})
        answers = [await node.moderate(text) for text in ("one", "two", "three")]
    assert [answer.degraded for answer in answers] == [True] * 3
    assert model.asked == ["one"]


async def test_rubbish_is_no_verdict_and_nothing_of_a_text_is_logged(at_work: World, model: ModelServer) -> None:
    """What no one understands counts as no answer; the log says that the model is away and once that it is back."""
    async with at_work.process(replace(FAST, judge=judged(model))) as node:
        model.answer = lambda text: web.Response(text=f"blocked: {text}", content_type="application/json")
        assert [(await node.moderate("top secret plan")).degraded for _ in range(2)] == [True, True]
        model.answer = None
        assert not (await node.moderate("top secret plan")).degraded
        await until(lambda: "judge_back" in at_work.log.getvalue())
    written = at_work.log.getvalue()
    assert len(re.findall("judge_away", written)) == 1
    assert "rubbish" in written
    assert "secret" not in written
    assert KEY not in written


@pytest.mark.parametrize(
    "settings, setting",
    [
        (JudgeSettings("ftp://model"), "AI_JUDGE_URL"),
        (JudgeSettings("http://model.example/v1"), "encrypted"),
        (JudgeSettings("https://user:secret@model/v1"), "AI_JUDGE_URL"),
        (JudgeSettings("https://model:port/v1"), "AI_JUDGE_URL"),
        (JudgeSettings("https://model/v1", protocol="telepathy"), "AI_JUDGE_PROTOCOL"),
        (JudgeSettings("https://model/v1", model=""), "AI_JUDGE_MODEL"),
        (JudgeSettings("https://model/v1", authority="/no/such/file"), "AI_JUDGE_AUTHORITY"),
        (JudgeSettings("https://model/v1", terms=Terms(seconds=0)), "AI_JUDGE_TERMS"),
        (JudgeSettings("https://model/v1", terms=Terms(strictness=Strictness(0.9, 0.5))), "AI_JUDGE_TERMS_STRICTNESS"),
    ],
)
async def test_a_wrong_setting_ends_the_start(settings: JudgeSettings, setting: str) -> None:
    """One line names the setting; it quotes no value, which may be a secret."""
    with pytest.raises(SettingError, match=setting) as wrong:
        async with open_judge(settings):
            pass
    assert "secret" not in str(wrong.value)
