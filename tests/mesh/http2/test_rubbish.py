"""Anything that may arrive: it never gets through to the event loop, and never costs others their server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.http2 import frames
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import LAST, PREFACE, frame, message
from tests.mesh.http2.served import OK, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from mesh.http2.exchange import Exchange

HEAD = raw.block(raw.fields())
GREETING = PREFACE + frame(frames.SETTINGS, 0, 0) + frame(frames.SETTINGS, frames.ACK, 0)

streams = st.sampled_from([0, 1, 1, 1, 2, 3, 3, 5, 7, 2**31 - 1])
payloads = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"", HEAD, HEAD[:20], HEAD[20:], message(), message()[:3], bytes(4), bytes(5), bytes(8)]),
    st.integers(0, 2**32 - 1).map(lambda number: number.to_bytes(4, "big")),
    st.builds(
        lambda key, value: bytes((0, key)) + value.to_bytes(4, "big"), st.integers(0, 9), st.integers(0, 2**32 - 1)
    ),
)
noise = st.builds(frame, st.integers(0, 12), st.integers(0, 255), streams, payloads)
good = st.one_of(
    st.builds(lambda one: frame(frames.HEADERS, frames.END_HEADERS, one, HEAD), streams),
    st.builds(lambda one: frame(frames.HEADERS, LAST, one, HEAD), streams),
    st.builds(lambda one, end: frame(frames.DATA, end, one, message()), streams, st.integers(0, 1)),
    st.builds(lambda one: frame(frames.RST_STREAM, 0, one, bytes(4)), streams),
    st.builds(
        lambda one, more: frame(frames.WINDOW_UPDATE, 0, one, more.to_bytes(4, "big")), streams, st.integers(1, 9)
    ),
    st.builds(lambda size: frame(frames.SETTINGS, 0, 0, b"\0\4" + size.to_bytes(4, "big")), st.integers(0, 99)),
    st.just(frame(frames.PING, frames.ACK, 0, b"last one")),
    st.just(frame(frames.GOAWAY, 0, 0, bytes(8))),
)
said = st.lists(st.one_of(good, good, noise, st.binary(max_size=30)), max_size=30).map(b"".join)


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """Return what a client says, in the pieces in which it arrives, with a byte changed here and there."""
    data = bytearray(draw(st.sampled_from([GREETING, GREETING, GREETING, PREFACE, b""])) + draw(said))
    for at in draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=2)) if data else ():
        data[at] = draw(st.integers(0, 255))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    return [bytes(data[begin:end]) for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


async def _echo(exchange: Exchange) -> None:
    while (one := await exchange.read()) is not None:
        if not exchange.send(one):
            await exchange.drained()
    exchange.finish(OK)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(pieces=conversations())
def test_no_bytes_harm_the_server(loop: Callable[[], asyncio.AbstractEventLoop], pieces: list[bytes]) -> None:
    """Whatever one client says, the event loop hears of no error, its handlers end with it, and others are served."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_said(pieces))


async def _said(pieces: list[bytes]) -> None:
    raised = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context.get("exception")))
    async with serving(_echo) as address:
        async with raw.connected(address) as peer, raw.greeted(address) as other:
            for number, piece in enumerate(pieces):
                peer.write(piece)
                await other.serves(2 * number + 1)
        async with raw.greeted(address) as later:
            await later.serves(1)
    assert [error for error in raised if not _of_handlers(error)] == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


def _of_handlers(error: object) -> bool:
    """A message that cannot be read is told to the handler, and this one has no answer to it."""
    return type(error).__module__ in {"mesh.http2.messages", "mesh.http2.exchange"}
