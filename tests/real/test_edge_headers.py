"""What Envoy lets through, seen from behind: an Envoy with our configuration, before servers that tell what came."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import pytest

from mesh.clock import SystemClock
from mesh.keys import generate_keys, signer
from real import edge_config, ready
from tests.journeys.raw import open_channel

pytestmark = pytest.mark.real

ENVOY: Final = os.environ["PARLEY_TEST_ENVOY"]
LOG_IN: Final = "/parley.user.v1.UserService/LogIn"
SUBMIT: Final = "/parley.gateway.v1.GatewayService/Submit"
SUBSCRIBE: Final = "/parley.gateway.v1.GatewayService/Subscribe"
SERVICES: Final = ("user", "group", "message", "gateway", "ai")
START_S: Final = 20.0


class Mirror(grpc.GenericRpcHandler):
    """Answers every call with the headers that came, and its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """See grpc."""
        headers = {str(key): str(value) for key, value in details.invocation_metadata or ()}
        if details.method.endswith("/Check"):
            return grpc.unary_unary_rpc_method_handler(self._healthy)

        async def tell(_: bytes, __: object) -> bytes:
            return json.dumps({**headers, "node": self.name}).encode()

        return grpc.unary_unary_rpc_method_handler(tell)

    async def _healthy(self, _: bytes, __: object) -> bytes:
        return b"\x08\x01"


@dataclass(frozen=True, slots=True)
class Scene:
    """An Envoy, and the keys that it knows."""

    address: str
    keys: Path

    def token(self, session: str) -> tuple[str, str]:
        """The header of a user with this session."""
        signed = signer(self.keys, "access", SystemClock()).access("u1", "d1", session)
        return "authorization", f"Bearer {signed.token}"

    async def call(self, path: str, *headers: tuple[str, str]) -> dict[str, str]:
        """Call on a connection of its own, and return what arrived behind Envoy."""
        async with open_channel(self.address) as channel:
            method: Callable[..., Awaitable[bytes]] = channel.unary_unary(path)
            return dict(json.loads(await method(b"", metadata=headers, timeout=5)))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """An Envoy before two servers, which are of every service."""
    keys = tmp_path / "keys"
    generate_keys(keys)
    async with AsyncExitStack() as stack:
        behind = [await stack.enter_async_context(mirror(name)) for name in ("one", "two")]
        port, admin = free_ports(2)
        path = tmp_path / "envoy.json"
        path.write_text(json.dumps(edge_config.bootstrap(port, admin, dict.fromkeys(SERVICES, behind), keys)))
        await stack.enter_async_context(envoy(path, admin))
        yield Scene(f"127.0.0.1:{port}", keys)


@asynccontextmanager
async def mirror(name: str) -> AsyncIterator[int]:
    """Serve on a free port, and say which."""
    server = grpc.aio.server(handlers=[Mirror(name)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


@asynccontextmanager
async def envoy(configuration: Path, admin: int) -> AsyncIterator[None]:
    """Run an Envoy, from when it takes calls."""
    command = [ENVOY, "--config-path", str(configuration), "--concurrency", "1", "--disable-hot-restart"]
    log = configuration.with_suffix(".log").open("wb")
    process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(START_S):
            while not await asyncio.to_thread(ready.http, admin, "/ready"):
                assert process.returncode is None, configuration.with_suffix(".log").read_text()
        yield
    finally:
        process.kill()
        await process.wait()
        log.close()


def free_ports(count: int) -> Sequence[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in found]


async def test_nobody_says_himself_where_he_calls_from(scene: Scene) -> None:
    """The address that services count calls by is that of the connection, whatever a caller claims."""
    address, forwarded = ("x-envoy-external-address", "203.0.113.9"), ("x-forwarded-for", "203.0.113.9")
    for claims in ((address,), (forwarded,), (address, forwarded)):
        seen = await scene.call(LOG_IN, *claims)
        assert seen["x-envoy-external-address"] == "127.0.0.1"
        assert seen["x-forwarded-for"].rpartition(",")[2] != "203.0.113.9"


async def test_both_ways_of_a_browser_lead_to_one_gateway(scene: Scene) -> None:
    """Subscribe and Submit of one session come to the same node, over any connection, and sessions are spread."""
    chosen = {}
    for session in (f"s{number}" for number in range(12)):
        ways = [await scene.call(path, scene.token(session)) for path in (SUBSCRIBE, SUBMIT, SUBMIT)]
        assert {seen["x-parley-session"] for seen in ways} == {session}
        [chosen[session]] = {seen["node"] for seen in ways}
    assert set(chosen.values()) == {"one", "two"}


async def test_a_session_is_not_what_a_caller_claims(scene: Scene) -> None:
    """The header by which a gateway is chosen is that of the token, not one that came along."""
    seen = await scene.call(SUBMIT, ("x-parley-session", "claimed"), scene.token("mine"))
    assert seen["x-parley-session"] == "mine"


@pytest.mark.parametrize(
    "header", [("x-large", "x" * 20_000), ("x_underscore", "1")], ids=["20 kB", "a name with an underscore"]
)
async def test_a_header_that_is_not_decent_is_refused(scene: Scene, header: tuple[str, str]) -> None:
    """What is too large, or means one thing here and another there, does not arrive."""
    await scene.call(LOG_IN, ("x-small", "1"))
    with pytest.raises(grpc.aio.AioRpcError):
        await scene.call(LOG_IN, header)
