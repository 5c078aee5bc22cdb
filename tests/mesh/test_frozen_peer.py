"""A peer whose kernel still acknowledges everything, and who says nothing: its handlers end all the same."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import grpc

from mesh.http2 import vigil
from mesh.http2.connections import SLOT_S
from mesh.http2.owner import Limits
from mesh.server import ServerSettings
from tests.mesh.echo import Ping, running, stream_of, until
from tests.proxy import Proxy


class Hasty(ServerSettings):
    """Looks at connections ten times as often."""

    @property
    def limits(self) -> Limits:
        usual = super().limits
        return replace(usual, ping_s=usual.ping_s / 10, answer_s=usual.answer_s / 10)


async def test_a_peer_that_answers_no_ping_is_given_up() -> None:
    """With a tenth of the time, whoever is frozen is given up, and one that says as little by itself, but answers
    pings, stays.
    """
    async with running(Hasty()) as echo, Proxy(echo.address) as proxy:
        own = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(proxy.address, own) as frozen:
            _, alive = [await said(stream_of(channel, "Chat")()) for channel in (frozen, echo.channel)]
            assert echo.servicer.inside == 2
            proxy.holds()
            await until(lambda: echo.servicer.inside == 1)
        await said(alive)


async def test_a_process_that_stood_still_blames_nobody() -> None:
    """When nothing of it ran for longer than a peer may be silent, it asks before it gives anybody up, and what came
    meanwhile counts.
    """
    async with running(Hasty()) as echo:
        alive = await said(stream_of(echo.channel, "Chat")())
        time.sleep(5)  # noqa: ASYNC251  that is what it is about
        await asyncio.sleep(1)
        assert echo.servicer.inside == 1
        await said(alive)


def test_a_peer_that_is_frozen_is_noticed_within_45_s() -> None:
    """The time until the ping, that which its answer may take, and what two looks may be late are less than that."""
    assert vigil.PING_S + vigil.ANSWER_S + 2 * SLOT_S <= 45


async def said(call: Any) -> Any:
    """Say something on a stream, and hear it."""
    await call.write(Ping(text="hello"))
    assert (await call.read()).text == "hello"
    return call
