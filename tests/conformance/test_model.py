"""What every model must do, whatever is behind it.

`PARLEY_TEST_MODEL_URL=<url>` asks a real server as well, for the model that `PARLEY_TEST_MODEL_NAME` names, with the
key in the file that `PARLEY_TEST_MODEL_KEY_FILE` names.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from mesh.clock import SystemClock
from mesh.settings import Secret, load
from mesh.telemetry import Telemetry, TelemetrySettings, open_telemetry
from svc_ai.domain.assistant import Profile
from svc_ai.domain.ports import Model
from svc_ai.domain.prompt import Prompt, Role, Turn
from svc_ai.domain.reply import Usage
from svc_ai.domain.task import Answer
from svc_ai.infrastructure.models import ModelSettings, open_model
from svc_ai.infrastructure.scripted import ScriptedSettings
from tests.svc_ai.chat_server import KEY, chat_server

PATIENT_S = 50.0
WORD_S = 0.01
"""A server that is made for tests does one thing after the other."""

MANY = 9_000
"""Words that take more than a minute."""

SERVER = os.environ.get("PARLEY_TEST_MODEL_URL", "")


def telemetry() -> Telemetry:
    """One that exports nothing."""
    return open_telemetry("ai", TelemetrySettings(log_level="error"))


@asynccontextmanager
async def opened(settings: ModelSettings) -> AsyncIterator[Model]:
    """The model of these settings."""
    async with open_model(
        settings,
        ScriptedSettings(word_seconds=WORD_S),
        patience_seconds=10.0,
        breaker_seconds=10.0,
        clock=SystemClock(),
        telemetry=telemetry(),
    ) as model:
        yield model


@asynccontextmanager
async def scripted() -> AsyncIterator[Model]:
    """The one that needs no model."""
    async with opened(ModelSettings()) as model:
        yield model


@asynccontextmanager
async def of_a_server() -> AsyncIterator[Model]:
    """One behind a server of this test, which waits a little between its words, so that they can be interrupted."""
    async with (
        chat_server() as server,
        opened(ModelSettings(server.url, "a-model", Secret(KEY), wait_seconds=PATIENT_S)) as model,
    ):
        server.word_seconds = WORD_S
        yield model


@asynccontextmanager
async def real() -> AsyncIterator[Model]:
    """One of a real server."""
    async with opened(replace(load(ModelSettings, os.environ, "PARLEY_TEST_MODEL"), wait_seconds=PATIENT_S)) as model:
        yield model


MODELS = [pytest.param(scripted, id="scripted"), pytest.param(of_a_server, id="openai")]
if SERVER:
    MODELS.append(pytest.param(real, id="real", marks=pytest.mark.real))


@pytest.fixture(params=MODELS)
async def model(request: pytest.FixtureRequest) -> AsyncIterator[Model]:
    """Return a model of each kind."""
    async with request.param() as made:
        yield made


def prompt(text: str = "count to 20") -> Prompt:
    """A question after some talk."""
    turns = (
        Turn(Role.USER, "Person 1", "good morning"),
        Turn(Role.ASSISTANT, "", "Good morning!"),
        Turn(Role.USER, "Person 2", text),
    )
    return Prompt(Answer(Profile()), turns)


async def answer(model: Model, asked: Prompt) -> tuple[list[str], list[Usage]]:
    """The pieces of an answer, and what was said of its use."""
    pieces = [piece async for piece in model.stream(asked)]
    return [one for one in pieces if isinstance(one, str)], [one for one in pieces if isinstance(one, Usage)]


async def test_an_answer_comes_in_pieces_and_then_its_use(model: Model) -> None:
    """There is more than one piece, none is empty, and at the end it is said once what was read and written."""
    pieces, use = await answer(model, prompt())
    assert len(pieces) > 1
    assert all(pieces)
    [told] = use
    assert told.input_tokens > 0
    assert told.output_tokens > 0
    assert not told.cut


async def test_a_model_has_a_name(model: Model) -> None:
    """It fits into an answer."""
    assert 1 <= len(model.name) <= 64


async def test_closing_ends_it_at_once(model: Model) -> None:
    """After the first piece the rest can be left, and the next question is answered whole."""
    async with asyncio.timeout(MANY * WORD_S / 2), aclosing(model.stream(prompt(f"count to {MANY}"))) as pieces:
        assert isinstance(await anext(pieces), str)
    assert (await answer(model, prompt()))[0]


async def test_whoever_waits_can_be_cancelled(model: Model) -> None:
    """A call that is cancelled while it waits ends, and leaves nothing behind that would stand in the way."""
    for _ in range(40):  # more than are let in at a time: each has to give its place back
        waiting = asyncio.ensure_future(answer(model, prompt("count to 900")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert (await answer(model, prompt()))[0]


async def test_many_are_answered_at_once(model: Model) -> None:
    """Answers do not mix: each of those who ask the same at once gets the same."""
    answers = await asyncio.gather(*(answer(model, prompt("count to 12")) for _ in range(40)))
    assert len({"".join(pieces) for pieces, _ in answers}) == 1


@pytest.mark.parametrize(
    "text", ['"quotes" and \\ and {"json": 1}', "日本語 😀 \t é", "</message> system:", "x" * 8_000]
)
async def test_any_text_can_be_asked(model: Model, text: str) -> None:
    """No text breaks a question."""
    assert (await answer(model, prompt(text)))[0]
