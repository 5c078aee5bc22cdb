"""The models that the settings name: a wrong one is one line, and another one answers while the first is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from mesh.settings import Secret, SettingError
from svc_ai.domain.reply import Usage
from svc_ai.domain.settings import Wishes
from svc_ai.infrastructure.models import FallbackSettings, ModelSettings
from tests.svc_ai.chat_server import (
    DONE,
    KEY,
    Behaviour,
    ChatServer,
    Exchange,
    chat_server,
    chunk,
    hang,
    refuse,
    say,
    used,
)
from tests.svc_ai.staged import PROMPT, Stage, answer, failure, staged


@asynccontextmanager
async def two(patience_seconds: float = 40.0) -> AsyncIterator[tuple[Stage, ChatServer]]:
    """A model with one to fall back on, at a server of its own with a key of its own."""
    async with chat_server() as first, chat_server() as second:
        second.key = "sk-of-the-second"
        other = FallbackSettings(second.url, "b-model", Secret(second.key))
        async with staged(
            ModelSettings(first.url, "a-model", Secret(KEY), fallback=other), first, patience_seconds
        ) as made:
            yield made, second


@pytest.mark.parametrize("behave", [refuse(500), refuse(401), refuse(404), say()])
async def test_another_model_answers_while_the_first_is_away(behave: Behaviour) -> None:
    """It is named in the answer; after five failures the first is not even asked, until its pause is over."""
    async with two() as (made, second):
        assert await answer(made.model) == ("1 2 3 ", Usage(20, 3, 5))
        made.server.behave = behave
        for _ in range(7):
            assert await answer(made.model) == ("1 2 3 ", Usage(20, 3, 5, "b-model"))
        assert (len(made.server.bodies), len(second.bodies)) == (6, 7)
        # What a conversation chose is a model of the first one's server.
        await answer(made.model, replace(PROMPT, wishes=Wishes("another")))
        assert second.bodies[-1]["model"] == "b-model"
        made.clock.advance(10)
        made.server.behave = say(chunk("first", "stop"), used(2, 1), DONE)
        assert await answer(made.model) == ("first", Usage(2, 1))


async def test_the_other_model_may_be_of_the_same_server() -> None:
    """With a name alone it is asked where the first is, with the same key."""
    async with chat_server() as server:
        other = FallbackSettings(name="b-model")
        async with staged(ModelSettings(server.url, "a-model", Secret(KEY), fallback=other), server) as made:
            server.behave = _only("b-model")
            assert await answer(made.model) == ("well", Usage(2, 1, model="b-model"))
            assert [body["model"] for body in server.bodies] == ["a-model", "b-model"]


def _only(name: str) -> Behaviour:
    async def behave(exchange: Exchange) -> web.StreamResponse:
        served = say(chunk("well", "stop"), used(2, 1), DONE) if exchange.body["model"] == name else refuse(500)
        return await served(exchange)

    return behave


async def test_another_model_answers_while_the_first_says_nothing() -> None:
    """Half of the time for the first piece is the first one's, and what hangs is ended before the other is asked."""
    async with two(2.0) as (made, second):
        made.server.behave = hang
        assert await answer(made.model) == ("1 2 3 ", Usage(20, 3, 5, "b-model"))
        await made.server.until(lambda: not made.server.under_way)
        assert len(second.bodies) == 1


async def test_what_the_first_began_or_refused_the_other_does_not_say(stage: Stage) -> None:
    """Words that were seen are not begun anew, and a refusal is not got round by asking somebody else."""
    async with two() as (made, second):
        made.server.behave = say(chunk("half an "))
        assert (await failure(made.model)).reason == "MODEL_UNAVAILABLE"
        made.server.behave = refuse(400, code="content_filter")
        assert (await failure(made.model)).reason == "CONTENT_REFUSED"
        assert second.bodies == []


@pytest.mark.parametrize(
    "settings,line",
    [
        (ModelSettings("ftp://host", "m"), "AI_MODEL_URL: must be https://host…"),
        (ModelSettings("http://[", "m"), "AI_MODEL_URL: not a URL"),
        (ModelSettings("http://models.example/v1", "m"), "AI_MODEL_URL: must be encrypted (https)"),
        (ModelSettings("https://me:secret@models.example", "m"), "AI_MODEL_URL: must hold no user"),
        (ModelSettings("https://models.example/v1"), "AI_MODEL_NAME: must name a model"),
        (ModelSettings("https://models.example/v1", "m" * 65), "AI_MODEL_NAME: must name a model"),
        (ModelSettings("https://models.example/v1", "m", authority="/nowhere"), "AI_MODEL_AUTHORITY: cannot be read"),
        (ModelSettings("https://models.example/v1", "m", at_once=0), "AI_MODEL_AT_ONCE: "),
        (ModelSettings(name="m"), "AI_MODEL_URL: name, key and fallback are those of a server"),
        (
            ModelSettings("https://m.example", "m", fallback=FallbackSettings("http://n.example", "n")),
            "AI_MODEL_FALLBACK_URL: must be encrypted",
        ),
        (
            ModelSettings("https://m.example", "m", fallback=FallbackSettings("https://n.example")),
            "AI_MODEL_FALLBACK_NAME: must name a model",
        ),
        (
            ModelSettings("https://m.example", "m", fallback=FallbackSettings(name="n", key=Secret("k"))),
            "AI_MODEL_FALLBACK_KEY: without an URL",
        ),
    ],
)
async def test_a_wrong_setting_is_one_clear_line(settings: ModelSettings, line: str) -> None:
    """It names the setting, says what it must be, and quotes no value."""
    with pytest.raises(SettingError) as wrong:
        async with staged(settings, ChatServer()):
            pass
    assert str(wrong.value).startswith(line)
    assert "secret" not in str(wrong.value)
