"""A server that sends anything but an answer: it never hurts."""

import resource

import pytest
from aiohttp import web

from mesh.errors import Code
from svc_ai.infrastructure import openai
from svc_ai.infrastructure.bounded_http import MAX_STREAM
from tests.svc_ai.chat_server import DONE, Behaviour, Exchange, chunk, event, say
from tests.svc_ai.staged import Stage, answer, failure

MEBIBYTE = 1024 * 1024


async def html(exchange: Exchange) -> web.StreamResponse:
    """Answer with a page, as a proxy does that was meant for people."""
    return web.Response(text="<html>Welcome</html>", content_type="text/html")


async def mislabelled(exchange: Exchange) -> web.StreamResponse:
    """Answer in a stream, and say that it is none."""
    response = await exchange.begin("text/plain")
    await response.write(chunk("well", "stop") + DONE)
    return response


async def json_instead(exchange: Exchange) -> web.StreamResponse:
    """Answer whole, and not in a stream."""
    return web.json_response({"choices": [{"message": {"content": "well"}}]})


async def redirect(exchange: Exchange) -> web.StreamResponse:
    """Send the question, and the key, elsewhere."""
    return web.Response(status=307, headers={"Location": f"{exchange.server.url}/chat/completions"})


async def compressed(exchange: Exchange) -> web.StreamResponse:
    """Send a few bytes that become many."""
    return await exchange.begin(**{"Content-Encoding": "gzip"})


def error_of(body: bytes, kind: str = "application/json") -> Behaviour:
    """Answer with an error that has this body."""

    async def behave(exchange: Exchange) -> web.StreamResponse:
        return web.Response(status=400, body=body, content_type=kind)

    return behave


async def long_line(exchange: Exchange) -> web.StreamResponse:
    """Send one line without end."""
    response = await exchange.begin()
    while True:
        await response.write(b"data: " + b"x" * MEBIBYTE)


async def long_error(exchange: Exchange) -> web.StreamResponse:
    """Send an error without end."""
    response = web.StreamResponse(status=500, headers={"Content-Type": "application/json"})
    await response.prepare(exchange.request)
    while True:
        await response.write(b"\n" * MEBIBYTE)


async def endless(exchange: Exchange) -> web.StreamResponse:
    """Send long chunks of nothing for ever."""
    response = await exchange.begin()
    while True:
        await response.write(chunk("", padding="x" * 100_000))


@pytest.mark.parametrize(
    "behave",
    [
        html,
        json_instead,
        redirect,
        compressed,
        long_line,
        long_error,
        endless,
        error_of(b"[" * 50_000),
        error_of(b"[1]"),
        error_of(b'{"error": []}'),
        error_of(b'{"error": {"message": 5, "code": {}, "type": []}}'),
        error_of(b"\xff\xfe", "text/html"),
        say(b": " + b"x" * 400_000 + b"\n\n", chunk("after a line that is too long", "stop"), DONE),
        mislabelled,
        say(),
        say(DONE),
        say(chunk("half an answer")),
        say(chunk("half an event", "stop")[:-20]),
        say(b"data: {\n\n"),
        say(b"data: " + b"[" * 100_000 + b"\n\n"),
        say(b"data: \xff\xfe\n\n"),
        say(b"\x00\x01\x02 not even text\n\n"),
        say(event("text"), DONE),
        say(event([1, 2]), DONE),
        say(event({"choices": "none"}), DONE),
        say(event({"choices": [{"delta": None, "finish_reason": "stop"}]}), DONE),
        say(event({"choices": [{"delta": {"content": {"a": 1}}, "finish_reason": "stop"}]}), DONE),
        say(chunk(["a"], "stop"), DONE),
    ],
)
async def test_rubbish_is_a_typed_error(stage: Stage, behave: Behaviour) -> None:
    """Whatever a server sends, who asks is told that there is no model, soon, and memory does not grow with it."""
    stage.server.behave = behave
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = await failure(stage.model)
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "MODEL_UNAVAILABLE")
    await stage.server.until(lambda: not stage.server.under_way)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 2 * MAX_STREAM


async def test_a_model_that_only_thinks_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many chunks without a word may come in a row, and not one more; a word begins the count anew."""
    monkeypatch.setattr(openai, "MAX_NOTHING", 100)
    stage.server.behave = say(*[chunk("")] * 90, chunk("well"), *[chunk("", thought="hm")] * 90, chunk("", "stop"))
    assert (await answer(stage.model))[0] == "well"
    stage.server.behave = say(*[chunk("")] * 101, chunk("well", "stop"))
    assert (await failure(stage.model)).reason == "MODEL_UNAVAILABLE"
