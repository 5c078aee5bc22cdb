"""A peer whose kernel still acknowledges everything, and who says nothing: its handlers end all the same."""

from typing import Any

import grpc
import pytest

from mesh.http2 import vigil
from tests.mesh.echo import Ping, running, stream_of, until
from tests.proxy import Proxy


async def test_a_peer_that_answers_no_ping_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With looks that follow each other ten times as fast, whoever is frozen is given up within 4.5 s,
    and one that says as little by itself, but answers pings, stays.
    """
    monkeypatch.setattr(vigil, "TICK_S", vigil.TICK_S / 10)
    async with running() as echo, Proxy(echo.address) as proxy:
        own = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(proxy.address, own) as frozen:
            _, alive = [await said(stream_of(channel, "Chat")()) for channel in (frozen, echo.channel)]
            assert echo.servicer.inside == 2
            proxy.holds()
            await until(lambda: echo.servicer.inside == 1)
        await said(alive)


def test_a_peer_that_is_frozen_is_noticed_within_45_s() -> None:
    """The ticks until the ping, those that its answer may take, and the one that was running are less than that."""
    assert (vigil.PING_TICKS + vigil.ANSWER_TICKS + 1) * vigil.TICK_S <= 45


async def said(call: Any) -> Any:
    """Say something on a stream, and hear it."""
    await call.write(Ping(text="hello"))
    assert (await call.read()).text == "hello"
    return call
