"""A server that speaks as OpenAI's does, and does what a test tells it: answer, hang, talk rubbish, or refuse."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.serving import Counting, served

KEY = "sk-of-the-tests"

Answer = Callable[[str], web.StreamResponse]


def scores(text: str) -> dict[str, float]:
    """What the model thinks: texts that say so are violent, or a little rude."""
    return {
        "violence": 0.97 if "axe" in text else 0.01,
        "harassment/threatening": 0.7 if "axe" in text or "rude" in text else 0.02,
    }


def moderation(text: str) -> web.Response:
    """What OpenAI's moderation endpoint answers."""
    found = scores(text)
    hits = {name: score > 0.5 for name, score in found.items()}
    result = {"flagged": any(hits.values()), "categories": hits, "category_scores": found}
    return web.json_response({"id": "modr-1", "model": "omni", "results": [result]})


def chat(text: str) -> web.Response:
    """What a chat model that does as it is told answers."""
    found = scores(text)
    confidence = max(found.values())
    verdict = "block" if confidence > 0.9 else "review" if confidence > 0.5 else "allow"
    categories = ["violence", "harassment"] if verdict == "block" else ["harassment"] if verdict == "review" else []
    return completion(json.dumps({"verdict": verdict, "categories": categories, "confidence": confidence}))


def completion(content: Any) -> web.Response:
    """A completion that says this."""
    return web.json_response({"choices": [{"message": {"role": "assistant", "content": content}}]})


@dataclass
class ModelServer(Counting):
    """Both endpoints. `answer` replaces what is answered; `hold` keeps every answer back while it is not set."""

    url: str = ""
    answer: Answer | None = None
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    """The texts, as they came."""
    requests: list[Any] = field(default_factory=list)
    """The bodies, parsed."""

    def __post_init__(self) -> None:
        """It answers, until a test has it hang."""
        self.hold.set()

    async def moderations(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/moderations."""
        body = await self._body(request)
        return await self._say(body["input"], moderation)

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        body = await self._body(request)
        return await self._say(json.loads(body["messages"][-1]["content"]), chat)

    async def _body(self, request: web.Request) -> Any:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        self.requests.append(await request.json())
        return self.requests[-1]

    async def _say(self, text: str, usual: Answer) -> web.StreamResponse:
        self.asked.append(text)
        with self.counted():
            await self.hold.wait()
            return (self.answer or usual)(text)


@asynccontextmanager
async def model_server(port: int = 0) -> AsyncIterator[ModelServer]:
    """A server on a port of this machine."""
    made = ModelServer()
    app = web.Application()
    app.router.add_post("/v1/moderations", made.moderations)
    app.router.add_post("/v1/chat/completions", made.completions)
    async with served(app, port, cancels=True) as address:
        made.url = f"{address}/v1"
        try:
            yield made
        finally:
            made.hold.set()
