"""A server, and a client of it that may say anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop

from mesh.http2.client import Dialler
from mesh.interceptors import CallSettings
from mesh.limits import Rate
from mesh.server import ServerSettings
from tests.mesh.echo import running
from tests.mesh.http2 import raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.mesh.echo import Running
    from tests.mesh.http2.raw import Peer

UNRATED = ServerSettings(calls=CallSettings(public=Rate(0, 0), opened=Rate(0, 0)))


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both event loops that the transport runs on: their sockets differ in what they do by themselves."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def echo() -> AsyncIterator[Running]:
    """A server that counts no calls."""
    async with running(UNRATED) as echo:
        yield echo


@pytest.fixture
async def peer(echo: Running) -> AsyncIterator[Peer]:
    """A client that has been greeted."""
    async with raw.greeted(echo.address) as peer:
        yield peer


@pytest.fixture
async def dialler() -> AsyncIterator[Dialler]:
    """What connects to servers, and leaves no connection behind."""
    made = Dialler()
    yield made
    await made.close()
