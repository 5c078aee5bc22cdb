"""Programs of an installation, as small as they can be: a webhook that remembers what came, and services over gRPC."""

import asyncio
import hashlib
import hmac
import inspect
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from aiohttp import web
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from tests.serving import served

SECRET = "a secret of sixteen"
PATIENCE = 30.0


@dataclass
class Hook:
    """A webhook. `answers` are the statuses that it gives, one each, and 200 after that."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    refuse: Callable[[Any], int] = field(default=lambda _: 200)
    """The status for a body, where `answers` are used up."""
    bodies: list[Any] = field(default_factory=list)
    """What was answered with 200, parsed."""
    tried: list[Any] = field(default_factory=list)
    """All that came."""
    followed: bool = False
    """Somebody followed a redirect."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is clear, nothing is answered."""
    retry_after: str = ""
    """When it wants to be asked again, with answers that are no 200."""

    def __post_init__(self) -> None:
        """It answers from the beginning."""
        self.answering.set()

    async def take(self, request: web.Request) -> web.Response:
        """Take one POST."""
        raw = await request.read()
        verify(request.headers["Parley-Signature"], raw)
        body = json.loads(raw)
        self.tried.append(body)
        self.changed.set()
        await self.answering.wait()
        status = self.answers.pop(0) if self.answers else self.refuse(body)
        if status == 200:
            self.bodies.append(body)
        self.changed.set()
        asking = {"Retry-After": self.retry_after} if self.retry_after and status != 200 else {}
        return web.Response(status=status, headers={"Location": "/other"} if status == 302 else asking)

    async def elsewhere(self, _: web.Request) -> web.Response:
        """Where a redirect leads: whoever follows it takes this for an answer."""
        self.followed = True
        return web.Response()

    async def until(self, met: Callable[[], object]) -> None:
        """Wait until this is so; it is asked after each POST."""
        async with asyncio.timeout(PATIENCE):
            while not met():
                self.changed.clear()
                await self.changed.wait()

    @property
    def events(self) -> list[Any]:
        """The events of all batches that were taken."""
        return [event for body in self.bodies for event in body["events"]]


def verify(header: str, raw: bytes) -> None:
    """What a receiver does, in a few lines of its own."""
    fields = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(SECRET.encode(), fields["t"].encode() + b"." + raw, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(expected, fields["v1"])


@asynccontextmanager
async def hook(port: int = 0) -> AsyncIterator[Hook]:
    """A webhook on a port of this machine."""
    made = Hook()
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_post("/hook", made.take)
    app.router.add_route("*", "/other", made.elsewhere)
    async with served(app, port) as address:
        made.url = f"{address}/hook"
        try:
            yield made
        finally:
            made.answering.set()  # who waits for an answer would hold the end up


@dataclass
class Service:
    """A gRPC program: what each RPC got, and what it does with it."""

    address: str = ""
    took: list[Any] = field(default_factory=list)
    """Requests that were answered."""
    tried: list[Any] = field(default_factory=list)
    answer: Callable[[Any], Any] = field(default=lambda _: None)
    """The response to a request; what it raises ends the call. May give something to wait for."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    tokens: set[str] = field(default_factory=set)

    async def serve(self, request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
        """Serve one call."""
        self.tokens |= {str(value) for key, value in context.invocation_metadata() or () if key == "authorization"}
        self.tried.append(request)
        try:
            answer = self.answer(request)
            answer = await answer if inspect.isawaitable(answer) else answer
            self.took.append(request)
        except Refusal as refusal:
            await context.abort(refusal.code, "no")
        finally:
            self.changed.set()
        return answer

    async def until(self, met: Callable[[], object]) -> None:
        """Wait until this is so; it is asked after each call."""
        async with asyncio.timeout(PATIENCE):
            while not met():
                self.changed.clear()
                await self.changed.wait()


class Refusal(Exception):  # noqa: N818 - what a program answers
    """Ends a call with this code."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code)
        self.code = code


@asynccontextmanager
async def service(contract: ServiceDescriptor, port: int = 0) -> AsyncIterator[Service]:
    """A program that serves the one RPC of a contract on a port of this machine."""
    made = Service()
    [method] = contract.methods
    handler = grpc.unary_unary_rpc_method_handler(
        made.serve, GetMessageClass(method.input_type).FromString, GetMessageClass(method.output_type).SerializeToString
    )
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(contract.full_name, {method.name: handler}),))
    made.address = f"grpc://127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    await server.start()
    try:
        yield made
    finally:
        await server.stop(0)
