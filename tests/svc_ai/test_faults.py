"""A model that fails, hangs or floods: a user always sees an end."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from mesh import errors
from mesh.breaker import Breaker
from mesh.clock import FakeClock
from parley.ai.v1 import reply_pb2
from parley.message.v1.body_pb2 import AssistantReply
from svc_ai.application.write import Bounds, Draft, Writer
from svc_ai.domain.assistant import Profile
from svc_ai.domain.prices import Prices
from svc_ai.domain.prompt import Prompt
from svc_ai.domain.reply import Ending, Failure, Finish, Reply, Usage
from svc_ai.domain.task import Answer
from svc_ai.infrastructure.journal import TelemetryJournal
from tests.svc_ai.neighbours import ANN, ASSISTANT, BOB, DIRECT, GROUP
from tests.svc_ai.world import FAST, HASTY, World, until

PROMPT = Prompt(Answer(Profile()), ())


@pytest.mark.parametrize(
    "words,failure",
    [
        ("fail now", reply_pb2.REPLY_FAILURE_MODEL_UNAVAILABLE),
        ("hang now", reply_pb2.REPLY_FAILURE_TIMEOUT),
    ],
)
async def test_a_model_that_says_nothing_is_a_failure_in_the_chat(
    at_work: World, words: str, failure: reply_pb2.ReplyFailure.ValueType
) -> None:
    """The entry says that it failed, the event says why, and the next question is answered."""
    async with at_work.process(HASTY if words == "hang now" else FAST):
        await at_work.logs.say(ANN, words)
        await until(lambda: "failed" in at_work.logs.kinds())
        await at_work.logs.say(ANN, "hello")
        await until(lambda: "finish" in at_work.logs.kinds())
    failed = next(event.failed for event in at_work.logs.events if event.HasField("failed"))
    assert (failed.failure, failed.retryable, failed.entry_seq) == (failure, True, 2)
    ends = [answer.finish for answer in at_work.logs.answers()]
    assert ends == [AssistantReply.FINISH_FAILED, AssistantReply.FINISH_COMPLETE]


async def test_what_a_failing_model_has_said_is_kept(at_work: World) -> None:
    """A model that breaks off leaves its text, marked as failed, and is not asked again: its words were seen."""
    async with at_work.process():
        await at_work.logs.say(ANN, "fail halfway")
        await until(lambda: "finish" in at_work.logs.kinds())
    [answer] = at_work.logs.answers()
    assert (answer.text, answer.finish) == ("So far so good, but ", AssistantReply.FINISH_FAILED)
    assert at_work.logs.events[-1].finish.finish_reason == reply_pb2.FINISH_REASON_INTERRUPTED


async def test_a_flood_is_cut_at_the_cap(at_work: World) -> None:
    """A model that never ends fills one answer and no more, and other chats go on meanwhile."""
    async with at_work.process():
        await at_work.logs.say(ANN, "flood now")
        await at_work.logs.say(BOB, "hello", ASSISTANT, to=GROUP)
        await until(lambda: len(at_work.logs.answers()) == len(at_work.logs.answers(GROUP)) == 1)
    [answer] = at_work.logs.answers()
    assert (len(answer.text), answer.finish) == (16_000, AssistantReply.FINISH_TRUNCATED)


async def test_an_answer_that_takes_too_long_is_cut(at_work: World) -> None:
    """At the deadline the text so far becomes the answer."""
    bounds = replace(FAST.bounds, seconds=1.0)
    async with at_work.process(replace(FAST, bounds=bounds, scripted=replace(FAST.scripted, word_seconds=0.01))):
        await at_work.logs.say(ANN, "count to 9000")
        await until(lambda: "finish" in at_work.logs.kinds())
    [answer] = at_work.logs.answers()
    assert answer.finish == AssistantReply.FINISH_TRUNCATED
    assert answer.text


async def test_too_many_questions_are_refused_once(at_work: World) -> None:
    """Beyond the budget there is one refusal, then silence; another user is answered all the same."""
    async with at_work.process(replace(FAST, requests_per_minute=2)):
        for _ in range(6):
            await at_work.logs.say(ANN, "hello")
        await until(lambda: "failed" in at_work.logs.kinds())
        await at_work.logs.say(BOB, "hello", ASSISTANT, to=GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 1)
        await until(lambda: at_work.cursor(DIRECT) >= 6)
    [other] = at_work.logs.answers(GROUP)
    assert other.finish == AssistantReply.FINISH_COMPLETE
    failed = next(event.failed for event in at_work.logs.events if event.HasField("failed"))
    assert (failed.failure, failed.retry_after_ms) == (reply_pb2.REPLY_FAILURE_BUDGET_EXHAUSTED, 30_000)
    ends = [answer.finish for answer in at_work.logs.answers()]
    assert ends == [AssistantReply.FINISH_COMPLETE] * 2 + [AssistantReply.FINISH_FAILED]


async def test_no_text_of_a_chat_is_logged(at_work: World) -> None:
    """Neither questions nor answers are in the process's log, whatever happens to them and whatever an error says."""
    async with at_work.process():
        await at_work.logs.say(ANN, "fail now canary-77")
        await until(lambda: "failed" in at_work.logs.kinds())
    journal = TelemetryJournal(at_work.telemetry)
    for error in (ValueError("canary"), errors.unavailable("MODEL_UNAVAILABLE", "canary")):
        journal.failed("model", error)
    assert "MODEL_UNAVAILABLE" in at_work.log.getvalue()
    assert "ValueError" in at_work.log.getvalue()
    assert "canary" not in at_work.log.getvalue()
    assert ANN not in at_work.log.getvalue()


class Unsteady:
    """A model that raises what it is given, one for each call, and then answers; `stubborn` ignores being stopped."""

    name = "unsteady"

    def __init__(self, *failures: Exception, stubborn: bool = False) -> None:
        self.failures = list(failures)
        self.calls = 0
        self._stubborn = stubborn

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        yield "well"
        while self._stubborn:
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                continue


class Torrent:
    """A model that has a next word at once, for ever."""

    name = "torrent"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        while True:
            yield "word "


class Silent:
    """A model that says so much and then nothing, for ever."""

    name = "silent"

    def __init__(self, words: str) -> None:
        self._words = words

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        if self._words:
            yield self._words
        await asyncio.Event().wait()


class Quiet:
    """A journal that keeps what failed."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def ended(self, reply: Reply, outcome: str, seconds: float) -> None: ...

    def failed(self, what: str, error: Exception) -> None:
        self.errors.append(error)


def away(retry_after: float | None = None) -> errors.MeshError:
    return errors.unavailable("MODEL_UNAVAILABLE", "away", retry_after=retry_after)


async def write(model: Unsteady, clock: FakeClock | None = None, breaker: Breaker | None = None) -> tuple[Ending, str]:
    clock = clock or FakeClock()
    writer = Writer(model, Bounds(), breaker or Breaker("model", clock), Quiet(), Prices({}))
    draft = Draft(100, lambda: None)
    return await writer.write(PROMPT, draft, asyncio.Event()), draft.text


async def test_a_model_is_asked_a_second_time() -> None:
    """One failure before the first piece is nothing that a user notices."""
    model = Unsteady(away())
    assert await write(model) == (Ending(Finish.COMPLETE), "well")
    assert model.calls == 2


async def test_a_model_that_wants_to_be_left_alone_is() -> None:
    """A short wait that the provider asks for is kept, a long one is passed on to the user."""
    began, model = time.monotonic(), Unsteady(away(0.2))
    assert await write(model) == (Ending(Finish.COMPLETE), "well")
    assert time.monotonic() - began >= 0.2
    model = Unsteady(away(30))
    assert await write(model) == (Ending(Finish.FAILED, Failure.MODEL_UNAVAILABLE, 30), "")
    assert model.calls == 1


@pytest.mark.parametrize(
    "error,failure,calls",
    [
        (away(), Failure.MODEL_UNAVAILABLE, 2),
        (errors.deadline("MODEL_TIMEOUT", "late"), Failure.TIMEOUT, 2),
        (errors.precondition("CONTENT_REFUSED", "no"), Failure.REFUSED, 1),
        (ValueError("canary"), Failure.INTERNAL, 2),
    ],
)
async def test_each_failure_has_its_name(error: Exception, failure: Failure, calls: int) -> None:
    """A refusal is final, all else is tried once more, and a mistake of an adapter is our own fault."""
    model = Unsteady(error, error)
    ending, text = await write(model)
    assert (ending.failure, text, model.calls) == (failure, "", calls)


async def test_a_model_that_keeps_failing_is_left_alone() -> None:
    """After five failures in a row nobody waits for it, until its pause is over."""
    clock = FakeClock()
    breaker, model = Breaker("model", clock, open_s=10), Unsteady(*(away() for _ in range(5)))
    for _ in range(3):
        await write(model, clock, breaker)
    assert model.calls == 5
    clock.advance(10)
    assert (await write(model, clock, breaker))[0].finish is Finish.COMPLETE


@pytest.mark.parametrize(
    "words,bounds", [("", Bounds(first_piece_seconds=0.05)), ("So far", Bounds(piece_seconds=0.05))]
)
async def test_a_model_that_falls_silent_is_given_up(words: str, bounds: Bounds) -> None:
    """Nobody waits until the end of the whole answer's time; what it has said is kept."""
    draft, writer = (
        Draft(100, lambda: None),
        Writer(Silent(words), bounds, Breaker("m", FakeClock()), Quiet(), Prices({})),
    )
    async with asyncio.timeout(bounds.seconds / 2):
        ending = await writer.write(PROMPT, draft, asyncio.Event())
    assert (ending, draft.text) == (Ending(Finish.FAILED, Failure.TIMEOUT), words)


async def test_a_model_that_never_waits_is_stopped() -> None:
    """It keeps nobody else waiting, so the cancel is heard while it writes."""
    stop = asyncio.Event()
    draft, writer = (
        Draft(1_000_000, lambda: None),
        Writer(Torrent(), Bounds(), Breaker("model", FakeClock()), Quiet(), Prices({})),
    )
    asyncio.get_running_loop().call_soon(stop.set)
    assert await writer.write(PROMPT, draft, stop) == Ending(Finish.CANCELLED)


async def test_a_model_that_does_not_let_go_is_left_behind() -> None:
    """Stopping takes a moment even then, and what it says later is not heard."""
    model, stop = Unsteady(stubborn=True), asyncio.Event()
    writer = Writer(model, Bounds(), Breaker("model", FakeClock()), Quiet(), Prices({}))
    draft = Draft(100, stop.set)
    async with asyncio.timeout(30):  # it would hold on for ever
        ending = await writer.write(PROMPT, draft, stop)
    assert (ending.finish, draft.text) == (Finish.CANCELLED, "well")
    draft.take("more")
    assert draft.text == "well"
    model._stubborn = False
