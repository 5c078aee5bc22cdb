"""A server that streams chat completions as OpenAI's does, and does what a test tells it: hang, break off, talk
rubbish.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.serving import Counting, served

KEY = "sk-canary-of-the-chats"
DONE = b"data: [DONE]\n\n"

Behaviour = Callable[["Exchange"], Awaitable[web.StreamResponse]]


def event(value: object) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(value)}\n\n".encode()


def chunk(content: object = None, finish: str | None = None, **delta: object) -> bytes:
    """One chunk of a completion."""
    choice = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "m-2026", "choices": [choice]})


def used(read: object, written: object, cached: object = 0) -> bytes:
    """The last chunk, which has the use and no choice."""
    usage = {"prompt_tokens": read, "completion_tokens": written, "prompt_tokens_details": {"cached_tokens": cached}}
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "m-2026", "choices": [], "usage": usage})


@dataclass
class Exchange:
    """One request, and what answers it."""

    request: web.Request
    body: Any
    server: "ChatServer"

    @property
    def asked(self) -> str:
        """The words of the last message."""
        return re.sub(r"</?message[^>]*>", "", self.body["messages"][-1]["content"])

    async def begin(self, kind: str = "text/event-stream", **headers: str) -> web.StreamResponse:
        """Send the headers."""
        response = web.StreamResponse(headers={"Content-Type": kind, **headers})
        await response.prepare(self.request)
        return response

    async def stream(self, *parts: bytes, pause: float = 0.0) -> web.StreamResponse:
        """Send these parts, one by one."""
        response = await self.begin()
        for part in parts:
            await response.write(part)
            await asyncio.sleep(pause)
        return response


def refuse(status: int, headers: Mapping[str, str] | None = None, **error: object) -> Behaviour:
    """Answer with an error."""

    async def behave(exchange: Exchange) -> web.StreamResponse:
        return web.json_response(
            {"error": {"message": f"no; your key is {KEY}", **error}}, status=status, headers=headers
        )

    return behave


def say(*parts: bytes) -> Behaviour:
    """Send these parts."""

    async def behave(exchange: Exchange) -> web.StreamResponse:
        return await exchange.stream(*parts)

    return behave


async def hang(exchange: Exchange) -> web.StreamResponse:
    """Send headers, and nothing more."""
    await exchange.begin()
    await asyncio.Event().wait()
    raise AssertionError


async def usual(exchange: Exchange) -> web.StreamResponse:
    """Count when asked to, else repeat; a word at a time, then the use."""
    counted = re.search(r"count to (\d+)", exchange.asked)
    words = [f"{n} " for n in range(1, int(counted[1]) + 1)] if counted else re.findall(r"\S+\s*", exchange.asked)
    parts = [chunk("", role="assistant"), *map(chunk, words), chunk(finish="stop"), used(20, len(words), 5), DONE]
    return await exchange.stream(*parts, pause=exchange.server.word_seconds)


@dataclass
class ChatServer(Counting):
    """`behave` replaces what is done; each request leaves its body in `bodies`."""

    url: str = ""
    behave: Behaviour = usual
    word_seconds: float = 0.0
    key: str = KEY
    bodies: list[Any] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        if request.headers.get("Authorization", "") != (f"Bearer {self.key}" if self.key else ""):
            return web.json_response({"error": {"message": "wrong key", "code": "invalid_api_key"}}, status=401)
        exchange = Exchange(request, await request.json(), self)
        self.bodies.append(exchange.body)
        self.headers.append(request.headers)
        with self.counted():
            return await self.behave(exchange)


@asynccontextmanager
async def chat_server(port: int = 0) -> AsyncIterator[ChatServer]:
    """A server on a port of this machine."""
    made = ChatServer()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.completions)
    async with served(app, port, cancels=True) as address:
        made.url = f"{address}/v1"
        yield made
