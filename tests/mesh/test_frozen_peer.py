"""A peer whose kernel still acknowledges everything, and who says nothing: its handlers end all the same."""

from typing import Any

import grpc
import pytest

from mesh import server
from mesh.server import ServerSettings
from tests.mesh.echo import Ping, running, stream_of, until
from tests.proxy import Proxy

TIMES = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
SECOND = 1_000


async def test_a_peer_that_answers_no_ping_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The options that a server sets do it, the private one of gRPC's core among them: with a second in place of each
    of their times it takes two or three; one that answers stays.
    """
    hurried = [(name, SECOND if name in TIMES else value) for name, value in server.options(ServerSettings())]
    assert {name for name, _ in hurried} >= set(TIMES)
    monkeypatch.setattr(server, "options", lambda _: hurried)
    async with running() as echo, Proxy(echo.address) as proxy:
        own = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(proxy.address, own) as frozen:
            _, alive = [await said(stream_of(channel, "Chat")()) for channel in (frozen, echo.channel)]
            assert echo.servicer.inside == 2
            proxy.holds()
            await until(lambda: echo.servicer.inside == 1)
        await said(alive)


async def said(call: Any) -> Any:
    """Say something on a stream, and hear it."""
    await call.write(Ping(text="hello"))
    assert (await call.read()).text == "hello"
    return call
