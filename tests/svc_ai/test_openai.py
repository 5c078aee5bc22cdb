"""A model behind a server that speaks as OpenAI's does: what it is asked, and what its failures become."""

import asyncio
import json
import logging
from contextlib import aclosing
from dataclasses import replace

import pytest
from aiohttp import web

from mesh.errors import Code
from mesh.settings import Secret
from svc_ai.domain.prompt import Prompt, Role, Turn
from svc_ai.domain.reply import Usage
from svc_ai.domain.settings import Wishes
from svc_ai.domain.shorten import shortened
from svc_ai.infrastructure.models import ModelSettings
from tests.svc_ai.chat_server import (
    DONE,
    KEY,
    Behaviour,
    Exchange,
    chat_server,
    chunk,
    event,
    hang,
    refuse,
    say,
    used,
)
from tests.svc_ai.staged import PROMPT, RULES, TASK, Stage, answer, failure, staged


async def test_rules_and_turns_are_apart(stage: Stage) -> None:
    """The rules are the system's, words of people are the user's in delimiters, and the key is in its header only."""
    assert await answer(stage.model) == ("1 2 3 ", Usage(20, 3, 5))
    [body] = stage.server.bodies
    assert body == {
        "model": "a-model",
        "messages": [
            {"role": "system", "content": RULES},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": '<message from="Person 1">count to 3</message>'},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert [name for name, value in stage.server.headers[0].items() if KEY in value] == ["Authorization"]


async def test_wishes_of_a_conversation_are_asked_for(stage: Stage) -> None:
    """Its model, how freely it chooses words, 0 included, and the longest answer; what it does not wish is not said."""
    await answer(stage.model, replace(PROMPT, wishes=Wishes("another", 0.0, 100)))
    await answer(stage.model, replace(PROMPT, wishes=Wishes(max_output_tokens=7)))
    first, second = stage.server.bodies
    assert (first["model"], first["temperature"], first["max_completion_tokens"]) == ("another", 0.0, 100)
    assert (second["model"], second["max_completion_tokens"], "temperature" in second) == ("a-model", 7, False)


async def test_nothing_of_the_environment_goes_to_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, organisations and proxies that stand in the environment for other programs are not used."""
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "of-another-program")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with chat_server() as server, staged(ModelSettings(server.url, "a-model"), server) as keyless:
        server.key = ""
        assert (await answer(keyless.model))[0]
    async with chat_server() as server, staged(ModelSettings(server.url, "m", Secret(KEY)), server) as made:
        assert (await answer(made.model))[0]
    assert "of-another-program" not in str([dict(headers) for headers in server.headers])


@pytest.mark.parametrize(
    "behave,code,reason,outcome",
    [
        (refuse(401), Code.UNAVAILABLE, "MODEL_UNAVAILABLE", "key_refused"),
        (refuse(403), Code.UNAVAILABLE, "MODEL_UNAVAILABLE", "key_refused"),
        (refuse(404), Code.UNAVAILABLE, "MODEL_UNAVAILABLE", "not_found"),
        (refuse(429, code="insufficient_quota"), Code.UNAVAILABLE, "MODEL_UNAVAILABLE", "busy"),
        (refuse(400), Code.UNAVAILABLE, "MODEL_UNAVAILABLE", "http_400"),
        (refuse(413, message="too many tokens"), Code.UNAVAILABLE, "MODEL_UNAVAILABLE", "prompt_too_long"),
        (refuse(500), Code.UNAVAILABLE, "MODEL_UNAVAILABLE", "http_500"),
        (refuse(408), Code.DEADLINE_EXCEEDED, "MODEL_TIMEOUT", "timeout"),
        (say(chunk("so "), event({"error": {"message": KEY}})), Code.UNAVAILABLE, "MODEL_UNAVAILABLE", "broke_off"),
    ],
)
async def test_each_failure_is_typed_and_told_once(
    stage: Stage, behave: Behaviour, code: Code, reason: str, outcome: str
) -> None:
    """Who asks gets a code without a word of the server; the operator one line for all failures, and one at the end."""
    stage.server.behave = behave
    for _ in range(3):
        error = await failure(stage.model)
        assert (error.code, error.reason) == (code, reason)
        assert KEY not in str(error)
    stage.server.behave = say(chunk("well", "stop"), DONE)
    await answer(stage.model)
    lines = [json.loads(line) for line in stage.log.getvalue().splitlines()]
    assert [(line["event"], line.get("outcome")) for line in lines] == [("model_away", outcome), ("model_back", None)]
    assert lines[0]["settings"] == "PARLEY_AI_MODEL"
    assert KEY not in stage.log.getvalue()


async def test_its_client_writes_no_log_of_its_own(stage: Stage) -> None:
    """Whatever level the environment sets, the loggers that would quote a request tell warnings alone."""
    logging.getLogger("openai").setLevel(logging.DEBUG)
    async with staged(ModelSettings(stage.server.url, "a-model", Secret(KEY)), stage.server):
        for name in ("openai", "openai._base_client", "httpx2", "httpcore2.connection"):
            assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING


@pytest.mark.parametrize(
    "behave",
    [
        refuse(400, code="content_filter"),
        refuse(400, type="content_policy_violation"),
        say(chunk("", finish="content_filter"), DONE),
        say(chunk("So, "), chunk(finish="content_filter"), DONE),
        say(chunk(refusal="I will not."), chunk(finish="stop"), DONE),
    ],
)
async def test_a_refusal_is_no_failure(stage: Stage, behave: Behaviour) -> None:
    """A model, or a filter, that does not work on something says so in its way; it is not away."""
    stage.server.behave = behave
    error = await failure(stage.model)
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "CONTENT_REFUSED")
    assert stage.log.getvalue() == ""


async def test_a_model_that_wants_to_be_left_alone_is(stage: Stage) -> None:
    """For as long as it says nobody asks it, and whoever wants to is told how long; a minute is the longest."""
    stage.server.behave = refuse(429, {"Retry-After": "7"})
    assert (await failure(stage.model)).retry_after == 7
    stage.clock.advance(3)
    assert (await failure(stage.model)).retry_after == 4
    assert len(stage.server.bodies) == 1
    stage.clock.advance(4)
    stage.server.behave = refuse(503, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})
    assert (await failure(stage.model)).retry_after == 60
    stage.clock.advance(60)
    for rubbish in ("-1", "nan", "soon", "1e999"):
        stage.server.behave = refuse(429, {"Retry-After": rubbish})
        assert (await failure(stage.model)).retry_after is None


@pytest.mark.parametrize(
    "error",
    [
        {"code": "context_length_exceeded"},
        {"message": "This model's maximum context length is 4096 tokens."},
        {"message": "litellm.ContextWindowExceededError: prompt is too long"},
    ],
)
async def test_a_prompt_that_is_too_long_is_shortened_once(stage: Stage, error: dict[str, str]) -> None:
    """The newer half is asked instead, with the same rules; a model that reads even less than that fails."""
    turns = tuple(Turn(Role.USER, "Person 1", f"{number} {'x' * 100}") for number in range(10))
    stage.server.behave = _until_shorter(5, error)
    assert (await answer(stage.model, Prompt(TASK, turns)))[0] == "well"
    long, short = (body["messages"] for body in stage.server.bodies)
    assert (len(long), short) == (11, [long[0], *long[-5:]])
    stage.server.behave = _until_shorter(1, error)
    assert (await failure(stage.model, Prompt(TASK, turns))).reason == "MODEL_UNAVAILABLE"
    assert len(stage.server.bodies) == 4


def _until_shorter(most: int, error: dict[str, str]) -> Behaviour:
    async def behave(exchange: Exchange) -> web.StreamResponse:
        if len(exchange.body["messages"]) > most + 1:
            return web.json_response({"error": {"type": "invalid_request_error", **error}}, status=400)
        return await exchange.stream(chunk("well", "stop"), DONE)

    return behave


def test_half_of_a_prompt() -> None:
    """The question stays, cut to its end when it alone is too long."""
    turns = (Turn(Role.USER, "Person 1", "a" * 50), Turn(Role.USER, "Person 1", "b" * 50))
    assert shortened(Prompt(TASK, turns)).turns == turns[1:]
    alone = Prompt(TASK, (Turn(Role.USER, "Person 1", "a" * 50 + "b" * 50),))
    [turn] = shortened(alone).turns
    assert turn.text == "[…] " + "b" * 50


async def test_a_model_that_tells_no_use_is_estimated(stage: Stage) -> None:
    """By the characters of the prompt and of the answer, four for a token; use that is no number counts as none."""
    for told in ((), (used("many", -1),), (used(10**12, None, "few"),)):
        stage.server.behave = say(chunk("a" * 100, "stop"), *told, DONE)
        _, use = await answer(stage.model)
        assert (use.input_tokens, use.output_tokens, use.cached_input_tokens) == (-(-(len(RULES) + 50) // 4), 25, 0)


async def test_a_server_that_knows_no_options_is_asked_without(stage: Stage) -> None:
    """It is asked once more, and from then on without them; what it does not tell is estimated."""

    async def old(exchange: Exchange) -> web.StreamResponse:
        if "stream_options" in exchange.body:
            return web.json_response({"error": {"message": "stream_options: unknown"}}, status=422)
        return await exchange.stream(chunk("well", "stop"), DONE)

    stage.server.behave = old
    for _ in range(2):
        assert (await answer(stage.model))[1].output_tokens == 1
    assert ["stream_options" in body for body in stage.server.bodies] == [True, False, False]


async def test_an_answer_that_reached_its_length_is_cut(stage: Stage) -> None:
    """A model that stopped because it had to is told from one that was done."""
    stage.server.behave = say(chunk("so far", "length"), used(3, 2), DONE)
    assert await answer(stage.model) == ("so far", Usage(3, 2, cut=True))


async def test_who_stops_reading_ends_the_request(stage: Stage) -> None:
    """Closing the generator, or cancelling who waits in it, ends the call at the server within a moment."""
    stage.server.word_seconds = 0.01  # of 9,999: a minute and a half
    async with aclosing(stage.model.stream(replace(PROMPT, turns=(Turn(Role.USER, "P", "count to 9999"),)))) as pieces:
        assert await anext(pieces)
        assert stage.server.under_way == 1
    await stage.server.until(lambda: not stage.server.under_way)
    stage.server.behave = hang
    waiting = asyncio.ensure_future(answer(stage.model))
    await stage.server.until(lambda: stage.server.under_way)
    waiting.cancel()
    await stage.server.until(lambda: not stage.server.under_way)
    assert stage.log.getvalue() == ""


async def test_so_many_ask_at_a_time() -> None:
    """Others wait for their turn, and are told when it takes too long; a turn that ended is given to the next."""
    async with chat_server() as server:
        settings = ModelSettings(server.url, "a-model", Secret(KEY), at_once=2, wait_seconds=1.0)
        async with staged(settings, server) as made:
            server.behave = hang
            hanging = [asyncio.ensure_future(answer(made.model)) for _ in range(2)]
            await server.until(lambda: server.under_way == 2)
            assert (await failure(made.model)).reason == "MODEL_UNAVAILABLE"
            for one in hanging:
                one.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            server.behave = say(chunk("well", "stop"), DONE)
            assert {text for text, _ in await asyncio.gather(*(answer(made.model) for _ in range(6)))} == {"well"}
            assert server.most == 2
